//! Which broker does an instance depend on? Used to find its call gate.

use super::state::InstanceState;
use crate::crd::ServiceInstance;
use crate::domain::plan_reference::Target;

/// The broker that an instance is or will be at.
pub fn broker(instance: &ServiceInstance, target: Option<&Target>) -> Option<String> {
    let state = InstanceState::parse(instance.status.clone().unwrap_or_default());
    let asked = state.phase.known().map(|known| known.broker_name.clone()).filter(|name| !name.is_empty());
    let orphaned = || state.record.orphans.first().map(|orphan| orphan.broker_name.clone());
    let wanted = || target.map(|target| target.broker.clone());
    asked.or_else(orphaned).or_else(wanted)
}
