//! What does every kind have? A collection in the API server, a cache and a queue.

use std::fmt::Debug;

use kube::runtime::reflector::Store;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::crd::readable::Readable;
use crate::domain::bounds::Cut;
use crate::reconcilers::caches::Caches;
use crate::reconcilers::kind_table::kind_table;
use crate::reconcilers::queue::{Queue, Queues};
use crate::reconcilers::reach::{Part, Reach};

/// One of the operator's kinds, with access to its collection (whatever its scope), its cache and its queue.
pub trait Kind:
    Resource<DynamicType = ()>
    + Cut
    + Clone
    + PartialEq
    + Debug
    + DeserializeOwned
    + Serialize
    + Send
    + Sync
    + 'static
{
    /// The collection of a namespace; all objects, if there is no namespace or the kind is cluster-wide.
    fn api(client: Client, namespace: Option<&str>) -> Api<Readable<Self>>;

    /// The watches of this kind: none if the operator does not reconcile it.
    fn parts(reach: &Reach) -> Vec<Part>;

    /// The cache of this kind.
    fn cache(caches: &Caches) -> &Store<Self>;

    /// The queue of this kind.
    fn queue(queues: &Queues) -> &Queue<Self>;

    /// The collection of this object.
    fn api_of(&self, client: &Client) -> Api<Readable<Self>> {
        Self::api(client.clone(), self.meta().namespace.as_deref())
    }
}

macro_rules! collection {
    (cluster, $client:ident, $namespace:ident) => {{
        let _ = $namespace;
        Api::all($client)
    }};
    (namespaced, $client:ident, $namespace:ident) => {
        match $namespace {
            Some(namespace) => Api::namespaced($client, namespace),
            None => Api::all($client),
        }
    };
}

macro_rules! parts {
    (cluster, $reach:ident) => {
        $reach.cluster_parts()
    };
    (namespaced, $reach:ident) => {
        $reach.parts()
    };
}

macro_rules! implement {
    ($($name:ident: $kind:ty, $scope:ident, $reconcile:expr;)*) => {
        $(impl Kind for $kind {
            fn api(client: Client, namespace: Option<&str>) -> Api<Readable<Self>> {
                collection!($scope, client, namespace)
            }
            fn parts(reach: &Reach) -> Vec<Part> {
                parts!($scope, reach)
            }
            fn cache(caches: &Caches) -> &Store<Self> {
                &caches.$name
            }
            fn queue(queues: &Queues) -> &Queue<Self> {
                &queues.$name
            }
        })*
    };
}
kind_table!(implement);
