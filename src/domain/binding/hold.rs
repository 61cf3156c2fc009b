//! A binding whose broker is not called for a while: which of its steps have to wait?

use super::{Observed, Step, Verb, asked, bound_instance};
use crate::crd::binding::BindingOperation;
use crate::crd::condition;
use crate::crd::operation::BoundInstance;
use crate::crd::{ServiceBinding, ServiceBindingStatus, ServiceInstance};
use crate::domain::breaker::Held;
use crate::domain::hold;

/// The broker that a binding is or will be at, and whether it is one of the namespace.
pub fn broker(binding: &ServiceBinding, instance: Option<&ServiceInstance>) -> Option<(String, bool)> {
    let status = binding.status.as_ref();
    let left = || status.and_then(|status| status.orphans.first()).and_then(|orphan| orphan.instance.clone());
    let wanted = || instance.and_then(bound_instance);
    let BoundInstance { broker_name, namespaced, .. } =
        status.and_then(asked).cloned().or_else(left).or_else(wanted)?;
    Some((broker_name, namespaced))
}

/// The same step, or what is done instead if it asks the broker that is held.
pub(super) fn unless_held(observed: &Observed<'_>, step: Step) -> Step {
    let status = observed.binding.status.clone().unwrap_or_default();
    let operation = status.current_operation;
    match &observed.hold {
        Some(held) if asks(&step, operation) == Some(&held.broker) => wait(observed, status, held, &step),
        Some(_) | None => step,
    }
}

/// The broker that is asked, or is about to be.
fn asks(step: &Step, operation: Option<BindingOperation>) -> Option<&String> {
    match step {
        // This is between the operator and the Secret.
        Step::Call(call) if call.verb == Verb::Adopt => None,
        Step::Call(call) => Some(&call.instance.broker_name),
        Step::Write(status) if begins(status, operation) => asked(status).map(|asked| &asked.broker_name),
        Step::Wait(_)
        | Step::Hold
        | Step::Resolve(_)
        | Step::Label(_)
        | Step::Write(_)
        | Step::Delete
        | Step::Release => None,
    }
}

/// Whether an operation begins that was not under way.
fn begins(status: &ServiceBindingStatus, operation: Option<BindingOperation>) -> bool {
    status.current_operation.is_some() && status.current_operation != operation
}

fn rotates(status: &ServiceBindingStatus) -> bool {
    status.current_operation == Some(BindingOperation::Rotate)
}

fn wait(observed: &Observed<'_>, mut status: ServiceBindingStatus, held: &Held, step: &Step) -> Step {
    let type_ = match step {
        Step::Call(call) if matches!(call.verb, Verb::Mitigate | Verb::PollMitigation(_)) => {
            condition::ORPHAN_MITIGATION
        }
        Step::Write(next) if rotates(next) => condition::ROTATED,
        Step::Call(_) if rotates(&status) => condition::ROTATED,
        _ => condition::READY,
    };
    if matches!(step, Step::Write(_)) {
        // Something else is wanted than what was refused.
        status.refused.clear();
    }
    let seed = observed.binding.metadata.uid.as_deref().unwrap_or_default();
    hold::wait(held, status, type_, (&observed.now, seed))
}

#[cfg(test)]
mod tests;
