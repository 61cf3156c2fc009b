use std::process::Command;

use crate::crd::broker::{ClusterServiceBrokerSpec, ServiceBrokerSpec};
use crate::crd::{ClusterServiceBroker, ServiceBroker};
use serde_json::{Value, json};

use super::*;

fn now() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

const BINDABLE: Offering = Offering { is_bindable: true };

fn condition(type_: &str, status: &str, reason: &str) -> Value {
    json!({"type": type_, "status": status, "reason": reason})
}

fn metadata(change: &Value) -> Value {
    let mut metadata = json!({"name": "db", "namespace": "ns", "resourceVersion": "7",
        "finalizers": ["kubernetes-incubator/service-catalog"], "creationTimestamp": "2026-01-01T00:00:00Z"});
    metadata.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    metadata
}

fn instance(change: &Value, conditions: &[Value]) -> ServiceInstance {
    serde_json::from_value(json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance",
        "metadata": metadata(change),
        "spec": {"updateRequests": 2}, "status": {"conditions": conditions},
    }))
    .unwrap()
}

fn binding(change: &Value, conditions: &[Value]) -> ServiceBinding {
    serde_json::from_value(json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceBinding", "metadata": metadata(change),
        "spec": {"instanceRef": {"name": "db"}, "secretName": "db-secret"},
        "status": {"conditions": conditions, "externalProperties": {}},
    }))
    .unwrap()
}

fn paused() -> Value {
    json!({"annotations": {"servicecatalog.k8s.io/paused": "true"}})
}

#[test]
fn an_instance_offers_what_its_state_makes_sensible() {
    use Action::{Bind, Delete, Edit, Pause, Resume, TryNow, Upgrade};
    let ready = condition("Ready", "True", "ProvisionedSuccessfully");
    let upgrade = condition("UpgradeAvailable", "True", "MaintenanceAvailable");
    let refused = condition("Failed", "True", "ClusterServiceBrokerReturnedFailure");
    let retried = condition("Ready", "False", "ProvisionCallFailed");
    let of = |change: &Value, conditions: &[Value], offering| {
        actions_of(&instance(change, conditions), offering, now())
    };
    let none = json!({});
    assert_eq!(of(&none, std::slice::from_ref(&ready), BINDABLE), [Bind, Edit, Pause, Delete]);
    assert_eq!(of(&none, std::slice::from_ref(&ready), Offering::default()), [Edit, Pause, Delete]);
    assert_eq!(of(&none, &[upgrade, ready.clone()], BINDABLE), [Bind, Edit, Upgrade, Pause, Delete]);
    assert_eq!(of(&none, std::slice::from_ref(&retried), BINDABLE), [Edit, TryNow, Pause, Delete]);
    assert_eq!(of(&none, &[retried, refused], BINDABLE), [Edit, TryNow, Pause, Delete]);
    assert_eq!(of(&paused(), &[ready], BINDABLE), [Bind, Edit, Resume, Delete]);
}

#[test]
fn a_deletion_that_does_not_proceed_can_be_helped() {
    use Action::{Abandon, Cascade, Resume, Retain};
    let of = |change: Value, reason, status| {
        let mut deleted = json!({"deletionTimestamp": "2026-01-01T11:59:00Z"});
        deleted.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        actions_of(&instance(&deleted, &[condition("Ready", status, reason)]), BINDABLE, now())
    };
    let policy = |value| json!({"annotations": {"servicecatalog.k8s.io/deletion-policy": value}});
    assert_eq!(of(json!({}), "Deprovisioning", "False"), []);
    assert_eq!(of(json!({}), "DeprovisionCallFailed", "Unknown"), [Retain, Abandon]);
    assert_eq!(of(policy("Retain"), "DeprovisionCallFailed", "Unknown"), [Abandon]);
    let blocked = "DeprovisionBlockedByExistingCredentials";
    assert_eq!(of(json!({}), blocked, "False"), [Cascade, Retain, Abandon]);
    assert_eq!(of(policy("Cascade"), blocked, "False"), [Retain, Abandon]);
    assert_eq!(of(paused(), "Deprovisioning", "False"), [Resume, Retain, Abandon]);
    let long_ago = json!({"deletionTimestamp": "2026-01-01T11:49:00Z"});
    assert_eq!(of(long_ago, "Deprovisioning", "False"), [Retain, Abandon]);
    assert_eq!(of(json!({"finalizers": ["other"]}), "DeprovisionCallFailed", "Unknown"), [Retain]);
}

#[test]
fn a_binding_and_a_broker_offer_what_their_states_make_sensible() {
    use Action::{Abandon, Delete, Pause, Relist, Resume, Reveal, Rotate};
    let ready = condition("Ready", "True", "InjectedBindResult");
    let of = |change: &Value, conditions: &[Value]| actions_of(&binding(change, conditions), BINDABLE, now());
    assert_eq!(of(&json!({}), std::slice::from_ref(&ready)), [Reveal, Rotate, Pause, Delete]);
    assert_eq!(of(&paused(), std::slice::from_ref(&ready)), [Reveal, Resume, Delete]);
    let rotating = condition("Rotated", "False", "Rotating");
    assert_eq!(of(&json!({}), &[rotating, ready]), [Reveal, Pause, Delete]);
    let deleted = json!({"deletionTimestamp": "2026-01-01T11:59:00Z"});
    assert_eq!(of(&deleted, &[condition("Ready", "Unknown", "UnbindCallFailed")]), [Abandon]);
    let mut broker = ServiceBroker::new("b", ServiceBrokerSpec::default());
    assert_eq!(actions_of(&broker, Offering::default(), now()), [Relist, Delete]);
    broker.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now()));
    assert_eq!(actions_of(&broker, Offering::default(), now()), []);
}

