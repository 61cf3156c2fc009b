//! Tables of [`decide`] and [`settle`], and both of them in a loop.

mod deletion;
mod publication;
mod settled;
mod storm;

use super::*;
use crate::crd::broker::RelistBehavior;
use crate::domain::fixtures::at;
use crate::domain::reason;

/// An owned [`Observed`] that a case can change. By default the broker is ready since second 0.
#[derive(Clone)]
struct Given {
    meta: ObjectMeta,
    spec: CommonServiceBrokerSpec,
    status: Option<BrokerStatus>,
    now: i64,
    is_live: bool,
    instances: Vec<Arc<ServiceInstance>>,
    is_connected: bool,
    secret_version: &'static str,
    is_outdated: bool,
    outage: Option<Outage>,
    generation: i64,
    failures: Option<Failures>,
    api_version: ApiVersion,
}

impl Given {
    fn ready() -> Self {
        let mut status = BrokerStatus {
            reconciled_generation: 1,
            auth_secret_version: "7".to_owned(),
            last_catalog_retrieval_time: Some(at(0)),
            ..BrokerStatus::default()
        };
        let message = "Successfully fetched catalog entries from broker.";
        report(&mut status, Status::True, reason::FETCHED_CATALOG, message, &at(0));
        Self {
            meta: ObjectMeta {
                name: Some("broker".to_owned()),
                generation: Some(1),
                finalizers: Some(vec![crate::crd::names::FINALIZER.to_owned()]),
                ..ObjectMeta::default()
            },
            spec: CommonServiceBrokerSpec {
                relist_duration: Some("10m".to_owned()),
                ..CommonServiceBrokerSpec::default()
            },
            status: Some(status),
            now: 5,
            is_live: false,
            instances: Vec::new(),
            is_connected: true,
            secret_version: "7",
            is_outdated: false,
            outage: None,
            generation: 1,
            failures: None,
            api_version: ApiVersion::default(),
        }
    }

    fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut given = Self::ready();
        change(&mut given);
        given
    }

    fn observed(&self) -> Observed<'_> {
        Observed {
            meta: &self.meta,
            spec: &self.spec,
            status: self.status.as_ref(),
            now: at(self.now),
            relist_interval: Duration::from_hours(24),
            is_live: self.is_live,
            instances: self.instances.clone(),
            connection: self.is_connected.then(|| Connection {
                generation: self.generation,
                secret_version: self.secret_version,
                api_version: self.api_version,
                is_outdated: self.is_outdated,
                outage: self.outage.clone(),
                is_shared: false,
                is_suspected: false,
                failures: self.failures.clone(),
            }),
        }
    }

    /// The step, in words.
    fn step(&self) -> String {
        match decide(&self.observed()) {
            Step::Wait(None) => "wait".to_owned(),
            Step::Wait(Some(time)) => format!("wait until {}", time.0.as_second()),
            Step::AddFinalizer => "add the finalizer".to_owned(),
            Step::Connect => "connect".to_owned(),
            Step::Write { status, note } => {
                format!(
                    "write {}{}",
                    conditions(&status),
                    if note.is_some() { ", with an event" } else { "" }
                )
            }
            Step::ReadLive => "read".to_owned(),
            Step::Fetch => "fetch".to_owned(),
            Step::Probe => "probe".to_owned(),
            Step::Finalize => "finalize".to_owned(),
        }
    }

    /// The broker after the status of [`Step::Write`] is written.
    fn written(mut self) -> Self {
        let Step::Write { status, .. } = decide(&self.observed()) else { panic!("{}", self.step()) };
        self.status = Some(*status);
        self
    }
}

/// Each condition with its reason, like `Ready=False DeletionBlockedByInstances`.
fn conditions(status: &BrokerStatus) -> String {
    let words = status.conditions.iter().map(|is| format!("{}={} {}", is.type_, is.status, is.reason));
    words.collect::<Vec<_>>().join(", ")
}

