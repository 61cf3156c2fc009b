//! The catalog of services that fail. The name says which operation fails, with which status, and whether only a few
//! times (`5x`) or always. Ids are derived from the names, so they are stable.

use axum::http::StatusCode;
use service_catalog::osb::Plan;
use uuid::Uuid;

use super::{
    Action::{self, Deprovision, Poll, Provision, Update},
    Fault, Service,
    Times::{self, Always, AtFirst},
    offering, schemas,
};

const BAD: StatusCode = StatusCode::BAD_REQUEST;
const INTERNAL: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

/// Synchronous services.
const AT_ONCE: &[(&str, &[Fault])] = &[
    ("test-service", &[]),
    ("test-service-multiple-plans", &[]),
    ("test-service-with-schemas", &[]),
    ("test-service-provision-fail400", &[fault(Provision, Always, BAD)]),
    ("test-service-provision-fail500", &[fault(Provision, Always, INTERNAL)]),
    ("test-service-provision-fail500-5x", &[fault(Provision, AtFirst, INTERNAL)]),
    (
        "test-service-provision-fail500-5x-deprovision-fail500-5x",
        &[fault(Provision, AtFirst, INTERNAL), fault(Deprovision, AtFirst, INTERNAL)],
    ),
    ("test-service-update-fail400", &[fault(Update, Always, BAD)]),
    ("test-service-update-fail500", &[fault(Update, Always, INTERNAL)]),
    ("test-service-update-fail500-5x", &[fault(Update, AtFirst, INTERNAL)]),
    ("test-service-deprovision-fail400", &[fault(Deprovision, Always, BAD)]),
    ("test-service-deprovision-fail500", &[fault(Deprovision, Always, INTERNAL)]),
    ("test-service-deprovision-fail500-5x", &[fault(Deprovision, AtFirst, INTERNAL)]),
];

/// Asynchronous services. An operation that is accepted and fails later has no status.
const ASYNCHRONOUS: &[(&str, &[Fault])] = &[
    ("test-service-async", &[]),
    ("test-service-async-provision-fail", &[fault(Provision, Always, INTERNAL)]),
    ("test-service-async-provision-fail-5x", &[fault(Provision, AtFirst, INTERNAL)]),
    (
        "test-service-async-provision-fail-5x-deprovision-fail-5x",
        &[fault(Provision, AtFirst, INTERNAL), fault(Deprovision, AtFirst, INTERNAL)],
    ),
    ("test-service-async-update-fail", &[fault(Update, Always, INTERNAL)]),
    ("test-service-async-update-fail-5x", &[fault(Update, AtFirst, INTERNAL)]),
    ("test-service-async-deprovision-fail", &[fault(Deprovision, Always, INTERNAL)]),
    ("test-service-async-deprovision-fail-5x", &[fault(Deprovision, AtFirst, INTERNAL)]),
    ("test-service-async-last-operation-fail400", &[fault(Poll, Always, BAD)]),
    ("test-service-async-last-operation-fail500", &[fault(Poll, Always, INTERNAL)]),
    ("test-service-async-last-operation-fail500-5x", &[fault(Poll, AtFirst, INTERNAL)]),
];

const fn fault(action: Action, times: Times, status: StatusCode) -> Fault {
    Fault { action, times, status }
}

/// Its services.
pub fn services() -> Vec<Service> {
    let all = |rows: &'static [(&'static str, &'static [Fault])], asynchronous| {
        rows.iter().map(move |(name, faults)| service(name, asynchronous, faults))
    };
    all(AT_ONCE, false).chain(all(ASYNCHRONOUS, true)).collect()
}

fn service(name: &'static str, asynchronous: bool, faults: &'static [Fault]) -> Service {
    let pace = if asynchronous { "works asynchronously" } else { "works synchronously" };
    let first = [format!("A test service that {pace}")].into_iter();
    let description: Vec<_> =
        first.chain(faults.iter().map(|fault| describe(*fault, asynchronous))).collect();
    let premium = (name == "test-service-multiple-plans").then(|| plan(name, "premium"));
    let plans = std::iter::once(plan(name, "default")).chain(premium).collect();
    Service { offering: offering(id(name), name, description.join("; "), plans), asynchronous, faults }
}

fn plan(service: &str, name: &str) -> Plan {
    Plan {
        id: id(&format!("{service}/{name}")),
        name: name.to_owned(),
        description: if name == "premium" { "Premium plan" } else { "Default plan" }.to_owned(),
        free: name != "premium",
        schemas: service.ends_with("with-schemas").then(schemas),
        ..Plan::default()
    }
}

fn id(name: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
}

fn describe(fault: Fault, asynchronous: bool) -> String {
    let what = match fault.action {
        Provision => "provisioning",
        Update => "an update",
        Deprovision => "deprovisioning",
        Poll => "polling",
    };
    let often = match fault.times {
        Always => "always fails",
        AtFirst => "fails a few times, then succeeds",
    };
    let later = asynchronous && fault.action != Poll;
    let how = if later { "state failed".to_owned() } else { format!("status {}", fault.status.as_u16()) };
    format!("{what} {often} ({how})")
}
