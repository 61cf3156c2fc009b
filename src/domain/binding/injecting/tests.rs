//! Tables of the limit, the label, and the condition `Injected`.

use std::convert;

use serde_json::{Value, json};

use super::super::tests::{observed, world};
use super::super::{Observed, Step, decide};
use super::*;
use crate::crd::binding::EnvMapping;
use crate::domain::fixtures::at;
use crate::domain::rollout::{injects, is_refused};

/// A binding of this age in seconds, whose UID is its name, that selects pods and adds so many variables.
fn binding(name: &str, created: i64, variables: usize) -> ServiceBinding {
    let mut binding = super::super::tests::binding();
    binding.metadata.name = Some(name.to_owned());
    binding.metadata.uid = Some(name.to_owned());
    binding.metadata.creation_timestamp = Some(at(created));
    binding.spec.pod_selector = serde_json::from_value(json!({"matchLabels": {"app": "web"}})).unwrap();
    let env = (0..variables).map(|i| EnvMapping { name: format!("V{i}"), key: "k".into() }).collect();
    binding.spec.injection = Some(Injection { env, ..Injection::default() });
    binding
}

fn labelled(mut binding: ServiceBinding) -> ServiceBinding {
    binding.metadata.labels = Some([(LABEL_INJECTS.to_owned(), "true".to_owned())].into());
    binding
}

/// A binding that injected when it got its credentials.
fn settled(binding: ServiceBinding) -> ServiceBinding {
    let mut binding = labelled(binding);
    binding.status = Some(ServiceBindingStatus { revision: 1, ..ServiceBindingStatus::default() });
    binding
}

fn deleted(mut binding: ServiceBinding) -> ServiceBinding {
    binding.metadata.deletion_timestamp = Some(at(0));
    binding
}

fn for_no_pods(mut binding: ServiceBinding) -> ServiceBinding {
    binding.spec.pod_selector = None;
    binding
}

fn many(number: usize, created: i64, variables: usize) -> Vec<ServiceBinding> {
    (0..number).map(|i| binding(&format!("other-{i}"), created, variables)).collect()
}

/// The obstacle that other bindings are to one, itself among them or not.
fn limit(binding: &ServiceBinding, others: &[ServiceBinding]) -> Option<Obstacle> {
    let mut contenders = Contenders::default();
    for other in others {
        contenders.insert(other);
    }
    let obstacle = contenders.limit(binding);
    contenders.insert(binding);
    let is_admitted = contenders.admitted().contains(binding.metadata.name.as_ref().unwrap());
    assert_eq!(is_admitted, obstacle.is_none());
    contenders.remove(binding);
    for other in others {
        contenders.remove(other);
    }
    assert!(contenders.is_empty());
    obstacle
}

/// Each row was seen to fail with its rule removed from `limit`.
#[test]
fn the_oldest_bindings_of_a_namespace_inject_up_to_the_limit() {
    let obstacle = |others: Vec<ServiceBinding>, binding: &ServiceBinding| limit(binding, &others);
    let (bindings, variables) = (Some(Obstacle::Bindings), Some(Obstacle::Variables));
    for (what, others, own, expected) in vec![
        ("it is the last within the limit", many(15, 1, 0), binding("a", 2, 0), None),
        ("it is the first beyond the limit", many(16, 1, 0), binding("a", 2, 0), bindings),
        ("it is older than the others", many(16, 2, 0), binding("a", 1, 0), None),
        ("the UID decides between those of one second", many(16, 1, 0), binding("z", 1, 0), bindings),
        ("and it does so in both directions", many(16, 1, 0), binding("a", 1, 0), None),
        (
            "those that inject already come first",
            many(16, 2, 0).into_iter().map(settled).collect(),
            binding("a", 1, 0),
            bindings,
        ),
        (
            "those that are being deleted do not count",
            many(16, 1, 0).into_iter().map(deleted).collect(),
            binding("a", 2, 0),
            None,
        ),
        (
            "those without pods do not count",
            many(16, 1, 0).into_iter().map(for_no_pods).collect(),
            binding("a", 2, 0),
            None,
        ),
        ("its variables fit", many(3, 1, 16), binding("a", 2, 16), None),
        ("its variables do not fit", many(3, 1, 16), binding("a", 2, 17), variables),
        ("files are free", many(1, 1, 64), binding("a", 2, 0), None),
        (
            "one that does not fit takes nothing from younger ones",
            vec![binding("b", 1, 60), binding("c", 2, 60)],
            binding("d", 3, 4),
            None,
        ),
    ] {
        assert_eq!(obstacle(others, &own), expected, "{what}");
    }
    // The binding itself is one of the namespace's.
    let mut all = many(15, 1, 0);
    all.push(binding("a", 2, 0));
    assert_eq!(limit(&binding("a", 2, 0), &all), None);
}