/// An outage until this time; without a time, a probe is in flight.
fn outage(until: Option<i64>) -> Outage {
    let description = "the broker did not answer: it hangs".to_owned();
    Outage { cause: OutageCause { reason: reason::BROKER_UNREACHABLE, description }, until: until.map(at) }
}

fn delete(given: &mut Given) {
    given.meta.deletion_timestamp = Some(at(4));
}

/// A new spec, to which the operator has connected.
fn edit(given: &mut Given) {
    given.meta.generation = Some(2);
    given.generation = 2;
}

fn forget_finalizer(given: &mut Given) {
    given.meta.finalizers = None;
}

fn fail(given: &mut Given) {
    let status = given.status.as_mut().unwrap();
    let message = "the broker answered with status 500";
    report(status, Status::False, reason::ERROR_FETCHING_CATALOG, message, &at(3));
}

/// What a case changes about the ready broker.
type Change = fn(&mut Given);

fn check(cases: &[(&str, Change, &str)]) {
    for (what, change, expected) in cases {
        assert_eq!(&Given::with(change).step(), expected, "{what}");
    }
}

#[test]
fn a_broker_gets_its_finalizer_and_a_connection_before_any_call() {
    check(&[
        (
            "new, and older than the policy",
            |given| {
                given.status = None;
                forget_finalizer(given);
                given.is_connected = false;
            },
            "add the finalizer",
        ),
        (
            "new",
            |given| {
                given.status = None;
                given.is_connected = false;
            },
            "connect",
        ),
        (
            "a user removed the finalizer",
            |given| {
                forget_finalizer(given);
                given.is_connected = false;
            },
            "connect",
        ),
        ("not connected yet", |given| given.is_connected = false, "connect"),
        (
            "due, but not connected yet",
            |given| {
                given.is_connected = false;
                given.is_live = true;
                given.now = 600;
            },
            "connect",
        ),
        (
            "connected for the first time",
            |given| {
                given.status = None;
                given.is_live = true;
            },
            "fetch",
        ),
    ]);
}

#[test]
fn a_catalog_is_fetched_once_a_second_at_most_and_that_of_a_tenant_once_a_minute() {
    let mut given = Given::with(|given| given.spec.relist_duration = Some("1ns".to_owned()));
    given.now = 0;
    assert_eq!(given.step(), "wait until 1");
    given.meta.namespace = Some("team".to_owned());
    assert_eq!(given.step(), "wait until 60");
    given.is_outdated = true;
    assert_eq!(given.step(), "wait until 10");
}

#[test]
fn a_catalog_is_fetched_when_it_is_due() {
    let manual: Change = |given| given.spec.relist_behavior = Some(RelistBehavior::Manual);
    assert_eq!(Given::with(manual).step(), "wait");
    check(&[
        ("settled", |_| {}, "wait until 600"),
        ("the time has passed", |given| given.now = 600, "read"),
        (
            "the time has passed, and the API server says the same",
            |given| {
                given.now = 600;
                given.is_live = true;
            },
            "fetch",
        ),
        ("the API server says that it was fetched", |given| given.is_live = true, "wait until 600"),
        ("the operator's interval", |given| given.spec.relist_duration = None, "wait until 86400"),
        (
            "an invalid duration",
            |given| given.spec.relist_duration = Some("often".to_owned()),
            "wait until 86400",
        ),
        ("a new spec, or a request", edit, "read"),
        (
            "a new spec that the cache does not show yet",
            |given| {
                given.meta.generation = Some(2);
                given.is_live = true;
            },
            "wait",
        ),
        ("new credentials", |given| given.secret_version = "8", "read"),
        ("another version of the API", |given| given.api_version = ApiVersion::V2_14, "read"),
        ("the credentials are gone", |given| given.secret_version = "", "read"),
        ("the last fetch failed", fail, "read"),
        (
            "the last fetch failed, and the API server says the same",
            |given| {
                fail(given);
                given.is_live = true;
            },
            "fetch",
        ),
        ("the broker says that it is outdated", |given| given.is_outdated = true, "wait until 10"),
        (
            "the broker says so for a while",
            |given| {
                given.is_outdated = true;
                given.now = 10;
            },
            "read",
        ),
        (
            "outdated, but with a shorter relist duration",
            |given| {
                given.is_outdated = true;
                given.spec.relist_duration = Some("7s".to_owned());
            },
            "wait until 7",
        ),
    ]);
}

