//! When is the next attempt, and when the next poll?
//!
//! **Back-off** is stored in `status.operation`, so it survives a restart: 1 s, doubling to 10 min, extended by up to
//! a fifth by a hash of the object's UID, and never sooner than `Retry-After`. An edit of the spec ends the wait for
//! a new attempt, unless the circuit of the broker is open.
//!
//! **Polling** begins after a second and slows down to a tenth of the time that has passed, at most a minute, or
//! follows `Retry-After`. A broker can ask for polls that are five times as frequent, not for more: the floor grows with
//! the operation, from 1 s to 12 s. The time of the next poll is in memory only: losing it costs one poll. The operation
//! ends at `operation.deadline`: after the plan's `maximum_polling_duration`, a day at most.
//!
//! **Progress** that the broker describes otherwise with each poll is written after 10 s at the earliest, later after a
//! tenth of the time that has passed, up to 5 min (`operation.progressTime`). Without this limit a broker would cause as
//! many writes as polls.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sha2::{Digest as _, Sha256};

/// The delay after the first failure; it doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest delay between two attempts.
const LONGEST_RETRY: Duration = Duration::from_mins(10);
/// From this many failures in a row on, the delay is `LONGEST_RETRY`.
pub const FAILURES_FOR_MAX_DELAY: i64 = 10;
/// The shortest time between two polls.
const POLL_MIN: Duration = Duration::from_secs(1);
/// The longest time between two polls, unless the broker asks for more with `Retry-After`.
const POLL_MAX: Duration = Duration::from_mins(1);
/// The most that a poll is delayed against a shorter `Retry-After`.
const POLL_FLOOR_MAX: Duration = Duration::from_secs(12);
/// The shortest time between two writes of an operation's progress.
const PROGRESS_MIN: Duration = Duration::from_secs(10);
/// The longest time between them.
const PROGRESS_MAX: Duration = Duration::from_mins(5);
/// How long an asynchronous operation may take; a plan can only shorten it.
pub const LONGEST_OPERATION: Duration = Duration::from_hours(24);
/// The longest pause between two attempts, or polls: the longest `Retry-After` (`osb::retry_after`), in whole seconds.
/// A stored time further ahead was written while the clock was ahead.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(3601);
/// A deletion is requested again after its polls have failed for this time: brokers exist that forget the operation
/// when it ends.
pub const POLLS_FAIL_FOR: Duration = Duration::from_mins(1);

/// The time of the next attempt after this many failures in a row, never before `retry_after`. `seed`, the object's
/// UID, selects the jitter, so that objects that fail together do not retry together.
pub fn retry(now: &Time, failures: i64, seed: &str, retry_after: Option<Duration>) -> Time {
    let failures_in_row = u32::try_from(failures.max(0)).unwrap_or(u32::MAX);
    let delay = back_off(failures_in_row, FIRST_RETRY, LONGEST_RETRY);
    let delay = delay.mul_f64(1.0 + 0.2 * share(&format!("{seed}/{failures}")));
    let delay = Duration::from_secs(delay.as_secs());
    whole_second(&after(now, delay.max(retry_after.unwrap_or_default())))
}

/// The time after a pause that a broker asks for, as a status can have it.
pub fn not_before(now: &Time, pause: Duration) -> Time {
    whole_second(&after(now, pause))
}

/// The next whole second. A status has no fractions of a second: a time with one would be cut off when it is written,
/// and so come before `Retry-After`.
fn whole_second(time: &Time) -> Time {
    let up = i64::from(time.0.subsec_nanosecond() > 0);
    Timestamp::from_second(time.0.as_second().saturating_add(up)).map_or_else(|_| time.clone(), Time)
}

/// A time as messages have it: without fractions of a second, and not before the time that is meant.
pub fn shown(time: &Time) -> Timestamp {
    whole_second(time).0
}

/// Exponential back-off: `first` after one failure, doubling with each further one in a row, up to `longest`.
pub fn back_off(failures: u32, first: Duration, longest: Duration) -> Duration {
    first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest)
}

/// Adds up to one second of jitter: objects (`seed`) that wait for the same time do not all wake at once.
pub fn spread(time: &Time, seed: &str) -> Time {
    after(time, Duration::from_secs(1).mul_f64(share(seed)))
}

/// A number from 0 to 1 by hashing the seed. Jitter without randomness, so that the core stays pure.
pub fn share(seed: &str) -> f64 {
    f64::from(Sha256::digest(seed).first().copied().unwrap_or_default()) / 255.0
}

/// The time of the next poll. The longer an operation runs, the less often it is polled, so that its end is noticed
/// within a tenth of its duration.
pub fn poll(now: &Time, started: Option<&Time>, retry_after: Option<Duration>) -> Time {
    let running = started.map_or(Duration::ZERO, |started| elapsed(started, now));
    let delay = match retry_after {
        Some(requested) => requested.max((running / 50).clamp(POLL_MIN, POLL_FLOOR_MAX)),
        None => (running / 10).clamp(POLL_MIN, POLL_MAX),
    };
    after(now, delay)
}

