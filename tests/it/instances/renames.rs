//! A name in the spec is resolved once. What the broker calls its classes and plans later changes no instance.

use serde_json::{Value, json};

use crate::namespace::namespace;
use crate::operator::operator;
use crate::scripted::{Broker, Endpoint, INSTANCE, TestEnv, condition};

/// A broker renames the plan of an instance, and gives its name to another plan.
#[tokio::test]
async fn an_instance_keeps_its_plan_when_another_gets_its_name() {
    operator();
    let env = TestEnv::new(namespace().await, Broker::start());
    env.register(json!({})).await;
    env.ready_instance(json!({"parameters": {"size": 3}})).await;

    env.broker.change_catalog(|catalog| {
        let database = &mut catalog["services"][0];
        database["name"] = "store".into();
        database["plan_updateable"] = false.into();
        let plans = database["plans"].as_array_mut().unwrap();
        plans[0]["name"] = "legacy".into();
        plans.push(json!({"id": "newer", "name": "small", "description": "another one"}));
    });
    env.patch("ServiceBroker", "broker", json!({"spec": {"relistRequests": 1}})).await.unwrap();
    // Classes are published before their plans.
    let names_both = |object: &Value| {
        condition(object, "NameOutdated=True RenamedInCatalog").is_some_and(|message| {
            message.contains("renamed the class \"database\" to \"store\"")
                && message.contains("set spec.servicePlanExternalName to \"legacy\"")
        })
    };
    env.until(INSTANCE, "db", names_both).await;
    assert_eq!(env.broker.calls(Endpoint::Update), 0);

    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 4}}})).await.unwrap();
    env.until_broker("the parameters are new", |broker| broker.instance().parameters == json!({"size": 4}))
        .await;
    assert_eq!(env.broker.only(Endpoint::Update).body["plan_id"], "small");

    // The new name of the same plan is no change of the plan, which the class would not allow.
    env.patch(INSTANCE, "db", json!({"spec": {"servicePlanExternalName": "legacy"}})).await.unwrap();
    let names_the_class_only = |object: &Value| {
        condition(object, "NameOutdated=True").is_some_and(|message| !message.contains("the plan"))
    };
    env.until(INSTANCE, "db", names_the_class_only).await;
    assert_eq!((env.broker.calls(Endpoint::Update), env.broker.instance().plan.as_str()), (1, "small"));
}
