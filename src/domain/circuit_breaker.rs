//! May a broker be called now? One that does not answer, does not accept us or asks to be left alone is not called for a
//! while, whoever has something to ask. Then one call is let through, which finds out whether it is back.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{reason, schedule};
use crate::osb;

/// After how many failures in a row a broker is left alone; after how many answers in a row all is forgotten.
const THRESHOLD: u32 = 5;
/// The first pause; it doubles with each further one.
const MIN_OPEN: Duration = Duration::from_secs(1);
/// The longest pause, unless the broker asks for more.
const MAX_OPEN: Duration = Duration::from_mins(5);
/// Who is outage no longer than this need not be told why.
const SILENT_WAIT: Duration = Duration::from_secs(5);

/// What is the matter with a broker, as opposed to what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutageCause {
    /// One word, from [`reason`].
    pub reason: &'static str,
    /// What it answered, or that it did not. As all namespaces may read it, it says nothing of what was asked.
    pub told: String,
}

/// What a call has shown of the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// It is there and deals with what it is asked, whatever it thinks of it.
    Answered,
    /// It cannot be worked with.
    Failed(OutageCause),
    /// It wants to be left alone, perhaps for this long.
    Declined(OutageCause, Option<Duration>),
}

impl CallResult {
    /// What the end of a call shows; nothing if nothing was sent.
    pub fn of<T>(result: &Result<T, osb::Error>) -> Option<Self> {
        let Err(error) = result else { return Some(Self::Answered) };
        let failed = |reason, told| Some(Self::Failed(OutageCause { reason, told }));
        let answered = |status| format!("it answered status {status}");
        match error {
            osb::Error::InvalidId { .. } => None,
            osb::Error::Unreachable { reason } => {
                failed(reason::BROKER_UNREACHABLE, format!("it cannot be reached: {reason}"))
            }
            osb::Error::NoAnswer { reason } => {
                failed(reason::BROKER_UNREACHABLE, format!("it did not answer: {reason}"))
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
                let trouble = OutageCause { reason: reason::BROKER_RATE_LIMITED, told: answered(status) };
                Some(Self::Declined(trouble, *retry_after))
            }
            osb::Error::Status { .. } | osb::Error::Malformed { .. } => Some(Self::Answered),
        }
    }
}

/// Calls wait until then.
#[derive(Clone, Debug, PartialEq)]
pub struct Outage {
    /// The name of the broker.
    pub broker: String,
    /// Not before then; perhaps later.
    pub until: Time,
    /// Why.
    pub trouble: OutageCause,
}

impl Outage {
    /// Whether it is over so soon that nobody need be told.
    pub fn is_brief(&self, now: &Time) -> bool {
        self.until.0 <= schedule::after(now, SILENT_WAIT).0
    }
}

/// A call that was let through.
#[derive(Debug)]
#[must_use]
pub struct Admission(u64);

#[derive(Debug, Default)]
enum Circuit {
    /// Calls may go.
    #[default]
    Closed,
    /// No call may go before then.
    Open { trouble: OutageCause, until: Time },
    /// One call is under way since then, to find out.
    HalfOpen { trouble: OutageCause, since: Time },
}

/// What is known of a broker's health, for as long as the operator runs.
#[derive(Debug)]
pub struct CircuitBreaker {
    broker: String,
    state: Circuit,
    /// How many calls have failed in a row.
    failures: u32,
    /// How many calls were answered since the last failure.
    answers: u32,
    /// How many openings there were, the last of which is not long ago.
    openings: u32,
    /// How often the state has changed: what an older call shows is no news.
    epoch: u64,
}

impl CircuitBreaker {
    /// Of a broker that nothing is known of yet.
    pub fn new(broker: &str) -> Self {
        Self {
            broker: broker.to_owned(),
            state: Circuit::Closed,
            failures: 0,
            answers: 0,
            openings: 0,
            epoch: 0,
        }
    }

