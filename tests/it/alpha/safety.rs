//! Rejected requests, and foreign objects that the operator leaves alone.

use serde_json::{Value, json};

use super::{BINDING, BROKER, INSTANCE, env};
use crate::cluster::cluster;
use crate::namespace::{PATIENCE, eventually, namespace};
use crate::process::text;
use crate::scripted::Endpoint;

#[tokio::test]
async fn a_taken_name_is_left_alone_until_it_is_free() {
    let env = env().await;
    let spec = json!({"clusterServiceClassExternalName": "nothing"});
    let taken = json!({"kind": "ServiceInstance", "metadata": {"name": "db"}, "spec": spec});
    env.create(taken).await.unwrap();
    let says = "Ready=False ReferencesNonexistentServiceClass";
    env.until_says("ServiceInstance", "db", says).await;
    let before = env.get("ServiceInstance", "db").await.unwrap();

    env.create(env.alpha_instance("db")).await.unwrap();
    let message = env.until_says(INSTANCE, "db", "Ready=False NameTaken").await;
    assert!(message.contains("A ServiceInstance \"db\" exists that this object does not own"), "{message}");
    assert_eq!(env.until_event("db", "NameTaken").await, message);
    assert_eq!(env.get("ServiceInstance", "db").await.unwrap(), before);
    // Nor does the deletion of the object touch it.
    env.remove(INSTANCE, "db").await;
    assert_eq!(env.get("ServiceInstance", "db").await.unwrap(), before);

    env.create(env.alpha_instance("db")).await.unwrap();
    env.until_says(INSTANCE, "db", "Ready=False NameTaken").await;
    env.delete("ServiceInstance", "db").await.unwrap();
    env.until_ready(INSTANCE, "db").await;
    assert_eq!(env.broker.calls(Endpoint::Provision), 1);
}

/// A quota of the namespace, for example.
#[tokio::test]
async fn a_refusal_of_the_api_server_is_reported_and_retried() {
    let env = env().await;
    let limit = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "limit"},
        "spec": {"hard": {"count/serviceinstances.servicecatalog.k8s.io": "0"}}});
    env.create(limit).await.unwrap();
    env.until("ResourceQuota", "limit", |quota| !quota["status"]["hard"].is_null()).await;
    env.create(env.alpha_instance("db")).await.unwrap();
    let message = env.until_says(INSTANCE, "db", "Ready=False ChildRefused").await;
    assert!(message.contains("\"db\" is forbidden") && message.contains("quota: limit"), "{message}");
    env.remove("ResourceQuota", "limit").await;
    env.until_ready(INSTANCE, "db").await;
}

/// A policy of the platform team, for example.
#[tokio::test]
async fn a_deletion_that_the_api_server_refuses_is_told_and_retried() {
    let env = env().await;
    env.ready_alpha_instance().await;
    let policy = deny_deletion(&env.name).await;
    env.delete(INSTANCE, "db").await.unwrap();
    let message = env.until_says(INSTANCE, "db", "WriteRefused=True RefusedByAPIServer").await;
    assert!(message.contains("deletion is not allowed") && message.contains("Retried"), "{message}");
    assert_eq!(env.broker.instances().len(), 1);
    cluster().must_kubectl(&["delete", "-f", &policy]);
    env.until_gone(INSTANCE, "db").await;
    assert!(env.broker.instances().is_empty());
}

