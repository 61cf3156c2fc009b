//! May a broker be called now? One that does not answer, does not accept us or asks to be left alone is not called for a
//! while, whoever has something to ask. Then one call is let through, which finds out whether it is back.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{reason, schedule};
use crate::osb;

/// After how many failures in a row a broker is left alone; after how many answers in a row all is forgotten.
const ENOUGH: u32 = 5;
/// The first pause; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause, unless the broker asks for more.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// Who is held no longer than this need not be told why.
const BRIEF: Duration = Duration::from_secs(5);

/// What is the matter with a broker, as opposed to what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// One word, from [`reason`].
    pub reason: &'static str,
    /// What it answered, or that it did not. As all namespaces may read it, it says nothing of what was asked.
    pub told: String,
}

/// What a call has shown of the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contact {
    /// It is there and deals with what it is asked, whatever it thinks of it.
    Answered,
    /// It cannot be worked with.
    Failed(Trouble),
    /// It wants to be left alone, perhaps for this long.
    Declined(Trouble, Option<Duration>),
}

impl Contact {
    /// What the end of a call shows; nothing if nothing was sent.
    pub fn of<T>(result: &Result<T, osb::Error>) -> Option<Self> {
        let Err(error) = result else { return Some(Self::Answered) };
        let failed = |reason, told| Some(Self::Failed(Trouble { reason, told }));
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
                let trouble = Trouble { reason: reason::BROKER_RATE_LIMITED, told: answered(status) };
                Some(Self::Declined(trouble, *retry_after))
            }
            osb::Error::Status { .. } | osb::Error::Malformed { .. } => Some(Self::Answered),
        }
    }
}

/// Calls wait until then.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// The name of the broker.
    pub broker: String,
    /// Not before then; perhaps later.
    pub until: Time,
    /// Why.
    pub trouble: Trouble,
}

impl Held {
    /// Whether it is over so soon that nobody need be told.
    pub fn is_brief(&self, now: &Time) -> bool {
        self.until.0 <= schedule::after(now, BRIEF).0
    }
}

/// A call that was let through.
#[derive(Debug)]
#[must_use]
pub struct Ticket(u64);

#[derive(Debug, Default)]
enum State {
    /// Calls may go.
    #[default]
    Closed,
    /// No call may go before then.
    Open { trouble: Trouble, until: Time },
    /// One call is under way since then, to find out.
    Trial { trouble: Trouble, since: Time },
}

/// What is known of a broker's health, for as long as the operator runs.
#[derive(Debug)]
pub struct Breaker {
    broker: String,
    state: State,
    /// How many calls have failed in a row.
    failures: u32,
    /// How many calls were answered since the last failure.
    answers: u32,
    /// How many pauses there were, the last of which is not long ago.
    pauses: u32,
    /// How often the state has changed: what an older call shows is no news.
    turn: u64,
}

impl Breaker {
    /// Of a broker that nothing is known of yet.
    pub fn new(broker: &str) -> Self {
        Self { broker: broker.to_owned(), state: State::Closed, failures: 0, answers: 0, pauses: 0, turn: 0 }
    }

    /// Whether calls have to wait, and why.
    pub fn held(&self, now: &Time) -> Option<Held> {
        let (trouble, until) = match &self.state {
            State::Closed => return None,
            State::Open { until, .. } if until.0 <= now.0 => return None,
            State::Open { trouble, until } => (trouble, until.clone()),
            State::Trial { trouble, since } => {
                let soon = schedule::after(since, BRIEF);
                (trouble, if soon.0 > now.0 { soon } else { schedule::after(now, LONGEST_PAUSE) })
            }
        };
        Some(Held { broker: self.broker.clone(), until, trouble: trouble.clone() })
    }

    /// What is the matter with the broker, and when it is called again; no time if that is being done.
    pub fn trouble(&self) -> Option<(&Trouble, Option<&Time>)> {
        match &self.state {
            State::Closed => None,
            State::Open { trouble, until } => Some((trouble, Some(until))),
            State::Trial { trouble, .. } => Some((trouble, None)),
        }
    }

    /// Lets a call through, if it does not have to wait. What comes of it is to be recorded.
    pub fn admit(&mut self, now: &Time) -> Result<Ticket, Held> {
        if let Some(held) = self.held(now) {
            return Err(held);
        }
        if let State::Open { trouble, .. } = &self.state {
            self.turn_to(State::Trial { trouble: trouble.clone(), since: now.clone() });
        }
        Ok(Ticket(self.turn))
    }

    /// Takes note of what a call has shown; whether that changes anything for others.
    pub fn record(&mut self, ticket: &Ticket, contact: Contact, now: &Time) -> bool {
        if let (State::Open { until, .. }, Contact::Declined(_, Some(delay))) = (&mut self.state, &contact) {
            let asked = schedule::after(now, *delay);
            let later = asked.0 > until.0;
            if later {
                *until = asked;
            }
            return later;
        }
        if ticket.0 != self.turn {
            return false;
        }
        let trial = matches!(self.state, State::Trial { .. });
        match contact {
            Contact::Answered => {
                self.failures = 0;
                self.answers = self.answers.saturating_add(1);
                if self.answers >= ENOUGH {
                    self.pauses = 0;
                }
                if trial {
                    self.turn_to(State::Closed);
                }
                trial
            }
            Contact::Failed(trouble) => {
                self.answers = 0;
                self.failures = self.failures.saturating_add(1);
                let opens = trial || self.failures >= ENOUGH;
                if opens {
                    self.open(trouble, None, now);
                }
                opens
            }
            Contact::Declined(trouble, delay) => {
                self.answers = 0;
                self.open(trouble, delay, now);
                true
            }
        }
    }

    /// Nothing is known of the broker any more, as it is another.
    pub fn forget(&mut self) {
        *self = Self { turn: self.turn + 1, ..Self::new(&self.broker) };
    }

    /// A call ended without having shown anything.
    pub fn withdraw(&mut self, ticket: &Ticket) -> bool {
        let State::Trial { trouble, since } = &self.state else { return false };
        let last = ticket.0 == self.turn;
        if last {
            self.turn_to(State::Open { trouble: trouble.clone(), until: since.clone() });
        }
        last
    }

    /// The broker is left alone: for as long as it asks, or else longer each time.
    fn open(&mut self, trouble: Trouble, delay: Option<Duration>, now: &Time) {
        let delay = delay.unwrap_or_else(|| {
            self.pauses = self.pauses.saturating_add(1);
            schedule::back_off(self.pauses, FIRST_PAUSE, LONGEST_PAUSE)
        });
        self.failures = 0;
        self.turn_to(State::Open { trouble, until: schedule::after(now, delay) });
    }

    fn turn_to(&mut self, state: State) {
        self.state = state;
        self.turn += 1;
    }
}

#[cfg(test)]
mod tests;
