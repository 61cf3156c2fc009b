//! The call gate of a broker, through which every call goes: a fair semaphore and a circuit breaker. The entry points
//! are [`CallGate::call`] and, for an object that cannot be called for now, [`CallGate::wait`].
//!
//! A broker that several namespaces use has a gate for each ([`CallGate::of`]), with a circuit breaker of its own, and one
//! for the broker, which only fetches of the catalog go through (`domain::circuit_breaker`). While the circuit of the
//! broker is open, the gates of the namespaces are closed, too. All have one semaphore.
//!
//! While the circuit is open, objects wait here without being reconciled. When it becomes half-open, the gate requeues
//! one of them, whose call is the probe. When it closes, the gate requeues all of them, in growing batches.
//!
//! The probe comes from the object that has waited longest; if that makes no call within a second, from the next. The
//! longest wait comes first so that an instance at which the broker always hangs is not the probe each time. After the
//! circuit has closed, 1, 2, 4 … 64 objects are requeued every 100 ms. If no object waits, or several namespaces use the
//! broker, the reconciler of the broker probes by fetching the catalog; else `Available` would stay `False` for want of a
//! caller.
//!
//! A call that waits for its permit for a minute is given up, but its reconcile does not fail: the object is
//! requeued.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::domain::circuit_breaker::{Admission, CallResult, CircuitBreaker, Outage, OutageCause};
use crate::domain::schedule;
use crate::fair_limiter::FairLimiter;
use crate::osb;
use crate::reconcilers::clock;
use crate::reconcilers::error::Error;

/// How many calls to a broker are in flight at once, at most. So a broker that hangs does not slow down others.
const MAX_CALLS: usize = 32;
/// How many of them are of one namespace, at most, if several use the broker: a call may take a minute.
const MAX_CALLS_OF_NAMESPACE: usize = 16;
/// How long a call waits for a permit before it is given up and its object requeued.
pub const PERMIT_TIMEOUT: Duration = Duration::from_mins(1);
/// Requeue delay of a postponed call: the circuit opened between decide and call, or no permit became free.
pub const RETRY_BUSY_AFTER: Duration = Duration::from_secs(1);
/// How long a requeued object has to make the half-open probe before the next one is requeued.
const PROBE_DELAY: Duration = Duration::from_secs(1);
/// After the circuit has closed, the interval between two batches of requeued objects. Each batch is twice as large as
/// the one before, starting with one object.
const BATCH_INTERVAL: Duration = Duration::from_millis(100);
/// How long waiting objects are left alone, at most, without a change of the circuit.
const MAX_PAUSE: Duration = Duration::from_mins(1);
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
    /// What this gate is for.
    scope: GateScope,
    /// Whether the broker has said that its catalog is newer than the published one.
    outdated: AtomicBool,
}

/// For which calls a gate is.
enum GateScope {
    /// For all calls to a broker of one namespace.
    Broker(Requeue),
    /// For the fetches of the catalog of a broker that several namespaces use, with the gates of these.
    Shared(Requeue, Mutex<HashMap<String, Arc<CallGate>>>),
    /// For the calls of one of several namespaces, with the gate of the broker.
    Namespace(Weak<CallGate>),
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
    /// The gate of the broker of this name, which one namespace uses. `requeue_broker` is called whenever the circuit
    /// opens or closes, and when the broker says that its catalog has changed.
    pub fn new(broker: &str, requeue_broker: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        let scope = GateScope::Broker(Box::new(requeue_broker));
        Self::with(CircuitBreaker::new(broker), FairLimiter::new(MAX_CALLS), scope)
    }

    /// As [`Self::new`], for a broker that several namespaces use. `requeue_broker` is also called when calls of a namespace
    /// fail, so that a fetch of the catalog shows whether the broker works.
    pub fn shared(broker: &str, requeue_broker: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        let scope = GateScope::Shared(Box::new(requeue_broker), Mutex::default());
        let limiter = FairLimiter::with_share(MAX_CALLS, MAX_CALLS_OF_NAMESPACE);
        Self::with(CircuitBreaker::new(broker), limiter, scope)
    }

    fn with(breaker: CircuitBreaker, limiter: Arc<FairLimiter>, scope: GateScope) -> Arc<Self> {
        Arc::new(Self {
            breaker: Mutex::new(breaker),
            limiter,
            waiting: Mutex::default(),
            circuit_changed: Notify::new(),
            scope,
            outdated: AtomicBool::new(false),
        })
    }

    /// The gate for the calls of a namespace; of none, for those of the broker itself.
    pub fn of(self: &Arc<Self>, namespace: &str) -> Arc<Self> {
        let GateScope::Shared(_, gates) = &self.scope else { return Arc::clone(self) };
        if namespace.is_empty() {
            return Arc::clone(self);
        }
        let mut gates = lock(gates);
        if let Some(known) = gates.get(namespace) {
            return Arc::clone(known);
        }
        gates.retain(|_, gate| !gate.is_idle());
        let breaker = CircuitBreaker::of_namespace(self.breaker().broker());
        let scope = GateScope::Namespace(Arc::downgrade(self));
        let gate = Self::with(breaker, Arc::clone(&self.limiter), scope);
        gates.insert(namespace.to_owned(), Arc::clone(&gate));
        gate
    }

