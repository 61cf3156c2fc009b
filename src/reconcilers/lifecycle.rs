//! The reconcile loop of instances and bindings: observe, decide, execute, settle, write; step after step, until the
//! next step is to wait. The entry point is [`run`]. It is idempotent: an interrupted reconcile continues from the
//! status.
//!
//! **Intent before effect.** The status records each call as an intent before the call is made, with the
//! resourceVersion that was observed (optimistic concurrency). A call that changes something is made only for an object
//! that was read or written in this reconcile: a stale cache may show an intent that was already executed.
//!
//! **Edits during a call.** The outcome of a call is written even if another client has edited the object meanwhile
//! (`persist_outcome`). If another *status* was written, this process is the former leader, and what must not be
//! forgotten is merged into the new status (`merge_concurrent_status`): an orphan, unless that status already
//! accounts for the call.
//!
//! **How many writes.** A synchronous provision costs three: references, intent, outcome. A binding costs three:
//! intent, Secret, outcome; one more if it selects pods that already have the credentials. A rotation costs five:
//! intent, Secret, outcome, retirement, its end. A deletion costs two: intent, finalizer; of a binding three, with
//! the Secret. A poll without news costs none, and at the start nothing is written or sent for settled objects. The
//! intent is not optional: without it, a crash forgets that the broker was called. The references are a write of
//! their own because spec and status are separate resources. A catalog without changes costs one write of the
//! broker's status. `servicecatalog_api_write_count_total` counts all of them. Events come on top: those of success are
//! written beside the reconciles.

mod refusal;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use kube::core::object::HasStatus;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use serde_json::json;
use tracing::{info, warn};

use crate::crd::condition::Condition;
use crate::domain::plan_reference::References;
use crate::domain::progress::HasProgress;
use crate::domain::reason;
use crate::domain::schema::Purpose;
use crate::domain::{self, Note, Outcome, Settled, Step};
use crate::reconcilers::broker_access::call_gate::{CallGate, RETRY_BUSY_AFTER};
use crate::reconcilers::clock;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::Error;
use crate::reconcilers::identity::{Identity, namespace, uid};
use crate::reconcilers::kind::Kind;

/// A kind whose objects exist at a broker: what the loop needs of instances and of bindings.
pub trait Lifecycle:
    Kind + HasStatus<Status: HasProgress + Clone + Default + PartialEq + Send + Sync>
{
    /// A call to the broker.
    type Call: Send + Sync;
    /// What a reconcile has observed, besides the object itself.
    type Snapshot: Send + Sync;

    /// Observes everything that `decide` needs.
    fn observe(
        &self,
        context: &Context,
        identity: &Identity,
    ) -> impl Future<Output = Result<Self::Snapshot, Error>> + Send;

    /// Validates the parameters against the plan's schema, and adds the result to the snapshot.
    fn validate(
        &self,
        context: &Context,
        snapshot: Self::Snapshot,
        purpose: Purpose,
    ) -> impl Future<Output = Self::Snapshot> + Send;

    /// The next step. `may_be_retry`: the next call may be a retry, because this reconcile did not write its intent.
    fn decide(
        &self,
        context: &Context,
        snapshot: &Self::Snapshot,
        may_be_retry: bool,
    ) -> Step<Self::Status, Self::Call>;

    /// Claims the ids at the broker that a status adds, before it is written; false if another object has one of them.
    fn claim_ids(&self, context: &Context, status: &Self::Status) -> bool;

    /// Whether a call may change something at the broker; a poll or a fetch does not.
    fn is_mutating(call: &Self::Call) -> bool;

    /// Whether a call removes an orphan.
    fn removes_orphan(call: &Self::Call) -> bool;

    /// Makes a call, once no other changing call for the same instance is in flight.
    fn execute(
        &self,
        context: &Context,
        attempt: &Attempt<'_, Self>,
    ) -> impl Future<Output = Result<Outcome, Error>> + Send;

    /// The status after the call.
    fn settle(
        &self,
        context: &Context,
        attempt: &Attempt<'_, Self>,
        outcome: Outcome,
    ) -> Settled<Self::Status>;

    /// Merges the call's effect into a status that another replica wrote meanwhile, in place of `before`; `None` if
    /// that status already accounts for the call.
    fn merge_concurrent_status(
        &self,
        context: &Context,
        attempt: &Attempt<'_, Self>,
        before: &Self::Status,
    ) -> Option<Self::Status>;

    /// Deletes what belongs to the object, before its finalizer is removed.
    fn clean_up(&self, context: &Context) -> impl Future<Output = Result<(), Error>> + Send;

    /// The call gate of the object's broker, if there is a connection.
    fn gate(snapshot: &Self::Snapshot) -> Option<&Arc<CallGate>>;

    /// The conditions of a status.
    fn conditions(status: &Self::Status) -> &[Condition];
}

