//! The two halves of the catalog, cluster-wide and namespaced: the names of their kinds and fields.

use serde_json::{Value, json};

use super::api::Key;
use super::request::Request;

/// The name of each half's only broker object.
pub const BROKER: &str = "broker";

/// One half of the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The cluster-wide kinds.
    Cluster,
    /// The kinds of a namespace.
    Namespaced,
}

/// Both halves.
pub const HALVES: [Half; 2] = [Half::Cluster, Half::Namespaced];

impl Half {
    /// The URL of its broker.
    pub fn url(self) -> String {
        format!("http://{}", self.host())
    }

    /// The host of that URL, which tells the requests of both halves apart.
    pub fn host(self) -> &'static str {
        match self {
            Self::Cluster => "broker.example",
            Self::Namespaced => "local.example",
        }
    }

    /// The half whose broker a request was sent to.
    pub fn of_request(request: &Request) -> Self {
        let host = request.header("host");
        HALVES.into_iter().find(|half| host == Some(half.host())).unwrap_or(Self::Cluster)
    }

    /// The half that the class and plan of an instance belong to.
    pub fn of_instance(instance: &Value) -> Self {
        let named = |half: &Self| !instance["spec"][half.member("ClassExternalName")].is_null();
        HALVES.into_iter().find(named).unwrap_or(Self::Cluster)
    }

    /// The half that a resource belongs to, and which of `brokers`, `classes` and `plans` it is.
    pub fn of_resource(resource: &str) -> Option<(Self, &str)> {
        let of = |half: Self, prefix| resource.strip_prefix(prefix).map(|kind| (half, kind));
        let found = of(Self::Cluster, "clusterservice").or_else(|| of(Self::Namespaced, "service"))?;
        matches!(found.1, "brokers" | "classes" | "plans").then_some(found)
    }

    /// The name of a resource in paths: `clusterservicebrokers` for `brokers`.
    pub fn resource(self, of: &str) -> String {
        match self {
            Self::Cluster => format!("clusterservice{of}"),
            Self::Namespaced => format!("service{of}"),
        }
    }

    /// The name of a kind: `ClusterServiceBroker` for `Broker`.
    pub fn kind(self, of: &str) -> String {
        match self {
            Self::Cluster => format!("ClusterService{of}"),
            Self::Namespaced => format!("Service{of}"),
        }
    }

    /// The name of a field: `clusterServiceClassRef` for `ClassRef`.
    pub fn member(self, of: &str) -> String {
        match self {
            Self::Cluster => format!("clusterService{of}"),
            Self::Namespaced => format!("service{of}"),
        }
    }

    /// The address of one of its objects.
    pub fn key(self, of: &str, name: &str) -> Key {
        let mut key = Key::new(&self.resource(of), name);
        if self == Self::Cluster {
            key.namespace.clear();
        }
        key
    }

    /// The address of its broker object.
    pub fn broker(self) -> Key {
        self.key("brokers", BROKER)
    }

    /// The address of the Secret with the credentials for its broker. The cluster-wide broker needs none.
    pub fn secret(self) -> Option<Key> {
        (self == Self::Namespaced).then(|| Key::new("secrets", "broker-auth"))
    }

    /// A new object of a kind with this spec.
    pub fn object(self, kind: &str, spec: &Value) -> Value {
        json!({
            "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": self.kind(kind), "metadata": {}, "spec": spec,
        })
    }
}
