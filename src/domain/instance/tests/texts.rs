//! Texts of the broker in the status of an instance.

use super::*;
use crate::osb::Screened;

fn message(status: &ServiceInstanceStatus) -> &str {
    &condition::find(&status.conditions, condition::READY).unwrap().message
}

#[test]
fn a_dashboard_that_is_not_stored_is_no_failure_and_is_explained() {
    let dashboard = |url: &str| Outcome::Done { dashboard_url: Screened::dashboard_url(url.to_owned()) };
    let mut instance = intended();
    let status = after(&instance, dashboard("https://broker/1")).status;
    assert_eq!(status.dashboard_url.as_deref(), Some("https://broker/1"));
    assert_eq!(message(&status), "The instance was provisioned successfully");

    let status = after(&instance, dashboard("javascript:alert(1)")).status;
    assert!(condition::is_true(&status.conditions, condition::READY));
    assert_eq!(status.dashboard_url, None);
    let expected = "The instance was provisioned successfully; the broker's dashboard_url is not stored: it begins \
                    neither with http:// nor with https://";
    assert_eq!(message(&status), expected);

    // The former web page is not that of the updated instance.
    instance.status = Some(after(&instance, dashboard("https://broker/1")).status);
    let update = |outcome| {
        let mut instance = instance.clone();
        let changed = |instance: &ServiceInstance| {
            decide(&Observed { parameters: Ok(parameters("2")), ..observed(instance, &at(0)) })
        };
        let Step::Write(status) = changed(&instance) else { panic!("no intent") };
        instance.status = Some(*status);
        let Step::Call(call) = changed(&instance) else { panic!("no call") };
        settle(&observed(&instance, &at(0)), &call, outcome).status
    };
    assert_eq!(update(dashboard("ftp://broker")).dashboard_url, None);
    assert_eq!(update(dashboard("https://broker/2")).dashboard_url.as_deref(), Some("https://broker/2"));
    assert_eq!(update(dashboard("")).dashboard_url.as_deref(), Some("https://broker/1"));
}

/// The broker is polled without it.
#[test]
fn an_operation_that_is_not_stored_is_explained() {
    let mut instance = intended();
    let operation = Some(Screened::Withheld("it contains a secret value"));
    let settled = after(&instance, Outcome::InProgress { operation, dashboard_url: None });
    assert_eq!(settled.status.last_operation, None);
    let expected = "The instance is being provisioned asynchronously; the broker's operation is not stored: it \
                    contains a secret value";
    assert_eq!(message(&settled.status), expected);
    assert_eq!(settled.note.unwrap().message, expected);
    instance.status = Some(settled.status);
    assert_eq!(call(&instance, &at(0)).verb, Verb::Poll(None));
}