#[test]
fn each_action_is_one_merge_patch() {
    let (instance, binding) = (instance(&json!({}), &[]), binding(&json!({}), &[]));
    let annotation = |key: &str, value: Value| {
        Change::Patch(json!({"metadata": {"annotations": {format!("servicecatalog.k8s.io/{key}"): value}}}))
    };
    let updated = Change::Patch(json!({"spec": {"updateRequests": 3}}));
    for (action, expected) in [
        (Action::Upgrade, updated.clone()),
        (Action::TryNow, updated),
        (Action::Pause, annotation("paused", json!("true"))),
        (Action::Resume, annotation("paused", Value::Null)),
        (Action::Cascade, annotation("deletion-policy", json!("Cascade"))),
        (Action::Retain, annotation("deletion-policy", json!("Retain"))),
        (Action::Abandon, Change::Patch(json!({"metadata": {"finalizers": null, "resourceVersion": "7"}}))),
        (Action::Delete, Change::Delete),
        (Action::Edit, Change::Page),
    ] {
        assert_eq!(action.change(&instance, now()), expected, "{action:?}");
    }
    assert_eq!(Action::Rotate.change(&binding, now()), annotation("rotate", json!("2026-01-01T12:00:00Z")));
    let mut broker = ClusterServiceBroker::new("b", ClusterServiceBrokerSpec::default());
    broker.spec.common.relist_requests = i64::MAX;
    assert_eq!(
        Action::Relist.change(&broker, now()),
        Change::Patch(json!({"spec": {"relistRequests": i64::MAX}}))
    );
}

#[test]
fn abandoning_keeps_the_finalizers_of_others() {
    let finalizers = json!({"finalizers": ["foregroundDeletion", "kubernetes-incubator/service-catalog"]});
    let patch = json!({"metadata": {"finalizers": ["foregroundDeletion"], "resourceVersion": "7"}});
    assert_eq!(Action::Abandon.change(&instance(&finalizers, &[]), now()), Change::Patch(patch));
}

#[test]
fn each_action_names_the_right_that_it_needs() {
    let right = |verb, group, resource| Right { verb, group, resource };
    let group = "servicecatalog.k8s.io";
    assert_eq!(Action::Bind.right(Kind::Instance), right("create", group, "servicebindings"));
    assert_eq!(Action::Reveal.right(Kind::Binding), right("get", "", "secrets"));
    assert_eq!(Action::Delete.right(Kind::Binding), right("delete", group, "servicebindings"));
    assert_eq!(Action::Abandon.right(Kind::Instance), right("patch", group, "serviceinstances"));
    assert_eq!(Action::Relist.right(Kind::ClusterBroker), right("patch", group, "clusterservicebrokers"));
}

#[test]
fn commands_are_those_that_a_user_would_type() {
    let (instance, binding) = (instance(&json!({}), &[]), binding(&json!({}), &[]));
    let broker = ClusterServiceBroker::new("b", ClusterServiceBrokerSpec::default());
    for (command, expected) in [
        (
            Action::TryNow.kubectl(&instance, now()),
            "kubectl patch serviceinstances.servicecatalog.k8s.io db --namespace ns --type merge --patch \
             '{\"spec\":{\"updateRequests\":3}}'",
        ),
        (
            Action::Delete.kubectl(&instance, now()),
            "kubectl delete serviceinstances.servicecatalog.k8s.io db --namespace ns",
        ),
        (
            Action::Reveal.kubectl(&binding, now()),
            "kubectl get secret db-secret --namespace ns --output yaml",
        ),
        (
            Action::Relist.kubectl(&broker, now()),
            "kubectl patch clusterservicebrokers.servicecatalog.k8s.io b --type merge --patch \
             '{\"spec\":{\"relistRequests\":1}}'",
        ),
    ] {
        assert_eq!(command.as_deref(), Some(expected));
    }
    assert_eq!(Action::Bind.kubectl(&instance, now()), None);
}

#[test]
fn a_shell_reads_a_quoted_word_as_it_was() {
    for word in
        ["", "plain", "it's", "a b", "$(touch x)", "`x`;&|<>*?~#!", "\"\\", "'''", "名字", "two\nlines"]
    {
        let script = format!("printf %s {}", quoted(word));
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
    }
}

#[test]
fn every_action_has_texts_in_both_languages() {
    use crate::console::language::Language::{Chinese, English};
    for action in Action::ALL {
        assert_ne!(action.label(English), action.label(Chinese));
        assert_ne!(action.explanation(English), action.explanation(Chinese));
        assert_eq!(action.warning(English).is_some(), action.warning(Chinese).is_some());
        assert!(!action.label(Chinese).is_empty() && action.explanation(Chinese).ends_with('。'));
    }
    assert!(Action::Abandon.warning(English).is_some());
}