/// A call to a broker, and the snapshot on which it was decided.
pub struct Attempt<'a, K: Lifecycle> {
    /// What was observed.
    pub snapshot: &'a K::Snapshot,
    /// The call.
    pub call: &'a K::Call,
    /// Whether the call may be a retry: the broker may have received it before.
    pub may_be_retry: bool,
}

/// An object with the outcome of a call in its status.
struct Written<K> {
    object: K,
    /// Whether the outcome was merged into a status that another replica wrote.
    is_merged: bool,
}

/// Reconciles an object. What the API server refuses is told in a condition.
pub async fn run<K: Lifecycle>(object: Arc<K>, context: &Context) -> Result<Action, Error> {
    if let Some(delay) = context.postponed.delay(object.meta()) {
        return Err(Error::Postponed(delay));
    }
    let reconciled = Box::pin(take_steps(Arc::clone(&object), context)).await;
    match &reconciled {
        Err(error) if refusal::is_refusal(context, object.as_ref(), error) => {
            refusal::report(context, object.as_ref(), error).await;
        }
        Err(_) => {}
        Ok(_) => context.postponed.forget(uid(object.as_ref())),
    }
    reconciled
}

/// Executes step after step until the next one is to wait.
async fn take_steps<K: Lifecycle>(object: Arc<K>, context: &Context) -> Result<Action, Error> {
    let mut object = Arc::unwrap_or_clone(object);
    let identity = Identity::of(&object);
    if lacks_finalizer(&object) {
        object = context.api.add_finalizer(&object).await?;
    }
    // Whether `object` was read from or written to the API server in this reconcile. A cached object may be stale, and
    // its intent already executed.
    let mut is_live = false;
    // Whether this reconcile has just written the intent. Then no other reconcile can have made the call.
    let mut intent_just_written = false;
    // Whether it has just written the outcome of a call. Then no other reconcile can have requested the removal of an
    // orphan that this outcome made.
    let mut outcome_just_written = false;
    // The snapshot after a validation, which the next decision reuses.
    let mut validated = None;
    loop {
        let snapshot = match validated.take() {
            Some(snapshot) => snapshot,
            None => object.observe(context, &identity).await?,
        };
        match object.decide(context, &snapshot, !intent_just_written) {
            Step::Validate(purpose) => validated = Some(object.validate(context, snapshot, purpose).await),
            Step::Wait(until) => return Ok(clock::wait(until.as_ref())),
            Step::AwaitBroker => return Ok(wait_for_broker(context, &object, &identity, &snapshot)),
            Step::Resolve(references) => {
                object = write_references(context, &object, references).await?;
                is_live = true;
            }
            Step::Label(label, is_wanted) => {
                let patch = json!({"metadata": {"labels": {label: is_wanted.then_some("true")}}});
                object = context.api.patch(&object, patch, "labelling the object").await?;
                is_live = true;
            }
            // Another object has claimed the id since it was observed.
            Step::Write(status) if !object.claim_ids(context, &status) => {
                return Ok(Action::requeue(RETRY_BUSY_AFTER));
            }
            Step::Write(status) => {
                record_change(context, &object, &status).await;
                *object.status_mut() = Some(*status);
                object = context.api.write_status(&object).await?;
                (is_live, intent_just_written, outcome_just_written) = (true, true, false);
            }
            Step::Call(call) if !is_live && K::is_mutating(&call) => {
                object = context.api.read(&object).await?;
                is_live = true;
            }
            Step::Call(call) => {
                let is_first =
                    if K::removes_orphan(&call) { outcome_just_written } else { intent_just_written };
                let attempt = Attempt { snapshot: &snapshot, call: &call, may_be_retry: !is_first };
                let written = match call_broker(context, object, &identity, &attempt).await? {
                    ControlFlow::Continue(written) => written,
                    ControlFlow::Break(action) => return Ok(action),
                };
                object = written.object;
                (is_live, intent_just_written, outcome_just_written) = (true, false, !written.is_merged);
            }
            Step::Delete => return context.api.delete(&object).await.map(await_change),
            Step::RemoveFinalizer => return remove_finalizer(context, &object).await.map(await_change),
        }
    }
}

fn await_change(_: ()) -> Action {
    Action::await_change()
}

async fn write_references<K: Lifecycle>(
    context: &Context,
    object: &K,
    References { spec, labels, annotations, external_id }: References,
) -> Result<K, Error> {
    // Without a new id, the patch must not mention the field: null would remove it.
    let id = external_id.map(|id| ("externalID", json!(id)));
    let spec: BTreeMap<_, _> =
        spec.into_iter().map(|(name, reference)| (name, json!(reference))).chain(id).collect();
    let patch = json!({"metadata": {"labels": labels, "annotations": annotations}, "spec": spec});
    context.api.patch(object, patch, "writing the references to class and plan").await
}

