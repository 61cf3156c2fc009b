//! How may a call to a broker end, and what else may be observed of an object?

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Strategy, any, prop_oneof};
use proptest::sample::select;

use super::words::text;
use crate::domain::circuit_breaker::{Outage, OutageCause};
use crate::domain::validity::Validity;
use crate::domain::{Outcome, reason};
use crate::osb::{BindingMetadata, Error, LastOperation, OperationState, Screened};

/// The beginning of the simulated time.
const START: &str = "2026-01-01T00:00:00Z";

/// The time so many seconds after the beginning.
pub fn at(second: i64) -> Time {
    let start: Timestamp = START.parse().unwrap();
    Time(start + Duration::from_secs(second.unsigned_abs()))
}

/// The time of a decision, in seconds after the beginning: most stored objects are from then.
pub fn second() -> BoxedStrategy<i64> {
    select(&[0, 1, 30, 3600, 7200, 86_400, 86_400 * 366, 86_400 * 366 * 50][..]).boxed()
}

/// The description of an [`Outcome`], which cannot be cloned.
#[derive(Clone, Debug)]
pub enum End {
    Done(Option<String>),
    InProgress(Option<String>, Option<String>),
    Polled(LastOperation),
    Failed(Error),
    NotCalled(String),
    Stored(String, BindingMetadata),
    Unusable(String),
}

impl End {
    /// The outcome, as the reconcilers make it of an answer.
    pub fn outcome(&self) -> Outcome {
        let url = |url: &Option<String>| url.clone().and_then(Screened::dashboard_url);
        match self.clone() {
            Self::Done(dashboard) => Outcome::Done { dashboard_url: url(&dashboard) },
            Self::InProgress(operation, dashboard) => Outcome::InProgress {
                operation: operation.map(Screened::from),
                dashboard_url: url(&dashboard),
            },
            Self::Polled(last) => Outcome::Polled(last),
            Self::Failed(error) => Outcome::Failed(error),
            Self::NotCalled(why) => Outcome::NotCalled(why),
            Self::Stored(digest, metadata) => Outcome::Stored {
                keys: vec![digest.clone()],
                digest,
                validity: Validity::of(Some(&metadata), &[]),
            },
            Self::Unusable(why) => Outcome::Unusable(why),
        }
    }
}

/// Any end of a call.
pub fn end() -> BoxedStrategy<End> {
    let metadata = (option::of(text()), option::of(text()))
        .prop_map(|(expires_at, renew_before)| BindingMetadata { expires_at, renew_before });
    prop_oneof![
        2 => option::of(text()).prop_map(End::Done),
        2 => (option::of(text()), option::of(text())).prop_map(|(operation, url)| End::InProgress(operation, url)),
        3 => last_operation().prop_map(End::Polled),
        4 => error().prop_map(End::Failed),
        1 => short().prop_map(End::NotCalled),
        2 => ("[0-9a-f]{64}", metadata).prop_map(|(digest, metadata)| End::Stored(digest, metadata)),
        1 => short().prop_map(End::Unusable),
    ]
    .boxed()
}

fn last_operation() -> BoxedStrategy<LastOperation> {
    let state = select(&[OperationState::InProgress, OperationState::Succeeded, OperationState::Failed][..]);
    let flags = (any::<Option<bool>>(), any::<Option<bool>>());
    (state, option::of(short()), flags, retry_after())
        .prop_map(|(state, description, (instance_usable, update_repeatable), retry_after)| LastOperation {
            state,
            description,
            instance_usable,
            update_repeatable,
            retry_after,
        })
        .boxed()
}

/// Any failure, with texts of the length that the client cuts them to.
pub fn error() -> BoxedStrategy<Error> {
    let status = select(&[400_u16, 401, 404, 408, 409, 410, 412, 422, 429, 500, 503, 204, 302][..]);
    let codes = select(&["AsyncRequired", "ConcurrencyError", "MaintenanceInfoConflict", "RequiresApp"][..]);
    let code = option::of(prop_oneof![codes.prop_map(str::to_owned), short()]);
    let flags = (any::<Option<bool>>(), any::<Option<bool>>());
    let answered = (status, code, option::of(short()), flags, retry_after()).prop_map(
        |(status, code, description, (instance_usable, update_repeatable), retry_after)| Error::Status {
            status,
            code,
            description,
            instance_usable,
            update_repeatable,
            retry_after,
        },
    );
    prop_oneof![
        6 => answered,
        1 => short().prop_map(|id| Error::InvalidId { id }),
        1 => short().prop_map(|reason| Error::Unreachable { reason }),
        2 => short().prop_map(|reason| Error::NoAnswer { reason }),
        1 => (200..203_u16, short()).prop_map(|(status, reason)| Error::Malformed { status, reason }),
        1 => option::of(short()).prop_map(|location| Error::Redirected { status: 302, location }),
    ]
    .boxed()
}

fn short() -> BoxedStrategy<String> {
    text().prop_map(|text| text.chars().take(500).collect()).boxed()
}

fn retry_after() -> BoxedStrategy<Option<Duration>> {
    option::of((1..=3600_u64).prop_map(Duration::from_secs)).boxed()
}

/// An outage of a broker that most objects have, or of another one, as it is known at this time.
pub fn outage_at(second: i64, (is_other, lasts): (bool, i64)) -> Outage {
    Outage {
        broker: if is_other { "other" } else { "broker" }.to_owned(),
        until: at(second + lasts),
        is_of_namespace: is_other,
        cause: OutageCause { reason: reason::BROKER_UNREACHABLE, description: "it hangs".to_owned() },
    }
}

/// Whether it is an outage of another broker, and how many seconds it lasts.
pub fn outage() -> BoxedStrategy<Option<(bool, i64)>> {
    option::weighted(0.3, (any::<bool>(), 1..1000_i64)).boxed()
}
