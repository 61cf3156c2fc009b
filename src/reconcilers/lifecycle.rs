//! The reconcile loop of instances and bindings: observe, decide, execute, settle, write; step after step until there is
//! nothing to do now.

use std::ops::ControlFlow;
use std::sync::Arc;

use kube::core::object::HasStatus;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use serde_json::json;
use tracing::info;

use crate::crd::condition::Condition;
use crate::domain::schema::Purpose;
use crate::domain::{self, Note, Outcome, Settled, Step};
use crate::reconcilers::broker_access::call_gate::{CallGate, RETRY_BUSY_AFTER};
use crate::reconcilers::clock;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::Error;
use crate::reconcilers::identity::Identity;
use crate::reconcilers::kind::Kind;

/// A kind whose objects live at a broker.
pub trait Lifecycle: Kind + HasStatus<Status: Clone + Default + PartialEq + Send + Sync> {
    /// A call to its broker.
    type Call: Send + Sync;
    /// What is found out about an object.
    type Snapshot: Send + Sync;

    /// Finds out what is decided upon.
    fn observe(
        &self,
        context: &Context,
        identity: &Identity,
    ) -> impl Future<Output = Result<Self::Snapshot, Error>> + Send;

    /// Compares the parameters with the plan's schema, and adds what came of it to what is known.
    fn validate(
        &self,
        context: &Context,
        snapshot: Self::Snapshot,
        purpose: Purpose,
    ) -> impl Future<Output = Self::Snapshot> + Send;

    /// The one next step. `repeated`: what is asked next may have been asked before.
    fn decide(
        &self,
        context: &Context,
        snapshot: &Self::Snapshot,
        repeated: bool,
    ) -> Step<Self::Status, Self::Call>;

    /// Whether a call changes something, or only asks.
    fn changes_something(call: &Self::Call) -> bool;

    /// Asks the broker, when it is this object's turn.
    fn execute(
        &self,
        context: &Context,
        snapshot: &Self::Snapshot,
        call: &Self::Call,
    ) -> impl Future<Output = Result<Outcome, Error>> + Send;

    /// The status after the call.
    fn settle(
        &self,
        context: &Context,
        attempt: &Attempt<'_, Self>,
        outcome: Outcome,
    ) -> Settled<Self::Status>;

    /// Merges the call's effect into a status that another replica wrote meanwhile, in place of `before`; `None` if that
    /// status already accounts for the call.
    fn merge_concurrent_status(
        &self,
        context: &Context,
        attempt: &Attempt<'_, Self>,
        before: &Self::Status,
    ) -> Option<Self::Status>;

    /// Removes what is of no use without the object, before its finalizer is removed.
    fn clean_up(&self, context: &Context) -> impl Future<Output = Result<(), Error>> + Send;

    /// The gate of the broker that is asked, if that was spoken to before.
    fn gate(snapshot: &Self::Snapshot) -> Option<&Arc<CallGate>>;

    /// The conditions of a status.
    fn conditions(status: &Self::Status) -> &[Condition];
}

/// A call to a broker, with what it was decided upon.
pub struct Attempt<'a, K: Lifecycle> {
    /// What was observed.
    pub snapshot: &'a K::Snapshot,
    /// The call.
    pub call: &'a K::Call,
    /// Whether the broker may have got the same call before.
    pub repeated: bool,
}

