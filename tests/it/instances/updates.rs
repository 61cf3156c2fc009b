//! Updates of an instance that exists.

use serde_json::{Value, json};

use crate::namespace::namespace;
use crate::operator::operator;
use crate::scripted::{
    Broker, Endpoint, INSTANCE, MARK, TestEnv, answer, condition, env, reference, refusal, secret_parameters,
};

#[tokio::test]
async fn an_edit_of_the_parameters_updates_the_instance() {
    let env = env().await;
    env.ready_instance(json!({"parameters": {"size": 3, "old": true}})).await;
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 4, "old": null}}})).await.unwrap();
    let object = env.until_ready(INSTANCE, "db").await;
    assert!(condition(&object, "Ready=True InstanceUpdatedSuccessfully").is_some(), "{object:#}");
    assert_eq!(env.broker.instance().parameters, json!({"size": 4}));
    let body = env.broker.only(Endpoint::Update).body;
    assert_eq!((&body["plan_id"], &body["parameters"]), (&json!("small"), &json!({"size": 4})));
    assert_eq!(body["previous_values"]["plan_id"], "small");
}

#[tokio::test]
async fn an_instance_has_the_version_of_its_plan_and_gets_another_on_request() {
    operator();
    let env = TestEnv::new(namespace().await, Broker::start());
    offer_version(&env, "1.0.0");
    env.register(json!({})).await;
    let version = |version: &str| json!({"version": version});
    env.ready_instance(json!({})).await;
    assert_eq!(env.broker.only(Endpoint::Provision).body["maintenance_info"], version("1.0.0"));

    offer_version(&env, "2.0.0");
    env.patch("ServiceBroker", "broker", json!({"spec": {"relistRequests": 1}})).await.unwrap();
    let message = env.until_says(INSTANCE, "db", "UpgradeAvailable=True MaintenanceAvailable").await;
    assert!(message.contains("small has the version 2.0.0 (faster), the instance has 1.0.0"), "{message}");
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 4}}})).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
    let body = env.broker.only(Endpoint::Update).body;
    assert_eq!(body["maintenance_info"], json!(null));
    assert_eq!(body["previous_values"]["maintenance_info"], version("1.0.0"));

    env.patch(INSTANCE, "db", json!({"spec": {"updateRequests": 1}})).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
    let upgrade = &env.broker.requests(Endpoint::Update)[1];
    assert_eq!(upgrade.body["maintenance_info"], version("2.0.0"));
    let is_over = |object: &Value| condition(object, "UpgradeAvailable=True").is_none();
    let object = env.until(INSTANCE, "db", is_over).await;
    assert_eq!(object["status"]["externalProperties"]["maintenanceVersion"], "2.0.0");
}

/// Sets the `maintenance_info` version of the plan `small` in the catalog.
fn offer_version(env: &TestEnv, version: &str) {
    let info = json!({"version": version, "description": "faster"});
    env.broker.change_catalog(|catalog| catalog["services"][0]["plans"][0]["maintenance_info"] = info);
}

#[tokio::test]
async fn an_update_may_move_the_dashboard() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    let moved = answer(200, &json!({"dashboard_url": "http://dashboard/moved"}));
    env.broker.after(Endpoint::Update, moved);
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 4}}})).await.unwrap();
    let object = env.until_ready(INSTANCE, "db").await;
    assert_eq!(object["status"]["dashboardURL"], "http://dashboard/moved");
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 5}}})).await.unwrap();
    let object = env.until_ready(INSTANCE, "db").await;
    assert_eq!(object["status"]["dashboardURL"], "http://dashboard/moved", "it was not named again");
}

#[tokio::test]
async fn parameters_that_are_removed_are_removed_at_the_broker() {
    let env = env().await;
    env.ready_instance(json!({"parameters": {"size": 3}})).await;
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": null}})).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
    assert_eq!(env.broker.only(Endpoint::Update).body["parameters"], json!({}));
}