#[test]
fn all_keys_count_as_one_variable() {
    let mut all = binding("a", 1, 3);
    all.spec.injection.as_mut().unwrap().env_from = Some(crate::crd::binding::EnvFrom::default());
    assert_eq!(share(&all), Some(4));
    assert_eq!(share(&binding("a", 1, 0)), Some(0));
    assert_eq!(share(&deleted(binding("a", 1, 3))), None);
    assert_eq!(share(&for_no_pods(binding("a", 1, 3))), None);
}

type Change = fn(ServiceBinding) -> ServiceBinding;

#[test]
fn the_label_follows_what_is_allowed_until_the_binding_is_settled() {
    let (add, remove) = (Some(true), Some(false));
    let cases: [(&str, Change, Option<Obstacle>, Option<bool>); 10] = [
        ("nothing is in its way", convert::identity, None, add),
        ("it has the label already", labelled, None, None),
        ("it is beyond the limit", labelled, Some(Obstacle::Bindings), remove),
        ("the Secret is foreign", labelled, Some(Obstacle::ForeignSecret), remove),
        ("it never had it", convert::identity, Some(Obstacle::Variables), None),
        ("anybody may create the Secret", convert::identity, Some(Obstacle::VacantSecret), None),
        ("it is settled", settled, Some(Obstacle::Bindings), None),
        ("its Secret was replaced", settled, Some(Obstacle::ForeignSecret), remove),
        ("it is being deleted", deleted, None, None),
        ("it is for no pods", for_no_pods, None, None),
    ];
    for (what, change, obstacle, step) in cases {
        let (world, binding) = (world(), change(binding("a", 1, 0)));
        let observed = Observed { obstacle, ..observed(&binding, &world) };
        assert_eq!(label_to_write(&binding, obstacle), step, "{what}");
        assert_eq!(step.is_some(), matches!(decide(&observed), Step::Label(..)), "{what}: it comes first");
    }
}

/// The label costs each new pod, and nothing limits how many deleted bindings finalizers hold.
#[test]
fn a_binding_whose_deletion_waits_loses_the_label() {
    for (binding, is_left) in [
        (deleted(labelled(binding("a", 1, 0))), true),
        (deleted(settled(binding("a", 1, 0))), true),
        (deleted(binding("a", 1, 0)), false),
        (settled(binding("a", 1, 0)), false),
    ] {
        assert_eq!(is_label_left(&binding), is_left, "{:?}", binding.metadata);
    }
}

/// The condition after a decision, as reason and message.
fn injected(binding: &ServiceBinding, obstacle: Option<Obstacle>) -> Option<(String, String, String)> {
    let mut record = binding.status.clone().unwrap_or_default();
    report(&mut record, binding, obstacle, &BTreeSet::new(), &at(0));
    let found = condition::find(&record.conditions, condition::INJECTED)?;
    Some((found.status.clone(), found.reason.clone(), found.message.clone()))
}

