//! An instance whose broker is not called for a while: which of its steps have to wait?

use super::{Observed, Step, Verb, asked};
use crate::crd::condition;
use crate::crd::instance::InstanceOperation;
use crate::crd::{ServiceInstance, ServiceInstanceStatus};
use crate::domain::breaker::Held;
use crate::domain::hold;
use crate::domain::plan_reference::Target;

/// The broker that an instance is or will be at.
pub fn broker<'a>(instance: &'a ServiceInstance, target: Option<&'a Target>) -> Option<&'a str> {
    let status = instance.status.as_ref();
    let asked = status.and_then(asked).map(|asked| &asked.broker_name).filter(|name| !name.is_empty());
    let left = || status.and_then(|status| status.orphans.first()).map(|orphan| &orphan.broker_name);
    let wanted = || target.map(|target| &target.broker);
    asked.or_else(left).or_else(wanted).map(String::as_str)
}

/// The same step, or what is done instead if it asks the broker that is held.
pub(super) fn unless_held(observed: &Observed<'_>, step: Step) -> Step {
    let status = observed.instance.status.clone().unwrap_or_default();
    let operation = status.current_operation;
    match &observed.hold {
        Some(held) if asks(&step, operation) == Some(&held.broker) => wait(observed, status, held, &step),
        Some(_) | None => step,
    }
}

/// The broker that is asked, or is about to be.
fn asks(step: &Step, operation: Option<InstanceOperation>) -> Option<&String> {
    match step {
        Step::Call(call) => Some(&call.broker),
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
fn begins(status: &ServiceInstanceStatus, operation: Option<InstanceOperation>) -> bool {
    status.current_operation.is_some() && status.current_operation != operation
}

fn wait(observed: &Observed<'_>, mut status: ServiceInstanceStatus, held: &Held, step: &Step) -> Step {
    let operation = match step {
        Step::Write(intent) => {
            // Something else is wanted than what was refused.
            status.refused.clear();
            intent.current_operation
        }
        _ => status.current_operation,
    };
    let type_ = match step {
        Step::Call(call) if matches!(call.verb, Verb::Mitigate | Verb::PollMitigation(_)) => {
            condition::ORPHAN_MITIGATION
        }
        _ if operation == Some(InstanceOperation::Update) => condition::UPDATED,
        _ => condition::READY,
    };
    let seed = observed.instance.metadata.uid.as_deref().unwrap_or_default();
    hold::wait(held, status, type_, (&observed.now, seed))
}

#[cfg(test)]
mod tests;
