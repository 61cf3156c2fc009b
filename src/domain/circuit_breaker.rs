//! May the operator call a broker now? A broker of one namespace has one circuit breaker, shared by all objects that need
//! the broker: [`CircuitBreaker::admit`] precedes a call, [`CircuitBreaker::record`] takes its result.
//!
//! **A broker that several namespaces use has a breaker for each namespace, and one for the broker.** What a broker answers
//! to one tenant may be about that tenant: a quota, a slow plan, an identity that it refuses. Therefore the calls of a
//! namespace open only the circuit of that namespace. Only the operator's own fetches of the catalog, which no tenant can
//! influence, open and close the circuit of the broker, which suspends the calls of all. When the circuit of a namespace
//! opens because calls failed, the broker is suspected ([`CircuitBreaker::suspect`]): the operator fetches the catalog at
//! once, and a single failure opens the circuit of the broker. An answer clears the suspicion for a minute, so that a tenant
//! cannot make the operator fetch catalogs all the time. A pause that the broker asks a namespace for is about that
//! namespace, and raises no suspicion.
//!
//! The breaker looks at what a reply says about the *broker*, not about the request:
//!
//! | result of a call | about | consequence |
//! |---|---|---|
//! | no connection, no answer, a broken connection; 401, 403, 412, a redirect | the broker | opens after 5 in a row |
//! | 429; 503 with `Retry-After` | the broker | opens at once, for as long as it asks |
//! | any other 2xx, 4xx or 5xx, readable or not | the request | a success: the broker answers |
//!
//! The circuit has three states:
//!
//! - **Closed**: every call is admitted.
//! - **Open**: no call is admitted for 1 s, then 2 s, doubling up to 5 min. The first call after the pause makes the
//!   circuit half-open.
//! - **Half-open**: that call probes the broker; no other is admitted. An answer closes the circuit, a failure opens it
//!   again. Only 5 answers in a row reset the pause to 1 s, so a broker that flaps gets a longer pause each time.
//!
//! **Each admission has an epoch**, because calls overlap. When a circuit opens, other calls are still in flight; their
//! results arrive in any order, some only during the next probe, and speak of the broker as it was when they were sent.
//! Therefore each change of state begins a new epoch, an [`Admission`] carries the epoch in which it was given, and
//! `record` ignores a result of an earlier one. Otherwise the late answer of a slow call would close a circuit that has
//! just opened, and a late failure would be taken for that of the probe (`results_of_an_earlier_epoch_are_ignored`).
//! [`CircuitBreaker::forget`] begins an epoch, too: calls to the former broker say nothing about the new one.
//!
//! **A broker that declines says when to come back.** The first 429, or 503 with `Retry-After`, opens the circuit for
//! exactly the time that `Retry-After` names. Back-off applies only to a 429 without it. One result of an earlier epoch
//! counts after all: a `Retry-After` that arrives while the circuit is open. It can extend the pause, never shorten it.
//!
//! **A probe may end without a result**: it was cancelled, or nothing could be sent. [`CircuitBreaker::withdraw`] then
//! opens the circuit with a pause that is over, so the next call is the probe. Otherwise the circuit would stay
//! half-open forever (`a_probe_without_a_result_is_repeated_by_another_call`).
//!
//! 502 and 504 do not count as failures: an immediate answer delays no caller, and a broker that answers one instance
//! this way may work for all others. Nothing survives a restart of the operator. A changed broker object or Secret
//! makes a new connection with a closed circuit, so the broker is tried at once.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{reason, schedule};
use crate::osb;

/// So many failures in a row open the circuit.
const FAILURE_THRESHOLD: u32 = 5;
/// So many answers in a row reset the pause to [`OPEN_MIN`].
const RECOVERY_THRESHOLD: u32 = 5;
/// The first pause. Each further one is twice as long.
const OPEN_MIN: Duration = Duration::from_secs(1);
/// The longest pause, unless the broker asks for more.
const OPEN_MAX: Duration = Duration::from_mins(5);
/// An object that waits no longer than this waits silently: its status is not written.
const SILENT_WAIT: Duration = Duration::from_secs(5);
/// How long after an answer that cleared it the broker is not suspected again.
const TRUSTED_FOR: Duration = Duration::from_mins(1);

/// Why the circuit of a broker is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutageCause {
    /// The reason for a condition, from [`reason`].
    pub reason: &'static str,
    /// A clause that names the status of the answer, or says that there was none. All namespaces may read it, so it
    /// must not contain the broker's description, which was meant for one of them.
    pub description: String,
}

/// What a call has shown of the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// The broker works. It may have refused the request.
    Answered,
    /// The broker cannot be used.
    Failed(OutageCause),
    /// The broker asks for a pause, with the `Retry-After` of its answer.
    Declined(OutageCause, Option<Duration>),
}

