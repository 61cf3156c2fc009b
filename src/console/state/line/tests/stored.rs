//! The objects that an earlier version of the operator stored, one of each shape: `tests/fixtures/stored/` of
//! service-catalog.

use std::collections::BTreeSet;

use super::*;
use crate::domain::reason::Reason;

const FILES: [&str; 5] = [
    include_str!("../../../../../tests/fixtures/stored/instances.yaml"),
    include_str!("../../../../../tests/fixtures/stored/bindings.yaml"),
    include_str!("../../../../../tests/fixtures/stored/bound.yaml"),
    include_str!("../../../../../tests/fixtures/stored/brokers.yaml"),
    include_str!("../../../../../tests/fixtures/stored/settled.yaml"),
];

fn kind_of(object: &Value) -> Option<Kind> {
    Some(match object["kind"].as_str()? {
        "ServiceInstance" => Kind::Instance,
        "ServiceBinding" => Kind::Binding,
        "ClusterServiceBroker" => Kind::ClusterBroker,
        "ServiceBroker" => Kind::Broker,
        _ => return None,
    })
}

/// The stored objects, with their cases and their times.
fn stored() -> Vec<(String, Timestamp, Object)> {
    let mut stored = Vec::new();
    for document in FILES.iter().flat_map(|file| serde_saphyr::from_multiple::<Value>(file).unwrap()) {
        let case = document["case"].as_str().unwrap_or_default().to_owned();
        let time = document["now"].as_str().map_or_else(now, |time| time.parse().unwrap());
        let members = document.as_object().unwrap().values();
        let objects = members.flat_map(|member| match member {
            Value::Array(objects) => objects.clone(),
            other => vec![other.clone()],
        });
        let objects = objects.filter_map(|object| Some(Object::read(kind_of(&object)?, object)));
        stored.extend(objects.map(|object| (case.clone(), time, object)));
    }
    stored
}

#[test]
fn every_stored_object_has_a_line() {
    let stored = stored();
    assert!(stored.len() > 200, "{}", stored.len());
    let mut words = BTreeSet::new();
    for (case, time, object) in &stored {
        let state = state_of(object.subject(), *time);
        words.insert(state.word.text(Language::English));
        let line = state.line(*time, Language::English);
        assert!(line.len() > 10 && !state.line(*time, Language::Chinese).is_empty(), "{case}: {line}");
        if std::env::var_os("PRINT").is_some() {
            println!("{case}\n    {line}\n    {}", state.line(*time, Language::Chinese));
        }
    }
    assert!(words.len() > 15, "{words:?}");
}

#[test]
fn the_line_of_a_stored_object_agrees_with_its_status_column() {
    for (case, time, object) in stored() {
        let (subject, state) = (object.subject(), state_of(object.subject(), time));
        let conditions = subject.conditions();
        let is_ready = condition::is_true(conditions, condition::READY);
        let works = matches!(
            state.word,
            Word::Ready | Word::ReadyBut(_) | Word::Updating | Word::Rotating | Word::Fetching
        );
        let is_elsewhere =
            subject.is_deleting() || matches!(state.word, Word::Paused | Word::Expired | Word::Failed);
        assert!(is_elsewhere || works == is_ready, "{case}: {state:?}");
        // Words that only service-catalog 0.3 had are the only ones that are not known.
        if let Cause::Unknown(reason) = &state.cause {
            assert!(
                Reason::parse(reason).is_none() && reason == "ErrorCallingUpdateInstance",
                "{case}: {reason}"
            );
        }
    }
}
