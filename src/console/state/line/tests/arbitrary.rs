//! Arbitrary combinations of conditions, statuses and times, also those that no operator writes.

use crate::crd::condition as types;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::console::state::action::{Action, Change, Offering, actions_of};
use crate::console::state::condition::conditions_of;
use crate::console::state::consequence::{Consumer, consequences_of};
use crate::console::state::timeline::{Event, MAX_ENTRIES, timeline};
use crate::domain::reason::Reason;

const TYPES: [&str; 13] = [
    types::READY,
    types::FAILED,
    types::ORPHAN_MITIGATION,
    types::UPDATED,
    types::UPGRADE_AVAILABLE,
    types::NAME_OUTDATED,
    types::CATALOG_REJECTED,
    types::AVAILABLE,
    types::PAUSED,
    types::WRITE_REFUSED,
    types::INJECTED,
    types::ROLLED_OUT,
    types::ROTATED,
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "\\PC{0,20}", "[ \n'\"<>&$`\\\\]{0,6}"]
}

fn time() -> impl Strategy<Value = Value> {
    let at =
        (0_i64..4_000_000_000).prop_map(|second| json!(Timestamp::from_second(second).unwrap().to_string()));
    let near = (-7200_i64..7200)
        .prop_map(|offset| json!(Timestamp::from_second(now().as_second() + offset).unwrap().to_string()));
    prop_oneof![Just(Value::Null), near, at]
}

fn condition() -> impl Strategy<Value = Value> {
    let known: Vec<String> = Reason::ALL.iter().map(|reason| reason.as_str().to_owned()).collect();
    let type_ = prop_oneof![9 => select(&TYPES[..]).prop_map(str::to_owned), 1 => text()];
    let status =
        prop_oneof![9 => select(vec!["True", "False", "Unknown"]).prop_map(str::to_owned), 1 => text()];
    let reason = prop_oneof![9 => select(known), 1 => text()];
    (type_, status, reason, text(), time()).prop_map(|(type_, status, reason, message, at)| {
        json!({"type": type_, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": at})
    })
}

fn schedule() -> impl Strategy<Value = Value> {
    (any::<i8>(), time(), time()).prop_map(|(failures, next, deadline)| {
        json!({"failures": failures, "nextAttemptTime": next, "deadline": deadline})
    })
}

fn status() -> impl Strategy<Value = Value> {
    let times = (time(), time(), time());
    (
        vec(condition(), 0..6),
        option::of(schedule()),
        option::of(schedule()),
        times,
        select(vec!["", "Provision", "Update", "Deprovision"]),
        0..3_i64,
    )
        .prop_map(|(conditions, schedule, orphan, (issued, renew, expires), operation, generation)| {
            let orphans: Vec<_> =
                orphan.map(|schedule| json!({"id": "o", "operation": schedule})).into_iter().collect();
            json!({"conditions": conditions, "operation": schedule, "orphans": orphans, "issuedAt": issued,
                "renewBefore": renew, "expiresAt": expires, "currentOperation": operation,
                "reconciledGeneration": generation, "lastCatalogRetrievalTime": renew})
        })
}

prop_compose! {
    fn object()(
        kind in select(&Kind::ALL[..]),
        mut status in status(),
        deleted in option::of(time()),
        created in time(),
        annotations in option::of(select(vec!["paused", "deletion-policy", "rotate"])),
        value in select(vec!["true", "Cascade", "Retain", ""]),
        name in prop_oneof![Just("db".to_owned()), text()],
    ) -> (Kind, Object) {
        if kind != Kind::Instance {
            status["currentOperation"] = json!("");
        }
        let annotations: serde_json::Map<_, _> = annotations
            .map(|key| (format!("servicecatalog.k8s.io/{key}"), json!(value)))
            .into_iter()
            .collect();
        let metadata = json!({"name": name, "namespace": "ns", "creationTimestamp": created,
            "deletionTimestamp": deleted, "annotations": annotations, "resourceVersion": "7",
            "finalizers": ["kubernetes-incubator/service-catalog", "other"]});
        (kind, Object::new(kind, &metadata, &status))
    }
}

proptest! {
    #[test]
    fn every_object_has_a_line_with_a_cause_and_a_next_step((_, object) in object()) {
        assert_is_complete(&object.state());
    }

    #[test]
    fn a_deleted_object_is_said_to_be_deleted_and_a_paused_one_to_be_paused((kind, object) in object()) {
        let (subject, state) = (object.subject(), object.state());
        let is_deletion = matches!(state.word, Word::Deleting | Word::DeletionWaiting(_));
        if subject.is_deleting() {
            prop_assert!(is_deletion);
        } else if !kind.is_broker() && subject.annotation(ANNOTATION_PAUSED) == Some("true") {
            prop_assert_eq!(state.word, Word::Paused);
        }
    }

    #[test]
    fn details_of_every_object_are_bounded_and_in_both_languages(
        (_, object) in object(),
        texts in vec(text(), 0..60),
    ) {
        let lines = conditions_of(object.subject());
        prop_assert_eq!(lines.len(), object.subject().conditions().len());
        for line in &lines {
            prop_assert_ne!(line.sentence(Language::English), line.sentence(Language::Chinese));
        }
        let event = |text: &String| Event {
            at: now(), is_warning: true, reason: text.clone(), text: text.clone(), count: 0,
        };
        let events: Vec<_> = texts.iter().map(event).collect();
        let entries = timeline(object.subject(), &events);
        prop_assert!(entries.len() <= MAX_ENTRIES);
        prop_assert!(entries.is_sorted_by(|one, next| one.at >= next.at));
        for entry in &entries {
            prop_assert_ne!(entry.sentence(Language::English), entry.sentence(Language::Chinese));
        }
    }

    #[test]
    fn every_offered_action_can_be_carried_out((kind, object) in object()) {
        let subject = object.subject();
        for action in actions_of(subject, Offering { is_bindable: true }, now()) {
            prop_assert!(!action.right(kind).resource.is_empty());
            let is_page = matches!(action, Action::Bind | Action::Edit | Action::Reveal);
            prop_assert_eq!(action.change(subject, now()) == Change::Page, is_page);
            prop_assert_eq!(action.kubectl(subject, now()).is_none(), action == Action::Bind);
        }
    }

    #[test]
    fn a_deletion_always_has_consequences((_, object) in object(), pods in 0..3_usize) {
        let binding = Object::new(Kind::Binding, &json!({"name": "one", "namespace": "ns"}), &json!({}));
        let Object::Binding(binding) = binding else { unreachable!() };
        let consumer = Consumer { binding: "one".to_owned(), workload: "Deployment/web".to_owned(), pods };
        let consequences = consequences_of(object.subject(), &[*binding], &[consumer]);
        prop_assert_ne!(consequences.sentences(Language::English), consequences.sentences(Language::Chinese));
    }
}
