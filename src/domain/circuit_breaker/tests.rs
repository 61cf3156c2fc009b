//! Tables of single calls, and property tests of calls in any order.

use proptest::prelude::*;

use super::*;
use crate::domain::fixtures::{at, error};

fn cause(reason: &'static str) -> OutageCause {
    OutageCause { reason, description: "it hangs".to_owned() }
}

fn silence() -> CallResult {
    CallResult::Failed(cause(reason::BROKER_UNREACHABLE))
}

fn declined(seconds: Option<u64>) -> CallResult {
    CallResult::Declined(cause(reason::BROKER_RATE_LIMITED), seconds.map(Duration::from_secs))
}

/// A call that is admitted and ends at once.
fn call(breaker: &mut CircuitBreaker, result: CallResult, now: i64) -> bool {
    let admission = breaker.admit(&at(now)).unwrap();
    breaker.record(&admission, result, &at(now))
}

/// As many calls as reach the threshold of failures or of answers.
fn calls(breaker: &mut CircuitBreaker, result: &CallResult, now: i64) {
    let threshold = if *result == CallResult::Answered { RECOVERY_THRESHOLD } else { FAILURE_THRESHOLD };
    for _ in 0..threshold {
        call(breaker, result.clone(), now);
    }
}

/// A breaker whose circuit opened at second 0, until second 1.
fn opened() -> CircuitBreaker {
    let mut breaker = CircuitBreaker::new("broker");
    let changed: Vec<bool> = (0..FAILURE_THRESHOLD).map(|_| call(&mut breaker, silence(), 0)).collect();
    assert_eq!(changed, [false, false, false, false, true]);
    breaker
}

fn until(breaker: &CircuitBreaker, now: i64) -> Option<Time> {
    breaker.outage(&at(now)).map(|outage| outage.until)
}

/// Seen to fail without the suspicion: a broker that is down gets five fetches of its catalog, of a minute each, before
/// the calls of all namespaces are suspended.
#[test]
fn one_failure_of_a_suspected_broker_opens_its_circuit() {
    let mut breaker = CircuitBreaker::new("broker");
    assert!(breaker.suspect(&at(0)) && breaker.is_suspected());
    assert!(!breaker.suspect(&at(0)), "it is suspected already");
    assert!(call(&mut breaker, silence(), 0));
    assert!(!breaker.is_suspected());
    assert!(!breaker.suspect(&at(0)), "its circuit is open");
    assert_eq!(until(&breaker, 0), Some(at(1)));
}

/// Seen to fail without the time: a tenant whose calls fail makes the operator fetch the catalog all the time.
#[test]
fn an_answer_clears_a_suspicion_for_a_minute() {
    let mut breaker = CircuitBreaker::new("broker");
    assert!(breaker.suspect(&at(0)));
    assert!(!call(&mut breaker, CallResult::Answered, 1));
    assert!(!breaker.is_suspected());
    assert!(!breaker.suspect(&at(60)));
    assert!(!call(&mut breaker, silence(), 60), "one failure is none");
    assert!(breaker.suspect(&at(61)));
}

/// Tenants must not probe a broker for others: their calls may fail for reasons of their own.
#[test]
fn calls_that_must_not_probe_wait_until_another_has() {
    let mut breaker = opened();
    for now in [0, 1, 100] {
        assert!(
            breaker.outage_for_tenants(&at(now)).is_some_and(|outage| outage.until.0 > at(now).0),
            "{now}"
        );
    }
    assert_eq!(breaker.outage(&at(1)), None);
    assert!(call(&mut breaker, CallResult::Answered, 100));
    assert_eq!(breaker.outage_for_tenants(&at(100)), None);
}

#[test]
fn an_error_is_about_the_broker_or_only_about_the_request() {
    let status = |status, retry_after: Option<u64>| {
        let osb::Error::Status { code, description, instance_usable, update_repeatable, .. } = error(status)
        else {
            unreachable!()
        };
        let retry_after = retry_after.map(Duration::from_secs);
        osb::Error::Status { status, code, description, instance_usable, update_repeatable, retry_after }
    };
    let reason = || "it hangs".to_owned();
    for (error, expected) in [
        (osb::Error::Unreachable { reason: reason() }, Some(reason::BROKER_UNREACHABLE)),
        (osb::Error::NoAnswer { reason: reason() }, Some(reason::BROKER_UNREACHABLE)),
        (status(401, None), Some(reason::BROKER_UNAUTHORIZED)),
        (status(403, None), Some(reason::BROKER_UNAUTHORIZED)),
        (status(412, None), Some(reason::BROKER_INCOMPATIBLE)),
        (osb::Error::Redirected { status: 302, location: None }, Some(reason::BROKER_INCOMPATIBLE)),
        (status(429, None), Some(reason::BROKER_RATE_LIMITED)),
        (status(429, Some(7)), Some(reason::BROKER_RATE_LIMITED)),
        (status(503, Some(7)), Some(reason::BROKER_RATE_LIMITED)),
        (status(503, None), None),
        (status(500, None), None),
        (status(500, Some(7)), None),
        (status(400, None), None),
        (status(404, None), None),
        (status(409, None), None),
        (status(410, None), None),
        (status(422, None), None),
        (osb::Error::Malformed { status: 200, reason: reason() }, None),
    ] {
        let what = format!("{error:?}");
        let result = CallResult::of::<()>(&Err(error)).unwrap();
        let found = match &result {
            CallResult::Answered => None,
            CallResult::Failed(cause) | CallResult::Declined(cause, _) => Some(cause.reason),
        };
        assert_eq!(found, expected, "{what}");
    }
    assert_eq!(CallResult::of(&Ok(())), Some(CallResult::Answered));
    assert_eq!(CallResult::of::<()>(&Err(osb::Error::InvalidId { id: "/".to_owned() })), None);
}

