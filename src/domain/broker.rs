//! When is a broker's catalog due, and what is said of a broker that is not called?

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::breaker::Trouble;
use super::schedule;
use crate::crd::broker::{BrokerStatus, CommonServiceBrokerSpec, RelistBehavior};
use crate::crd::condition::{self, Condition, Status};

/// How long whoever has something to ask comes first when a broker may be called again.
const OTHERS_FIRST: Duration = Duration::from_secs(5);

/// How soon a catalog is fetched again of which the broker says that it is not the newest: it may say so often.
const OUTDATED: Duration = Duration::from_secs(10);

/// When the catalog is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relist {
    /// Now.
    Now,
    /// Then.
    At(Time),
    /// When somebody asks for it.
    OnRequest,
    /// It is not due, but asked for in order to find out whether the broker is back.
    Try,
}

/// When the catalog is due: at once for a new spec or new credentials, else when the duration has passed, or soon if the
/// broker says that it is `outdated`. A request (`relistRequests`) is a new spec.
pub fn relist(
    spec: &CommonServiceBrokerSpec,
    status: &BrokerStatus,
    (generation, auth_secret_version, outdated): (i64, &str, bool),
    (now, default): (&Time, Duration),
) -> Relist {
    let changed =
        status.reconciled_generation != generation || status.auth_secret_version != auth_secret_version;
    let Some(last) = status.last_catalog_retrieval_time.as_ref().filter(|_| !changed) else {
        return Relist::Now;
    };
    if !condition::is_true(&status.conditions, condition::READY) {
        return Relist::Now;
    }
    if spec.relist_behavior == Some(RelistBehavior::Manual) {
        return Relist::OnRequest;
    }
    let duration = spec.relist_duration.as_deref().and_then(duration).unwrap_or(default);
    let due = schedule::after(last, if outdated { duration.min(OUTDATED) } else { duration });
    if due.0 <= now.0 { Relist::Now } else { Relist::At(due) }
}

/// When a broker that is left alone is asked for its catalog, which is `due` then: when it may be called again and nobody
/// else has anything to ask. Without a `next` time it is being tried just now.
pub fn relist_in_trouble(due: &Relist, next: Option<&Time>, now: &Time) -> Relist {
    let Some(next) = next else { return Relist::OnRequest };
    let time = schedule::after(next, OTHERS_FIRST);
    match due {
        _ if time.0 > now.0 => Relist::At(time),
        Relist::Now => Relist::Now,
        Relist::At(_) | Relist::OnRequest | Relist::Try => Relist::Try,
    }
}

/// States that a broker is left alone, and until when; nothing is said of one that is called.
pub fn tell(conditions: &mut Vec<Condition>, trouble: Option<(&Trouble, Option<&Time>)>, now: &Time) {
    match trouble {
        None => condition::remove(conditions, condition::AVAILABLE),
        Some((trouble, Some(next))) => {
            let message = format!(
                "The broker is not called before {}, as {}. Whatever it is to be asked waits, and goes on by itself",
                next.0, trouble.told
            );
            condition::set(conditions, condition::AVAILABLE, Status::False, trouble.reason, &message, now);
        }
        // One call is under way, to find out: what was said stays.
        Some((_, None)) => {}
    }
}

/// A duration as Go writes it: `15m0s`, `1h30m`, `1.5s`.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit =
            tail.find(|character: char| character.is_ascii_digit() || character == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total =
            total.checked_add(Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?)?;
        rest = tail;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, seconds) in [
            ("15m0s", 900.0),
            ("1h", 3600.0),
            ("1h30m", 5400.0),
            ("1.5s", 1.5),
            ("100ms", 0.1),
            ("24h0m0s", 86400.0),
        ] {
            assert_eq!(duration(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "5", "5x", "m", "-5m", "1..5s", "5m3"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_catalog_is_due() {
        let at = |second| Time(jiff::Timestamp::from_second(second).unwrap());
        let mut ready = BrokerStatus {
            reconciled_generation: 1,
            auth_secret_version: "d".into(),
            last_catalog_retrieval_time: Some(at(0)),
            ..BrokerStatus::default()
        };
        condition::set(&mut ready.conditions, condition::READY, Status::True, "", "", &at(0));
        let spec = |behavior, duration: Option<&str>| CommonServiceBrokerSpec {
            relist_behavior: behavior,
            relist_duration: duration.map(str::to_owned),
            ..CommonServiceBrokerSpec::default()
        };
        let day = Duration::from_hours(24);
        let manual = spec(Some(RelistBehavior::Manual), Some("1s"));
        let quick = spec(Some(RelistBehavior::Duration), Some("10m"));
        let failing = BrokerStatus { conditions: Vec::new(), ..ready.clone() };
        for (what, spec, status, known, now, expected) in [
            ("new", &quick, &BrokerStatus::default(), (1, "", false), 5, Relist::Now),
            ("settled", &quick, &ready, (1, "d", false), 5, Relist::At(at(600))),
            ("time has passed", &quick, &ready, (1, "d", false), 600, Relist::Now),
            ("operator's duration", &spec(None, None), &ready, (1, "d", false), 5, Relist::At(at(86400))),
            ("new spec or request", &quick, &ready, (2, "d", false), 5, Relist::Now),
            ("new credentials", &quick, &ready, (1, "e", false), 5, Relist::Now),
            ("outdated", &quick, &ready, (1, "d", true), 5, Relist::At(at(10))),
            ("outdated for long", &quick, &ready, (1, "d", true), 10, Relist::Now),
            ("outdated, but only on request", &manual, &ready, (1, "d", true), 10, Relist::OnRequest),
            ("manual", &manual, &ready, (1, "d", false), 5_000_000, Relist::OnRequest),
            ("manual, requested", &manual, &ready, (2, "d", false), 5, Relist::Now),
            ("failed last time", &manual, &failing, (1, "d", false), 5, Relist::Now),
        ] {
            assert_eq!(relist(spec, status, known, (&at(now), day)), expected, "{what}");
        }
    }
}