/// Whether the progress of an operation may be written again.
pub fn is_progress_due(written: Option<&Time>, started: Option<&Time>, now: &Time) -> bool {
    let running = started.map_or(Duration::ZERO, |started| elapsed(started, now));
    written.is_none_or(|written| elapsed(written, now) >= (running / 10).clamp(PROGRESS_MIN, PROGRESS_MAX))
}

/// When an asynchronous operation that starts now counts as failed (OSB, `maximum_polling_duration`).
pub fn deadline(now: &Time, maximum_polling_duration: Option<Duration>) -> Time {
    after(now, maximum_polling_duration.map_or(LONGEST_OPERATION, |plan| plan.min(LONGEST_OPERATION)))
}

/// When an operation started that has this deadline, and as much time as any.
pub fn start_of_longest(deadline: &Time) -> Time {
    let longest = SignedDuration::try_from(LONGEST_OPERATION).unwrap_or_default();
    Time(deadline.0.checked_sub(longest).unwrap_or(Timestamp::MIN))
}

/// Whether a time has come that a pause ends at. One that no pause can explain has: the clock was set back since.
pub fn is_due(time: &Time, now: &Time) -> bool {
    time.0 <= now.0 || time.0 > after(now, LONGEST_PAUSE).0
}

/// `time` plus `delay`, saturating.
pub fn after(time: &Time, delay: Duration) -> Time {
    let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
    Time(time.0.checked_add(delay).unwrap_or(Timestamp::MAX))
}

/// The time from `since` to `now`; zero if `since` is in the future.
pub fn elapsed(since: &Time, now: &Time) -> Duration {
    now.0.duration_since(since.0).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Time {
        Time(Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn retries_double_up_to_ten_minutes_and_spread() {
        for (failures, least, most) in [
            (1, 1.0, 1.2),
            (2, 2.0, 2.4),
            (5, 16.0, 19.2),
            (FAILURES_FOR_MAX_DELAY + 1, 600.0, 720.0),
            (i64::MAX, 600.0, 720.0),
        ] {
            let delay = elapsed(&at(0), &retry(&at(0), failures, "uid", None)).as_secs_f64();
            assert!((least..=most).contains(&delay), "{failures} failures: {delay} s");
        }
        assert_ne!(retry(&at(0), 10, "a", None), retry(&at(0), 10, "b", None));
    }

    #[test]
    fn the_broker_is_not_asked_before_it_said() {
        let retry_after = Duration::from_secs(50);
        assert_eq!(retry(&at(0), 1, "uid", Some(retry_after)), at(50));
        // The status has whole seconds. With a fraction that is cut off, this would be 49.1 s after the answer.
        let answered = after(&at(0), Duration::from_millis(900));
        assert_eq!(retry(&answered, 1, "uid", Some(retry_after)), at(51));
        assert_eq!(retry(&answered, 1, "uid", None), at(2));
        assert_eq!(poll(&at(100), Some(&at(0)), Some(retry_after)), at(150));
    }

    #[test]
    fn polls_come_less_often_the_longer_it_takes() {
        for (running, delay) in [(0, 1), (5, 1), (100, 10), (100_000, 60)] {
            assert_eq!(poll(&at(running), Some(&at(0)), None), at(running + delay));
        }
    }

    #[test]
    fn a_broker_can_ask_for_more_polls_but_not_for_any_number() {
        let requested = |seconds| Some(Duration::from_secs(seconds));
        for (running, retry_after, delay) in
            [(0, 1, 1), (49, 1, 1), (100, 1, 2), (100, 5, 5), (100_000, 1, 12)]
        {
            assert_eq!(poll(&at(running), Some(&at(0)), requested(retry_after)), at(running + delay));
        }
    }

    #[test]
    fn progress_is_written_less_often_the_longer_it_takes() {
        for (running, interval) in [(0, 10), (50, 10), (600, 60), (100_000, 300)] {
            let is_due = |since| is_progress_due(Some(&at(running - since)), Some(&at(0)), &at(running));
            assert!(is_due(interval) && !is_due(interval - 1), "{running}");
        }
        assert!(is_progress_due(None, Some(&at(0)), &at(1)));
    }

    #[test]
    fn no_pause_lasts_longer_than_the_longest() {
        for (time, is_due_at_0) in [(-1, true), (0, true), (1, false), (3601, false), (3602, true)] {
            assert_eq!(is_due(&at(time), &at(0)), is_due_at_0, "{time}");
        }
    }

    #[test]
    fn the_plan_can_only_shorten_an_operation() {
        assert_eq!(deadline(&at(0), None), at(86_400));
        assert_eq!(start_of_longest(&deadline(&at(7), None)), at(7));
        assert_eq!(deadline(&at(0), Some(Duration::from_mins(1))), at(60));
        assert_eq!(deadline(&at(0), Some(Duration::from_hours(100))), at(86_400));
    }
}