#[tokio::test]
async fn an_edit_of_a_secret_with_parameters_updates_the_instance() {
    let env = env().await;
    env.secret("more", secret_parameters(json!({"key": format!("{MARK} the first")}))).await;
    env.ready_instance(json!({"parametersFrom": [reference("more")]})).await;
    let edit = json!({"stringData": secret_parameters(json!({"key": MARK}))});
    env.patch("Secret", "more", edit).await.unwrap();
    env.until_broker("the parameters are new", |broker| broker.instance().parameters == json!({"key": MARK}))
        .await;
    assert_eq!(env.broker.calls(Endpoint::Update), 1);
}

#[tokio::test]
async fn a_change_of_the_plan_names_both_and_repeats_the_parameters() {
    let env = env().await;
    env.ready_instance(json!({"parameters": {"size": 3}})).await;
    env.patch(INSTANCE, "db", json!({"spec": {"servicePlanExternalName": "large"}})).await.unwrap();
    let object = env.until_ready(INSTANCE, "db").await;
    assert_eq!(object["spec"]["servicePlanRef"]["name"], "large");
    assert_eq!(object["status"]["userSpecifiedPlanName"], "large");
    let body = env.broker.only(Endpoint::Update).body;
    assert_eq!(body["plan_id"], "large");
    assert_eq!(body["previous_values"]["plan_id"], "small");
    assert_eq!(body["parameters"], json!({"size": 3}));

    env.remove(INSTANCE, "db").await;
    assert_eq!(env.broker.only(Endpoint::Deprovision).query("plan_id"), "large");
}

#[tokio::test]
async fn an_asynchronous_update_is_polled_with_the_plan_before_it() {
    let env = env().await;
    env.ready_instance(json!({"servicePlanExternalName": "slow"})).await;
    env.patch(INSTANCE, "db", json!({"spec": {"servicePlanExternalName": "small"}})).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
    let polls = env.broker.requests(Endpoint::PollInstance);
    assert_eq!(polls.last().unwrap().query("plan_id"), "slow");
    assert_eq!(env.broker.instance().plan, "small");
}

const REFUSED: &str = "The Service Class database does not allow plan changes.";

async fn choose(env: &TestEnv, plan: &str) -> Result<Value, String> {
    env.patch(INSTANCE, "db", json!({"spec": {"servicePlanExternalName": plan}})).await
}

/// Changes the class with the plan `fixed` in the broker's catalog, and requests a relist.
async fn change_catalog(env: &TestEnv, change: impl FnOnce(&mut Value)) {
    env.broker.change_catalog(|catalog| change(&mut catalog["services"][0]));
    let broker = env.get("ServiceBroker", "broker").await.unwrap();
    let requests = broker["spec"]["relistRequests"].as_i64().unwrap_or_default() + 1;
    env.patch("ServiceBroker", "broker", json!({"spec": {"relistRequests": requests}})).await.unwrap();
}

#[tokio::test]
async fn a_plan_that_cannot_be_left_is_kept_from_the_moment_that_it_is_there() {
    let env = env().await;
    env.ready_instance(json!({"servicePlanExternalName": "fixed"})).await;
    let refused = choose(&env, "small").await.unwrap_err();
    assert!(refused.contains(REFUSED), "{refused}");
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 2}}})).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
    assert_eq!(env.broker.instance().parameters, json!({"size": 2}));
}

/// The user changed the plan before the operator knew that this is not possible. A condition says so, and the user can
/// revert the change.
#[tokio::test]
async fn a_plan_that_was_chosen_too_late_can_be_unchosen() {
    let env = env().await;
    let gate = env.broker.hold(crate::scripted::When::After, Endpoint::Provision);
    env.instance("db", json!({"servicePlanExternalName": "fixed"})).await;
    gate.reached().await;
    choose(&env, "small").await.unwrap();
    gate.open();
    let message = env.until_says(INSTANCE, "db", "Updated=False PlanChangeNotAllowed").await;
    assert!(message.contains("\"database\" does not allow a change to another plan"), "{message}");
    assert!(condition(&env.get(INSTANCE, "db").await.unwrap(), "Ready=True").is_some());

    choose(&env, "fixed").await.unwrap();
    let object = env.until_ready(INSTANCE, "db").await;
    assert_eq!(condition(&object, "Updated=False"), None);
    assert!(choose(&env, "small").await.unwrap_err().contains(REFUSED));
    assert_eq!(env.broker.calls(Endpoint::Update), 0);
}