impl CallResult {
    /// What the result of a call shows of the broker; `None` if nothing was sent.
    pub fn of<T>(result: &Result<T, osb::Error>) -> Option<Self> {
        let Err(error) = result else { return Some(Self::Answered) };
        let failed = |reason, description| Some(Self::Failed(OutageCause { reason, description }));
        let answered = |status| format!("the broker answered with status {status}");
        match error {
            osb::Error::InvalidId { .. } => None,
            osb::Error::Unreachable { reason } => {
                failed(reason::BROKER_UNREACHABLE, format!("the broker cannot be reached: {reason}"))
            }
            osb::Error::NoAnswer { reason } => {
                failed(reason::BROKER_UNREACHABLE, format!("the broker did not answer: {reason}"))
            }
            osb::Error::Status { status: status @ (401 | 403), .. } => {
                failed(reason::BROKER_UNAUTHORIZED, answered(status))
            }
            osb::Error::Status { status: 412, .. } | osb::Error::Redirected { .. } => {
                failed(reason::BROKER_INCOMPATIBLE, answered(&error.status().unwrap_or_default()))
            }
            osb::Error::Status { status: status @ (429 | 503), retry_after, .. }
                if *status == 429 || retry_after.is_some() =>
            {
                let cause =
                    OutageCause { reason: reason::BROKER_RATE_LIMITED, description: answered(status) };
                Some(Self::Declined(cause, *retry_after))
            }
            osb::Error::Status { .. } | osb::Error::Malformed { .. } => Some(Self::Answered),
        }
    }
}

/// Calls to a broker are suspended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outage {
    /// The name of the broker.
    pub broker: String,
    /// Whether only the calls of the object's namespace are suspended.
    pub is_of_namespace: bool,
    /// The earliest time of the next call. The outage may be longer.
    pub until: Time,
    /// Why.
    pub cause: OutageCause,
}

impl Outage {
    /// Whether it ends so soon that an object waits for the end silently.
    pub fn is_brief(&self, now: &Time) -> bool {
        self.until.0 <= schedule::after(now, SILENT_WAIT).0
    }
}

/// The permission to make one call, with the epoch in which it was given.
#[derive(Debug)]
#[must_use]
pub struct Admission(u64);

#[derive(Debug, Default)]
enum Circuit {
    /// Every call is admitted.
    #[default]
    Closed,
    /// No call is admitted before then. The first one after that is the probe.
    Open { cause: OutageCause, until: Time },
    /// A probe is in flight since then.
    HalfOpen { cause: OutageCause, since: Time },
}

/// The circuit breaker of a broker. It is not stored: a restart of the operator closes the circuit.
#[derive(Debug)]
pub struct CircuitBreaker {
    broker: String,
    /// Whether it is for the calls of one of several namespaces.
    is_of_namespace: bool,
    circuit: Circuit,
    /// Whether the next failure opens the circuit.
    is_suspected: bool,
    /// Until when the broker is not suspected.
    trusted_until: Option<Time>,
    /// Failures in a row.
    failures: u32,
    /// Answers in a row.
    answers: u32,
    /// How often the circuit has opened since the last [`RECOVERY_THRESHOLD`] answers in a row: the exponent of the
    /// back-off.
    openings: u32,
    /// How often the circuit has changed its state. `record` ignores the results of admissions from an earlier epoch.
    epoch: u64,
}

impl CircuitBreaker {
    /// A closed circuit, for the calls of one of several namespaces to a broker.
    pub fn of_namespace(broker: &str) -> Self {
        Self { is_of_namespace: true, ..Self::new(broker) }
    }

    /// A closed circuit.
    pub fn new(broker: &str) -> Self {
        Self {
            broker: broker.to_owned(),
            is_of_namespace: false,
            circuit: Circuit::Closed,
            is_suspected: false,
            trusted_until: None,
            failures: 0,
            answers: 0,
            openings: 0,
            epoch: 0,
        }
    }

    /// The name of the broker.
    pub fn broker(&self) -> &str {
        &self.broker
    }

    /// Why and until when a call would not be admitted; `None` if it would be.
    ///
    /// While a probe is in flight, the end of the outage is not known. At first it is expected soon, so that objects
    /// wait silently. If the probe takes longer (the broker hangs), the outage is taken for a long one.
    pub fn outage(&self, now: &Time) -> Option<Outage> {
        match &self.circuit {
            Circuit::Open { until, .. } if schedule::is_due(until, now) => None,
            _ => self.outage_for_tenants(now),
        }
    }

    /// As [`outage`](Self::outage), for calls that must not probe the broker: they wait until another call has.
    pub fn outage_for_tenants(&self, now: &Time) -> Option<Outage> {
        let (cause, until) = match &self.circuit {
            Circuit::Closed => return None,
            Circuit::Open { cause, until } if !schedule::is_due(until, now) => (cause, until.clone()),
            Circuit::Open { cause, until: since } | Circuit::HalfOpen { cause, since } => {
                let soon = schedule::after(since, SILENT_WAIT);
                (cause, if schedule::is_due(&soon, now) { schedule::after(now, OPEN_MAX) } else { soon })
            }
        };
        let is_of_namespace = self.is_of_namespace;
        Some(Outage { broker: self.broker.clone(), is_of_namespace, until, cause: cause.clone() })
    }

