//! Upgrade tests of stored brokers: their statuses are parsed without loss, and a published catalog is fetched when it
//! was due before.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::Value;

use super::{Stored, assert_none_broken, documents, is_kept, read};
use crate::crd::broker::{BrokerStatus, CommonServiceBrokerSpec};
use crate::crd::condition;
use crate::crd::{ClusterServiceBroker, ServiceBroker};
use crate::domain::broker::{Connection, Observed, Step, decide};
use crate::osb::ApiVersion;

const BROKERS: &str = include_str!("../../../tests/fixtures/stored/brokers.yaml");

/// The relist interval of a broker without `spec.relistDuration`.
const RELIST_INTERVAL: Duration = Duration::from_hours(24);

/// What else is known of a broker.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownOfBroker {
    /// The resourceVersion of the Secret with its credentials; empty if it has none.
    secret: String,
}

/// The next step in words. After a restart every circuit is closed, so an `Available` condition is withdrawn first. The
/// only place that calls the core.
fn step(case: &Stored<KnownOfBroker>, spec: &CommonServiceBrokerSpec, status: &BrokerStatus) -> String {
    let meta: ObjectMeta = read(&case.object["metadata"]);
    let observe = |status| Observed {
        meta: &meta,
        spec,
        status: Some(status),
        now: case.now.clone(),
        relist_interval: RELIST_INTERVAL,
        is_live: true,
        instances: Vec::new(),
        connection: Some(Connection {
            generation: meta.generation.unwrap_or_default(),
            secret_version: &case.known.secret,
            api_version: ApiVersion::default(),
            is_outdated: false,
            outage: None,
            is_shared: false,
            is_suspected: false,
            failures: None,
        }),
    };
    match decide(&observe(status)) {
        Step::Write { status: written, .. } => {
            format!("withdraw Available, {}", name(&decide(&observe(&written))))
        }
        step => name(&step),
    }
}

fn name(step: &Step) -> String {
    match step {
        Step::Wait(None) => "wait".to_owned(),
        Step::Wait(Some(time)) => format!("wait until {}", time.0),
        Step::Fetch => "fetch".to_owned(),
        Step::Finalize => "remove".to_owned(),
        step => format!("{step:?}"),
    }
}

/// The status as it is serialised again, and the step.
pub(super) fn describe(case: &Stored<KnownOfBroker>) -> (Value, String) {
    let (spec, status) = if case.object["kind"] == "ServiceBroker" {
        let broker: ServiceBroker = read(&case.object);
        (broker.spec.common, broker.status)
    } else {
        let broker: ClusterServiceBroker = read(&case.object);
        (broker.spec.common, broker.status)
    };
    let status = status.unwrap_or_default();
    let step = step(case, &spec, &status);
    (serde_json::to_value(status).unwrap(), step)
}

#[test]
fn stored_brokers_are_read_and_fetched_when_they_were_due_before() {
    let cases: Vec<Stored<KnownOfBroker>> = documents(BROKERS);
    let check = |case: &Stored<KnownOfBroker>| {
        let (again, step) = describe(case);
        let well = is_kept(&case.object["status"], &again) && step == case.step;
        (!well).then(|| format!("{}: {}\nnow is {step}, and is read as {again:#}", case.case, case.step))
    };
    let broken: Vec<String> = cases.iter().filter_map(check).collect();
    assert_none_broken("brokers", &broken, cases.len());
}

/// For brokers with a published catalog and no change since.
#[test]
fn a_stored_broker_that_is_ready_is_neither_called_nor_written() {
    let cases: Vec<Stored<KnownOfBroker>> = documents(BROKERS);
    let is_settled = |case: &&Stored<KnownOfBroker>| {
        let status: BrokerStatus = read(&case.object["status"]);
        condition::is_true(&status.conditions, condition::READY)
            && condition::find(&status.conditions, condition::AVAILABLE).is_none()
            && case.object["metadata"]["generation"] == status.reconciled_generation
    };
    let settled: Vec<_> = cases.iter().filter(is_settled).collect();
    assert!(settled.len() > 5, "{} settled brokers", settled.len());
    for case in settled {
        let (_, step) = describe(case);
        assert!(step.starts_with("wait"), "{}: {step}", case.case);
    }
}
