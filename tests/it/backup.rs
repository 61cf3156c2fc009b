//! Objects that are restored from a backup, and objects that clients write as they are in a repository: they keep their
//! service.

use serde_json::{Value, json};

use crate::scripted::{BINDING, Endpoint, INSTANCE, TestEnv, env, refusal};

/// What a backup tool creates from a stored object.
fn restored(mut object: Value) -> Value {
    for member in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"] {
        object["metadata"].as_object_mut().unwrap().remove(member);
    }
    object.as_object_mut().unwrap().remove("status");
    object
}

/// Removes an object and leaves what it stands for at the broker, as a lost cluster does.
async fn lose(env: &TestEnv, kind: &str, name: &str) -> Value {
    let stored = env.get(kind, name).await.unwrap();
    env.patch(kind, name, json!({"metadata": {"finalizers": null}})).await.unwrap();
    env.remove(kind, name).await;
    stored
}

/// Seen to fail without `spec.externalID`: the restored instance is ready with a second, empty service.
#[tokio::test]
async fn a_restored_instance_finds_its_service() {
    let env = env().await;
    let ready = env.ready_instance(json!({"parameters": {"size": 1}})).await;
    let id = ready["spec"]["externalID"].clone();
    assert_eq!(id, ready["status"]["instanceID"]);
    let backup = lose(&env, INSTANCE, "db").await;
    assert_eq!(env.broker.instances().len(), 1);
    env.create(restored(backup)).await.unwrap();
    let ready = env.until_ready(INSTANCE, "db").await;
    assert_eq!((&ready["spec"]["externalID"], &ready["status"]["instanceID"]), (&id, &id));
    assert_eq!((env.broker.instances().len(), env.broker.calls(Endpoint::Deprovision)), (1, 0));
    env.remove(INSTANCE, "db").await;
    assert!(env.broker.instances().is_empty());
}

/// docs/backup.md: the id of a binding is in its status.
#[tokio::test]
async fn a_restored_binding_gets_new_credentials_or_the_same_with_its_id() {
    let env = env().await;
    let bound = env.ready_binding(json!({}), json!({})).await;
    let password = env.entries("db").await["password"].clone();
    let mut backup = lose(&env, BINDING, "db").await;
    env.until_gone("Secret", "db").await;
    backup["spec"]["externalID"] = bound["status"]["bindingID"].clone();
    env.create(restored(backup.clone())).await.unwrap();
    env.until_ready(BINDING, "db").await;
    assert_eq!(
        (env.entries("db").await["password"].clone(), env.broker.instance().bindings.len()),
        (password, 1)
    );
    lose(&env, BINDING, "db").await;
    env.until_gone("Secret", "db").await;
    backup["spec"].as_object_mut().unwrap().remove("externalID");
    env.create(restored(backup)).await.unwrap();
    env.until_ready(BINDING, "db").await;
    assert_eq!(env.broker.instance().bindings.len(), 2);
}

/// The id in the spec is the one that the broker knows, also after an attempt that was abandoned.
#[tokio::test]
async fn the_spec_follows_the_id_of_the_attempt() {
    let env = env().await;
    env.broker.after(Endpoint::Provision, refusal(500, "it exists"));
    let ready = env.ready_instance(json!({})).await;
    let [ids, _] = env.broker.ids();
    assert_eq!(ids.len(), 2, "the second attempt has another id");
    assert_eq!(ready["spec"]["externalID"], ready["status"]["instanceID"]);
    assert!(env.broker.instances().contains_key(ready["spec"]["externalID"].as_str().unwrap()));
    env.remove(INSTANCE, "db").await;
    assert!(env.broker.instances().is_empty());
}

/// `kubectl replace` of the manifest, and then a deletion. Seen to fail without the policy `recorded`: the finalizer is lost,
/// and the broker is not asked to delete anything.
#[tokio::test]
async fn what_is_replaced_by_its_manifest_is_still_removed_at_the_broker() {
    let env = env().await;
    let bound = env.ready_binding(json!({}), json!({})).await;
    let instance = env.get(INSTANCE, "db").await.unwrap();
    let calls = env.broker.all_calls();
    for (stored, spec) in [
        (instance, json!({"serviceClassExternalName": "database", "servicePlanExternalName": "small"})),
        (bound, json!({"instanceRef": {"name": "db"}})),
    ] {
        let version = &stored["metadata"]["resourceVersion"];
        let manifest = json!({"kind": stored["kind"], "metadata": {"name": "db", "resourceVersion": version}, "spec": spec});
        let replaced = env.replace(manifest).await.unwrap();
        for part in ["spec", "status"] {
            assert_eq!(replaced[part], stored[part]);
        }
        assert_eq!(replaced["metadata"]["generation"], stored["metadata"]["generation"]);
        assert_eq!(replaced["metadata"]["finalizers"], stored["metadata"]["finalizers"]);
    }
    assert_eq!(env.broker.all_calls(), calls, "it changes nothing");
    env.remove(BINDING, "db").await;
    env.remove(INSTANCE, "db").await;
    assert!(env.broker.instances().is_empty());
}

/// Seen to fail without the user agent: the API server calls the manager `unknown`.
#[tokio::test]
async fn every_write_of_the_operator_names_its_field_manager() {
    let env = env().await;
    let bound = env.ready_binding(json!({}), json!({})).await;
    let instance = env.get(INSTANCE, "db").await.unwrap();
    let broker = env.get("ServiceBroker", "broker").await.unwrap();
    // What the user has created has been written by the operator too.
    for object in [&bound, &instance, &broker] {
        let managers = object["metadata"]["managedFields"].as_array().unwrap();
        let of_status: Vec<&Value> =
            managers.iter().filter(|entry| entry["subresource"] == "status").collect();
        assert!(!of_status.is_empty() && of_status.iter().all(|entry| entry["manager"] == "service-catalog"));
    }
    let of_references = instance["metadata"]["managedFields"].as_array().unwrap();
    let is_of_references = |entry: &&Value| !entry["fieldsV1"]["f:spec"]["f:serviceClassRef"].is_null();
    assert_eq!(of_references.iter().find(is_of_references).unwrap()["manager"], "service-catalog");
    let mut own = env.list("ServiceClass").await;
    own.extend(env.list("ServicePlan").await);
    own.push(env.get("Secret", "db").await.unwrap());
    own.push(env.list("Event").await.remove(0));
    for object in own {
        for entry in object["metadata"]["managedFields"].as_array().unwrap() {
            assert_eq!(entry["manager"], "service-catalog", "{object:#}");
        }
    }
}