    /// Forgets a namespace that is gone.
    pub fn forget_namespace(&self, namespace: &str) {
        if let GateScope::Shared(_, gates) = &self.scope {
            lock(gates).remove(namespace);
        }
    }

    /// Whether nothing need be remembered of it.
    fn is_idle(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1 && self.breaker().open_cause().is_none() && self.objects_waiting() == 0
    }

    /// The gates of the namespaces, if this one is of a broker that several use.
    fn gates(&self) -> Vec<Arc<Self>> {
        match &self.scope {
            GateScope::Shared(_, gates) => lock(gates).values().cloned().collect(),
            GateScope::Broker(_) | GateScope::Namespace(_) => Vec::new(),
        }
    }

    /// The gate of the broker, if this one is of a namespace. `None` also if the broker is gone.
    fn broker_gate(&self) -> Option<Arc<Self>> {
        match &self.scope {
            GateScope::Namespace(broker) => broker.upgrade(),
            GateScope::Broker(_) | GateScope::Shared(..) => None,
        }
    }

    fn requeue_broker(&self) {
        match &self.scope {
            GateScope::Broker(requeue) | GateScope::Shared(requeue, _) => requeue(),
            GateScope::Namespace(_) => {}
        }
    }

    /// Whether several namespaces use the broker.
    pub fn is_shared(&self) -> bool {
        matches!(self.scope, GateScope::Shared(..))
    }

    /// Whether calls of a namespace have failed, and a fetch of the catalog has to show whether the broker works.
    pub fn is_suspected(&self) -> bool {
        self.breaker().is_suspected()
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
        let broker = self.broker_gate();
        if broker.as_ref().is_some_and(|broker| broker.breaker().open_cause().is_some()) {
            return Err(Error::NotNow);
        }
        let admission = self.breaker().admit(&clock::now()).map_err(|_| Error::NotNow)?;
        let mut admitted = Admitted { gate: self, admission, result: None };
        let result = call.await;
        admitted.result = CallResult::of(&result);
        if result.as_ref().is_err_and(needs_catalog) {
            let broker = broker.as_ref().unwrap_or(self);
            broker.set_outdated(true);
            broker.requeue_broker();
        }
        Ok(result)
    }

    /// Whether the broker has said that the published catalog is outdated (OSB, “Service Broker Errors”,
    /// `MaintenanceInfoConflict`), or the version of the API: a fetch of the catalog finds out which one it understands.
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
        let now = clock::now();
        let of_all = self.broker_gate().and_then(|broker| broker.breaker().outage_for_tenants(&now));
        of_all.or_else(|| self.breaker().outage(&now))
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
        self.gates().iter().for_each(|gate| gate.forget(uid));
    }

    /// Closes the circuit, because the broker is replaced or gone. Waiting objects are requeued.
    pub fn reset(&self) {
        self.breaker().forget();
        self.circuit_changed.notify_one();
        self.gates().iter().for_each(|gate| gate.reset());
    }

    /// How many calls wait for a permit.
    pub fn calls_waiting(&self) -> usize {
        self.limiter.waiting()
    }

    /// How many objects wait for the circuit to close.
    pub fn objects_waiting(&self) -> usize {
        let of_namespaces: usize = self.gates().iter().map(|gate| gate.objects_waiting()).sum();
        self.waiting().objects.len() + of_namespaces
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
        let of_all = self.broker_gate().and_then(|broker| broker.outage_cause());
        let (count, delay, next) = match self.outage_cause() {
            // The gate of the broker tells when its circuit has closed.
            _ if of_all.is_some() => (0, MAX_PAUSE, 1),
            None => (*batch, BATCH_INTERVAL, MAX_BATCH.min(*batch * 2)),
            Some((_, None)) => (0, PROBE_DELAY, 1),
            Some((_, Some(until))) if schedule::is_due(&until, &clock::now()) => (1, PROBE_DELAY, 1),
            Some((_, Some(until))) => (0, clock::delay(&until), 1),
        };
        *batch = next;
        let mut waiting = self.waiting();
        waiting.take(count).iter().for_each(|requeue| requeue());
        waiting.is_attended = !waiting.objects.is_empty();
        waiting.is_attended.then_some(delay)
    }

    fn breaker(&self) -> MutexGuard<'_, CircuitBreaker> {
        lock(&self.breaker)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        let now = clock::now();
        let has_failed = matches!(self.result, Some(CallResult::Failed(_)));
        let changed = match self.result.take() {
            Some(result) => breaker.record(&self.admission, result, &now),
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
        self.gate.gates().iter().for_each(|gate| gate.circuit_changed.notify_one());
        self.gate.requeue_broker();
        let Some(broker) = self.gate.broker_gate().filter(|_| has_failed) else { return };
        let is_new = broker.breaker().suspect(&now);
        if is_new {
            broker.requeue_broker();
        }
    }
}

/// Whether the answer says that the next step is to fetch the catalog.
fn needs_catalog(error: &osb::Error) -> bool {
    error.is_maintenance_info_conflict() || error.is_unsupported_version()
}

#[cfg(test)]
mod tests;