/// Seen to fail: with the broker's description in the cause, every namespace reads an answer that was meant for one.
#[test]
fn an_answer_to_one_namespace_is_not_shown_to_all() {
    for status in [401, 403, 412, 429] {
        let answer = osb::Error::Status {
            status,
            code: Some("Quota".to_owned()),
            description: Some("the instance of team a is too large".to_owned()),
            instance_usable: None,
            update_repeatable: None,
            retry_after: None,
        };
        let Some(CallResult::Failed(cause) | CallResult::Declined(cause, _)) =
            CallResult::of::<()>(&Err(answer))
        else {
            panic!("the circuit stays closed")
        };
        assert_eq!(cause.description, format!("the broker answered with status {status}"));
    }
}

/// Seen to fail: without the count, one slow instance suspends the calls for all others.
#[test]
fn five_failures_in_a_row_open_the_circuit_and_an_answer_restarts_the_count() {
    let mut breaker = CircuitBreaker::new("broker");
    for round in 0..100 {
        for _ in 1..FAILURE_THRESHOLD {
            assert!(!call(&mut breaker, silence(), round));
        }
        assert!(!call(&mut breaker, CallResult::Answered, round));
    }
    assert_eq!(until(&opened(), 0), Some(at(1)));
}

#[test]
fn one_call_probes_the_broker_and_its_answer_closes_the_circuit() {
    let mut breaker = opened();
    assert_eq!(breaker.admit(&at(0)).unwrap_err().cause, cause(reason::BROKER_UNREACHABLE));
    assert_eq!(until(&breaker, 1), None);
    let probe = breaker.admit(&at(1)).unwrap();
    assert!(breaker.admit(&at(1)).is_err());
    assert_eq!(breaker.open_cause(), Some((&cause(reason::BROKER_UNREACHABLE), None)));
    assert!(breaker.record(&probe, CallResult::Answered, &at(2)));
    assert_eq!((breaker.open_cause(), until(&breaker, 2)), (None, None));
}

#[test]
fn pauses_double_up_to_five_minutes() {
    let mut breaker = opened();
    let mut now = 1;
    for pause in [2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
        assert!(call(&mut breaker, silence(), now));
        assert_eq!(until(&breaker, now), Some(at(now + pause)));
        now += pause;
    }
}

/// Seen to fail: if one answer resets the back-off, a broker that flaps is called as often as one that works.
#[test]
fn the_circuit_of_a_broker_that_flaps_stays_open_for_longer_each_time() {
    let mut breaker = opened();
    assert!(call(&mut breaker, CallResult::Answered, 1));
    calls(&mut breaker, &silence(), 1);
    assert_eq!(until(&breaker, 1), Some(at(3)));
    calls(&mut breaker, &CallResult::Answered, 3);
    calls(&mut breaker, &silence(), 3);
    assert_eq!(until(&breaker, 3), Some(at(4)));
}

#[test]
fn retry_after_opens_the_circuit_at_once_and_for_exactly_that_long() {
    let mut breaker = CircuitBreaker::new("broker");
    let other = breaker.admit(&at(0)).unwrap();
    assert!(call(&mut breaker, declined(Some(3600)), 0));
    assert_eq!(until(&breaker, 3599), Some(at(3600)));
    // Other calls were in flight: a Retry-After extends the pause, and never shortens it.
    let another = Admission(other.0);
    assert!(!breaker.record(&other, declined(Some(10)), &at(1)));
    assert!(breaker.record(&another, declined(Some(3600)), &at(1)));
    assert_eq!(until(&breaker, 1), Some(at(3601)));

    let mut breaker = CircuitBreaker::new("broker");
    assert!(call(&mut breaker, declined(None), 0));
    assert_eq!(until(&breaker, 0), Some(at(1)));
}

