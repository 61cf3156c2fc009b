//! The call gate of a broker, through which every call goes: a fair semaphore and a circuit breaker. The entry points
//! are [`CallGate::call`] and, for an object that cannot be called for now, [`CallGate::wait`].
//!
//! While the circuit is open, objects wait here without being reconciled. When it becomes half-open, the gate requeues
//! one of them, whose call is the probe. When it closes, the gate requeues all of them, in growing batches.
//!
//! The probe comes from the object that has waited longest; if that makes no call within a second, from the next. The
//! longest wait comes first so that an instance at which the broker always hangs is not the probe each time. After the
//! circuit has closed, 1, 2, 4 … 64 objects are requeued every 100 ms. If no object waits, the reconciler of the broker
//! probes by fetching the catalog; else `Available` would stay `False` for want of a caller.
//!
//! A call that waits for its permit for a minute is given up, but its reconcile does not fail: the object is
//! requeued.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::domain::circuit_breaker::{Admission, CallResult, CircuitBreaker, Outage, OutageCause};
use crate::fair_limiter::FairLimiter;
use crate::osb;
use crate::reconcilers::clock;
use crate::reconcilers::error::Error;

/// How many calls to a broker are in flight at once, at most. So a broker that hangs does not slow down others.
const MAX_CALLS: usize = 32;
/// How long a call waits for a permit before it is given up and its object requeued.
pub const PERMIT_TIMEOUT: Duration = Duration::from_mins(1);
/// Requeue delay of a postponed call: the circuit opened between decide and call, or no permit became free.
pub const RETRY_BUSY_AFTER: Duration = Duration::from_secs(1);
/// How long a requeued object has to make the half-open probe before the next one is requeued.
const PROBE_DELAY: Duration = Duration::from_secs(1);
/// After the circuit has closed, the interval between two batches of requeued objects. Each batch is twice as large as
/// the one before, starting with one object.
const BATCH_INTERVAL: Duration = Duration::from_millis(100);
/// The largest such batch.
const MAX_BATCH: usize = 64;

/// The broker's reply to a call that was made. If the call was not made, the result around it is [`Error::NotNow`].
pub type BrokerReply<T> = Result<T, osb::Error>;

/// Requeues an object.
type Requeue = Box<dyn Fn() + Send + Sync>;

/// The call gate of a broker.
pub struct CallGate {
    breaker: Mutex<CircuitBreaker>,
    limiter: Arc<FairLimiter>,
    waiting: Mutex<Waiting>,
    /// Notified when the circuit has changed its state.
    circuit_changed: Notify,
    /// Requeues the broker's own object, to update its status and its catalog.
    requeue_broker: Requeue,
    /// Whether the broker has said that its catalog is newer than the published one.
    outdated: AtomicBool,
}

/// The objects that wait for the circuit to close.
#[derive(Default)]
struct Waiting {
    /// In the order of arrival.
    objects: BTreeMap<u64, Requeue>,
    /// The place of each object, by UID.
    places: BTreeMap<String, u64>,
    /// How many objects have waited so far.
    arrivals: u64,
    /// Whether a task runs that requeues them.
    is_attended: bool,
}

impl Waiting {
    /// An object that waits already keeps its place.
    fn add(&mut self, uid: &str, requeue: Requeue) {
        let place = *self.places.entry(uid.to_owned()).or_insert_with(|| {
            self.arrivals += 1;
            self.arrivals
        });
        self.objects.insert(place, requeue);
    }

    fn remove(&mut self, uid: &str) {
        if let Some(place) = self.places.remove(uid) {
            self.objects.remove(&place);
        }
    }

    /// Takes the objects that have waited longest.
    fn take(&mut self, count: usize) -> Vec<Requeue> {
        let taken: Vec<_> = (0..count).map_while(|_| self.objects.pop_first()).collect();
        if let Some((last, _)) = taken.last() {
            self.places.retain(|_, place| *place > *last);
        }
        taken.into_iter().map(|(_, requeue)| requeue).collect()
    }
}

impl fmt::Debug for CallGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallGate").field("breaker", &self.breaker()).finish_non_exhaustive()
    }
}

