//! The reasons in the code and in the documentation: each has its sentences in each place.

use std::collections::BTreeSet;

use super::*;
use crate::console::state::condition::conditions_of;
use crate::domain::reason::Reason;

const TROUBLESHOOTING: &str = include_str!("../../../../../docs/troubleshooting.md");

#[test]
fn a_reason_is_found_by_its_word() {
    for reason in Reason::ALL {
        assert_eq!(Reason::parse(reason.as_str()), Some(*reason));
    }
}

#[test]
fn every_reason_has_whole_sentences_in_both_languages() {
    let is_chinese =
        |text: &str| text.chars().any(|character| ('\u{4e00}'..='\u{9fff}').contains(&character));
    for reason in Reason::ALL {
        let [english, chinese] = Language::ALL.map(|language| sentence::of_reason(*reason).pick(language));
        assert_eq!(english.hint.is_empty(), chinese.hint.is_empty(), "{reason:?}");
        for (english, chinese) in [(english.why, chinese.why), (english.hint, chinese.hint)] {
            if english.is_empty() {
                continue;
            }
            assert!(english.ends_with('.') && english.is_ascii() && !english.contains("  "), "{english}");
            assert!(chinese.ends_with('。') && is_chinese(chinese) && !chinese.contains("  "), "{chinese}");
            assert!(english.starts_with(|first: char| first.is_uppercase()), "{english}");
        }
        assert!(!english.why.is_empty(), "{reason:?}");
    }
}

/// A row of a table of the documentation.
#[derive(Debug)]
struct Row {
    kinds: &'static [Kind],
    type_: String,
    status: String,
    reason: String,
}

/// All rows of the tables of conditions, each with one status and one reason.
fn rows() -> Vec<Row> {
    const BROKERS: &[Kind] = &[Kind::ClusterBroker, Kind::Broker];
    const BOTH: &[Kind] = &[Kind::Instance, Kind::Binding];
    let mut chapter: &'static [Kind] = &[];
    let mut section = None;
    let mut rows: Vec<Row> = Vec::new();
    for line in TROUBLESHOOTING.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = None;
            chapter = match title {
                "Brokers" => BROKERS,
                "Instances" => &[Kind::Instance],
                "Bindings" => &[Kind::Binding],
                _ => &[],
            };
        } else if let Some(title) = line.strip_prefix("### ") {
            let type_ = title.split('`').nth(1).map(str::to_owned);
            let kinds = if title.ends_with("instances and bindings") { BOTH } else { chapter };
            section = type_.map(|type_| (kinds, type_));
        } else if let Some((kinds, type_)) = section.clone().filter(|(kinds, _)| !kinds.is_empty()) {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            let words = |cell: &str| -> Vec<String> {
                cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
            };
            let [_, statuses, reasons, ..] = cells.as_slice() else { continue };
            for status in words(statuses) {
                rows.extend(words(reasons).into_iter().map(|reason| Row {
                    kinds,
                    type_: type_.clone(),
                    status: status.clone(),
                    reason,
                }));
            }
        }
    }
    rows
}

#[test]
fn every_documented_condition_has_a_line_and_is_explained() {
    let rows = rows();
    assert!(rows.len() > 90, "{}", rows.len());
    for (row, kind) in rows.iter().flat_map(|row| row.kinds.iter().map(move |kind| (row, *kind))) {
        let Row { type_, status, reason, .. } = row;
        let mut conditions = vec![condition(type_, status, reason)];
        if type_ != "Ready" {
            conditions.push(condition("Ready", "True", "ProvisionedSuccessfully"));
        }
        for metadata in [json!({}), json!({"deletionTimestamp": "2026-01-01T11:30:00Z"})] {
            let object =
                Object::new(kind, &metadata, &json!({"conditions": conditions, "reconciledGeneration": 1}));
            let state = object.state();
            assert_is_complete(&state);
            assert!(matches!(state.cause, Cause::Known(_)), "{row:?}");
            assert_ne!(state.word, Word::NotReady, "{row:?}");
        }
        let object =
            Object::new(kind, &json!({}), &json!({"conditions": conditions, "reconciledGeneration": 1}));
        let says_something = !(status == "True"
            && ["Ready", "RolledOut", "Rotated"].contains(&type_.as_str()))
            && (type_.as_str(), status.as_str()) != ("RolledOut", "Unknown");
        assert_eq!(object.state().is_settled(), !says_something, "{row:?}");
        let of_type = conditions_of(object.subject()).into_iter().find(|line| line.type_ == *type_).unwrap();
        for language in Language::ALL {
            assert!(Reason::parse(reason).is_some() && !of_type.sentence(language).is_empty(), "{row:?}");
        }
        assert_ne!(of_type.title(Language::Chinese), type_.as_str(), "{row:?}");
    }
}

/// Events and the alpha API have reasons of their own; all others are in the tables.
#[test]
fn every_reason_is_in_a_table_of_the_documentation() {
    let documented: BTreeSet<_> = rows().into_iter().map(|row| row.reason).collect();
    let elsewhere = ["ErrorGettingAuthCredentials", "UnreadableExpiry", "NameTaken", "ChildRefused"];
    for reason in Reason::ALL.iter().map(|reason| reason.as_str()) {
        assert_ne!(documented.contains(reason), elsewhere.contains(&reason), "{reason}");
    }
}
