//! A binding that is wanted: is it created, is its Secret put right, are its credentials replaced, or is it left alone?

use std::ops::ControlFlow;

use super::decision::Decision;
use super::desired::{desired, fingerprint};
use super::revision::revise;
use super::state::Phase;
use super::{Step, Verb, cannot_address_broker, orphans, pods, poll, rotate, settle};
use crate::crd::binding::BindingProperties;
use crate::crd::condition::{self, Status};
use crate::crd::names::ANNOTATION_ROTATE;
use crate::crd::operation::RemovalStatus;
use crate::domain::decision::Observed as _;
use crate::domain::metadata::{annotation, attempt_id};
use crate::domain::progress::Execution;
use crate::domain::reason;
use crate::domain::schema::Purpose;

/// The next step towards what the spec says.
pub(super) fn converge(decision: Decision<'_>) -> Step {
    if let Some(Execution::Polled(operation)) = decision.state.phase.execution().cloned() {
        return poll(decision, operation);
    }
    if decision.state.has_unknown_orphan() {
        return cannot_address_broker(decision);
    }
    if let Some(orphan) = decision.state.record.orphans.first().cloned()
        && !decision.state.is_bound()
    {
        return orphans::mitigate(decision, &orphan);
    }
    match &decision.state.phase {
        Phase::Bound { .. } => ensure_secret(decision),
        Phase::Rotating { .. } => rotate::request(decision),
        Phase::Binding { .. } | Phase::Rebinding { .. } => bind(decision),
        Phase::Absent { .. } | Phase::Unbinding { .. } => create(decision),
    }
}

/// A bound binding: its Secret must hold what the broker gave.
fn ensure_secret(mut decision: Decision<'_>) -> Step {
    let observed = decision.observed;
    let record = &mut decision.state.record;
    record.observed_generation = observed.generation();
    record.reconciled_generation = observed.generation();
    let found = observed.secret.as_ref().filter(|digest| **digest == record.secret_digest);
    // As long as the binding is ready, what has failed is not a repair.
    let is_ready = condition::is_true(&record.conditions, condition::READY);
    if let Some(digest) = found {
        revise(observed.binding, record, digest);
        pods::report(observed, record);
        // A user may have put the Secret right while a repair failed.
        if !is_ready && !rotate::has_expired(record, &observed.now) {
            settle::ready(record, &observed.now);
        }
        return rotate::rotate(decision);
    }
    if let Some(next) = decision.next_attempt().filter(|_| !is_ready) {
        return decision.wait(Some(next));
    }
    if decision.state.record.secret_digest.is_empty() && observed.secret.is_some() {
        return decision.ask(Verb::Adopt);
    }
    if observed.offering.retrievable {
        return decision.ask(Verb::Fetch);
    }
    rebind(decision)
}

/// The same request once more gets the same binding (OSB, “Binding”, 200 OK), credentials included.
fn rebind(mut decision: Decision<'_>) -> Step {
    let confirmed = decision.state.phase.confirmed().cloned().unwrap_or_default();
    let request = confirmed.clone();
    decision.state.phase = Phase::Rebinding { confirmed, request, execution: Execution::Requested };
    let message = "The Secret was changed or deleted; the broker is asked for the credentials again";
    decision.begin(condition::READY, reason::BINDING_REQUEST_IN_FLIGHT, message)
}

/// What the broker is to be asked for, unless something is in the way or it has refused this already.
fn wanted(mut decision: Decision<'_>) -> ControlFlow<Step, (Decision<'_>, BindingProperties)> {
    match desired(decision.observed) {
        Err(blocked) => {
            decision.block(blocked.reason, &blocked.message);
            ControlFlow::Break(decision.wait(None))
        }
        Ok(desired) if decision.state.record.refused == fingerprint(&desired) => {
            ControlFlow::Break(decision.wait(None))
        }
        Ok(desired) => ControlFlow::Continue((decision, desired)),
    }
}

/// The intent to bind is stored: the request is sent, now or when its turn comes.
fn bind(decision: Decision<'_>) -> Step {
    let (mut decision, desired) = match wanted(decision) {
        ControlFlow::Continue(wanted) => wanted,
        ControlFlow::Break(step) => return step,
    };
    if decision.state.phase.request().map(fingerprint) != Some(fingerprint(&desired)) {
        let why = "what is asked for changed while it was unknown what the broker had done";
        settle::mitigate(&mut decision.state, decision.observed, why, None);
        return decision.write();
    }
    match decision.next_attempt() {
        Some(next) => decision.wait(Some(next)),
        None => decision.ask(Verb::Bind),
    }
}

/// The intent to bind, under a new id.
fn create(decision: Decision<'_>) -> Step {
    let (mut decision, desired) = match wanted(decision) {
        ControlFlow::Continue(wanted) => wanted,
        ControlFlow::Break(step) => return step,
    };
    let observed = decision.observed;
    if !observed.offering.bindable {
        decision.state.record.refused = fingerprint(&desired);
        let message = "The class or plan of the instance is not bindable";
        let reason = reason::ERROR_NONBINDABLE_SERVICE_CLASS;
        decision.report(condition::FAILED, Status::True, reason, message);
        decision.block(reason, message);
        return decision.wait(None);
    }
    if let Some(next) = decision.next_attempt() {
        return decision.wait(Some(next));
    }
    if !observed.validated {
        return Step::Validate(Purpose::Bind);
    }
    let meta = &observed.binding.metadata;
    let external_id = &observed.binding.spec.external_id;
    let record = &mut decision.state.record;
    let has_had_a_successor = !record.binding_id.is_empty() && record.binding_id != *external_id;
    record.binding_id = if external_id.is_empty() || has_had_a_successor {
        attempt_id(meta, record.abandoned_attempts)
    } else {
        external_id.clone()
    };
    record.rotation_request = annotation(meta, ANNOTATION_ROTATE).unwrap_or_default().to_owned();
    record.unbind_status = RemovalStatus::Required;
    record.refused.clear();
    decision.state.phase = Phase::Binding { request: desired, execution: Execution::Requested };
    let message = "Binding request for ServiceBinding in-flight to Broker";
    decision.begin(condition::READY, reason::BINDING_REQUEST_IN_FLIGHT, message)
}