#[tokio::test]
async fn a_plan_can_be_left_as_soon_as_the_broker_allows_it() {
    let env = env().await;
    env.ready_instance(json!({"servicePlanExternalName": "fixed"})).await;
    env.instance("other", json!({})).await;
    let other = env.until_ready(INSTANCE, "other").await;
    let is_fixed = |object: &Value| object["status"]["planUpdatable"] == false;
    let is_free = |object: &Value| !is_fixed(object);
    change_catalog(&env, |class| class["plans"][3]["plan_updateable"] = true.into()).await;
    env.until(INSTANCE, "db", is_free).await;
    assert_eq!(env.get(INSTANCE, "other").await.unwrap(), other, "other instances are not written");

    // Without a value in the plan, the class's applies.
    let says_nothing = |class: &mut Value| {
        class["plans"][3]["plan_updateable"] = Value::Null;
        class["plan_updateable"] = false.into();
    };
    change_catalog(&env, says_nothing).await;
    env.until(INSTANCE, "db", is_fixed).await;
    change_catalog(&env, |class| class["plan_updateable"] = true.into()).await;
    env.until(INSTANCE, "db", is_free).await;
    choose(&env, "small").await.unwrap();
    env.until_ready(INSTANCE, "db").await;
    assert!(env.broker.instances().values().all(|instance| instance.plan == "small"));
}

#[tokio::test]
async fn an_update_request_updates_the_instance_once_more() {
    let env = env().await;
    env.ready_instance(json!({"parameters": {"size": 3}})).await;
    env.patch(INSTANCE, "db", json!({"spec": {"updateRequests": 1}})).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
    let body = env.broker.only(Endpoint::Update).body;
    assert_eq!((&body["plan_id"], &body["parameters"]), (&json!("small"), &json!({"size": 3})));
}

#[tokio::test]
async fn an_update_that_the_broker_refuses_leaves_the_instance_ready() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    env.broker.before(Endpoint::Update, refusal(422, "over quota"));
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 9}}})).await.unwrap();
    let message = env.until_says(INSTANCE, "db", "Updated=False UpdateInstanceCallFailed").await;
    assert!(message.contains("status 422: over quota"), "{message}");
    assert!(message.contains("not retried until the parameters, the plan or"), "{message}");
    let object = env.get(INSTANCE, "db").await.unwrap();
    assert!(condition(&object, "Ready=True").is_some(), "{object:#}");
    assert_eq!(env.until_event("db", "UpdateInstanceCallFailed").await, message);

    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 2}}})).await.unwrap();
    let object = env.until_ready(INSTANCE, "db").await;
    assert_eq!(condition(&object, "Updated=False"), None);
    assert_eq!(env.broker.calls(Endpoint::Update), 2);
}

#[tokio::test]
async fn an_update_with_an_uncertain_end_is_repeated_and_nothing_is_removed() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    env.broker.after(Endpoint::Update, refusal(500, "out of order"));
    env.broker.after(Endpoint::Update, crate::scripted::Fault::Close);
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 9}}})).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
    assert_eq!(env.broker.instance().parameters, json!({"size": 9}));
    assert_eq!((env.broker.calls(Endpoint::Update), env.broker.calls(Endpoint::Deprovision)), (3, 0));
}

#[tokio::test]
async fn the_newest_of_several_edits_wins() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    let gate = env.broker.hold(crate::scripted::When::After, Endpoint::Update);
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 1}}})).await.unwrap();
    gate.reached().await;
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 2}}})).await.unwrap();
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 3}}})).await.unwrap();
    gate.open();
    env.until_ready(INSTANCE, "db").await;
    assert_eq!(env.broker.instance().parameters, json!({"size": 3}));
    assert_eq!(env.broker.calls(Endpoint::Update), 2);
}