/// Denies the deletion of all instances of the namespace. Returns the manifest.
async fn deny_deletion(namespace: &str) -> String {
    let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": namespace},
        "spec": {
            "matchConstraints": {"resourceRules": [{"apiGroups": ["servicecatalog.k8s.io"], "apiVersions": ["v1beta1"],
                "operations": ["DELETE"], "resources": ["serviceinstances"]}]},
            "validations": [{"expression": "false", "message": "deletion is not allowed"}]}});
    let only_here = json!({"matchLabels": {"kubernetes.io/metadata.name": namespace}});
    let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": namespace},
        "spec": {"policyName": namespace, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": only_here}}});
    let file = std::env::temp_dir().join(format!("{namespace}.json"));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [policy, binding]});
    std::fs::write(&file, list.to_string()).unwrap();
    let file = file.to_str().unwrap().to_owned();
    cluster().must_kubectl(&["apply", "-f", &file]);
    eventually("the policy denies", PATIENCE, async || {
        let attempt = ["delete", "serviceinstance", "db", "-n", namespace, "--dry-run=server"];
        let output = cluster().kubectl(&attempt);
        if output.status.success() { Err(text(&output)) } else { Ok(()) }
    })
    .await;
    file
}

#[tokio::test]
async fn an_edit_that_cannot_be_carried_out_is_refused() {
    let env = env().await;
    env.ready_alpha_instance().await;
    env.ready_alpha_binding().await;
    for (kind, edit, complaint) in [
        (
            INSTANCE,
            json!({"serviceClassName": "other"}),
            "serviceClassName is immutable: create a new instance instead",
        ),
        (INSTANCE, json!({"serviceClassName": ""}), "serviceClassName"),
        (
            BINDING,
            json!({"instanceRef": {"name": "other"}}),
            "instanceRef is immutable: create a new binding instead",
        ),
        (BINDING, json!({"instanceRef": {"name": null}}), "instanceRef needs a name"),
        (BINDING, json!({"secretName": "other"}), "secretName is immutable: create a new binding instead"),
        (BINDING, json!({"secretName": null}), "secretName is immutable: create a new binding instead"),
        (
            BINDING,
            json!({"parameters": {"role": "admin"}}),
            "parameters is immutable: create a new binding instead",
        ),
    ] {
        let refused = env.try_patch(kind, "db", json!({"spec": edit})).await.unwrap_err();
        assert!(refused.contains(complaint), "{edit}: {refused}");
    }
    // The metadata can always be edited.
    env.patch(BINDING, "db", json!({"metadata": {"labels": {"a": "b"}}})).await.unwrap();
}

#[tokio::test]
async fn an_object_that_lacks_something_is_refused() {
    let namespace = namespace().await;
    let reference = |secret: Value| json!({"url": "http://broker", "authInfo": {"basicAuthSecret": secret}});
    for (kind, spec, complaint) in [
        (BROKER, json!({"url": ""}), Some("spec.url")),
        (BROKER, json!({"url": "http://broker", "authInfo": {}}), Some("basicAuthSecret")),
        (BROKER, reference(json!({"name": "a"})), Some("namespace")),
        (BROKER, reference(json!({"namespace": "a", "name": ""})), Some("name")),
        (BROKER, reference(json!({"kind": "ConfigMap", "namespace": "a", "name": "b"})), Some("kind")),
        (BROKER, reference(json!({"kind": "Secret", "namespace": "a", "name": "b"})), None),
        (BROKER, reference(json!({"namespace": "a", "name": "b"})), None),
        (INSTANCE, json!({"planName": "small"}), Some("serviceClassName")),
        (INSTANCE, json!({"serviceClassName": "database"}), None),
        (BINDING, json!({}), Some("instanceRef")),
        (BINDING, json!({"instanceRef": {"name": "db"}, "secretName": "No_Name"}), Some("secretName")),
        (BINDING, json!({"instanceRef": {"name": "db"}, "labels": null, "parameters": null}), None),
    ] {
        let object = json!({"kind": kind, "metadata": {"name": namespace.name}, "spec": spec});
        let answer = namespace.try_create(object).await;
        match complaint {
            None => assert!(answer.is_ok(), "{kind} {spec}: {answer:?}"),
            Some(complaint) => assert!(
                answer.as_ref().is_err_and(|error| error.contains(complaint)),
                "{kind} {spec}: {answer:?}"
            ),
        }
    }
}