impl CallGate {
    /// The gate of the broker of this name. `requeue_broker` is called whenever the circuit opens or closes, and when
    /// the broker says that its catalog has changed.
    pub fn new(broker: &str, requeue_broker: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            breaker: Mutex::new(CircuitBreaker::new(broker)),
            limiter: FairLimiter::new(MAX_CALLS),
            waiting: Mutex::default(),
            circuit_changed: Notify::new(),
            requeue_broker: Box::new(requeue_broker),
            outdated: AtomicBool::new(false),
        })
    }

    /// Makes a call for an object of this namespace, once it has a permit. [`Error::NotNow`], without a call, if no
    /// permit becomes free in time or the circuit is open.
    pub async fn call<T>(
        self: &Arc<Self>,
        namespace: &str,
        call: impl Future<Output = BrokerReply<T>>,
    ) -> Result<BrokerReply<T>, Error> {
        let permit = timeout(PERMIT_TIMEOUT, self.limiter.acquire(namespace)).await;
        let _permit = permit.map_err(|_| Error::NotNow)?;
        let admission = self.breaker().admit(&clock::now()).map_err(|_| Error::NotNow)?;
        let mut admitted = Admitted { gate: self, admission, result: None };
        let result = call.await;
        admitted.result = CallResult::of(&result);
        if result.as_ref().is_err_and(osb::Error::is_maintenance_info_conflict) {
            self.set_outdated(true);
            (self.requeue_broker)();
        }
        Ok(result)
    }

    /// Whether the broker has said that the published catalog is outdated (OSB, “Service Broker Errors”,
    /// `MaintenanceInfoConflict`).
    pub fn is_outdated(&self) -> bool {
        self.outdated.load(Ordering::Relaxed)
    }

    /// Sets [`Self::is_outdated`]: to false when the catalog is about to be fetched, to true again if it cannot be
    /// published.
    pub fn set_outdated(&self, outdated: bool) {
        self.outdated.store(outdated, Ordering::Relaxed);
    }

    /// Why calls have to wait, and until when; `None` if they do not.
    pub fn outage(&self) -> Option<Outage> {
        self.breaker().outage(&clock::now())
    }

    /// Why the circuit is open, and until when; no time if it is half-open and a probe is in flight. `None` if it is
    /// closed.
    pub fn outage_cause(&self) -> Option<(OutageCause, Option<Time>)> {
        self.breaker().open_cause().map(|(cause, until)| (cause.clone(), until.cloned()))
    }

    /// Lets the object with this UID wait until the gate requeues it.
    pub fn wait(self: &Arc<Self>, uid: &str, requeue: impl Fn() + Send + Sync + 'static) {
        let mut waiting = self.waiting();
        waiting.add(uid, Box::new(requeue));
        if !waiting.is_attended {
            waiting.is_attended = true;
            tokio::spawn(Arc::clone(self).requeue_waiting());
        }
    }

    /// Lets the object with this UID wait no longer, because it is gone.
    pub fn forget(&self, uid: &str) {
        self.waiting().remove(uid);
    }

    /// Closes the circuit, because the broker is replaced or gone. Waiting objects are requeued.
    pub fn reset(&self) {
        self.breaker().forget();
        self.circuit_changed.notify_one();
    }

    /// How many calls wait for a permit.
    pub fn calls_waiting(&self) -> usize {
        self.limiter.waiting()
    }

    /// How many objects wait for the circuit to close.
    pub fn objects_waiting(&self) -> usize {
        self.waiting().objects.len()
    }

    /// Requeues the waiting objects, batch after batch, until no object waits.
    async fn requeue_waiting(self: Arc<Self>) {
        let mut batch = 1;
        while let Some(delay) = self.requeue_batch(&mut batch) {
            // The next batch follows after the delay, or as soon as the circuit changes.
            let _ = timeout(delay, self.circuit_changed.notified()).await;
        }
    }

    /// Requeues as many objects as the circuit allows now; the delay until the next batch, if objects still wait.
    fn requeue_batch(&self, batch: &mut usize) -> Option<Duration> {
        let (count, delay, next) = match self.outage_cause() {
            None => (*batch, BATCH_INTERVAL, MAX_BATCH.min(*batch * 2)),
            Some((_, None)) => (0, PROBE_DELAY, 1),
            Some((_, Some(until))) => match clock::delay(&until) {
                Duration::ZERO => (1, PROBE_DELAY, 1),
                delay => (0, delay, 1),
            },
        };
        *batch = next;
        let mut waiting = self.waiting();
        waiting.take(count).iter().for_each(|requeue| requeue());
        waiting.is_attended = !waiting.objects.is_empty();
        waiting.is_attended.then_some(delay)
    }

    fn breaker(&self) -> MutexGuard<'_, CircuitBreaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call in flight. On drop its result is recorded in the circuit breaker; without a result, as when the call is
/// cancelled, its admission is withdrawn.
struct Admitted<'a> {
    gate: &'a CallGate,
    admission: Admission,
    result: Option<CallResult>,
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        let mut breaker = self.gate.breaker();
        let changed = match self.result.take() {
            Some(result) => breaker.record(&self.admission, result, &clock::now()),
            None => breaker.withdraw(&self.admission),
        };
        if !changed {
            return;
        }
        let broker = breaker.broker();
        if let Some((cause, until)) = breaker.open_cause() {
            let (reason, error) = (cause.reason, &cause.description);
            let until = until.map(|until| until.0.to_string());
            warn!(broker, reason, error, until, "broker circuit opened; calls are suspended");
        } else {
            info!(broker, "broker circuit closed; calls resume");
        }
        drop(breaker);
        self.gate.circuit_changed.notify_one();
        (self.gate.requeue_broker)();
    }
}

#[cfg(test)]
mod tests;