/// Reconciles an object: carries out step after step until the next one is to wait.
pub async fn run<K: Lifecycle>(object: Arc<K>, context: &Context) -> Result<Action, Error> {
    let mut object = Arc::unwrap_or_clone(object);
    let identity = Identity::of(&object);
    if lacks_finalizer(&object) {
        object = context.api.add_finalizer(&object).await?;
    }
    // Whether `object` was read or written just now: what is only in the cache may have been carried out already.
    let mut is_live = false;
    // Whether this run has just written the intent, so that no other can have made the call before.
    let mut intent_just_written = false;
    // What is known already, if the last step was to find out more.
    let mut known = None;
    loop {
        let snapshot = match known.take() {
            Some(snapshot) => snapshot,
            None => object.observe(context, &identity).await?,
        };
        match object.decide(context, &snapshot, !intent_just_written) {
            Step::Validate(purpose) => known = Some(object.validate(context, snapshot, purpose).await),
            Step::Wait(until) => return Ok(clock::wait(until.as_ref())),
            Step::AwaitBroker => return Ok(wait_for_broker(context, &object, &identity, &snapshot)),
            Step::Resolve(references) => {
                let patch = json!({"metadata": {"labels": references.labels}, "spec": references.spec});
                object =
                    context.api.patch(&object, patch, "writing the references to class and plan").await?;
                is_live = true;
            }
            Step::Label(label) => {
                let patch = json!({"metadata": {"labels": {label: "true"}}});
                object = context.api.patch(&object, patch, "labelling the object").await?;
                is_live = true;
            }
            Step::Write(status) => {
                record_news(context, &object, &status).await;
                *object.status_mut() = Some(*status);
                object = context.api.write_status(&object).await?;
                (is_live, intent_just_written) = (true, true);
            }
            Step::Call(call) if !is_live && K::changes_something(&call) => {
                object = context.api.read(&object).await?;
                is_live = true;
            }
            Step::Call(call) => {
                let attempt = Attempt { snapshot: &snapshot, call: &call, repeated: !intent_just_written };
                match call_broker(context, object, &identity, &attempt).await? {
                    ControlFlow::Continue(written) => object = written,
                    ControlFlow::Break(action) => return Ok(action),
                }
                (is_live, intent_just_written) = (true, false);
            }
            Step::Delete => {
                return context.api.delete(&object).await.map(|()| Action::await_change());
            }
            Step::RemoveFinalizer => {
                return remove_finalizer(context, &object).await.map(|()| Action::await_change());
            }
        }
    }
}

/// Makes a call and persists what came of it. Ends the reconcile if the object is gone then, or if the call is not made now.
async fn call_broker<K: Lifecycle>(
    context: &Context,
    object: K,
    identity: &Identity,
    attempt: &Attempt<'_, K>,
) -> Result<ControlFlow<Action, K>, Error> {
    let outcome = match object.execute(context, attempt.snapshot, attempt.call).await {
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

/// The object is requeued when its broker is called again.
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
    context.api.remove_finalizer(object).await?;
    info!("removed the finalizer");
    Ok(())
}

/// Whether the object is older than the policy that gives a finalizer to new ones.
fn lacks_finalizer<K: Lifecycle>(object: &K) -> bool {
    let meta = object.meta();
    object.status().is_none() && meta.deletion_timestamp.is_none() && !domain::has_finalizer(meta)
}

async fn record_news<K: Lifecycle>(context: &Context, object: &K, status: &K::Status) {
    let before = object.status().map_or(&[][..], K::conditions);
    if let Some(note) = Note::of_news(before, K::conditions(status)) {
        context.api.record_event(object, note).await;
    }
}

/// Writes what came of a call; returns nothing if the finalizer was removed. An edit that another client made meanwhile is
/// no reason to lose the outcome.
async fn persist_outcome<K: Lifecycle>(
    context: &Context,
    mut object: K,
    attempt: &Attempt<'_, K>,
    mut settled: Settled<K::Status>,
) -> Result<Option<K>, Error> {
    if let Some(note) = settled.note {
        context.api.record_event(&object, note).await;
    }
    let before = object.status().cloned().unwrap_or_default();
    loop {
        let known = object.status().cloned().unwrap_or_default();
        if !settled.release && known == settled.status {
            return Ok(Some(object));
        }
        let written = if settled.release {
            remove_finalizer(context, &object).await.map(|()| None)
        } else {
            *object.status_mut() = Some(settled.status.clone());
            context.api.write_status(&object).await.map(Some)
        };
        let error = match written {
            Err(error) if error.is_conflict() => error,
            written => return written,
        };
        object = context.api.read(&object).await?;
        if object.status().cloned().unwrap_or_default() == known {
            info!("another client edited the object during the call: its outcome is written nevertheless");
            continue;
        }
        info!("another replica wrote the status during the call");
        (settled.status, settled.release) = match object.merge_concurrent_status(context, attempt, &before) {
            Some(status) => (status, false),
            None => return Err(error),
        };
    }
}