/// Makes a call and persists its outcome. Breaks if that ended the object, or if the call is postponed.
async fn call_broker<K: Lifecycle>(
    context: &Context,
    object: K,
    identity: &Identity,
    attempt: &Attempt<'_, K>,
) -> Result<ControlFlow<Action, Written<K>>, Error> {
    let outcome = match object.execute(context, attempt).await {
        Err(Error::NotNow) => return Ok(ControlFlow::Break(Action::requeue(RETRY_BUSY_AFTER))),
        outcome => outcome?,
    };
    let settled = object.settle(context, attempt, outcome);
    context.next_poll.set(&identity.uid, settled.next_poll.clone());
    Ok(match persist_outcome(context, object, attempt, settled).await? {
        Some(written) => ControlFlow::Continue(written),
        None => ControlFlow::Break(Action::await_change()),
    })
}

/// Lets the object wait at the call gate of its broker, which requeues it as the half-open probe or when the circuit
/// closes.
fn wait_for_broker<K: Lifecycle>(
    context: &Context,
    object: &K,
    identity: &Identity,
    snapshot: &K::Snapshot,
) -> Action {
    if let Some(gate) = K::gate(snapshot) {
        let (queue, reference) = (K::queue(&context.queues).clone(), ObjectRef::from_obj(object));
        gate.wait(&identity.uid, move || queue.requeue(reference.clone()));
    }
    Action::await_change()
}

async fn remove_finalizer<K: Lifecycle>(context: &Context, object: &K) -> Result<(), Error> {
    object.clean_up(context).await?;
    context.api.remove_finalizer(object).await
}

/// Whether the object was created before the admission policy that adds the finalizer to new objects.
fn lacks_finalizer<K: Lifecycle>(object: &K) -> bool {
    let meta = object.meta();
    object.status().is_none() && meta.deletion_timestamp.is_none() && !domain::has_finalizer(meta)
}

async fn record_change<K: Lifecycle>(context: &Context, object: &K, status: &K::Status) {
    let before = object.status().map_or(&[][..], K::conditions);
    if let Some(note) = Note::for_change(before, K::conditions(status)) {
        record(context, object, note).await;
    }
}

/// Records an event. What is left at a broker is also counted and logged; if its namespace is being deleted, and with it
/// all events about the object, the event is about the namespace.
async fn record<K: Lifecycle>(context: &Context, object: &K, note: Note) {
    if note.reason == reason::LEFT_AT_BROKER {
        warn!(what = note.message, "left at the broker");
        context.metrics.left_at_broker(&K::kind(&()));
        let namespace = context.caches.namespaces.get(&ObjectRef::new(namespace(object)));
        if let Some(namespace) = namespace
            && namespace.metadata.deletion_timestamp.is_some()
        {
            return context.api.record_event(namespace.as_ref(), note).await;
        }
    }
    context.api.record_event(object, note).await;
}

/// Writes the outcome of a call; `None` if the finalizer was removed. On a conflict it reads the object and retries: an
/// edit by another client must not lose the outcome.
async fn persist_outcome<K: Lifecycle>(
    context: &Context,
    mut object: K,
    attempt: &Attempt<'_, K>,
    mut settled: Settled<K::Status>,
) -> Result<Option<Written<K>>, Error> {
    match settled.note.take() {
        Some(note) if note.warning => record(context, &object, note).await,
        Some(note) => context.success_events.record(&object, &note),
        None => {}
    }
    let before = object.status().cloned().unwrap_or_default();
    let mut is_merged = false;
    loop {
        let current = object.status().cloned().unwrap_or_default();
        if !settled.remove_finalizer && current == settled.status {
            return Ok(Some(Written { object, is_merged }));
        }
        let written = if settled.remove_finalizer {
            remove_finalizer(context, &object).await.map(|()| None)
        } else {
            *object.status_mut() = Some(settled.status.clone());
            context.api.write_status(&object).await.map(|object| Some(Written { object, is_merged }))
        };
        let error = match written {
            Err(error) if error.is_conflict() => error,
            // With the outcome in the status the broker is not asked again when the removal is tried again.
            Err(error) if error.is_refused() && settled.remove_finalizer && current != settled.status => {
                settled.remove_finalizer = false;
                continue;
            }
            written => return written,
        };
        object = context.api.read(&object).await?;
        if object.status().cloned().unwrap_or_default() == current {
            info!("conflict: another client edited the object during the call; writing the outcome again");
            continue;
        }
        info!("conflict: another replica wrote the status during the call; merging the outcome into it");
        is_merged = true;
        (settled.status, settled.remove_finalizer) =
            match object.merge_concurrent_status(context, attempt, &before) {
                Some(status) => (status, false),
                None => return Err(error),
            };
    }
}
