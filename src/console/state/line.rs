//! The state of an object in one line. [`state_of`] is the entry point; `state/` derives the parts, for each kind.
//!
//! The order is: deleting, paused, failed, operation running or waiting, ready with something to say, ready.

mod binding;
mod broker;
mod deletion;
mod instance;
mod unready;

use std::borrow::Cow;

use crate::console::language::Language;
use crate::crd::condition::{self, Condition};
use crate::crd::names::ANNOTATION_PAUSED;
use crate::crd::operation::{Orphan, Schedule};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::console::excerpt::excerpt;
use crate::console::state::sentence::{self, Sentences};
use crate::console::state::subject::{Kind, Subject};
use crate::console::state::time;
use crate::console::state::word::{Remark, Wait, Word};

/// From this age on, an object without a report suggests that the operator does not run.
const SILENT_FOR: SignedDuration = SignedDuration::from_secs(30);

/// What an object is doing, why, and what happens next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// What it is doing, with symbol and tone.
    pub word: Word,
    /// Why, for [`State::sentence`] and [`State::hint`].
    cause: Cause,
    /// What the operator says, in English, as it is: what happened, why, what happens next. Part of it may be the text
    /// of a broker or the API server. Cut after 4,000 characters.
    pub text: Option<String>,
    /// What the broker says about its progress, as it is. Part of [`Self::text`].
    pub detail: Option<String>,
    /// Since when it is so. For an object that the operator has not
    /// reported on yet, since its creation.
    pub since: Option<Timestamp>,
    /// What happens next at a known time.
    pub next: Option<Next>,
    /// How many attempts of the current operation have failed in a row.
    pub failures: i64,
}

/// Something that happens at a known time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// What happens.
    pub step: Step,
    /// When.
    pub at: Timestamp,
}

/// What happens at a known time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The operator tries again.
    Attempt,
    /// The operator gives up waiting for the broker.
    Deadline,
    /// The credentials expire.
    Expiry,
    /// The operator fetches the catalog.
    Fetch,
}

/// Why an object is in its state.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    /// What the operator reports with a reason that is known, or what can be seen without one.
    Known(&'static Sentences),
    /// What the operator reports with a reason of another version.
    Unknown(String),
}

/// The state of an object at this time: why it is so, what happens next, and when.
pub fn state_of<'a>(object: impl Into<Subject<'a>>, now: Timestamp) -> State {
    let subject = object.into();
    let facts = Facts::of(subject, now);
    if subject.is_deleting() {
        return deletion::state(&facts);
    }
    if let Some(paused) = facts.paused() {
        return paused;
    }
    if facts.conditions.is_empty() {
        return facts.unreported();
    }
    match subject {
        Subject::Instance(instance) => instance::state(&facts, instance),
        Subject::Binding(binding) => binding::state(&facts, binding),
        Subject::ClusterBroker(broker) => broker::state(&facts, &broker.spec.common, broker.status.as_ref()),
        Subject::Broker(broker) => broker::state(&facts, &broker.spec.common, broker.status.as_ref()),
    }
}

impl State {
    /// Why it is so, in a sentence. Never empty.
    pub fn sentence(&self, language: Language) -> Cow<'static, str> {
        match &self.cause {
            Cause::Known(sentences) => sentences.pick(language).why.into(),
            Cause::Unknown(reason) => sentence::of_unknown(reason, language).into(),
        }
    }

    /// What happens next, or what the user does. Empty only if there is nothing to wait for and nothing to do.
    pub fn hint(&self, language: Language) -> &'static str {
        match &self.cause {
            Cause::Known(sentences) if self.is_settled() => sentences.pick(language).hint,
            Cause::Known(sentences) => sentences.pick(language).hint_or_message(language),
            Cause::Unknown(_) => sentence::read_message(language),
        }
    }

    /// Whether the operator's reason has words of its own.
    #[cfg(test)]
    pub fn is_known(&self) -> bool {
        matches!(self.cause, Cause::Known(_))
    }

    /// Whether there is nothing to wait for and nothing to do.
    pub fn is_settled(&self) -> bool {
        self.word == Word::Ready
    }

    /// The whole line as text, for a `title` or a status message: word, why, what happens next, and when.
    pub fn line(&self, now: Timestamp, language: Language) -> String {
        let (why, hint) = (self.sentence(language), self.hint(language));
        let word = self.word.text(language);
        let next = self.next.map(|next| next.text(now, language)).unwrap_or_default();
        let gap = language.pick(" ", "");
        let line = language.pick(format!("{word}: {why}"), format!("{word}：{why}"));
        [line.as_str(), hint, &next].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(gap)
    }

    fn at(self, next: Option<Next>) -> Self {
        Self { next, ..self }
    }
}

impl Next {
    /// What happens and when: `Next attempt in 2 minutes.`
    pub fn text(self, now: Timestamp, language: Language) -> String {
        let when = time::relative(self.at, now, language);
        match self.step {
            Step::Attempt => {
                language.pick(format!("Next attempt {when}."), format!("{when}进行下一次尝试。"))
            }
            Step::Deadline => language
                .pick(format!("The operation ends {when} at the latest."), format!("操作最迟在{when}结束。")),
            Step::Expiry => {
                language.pick(format!("The credentials expire {when}."), format!("凭据在{when}过期。"))
            }
            Step::Fetch => language
                .pick(format!("The catalog is fetched again {when}."), format!("{when}重新获取目录。")),
        }
    }
}

