//! Every reason in every place, the objects of earlier versions, and arbitrary statuses.

mod arbitrary;
mod lines;
mod reference;
mod stored;

use crate::crd::{ClusterServiceBroker, ServiceBinding, ServiceBroker, ServiceInstance};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

/// The present of the tests.
pub(super) const NOW: &str = "2026-01-01T12:00:00Z";

pub(super) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// An object of any kind.
#[derive(Clone, Debug)]
pub(super) enum Object {
    Instance(Box<ServiceInstance>),
    Binding(Box<ServiceBinding>),
    ClusterBroker(Box<ClusterServiceBroker>),
    Broker(Box<ServiceBroker>),
}

impl Object {
    pub(super) fn read(kind: Kind, object: Value) -> Self {
        fn parse<T: DeserializeOwned>(object: Value) -> T {
            serde_json::from_value(object).unwrap()
        }
        match kind {
            Kind::Instance => Self::Instance(Box::new(parse(object))),
            Kind::Binding => Self::Binding(Box::new(parse(object))),
            Kind::ClusterBroker => Self::ClusterBroker(Box::new(parse(object))),
            Kind::Broker => Self::Broker(Box::new(parse(object))),
        }
    }

    /// An object with metadata and a status on top of the defaults.
    pub(super) fn new(kind: Kind, metadata: &Value, status: &Value) -> Self {
        let (api_version, name) = ("servicecatalog.k8s.io/v1beta1", ["ServiceInstance", "ServiceBinding"]);
        let (name, spec) = match kind {
            Kind::Instance => (name[0], json!({"clusterServiceClassExternalName": "mysql"})),
            Kind::Binding => (name[1], json!({"instanceRef": {"name": "db"}})),
            Kind::ClusterBroker => ("ClusterServiceBroker", json!({"url": "http://broker.example"})),
            Kind::Broker => ("ServiceBroker", json!({"url": "http://broker.example"})),
        };
        let mut all = json!({"name": "db", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"});
        all.as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
        let object =
            json!({"apiVersion": api_version, "kind": name, "metadata": all, "spec": spec, "status": status});
        Self::read(kind, object)
    }

    pub(super) fn subject(&self) -> Subject<'_> {
        match self {
            Self::Instance(object) => object.as_ref().into(),
            Self::Binding(object) => object.as_ref().into(),
            Self::ClusterBroker(object) => object.as_ref().into(),
            Self::Broker(object) => object.as_ref().into(),
        }
    }

    pub(super) fn state(&self) -> State {
        state_of(self.subject(), now())
    }
}

pub(super) fn condition(type_: &str, status: &str, reason: &str) -> Value {
    let message = format!("What {reason} says");
    json!({"type": type_, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": "2026-01-01T11:00:00Z"})
}

/// What holds for the line of every object.
pub(super) fn assert_is_complete(state: &State) {
    let [english, chinese] = Language::ALL.map(|language| {
        let (word, why) = (state.word.text(language), state.sentence(language));
        assert!(!word.is_empty() && !why.is_empty(), "{state:?}");
        assert_eq!(state.hint(language).is_empty(), state.is_settled(), "{language:?}: {state:?}");
        assert!(state.next.is_none_or(|next| next.at > now()), "{state:?}");
        (word, why, state.line(now(), language))
    });
    assert_ne!(english.0, chinese.0);
    assert_ne!(english.1, chinese.1);
    assert_ne!(english.2, chinese.2);
    assert!(english.2.starts_with(&english.0) && chinese.2.starts_with(&chinese.0), "{state:?}");
}
