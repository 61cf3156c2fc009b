//! The policies that inject credentials into new pods: are they installed, and which pods did they miss?

use std::collections::BTreeSet;

use super::Pod;
use crate::crd::ServiceBinding;
use crate::crd::condition;

/// The rest of the annotation of a restart that is repeated because the policies were not installed at the first time. It
/// stands where others have the UID of a binding; its value is when they were installed.
pub const RESTART_FOR_POLICIES: &str = "policies";

/// How long an API server may take to apply a new policy, in seconds.
const LOADING: i64 = 10;

/// The policies that inject credentials, and their bindings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InjectionPolicies {
    /// Those that are missing, as `kubectl` names them.
    pub missing: BTreeSet<String>,
    /// When the last of the others was installed, in seconds since 1970. `None` if the operator may not read policies.
    pub installed: Option<i64>,
}

impl InjectionPolicies {
    /// Whether the pod may be older than the policies, and was not restarted for that.
    pub fn missed(&self, pod: &Pod) -> bool {
        self.installed.is_some_and(|installed| {
            pod.created <= installed + LOADING && pod.restarts.get(RESTART_FOR_POLICIES) != Some(&installed)
        })
    }

    /// When these policies were installed, if the condition `RolledOut` of the binding is older.
    pub fn newer_than(&self, binding: &ServiceBinding) -> Option<i64> {
        let status = binding.status.as_ref()?;
        let rolled_out = condition::find(&status.conditions, condition::ROLLED_OUT)?;
        let since = rolled_out.last_transition_time.as_ref()?.0.as_second();
        self.installed.filter(|installed| since <= installed + LOADING)
    }
}