/// What the states of all kinds are derived from.
struct Facts<'a> {
    subject: Subject<'a>,
    conditions: &'a [Condition],
    schedule: Option<&'a Schedule>,
    is_polled: bool,
    orphans: &'a [Orphan],
    now: Timestamp,
}

impl<'a> Facts<'a> {
    fn of(subject: Subject<'a>, now: Timestamp) -> Self {
        let (schedule, is_polled, orphans) = match subject {
            Subject::Instance(object) => object.status.as_ref().map_or_else(Default::default, |status| {
                (status.operation.as_ref(), status.async_op_in_progress, status.orphans.as_slice())
            }),
            Subject::Binding(object) => object.status.as_ref().map_or_else(Default::default, |status| {
                (status.operation.as_ref(), status.async_op_in_progress, status.orphans.as_slice())
            }),
            Subject::ClusterBroker(_) | Subject::Broker(_) => Default::default(),
        };
        Self { subject, conditions: subject.conditions(), schedule, is_polled, orphans, now }
    }

    fn kind(&self) -> Kind {
        self.subject.kind()
    }

    fn condition(&self, type_: &str) -> Option<&'a Condition> {
        condition::find(self.conditions, type_)
    }

    /// The condition of this type, if it has this status.
    fn with(&self, type_: &str, status: &str) -> Option<&'a Condition> {
        self.condition(type_).filter(|condition| condition.status == status)
    }

    fn is_ready(&self) -> bool {
        condition::is_true(self.conditions, condition::READY)
    }

    fn sentences(&self, condition: &Condition) -> Option<&'static Sentences> {
        sentence::of_condition(self.kind(), &condition.type_, &condition.status, &condition.reason)
    }

    /// A state whose reason a condition gives.
    fn report(&self, word: Word, condition: &Condition) -> State {
        let known = self.sentences(condition).map(Cause::Known);
        State {
            word,
            cause: known.unwrap_or_else(|| Cause::Unknown(condition.reason.clone())),
            text: excerpt(&condition.message),
            detail: progress(&condition.message),
            since: condition.last_transition_time.as_ref().map(|time| time.0),
            next: self.next(word),
            failures: self.schedule.map_or(0, |schedule| schedule.failures.max(0)),
        }
    }

    /// A state whose reason this crate gives.
    fn say(&self, word: Word, sentences: &'static Sentences, since: Option<&Time>) -> State {
        let since = since.map(|time| time.0);
        let next = self.next(word);
        State { word, cause: Cause::Known(sentences), text: None, detail: None, since, next, failures: 0 }
    }

    /// An object that works, and what there is to say about it.
    fn remark(&self, remark: Remark, condition: &Condition) -> State {
        self.report(Word::ReadyBut(remark), condition)
    }

    /// An object that works. What the operator says of it is no news, so only the sentence is shown.
    fn ready(&self) -> State {
        let Some(ready) = self.condition(condition::READY) else { return self.unreported() };
        let is_settled = |sentences: &&Sentences| sentences.pick(Language::English).hint.is_empty();
        let sentences = self.sentences(ready).filter(is_settled).unwrap_or(&Sentences::READY);
        self.say(Word::Ready, sentences, ready.last_transition_time.as_ref()).at(None)
    }

    fn paused(&self) -> Option<State> {
        if self.kind().is_broker() {
            return None;
        }
        if let Some(condition) = self.with(condition::PAUSED, "True") {
            return Some(self.report(Word::Paused, condition).at(None));
        }
        let is_asked = self.subject.annotation(ANNOTATION_PAUSED) == Some("true");
        is_asked.then(|| self.say(Word::Paused, &Sentences::PAUSED_BY_ANNOTATION, None).at(None))
    }

    fn unreported(&self) -> State {
        let created = self.subject.meta().creation_timestamp.as_ref();
        let is_old = created.is_some_and(|created| self.now.duration_since(created.0) >= SILENT_FOR);
        let sentences = if is_old { &Sentences::NOT_REPORTED_FOR_LONG } else { &Sentences::NOT_REPORTED };
        self.say(Word::Waiting(Wait::Operator), sentences, created)
    }

    /// The next attempt, or else the deadline of what the broker works on. Orphans come first, as the operator
    /// removes them before anything else. A time that has passed says nothing, and neither does the time of an
    /// operation that the object does not wait for.
    fn next(&self, word: Word) -> Option<Next> {
        let orphan = self.orphans.first();
        let orphan =
            orphan.and_then(|orphan| Some((orphan.operation.as_ref()?, orphan.async_op_in_progress)));
        let operation = self.schedule.map(|schedule| (schedule, self.is_polled));
        let at = |step, time: Option<&Time>| {
            let at = time?.0;
            (at > self.now).then_some(Next { step, at })
        };
        let schedules = [orphan, operation].into_iter().flatten().filter(|_| word.awaits_time());
        schedules.into_iter().find_map(|(schedule, is_polled)| {
            let deadline = schedule.deadline.as_ref().filter(|_| is_polled);
            at(Step::Attempt, schedule.next_attempt_time.as_ref()).or_else(|| at(Step::Deadline, deadline))
        })
    }
}

/// What the broker says about its progress: the operator repeats it in parentheses.
fn progress(message: &str) -> Option<String> {
    let (_, rest) = message.split_once(" asynchronously (")?;
    excerpt(rest.strip_suffix(')')?)
}

#[cfg(test)]
mod tests;
