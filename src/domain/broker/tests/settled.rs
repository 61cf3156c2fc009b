//! The status, the event and the next step after each outcome.

use super::{
    BrokerStatus, Change, Given, Status, Step, at, condition, conditions, decide, edit, fail, outage, reason,
};
use crate::domain::broker::{Next, Outcome, Published, Settled, settle};
use crate::domain::fixtures::error;
use crate::domain::schedule::elapsed;
use crate::osb::ApiVersion;

const RETRIES: &str =
    ". The operator retries with back-off (up to 5 min), and at once when this object or its Secret changes";

fn published(rejected: &str) -> Outcome {
    Outcome::Published(Published {
        classes: 2,
        plans: 5,
        changes: 1,
        rejected: rejected.to_owned(),
        message: "Successfully fetched catalog entries from broker.",
    })
}

fn unusable(secret_is_terminating: bool) -> Outcome {
    Outcome::Unusable {
        why: "there is no Secret shop/auth".to_owned(),
        is_about_credentials: true,
        secret_is_terminating,
    }
}

fn refused(status: u16) -> Outcome {
    Outcome::NotFetched(error(status))
}

fn unreadable() -> Outcome {
    Outcome::NotPublished("spec.catalogRestrictions: Invalid property: spec.free".to_owned())
}

fn new(given: &mut Given) {
    given.status = None;
}

fn state_rejected(given: &mut Given) {
    let conditions = &mut given.status.as_mut().unwrap().conditions;
    let (type_, reason) = (condition::CATALOG_REJECTED, reason::INVALID_CATALOG_ENTRIES);
    condition::set(conditions, type_, Status::True, reason, "plan \"x\": its id is empty", &at(0));
}

/// A step before had this outcome.
fn settled_before(given: &mut Given, outcome: Outcome) {
    given.status = Some(settle(&given.observed(), outcome).status);
    given.now += 60;
}

fn settled(change: Change, outcome: Outcome) -> (Option<BrokerStatus>, Settled) {
    let given = Given::with(change);
    (given.status.clone(), settle(&given.observed(), outcome))
}

