//! Which broker does an instance depend on? The reconciler uses the answer to find the call gate.

use super::state::InstanceState;
use crate::crd::ServiceInstance;
use crate::domain::plan_reference::Target;

/// The broker of the current or confirmed request, else of the first orphan, else of the resolved plan.
pub fn broker(instance: &ServiceInstance, target: Option<&Target>) -> Option<String> {
    let state = InstanceState::parse(instance.status.clone().unwrap_or_default());
    let requested =
        state.phase.known().map(|known| known.broker_name.clone()).filter(|name| !name.is_empty());
    let orphaned = || state.record.orphans.first().map(|orphan| orphan.broker_name.clone());
    let resolved = || target.map(|target| target.broker.clone());
    requested.or_else(orphaned).or_else(resolved)
}
