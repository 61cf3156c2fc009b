//! What is a pass over an instance or a binding? Observe, decide, execute, settle, write; step after step until there is
//! nothing to do now.

use std::sync::Arc;

use kube::ResourceExt as _;
use kube::core::object::HasStatus;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use serde_json::json;
use tracing::info;

use crate::crd::condition::Condition;
use crate::domain::{self, Note, Outcome, Settled, Step};
use crate::reconcilers::broker_access::call_gate::{GO_ROUND, Gate};
use crate::reconcilers::clock;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::Error;
use crate::reconcilers::queue::Queue;
use crate::reconcilers::scope::Kind;

/// A kind whose objects live at a broker.
pub trait Life: Kind + HasStatus<Status: Clone + Default + PartialEq + Send + Sync> {
    /// A call to its broker.
    type Call: Send + Sync;
    /// What is found out about an object.
    type Facts: Send + Sync;

    /// Finds out what is decided upon.
    fn observe(&self, context: &Context) -> impl Future<Output = Result<Self::Facts, Error>> + Send;

    /// The one next step. `repeated`: what is asked next may have been asked before.
    fn decide(
        &self,
        context: &Context,
        facts: &Self::Facts,
        repeated: bool,
    ) -> Step<Self::Status, Self::Call>;

    /// Whether a call changes something, or only asks.
    fn changes_something(call: &Self::Call) -> bool;

    /// Asks the broker, when it is this object's turn.
    fn execute(
        &self,
        context: &Context,
        facts: &Self::Facts,
        call: &Self::Call,
    ) -> impl Future<Output = Result<Outcome, Error>> + Send;

    /// What is so after the call.
    fn settle(
        &self,
        context: &Context,
        asked: (&Self::Facts, &Self::Call, bool),
        outcome: Outcome,
    ) -> Settled<Self::Status>;

    /// What is so after the call if this is no longer the object that was there `before`: nothing, if what is there now knows
    /// of the call.
    fn overtaken(
        &self,
        context: &Context,
        asked: (&Self::Facts, &Self::Call),
        before: &Self::Status,
    ) -> Option<Self::Status>;

    /// Removes what is of no use without the object, before it is let go.
    fn tidy(&self, context: &Context) -> impl Future<Output = Result<(), Error>> + Send;

    /// The gate of the broker that is asked, if that was spoken to before.
    fn gate(facts: &Self::Facts) -> Option<&Arc<Gate>>;

    /// What wakes the reconciler of the kind.
    fn queue(context: &Context) -> &Queue<Self>;

    /// What a status states.
    fn conditions(status: &Self::Status) -> &[Condition];
}

/// One pass.
pub async fn run<K: Life>(object: Arc<K>, context: &Context) -> Result<Action, Error> {
    let mut object = Arc::unwrap_or_clone(object);
    if is_new(&object) {
        object = context.hold(&object).await?;
    }
    // Whether `object` is surely the newest version: what is only in the cache may have been carried out already.
    let mut fresh = false;
    // Whether what is asked next was written just now, so that nobody can have asked it before.
    let mut announced = false;
    loop {
        let facts = object.observe(context).await?;
        match object.decide(context, &facts, !announced) {
            Step::Wait(until) => return Ok(clock::wait(until.as_ref())),
            Step::Hold => {
                wait_for_broker(context, &object, &facts);
                return Ok(Action::await_change());
            }
            Step::Resolve(references) => {
                let patch = json!({"metadata": {"labels": references.labels}, "spec": references.spec});
                object = context.patch(&object, patch, "writing the references to class and plan").await?;
                fresh = true;
            }
            Step::Label(label) => {
                let patch = json!({"metadata": {"labels": {label: "true"}}});
                object = context.patch(&object, patch, "labelling the object").await?;
                fresh = true;
            }
            Step::Write(status) => {
                tell_news(context, &object, &status).await;
                *object.status_mut() = Some(*status);
                object = context.write_status(&object).await?;
                (fresh, announced) = (true, true);
            }
            Step::Call(call) if !fresh && K::changes_something(&call) => {
                object = context.read(&object).await?;
                fresh = true;
            }
            Step::Call(call) => {
                let outcome = match object.execute(context, &facts, &call).await {
                    Err(Error::NotNow) => return Ok(Action::requeue(GO_ROUND)),
                    outcome => outcome?,
                };
                let settled = object.settle(context, (&facts, &call, !announced), outcome);
                announced = false;
                match conclude(context, (object, &facts, &call), settled).await? {
                    Some(written) => object = written,
                    None => return Ok(Action::await_change()),
                }
                fresh = true;
            }
            Step::Delete => {
                context.delete(&object).await?;
                return Ok(Action::await_change());
            }
            Step::Release => {
                let_go(context, &object).await?;
                return Ok(Action::await_change());
            }
        }
    }
}

/// The object is looked at again when its broker is called again.
fn wait_for_broker<K: Life>(context: &Context, object: &K, facts: &K::Facts) {
    if let Some(gate) = K::gate(facts) {
        let (queue, reference) = (K::queue(context).clone(), ObjectRef::from_obj(object));
        gate.wait(&object.uid().unwrap_or_default(), move || queue.wake(reference.clone()));
    }
}

async fn let_go<K: Life>(context: &Context, object: &K) -> Result<(), Error> {
    object.tidy(context).await?;
    context.release(object).await
}

/// Whether the object is older than the policy that gives a finalizer to new ones.
fn is_new<K: Life>(object: &K) -> bool {
    let meta = object.meta();
    object.status().is_none() && meta.deletion_timestamp.is_none() && !domain::has_finalizer(meta)
}

async fn tell_news<K: Life>(context: &Context, object: &K, status: &K::Status) {
    let before = object.status().map_or(&[][..], K::conditions);
    if let Some(note) = Note::of_news(before, K::conditions(status)) {
        context.tell(object, note).await;
    }
}

/// Writes what came of a call; nothing if the object was let go. That somebody has meanwhile changed something is no
/// reason to forget it.
async fn conclude<K: Life>(
    context: &Context,
    (mut object, facts, call): (K, &K::Facts, &K::Call),
    mut settled: Settled<K::Status>,
) -> Result<Option<K>, Error> {
    context.polls.set(&object.uid().unwrap_or_default(), settled.next_poll);
    if let Some(note) = settled.note {
        context.tell(&object, note).await;
    }
    let before = object.status().cloned().unwrap_or_default();
    loop {
        let known = object.status().cloned().unwrap_or_default();
        if !settled.release && known == settled.status {
            return Ok(Some(object));
        }
        let written = if settled.release {
            let_go(context, &object).await.map(|()| None)
        } else {
            *object.status_mut() = Some(settled.status.clone());
            context.write_status(&object).await.map(Some)
        };
        let error = match written {
            Err(error) if error.is_conflict() => error,
            written => return written,
        };
        object = context.read(&object).await?;
        if object.status().cloned().unwrap_or_default() == known {
            info!(
                "the object was edited while the broker was asked: what came of it is written nevertheless"
            );
            continue;
        }
        info!("another replica has written the status while the broker was asked");
        (settled.status, settled.release) = match object.overtaken(context, (facts, call), &before) {
            Some(status) => (status, false),
            None => return Err(error),
        };
    }
}
