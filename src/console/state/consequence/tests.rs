use crate::crd::broker::ServiceBrokerSpec;
use crate::crd::{ServiceBroker, ServiceInstance};
use serde_json::{Value, json};

use super::*;

fn instance(annotations: &Value) -> ServiceInstance {
    serde_json::from_value(json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance",
        "metadata": {"name": "db", "namespace": "ns", "annotations": annotations}, "spec": {},
    }))
    .unwrap()
}

fn binding(name: &str, instance: &str, change: &Value) -> ServiceBinding {
    let mut metadata = json!({"name": name, "namespace": "ns"});
    metadata.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    serde_json::from_value(json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceBinding", "metadata": metadata,
        "spec": {"instanceRef": {"name": instance}, "podSelector": {"matchLabels": {"app": "web"}}},
    }))
    .unwrap()
}

fn consumer(binding: &str, workload: &str, pods: usize) -> Consumer {
    Consumer { binding: binding.to_owned(), workload: workload.to_owned(), pods }
}

fn english(consequences: &Consequences) -> Vec<String> {
    consequences.sentences(Language::English)
}

fn two_bindings() -> Consequences {
    let paused = json!({"annotations": {"servicecatalog.k8s.io/paused": "true"}});
    let bindings = [
        binding("one", "db", &json!({})),
        binding("two", "db", &paused),
        binding("three", "other", &json!({})),
    ];
    let consumers = [
        consumer("one", "Deployment/web", 2),
        consumer("two", "Pod/bare", 1),
        consumer("three", "Deployment/x", 9),
    ];
    consequences_of(&instance(&json!({})), &bindings, &consumers)
}

#[test]
fn the_deletion_of_an_instance_waits_for_its_bindings() {
    let consequences = two_bindings();
    assert_eq!(
        english(&consequences),
        [
            "The broker deletes the service and its data. This cannot be undone.",
            "The deletion waits until these bindings are deleted: one, two.",
            "These bindings are paused, so their deletion does not proceed: two.",
            "3 pods lose their credentials: Deployment/web, Pod/bare.",
            "The operator first restarts these workloads without the credentials: Deployment/web, Pod/bare.",
        ]
    );
    assert_eq!(
        consequences.sentences(Language::Chinese)[1],
        "在以下绑定删除之前，删除会一直等待：one、two。"
    );
}

#[test]
fn cascade_deletes_the_bindings_and_their_secrets() {
    let consequences = Consequences { policy: DeletionPolicy::Cascade, ..two_bindings() };
    assert!(english(&consequences).contains(&"These Secrets are deleted: one, two.".to_owned()));
}

#[test]
fn retain_takes_nothing_from_the_pods() {
    let consequences = Consequences { policy: DeletionPolicy::Retain, ..two_bindings() };
    assert_eq!(consequences.losing().count(), 0);
    assert_eq!(
        english(&consequences),
        [
            "The instance goes from Kubernetes. The service stays at the broker and goes on costing money.",
            "These bindings and their credentials stay, but can no longer be rotated: one, two.",
        ]
    );
    let retained = json!({"servicecatalog.k8s.io/deletion-policy": "Retain"});
    assert_eq!(DeletionPolicy::of(&instance(&retained)), DeletionPolicy::Retain);
}

#[test]
fn the_deletion_of_a_binding_takes_the_credentials_from_its_pods() {
    let binding = binding("one", "db", &json!({}));
    let consequences = consequences_of(&binding, &[], &[consumer("one", "Deployment/web", 1)]);
    assert_eq!(
        english(&consequences),
        [
            "The broker deletes the credentials. This cannot be undone.",
            "These Secrets are deleted: one.",
            "1 pod loses its credentials: Deployment/web.",
            "The operator first restarts these workloads without the credentials: Deployment/web.",
        ]
    );
}

#[test]
fn a_broker_takes_its_classes_with_it() {
    let consequences = consequences_of(&ServiceBroker::new("b", ServiceBrokerSpec::default()), &[], &[]);
    assert!(consequences.bindings.is_empty() && english(&consequences).len() == 1);
}

#[test]
fn long_lists_of_names_are_cut() {
    let names: Vec<_> = (10..25).map(|number| format!("b{number}")).collect();
    let text = super::names(names.iter(), Language::English);
    assert_eq!(text, "b10, b11, b12, b13, b14, b15, b16, b17, b18, b19 and 5 more");
}
