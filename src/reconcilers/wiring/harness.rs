//! What every reconciler needs, whatever its kind: a task of its own, a limit for each namespace, a check for a stale
//! cache, a timeout, contained panics, back-off, metrics and logs. The entry point is [`run`].

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _, TryFutureExt as _};
use kube::ResourceExt as _;
use kube::runtime::controller::{Action, Config};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{applier, controller};
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument as _, debug, error, info_span, warn};

use crate::fair_limiter::FairLimiter;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::Error;
use crate::reconcilers::identity::uid;
use crate::reconcilers::kind::Kind;
use crate::reconcilers::postponed;
use crate::reconcilers::queue::{self, Requests};

/// Timeout of a reconcile. It covers one response of a broker and a few of the API server.
const RECONCILE_TIMEOUT: Duration = Duration::from_mins(5);
/// How many objects of a kind are reconciled at once in a namespace, at most. It limits the memory for a namespace: each
/// reconcile holds parameters and requests.
const MAX_IN_NAMESPACE: usize = 128;
/// The delay after a 404: by then the watches have delivered the deletion.
const RETRY_NOT_FOUND_AFTER: Duration = Duration::from_secs(10);

/// Runs a reconciler from the moment at which this replica becomes the leader until its queue is closed.
pub async fn run<K, F, P>(store: Store<K>, queue: Requests<K>, context: Arc<Context>, reconcile: F)
where
    K: Kind,
    F: Fn(Arc<K>, Arc<Context>) -> P + Send + Sync + Clone + 'static,
    P: Future<Output = Result<Action, Error>> + Send + 'static,
{
    let requests =
        queue::requests(queue, store.clone(), context.fence.clone(), Arc::clone(&context.api.refused));
    let limiter = FairLimiter::for_each(MAX_IN_NAMESPACE);
    let reconciles = applier(
        move |object: Arc<K>, context: Arc<Context>| {
            let turn = in_turn(object, context, Arc::clone(&limiter), reconcile.clone());
            // A task of its own: while one reconcile computes, others go on.
            AbortOnDropHandle::new(tokio::spawn(turn))
                .unwrap_or_else(|error| Err(Error::Panic(error.to_string())))
                .boxed()
        },
        |object, error: &Error, context| Action::requeue(back_off(&context, uid(object.as_ref()), error)),
        context,
        store,
        requests,
        Config::default(),
    );
    reconciles
        .for_each(async |reconciled| {
            if let Err(controller::Error::QueueError(error)) = reconciled {
                error!(%error, "the reconcile queue failed");
            }
        })
        .await;
}

/// Reconciles the object once fewer than [`MAX_IN_NAMESPACE`] others of its namespace are being reconciled.
async fn in_turn<K, F, P>(
    object: Arc<K>,
    context: Arc<Context>,
    limiter: Arc<FairLimiter>,
    reconcile: F,
) -> Result<Action, Error>
where
    K: Kind,
    F: Fn(Arc<K>, Arc<Context>) -> P,
    P: Future<Output = Result<Action, Error>> + Send + 'static,
{
    let _permit = limiter.acquire(object.meta().namespace.as_deref().unwrap_or_default()).await;
    // The object may have changed while it waited.
    match K::cache(&context.caches).get(&ObjectRef::from_obj(object.as_ref())) {
        // Boxed: what waits for its turn takes little memory.
        Some(object) => Box::pin(reconcile_once(object, context, reconcile)).await,
        None => Ok(Action::await_change()),
    }
}

async fn reconcile_once<K, F, P>(object: Arc<K>, context: Arc<Context>, reconcile: F) -> Result<Action, Error>
where
    K: Kind,
    F: Fn(Arc<K>, Arc<Context>) -> P,
    P: Future<Output = Result<Action, Error>> + Send + 'static,
{
    if context.api.take_stale(object.as_ref()) {
        return Ok(Action::await_change());
    }
    let kind = K::kind(&());
    let uid = uid(object.as_ref()).to_owned();
    let span = info_span!("reconcile", %kind, namespace = object.namespace(), name = object.name_any());
    let timer = context.metrics.start_reconcile(&kind);
    let guarded = AssertUnwindSafe(reconcile(Arc::clone(&object), Arc::clone(&context))).catch_unwind();
    let result = match tokio::time::timeout(RECONCILE_TIMEOUT, guarded.instrument(span.clone())).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(Error::Panic(describe(panic.as_ref()))),
        Err(_) => Err(Error::TooLong(RECONCILE_TIMEOUT)),
    };
    if let Err(Error::Postponed(delay)) = result {
        return Ok(Action::requeue(delay));
    }
    let is_gone = is_gone(&context, object.as_ref());
    if is_gone {
        // It was forgotten when the watch delivered its deletion. The reconcile may have remembered it anew since.
        context.forget(&uid);
    }
    let result = match result {
        Err(error) if error.is_not_found() && is_gone => Ok(Action::await_change()),
        result => result,
    };
    timer.end(match &result {
        Ok(_) => "success",
        Err(error) if error.is_conflict() || error.is_not_found() => "conflict",
        Err(_) => "error",
    });
    match result {
        Ok(action) => {
            context.failures.set(&uid, None);
            Ok(action)
        }
        Err(error) => {
            span.in_scope(|| match &error {
                _ if error.is_not_found() => debug!(%error, "object not found"),
                _ if error.is_conflict() => debug!(%error, "conflict: another client wrote first; retrying"),
                Error::Panic(_) => error!(%error, "reconcile panicked; retrying with back-off"),
                _ => warn!(%error, "reconcile failed; retrying with back-off"),
            });
            // Nothing retries for an object that is gone, so nothing must remember its failures.
            if is_gone { Ok(Action::await_change()) } else { Err(error) }
        }
    }
}

/// Whether the watch has delivered the deletion of the object. If not, the 404 may be about another object that the
/// reconcile writes, and the reconcile is retried.
fn is_gone<K: Kind>(context: &Context, object: &K) -> bool {
    let known = K::cache(&context.caches).get(&ObjectRef::from_obj(object));
    known.is_none_or(|known| uid(known.as_ref()) != uid(object))
}

fn describe(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

/// Counts a failure; returns the delay until the retry. A conflict or a 404 is not a failure.
fn back_off(context: &Context, uid: &str, error: &Error) -> Duration {
    if error.is_conflict() {
        return postponed::MIN_DELAY;
    }
    if error.is_not_found() {
        return RETRY_NOT_FOUND_AFTER;
    }
    let before = context.failures.get(uid).unwrap_or_default();
    context.failures.set(uid, Some(before.saturating_add(1)));
    postponed::back_off(before)
}
