//! Collisions: the pod's own variables and mounts win, and an annotation names the part of the binding that it lacks.

use serde_json::{Value, json};

use super::{has_volume, mounts, names, pod, volume, web};
use crate::namespace::{Namespace, PATIENCE, eventually, namespace, wanted};
use crate::scripted::{BINDING, condition, env};

/// The part of a binding that a pod lacks. The label tells whether the pod has a collision with any binding.
fn collision<'a>(pod: &'a Value, binding: &Value) -> Option<&'a str> {
    let uid = binding["metadata"]["uid"].as_str().unwrap();
    let key = format!("collision.servicecatalog.k8s.io/{uid}");
    let reported = pod["metadata"]["annotations"].get(key).map(|reported| reported.as_str().unwrap());
    if reported.is_some() {
        assert_eq!(pod["metadata"]["labels"]["servicecatalog.k8s.io/collides"], "true", "{pod:#}");
    }
    reported
}

impl Namespace {
    /// The pod after admission, with these fields in its container.
    async fn admitted_with(&self, container: Value) -> Value {
        let mut pod = web();
        let fields = container.as_object().unwrap().clone();
        pod["spec"]["containers"][0].as_object_mut().unwrap().extend(fields);
        pod["spec"]["volumes"] = json!([
            {"name": "own", "emptyDir": {}},
            {"name": "disk", "persistentVolumeClaim": {"claimName": "disk"}},
            {"name": "config", "configMap": {"name": "config"}},
        ]);
        self.admitted(&pod).await
    }
}

