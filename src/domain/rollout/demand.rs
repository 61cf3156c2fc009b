//! What does a binding want of a pod, and what is done if the pod does not have it?

use kube::ResourceExt as _;
use kube::core::{Selector, SelectorExt as _};

use super::{Pod, Version, selects, version};
use crate::crd::ServiceBinding;
use crate::crd::binding::{BindingOperation, Restart};
use crate::crd::condition;

/// What a binding wants of pods.
#[derive(Clone, Debug)]
pub struct Demand {
    /// The binding's UID.
    pub uid: String,
    /// Of which version of the binding this is the demand.
    pub version: Version,
    /// Whether a restart makes sense now: what pods would get is there.
    pub is_ready: bool,
    /// Whether pods are about to get something else.
    pub is_under_way: bool,
    selector: Option<Selector>,
    revision: i64,
    credentials_revision: i64,
    optional: bool,
    restart: Restart,
}

/// What a pod does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The revision that it should have; 0 if none.
    pub revision: i64,
    /// Whether it is to be restarted for it.
    pub restart: bool,
}

impl Demand {
    /// What this binding wants.
    pub fn of(binding: &ServiceBinding) -> Self {
        let deleting = binding.metadata.deletion_timestamp.is_some();
        let status = binding.status.clone().unwrap_or_default();
        let injection = binding.spec.injection.clone().unwrap_or_default();
        let failed = condition::is_true(&status.conditions, condition::FAILED);
        let busy =
            matches!(status.current_operation, Some(BindingOperation::Bind | BindingOperation::Rotate));
        let seen = Some(status.observed_generation) == binding.metadata.generation;
        let selector = binding.spec.pod_selector.clone().filter(|_| selects(binding) && !deleting);
        Self {
            uid: binding.uid().unwrap_or_default(),
            version: version(binding),
            is_ready: deleting || seen && condition::is_true(&status.conditions, condition::READY),
            is_under_way: !failed && (status.revision == 0 || busy),
            // The API server has checked the operators.
            selector: selector.and_then(|selector| Selector::try_from(selector).ok()),
            revision: status.revision,
            credentials_revision: status.credentials_revision,
            optional: injection.optional,
            restart: injection.restart.unwrap_or_default(),
        }
    }

    /// Whether the pod is to have something of the binding.
    pub fn selects(&self, pod: &Pod) -> bool {
        !pod.exempt && self.selector.as_ref().is_some_and(|selector| selector.matches(&pod.labels))
    }

    /// What the pod does not have, or should have no more.
    pub fn drift(&self, pod: &Pod) -> Option<Drift> {
        if pod.exempt || self.revision == 0 {
            return None;
        }
        let stamp = pod.stamps.get(&self.uid).copied();
        if self.selects(pod) {
            let restart = match self.restart {
                Restart::Always => true,
                // Who was held until the Secret was there has the first credentials.
                Restart::OnRotation => stamp.is_some_and(|stamp| stamp.max(1) < self.credentials_revision),
                Restart::Never => false,
            };
            return (!self.suits(stamp)).then_some(Drift { revision: self.revision, restart });
        }
        stamp.map(|_| Drift { revision: 0, restart: self.restart == Restart::Always })
    }

    /// Whether a pod with this stamp has the present revision.
    fn suits(&self, stamp: Option<i64>) -> bool {
        match stamp {
            // The kubelet has held it until the Secret was there.
            Some(0) => self.revision == 1 && !self.optional,
            // A later one: the binding was read before the pod.
            Some(stamp) => stamp >= self.revision,
            None => false,
        }
    }
}
