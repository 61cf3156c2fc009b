//! Templates of a platform team, as objects in the cluster.

use serde_json::{Value, json};

use super::process::{desk, until_offered};
use crate::cluster::{NAMESPACE, cluster};
use crate::few_namespaces;
use crate::namespace::{Namespace, PATIENCE, eventually};
use crate::scripted::{BINDING, INSTANCE, condition};

/// The namespace of the release, whose templates are offered.
async fn shelf() -> Namespace {
    Namespace { name: NAMESPACE.to_owned(), client: cluster().client().await }
}

/// A template without workloads: its instances are ready at once. `second` is the name of one of its objects.
pub fn notes(version: &str, second: &str) -> Value {
    let exposed = |key: &str| format!("template.openshift.io/expose-{key}");
    json!({
        "kind": "Template",
        "metadata": {"name": "notes", "annotations": {
            "description": "Notes.", "servicecatalog.k8s.io/version": version,
        }},
        "parameters": [
            {"name": "INSTANCE_NAME"}, {"name": "TEXT", "value": "empty"},
            {"name": "KEY", "generate": "expression", "from": "[a-z]{20}"},
        ],
        "objects": [
            {"apiVersion": "v1", "kind": "ConfigMap", "data": {"text": "${TEXT}", "key": "${KEY}"}, "metadata": {
                "name": "${INSTANCE_NAME}", "annotations": {exposed("text"): "{.data.text}", exposed("key"): "{.data.key}"},
            }},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("${{INSTANCE_NAME}}-{second}")}},
            {"apiVersion": "v1", "kind": "Secret", "stringData": {"of": "${BINDING_ID}"}, "metadata": {
                "name": "key-${BINDING_ID}",
                "annotations": {exposed("of"): "{.data.of}", "servicecatalog.k8s.io/per-binding": "true"},
            }},
        ],
    })
}

#[tokio::test]
async fn a_template_is_offered_ordered_bound_and_upgraded() {
    if few_namespaces::is_mode() {
        return;
    }
    let (desk, shelf) = (desk().await, shelf().await);
    shelf.apply(notes("1.0.0", "old")).await.unwrap();
    until_offered(&desk.env, "notes").await;
    let class = json!({"clusterServiceClassExternalName": "notes", "parameters": {"TEXT": "first"}});
    desk.order("note", class).await;
    desk.env.until_ready(INSTANCE, "note").await;
    let before = desk.env.get("ConfigMap", "note").await.unwrap();
    assert_eq!(before["data"]["text"], "first");
    desk.env.get("ConfigMap", "note-old").await.unwrap();

    // Each binding has its own Secret, and reads what the instance exposes.
    for name in ["one", "two"] {
        desk.bind_to("note", name).await;
        let binding = desk.env.get(BINDING, name).await.unwrap();
        let id = binding["status"]["bindingID"].as_str().unwrap();
        let entries = desk.env.entries(name).await;
        assert_eq!((&*entries["of"], &*entries["text"]), (id, "first"));
        assert_eq!(entries["key"], before["data"]["key"].as_str().unwrap());
        desk.env.get("Secret", &format!("key-{id}")).await.unwrap();
    }
    let one = desk.env.get(BINDING, "one").await.unwrap()["status"]["bindingID"].clone();
    desk.user.delete(BINDING, "one").await.unwrap();
    desk.env.until_gone(BINDING, "one").await;
    desk.env.until_gone("Secret", &format!("key-{}", one.as_str().unwrap())).await;

    // A parameter that is not given any more has its default again; what was generated stays.
    desk.user.patch(INSTANCE, "note", json!({"spec": {"parameters": {"TEXT": null}}})).await.unwrap();
    let after = desk.env.until("ConfigMap", "note", |map| map["data"]["text"] == "empty").await;
    assert_eq!(after["data"]["key"], before["data"]["key"]);
    desk.env.until_ready(INSTANCE, "note").await;

    // Nothing changes until the user upgrades.
    shelf.apply(notes("1.1.0", "new")).await.unwrap();
    let says = |object: &Value| condition(object, "UpgradeAvailable=True").is_some();
    desk.env.until(INSTANCE, "note", says).await;
    assert!(desk.env.get("ConfigMap", "note-new").await.is_err());
    desk.user.patch(INSTANCE, "note", json!({"spec": {"updateRequests": 1}})).await.unwrap();
    desk.env.until("ConfigMap", "note-new", |_| true).await;
    desk.env.until_gone("ConfigMap", "note-old").await;
    desk.env.until_ready(INSTANCE, "note").await;

    desk.user.delete(BINDING, "two").await.unwrap();
    desk.env.until_gone(BINDING, "two").await;
    desk.user.delete(INSTANCE, "note").await.unwrap();
    desk.env.until_gone(INSTANCE, "note").await;
    desk.nothing_is_left().await;
    shelf.delete("Template", "notes").await.unwrap();
}

/// It spoils nothing, and says why.
#[tokio::test]
async fn a_template_with_kinds_that_the_cluster_lacks_is_left_out() {
    if few_namespaces::is_mode() {
        return;
    }
    let (desk, shelf) = (desk().await, shelf().await);
    let route = json!({"apiVersion": "route.openshift.io/v1", "kind": "Route", "metadata": {"name": "r"}});
    let template = json!({"kind": "Template", "metadata": {"name": "routed"}, "objects": [route]});
    shelf.apply(template).await.unwrap();
    let told = eventually("the template says why it is left out", PATIENCE, async || {
        let template = shelf.get("Template", "routed").await?;
        let told = condition(&template, "Published=False Rejected").map(str::to_owned);
        told.ok_or_else(|| format!("{template:#}"))
    })
    .await;
    assert!(told.contains("does not serve these kinds of objects: Route (route.openshift.io/v1)"), "{told}");
    let classes = desk.classes().await;
    assert!(classes.contains(&"redis".to_owned()) && !classes.contains(&"routed".to_owned()), "{classes:?}");
    shelf.delete("Template", "routed").await.unwrap();
}
