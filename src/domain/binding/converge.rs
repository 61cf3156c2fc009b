//! A binding that is not being deleted: is it created, is its Secret repaired, are its credentials rotated, or is it
//! settled?

use std::ops::ControlFlow;

use super::decision::Decision;
use super::desired::{desired, fingerprint, require_same};
use super::ids::{is_given, next_id};
use super::revision::revise;
use super::state::Phase;
use super::{Step, Verb, cannot_address_broker, orphans, pods, poll, rotate, settle};
use crate::crd::binding::BindingProperties;
use crate::crd::condition::{self, Status};
use crate::crd::operation::RemovalStatus;
use crate::domain::decision::Observed as _;
use crate::domain::osb_id;
use crate::domain::progress::{Execution, HasProgress as _};
use crate::domain::reason;
use crate::domain::schema::Purpose;

/// The next step towards the spec.
pub(super) fn converge(decision: Decision<'_>) -> Step {
    if let Some(Execution::Polled(operation)) = decision.state.phase.execution().cloned() {
        return poll(decision, operation);
    }
    if decision.state.has_orphan_without_ids() {
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

/// A bound binding: ensures that its Secret holds the broker's credentials, then looks after their rotation.
fn ensure_secret(mut decision: Decision<'_>) -> Step {
    let observed = decision.observed;
    let record = &mut decision.state.record;
    record.observed_generation = observed.generation();
    record.reconciled_generation = observed.generation();
    let found = observed.secret.as_ref().filter(|digest| **digest == record.secret_digest);
    // While the binding is ready, the failures that the back-off counts are not those of a repair, so a repair does not
    // wait for it.
    let is_ready = condition::is_true(&record.conditions, condition::READY);
    if let Some(digest) = found {
        revise(observed.binding, record, digest);
        pods::report(observed, record);
        // A user may have restored the Secret while the operator's repair failed.
        if !is_ready && !rotate::has_expired(record, &observed.now) {
            settle::ready(record, &observed.now);
        }
        return rotate::rotate(decision);
    }
    if rotate::replaces_lost(observed, record) {
        return rotate::rotate(decision);
    }
    if let Some(next) = decision.next_attempt().filter(|_| !is_ready) {
        return decision.wait(Some(next));
    }
    if decision.state.record.secret_digest.is_empty() && observed.secret.is_some() {
        return decision.call_broker(Verb::Adopt);
    }
    if observed.offering.retrievable {
        return decision.call_broker(Verb::Fetch);
    }
    rebind(decision)
}

/// Sends the same bind request again: it is idempotent and returns the same binding with its credentials (OSB,
/// “Binding”, 200 OK).
fn rebind(mut decision: Decision<'_>) -> Step {
    let confirmed = decision.state.phase.confirmed().cloned().unwrap_or_default();
    let request = confirmed.clone();
    decision.state.phase = Phase::Rebinding { confirmed, request, execution: Execution::Requested };
    let message = "The Secret was changed or deleted; requesting the credentials from the broker again";
    decision.begin(condition::READY, reason::BINDING_REQUEST_IN_FLIGHT, message)
}

/// The request of the spec, unless something blocks it or the broker has refused the same request before.
fn permitted_request(mut decision: Decision<'_>) -> ControlFlow<Step, (Decision<'_>, BindingProperties)> {
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

/// The intent to bind is stored: sends the request when the back-off allows it.
fn bind(decision: Decision<'_>) -> Step {
    let (mut decision, desired) = match permitted_request(decision) {
        ControlFlow::Continue(permitted) => permitted,
        ControlFlow::Break(step) => return step,
    };
    if let (Some(bound), Some(instance)) = (decision.state.phase.confirmed(), &desired.instance)
        && let Err(blocked) = require_same(decision.observed, bound, instance)
    {
        decision.block(blocked.reason, &blocked.message);
        return decision.wait(None);
    }
    let is_first = matches!(decision.state.phase, Phase::Binding { .. });
    if decision.state.phase.request().map(fingerprint) != Some(fingerprint(&desired)) {
        if is_first && is_given(decision.observed.binding, &decision.state.record) {
            return create(decision);
        }
        let why = "the request changed while the outcome of the previous one was unknown";
        settle::mitigate(&mut decision.state, decision.observed, why, None);
        return decision.write();
    }
    match decision.next_attempt() {
        Some(next) => decision.wait(Some(next)),
        None if is_first && decision.observed.is_id_taken => id_is_taken(decision),
        None => decision.call_broker(Verb::Bind),
    }
}

/// Another object has the id of the next bind. An id that the operator has derived is skipped, so that nobody can block
/// a binding by giving its next id to another one. It does not become an orphan: it is the other object's.
fn id_is_taken(mut decision: Decision<'_>) -> Step {
    let observed = decision.observed;
    if next_id(observed.binding, &decision.state.record) != observed.binding.spec.external_id {
        decision.state.phase.withdraw();
        decision.state.record.unbind_status = RemovalStatus::NotRequired;
        decision.state.record.abandoned_attempts += 1;
        return decision.write();
    }
    decision.block(reason::EXTERNAL_ID_IN_USE, &osb_id::in_use("ServiceBinding"));
    decision.wait(None)
}

/// Writes the intent to bind, under a new id.
fn create(decision: Decision<'_>) -> Step {
    let (mut decision, desired) = match permitted_request(decision) {
        ControlFlow::Continue(permitted) => permitted,
        ControlFlow::Break(step) => return step,
    };
    let observed = decision.observed;
    if let Some(plan) = &observed.offering.not_bindable {
        decision.state.record.refused = fingerprint(&desired);
        let message = format!(
            "The {plan} is not bindable; not retried: delete the binding, and bind an instance of a bindable plan"
        );
        let reason = reason::ERROR_NONBINDABLE_SERVICE_CLASS;
        decision.report(condition::FAILED, Status::True, reason, &message);
        decision.block(reason, &message);
        return decision.wait(None);
    }
    if let Some(next) = decision.next_attempt() {
        return decision.wait(Some(next));
    }
    if observed.is_id_taken {
        return id_is_taken(decision);
    }
    if !observed.validated {
        return Step::Validate(Purpose::Bind);
    }
    let meta = &observed.binding.metadata;
    let record = &mut decision.state.record;
    record.binding_id = next_id(observed.binding, record);
    record.rotation_request = rotate::requested(meta).unwrap_or_default().to_owned();
    record.unbind_status = RemovalStatus::Required;
    record.refused.clear();
    if matches!(decision.state.phase, Phase::Binding { .. }) {
        decision.state.progress().replace_attempt();
    }
    decision.state.phase = Phase::Binding { request: desired, execution: Execution::Requested };
    let message = "Binding request for ServiceBinding in-flight to Broker";
    decision.begin(condition::READY, reason::BINDING_REQUEST_IN_FLIGHT, message)
}
