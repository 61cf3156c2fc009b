//! Which broker does a binding depend on? The shell uses the answer to find the broker's call gate.

use super::bound_instance;
use super::state::BindingState;
use crate::crd::operation::BoundInstance;
use crate::crd::{ServiceBinding, ServiceInstance};

/// The name of the broker that has or will have the binding, and whether that broker is namespaced.
pub fn broker(binding: &ServiceBinding, instance: Option<&ServiceInstance>) -> Option<(String, bool)> {
    let state = BindingState::parse(binding.status.clone().unwrap_or_default());
    let orphaned = || state.record.orphans.first().and_then(|orphan| orphan.instance.clone());
    let wanted = || instance.and_then(bound_instance);
    let BoundInstance { broker_name, namespaced, .. } =
        state.phase.instance().cloned().or_else(orphaned).or_else(wanted)?;
    Some((broker_name, namespaced))
}
