//! What a cluster-wide kind and its namespaced twin have in common, so that one body serves both.

use std::collections::BTreeMap;

use super::broker::{AuthConfig, BrokerStatus, ClusterAuthConfig, CommonServiceBrokerSpec};
use super::class::{CatalogEntryStatus, CommonServiceClassSpec};
use super::names::{label, label_value};
use super::plan::CommonServicePlanSpec;
use super::reference::{LocalObjectReference, ObjectReference};
use super::{
    ClusterServiceBroker, ClusterServiceClass, ClusterServicePlan, ServiceBroker, ServiceClass, ServicePlan,
};

/// How a broker is to be spoken to: which scheme, and where the credentials are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthSecret {
    /// No credentials.
    None,
    /// The keys `username` and `password` of this Secret.
    Basic(ObjectReference),
    /// The key `token` of this Secret.
    Bearer(ObjectReference),
}

/// A broker of either kind.
pub trait Broker {
    /// The spec that both kinds have in common.
    fn common(&self) -> &CommonServiceBrokerSpec;
    /// Where its credentials are.
    fn auth(&self) -> AuthSecret;
    /// Its status.
    fn status(&self) -> Option<&BrokerStatus>;
    /// Its status, to be written.
    fn set_status(&mut self, status: BrokerStatus);
}

/// A class of either kind.
pub trait Class {
    /// The label that classes and plans of a broker are found by.
    const BROKER_LABEL: &'static str;
    /// A class as the catalog describes it.
    fn new(name: &str, common: CommonServiceClassSpec, broker: &str) -> Self;
    /// The spec that both kinds have in common.
    fn common(&self) -> &CommonServiceClassSpec;
    /// The same, to be changed.
    fn common_mut(&mut self) -> &mut CommonServiceClassSpec;
    /// The broker that offers it.
    fn broker_name(&self) -> &str;
    /// Whether the broker offers it no more.
    fn is_removed(&self) -> bool;
    /// The labels by which clients find it.
    fn search_labels(&self) -> BTreeMap<String, String> {
        let common = self.common();
        labels([
            (label::EXTERNAL_ID, &common.external_id),
            (label::EXTERNAL_NAME, &common.external_name),
            (Self::BROKER_LABEL, self.broker_name()),
        ])
    }
}

/// A plan of either kind.
pub trait Plan {
    /// The label that classes and plans of a broker are found by.
    const BROKER_LABEL: &'static str;
    /// The label that the plans of a class are found by.
    const CLASS_LABEL: &'static str;
    /// A plan as the catalog describes it.
    fn new(name: &str, common: CommonServicePlanSpec, broker: &str, class: &str) -> Self;
    /// The spec that both kinds have in common.
    fn common(&self) -> &CommonServicePlanSpec;
    /// The same, to be changed.
    fn common_mut(&mut self) -> &mut CommonServicePlanSpec;
    /// The broker that offers it.
    fn broker_name(&self) -> &str;
    /// The Kubernetes name of its class.
    fn class_name(&self) -> &str;
    /// Whether the broker offers it no more.
    fn is_removed(&self) -> bool;
    /// The labels by which clients find it.
    fn search_labels(&self) -> BTreeMap<String, String> {
        let common = self.common();
        labels([
            (label::EXTERNAL_ID, &common.external_id),
            (label::EXTERNAL_NAME, &common.external_name),
            (Self::BROKER_LABEL, self.broker_name()),
            (Self::CLASS_LABEL, self.class_name()),
        ])
    }
}

fn labels<const N: usize>(of: [(&str, &str); N]) -> BTreeMap<String, String> {
    of.into_iter().map(|(key, name)| (key.to_owned(), label_value(name))).collect()
}

fn secret_of(secret: Option<&ClusterAuthConfig>) -> Option<ObjectReference> {
    secret.and_then(|config| config.secret_ref.clone())
}

fn local_secret_of(secret: Option<&AuthConfig>, namespace: &str) -> Option<ObjectReference> {
    let name = secret.and_then(|config| config.secret_ref.clone())?.name;
    Some(ObjectReference { namespace: namespace.to_owned(), name })
}

