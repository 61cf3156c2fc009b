//! Which pages are kept up to date, and what does each show?

use super::offering::Scope;
use crate::console::kube_api::{is_name, is_namespace};

/// A page that is kept up to date while it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Live {
    /// All classes.
    Catalog,
    /// A class, with its plans.
    Class(Scope, String),
    /// The instances of a namespace, with their bindings.
    Instances(String),
    /// An instance of a namespace, with its bindings.
    Instance(String, String),
    /// A binding of a namespace.
    Binding(String, String),
    /// The brokers of the cluster, and of this namespace; `None`: of the one that the user works in.
    Brokers(Option<String>),
    /// A broker.
    Broker(Scope, String),
}

impl Live {
    /// The page of a path of the console. It is never a path of the API server.
    pub fn of(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let name = |text: &str| is_name(text).then(|| text.to_owned());
        let namespace = |text: &str| is_namespace(text).then(|| text.to_owned());
        match *parts.as_slice() {
            ["catalog"] => Some(Self::Catalog),
            ["catalog", scope, class] => Some(Self::Class(Scope::of_segment(scope)?, name(class)?)),
            ["ns", of, "instances"] => Some(Self::Instances(namespace(of)?)),
            ["ns", of, "instances", instance] => Some(Self::Instance(namespace(of)?, name(instance)?)),
            ["ns", of, "bindings", binding] => Some(Self::Binding(namespace(of)?, name(binding)?)),
            ["brokers"] => Some(Self::Brokers(None)),
            // A form, and no broker.
            ["brokers", "new"] | ["ns", _, "brokers", "new"] => None,
            ["brokers", broker] => Some(Self::Broker(Scope::Cluster, name(broker)?)),
            ["ns", of, "brokers"] => Some(Self::Brokers(Some(namespace(of)?))),
            ["ns", of, "brokers", broker] => {
                Some(Self::Broker(Scope::Namespace(namespace(of)?), name(broker)?))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_that_show_objects_are_live() {
        assert_eq!(Live::of("/ns/team/instances"), Some(Live::Instances("team".to_owned())));
        let class = Live::Class(Scope::Namespace("team".to_owned()), "db".to_owned());
        assert_eq!(Live::of("/catalog/ns.team/db"), Some(class));
        for path in [
            "",
            "/",
            "/about",
            "/brokers/new",
            "/ns/team/brokers/new",
            "/ns/team/instances/db/bind",
            "/ns/team/instances/",
            "/ns/TEAM/instances",
            "/ns/team/instances/..",
            "ns/team/instances",
            "//ns/team/instances",
            "/api/v1/secrets",
            "/ns/team/secrets/x",
            "/catalog/other/x",
            "/brokers/a,b=c",
        ] {
            assert_eq!(Live::of(path), None, "{path}");
        }
    }
}
