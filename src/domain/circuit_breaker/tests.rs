//! Tables of single calls, and any calls in any order.

use proptest::prelude::*;

use super::*;
use crate::domain::fixtures::{at, error};

fn trouble(reason: &'static str) -> OutageCause {
    OutageCause { reason, told: "it hangs".to_owned() }
}

fn silence() -> CallResult {
    CallResult::Failed(trouble(reason::BROKER_UNREACHABLE))
}

fn declined(seconds: Option<u64>) -> CallResult {
    CallResult::Declined(trouble(reason::BROKER_RATE_LIMITED), seconds.map(Duration::from_secs))
}

/// A call that is let through, and ends at once.
fn call(breaker: &mut CircuitBreaker, contact: CallResult, now: i64) -> bool {
    let ticket = breaker.admit(&at(now)).unwrap();
    breaker.record(&ticket, contact, &at(now))
}

/// As many as are enough.
fn calls(breaker: &mut CircuitBreaker, contact: &CallResult, now: i64) {
    for _ in 0..THRESHOLD {
        call(breaker, contact.clone(), now);
    }
}

/// Not called from second 0 until second 1.
fn opened() -> CircuitBreaker {
    let mut breaker = CircuitBreaker::new("broker");
    let changed: Vec<bool> = (0..THRESHOLD).map(|_| call(&mut breaker, silence(), 0)).collect();
    assert_eq!(changed, [false, false, false, false, true]);
    breaker
}

fn until(breaker: &CircuitBreaker, now: i64) -> Option<Time> {
    breaker.outage(&at(now)).map(|held| held.until)
}

#[test]
fn an_error_shows_something_of_the_broker_or_only_of_what_was_asked() {
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
        let contact = CallResult::of::<()>(&Err(error)).unwrap();
        let found = match &contact {
            CallResult::Answered => None,
            CallResult::Failed(trouble) | CallResult::Declined(trouble, _) => Some(trouble.reason),
        };
        assert_eq!(found, expected, "{what}");
    }
    assert_eq!(CallResult::of(&Ok(())), Some(CallResult::Answered));
    assert_eq!(CallResult::of::<()>(&Err(osb::Error::InvalidId { id: "/".to_owned() })), None);
}

/// Broken on purpose: with the description in it, every namespace reads what was answered to one.
#[test]
fn what_was_answered_to_one_namespace_is_not_told_to_all() {
    for status in [401, 403, 412, 429] {
        let answer = osb::Error::Status {
            status,
            code: Some("Quota".to_owned()),
            description: Some("the instance of team a is too large".to_owned()),
            instance_usable: None,
            update_repeatable: None,
            retry_after: None,
        };
        let Some(CallResult::Failed(trouble) | CallResult::Declined(trouble, _)) =
            CallResult::of::<()>(&Err(answer))
        else {
            panic!("no trouble")
        };
        assert_eq!(trouble.told, format!("it answered status {status}"));
    }
}

/// Broken on purpose: without the count, one slow instance stops all others.
#[test]
fn some_failures_in_a_row_are_enough_and_an_answer_in_between_is_not_in_a_row() {
    let mut breaker = CircuitBreaker::new("broker");
    for round in 0..100 {
        for _ in 1..THRESHOLD {
            assert!(!call(&mut breaker, silence(), round));
        }
        assert!(!call(&mut breaker, CallResult::Answered, round));
    }
    assert_eq!(until(&opened(), 0), Some(at(1)));
}

