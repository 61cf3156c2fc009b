//! What a user who may write instances, bindings and Secrets of one namespace can cost the operator and other
//! namespaces: a bounded amount, told on the object.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::cluster::Cluster;
use crate::namespace::{PATIENCE, eventually, wanted};
use crate::operator::Operator;
use crate::process::{directory, text};
use crate::scripted::{
    BINDING, INSTANCE, IsolatedEnv, TestEnv, condition, isolated_for_attack, reference, secret_parameters,
};

/// Probes the operator until `meanwhile` is done: every probe is answered.
pub async fn while_alive<T>(operator: &Operator, meanwhile: impl Future<Output = T>) -> T {
    let mut meanwhile = std::pin::pin!(meanwhile);
    loop {
        let probe = tokio::task::block_in_place(|| operator.livez());
        assert!(probe.as_ref().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")), "{probe:?}");
        if let Ok(done) = tokio::time::timeout(Duration::from_millis(100), &mut meanwhile).await {
            return done;
        }
    }
}

/// On the threads of the runtime and without a budget, the first template stops every probe for good: it visits the cube of
/// 20,000 values.
#[tokio::test(flavor = "multi_thread")]
async fn no_template_stops_the_operator() {
    let isolated = isolated_for_attack(&[]).await;
    let (hostile, other) = (isolated.env().await, isolated.env().await);
    hostile.ready_instance(json!({})).await;
    let many: Map<String, Value> = (0..20_000).map(|index| (format!("k{index}"), json!("x"))).collect();
    hostile.secret("many", many.into()).await;
    let from = json!({"addKeysFrom": {"secretRef": {"name": "many"}}});
    let template = |expression: &str| json!({"addKey": {"key": "out", "jsonPathExpression": expression}});
    let cubic = json!([from, template(r#"{[?$[?$[?@=="zz"]]]}"#)]);
    let mut costly = vec![template(r#"{[?@==@ && @=="zz"]}"#); 255];
    costly.insert(0, from);
    for index in 0..4 {
        hostile.binding(&format!("cubic-{index}"), json!({"secretTransforms": cubic})).await;
        hostile.binding(&format!("costly-{index}"), json!({"secretTransforms": costly})).await;
    }
    while_alive(isolated.operator(), other.ready_binding(json!({}), json!({}))).await;
    let told = async |name: &str| {
        let message = hostile.until_says(BINDING, name, "Ready=False ErrorInjectingBindResult").await;
        assert!(message.contains("cannot add the key \"out\""), "{message}");
        message
    };
    while_alive(isolated.operator(), async {
        let message = told("cubic-0").await;
        assert!(message.contains("a filter may contain neither $ nor a function"), "{message}");
        let message = told("costly-3").await;
        assert!(message.contains("Use fewer or simpler expressions"), "{message}");
    })
    .await;
    for name in ["cubic-0", "costly-0"] {
        hostile.remove(BINDING, name).await;
    }
}

fn missing(object: usize, count: usize) -> Value {
    (0..count).map(|index| reference(&format!("missing-{object}-{index}"))).collect()
}

/// A watch for each name would be 2,560 connections.
#[tokio::test(flavor = "multi_thread")]
async fn references_to_secrets_cost_no_connections_and_have_limits() {
    const OBJECTS: usize = 40;
    let isolated = isolated_for_attack(&[]).await;
    let (hostile, other) = (isolated.env().await, isolated.env().await);
    let before = isolated.operator().open_files();
    for index in 0..OBJECTS {
        hostile.instance(&format!("many-{index}"), json!({"parametersFrom": missing(index, 64)})).await;
    }
    let says = "Ready=False ErrorWithParameters";
    let messages = async || {
        let objects = hostile.list(INSTANCE).await;
        let told = |object: &Value| condition(object, says).map(str::to_owned);
        objects.iter().filter_map(told).collect::<Vec<_>>()
    };
    let refused = async |count: usize| {
        eventually("every instance is told", PATIENCE, async || {
            let messages = messages().await;
            let refused = messages.iter().filter(|message| message.contains("which is the limit")).count();
            if messages.len() == count { Ok(refused) } else { Err(format!("{messages:#?}")) }
        })
        .await
    };
    assert_eq!(refused(OBJECTS).await, OBJECTS - 1000 / 64);

    // Another namespace is not at its limit, and a change of its Secret takes effect.
    other.secret("size", secret_parameters(json!({"size": 1}))).await;
    while_alive(isolated.operator(), other.ready_instance(json!({"parametersFrom": [reference("size")]})))
        .await;
    let edit = json!({"stringData": secret_parameters(json!({"size": 2}))});
    other.patch("Secret", "size", edit).await.unwrap();
    other.until_broker("the edit arrives", |broker| broker.instance().parameters == json!({"size": 2})).await;
    let files = isolated.operator().open_files();
    assert!(files < before + 60, "{before} files before, {files} now");

    // Who gives references back makes room.
    for index in 0..OBJECTS {
        if index % 2 == 0 {
            hostile.remove(INSTANCE, &format!("many-{index}")).await;
        }
    }
    eventually("others take the room", PATIENCE, async || match refused(OBJECTS / 2).await {
        count if count == OBJECTS / 2 - 1000 / 64 => Ok(()),
        count => Err(format!("{count} are refused")),
    })
    .await;
}

/// Changes a limit in the schema of the CRD's `spec`.
fn limit(isolated: &IsolatedEnv, crd: &str, path: &str, count: usize) {
    let path = format!("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/{path}");
    let patch = json!([{"op": "replace", "path": path, "value": count}]).to_string();
    let crd = format!("{crd}.servicecatalog.k8s.io");
    isolated.cluster().kubectl(&["patch", "crd", &crd, "--type=json", "-p", &patch]);
}

/// An object that was stored before the limit of the CRD says what is wrong, costs nothing, and can be deleted.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_stored_beyond_the_limits_is_told_and_can_be_deleted() {
    let isolated = isolated_for_attack(&[]).await;
    let env = isolated.env().await;
    let create = async || {
        env.create(json!({
            "kind": INSTANCE, "metadata": {"name": "many"},
            "spec": {
                "serviceClassExternalName": "database", "servicePlanExternalName": "small",
                "parametersFrom": missing(0, 200),
            },
        }))
        .await
    };
    let refused = create().await.unwrap_err();
    assert!(refused.contains("spec.parametersFrom: Too many: 200: must have at most 64 items"), "{refused}");

    let limit = |count: usize| limit(&isolated, "serviceinstances", "parametersFrom/maxItems", count);
    limit(5000);
    eventually("the limit is raised", PATIENCE, create).await;
    limit(64);
    eventually("the limit is back", PATIENCE, async || match create().await {
        Err(message) if message.contains("at most 64 items") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let message = env.until_says(INSTANCE, "many", "Ready=False ErrorWithParameters").await;
    assert!(message.contains("refers to 200 Secrets, and the limit is 64"), "{message}");
    // The finalizer is removed although the CRD would refuse the object today.
    env.patch(INSTANCE, "many", json!({"metadata": {"labels": {"edited": "yes"}}})).await.unwrap();
    env.remove(INSTANCE, "many").await;
}

/// As parsed values, four such objects take 120 MiB or more, and three put an operator with the chart's limit into a crash
/// loop.
#[tokio::test(flavor = "multi_thread")]
async fn large_parameters_take_the_memory_of_their_text() {
    const OBJECTS: usize = 4;
    let mut isolated = isolated_for_attack(&[]).await;
    let env = isolated.env().await;
    env.ready_instance(json!({})).await;
    let before = isolated.operator().memory();
    let zeros = vec![0; 160_000];
    let text = json!({"a": zeros}).to_string();
    for index in 0..OBJECTS {
        env.instance(&format!("large-{index}"), json!({"parameters": {"a": zeros}})).await;
    }
    // Each is a few bytes long in the Secret, and a hundred in memory.
    let objects = json!({"a": vec![json!({"b": 0}); 60_000]});
    env.secret("many", secret_parameters(objects)).await;
    env.instance("from", json!({"parametersFrom": [reference("many")]})).await;
    let says = "Ready=False ErrorWithParameters";
    for name in ["large-0", "large-1", "large-2", "large-3", "from"] {
        let message = env.until_says(INSTANCE, name, says).await;
        assert!(message.contains(" bytes, and the limit is 65536"), "{message}");
    }
    let grown = isolated.operator().memory().saturating_sub(before);
    eprintln!("{OBJECTS} objects of {} bytes: {} bytes more", text.len(), grown);
    assert!(grown < 8 * OBJECTS * text.len(), "{grown} bytes more");

    isolated.kill();
    isolated.start();
    env.instance("other", json!({})).await;
    env.until_ready(INSTANCE, "other").await;
    let grown = isolated.operator().memory().saturating_sub(before);
    eprintln!("after a restart: {grown} bytes more");
    assert!(grown < 8 * OBJECTS * text.len(), "{grown} bytes more after a restart");
    // A correction takes effect.
    env.patch(INSTANCE, "large-0", json!({"spec": {"parameters": {"a": [0]}}})).await.unwrap();
    env.until_ready(INSTANCE, "large-0").await;
    env.remove(INSTANCE, "large-1").await;
}

/// An object has room for 450,000 empty texts, and each pod was compared with all of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_selector_stored_beyond_the_limits_is_told_and_selects_nothing() {
    const PATH: &str = "podSelector/properties/matchExpressions/items/properties/values/maxItems";
    let isolated = isolated_for_attack(&[]).await;
    let env = isolated.env().await;
    env.ready_instance(json!({})).await;
    let values = vec![""; 100_000];
    let selector = json!({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": values}]});
    let create = async || {
        let spec = json!({"instanceRef": {"name": "db"}, "podSelector": selector});
        env.create(json!({"kind": BINDING, "metadata": {"name": "many"}, "spec": spec})).await
    };
    let refused = create().await.unwrap_err();
    assert!(refused.contains("values: Too many: 100000: must have at most 64 items"), "{refused}");
    limit(&isolated, "servicebindings", PATH, 1_000_000);
    eventually("the limit is raised", PATIENCE, create).await;
    limit(&isolated, "servicebindings", PATH, 64);
    let message = env.until_says(BINDING, "many", "Injected=False InjectionLimit").await;
    assert!(message.contains("a requirement in matchExpressions has more than 64 values"), "{message}");
    eventually("the binding is not injected", PATIENCE, async || {
        wanted(env.get(BINDING, "many").await?, |binding| {
            binding["metadata"]["labels"].get("servicecatalog.k8s.io/injects").is_none()
        })
    })
    .await;
    env.remove(BINDING, "many").await;
}

const MIB: usize = 1024 * 1024;

fn many(prefix: &str, count: usize) -> Map<String, Value> {
    (0..count).map(|index| (format!("{prefix}{index:x}"), json!(""))).collect()
}

/// Creates a pod with collisions that its creator has made up. That takes a cluster without the policy `stamps`.
async fn colliding_pod(hostile: &TestEnv, name: &str) {
    let annotations = many("collision.servicecatalog.k8s.io/", 7000);
    let labels = json!({"servicecatalog.k8s.io/collides": "true"});
    let pod = json!({
        "kind": "Pod", "metadata": {"name": name, "labels": labels, "annotations": annotations},
        "spec": {"nodeSelector": {"no": "node"}, "containers": [{"name": "main", "image": "image"}]},
    });
    eventually("the policy is gone", PATIENCE, async || {
        let created = hostile.create(pod.clone()).await?;
        if created["metadata"]["annotations"].as_object().is_some_and(|annotations| annotations.len() >= 7000)
        {
            return Ok(());
        }
        hostile.delete("Pod", name).await?;
        Err("the annotations were dropped".to_owned())
    })
    .await;
}

/// Stores about 100 MiB in objects that the operator watches.
async fn store_large_objects(hostile: &TestEnv) {
    let megabyte = "AAAA".repeat(MIB / 3);
    let labels = many("a", 90_000);
    for index in 0..40 {
        let name = format!("x{index}");
        let secret = json!({
            "kind": "Secret", "metadata": {"name": name, "labels": {"servicecatalog.k8s.io/credentials": ""}},
            "data": {"f": megabyte},
        });
        hostile.create(secret).await.unwrap();
        hostile.instance(&name, json!({"parameters": {"a": megabyte}})).await;
        if index < 6 {
            let (metadata, spec) =
                (json!({"name": name, "labels": labels}), json!({"instanceRef": {"name": "none"}}));
            hostile.create(json!({"kind": BINDING, "metadata": metadata, "spec": spec})).await.unwrap();
            colliding_pod(hostile, &name).await;
        }
    }
}

/// Of what a user stores, the operator holds one object at a time when it starts, and keeps of each what it looks at. In
/// pages of 500, the Secrets or the instances alone take 100 MiB and more, at every start.
#[tokio::test(flavor = "multi_thread")]
async fn large_objects_of_users_take_little_memory_at_a_start() {
    let mut isolated = isolated_for_attack(&[]).await;
    let (hostile, other) = (isolated.env().await, isolated.env().await);
    other.ready_binding(json!({}), json!({})).await;
    isolated.kill();
    isolated.start();
    other.binding("first", json!({})).await;
    other.until_ready(BINDING, "first").await;
    let usual = isolated.operator().peak_memory();

    isolated.cluster().kubectl(&["delete", "mutatingadmissionpolicybinding", "stamps.servicecatalog.k8s.io"]);
    store_large_objects(&hostile).await;
    isolated.kill();
    isolated.start();
    while_alive(isolated.operator(), async {
        other.binding("second", json!({})).await;
        other.until_ready(BINDING, "second").await;
    })
    .await;
    let grown = isolated.operator().peak_memory().saturating_sub(usual);
    eprintln!("at a start: {} MiB more than {} MiB", grown / MIB, usual / MIB);
    assert!(grown < 48 * MIB, "{grown} bytes more");
}

/// The API server describes parameters in `managedFields`, as deeply as they are. A parser that rejects such an object
/// rejects the list of all instances with it, of all namespaces. The clients of the tests are such parsers.
#[tokio::test(flavor = "multi_thread")]
async fn deeply_nested_parameters_hide_no_object() {
    let mut isolated = isolated_for_attack(&[]).await;
    let (hostile, other) = (isolated.env().await, isolated.env().await);
    let namespace = ["--namespace", &hostile.name];
    let kubectl =
        |cluster: &Cluster, arguments: &[&str]| text(&cluster.kubectl(&[arguments, &namespace].concat()));
    for (name, depth) in [("deep", 120), ("deeper", 300)] {
        let instance = json!({
            "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": INSTANCE, "metadata": {"name": name},
            "spec": {"serviceClassExternalName": "database", "servicePlanExternalName": "small",
                "parameters": (0..depth).fold(json!(1), |inner, _| json!({"a": inner}))},
        });
        let file = directory().join(format!("{name}.json"));
        std::fs::write(&file, instance.to_string()).unwrap();
        kubectl(isolated.cluster(), &["create", "-f", file.to_str().unwrap()]);
    }
    other.ready_binding(json!({}), json!({})).await;
    isolated.kill();
    isolated.start();
    other.instance("another", json!({})).await;
    other.until_ready(INSTANCE, "another").await;
    for (name, expected) in [("deep", "Ready"), ("deeper", "ErrorWithParameters")] {
        eventually(name, PATIENCE, async || {
            let state = "jsonpath={.status.lastConditionState}";
            let state = kubectl(isolated.cluster(), &["get", "serviceinstance", name, "-o", state]);
            if state == expected { Ok(()) } else { Err(state) }
        })
        .await;
    }
    let deleted =
        kubectl(isolated.cluster(), &["delete", "serviceinstance", "deep", "deeper", "--timeout=60s"]);
    assert_eq!(deleted.matches(" deleted").count(), 2, "{deleted}");
}
