//! What happened to an object: events and conditions by time.

use std::borrow::Cow;

use crate::console::language::Language;
use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event as ApiEvent;

use crate::console::excerpt::excerpt;
use crate::console::state::condition::{ConditionLine, conditions_of};
use crate::console::state::sentence;
use crate::console::state::subject::Subject;
use crate::console::state::word::Tone;
use crate::domain::reason::Reason;

/// The most entries of a timeline.
pub const MAX_ENTRIES: usize = 50;

/// An event about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it happened last.
    pub at: Timestamp,
    /// Whether its type is `Warning`, not `Normal`.
    pub is_warning: bool,
    /// The reason in the API, such as `ProvisionedSuccessfully`.
    pub reason: String,
    /// The message, in English, as it is.
    pub text: String,
    /// How often it has happened; at least 1.
    pub count: u32,
}

impl Event {
    /// An event of `events.k8s.io/v1`; `None` if it has no time.
    pub fn read(event: &ApiEvent) -> Option<Self> {
        let last = event.series.as_ref().map(|series| series.last_observed_time.0);
        let first = event.event_time.as_ref().map(|time| time.0);
        let deprecated = event.deprecated_last_timestamp.as_ref().map(|time| time.0);
        let count = event.series.as_ref().map(|series| series.count).or(event.deprecated_count);
        Some(Self {
            at: last.or(first).or(deprecated)?,
            is_warning: event.type_.as_deref() == Some("Warning"),
            reason: event.reason.clone().unwrap_or_default(),
            text: event.note.clone().unwrap_or_default(),
            count: count.and_then(|count| u32::try_from(count).ok()).unwrap_or_default().max(1),
        })
    }
}

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it happened.
    pub at: Timestamp,
    /// How good it is.
    pub tone: Tone,
    /// The reason in the API.
    pub reason: String,
    /// The message, in English, as it is.
    pub text: Option<String>,
    /// How often it has happened; at least 1.
    pub count: u32,
    /// The condition that changed; `None` for an event.
    pub condition: Option<ConditionLine>,
}

/// Events and conditions, newest first, at most [`MAX_ENTRIES`]. A condition that an event reports as well is left out.
pub fn timeline<'a>(object: impl Into<Subject<'a>>, events: &[Event]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = events.iter().map(Entry::of_event).collect();
    let conditions = conditions_of(object).into_iter().filter_map(Entry::of_condition);
    let is_new = |entry: &Entry| {
        let says_the_same =
            |event: &Event| event.reason == entry.reason && excerpt(&event.text) == entry.text;
        !events.iter().any(says_the_same)
    };
    entries.extend(conditions.filter(is_new));
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    entries.truncate(MAX_ENTRIES);
    entries
}

impl Entry {
    fn of_event(event: &Event) -> Self {
        Self {
            at: event.at,
            tone: if event.is_warning { Tone::Bad } else { Tone::Good },
            reason: excerpt(&event.reason).unwrap_or_default(),
            text: excerpt(&event.text),
            count: event.count.max(1),
            condition: None,
        }
    }

    fn of_condition(condition: ConditionLine) -> Option<Self> {
        Some(Self {
            at: condition.since?,
            tone: condition.tone(),
            reason: condition.reason.clone(),
            text: condition.text.clone(),
            count: 1,
            condition: Some(condition),
        })
    }

    /// What happened, in a sentence. Never empty.
    pub fn sentence(&self, language: Language) -> Cow<'static, str> {
        if let Some(condition) = &self.condition {
            return condition.sentence(language);
        }
        match Reason::parse(&self.reason) {
            Some(reason) => sentence::of_reason(reason).pick(language).why.into(),
            None => sentence::of_unknown(&self.reason, language).into(),
        }
    }
}

#[cfg(test)]
mod tests;