#[test]
fn a_catalog_that_is_fetched_on_request_waits_for_one() {
    fn manual(given: &mut Given) {
        given.spec.relist_behavior = Some(RelistBehavior::Manual);
        given.now = 5_000_000;
    }
    check(&[
        ("settled", manual, "wait"),
        (
            "outdated",
            |given| {
                manual(given);
                given.is_outdated = true;
            },
            "wait",
        ),
        (
            "a request",
            |given| {
                manual(given);
                edit(given);
            },
            "read",
        ),
        (
            "the last fetch failed",
            |given| {
                manual(given);
                fail(given);
            },
            "read",
        ),
        (
            "never fetched",
            |given| {
                manual(given);
                given.status = None;
            },
            "read",
        ),
    ]);
}

#[test]
fn an_outage_is_reported_and_the_catalog_waits_for_its_end() {
    fn reported(until: i64, now: i64) -> Given {
        let mut given = Given::with(|given| given.outage = Some(outage(Some(until)))).written();
        given.now = now;
        given
    }
    let step = |mut given: Given, change: Change| {
        change(&mut given);
        given.step()
    };
    let ready = "Ready=True FetchedCatalog";
    let both = format!("write Available=False BrokerUnreachable, {ready}");
    let new = Given::with(|given| given.outage = Some(outage(Some(8))));
    assert_eq!(step(new, |_| {}), format!("{both}, with an event"));
    let cases: &[(&str, Given, Change, &str)] = &[
        ("reported", reported(8, 5), |_| {}, "wait until 13"),
        ("longer than reported", reported(8, 5), |given| given.outage = Some(outage(Some(9))), &both),
        ("a probe is in flight", reported(8, 9), |given| given.outage = Some(outage(None)), "wait"),
        (
            "a probe is in flight, and the catalog due",
            reported(8, 700),
            |given| given.outage = Some(outage(None)),
            "wait",
        ),
        ("others probe first", reported(8, 12), |_| {}, "wait until 13"),
        ("no other call", reported(8, 13), |_| {}, "probe"),
        (
            "no other call, and a catalog that is fetched on request",
            reported(8, 13),
            |given| given.spec.relist_behavior = Some(RelistBehavior::Manual),
            "probe",
        ),
        ("the catalog is due before the end", reported(700, 650), |_| {}, "wait until 705"),
        ("the catalog is due", reported(700, 705), |_| {}, "read"),
        (
            "the catalog is due, and the API server says the same",
            reported(700, 705),
            |given| given.is_live = true,
            "fetch",
        ),
        ("over", reported(8, 9), |given| given.outage = None, "write Ready=True FetchedCatalog"),
        ("a probe before it is reported", Given::ready(), |given| given.outage = Some(outage(None)), "wait"),
    ];
    for (what, given, change, expected) in cases {
        assert_eq!(&step(given.clone(), *change), expected, "{what}");
    }
}

#[test]
fn the_message_about_an_outage_names_its_cause_and_its_end() {
    let given = Given::with(|given| given.outage = Some(outage(Some(8))));
    let Step::Write { status, note } = decide(&given.observed()) else { panic!("{}", given.step()) };
    let message = "Calls are suspended until 1970-01-01T00:00:08Z: the broker did not answer: it hangs. Pending \
                   requests resume automatically";
    assert_eq!(note, Some(Note::new(true, reason::BROKER_UNREACHABLE, message)));
    let available = condition::find(&status.conditions, condition::AVAILABLE).unwrap();
    assert_eq!((available.message.as_str(), &available.last_transition_time), (message, &Some(at(5))));
    assert_eq!(status.last_condition_state, reason::BROKER_UNREACHABLE, "what needs attention is shown");
}
