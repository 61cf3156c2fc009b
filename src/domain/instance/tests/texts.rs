//! Texts of the broker in the status of an instance.

use std::time::Duration;

use super::*;
use crate::domain::fixtures::polled;
use crate::osb::{LastOperation, OperationState, Screened};

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

/// A broker that wants to be polled all the time, and says something else each time, with or without an error.
///
/// Fails without the limit of `report_progress` (one write for each poll), also with the limit only for texts of
/// one reason, and without the floor of `schedule::poll` (3600 polls).
#[test]
fn a_restless_broker_causes_a_bounded_number_of_polls_and_writes() {
    let mut instance = intended();
    let accepted = Outcome::InProgress { operation: None, dashboard_url: None };
    instance.status = Some(after(&instance, accepted).status);
    let (mut second, mut polls, mut writes) = (1, 0, Vec::new());
    while second < 3600 {
        polls += 1;
        let retry_after = Some(Duration::from_secs(1));
        let description = Some(format!("step {polls}"));
        let outcome = if polls % 3 == 0 {
            Outcome::Failed(Error::Status {
                status: 500,
                code: None,
                description,
                instance_usable: None,
                update_repeatable: None,
                retry_after,
            })
        } else {
            let last = LastOperation { description, retry_after, ..OperationState::InProgress.into() };
            Outcome::Polled(last)
        };
        let now = at(second);
        let settled = settle(&observed(&instance, &now), &call(&instance, &now), outcome);
        if instance.status.as_ref() != Some(&settled.status) {
            writes.push(second);
            instance.status = Some(settled.status);
        }
        second = settled.next_poll.unwrap().0.as_second();
    }
    let within = |end| writes.iter().filter(|second| **second <= end).count();
    assert!(polls <= 520, "{polls} polls");
    assert!(within(20) <= 2 && within(60) <= 6 && writes.len() <= 50, "{writes:?}");

    // The end is reported at once.
    let now = at(second);
    let settled =
        settle(&observed(&instance, &now), &call(&instance, &now), polled(OperationState::Succeeded));
    assert!(condition::is_true(&settled.status.conditions, condition::READY));
    assert_eq!(settled.status.operation, None);
}

/// What does not change costs nothing, and the first description is written at once.
#[test]
fn a_calm_broker_causes_one_write() {
    let mut instance = intended();
    let accepted = Outcome::InProgress { operation: None, dashboard_url: None };
    instance.status = Some(after(&instance, accepted).status);
    let mut writes = 0;
    for second in 1..100 {
        let description = Some("creating".to_owned());
        let last = LastOperation { description, ..OperationState::InProgress.into() };
        let now = at(second);
        let settled = settle(&observed(&instance, &now), &call(&instance, &now), Outcome::Polled(last));
        writes += usize::from(instance.status.as_ref() != Some(&settled.status));
        instance.status = Some(settled.status);
    }
    assert_eq!(writes, 1);
    let message = message(instance.status.as_ref().unwrap());
    assert_eq!(message, "The instance is being provisioned asynchronously (creating)");
}
