//! The gate of a broker, through which every call goes: does the circuit breaker admit it, and whose turn is it?
//!
//! Objects that have to wait until the broker is called again wait here, without being reconciled. When the circuit is
//! half-open, one of them is requeued, and its call is the probe; when it is closed, all are, some at a time.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::domain::circuit_breaker::{Admission, CallResult, CircuitBreaker, Outage, OutageCause};
use crate::osb;
use crate::reconcilers::clock;
use crate::reconcilers::error::Error;
use crate::reconcilers::fair_limiter::FairLimiter;

/// How many requests a broker has to work on at once, at most. A broker that hangs slows down nobody else.
const REQUESTS: usize = 32;
/// How long a call stands in line before its object is looked at anew.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// Requeue delay when the circuit opened between decide and call.
pub const RETRY_BUSY_AFTER: Duration = Duration::from_secs(1);
/// How long whoever was woken has to find out whether the broker is back, before another is.
const TRIAL: Duration = Duration::from_secs(1);
/// When the broker is back, the first is woken at once, then twice as many at each step, up to a limit.
const STEP: Duration = Duration::from_millis(100);
const LARGEST_STEP: usize = 64;

/// The broker's reply to a call that was made. That the call was not made is the error around it: [`Error::NotNow`].
pub type BrokerReply<T> = Result<T, osb::Error>;

/// Requeues an object.
type Requeue = Box<dyn Fn() + Send + Sync>;

/// The gate of a broker.
pub struct CallGate {
    breaker: Mutex<CircuitBreaker>,
    limiter: Arc<FairLimiter>,
    waiting: Mutex<Waiting>,
    /// Something is otherwise than it was.
    news: Notify,
    /// The broker's own object is told of it.
    changed: Requeue,
    /// The broker says that its catalog is newer than what it is asked for.
    outdated: AtomicBool,
}

/// Who waits until the broker is called again, by UID, in the order of their coming.
#[derive(Default)]
struct Waiting {
    line: VecDeque<String>,
    objects: HashMap<String, Requeue>,
    /// Whether somebody is there to wake them.
    attended: bool,
}

impl Waiting {
    fn next(&mut self) -> Option<Requeue> {
        let uid = self.line.pop_front()?;
        self.objects.remove(&uid)
    }
}

impl fmt::Debug for CallGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallGate").field("breaker", &self.breaker()).finish_non_exhaustive()
    }
}

impl CallGate {
    /// The gate of the broker of this name; `changed` is called whenever it is called no more, or again, or says that its
    /// catalog has changed.
    pub fn new(broker: &str, changed: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            breaker: Mutex::new(CircuitBreaker::new(broker)),
            limiter: FairLimiter::new(REQUESTS),
            waiting: Mutex::default(),
            news: Notify::new(),
            changed: Box::new(changed),
            outdated: AtomicBool::new(false),
        })
    }

    /// Makes a call for an object of this namespace, when it is its turn; fails without having made it if the broker is
    /// not called at the moment, or if its turn does not come.
    pub async fn call<T>(
        self: &Arc<Self>,
        namespace: &str,
        call: impl Future<Output = BrokerReply<T>>,
    ) -> Result<BrokerReply<T>, Error> {
        let permit = timeout(LONGEST_WAIT, self.limiter.acquire(namespace)).await;
        let _permit = permit.map_err(|_| Error::NotNow)?;
        let ticket = self.breaker().admit(&clock::now()).map_err(|_| Error::NotNow)?;
        let mut admitted = Admitted { gate: self, ticket, contact: None };
        let result = call.await;
        admitted.contact = CallResult::of(&result);
        if result.as_ref().is_err_and(osb::Error::is_maintenance_info_conflict) {
            self.set_outdated(true);
            (self.changed)();
        }
        Ok(result)
    }

    /// Whether the broker has said that the catalog which is known here is not its newest (OSB, “Service Broker Errors”,
    /// `MaintenanceInfoConflict`).
    pub fn is_outdated(&self) -> bool {
        self.outdated.load(Ordering::Relaxed)
    }

    /// Its newest catalog is about to be fetched, or could not be published.
    pub fn set_outdated(&self, outdated: bool) {
        self.outdated.store(outdated, Ordering::Relaxed);
    }

    /// Whether calls have to wait, and why.
    pub fn outage(&self) -> Option<Outage> {
        self.breaker().outage(&clock::now())
    }

    /// What is the matter with the broker, and when it is called again; no time if that is being done.
    pub fn trouble(&self) -> Option<(OutageCause, Option<Time>)> {
        self.breaker().trouble().map(|(trouble, until)| (trouble.clone(), until.cloned()))
    }

    /// The object with this UID waits until the broker is called again; then it is woken.
    pub fn wait(self: &Arc<Self>, uid: &str, wake: impl Fn() + Send + Sync + 'static) {
        let mut waiting = self.waiting();
        if waiting.objects.insert(uid.to_owned(), Box::new(wake)).is_none() {
            waiting.line.push_back(uid.to_owned());
        }
        if !waiting.attended {
            waiting.attended = true;
            tokio::spawn(Arc::clone(self).attend());
        }
    }

    /// The broker is another than before, or gone: nobody need wait any longer.
    pub fn open(&self) {
        self.breaker().forget();
        self.news.notify_one();
    }

    /// How many calls stand in line.
    pub fn calls_waiting(&self) -> usize {
        self.limiter.waiting()
    }

    /// How many objects wait until the broker is called again.
    pub fn objects_waiting(&self) -> usize {
        self.waiting().objects.len()
    }

    /// Wakes those who wait, when it is time, until nobody does.
    async fn attend(self: Arc<Self>) {
        let mut step = 1;
        while let Some(pause) = self.wake(&mut step) {
            // It is the same whether time has passed or something has changed.
            let _ = timeout(pause, self.news.notified()).await;
        }
    }

    /// Wakes as many as may be now; how long it is to the next time, if somebody still waits.
    fn wake(&self, step: &mut usize) -> Option<Duration> {
        let (count, pause, next) = match self.trouble() {
            None => (*step, STEP, LARGEST_STEP.min(*step * 2)),
            Some((_, None)) => (0, TRIAL, 1),
            Some((_, Some(until))) => match clock::delay(&until) {
                Duration::ZERO => (1, TRIAL, 1),
                delay => (0, delay, 1),
            },
        };
        *step = next;
        let mut waiting = self.waiting();
        (0..count).map_while(|_| waiting.next()).for_each(|wake| wake());
        waiting.attended = !waiting.line.is_empty();
        waiting.attended.then_some(pause)
    }

    fn breaker(&self) -> MutexGuard<'_, CircuitBreaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call under way. Whatever becomes of it, the breaker hears of it.
struct Admitted<'a> {
    gate: &'a CallGate,
    ticket: Admission,
    contact: Option<CallResult>,
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        let mut breaker = self.gate.breaker();
        let changed = match self.contact.take() {
            Some(contact) => breaker.record(&self.ticket, contact, &clock::now()),
            None => breaker.withdraw(&self.ticket),
        };
        if !changed {
            return;
        }
        if let Some((trouble, until)) = breaker.trouble() {
            let (reason, told) = (trouble.reason, &trouble.told);
            let until = until.map(|until| until.0.to_string());
            warn!(reason, told, until, "the broker is not called for a while");
        } else {
            info!("the broker is called again");
        }
        drop(breaker);
        self.gate.news.notify_one();
        (self.gate.changed)();
    }
}

#[cfg(test)]
mod tests;
