//! The kinds that the console reads and writes. A kind that is not here cannot be reached.

use std::borrow::Cow;
use std::fmt::Debug;

use crate::crd::class::CatalogEntryStatus;
use crate::crd::readable::Readable;
use crate::crd::reference::LocalObjectReference;
use crate::crd::{
    ClusterServiceBroker, ClusterServiceClass, ClusterServicePlan, ServiceBinding, ServiceBroker,
    ServiceClass, ServiceInstance, ServicePlan,
};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use k8s_openapi::api::events::v1::Event;
use kube::core::ObjectMeta;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

/// A kind that the console knows.
pub trait Known: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize {
    /// Whether this is a small part of an object.
    const IS_SUMMARY: bool;

    /// The API of the kind in a namespace, or without one in the cluster.
    fn api(client: Client, namespace: Option<&str>) -> Api<Readable<Self>>;
}

macro_rules! known {
    (summaries: $is_summary:literal; namespaced: $($namespaced:ty),+; cluster: $($cluster:ty),+) => {
        $(impl Known for $namespaced {
            const IS_SUMMARY: bool = $is_summary;

            fn api(client: Client, namespace: Option<&str>) -> Api<Readable<Self>> {
                match namespace {
                    Some(namespace) => Api::namespaced(client, namespace),
                    None => Api::all(client),
                }
            }
        })+
        $(impl Known for $cluster {
            const IS_SUMMARY: bool = $is_summary;

            fn api(client: Client, _: Option<&str>) -> Api<Readable<Self>> {
                Api::all(client)
            }
        })+
    };
}

known! {
    summaries: false;
    namespaced: ServiceBroker, ServiceClass, ServicePlan, ServiceInstance, ServiceBinding, Secret, Event, Pod,
        Deployment, StatefulSet, DaemonSet;
    cluster: ClusterServiceBroker, ClusterServiceClass, ClusterServicePlan, Namespace
}

known! {
    summaries: true;
    namespaced: ServicePlanSummary;
    cluster: PlanSummary
}

/// The resource of a kind as refusals name it, such as `serviceinstances.servicecatalog.k8s.io`.
pub fn resource_of<K: Known>() -> String {
    let (plural, group) = (K::plural(&()), K::group(&()));
    if group.is_empty() { plural.into_owned() } else { format!("{plural}.{group}") }
}

/// What the catalog shows of a plan. Schemas are most of a plan, and the catalog reads all plans: this leaves them out
/// when the answer is parsed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanFacts {
    /// Whether the plan is free of charge.
    #[serde(default)]
    pub free: bool,
    /// Whether instances can be bound; absent: as the class says.
    #[serde(default)]
    pub bindable: Option<bool>,
    /// The class, if it is a cluster-wide one.
    #[serde(default)]
    pub cluster_service_class_ref: LocalObjectReference,
    /// The class, if it is one of the namespace.
    #[serde(default)]
    pub service_class_ref: LocalObjectReference,
}

macro_rules! summary {
    ($summary:ident of $plan:ty, $text:literal) => {
        #[doc = $text]
        #[derive(Clone, Debug, Default, Serialize, Deserialize)]
        pub struct $summary {
            /// The name.
            #[serde(deserialize_with = "name")]
            pub metadata: ObjectMeta,
            /// The facts.
            pub spec: PlanFacts,
            /// Whether the plan is still offered.
            #[serde(default)]
            pub status: Option<CatalogEntryStatus>,
        }

        impl Resource for $summary {
            type DynamicType = ();
            type Scope = <$plan as Resource>::Scope;

            fn kind((): &()) -> Cow<'_, str> {
                <$plan>::kind(&())
            }

            fn group((): &()) -> Cow<'_, str> {
                <$plan>::group(&())
            }

            fn version((): &()) -> Cow<'_, str> {
                <$plan>::version(&())
            }

            fn plural((): &()) -> Cow<'_, str> {
                <$plan>::plural(&())
            }

            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

/// The name alone: nothing else is kept of the metadata of a summary.
fn name<'de, D: Deserializer<'de>>(metadata: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Deserialize)]
    struct Name {
        name: Option<String>,
    }
    let Name { name } = Name::deserialize(metadata)?;
    Ok(ObjectMeta { name, ..ObjectMeta::default() })
}

summary!(PlanSummary of ClusterServicePlan, "A cluster-wide plan without its schemas.");
summary!(ServicePlanSummary of ServicePlan, "A plan of a namespace without its schemas.");