    /// Suspects the broker, because calls of a namespace have failed. Returns whether it was not suspected before.
    pub fn suspect(&mut self, now: &Time) -> bool {
        let is_trusted = self.trusted_until.as_ref().is_some_and(|until| !schedule::is_due(until, now));
        let is_new = matches!(self.circuit, Circuit::Closed) && !self.is_suspected && !is_trusted;
        self.is_suspected |= is_new;
        is_new
    }

    /// Whether the broker is suspected: a call has to show whether it works.
    pub fn is_suspected(&self) -> bool {
        self.is_suspected
    }

    /// Why the circuit is not closed, and when a call may probe the broker; no time while a probe is in flight.
    pub fn open_cause(&self) -> Option<(&OutageCause, Option<&Time>)> {
        match &self.circuit {
            Circuit::Closed => None,
            Circuit::Open { cause, until } => Some((cause, Some(until))),
            Circuit::HalfOpen { cause, .. } => Some((cause, None)),
        }
    }

    /// Admits a call, unless calls are suspended. The first call after a pause makes the circuit half-open and is the
    /// probe. Each admission must end with [`record`](Self::record) or [`withdraw`](Self::withdraw).
    pub fn admit(&mut self, now: &Time) -> Result<Admission, Outage> {
        if let Some(outage) = self.outage(now) {
            return Err(outage);
        }
        if let Circuit::Open { cause, .. } = &self.circuit {
            self.transition(Circuit::HalfOpen { cause: cause.clone(), since: now.clone() });
        }
        Ok(Admission(self.epoch))
    }

    /// Records the result of an admitted call. Returns whether the circuit opened or closed, or its pause got longer.
    pub fn record(&mut self, admission: &Admission, result: CallResult, now: &Time) -> bool {
        if let (Circuit::Open { until, .. }, CallResult::Declined(_, Some(retry_after))) =
            (&mut self.circuit, &result)
        {
            let retry_at = schedule::after(now, *retry_after);
            let is_longer = retry_at.0 > until.0;
            if is_longer {
                *until = retry_at;
            }
            return is_longer;
        }
        if admission.0 != self.epoch {
            return false;
        }
        let is_probe = matches!(self.circuit, Circuit::HalfOpen { .. });
        match result {
            CallResult::Answered => {
                if std::mem::take(&mut self.is_suspected) {
                    self.trusted_until = Some(schedule::after(now, TRUSTED_FOR));
                }
                self.failures = 0;
                self.answers = self.answers.saturating_add(1);
                if self.answers >= RECOVERY_THRESHOLD {
                    self.openings = 0;
                }
                if is_probe {
                    self.transition(Circuit::Closed);
                }
                is_probe
            }
            CallResult::Failed(cause) => {
                self.answers = 0;
                self.failures = self.failures.saturating_add(1);
                let opens = is_probe || self.is_suspected || self.failures >= FAILURE_THRESHOLD;
                if opens {
                    self.open(cause, None, now);
                }
                opens
            }
            CallResult::Declined(cause, retry_after) => {
                self.answers = 0;
                self.open(cause, retry_after, now);
                true
            }
        }
    }

    /// Closes the circuit, because the broker's address or credentials have changed. Results of earlier calls are
    /// ignored.
    pub fn forget(&mut self) {
        let is_of_namespace = self.is_of_namespace;
        *self = Self { epoch: self.epoch + 1, is_of_namespace, ..Self::new(&self.broker) };
    }

    /// An admitted call ended without a result. If it was the probe, the next call is. Returns whether it was.
    pub fn withdraw(&mut self, admission: &Admission) -> bool {
        let Circuit::HalfOpen { cause, since } = &self.circuit else { return false };
        let is_probe = admission.0 == self.epoch;
        if is_probe {
            self.transition(Circuit::Open { cause: cause.clone(), until: since.clone() });
        }
        is_probe
    }

    /// Opens the circuit: for as long as the broker asks, or else with back-off.
    fn open(&mut self, cause: OutageCause, retry_after: Option<Duration>, now: &Time) {
        let pause = retry_after.unwrap_or_else(|| {
            self.openings = self.openings.saturating_add(1);
            schedule::back_off(self.openings, OPEN_MIN, OPEN_MAX)
        });
        (self.failures, self.is_suspected) = (0, false);
        self.transition(Circuit::Open { cause, until: schedule::after(now, pause) });
    }

    fn transition(&mut self, circuit: Circuit) {
        self.circuit = circuit;
        self.epoch += 1;
    }
}

#[cfg(test)]
mod tests;
