//! However a broker answers, the operator fetches its catalog at a bounded rate, and publishes the catalog soon after
//! the broker works again.

use std::time::Duration;

use proptest::prelude::*;

use super::{Given, Outage, Step, Time, at, decide};
use crate::domain::broker::{Observed, Outcome, Published, settle};
use crate::domain::circuit_breaker::{CallResult, CircuitBreaker};
use crate::domain::schedule::after;
use crate::osb;

/// How soon a reconcile follows what triggers it.
const SOON: Duration = Duration::from_millis(10);

/// So many calls are a storm, and end the run.
const STORM: usize = 2000;

/// How a broker answers a fetch of its catalog.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Catalog,
    CatalogThatIsOutdatedSoon,
    UnpublishableCatalog,
    /// A status, perhaps with `Retry-After` in seconds, and with a description that no other answer had.
    Status(u16, Option<u64>),
    Malformed,
    Silence,
}

fn answers() -> impl Strategy<Value = Answer> {
    prop_oneof![
        2 => Just(Answer::Catalog),
        2 => Just(Answer::CatalogThatIsOutdatedSoon),
        1 => Just(Answer::UnpublishableCatalog),
        4 => (prop::sample::select(vec![400, 401, 404, 412, 429, 500, 503]), prop::option::of(0..20_u64))
            .prop_map(|(status, retry_after)| Answer::Status(status, retry_after)),
        1 => Just(Answer::Malformed),
        1 => Just(Answer::Silence),
    ]
}

/// A broker, its object, and its circuit breaker.
struct World {
    given: Given,
    breaker: CircuitBreaker,
    answers: Box<dyn Iterator<Item = Answer>>,
    /// When the broker was called.
    calls: Vec<Time>,
}

impl World {
    /// A broker that was just registered.
    fn new(answers: impl Iterator<Item = Answer> + 'static) -> Self {
        let given = Given::with(|given| given.status = None);
        Self { given, breaker: CircuitBreaker::new("broker"), answers: Box::new(answers), calls: Vec::new() }
    }

    /// Reconciles until `end`, triggered by each status write and by the time.
    fn run(&mut self, mut now: Time, end: &Time) {
        while now.0 < end.0 && self.calls.len() < STORM {
            let next = self.reconcile(&now).unwrap_or_else(|| after(&now, Duration::from_mins(1)));
            now = next.max(after(&now, SOON));
        }
    }

    /// One reconcile. Returns the time of the next one.
    fn reconcile(&mut self, now: &Time) -> Option<Time> {
        self.given.is_live = false;
        loop {
            self.observe_outage();
            let observed = Observed { now: now.clone(), ..self.given.observed() };
            match decide(&observed) {
                Step::Wait(until) => return until,
                Step::Write { status, .. } => self.given.status = Some(*status),
                Step::ReadLive => self.given.is_live = true,
                Step::Fetch => {
                    self.fetch(now);
                    return Some(after(now, SOON));
                }
                Step::Probe => {
                    self.call(now);
                    return Some(after(now, SOON));
                }
                step => panic!("{step:?}"),
            }
        }
    }

    fn observe_outage(&mut self) {
        let outage = self.breaker.open_cause();
        self.given.outage =
            outage.map(|(cause, until)| Outage { cause: cause.clone(), until: until.cloned() });
    }

    fn fetch(&mut self, now: &Time) {
        let Some(answer) = self.call(now) else { return };
        let outcome = match (answer, self.answer(answer)) {
            (_, Err(error)) => Outcome::NotFetched(error),
            (Answer::UnpublishableCatalog, Ok(())) => Outcome::NotPublished(self.unique_text()),
            (_, Ok(())) => {
                let message = "Successfully fetched catalog entries from broker.";
                let rejected = String::new();
                Outcome::Published(Published { classes: 1, plans: 1, changes: 0, rejected, message })
            }
        };
        self.observe_outage();
        let settled = settle(&Observed { now: now.clone(), ..self.given.observed() }, outcome);
        self.given.is_outdated = matches!(answer, Answer::CatalogThatIsOutdatedSoon);
        self.given.status = Some(settled.status);
        self.given.failures = settled.failures;
    }

    /// Calls the broker, unless its circuit is open.
    fn call(&mut self, now: &Time) -> Option<Answer> {
        let admission = self.breaker.admit(now).ok()?;
        self.calls.push(now.clone());
        let answer = self.answers.next().unwrap_or(Answer::Catalog);
        let result = CallResult::of(&self.answer(answer)).unwrap();
        self.breaker.record(&admission, result, now);
        Some(answer)
    }

    fn answer(&self, answer: Answer) -> Result<(), osb::Error> {
        Err(match answer {
            Answer::Catalog | Answer::CatalogThatIsOutdatedSoon | Answer::UnpublishableCatalog => {
                return Ok(());
            }
            Answer::Status(status, retry_after) => osb::Error::Status {
                status,
                code: None,
                description: Some(self.unique_text()),
                instance_usable: None,
                update_repeatable: None,
                retry_after: retry_after.map(Duration::from_secs),
            },
            Answer::Malformed => osb::Error::Malformed { status: 200, reason: self.unique_text() },
            Answer::Silence => osb::Error::NoAnswer { reason: self.unique_text() },
        })
    }

    fn unique_text(&self) -> String {
        format!("see request {}", self.calls.len())
    }

    /// The most calls within a minute.
    fn peak_rate(&self) -> usize {
        let within = |(index, first): (usize, &Time)| {
            let end = after(first, Duration::from_mins(1));
            self.calls.partition_point(|call| call.0 < end.0) - index
        };
        self.calls.iter().enumerate().map(within).max().unwrap_or_default()
    }
}

/// Seen to fail, with thousands of calls, when `relist::next` ignores `failures`.
#[test]
fn a_broker_that_fails_in_the_same_way_for_ever_is_called_less_and_less() {
    let hour = at(3600);
    for answer in [
        Answer::UnpublishableCatalog,
        Answer::Status(500, None),
        Answer::Status(404, Some(1)),
        Answer::Status(401, None),
        Answer::Status(503, None),
        Answer::Status(429, None),
        Answer::Malformed,
        Answer::Silence,
    ] {
        let mut world = World::new(std::iter::repeat(answer));
        world.run(at(0), &hour);
        let late = world.calls.iter().filter(|call| call.0 >= at(1800).0).count();
        assert!(world.calls.len() <= 30 && (3..=7).contains(&late), "{answer:?}: {:?}", world.calls);
    }
    let mut outdated = World::new(std::iter::repeat(Answer::CatalogThatIsOutdatedSoon));
    outdated.run(at(0), &hour);
    assert!(outdated.calls.len() <= 361, "{}", outdated.calls.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Seen to fail like the test above.
    #[test]
    fn no_answers_make_a_storm(answers in prop::collection::vec((answers(), 1..100_usize), 1..20)) {
        let answers = answers.into_iter().cycle();
        let mut world = World::new(answers.flat_map(|(answer, count)| std::iter::repeat_n(answer, count)));
        world.run(at(0), &at(1800));
        prop_assert!(world.peak_rate() <= 40, "{} calls in a minute", world.peak_rate());

        // From now on the broker works.
        world.answers = Box::new(std::iter::repeat(Answer::Catalog));
        world.run(at(1800), &at(1800 + 360));
        let ready = "Ready=True FetchedCatalog";
        prop_assert_eq!(super::conditions(world.given.status.as_ref().unwrap()), ready);
    }
}
