//! A binding: which Secret, and which pods have its credentials?

use crate::crd::ServiceBinding;
use crate::crd::binding::Restart;
use crate::crd::names::{ANNOTATION_COLLISION, ANNOTATION_REVISION};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::Selector;

use crate::console::excerpt::cut;

/// What there is to say about a binding beside its state.
pub struct Binding {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The instance.
    pub instance: String,
    /// The Secret for the credentials.
    pub secret: String,
    /// The pods that get them, as a label selector. `None`: only the Secret is written.
    pub selector: Option<String>,
    /// The containers that get them; empty: all.
    pub containers: Vec<String>,
    /// Environment variables, each with the key of the Secret.
    pub variables: Vec<(String, String)>,
    /// The prefix of a variable for each key, if there are such.
    pub all_variables: Option<String>,
    /// Which pods the operator restarts.
    pub restart: Restart,
    /// When the credentials expire.
    pub expires: Option<jiff::Timestamp>,
    /// When they were issued.
    pub issued: Option<jiff::Timestamp>,
    /// When it was created.
    pub created: Option<jiff::Timestamp>,
    /// The names of the Secret's entries, as far as the operator has recorded them.
    pub recorded_keys: Vec<String>,
}

impl Binding {
    /// Of this object.
    pub fn of(binding: &ServiceBinding) -> Self {
        let (spec, status) = (&binding.spec, binding.status.as_ref());
        let injection = spec.injection.clone().unwrap_or_default();
        Self {
            name: binding.metadata.name.clone().unwrap_or_default(),
            namespace: binding.metadata.namespace.clone().unwrap_or_default(),
            instance: spec.instance_ref.name.clone(),
            secret: binding.secret_name().to_owned(),
            selector: spec.pod_selector.as_ref().and_then(selector),
            containers: injection.containers,
            variables: injection.env.into_iter().map(|variable| (variable.name, variable.key)).collect(),
            all_variables: injection.env_from.map(|from| from.prefix),
            restart: injection.restart.unwrap_or_default(),
            expires: status.and_then(|status| status.expires_at.as_ref()).map(|time| time.0),
            issued: status.and_then(|status| status.issued_at.as_ref()).map(|time| time.0),
            created: binding.metadata.creation_timestamp.as_ref().map(|time| time.0),
            recorded_keys: status.map(|status| status.secret_keys.clone()).unwrap_or_default(),
        }
    }

    /// The address of its page.
    pub fn address(&self) -> String {
        address(&self.namespace, &self.name)
    }
}

/// The address of a binding's page.
pub fn address(namespace: &str, name: &str) -> String {
    format!("/ns/{namespace}/bindings/{name}")
}

/// The selector as text. An empty one selects no pods of a binding, although it selects all of Kubernetes.
fn selector(selector: &LabelSelector) -> Option<String> {
    let selector = Selector::try_from(selector.clone()).ok()?;
    (!selector.selects_all()).then(|| selector.to_string())
}

/// Whether a pod has the credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Possession {
    /// The current ones.
    Current,
    /// Former ones.
    Former,
    /// None: it started before the binding, or gets nothing.
    None,
}

/// A pod that a binding selects.
pub struct Consumer {
    /// Its name.
    pub name: String,
    /// Its phase, such as `Running`.
    pub phase: String,
    /// Whether it has the credentials.
    pub possession: Possession,
    /// What it already defines in the place of what the binding would add; may be empty.
    pub collision: String,
}

/// Which of these pods have the credentials?
pub fn consumers(binding: &ServiceBinding, pods: &[Pod]) -> Vec<Consumer> {
    let uid = binding.metadata.uid.as_deref().unwrap_or_default();
    let current = binding.status.as_ref().map_or(0, |status| status.revision).to_string();
    let former = binding.status.as_ref().map_or(0, |status| status.credentials_revision);
    let is_former = |revision: &str| revision.parse::<i64>().is_ok_and(|revision| revision < former);
    let consumer = |pod: &Pod| {
        let annotation = |prefix: &str| pod.metadata.annotations.as_ref()?.get(&format!("{prefix}{uid}"));
        let revision = annotation(ANNOTATION_REVISION);
        Consumer {
            name: pod.metadata.name.clone().unwrap_or_default(),
            phase: pod.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default(),
            possession: match revision {
                Some(revision) if *revision == current || !is_former(revision) => Possession::Current,
                Some(_) => Possession::Former,
                None => Possession::None,
            },
            collision: annotation(ANNOTATION_COLLISION).map(|text| cut(text, 1000)).unwrap_or_default(),
        }
    };
    pods.iter().map(consumer).collect()
}
