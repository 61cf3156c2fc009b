//! Users' own classes and plans, with their own defaults or names.

use serde_json::{Value, json};
use service_catalog::crd::names::{escaped, label, label_value};

use super::{BROKER, CLASS, PLAN, relist, withdraw_databases};
use crate::namespace::namespace;
use crate::operator::operator;
use crate::scripted::{BINDING, INSTANCE, TestEnv, env};

/// Creates a copy of the broker's class `database`, with a plan that has defaults.
async fn copy(env: &TestEnv) {
    let class = json!({"serviceBrokerName": "broker", "externalName": "ours", "externalID": "database-ID",
        "description": "ours", "bindable": true, "planUpdatable": true});
    env.create(json!({"kind": CLASS, "metadata": {"name": "ours"}, "spec": class})).await.unwrap();
    let plan = json!({"serviceBrokerName": "broker", "externalName": "tuned", "externalID": "small",
        "description": "tuned", "free": true, "serviceClassRef": {"name": "ours"},
        "defaultProvisionParameters": {"size": 3}});
    env.create(json!({"kind": PLAN, "metadata": {"name": "ours-tuned"}, "spec": plan})).await.unwrap();
}

fn labels(of: &[(&str, &str)]) -> Value {
    of.iter().map(|(key, name)| ((*key).to_owned(), Value::String(label_value(name)))).collect()
}

#[tokio::test]
async fn what_users_make_can_be_used_and_stays_theirs() {
    let env = env().await;
    copy(&env).await;
    let spec = json!({"serviceClassExternalName": "ours", "servicePlanExternalName": "tuned"});
    env.ready_binding(spec, json!({})).await;
    let instance = env.broker.instance();
    assert_eq!((instance.service.as_str(), instance.plan.as_str()), ("database-ID", "small"));
    assert_eq!(instance.parameters, json!({"size": 3}));

    withdraw_databases(&env).await;
    env.until_gone(CLASS, &escaped("database-ID")).await;
    relist(&env).await;
    for (kind, name) in [(CLASS, "ours"), (PLAN, "ours-tuned")] {
        let object = env.get(kind, name).await.unwrap();
        assert_ne!(object["status"]["removedFromBrokerCatalog"], true, "{object:#}");
    }
    env.remove(BINDING, "db").await;
    env.remove(INSTANCE, "db").await;
    env.remove(BROKER, "broker").await;
    let names = async |kind| env.list(kind).await.iter().map(|it| it["metadata"]["name"].clone()).collect();
    let left: [Vec<Value>; 2] = [names(CLASS).await, names(PLAN).await];
    assert_eq!(left, [[json!("ours")], [json!("ours-tuned")]]);
}

#[tokio::test]
async fn what_users_make_gets_the_labels_that_clients_look_for() {
    let env = env().await;
    copy(&env).await;
    let has = |expected: Value| move |object: &Value| object["metadata"]["labels"] == expected;
    let of_class = |name| {
        labels(&[
            (label::EXTERNAL_ID, "database-ID"),
            (label::EXTERNAL_NAME, name),
            (label::SERVICE_BROKER_NAME, "broker"),
        ])
    };
    env.until(CLASS, "ours", has(of_class("ours"))).await;
    let of_plan = [
        (label::EXTERNAL_ID, "small"),
        (label::EXTERNAL_NAME, "tuned"),
        (label::SERVICE_BROKER_NAME, "broker"),
        (label::SERVICE_CLASS_REF, "ours"),
    ];
    env.until(PLAN, "ours-tuned", has(labels(&of_plan))).await;

    env.patch(CLASS, "ours", json!({"spec": {"externalName": "renamed"}})).await.unwrap();
    env.until(CLASS, "ours", has(of_class("renamed"))).await;
    env.patch(PLAN, "ours-tuned", json!({"metadata": {"labels": null}})).await.unwrap();
    env.until(PLAN, "ours-tuned", has(labels(&of_plan))).await;
}

#[tokio::test]
async fn so_does_what_is_made_for_the_whole_cluster() {
    operator();
    let env = TestEnv::new(namespace().await, crate::scripted::Broker::start());
    let name = env.name.as_str();
    let class = json!({"clusterServiceBrokerName": name, "externalName": name, "externalID": "id", "description": "x"});
    let mut plan = class.clone();
    plan["clusterServiceClassRef"] = json!({"name": name});
    let common = [
        (label::EXTERNAL_ID, "id"),
        (label::EXTERNAL_NAME, name),
        (label::CLUSTER_SERVICE_BROKER_NAME, name),
    ];
    let of_plan = [&common[..], &[(label::CLUSTER_SERVICE_CLASS_REF, name)]].concat();
    for (kind, spec, expected) in
        [("ClusterServiceClass", class, labels(&common)), ("ClusterServicePlan", plan, labels(&of_plan))]
    {
        env.create(json!({"kind": kind, "metadata": {"name": name}, "spec": spec})).await.unwrap();
        env.until(kind, name, |object| object["metadata"]["labels"] == expected).await;
        env.remove(kind, name).await;
    }
}
