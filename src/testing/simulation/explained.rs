//! I13: an object that waits says in its own status why, what happens next, and when.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::api::Api;
use super::invariants::{condition, is};
use super::world::Broken;

/// How messages say what happens next.
const NEXT_STEPS: [&str; 23] = [
    "next attempt",
    "Retried",
    "not retried",
    "tried again",
    "resume",
    "continues when",
    "Continues",
    "continue",
    "wait until",
    "waits",
    "Waiting",
    "waiting",
    "asynchronously",
    "polling",
    "in-flight",
    "delet",
    "Remove the annotation",
    "create it",
    "choose",
    "change",
    "correct",
    "edit",
    "Rename",
];

/// How messages tell of another cause than the failure that the next attempt is about.
const OTHER_CAUSES: [&str; 5] = ["continue", "choose", "must be removed", "wait until", "automatically"];

/// How long an object may wait without saying so: while the circuit of its broker opens for 1, 2 and 4 s, each time with up to
/// a second of jitter, nothing is written (`circuit_breaker::SILENT_WAIT`).
const LONGEST_SILENCE: Duration = Duration::from_secs(15);

/// Since when which object waits without saying so.
#[derive(Default)]
pub struct Silence(Option<(Broken, Instant)>);

impl Silence {
    /// An object that has been silent for too long. Whatever is written to it begins the time again.
    pub fn too_long(&mut self, api: &Api) -> Option<Broken> {
        let known = self.0.take();
        let silent = of_waiting(api)?;
        let since = known.filter(|(known, _)| *known == silent).map_or_else(Instant::now, |(_, since)| since);
        let is_too_long = since.elapsed() > LONGEST_SILENCE;
        self.0 = Some((silent.clone(), since));
        is_too_long.then_some(silent)
    }
}

/// An object that waits, while nothing is on its way, without saying so.
pub fn of_waiting(api: &Api) -> Option<Broken> {
    let objects = ["serviceinstances", "servicebindings"].into_iter().flat_map(|kind| api.list(kind));
    objects.map(|(_, object)| object).find_map(|object| silent(object, &api.now))
}

fn silent(object: &Value, now: &str) -> Option<Broken> {
    if object["status"].is_null() {
        return None;
    }
    let messages = messages(object);
    let say = |what: &str| messages.iter().any(|message| message.contains(what));
    if is(object, "Paused") || is(object, "WriteRefused") {
        return None;
    }
    if let Some(untold) = next_attempts(object, now).find(|time| !say(time)) {
        return Some(format!("I13: no condition tells of the attempt at {untold}: {object}"));
    }
    if is(object, "Ready") && object["metadata"]["deletionTimestamp"].is_null() {
        return None;
    }
    let ready = condition(object, "Ready").and_then(|ready| ready["message"].as_str()).unwrap_or_default();
    let is_told = NEXT_STEPS.iter().any(|next| ready.contains(next)) || is(object, "OrphanMitigation");
    (!is_told && !waits_for_another(object))
        .then(|| format!("I13: Ready does not say what happens next: {object}"))
}

/// The times of attempts to come of which the object has to tell. An attempt that is past due waits for something else, which
/// `Ready` has to tell.
pub fn next_attempts<'a>(object: &'a Value, now: &str) -> impl Iterator<Item = &'a str> {
    times(object).filter(move |time| *time > now && !waits_for_another(object))
}

/// Whether it waits for another cause than its next attempt.
fn waits_for_another(object: &Value) -> bool {
    let is_of_instance =
        |message: &str| message.starts_with("The ServiceInstance ") && message.ends_with(" is being deleted");
    let is_other =
        |message: &str| is_of_instance(message) || OTHER_CAUSES.iter().any(|cause| message.contains(cause));
    messages(object).into_iter().any(is_other)
}

fn messages(object: &Value) -> Vec<&str> {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let messages = conditions.filter_map(|condition| condition["message"].as_str());
    messages.filter(|text| !text.is_empty()).collect()
}

/// The times of the next attempts that the status has. A deletion that waits for the removal of an orphan has ended the
/// operation that failed.
fn times(object: &Value) -> impl Iterator<Item = &str> {
    let status = &object["status"];
    let orphans = status["orphans"].as_array().into_iter().flatten();
    let is_deleted = !object["metadata"]["deletionTimestamp"].is_null();
    let own = Some(&status["operation"]).filter(|_| !is_deleted || status["orphans"].is_null());
    let operations = orphans.map(|orphan| &orphan["operation"]).chain(own);
    operations.filter_map(|operation| operation["nextAttemptTime"].as_str())
}