#[tokio::test]
async fn what_a_container_has_itself_wins_and_is_reported() {
    let namespace = namespace().await;
    let env = json!([{"name": "URI", "key": "uri"}, {"name": "HOST", "key": "host"}]);
    let binding = namespace.bind("db", json!({"env": env})).await;
    let variable = |name: &str, value: &str| json!({"name": name, "value": value});
    let field = json!({"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}});
    let elsewhere = json!({"name": "SERVICE_BINDING_ROOT", "valueFrom": field});
    let of_secret = |name: &str, secret: &str| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": "k"}}});
    let mount = |path: &str| json!({"volumeMounts": [{"name": "own", "mountPath": path}]});
    let read_only = |name: &str, path: &str| json!({"volumeMounts": [{"name": name, "mountPath": path, "readOnly": true}]});
    let root = |value: &str| json!({"env": [variable("SERVICE_BINDING_ROOT", value)]});
    for (container, reported) in [
        (mount("/bindings/db"), Some("main: /bindings/db")),
        (mount("/bindings/db/"), Some("main: /bindings/db")),
        (
            json!({"volumeDevices": [{"name": "disk", "devicePath": "/bindings/db"}]}),
            Some("main: /bindings/db"),
        ),
        (json!({"env": [variable("URI", "own"), variable("OTHER", "own")]}), Some("main: URI")),
        (json!({"env": [{"name": "HOST"}, variable("URI", "own")]}), Some("main: URI, main: HOST")),
        (json!({"env": [of_secret("URI", "other")]}), Some("main: URI")),
        (json!({"env": [elsewhere]}), Some("main: SERVICE_BINDING_ROOT")),
        (json!({"env": [{"name": "SERVICE_BINDING_ROOT"}]}), Some("main: SERVICE_BINDING_ROOT")),
        (root("$(HOME)/bindings"), Some("main: SERVICE_BINDING_ROOT")),
        (root("/c:/bindings"), Some("main: SERVICE_BINDING_ROOT")),
        (root("relative"), Some("main: SERVICE_BINDING_ROOT")),
        // Nothing can be mounted below a read-only volume.
        (read_only("own", "/bindings"), Some("main: /bindings/db")),
        (read_only("own", "/"), Some("main: /bindings/db")),
        // No collisions.
        (mount("/bindings"), None),
        (read_only("config", "/bindings"), None),
        (read_only("own", "/bind"), None),
        (mount("/bindings/db/below"), None),
        (mount("/bindings/db2"), None),
        (root("/custom"), None),
        (json!({"env": [of_secret("URI", "db")]}), None),
    ] {
        let pod = namespace.admitted_with(container.clone()).await;
        assert_eq!(collision(&pod, &binding), reported, "{container}");
        let label = pod["metadata"]["labels"].get("servicecatalog.k8s.io/collides").is_some();
        assert_eq!(label, reported.is_some(), "{container}");
        let after = &pod["spec"]["containers"][0];
        for (field, own) in container.as_object().unwrap() {
            let all = after[field].as_array().unwrap();
            assert!(own.as_array().unwrap().iter().all(|own| all.contains(own)), "{container} {after:#}");
        }
    }
}

#[tokio::test]
async fn a_volume_of_the_bindings_name_is_not_mounted_if_it_is_another() {
    let namespace = namespace().await;
    let binding = namespace.bind("db", json!(null)).await;
    let mut pod = web();
    pod["spec"]["volumes"] = json!([{"name": volume(&binding), "emptyDir": {}}]);
    let pod = namespace.admitted(&pod).await;
    assert_eq!(mounts(&pod["spec"]["containers"][0]), Vec::<&str>::new());
    assert_eq!(collision(&pod, &binding), Some(&*format!("main: {}", volume(&binding))));
}

#[tokio::test]
async fn every_affected_container_is_named_and_no_other() {
    let namespace = namespace().await;
    let injection = json!({"containers": ["main", "proxy"], "env": [{"name": "URI", "key": "uri"}]});
    let binding = namespace.bind("db", injection).await;
    let own = json!([{"name": "URI", "value": "own"}]);
    let mut pod = web();
    pod["spec"]["containers"] = json!([
        {"name": "main", "image": "i", "env": own}, {"name": "other", "image": "i", "env": own}]);
    pod["spec"]["initContainers"] =
        json!([{"name": "proxy", "image": "i", "restartPolicy": "Always", "env": own}]);
    let pod = namespace.admitted(&pod).await;
    assert_eq!(collision(&pod, &binding), Some("main: URI, proxy: URI"));
}

/// In either order.
#[tokio::test]
async fn a_collision_with_another_binding_is_reported() {
    let namespace = namespace().await;
    let injection = json!({"env": [{"name": "URI", "key": "uri"}]});
    let bindings = [namespace.bind("db", injection.clone()).await, namespace.bind("queue", injection).await];
    let pod = namespace.admitted(&web()).await;
    let reported = bindings.each_ref().map(|binding| collision(&pod, binding));
    assert!(reported == [Some("main: URI"), None] || reported == [None, Some("main: URI")], "{reported:?}");
    assert_eq!(names(&pod["spec"]["containers"][0]["env"]), ["SERVICE_BINDING_ROOT", "URI"]);
    let copy =
        json!({"kind": "Pod", "metadata": {"name": "copy", "labels": {"app": "web"}}, "spec": pod["spec"]});
    let copy = namespace.admitted(&copy).await;
    assert_eq!(bindings.each_ref().map(|binding| collision(&copy, binding)), reported);
}

#[tokio::test]
async fn a_pod_without_labels_gets_one() {
    let namespace = namespace().await;
    let mut own = pod(Value::Null);
    own["spec"]["containers"][0]["env"] = json!([{"name": "SERVICE_BINDING_ROOT", "value": ""}]);
    let selector = json!({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]});
    let binding = namespace.bind_probed("db", json!({"podSelector": selector}), &pod(Value::Null)).await;
    assert_eq!(collision(&namespace.admitted(&own).await, &binding), Some("main: SERVICE_BINDING_ROOT"));
}

/// As long as such a pod exists. The operator writes nothing for other bindings.
#[tokio::test]
async fn a_binding_says_what_of_it_does_not_reach_pods() {
    let env = env().await;
    let spec = json!({"podSelector": {"matchLabels": {"app": "web"}}, "injection": {"env": [{"name": "URI", "key": "uri"}]}});
    let db = env.ready_binding(json!({}), spec.clone()).await;
    env.binding("other", json!({"podSelector": {"matchLabels": {"app": "web"}}})).await;
    env.until_says(BINDING, "other", "RolledOut=True").await;
    let other = env.get(BINDING, "other").await.unwrap();
    let colliding = |name: &str| {
        let mut pod = web();
        pod["metadata"]["name"] = name.into();
        pod["spec"]["containers"][0]["env"] = json!([{"name": "URI", "value": "own"}]);
        pod
    };
    eventually("pods get the binding", PATIENCE, async || {
        wanted(env.try_create(web()).await?, |pod| has_volume(pod, &db))
    })
    .await;
    env.create(colliding("first")).await.unwrap();
    let message = env.until_says(BINDING, "db", "Injected=False Collision").await;
    assert!(message.contains("keep their own: main: URI. Rename it"), "{message}");
    let object = env.get(BINDING, "db").await.unwrap();
    assert_eq!(object["status"]["lastConditionState"], "Ready");

    env.create(colliding("second")).await.unwrap();
    env.remove("Pod", "first").await;
    let mut third = colliding("third");
    third["spec"]["containers"][0]["name"] = "third".into();
    env.create(third).await.unwrap();
    let all = "keep their own: main: URI; third: URI. Rename it";
    env.until(BINDING, "db", |db| condition(db, "Injected=False").unwrap().contains(all)).await;
    env.remove("Pod", "second").await;
    env.remove("Pod", "third").await;
    env.until(BINDING, "db", |db| condition(db, "Injected=False").is_none()).await;
    let versions = |binding: &Value| binding["metadata"]["resourceVersion"].clone();
    assert_eq!(versions(&env.get(BINDING, "other").await.unwrap()), versions(&other));
}

#[tokio::test]
async fn a_long_tale_is_cut() {
    let namespace = namespace().await;
    let variables = || (0..64).map(|i| format!("VARIABLE_WITH_A_LONG_NAME_{i}"));
    let env: Value = variables().map(|name| json!({"name": name, "key": "k"})).collect();
    let binding = namespace.bind("db", json!({"env": env})).await;
    let own: Value = variables().map(|name| json!({"name": name, "value": "own"})).collect();
    let pod = namespace.admitted_with(json!({"env": own})).await;
    let reported = collision(&pod, &binding).unwrap();
    assert_eq!(reported.chars().count(), 401);
    assert!(
        reported.starts_with("main: VARIABLE_WITH_A_LONG_NAME_0, ") && reported.ends_with('…'),
        "{reported}"
    );
}