#[test]
fn the_condition_says_why_pods_do_not_get_the_binding() {
    let plain = binding("a", 1, 0);
    for (obstacle, reason, part) in [
        (Obstacle::Bindings, "InjectionLimit", "16 other bindings of the namespace inject"),
        (Obstacle::Variables, "InjectionLimit", "more than 64 variables"),
        (Obstacle::ForeignSecret, "SecretNotOwned", "\"db\" exists and does not belong to this binding"),
        (Obstacle::UnsafeEntries, "UnsafeVariables", "leaves these entries out"),
    ] {
        let (status, found, message) = injected(&plain, Some(obstacle)).unwrap();
        assert_eq!((&*status, &*found), ("False", reason));
        assert!(message.starts_with("Pods do not get the binding: ") && message.contains(part), "{message}");
    }
    assert_eq!(injected(&plain, Some(Obstacle::VacantSecret)), None, "the operator creates it");
    assert_eq!(injected(&plain, None), None);
}

/// Such a binding is from before the rule of the CRD.
#[test]
fn a_binding_from_before_an_upgrade_goes_on_and_says_what_would_be_rejected() {
    let with = |allowed: bool| {
        let mut binding = settled(binding("a", 1, 0));
        let env: Vec<EnvMapping> = serde_json::from_value(json!([
            {"name": "LD_PRELOAD", "key": "k"}, {"name": "URI", "key": "k"}, {"name": "PATH", "key": "k"}]))
        .unwrap();
        binding.spec.injection =
            Some(Injection { env, allow_unsafe_variables: allowed, ..Injection::default() });
        binding
    };
    let (status, reason, message) = injected(&with(false), None).unwrap();
    assert_eq!((&*status, &*reason), ("True", "UnsafeVariables"));
    assert!(message.contains("rejected today: LD_PRELOAD, PATH. Rename"), "{message}");
    assert_eq!(injected(&with(true), None), None);
    // Nothing is written when it is said again later.
    let mut binding = with(false);
    let mut record = binding.status.clone().unwrap();
    report(&mut record, &binding, None, &BTreeSet::new(), &at(0));
    binding.status = Some(record.clone());
    report(&mut record, &binding, None, &BTreeSet::new(), &at(60));
    assert_eq!(Some(&record), binding.status.as_ref());
    assert!(injects(&binding), "it goes on");
}

/// Otherwise the operator would restart workloads for a binding that no new pod gets.
#[test]
fn pods_do_not_lack_a_binding_that_must_not_inject() {
    for (status, reason, refused) in [
        ("False", "InjectionLimit", true),
        ("False", "SecretNotOwned", true),
        ("False", "UnsafeVariables", true),
        ("False", "Collision", false),
        ("True", "UnsafeVariables", false),
    ] {
        let conditions: Value = json!([{"type": "Injected", "status": status, "reason": reason}]);
        let status = serde_json::from_value(json!({"conditions": conditions})).unwrap();
        assert_eq!(is_refused(&status), refused, "{reason}");
        let binding = ServiceBinding { status: Some(status), ..binding("a", 1, 0) };
        assert_eq!(injects(&binding), !refused, "{reason}");
    }
}

/// It is compared with each pod, also if the binding has injected before the limit.
#[test]
fn a_selector_beyond_its_limits_selects_nothing_though_the_binding_is_settled() {
    let mut large = settled(binding("a", 1, 0));
    assert!(!has_large_selector(&large) && injects(&large));
    let labels = (0..1000).map(|index| (format!("label-{index}"), String::new())).collect();
    large.spec.pod_selector.as_mut().unwrap().match_labels = Some(labels);
    assert!(has_large_selector(&large) && !injects(&large));
    assert_eq!(label_to_write(&large, Some(Obstacle::Selector)), Some(false));
    let mut record = ServiceBindingStatus::default();
    report(&mut record, &large, Some(Obstacle::Selector), &BTreeSet::new(), &at(0));
    let injected = condition::find(&record.conditions, condition::INJECTED).unwrap();
    assert_eq!((injected.status.as_str(), injected.reason.as_str()), ("False", reason::INJECTION_LIMIT));
    assert!(injected.message.contains("matchLabels has more than 32 labels"), "{}", injected.message);
    assert!(is_refused(&record));
}
