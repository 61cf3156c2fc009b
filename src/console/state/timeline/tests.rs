use crate::crd::ServiceInstance;
use serde_json::json;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn instance() -> ServiceInstance {
    serde_json::from_value(json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance",
        "metadata": {"name": "db"}, "spec": {},
        "status": {"conditions": [
            {"type": "Ready", "status": "True", "reason": "ProvisionedSuccessfully", "message": "Done",
                "lastTransitionTime": "2026-01-01T02:00:00Z"},
            {"type": "UpgradeAvailable", "status": "True", "reason": "MaintenanceAvailable", "message": "2.0",
                "lastTransitionTime": "2026-01-01T04:00:00Z"},
            {"type": "Other", "status": "True", "reason": "", "message": ""},
        ]},
    }))
    .unwrap()
}

fn event(time: &str, reason: &str, text: &str) -> Event {
    Event { at: at(time), is_warning: false, reason: reason.to_owned(), text: text.to_owned(), count: 2 }
}

#[test]
fn events_and_conditions_are_merged_by_time_and_said_once() {
    let events = [
        event("2026-01-01T03:00:00Z", "Provisioning", "Begun"),
        event("2026-01-01T02:00:01Z", "ProvisionedSuccessfully", "Done"),
    ];
    let entries = timeline(&instance(), &events);
    let reasons: Vec<_> =
        entries.iter().map(|entry| (entry.reason.as_str(), entry.condition.is_some())).collect();
    assert_eq!(
        reasons,
        [("MaintenanceAvailable", true), ("Provisioning", false), ("ProvisionedSuccessfully", false)]
    );
    assert_eq!(entries[2].sentence(Language::English), "The broker has created the instance.");
    assert_eq!(entries[0].sentence(Language::Chinese), "该套餐提供的版本与实例的版本不同。");
}

#[test]
fn the_newest_entries_are_kept() {
    let events: Vec<_> = (0..80_i64)
        .map(|second| Event {
            at: Timestamp::from_second(second).unwrap(),
            ..event("2026-01-01T00:00:00Z", "x", "y")
        })
        .collect();
    let entries = timeline(&instance(), &events);
    assert_eq!(entries.len(), MAX_ENTRIES);
    assert_eq!(entries.last().unwrap().at.as_second(), 80 - (50 - 2));
}

#[test]
fn an_event_of_the_api_has_the_time_at_which_it_happened_last() {
    let read = |value| Event::read(&serde_json::from_value::<ApiEvent>(value).unwrap());
    let time = "2026-01-01T01:00:00.000000Z";
    let one = json!({"metadata": {}, "eventTime": time, "type": "Warning", "reason": "r", "note": "n"});
    let mut many = one.clone();
    many["series"] = json!({"count": 4, "lastObservedTime": "2026-01-01T02:00:00.000000Z"});
    let expected = Event {
        at: at("2026-01-01T01:00:00Z"),
        is_warning: true,
        reason: "r".to_owned(),
        text: "n".to_owned(),
        count: 1,
    };
    assert_eq!(read(one), Some(expected.clone()));
    assert_eq!(read(many), Some(Event { at: at("2026-01-01T02:00:00Z"), count: 4, ..expected }));
    assert_eq!(read(json!({"metadata": {}, "eventTime": null})), None);
}
