//! What a user who may write instances, bindings and Secrets of one namespace can cost the operator and other
//! namespaces: a bounded amount, told on the object.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Map, Value, json};

use crate::namespace::{PATIENCE, eventually};
use crate::operator::Operator;
use crate::scripted::{BINDING, INSTANCE, condition, isolated, reference, secret_parameters};

/// Probes the operator until `meanwhile` is done: every probe is answered.
async fn while_alive<T>(operator: &Operator, meanwhile: impl Future<Output = T>) -> T {
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
    let isolated = isolated(&[]).await;
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
    let isolated = isolated(&[]).await;
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

/// An object that was stored before the limit of the CRD says what is wrong, costs nothing, and can be deleted.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_stored_beyond_the_limits_is_told_and_can_be_deleted() {
    let isolated = isolated(&[]).await;
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

    let limit = |count: usize| {
        let path =
            "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/parametersFrom/maxItems";
        let patch = json!([{"op": "replace", "path": path, "value": count}]).to_string();
        let crd = "serviceinstances.servicecatalog.k8s.io";
        isolated.cluster().kubectl(&["patch", "crd", crd, "--type=json", "-p", &patch]);
    };
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
    let mut isolated = isolated(&[]).await;
    let env = isolated.env().await;
    env.ready_instance(json!({})).await;
    let before = isolated.operator().memory();
    let zeros = vec![0; 480_000];
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

/// A cache of their metadata would take 16 MiB.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_to_which_no_object_refers_cost_no_memory() {
    const SECRETS: usize = 2000;
    const NOTE: usize = 8 * 1024;
    let mut isolated = isolated(&[]).await;
    let env = isolated.env().await;
    env.secret("size", secret_parameters(json!({"size": 1}))).await;
    env.ready_instance(json!({"parametersFrom": [reference("size")]})).await;
    let before = isolated.operator().memory();
    let note = "x".repeat(NOTE);
    for first in (0..SECRETS).step_by(50) {
        join_all((first..first + 50).map(async |index| {
            let metadata = json!({"name": format!("foreign-{index}"), "annotations": {"note": note}});
            env.create(json!({"kind": "Secret", "metadata": metadata})).await.unwrap();
        }))
        .await;
    }
    let edit = json!({"stringData": secret_parameters(json!({"size": 2}))});
    env.patch("Secret", "size", edit).await.unwrap();
    env.until_broker("the watch has seen all", |broker| broker.instance().parameters == json!({"size": 2}))
        .await;
    let grown = isolated.operator().memory().saturating_sub(before);
    eprintln!("{SECRETS} Secrets of others: {grown} bytes more");
    assert!(grown < SECRETS * NOTE / 3, "{grown} bytes more");

    isolated.kill();
    isolated.start();
    env.instance("other", json!({})).await;
    env.until_ready(INSTANCE, "other").await;
    let grown = isolated.operator().memory().saturating_sub(before);
    eprintln!("after a restart: {grown} bytes more");
    assert!(grown < SECRETS * NOTE / 3, "{grown} bytes more after a restart");
}