    /// Whether calls have to wait, and why.
    pub fn outage(&self, now: &Time) -> Option<Outage> {
        let (trouble, until) = match &self.state {
            Circuit::Closed => return None,
            Circuit::Open { until, .. } if until.0 <= now.0 => return None,
            Circuit::Open { trouble, until } => (trouble, until.clone()),
            Circuit::HalfOpen { trouble, since } => {
                let soon = schedule::after(since, SILENT_WAIT);
                (trouble, if soon.0 > now.0 { soon } else { schedule::after(now, MAX_OPEN) })
            }
        };
        Some(Outage { broker: self.broker.clone(), until, trouble: trouble.clone() })
    }

    /// What is the matter with the broker, and when it is called again; no time if that is being done.
    pub fn trouble(&self) -> Option<(&OutageCause, Option<&Time>)> {
        match &self.state {
            Circuit::Closed => None,
            Circuit::Open { trouble, until } => Some((trouble, Some(until))),
            Circuit::HalfOpen { trouble, .. } => Some((trouble, None)),
        }
    }

    /// Lets a call through, if it does not have to wait. What comes of it is to be recorded.
    pub fn admit(&mut self, now: &Time) -> Result<Admission, Outage> {
        if let Some(outage) = self.outage(now) {
            return Err(outage);
        }
        if let Circuit::Open { trouble, .. } = &self.state {
            self.transition(Circuit::HalfOpen { trouble: trouble.clone(), since: now.clone() });
        }
        Ok(Admission(self.epoch))
    }

    /// Takes note of what a call has shown; whether that changes anything for others.
    pub fn record(&mut self, ticket: &Admission, contact: CallResult, now: &Time) -> bool {
        if let (Circuit::Open { until, .. }, CallResult::Declined(_, Some(delay))) =
            (&mut self.state, &contact)
        {
            let asked = schedule::after(now, *delay);
            let later = asked.0 > until.0;
            if later {
                *until = asked;
            }
            return later;
        }
        if ticket.0 != self.epoch {
            return false;
        }
        let half_open = matches!(self.state, Circuit::HalfOpen { .. });
        match contact {
            CallResult::Answered => {
                self.failures = 0;
                self.answers = self.answers.saturating_add(1);
                if self.answers >= THRESHOLD {
                    self.openings = 0;
                }
                if half_open {
                    self.transition(Circuit::Closed);
                }
                half_open
            }
            CallResult::Failed(trouble) => {
                self.answers = 0;
                self.failures = self.failures.saturating_add(1);
                let opens = half_open || self.failures >= THRESHOLD;
                if opens {
                    self.open(trouble, None, now);
                }
                opens
            }
            CallResult::Declined(trouble, delay) => {
                self.answers = 0;
                self.open(trouble, delay, now);
                true
            }
        }
    }

    /// Nothing is known of the broker any more, as it is another.
    pub fn forget(&mut self) {
        *self = Self { epoch: self.epoch + 1, ..Self::new(&self.broker) };
    }

    /// A call ended without having shown anything.
    pub fn withdraw(&mut self, ticket: &Admission) -> bool {
        let Circuit::HalfOpen { trouble, since } = &self.state else { return false };
        let last = ticket.0 == self.epoch;
        if last {
            self.transition(Circuit::Open { trouble: trouble.clone(), until: since.clone() });
        }
        last
    }

    /// The broker is left alone: for as long as it asks, or else longer each time.
    fn open(&mut self, trouble: OutageCause, delay: Option<Duration>, now: &Time) {
        let delay = delay.unwrap_or_else(|| {
            self.openings = self.openings.saturating_add(1);
            schedule::back_off(self.openings, MIN_OPEN, MAX_OPEN)
        });
        self.failures = 0;
        self.transition(Circuit::Open { trouble, until: schedule::after(now, delay) });
    }

    fn transition(&mut self, state: Circuit) {
        self.state = state;
        self.epoch += 1;
    }
}

#[cfg(test)]
mod tests;
