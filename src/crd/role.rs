//! Traits over a cluster-wide kind and its namespaced twin, so that generic code serves both.

use std::collections::BTreeMap;
use std::time::Duration;

use super::broker::{AuthConfig, BrokerStatus, ClusterAuthConfig, CommonServiceBrokerSpec};
use super::class::{CatalogEntryStatus, CommonServiceClassSpec};
use super::names::{label, label_value};
use super::plan::CommonServicePlanSpec;
use super::reference::{LocalObjectReference, ObjectReference};
use super::{
    ClusterServiceBroker, ClusterServiceClass, ClusterServicePlan, ServiceBroker, ServiceClass, ServicePlan,
};

/// How the operator authenticates to a broker: the scheme, and the Secret with the credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthSecret {
    /// No authentication.
    None,
    /// Basic authentication with the keys `username` and `password` of this Secret.
    Basic(ObjectReference),
    /// A bearer token: the key `token` of this Secret.
    Bearer(ObjectReference),
}

/// A ClusterServiceBroker or a ServiceBroker.
pub trait Broker {
    /// The part of the spec that both kinds share.
    fn common(&self) -> &CommonServiceBrokerSpec;
    /// The authentication scheme and the Secret with the credentials.
    fn auth(&self) -> AuthSecret;
    /// The stored status.
    fn status(&self) -> Option<&BrokerStatus>;
    /// Replaces the status.
    fn set_status(&mut self, status: BrokerStatus);
}

/// A ClusterServiceClass or a ServiceClass.
pub trait Class {
    /// The label by which clients list the classes and plans of a broker.
    const BROKER_LABEL: &'static str;
    /// A class with this Kubernetes name, offered by this broker.
    fn new(name: &str, common: CommonServiceClassSpec, broker: &str) -> Self;
    /// The part of the spec that both kinds share.
    fn common(&self) -> &CommonServiceClassSpec;
    /// Mutable access to the part of the spec that both kinds share.
    fn common_mut(&mut self) -> &mut CommonServiceClassSpec;
    /// The name of the broker that offers it.
    fn broker_name(&self) -> &str;
    /// Whether the broker's catalog no longer contains it.
    fn is_removed(&self) -> bool;
    /// The labels by which clients list it.
    fn search_labels(&self) -> BTreeMap<String, String> {
        let common = self.common();
        labels([
            (label::EXTERNAL_ID, &common.external_id),
            (label::EXTERNAL_NAME, &common.external_name),
            (Self::BROKER_LABEL, self.broker_name()),
        ])
    }
}

/// A ClusterServicePlan or a ServicePlan.
pub trait Plan {
    /// The label by which clients list the classes and plans of a broker.
    const BROKER_LABEL: &'static str;
    /// The label by which clients list the plans of a class.
    const CLASS_LABEL: &'static str;
    /// A plan with this Kubernetes name, of this class, offered by this broker.
    fn new(name: &str, common: CommonServicePlanSpec, broker: &str, class: &str) -> Self;
    /// The part of the spec that both kinds share.
    fn common(&self) -> &CommonServicePlanSpec;
    /// Mutable access to the part of the spec that both kinds share.
    fn common_mut(&mut self) -> &mut CommonServicePlanSpec;
    /// The name of the broker that offers it.
    fn broker_name(&self) -> &str;
    /// The Kubernetes name of the class that the plan belongs to.
    fn class_name(&self) -> &str;
    /// Whether the broker's catalog no longer contains it.
    fn is_removed(&self) -> bool;
    /// How long an asynchronous operation may take, if the broker says so.
    fn maximum_polling_duration(&self) -> Option<Duration> {
        let seconds = self.common().maximum_polling_duration?;
        u64::try_from(seconds).ok().map(Duration::from_secs)
    }
    /// The labels by which clients list it.
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

fn labels<const N: usize>(names: [(&str, &str); N]) -> BTreeMap<String, String> {
    names.into_iter().map(|(key, name)| (key.to_owned(), label_value(name))).collect()
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

/// Implements [`Class`] and [`Plan`] for one scope. The two scopes differ in names only.
macro_rules! catalog_entries {
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

catalog_entries!(
    ClusterServiceClass,
    ClusterServiceClassSpec,
    ClusterServicePlan,
    ClusterServicePlanSpec,
    cluster_service_broker_name,
    cluster_service_class_ref,
    CLUSTER_SERVICE_BROKER_NAME,
    CLUSTER_SERVICE_CLASS_REF
);
catalog_entries!(
    ServiceClass,
    ServiceClassSpec,
    ServicePlan,
    ServicePlanSpec,
    service_broker_name,
    service_class_ref,
    SERVICE_BROKER_NAME,
    SERVICE_CLASS_REF
);