#[test]
fn one_call_finds_out_and_its_answer_lets_all_others_through() {
    let mut breaker = opened();
    assert_eq!(breaker.admit(&at(0)).unwrap_err().trouble, trouble(reason::BROKER_UNREACHABLE));
    assert_eq!(until(&breaker, 1), None);
    let trial = breaker.admit(&at(1)).unwrap();
    assert!(breaker.admit(&at(1)).is_err());
    assert_eq!(breaker.trouble(), Some((&trouble(reason::BROKER_UNREACHABLE), None)));
    assert!(breaker.record(&trial, CallResult::Answered, &at(2)));
    assert_eq!((breaker.trouble(), until(&breaker, 2)), (None, None));
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

/// Broken on purpose: if one answer makes all good, a broker that flaps is asked as often as one that works.
#[test]
fn a_broker_that_flaps_is_left_alone_for_longer_each_time() {
    let mut breaker = opened();
    assert!(call(&mut breaker, CallResult::Answered, 1));
    calls(&mut breaker, &silence(), 1);
    assert_eq!(until(&breaker, 1), Some(at(3)));
    calls(&mut breaker, &CallResult::Answered, 3);
    calls(&mut breaker, &silence(), 3);
    assert_eq!(until(&breaker, 3), Some(at(4)));
}

#[test]
fn who_asks_for_time_gets_it_at_once_and_in_full() {
    let mut breaker = CircuitBreaker::new("broker");
    let other = breaker.admit(&at(0)).unwrap();
    assert!(call(&mut breaker, declined(Some(3600)), 0));
    assert_eq!(until(&breaker, 3599), Some(at(3600)));
    // Another one was under way: only what asks for more is news.
    let another = Admission(other.0);
    assert!(!breaker.record(&other, declined(Some(10)), &at(1)));
    assert!(breaker.record(&another, declined(Some(3600)), &at(1)));
    assert_eq!(until(&breaker, 1), Some(at(3601)));

    let mut breaker = CircuitBreaker::new("broker");
    assert!(call(&mut breaker, declined(None), 0));
    assert_eq!(until(&breaker, 0), Some(at(1)));
}

/// Broken on purpose: if what is old news counts, calls that began before the pause end it, or the next one.
#[test]
fn calls_that_began_earlier_are_no_news() {
    let mut breaker = CircuitBreaker::new("broker");
    let old: Vec<Admission> = (0..3).map(|_| breaker.admit(&at(0)).unwrap()).collect();
    calls(&mut breaker, &silence(), 0);
    assert!(!breaker.record(&old[0], CallResult::Answered, &at(0)));
    let trial = breaker.admit(&at(1)).unwrap();
    assert!(!breaker.record(&old[1], CallResult::Answered, &at(1)));
    assert!(!breaker.record(&old[2], silence(), &at(1)));
    assert_eq!(breaker.trouble().unwrap().1, None);
    assert!(breaker.record(&trial, CallResult::Answered, &at(1)));
}

/// Broken on purpose: if it is not withdrawn, nobody is ever let through again.
#[test]
fn a_trial_that_shows_nothing_is_made_by_another() {
    let mut breaker = opened();
    let trial = breaker.admit(&at(1)).unwrap();
    assert!(breaker.withdraw(&trial));
    let trial = breaker.admit(&at(1)).unwrap();
    assert!(breaker.record(&trial, CallResult::Answered, &at(1)));
    assert!(!breaker.withdraw(&trial));
}

#[test]
fn who_waits_for_a_trial_waits_shortly_at_first() {
    let mut breaker = opened();
    let _trial = breaker.admit(&at(100)).unwrap();
    assert!(breaker.outage(&at(101)).unwrap().is_brief(&at(101)));
    assert!(!breaker.outage(&at(106)).unwrap().is_brief(&at(106)));
}

/// What may happen to a breaker.
#[derive(Clone, Debug)]
enum Event {
    Pass(i64),
    Begin,
    End(usize, CallResult),
    Drop(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let contact = prop_oneof![
        Just(CallResult::Answered),
        Just(silence()),
        Just(declined(None)),
        (1..3600u64).prop_map(|seconds| declined(Some(seconds))),
    ];
    prop_oneof![
        (0..400i64).prop_map(Event::Pass),
        Just(Event::Begin),
        Just(Event::Begin),
        (any::<usize>(), contact).prop_map(|(which, contact)| Event::End(which, contact)),
        any::<usize>().prop_map(Event::Drop),
    ]
}

proptest! {
    /// Nobody is called before the time; one call at most finds out; and whatever happens, it ends.
    #[test]
    fn whatever_happens(events in prop::collection::vec(event(), 1..200)) {
        let mut breaker = CircuitBreaker::new("broker");
        let (mut now, mut calls, mut not_before) = (0, Vec::new(), i64::MIN);
        for event in events {
            match event {
                Event::Pass(seconds) => now += seconds,
                Event::Begin => {
                    let in_trouble = breaker.trouble().is_some();
                    if let Ok(ticket) = breaker.admit(&at(now)) {
                        prop_assert!(now >= not_before, "called at {now}, not before {not_before}");
                        prop_assert_eq!(in_trouble, breaker.trouble().is_some());
                        calls.push(ticket);
                    } else {
                        prop_assert!(in_trouble);
                    }
                }
                Event::End(which, contact) if !calls.is_empty() => {
                    let ticket = calls.swap_remove(which % calls.len());
                    let asked = match &contact {
                        CallResult::Declined(_, Some(delay)) => now + i64::try_from(delay.as_secs()).unwrap(),
                        _ => i64::MIN,
                    };
                    let news = breaker.record(&ticket, contact, &at(now));
                    if news {
                        not_before = not_before.max(asked);
                    }
                }
                Event::Drop(which) if !calls.is_empty() => {
                    let ticket = calls.swap_remove(which % calls.len());
                    breaker.withdraw(&ticket);
                }
                Event::End(..) | Event::Drop(_) => {}
            }
        }
        for ticket in &calls {
            breaker.withdraw(ticket);
        }
        let ticket = breaker.admit(&at(now + 3600));
        prop_assert!(ticket.is_ok());
        breaker.record(&ticket.unwrap(), CallResult::Answered, &at(now + 3600));
        prop_assert!(breaker.trouble().is_none());
    }

    /// What a broker thinks of what it is asked is nobody else's business.
    #[test]
    fn answers_never_hold_anybody(statuses in prop::collection::vec(
        (400..600u16).prop_filter("about the broker", |status| ![401, 403, 412, 429].contains(status)), 1..100,
    )) {
        let mut breaker = CircuitBreaker::new("broker");
        for status in statuses {
            let contact = CallResult::of::<()>(&Err(error(status))).unwrap();
            prop_assert!(!call(&mut breaker, contact, 0));
        }
    }
}