fn auth(basic: Option<ObjectReference>, bearer: Option<ObjectReference>) -> AuthSecret {
    match (basic, bearer) {
        (Some(secret), _) => AuthSecret::Basic(secret),
        (None, Some(secret)) => AuthSecret::Bearer(secret),
        (None, None) => AuthSecret::None,
    }
}

impl Broker for ClusterServiceBroker {
    fn common(&self) -> &CommonServiceBrokerSpec {
        &self.spec.common
    }
    fn auth(&self) -> AuthSecret {
        let info = self.spec.auth_info.as_ref();
        auth(
            secret_of(info.and_then(|info| info.basic.as_ref())),
            secret_of(info.and_then(|info| info.bearer.as_ref())),
        )
    }
    fn status(&self) -> Option<&BrokerStatus> {
        self.status.as_ref()
    }
    fn set_status(&mut self, status: BrokerStatus) {
        self.status = Some(status);
    }
}

impl Broker for ServiceBroker {
    fn common(&self) -> &CommonServiceBrokerSpec {
        &self.spec.common
    }
    fn auth(&self) -> AuthSecret {
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let info = self.spec.auth_info.as_ref();
        auth(
            local_secret_of(info.and_then(|info| info.basic.as_ref()), namespace),
            local_secret_of(info.and_then(|info| info.bearer.as_ref()), namespace),
        )
    }
    fn status(&self) -> Option<&BrokerStatus> {
        self.status.as_ref()
    }
    fn set_status(&mut self, status: BrokerStatus) {
        self.status = Some(status);
    }
}

fn is_removed(status: Option<&CatalogEntryStatus>) -> bool {
    status.is_some_and(|status| status.removed_from_broker_catalog)
}

/// The twins differ in names only.
macro_rules! entries {
    ($class:ident, $class_spec:ident, $plan:ident, $plan_spec:ident, $broker:ident, $class_ref:ident, $broker_label:ident, $class_label:ident) => {
        impl Class for $class {
            const BROKER_LABEL: &'static str = label::$broker_label;
            fn new(name: &str, common: CommonServiceClassSpec, broker: &str) -> Self {
                Self::new(name, super::class::$class_spec { common, $broker: broker.to_owned() })
            }
            fn common(&self) -> &CommonServiceClassSpec {
                &self.spec.common
            }
            fn common_mut(&mut self) -> &mut CommonServiceClassSpec {
                &mut self.spec.common
            }
            fn broker_name(&self) -> &str {
                &self.spec.$broker
            }
            fn is_removed(&self) -> bool {
                is_removed(self.status.as_ref())
            }
        }

        impl Plan for $plan {
            const BROKER_LABEL: &'static str = label::$broker_label;
            const CLASS_LABEL: &'static str = label::$class_label;
            fn new(name: &str, common: CommonServicePlanSpec, broker: &str, class: &str) -> Self {
                let class = LocalObjectReference { name: class.to_owned() };
                Self::new(
                    name,
                    super::plan::$plan_spec { common, $broker: broker.to_owned(), $class_ref: class },
                )
            }
            fn common(&self) -> &CommonServicePlanSpec {
                &self.spec.common
            }
            fn common_mut(&mut self) -> &mut CommonServicePlanSpec {
                &mut self.spec.common
            }
            fn broker_name(&self) -> &str {
                &self.spec.$broker
            }
            fn class_name(&self) -> &str {
                &self.spec.$class_ref.name
            }
            fn is_removed(&self) -> bool {
                is_removed(self.status.as_ref())
            }
        }
    };
}

entries!(
    ClusterServiceClass,
    ClusterServiceClassSpec,
    ClusterServicePlan,
    ClusterServicePlanSpec,
    cluster_service_broker_name,
    cluster_service_class_ref,
    CLUSTER_SERVICE_BROKER_NAME,
    CLUSTER_SERVICE_CLASS_REF
);
entries!(
    ServiceClass,
    ServiceClassSpec,
    ServicePlan,
    ServicePlanSpec,
    service_broker_name,
    service_class_ref,
    SERVICE_BROKER_NAME,
    SERVICE_CLASS_REF
);