/// The name, what was known, the outcome; the conditions, the reason of the event, and whether the connection is
/// dropped.
type Case = (&'static str, Change, fn() -> Outcome, &'static str, Option<&'static str>, bool);

const UNFETCHED: Option<&str> = Some(reason::ERROR_FETCHING_CATALOG);

/// The catalog was fetched, or the broker answered with an error.
const FETCHES: &[Case] = &[
    ("published", |_| {}, || published(""), "Ready=True FetchedCatalog", None, false),
    ("published at last", fail, || published(""), "Ready=True FetchedCatalog", None, false),
    ("published for the first time", new, || published(""), "Ready=True FetchedCatalog", None, false),
    (
        "published but for one entry",
        |_| {},
        || published("plan \"x\": its id is empty"),
        "CatalogEntriesRejected=True InvalidCatalogEntries, Ready=True FetchedCatalog",
        None,
        false,
    ),
    (
        "published as a whole again",
        state_rejected,
        || published(""),
        "Ready=True FetchedCatalog",
        None,
        false,
    ),
    ("an error", |_| {}, || refused(500), "Ready=False ErrorFetchingCatalog", UNFETCHED, false),
    ("an error at first", new, || refused(500), "Ready=False ErrorFetchingCatalog", UNFETCHED, false),
    (
        "another error than before",
        |given| settled_before(given, refused(401)),
        || refused(500),
        "Ready=False ErrorFetchingCatalog",
        UNFETCHED,
        false,
    ),
    (
        "the same error as before",
        |given| settled_before(given, refused(500)),
        || refused(500),
        "Ready=False ErrorFetchingCatalog",
        None,
        false,
    ),
    (
        "an error after a catalog with a bad entry",
        state_rejected,
        || refused(500),
        "CatalogEntriesRejected=True InvalidCatalogEntries, Ready=False ErrorFetchingCatalog",
        UNFETCHED,
        false,
    ),
];

/// The operator cannot connect or publish.
const OBSTACLES: &[Case] = &[
    (
        "restrictions that cannot be read",
        |_| {},
        unreadable,
        "Ready=False ErrorSyncingCatalog",
        Some(reason::ERROR_SYNCING_CATALOG),
        false,
    ),
    (
        "no Secret",
        |given| given.is_connected = false,
        || unusable(false),
        "Ready=False ErrorFetchingCatalog",
        Some(reason::ERROR_GETTING_AUTH_CREDENTIALS),
        true,
    ),
    (
        "still no Secret",
        |given| {
            given.is_connected = false;
            settled_before(given, unusable(false));
        },
        || unusable(false),
        "Ready=False ErrorFetchingCatalog",
        None,
        true,
    ),
    (
        "the Secret goes with its namespace",
        |given| given.is_connected = false,
        || unusable(true),
        "Ready=False ErrorFetchingCatalog",
        Some(reason::ERROR_GETTING_AUTH_CREDENTIALS),
        false,
    ),
];

#[test]
fn conditions_event_and_next_step_follow_from_the_outcome() {
    for (what, change, outcome, stated, event, drops_connection) in FETCHES.iter().chain(OBSTACLES) {
        let (_, settled) = settled(*change, outcome());
        assert_eq!(conditions(&settled.status), *stated, "{what}");
        let note = settled.note.as_ref();
        assert_eq!(note.map(|note| note.reason.as_str()), *event, "{what}");
        assert!(note.is_none_or(|note| note.warning), "{what}");
        assert_eq!(settled.drops_connection, *drops_connection, "{what}");
        let succeeded = matches!(outcome(), Outcome::Published(_));
        assert_eq!(settled.published.is_some(), succeeded, "{what}");
        assert_eq!(settled.next == Next::AwaitChange, succeeded, "{what}");
        let shown = if succeeded { "Ready" } else { &settled.status.conditions.last().unwrap().reason };
        assert_eq!(settled.status.last_condition_state, shown, "{what}");
    }
}

/// After any failure the status still says which catalog is published, and since when the fetches have failed.
#[test]
fn a_failure_keeps_what_is_known_of_the_last_good_catalog() {
    for outcome in [refused(500), refused(403), unreadable(), unusable(false), unusable(true)] {
        let what = format!("{outcome:?}");
        let (before, settled) = settled(edit, outcome);
        let expected = BrokerStatus {
            conditions: settled.status.conditions.clone(),
            last_condition_state: settled.status.last_condition_state.clone(),
            operation_start_time: Some(at(5)),
            ..before.unwrap()
        };
        assert_eq!(settled.status, expected, "{what}");
    }
}

#[test]
fn the_first_failure_in_a_row_is_remembered_until_a_catalog_is_published() {
    let mut given = Given::ready();
    for outcome in [refused(500), unreadable(), refused(401)] {
        settled_before(&mut given, outcome);
        assert_eq!(given.status.as_ref().unwrap().operation_start_time, Some(at(5)));
    }
    settled_before(&mut given, published(""));
    assert_eq!(given.status.as_ref().unwrap().operation_start_time, None);
}

#[test]
fn a_published_catalog_is_that_of_the_spec_and_the_credentials_it_was_fetched_with() {
    let change: Change = |given| {
        edit(given);
        given.secret_version = "9";
    };
    let (_, settled) = settled(change, published(""));
    let status = &settled.status;
    assert_eq!((status.reconciled_generation, status.auth_secret_version.as_str()), (2, "9"));
    assert_eq!(status.last_catalog_retrieval_time, Some(at(5)));
    let mut given = Given::with(change);
    given.status = Some(settled.status);
    assert_eq!(given.step(), "wait until 605");
}

#[test]
fn messages_say_what_failed_and_what_happens_next() {
    for (outcome, message) in [
        (
            refused(500),
            "Error fetching catalog. Error getting broker catalog: the broker answered with status 500",
        ),
        (unreadable(), "spec.catalogRestrictions: Invalid property: spec.free"),
        (unusable(false), "Error getting broker auth credentials: there is no Secret shop/auth"),
    ] {
        let (_, settled) = settled(|_| {}, outcome);
        let reported = format!("{message}{RETRIES}");
        assert_eq!(settled.status.conditions.last().unwrap().message, reported);
        assert_eq!(settled.note.unwrap().message, reported);
        assert_eq!(settled.next, Next::Retry(message.to_owned()));
    }
}

#[test]
fn after_each_failure_in_a_row_the_next_fetch_is_later_up_to_five_minutes() {
    let mut given = Given::with(fail);
    let mut delays = Vec::new();
    for _ in 0..12 {
        let settled = settle(&given.observed(), refused(500));
        (given.status, given.failures) = (Some(settled.status), settled.failures);
        let Step::Wait(Some(retry_at)) = decide(&given.observed()) else { panic!("{}", given.step()) };
        delays.push(elapsed(&at(given.now), &retry_at).as_secs_f64());
        given.now = retry_at.0.as_second() + 1;
        assert_eq!(given.step(), "read");
    }
    assert_eq!(delays, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0]);
    assert_eq!(settle(&given.observed(), published("")).failures, None);
}

#[test]
fn a_failure_during_an_outage_leaves_the_next_fetch_to_the_circuit_breaker() {
    let mut given = Given::with(fail);
    given.failures = settle(&given.observed(), refused(500)).failures;
    assert_ne!(given.failures, None);
    given.outage = Some(outage(Some(8)));
    assert_eq!(settle(&given.observed(), refused(403)).failures, None);
    let unusable = Given::with(|given| given.is_connected = false);
    assert_eq!(settle(&unusable.observed(), self::unusable(false)).failures, None);
}

/// The next process continues with the version that the broker understands.
#[test]
fn the_version_of_the_api_is_recorded_unless_it_is_the_newest() {
    for (version, expected) in [(ApiVersion::V2_17, ""), (ApiVersion::V2_14, "2.14")] {
        let given = Given::with(|given| given.api_version = version);
        let settled = settle(&given.observed(), published(""));
        assert_eq!(settled.status.osb_api_version, expected);
        let again = Given::with(|given| (given.api_version, given.status) = (version, Some(settled.status)));
        assert_eq!(again.step(), "wait until 605");
    }
}
