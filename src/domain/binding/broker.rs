//! Which broker does a binding depend on? Used to find its call gate.

use super::bound_instance;
use super::state::BindingState;
use crate::crd::operation::BoundInstance;
use crate::crd::{ServiceBinding, ServiceInstance};

/// The broker that a binding is or will be at, and whether it is one of the namespace.
pub fn broker(binding: &ServiceBinding, instance: Option<&ServiceInstance>) -> Option<(String, bool)> {
    let state = BindingState::parse(binding.status.clone().unwrap_or_default());
    let orphaned = || state.record.orphans.first().and_then(|orphan| orphan.instance.clone());
    let wanted = || instance.and_then(bound_instance);
    let BoundInstance { broker_name, namespaced, .. } =
        state.phase.instance().cloned().or_else(orphaned).or_else(wanted)?;
    Some((broker_name, namespaced))
}
