//! Which revision does a binding want of a pod, and may the pod be restarted to get it?

use kube::ResourceExt as _;
use kube::core::{Selector, SelectorExt as _};

use super::{Pod, Version, injects, version};
use crate::crd::ServiceBinding;
use crate::crd::binding::{BindingOperation, Restart};
use crate::crd::condition;

/// What a binding wants of pods, and whether it may restart them.
#[derive(Clone, Debug)]
pub struct Demand {
    /// The binding's UID.
    pub uid: String,
    /// The version of the binding that this demand was read from.
    pub version: Version,
    /// Whether a restart is useful now: the Secret holds the current credentials, or the binding is being deleted.
    pub is_ready: bool,
    /// Whether a bind or a rotation will soon produce another revision. Restarts wait for it, to serve both at once.
    pub is_changing: bool,
    selector: Option<Selector>,
    revision: i64,
    credentials_revision: i64,
    optional: bool,
    restart: Restart,
}

/// How a pod differs from what a binding wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The revision that the pod should have; 0 if it should have none.
    pub revision: i64,
    /// Whether the binding allows a restart for it.
    pub restart: bool,
}

impl Demand {
    /// Reads the demand of a binding.
    pub fn of(binding: &ServiceBinding) -> Self {
        let deleting = binding.metadata.deletion_timestamp.is_some();
        let status = binding.status.clone().unwrap_or_default();
        let injection = binding.spec.injection.clone().unwrap_or_default();
        let failed = condition::is_true(&status.conditions, condition::FAILED);
        let busy =
            matches!(status.current_operation, Some(BindingOperation::Bind | BindingOperation::Rotate));
        let is_observed = Some(status.observed_generation) == binding.metadata.generation;
        let selector = binding.spec.pod_selector.clone().filter(|_| injects(binding) && !deleting);
        Self {
            uid: binding.uid().unwrap_or_default(),
            version: version(binding),
            is_ready: deleting || is_observed && condition::is_true(&status.conditions, condition::READY),
            is_changing: !failed && (status.revision == 0 || busy),
            // The API server validates the operators of a selector, so the conversion does not fail.
            selector: selector.and_then(|selector| Selector::try_from(selector).ok()),
            revision: status.revision,
            credentials_revision: status.credentials_revision,
            optional: injection.optional,
            restart: injection.restart.unwrap_or_default(),
        }
    }

    /// Whether the binding injects into pods, if there are any that it selects.
    pub fn injects(&self) -> bool {
        self.selector.is_some()
    }

    /// Whether the pod should have the binding's current revision.
    pub fn selects(&self, pod: &Pod) -> bool {
        !pod.exempt && self.selector.as_ref().is_some_and(|selector| selector.matches(&pod.labels))
    }

    /// How the pod drifts: it lacks the current revision, or has one although the binding no longer selects it.
    pub fn drift(&self, pod: &Pod) -> Option<Drift> {
        if pod.exempt || self.revision == 0 {
            return None;
        }
        let stamp = pod.stamps.get(&self.uid).copied();
        if self.selects(pod) {
            let restart = match self.restart {
                Restart::Always => true,
                // Stamp 0: the kubelet held the pod until the Secret existed, so it started with the first credentials.
                Restart::OnRotation => stamp.is_some_and(|stamp| stamp.max(1) < self.credentials_revision),
                Restart::Never => false,
            };
            return (!self.is_current(stamp)).then_some(Drift { revision: self.revision, restart });
        }
        stamp.map(|_| Drift { revision: 0, restart: self.restart == Restart::Always })
    }

    /// Whether a pod with this stamp has the current revision.
    fn is_current(&self, stamp: Option<i64>) -> bool {
        match stamp {
            // The kubelet held the pod until the Secret existed. If the reference is optional, it did not.
            Some(0) => self.revision == 1 && !self.optional,
            // A newer stamp means that the cached binding is older than the pod.
            Some(stamp) => stamp >= self.revision,
            None => false,
        }
    }
}
