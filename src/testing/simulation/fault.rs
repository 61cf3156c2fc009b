//! Every fault that a broker, a proxy or the network can have.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use super::request::Endpoint;

/// Whether the broker executes the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does not.
    None,
    /// It does, before the answer.
    Before,
    /// It will, long after the caller has stopped waiting.
    Late,
}

/// The caller's view of the fault.
#[derive(Clone, Debug)]
pub enum Seen {
    /// An answer: status, body, and `Retry-After`.
    Answer(u16, String, Option<&'static str>),
    /// The beginning of an answer.
    Cut(u16, &'static str),
    /// The connection is refused.
    Unreachable,
    /// Silence, for as long as the caller waits.
    Silence,
    /// The connection breaks.
    Reset,
    /// The operation that is polled is in this state.
    State(&'static str),
    /// The operation that is polled has failed, and the answer says so.
    Failed,
}

impl Seen {
    /// How long the caller must not call the broker again, at most an hour.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answer(429 | 503, _, Some(after)) => {
                after.parse().ok().map(|seconds: u64| Duration::from_secs(seconds.min(3600)))
            }
            _ => None,
        }
    }
}

/// One fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Its name in the matrix.
    pub name: String,
    /// Whether the request is executed nevertheless.
    pub effect: Effect,
    /// The caller's view.
    pub seen: Seen,
}

impl Fault {
    /// Whether an honest broker can have this fault at such a request.
    pub fn can_occur_at(&self, endpoint: Endpoint) -> bool {
        let status = match &self.seen {
            Seen::Answer(status, ..) => Some(*status),
            _ => None,
        };
        let removes = matches!(endpoint, Endpoint::Deprovision | Endpoint::Unbind);
        match &self.seen {
            Seen::Failed | Seen::State(_) => {
                matches!(endpoint, Endpoint::PollInstance | Endpoint::PollBinding)
            }
            // Nothing of this is needed there, so it is a success.
            Seen::Answer(_, body, _)
                if body == WRONG_TYPES
                    && (removes
                        || status == Some(202)
                        || matches!(endpoint, Endpoint::Provision | Endpoint::Update)) =>
            {
                false
            }
            // An object, or nothing, says that the object is gone.
            Seen::Answer(200, body, _) if removes && matches!(&**body, "" | "{}") => {
                self.effect == Effect::Before
            }
            _ if !endpoint.is_mutating() => self.effect == Effect::None && status != Some(410),
            _ if status == Some(410) => false,
            _ => true,
        }
    }
}

/// An object whose members are of other types than the specification has.
const WRONG_TYPES: &str = r#"{"operation": 7, "dashboard_url": [], "credentials": "text", "state": {}}"#;

/// All faults.
pub static FAULTS: LazyLock<Vec<Fault>> = LazyLock::new(|| {
    let mut faults = Vec::new();
    let mut add = |name: &str, effects: &[Effect], seen: Seen| {
        for effect in effects {
            let name = match effect {
                Effect::None => name.to_owned(),
                Effect::Before => format!("{name} after the effect"),
                Effect::Late => format!("{name} before the effect"),
            };
            faults.push(Fault { name, effect: *effect, seen: seen.clone() });
        }
    };
    let not = &[Effect::None][..];
    let done = &[Effect::Before][..];
    let either = &[Effect::None, Effect::Before][..];
    let any = &[Effect::None, Effect::Before, Effect::Late][..];
    let answer = |status: u16, body: Value| Seen::Answer(status, body.to_string(), None);
    let text = |status: u16, body: &str| Seen::Answer(status, body.to_owned(), None);
    let later = |status: u16, after| Seen::Answer(status, "{}".to_owned(), Some(after));
    let refusal = |status: u16, error: &str| answer(status, json!({"error": error, "description": "no"}));

    add("refused connection", not, Seen::Unreachable);
    add("silence", any, Seen::Silence);
    add("reset", any, Seen::Reset);
    for (name, body) in [
        ("no JSON", "<html>"),
        ("half of a JSON", r#"{"operation": "#),
        ("a JSON array", "[]"),
        ("wrong types", WRONG_TYPES),
        ("invalid UTF-8", "\u{fffd}{"),
    ] {
        for status in [200, 201, 202] {
            add(&format!("{status} with {name}"), done, text(status, body));
        }
        add(&format!("200 with {name}"), not, text(200, body));
    }
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    add("200 with 10,000 levels", either, text(200, &deep));
    for status in [200, 201, 202] {
        add(&format!("{status} that ends early"), done, Seen::Cut(status, "it ended early"));
    }
    add("200 that is too long", either, Seen::Cut(200, "it is longer than the limit"));
    add(
        "202 with an operation that is too long",
        done,
        answer(202, json!({"operation": "o".repeat(10_001)})),
    );
    for status in [203, 204, 206] {
        add(&status.to_string(), either, text(status, ""));
    }
    for status in [301, 303, 307, 308] {
        add(&status.to_string(), not, text(status, ""));
    }
    for status in [401, 402, 403, 404, 405, 406, 408, 412, 413, 415, 418, 425, 429, 451] {
        add(&status.to_string(), not, text(status, ""));
    }
    add("400", not, refusal(400, "BadRequest"));
    add("409", either, text(409, "{}"));
    add("410", not, text(410, ""));
    for code in ["AsyncRequired", "ConcurrencyError", "RequiresApp", "MaintenanceInfoConflict", "Quota"] {
        add(&format!("422 {code}"), not, refusal(422, code));
    }
    let unusable = json!({"description": "no", "instance_usable": false, "update_repeatable": false});
    add("422 unusable, not repeatable", not, answer(422, unusable.clone()));
    add("500 unusable, not repeatable", not, answer(500, unusable));
    add("422 repeatable", not, answer(422, json!({"description": "no", "update_repeatable": true})));
    for after in ["7", "Thu, 01 Jan 2026 01:00:00 GMT", "soon", "-5", "1000000000"] {
        add(&format!("429 with Retry-After {after}"), not, later(429, after));
        add(&format!("503 with Retry-After {after}"), either, later(503, after));
    }
    for status in [500, 501, 502, 503, 504, 507] {
        add(&status.to_string(), either, text(status, "<html>"));
    }
    add("500", &[Effect::Late], text(500, ""));
    add("an unknown state", not, Seen::State("almost"));
    add("in progress", not, Seen::State("in progress"));
    add("failed", either, Seen::Failed);
    faults
});