/// Seen to fail: if such results count, calls that were sent before the pause end it, or the next one.
#[test]
fn results_of_an_earlier_epoch_are_ignored() {
    let mut breaker = CircuitBreaker::new("broker");
    let old: Vec<Admission> = (0..3).map(|_| breaker.admit(&at(0)).unwrap()).collect();
    calls(&mut breaker, &silence(), 0);
    assert!(!breaker.record(&old[0], CallResult::Answered, &at(0)));
    let probe = breaker.admit(&at(1)).unwrap();
    assert!(!breaker.record(&old[1], CallResult::Answered, &at(1)));
    assert!(!breaker.record(&old[2], silence(), &at(1)));
    assert_eq!(breaker.open_cause().unwrap().1, None);
    assert!(breaker.record(&probe, CallResult::Answered, &at(1)));
}

/// Seen to fail: if the probe is not withdrawn, no call is ever admitted again.
#[test]
fn a_probe_without_a_result_is_repeated_by_another_call() {
    let mut breaker = opened();
    let probe = breaker.admit(&at(1)).unwrap();
    assert!(breaker.withdraw(&probe));
    let probe = breaker.admit(&at(1)).unwrap();
    assert!(breaker.record(&probe, CallResult::Answered, &at(1)));
    assert!(!breaker.withdraw(&probe));
}

#[test]
fn the_wait_for_a_probe_is_brief_at_first() {
    let mut breaker = opened();
    let _probe = breaker.admit(&at(100)).unwrap();
    assert!(breaker.outage(&at(101)).unwrap().is_brief(&at(101)));
    assert!(!breaker.outage(&at(106)).unwrap().is_brief(&at(106)));
}

/// What may happen to a breaker. The index chooses one of the calls in flight.
#[derive(Clone, Debug)]
enum Event {
    /// So many seconds pass.
    Sleep(i64),
    Admit,
    Record(usize, CallResult),
    Withdraw(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let result = prop_oneof![
        Just(CallResult::Answered),
        Just(silence()),
        Just(declined(None)),
        (1..3600u64).prop_map(|seconds| declined(Some(seconds))),
    ];
    prop_oneof![
        (0..400i64).prop_map(Event::Sleep),
        Just(Event::Admit),
        Just(Event::Admit),
        (any::<usize>(), result).prop_map(|(which, result)| Event::Record(which, result)),
        any::<usize>().prop_map(Event::Withdraw),
    ]
}

proptest! {
    /// No call is admitted before the end of the pause, one call at most probes the broker, and an answer closes the
    /// circuit in the end.
    #[test]
    fn calls_in_any_order_respect_the_pause_and_the_circuit_closes(events in prop::collection::vec(event(), 1..200)) {
        let mut breaker = CircuitBreaker::new("broker");
        let (mut now, mut calls, mut not_before) = (0, Vec::new(), i64::MIN);
        for event in events {
            match event {
                Event::Sleep(seconds) => now += seconds,
                Event::Admit => {
                    let is_open = breaker.open_cause().is_some();
                    if let Ok(admission) = breaker.admit(&at(now)) {
                        prop_assert!(now >= not_before, "called at {now}, not before {not_before}");
                        prop_assert_eq!(is_open, breaker.open_cause().is_some());
                        calls.push(admission);
                    } else {
                        prop_assert!(is_open);
                    }
                }
                Event::Record(which, result) if !calls.is_empty() => {
                    let admission = calls.swap_remove(which % calls.len());
                    let retry_at = match &result {
                        CallResult::Declined(_, Some(delay)) => now + i64::try_from(delay.as_secs()).unwrap(),
                        _ => i64::MIN,
                    };
                    let changed = breaker.record(&admission, result, &at(now));
                    if changed {
                        not_before = not_before.max(retry_at);
                    }
                }
                Event::Withdraw(which) if !calls.is_empty() => {
                    let admission = calls.swap_remove(which % calls.len());
                    breaker.withdraw(&admission);
                }
                Event::Record(..) | Event::Withdraw(_) => {}
            }
        }
        for admission in &calls {
            breaker.withdraw(admission);
        }
        let admission = breaker.admit(&at(now + 3600));
        prop_assert!(admission.is_ok());
        breaker.record(&admission.unwrap(), CallResult::Answered, &at(now + 3600));
        prop_assert!(breaker.open_cause().is_none());
    }

    /// The broker's answer to one request suspends no other.
    #[test]
    fn answers_about_a_request_never_open_the_circuit(statuses in prop::collection::vec(
        (400..600u16).prop_filter("about the broker", |status| ![401, 403, 412, 429].contains(status)), 1..100,
    )) {
        let mut breaker = CircuitBreaker::new("broker");
        for status in statuses {
            let result = CallResult::of::<()>(&Err(error(status))).unwrap();
            prop_assert!(!call(&mut breaker, result, 0));
        }
    }
}
