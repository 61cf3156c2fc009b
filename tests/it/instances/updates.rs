//! Edits of an instance that exists.

use serde_json::json;

use crate::scripted::{
    Endpoint, INSTANCE, MARK, answer, condition, reference, refusal, secret_parameters, stage,
};

#[tokio::test]
async fn an_edit_of_the_parameters_updates_the_instance() {
    let stage = stage().await;
    stage.ready_instance(json!({"parameters": {"size": 3, "old": true}})).await;
    stage.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 4, "old": null}}})).await.unwrap();
    let object = stage.until_ready(INSTANCE, "db").await;
    assert!(condition(&object, "Ready=True InstanceUpdatedSuccessfully").is_some(), "{object:#}");
    assert_eq!(stage.broker.instance().parameters, json!({"size": 4}));
    let body = stage.broker.only(Endpoint::Update).body;
    assert!(body.get("plan_id").is_none(), "{body}");
    assert_eq!(body["parameters"], json!({"size": 4}));
    assert_eq!(body["previous_values"]["plan_id"], "small");
}

#[tokio::test]
async fn an_update_may_move_the_dashboard() {
    let stage = stage().await;
    stage.ready_instance(json!({})).await;
    let moved = answer(200, &json!({"dashboard_url": "http://dashboard/moved"}));
    stage.broker.after(Endpoint::Update, moved);
    stage.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 4}}})).await.unwrap();
    let object = stage.until_ready(INSTANCE, "db").await;
    assert_eq!(object["status"]["dashboardURL"], "http://dashboard/moved");
    stage.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 5}}})).await.unwrap();
    let object = stage.until_ready(INSTANCE, "db").await;
    assert_eq!(object["status"]["dashboardURL"], "http://dashboard/moved", "it was not named again");
}

#[tokio::test]
async fn parameters_that_are_removed_are_removed_at_the_broker() {
    let stage = stage().await;
    stage.ready_instance(json!({"parameters": {"size": 3}})).await;
    stage.patch(INSTANCE, "db", json!({"spec": {"parameters": null}})).await.unwrap();
    stage.until_ready(INSTANCE, "db").await;
    assert_eq!(stage.broker.only(Endpoint::Update).body["parameters"], json!({}));
}

#[tokio::test]
async fn an_edit_of_a_secret_with_parameters_updates_the_instance() {
    let stage = stage().await;
    stage.secret("more", secret_parameters(json!({"key": format!("{MARK} the first")}))).await;
    stage.ready_instance(json!({"parametersFrom": [reference("more")]})).await;
    let edit = json!({"stringData": secret_parameters(json!({"key": MARK}))});
    stage.patch("Secret", "more", edit).await.unwrap();
    stage
        .until_broker("the parameters are new", |broker| broker.instance().parameters == json!({"key": MARK}))
        .await;
    assert_eq!(stage.broker.calls(Endpoint::Update), 1);
}

#[tokio::test]
async fn a_change_of_the_plan_names_both_and_repeats_no_parameters() {
    let stage = stage().await;
    stage.ready_instance(json!({"parameters": {"size": 3}})).await;
    stage.patch(INSTANCE, "db", json!({"spec": {"servicePlanExternalName": "large"}})).await.unwrap();
    let object = stage.until_ready(INSTANCE, "db").await;
    assert_eq!(object["spec"]["servicePlanRef"]["name"], "large");
    assert_eq!(object["status"]["userSpecifiedPlanName"], "large");
    let body = stage.broker.only(Endpoint::Update).body;
    assert_eq!(body["plan_id"], "large");
    assert_eq!(body["previous_values"]["plan_id"], "small");
    assert!(body.get("parameters").is_none(), "{body}");

    stage.remove(INSTANCE, "db").await;
    assert_eq!(stage.broker.only(Endpoint::Deprovision).query("plan_id"), "large");
}

#[tokio::test]
async fn an_asynchronous_update_is_polled_with_the_plan_before_it() {
    let stage = stage().await;
    stage.ready_instance(json!({"servicePlanExternalName": "slow"})).await;
    stage.patch(INSTANCE, "db", json!({"spec": {"servicePlanExternalName": "small"}})).await.unwrap();
    stage.until_ready(INSTANCE, "db").await;
    let polls = stage.broker.requests(Endpoint::PollInstance);
    assert_eq!(polls.last().unwrap().query("plan_id"), "slow");
    assert_eq!(stage.broker.instance().plan, "small");
}

#[tokio::test]
async fn a_plan_that_cannot_be_left_is_kept_and_the_instance_stays_ready() {
    let stage = stage().await;
    stage.ready_instance(json!({"servicePlanExternalName": "fixed"})).await;
    stage.patch(INSTANCE, "db", json!({"spec": {"servicePlanExternalName": "small"}})).await.unwrap();
    let message = stage.until_says(INSTANCE, "db", "Updated=False PlanChangeNotAllowed").await;
    assert!(message.contains("database does not allow plan changes"), "{message}");
    assert!(condition(&stage.get(INSTANCE, "db").await.unwrap(), "Ready=True").is_some());
    assert_eq!(stage.broker.calls(Endpoint::Update), 0);

    stage.patch(INSTANCE, "db", json!({"spec": {"servicePlanExternalName": "fixed"}})).await.unwrap();
    let object = stage.until_ready(INSTANCE, "db").await;
    assert_eq!(condition(&object, "Updated=False"), None);
    assert_eq!(stage.broker.calls(Endpoint::Update), 0);
}

#[tokio::test]
async fn a_plan_is_left_as_soon_as_the_broker_allows_it() {
    let stage = stage().await;
    stage.ready_instance(json!({"servicePlanExternalName": "fixed"})).await;
    stage.patch(INSTANCE, "db", json!({"spec": {"servicePlanExternalName": "small"}})).await.unwrap();
    stage.until_says(INSTANCE, "db", "Updated=False PlanChangeNotAllowed").await;
    stage
        .broker
        .change_catalog(|catalog| catalog["services"][0]["plans"][3]["plan_updateable"] = true.into());
    stage.patch("ServiceBroker", "broker", json!({"spec": {"relistRequests": 1}})).await.unwrap();
    stage.until_ready(INSTANCE, "db").await;
    assert_eq!(stage.broker.instance().plan, "small");
}

#[tokio::test]
async fn an_update_request_updates_the_instance_once_more() {
    let stage = stage().await;
    stage.ready_instance(json!({"parameters": {"size": 3}})).await;
    stage.patch(INSTANCE, "db", json!({"spec": {"updateRequests": 1}})).await.unwrap();
    stage.until_ready(INSTANCE, "db").await;
    assert!(stage.broker.only(Endpoint::Update).body.get("plan_id").is_none());
}

#[tokio::test]
async fn an_update_that_the_broker_refuses_leaves_the_instance_ready() {
    let stage = stage().await;
    stage.ready_instance(json!({})).await;
    stage.broker.before(Endpoint::Update, refusal(422, "over quota"));
    stage.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 9}}})).await.unwrap();
    let message = stage.until_says(INSTANCE, "db", "Updated=False UpdateInstanceCallFailed").await;
    assert!(message.contains("status 422: over quota"), "{message}");
    assert!(message.contains("not tried again until the spec changes"), "{message}");
    let object = stage.get(INSTANCE, "db").await.unwrap();
    assert!(condition(&object, "Ready=True").is_some(), "{object:#}");
    assert_eq!(stage.until_event("db", "UpdateInstanceCallFailed").await, message);

    stage.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 2}}})).await.unwrap();
    let object = stage.until_ready(INSTANCE, "db").await;
    assert_eq!(condition(&object, "Updated=False"), None);
    assert_eq!(stage.broker.calls(Endpoint::Update), 2);
}

#[tokio::test]
async fn an_update_with_an_uncertain_end_is_repeated_and_nothing_is_removed() {
    let stage = stage().await;
    stage.ready_instance(json!({})).await;
    stage.broker.after(Endpoint::Update, refusal(500, "out of order"));
    stage.broker.after(Endpoint::Update, crate::scripted::Fault::Close);
    stage.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 9}}})).await.unwrap();
    stage.until_ready(INSTANCE, "db").await;
    assert_eq!(stage.broker.instance().parameters, json!({"size": 9}));
    assert_eq!((stage.broker.calls(Endpoint::Update), stage.broker.calls(Endpoint::Deprovision)), (3, 0));
}

#[tokio::test]
async fn the_newest_of_several_edits_wins() {
    let stage = stage().await;
    stage.ready_instance(json!({})).await;
    let gate = stage.broker.hold(crate::scripted::When::After, Endpoint::Update);
    stage.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 1}}})).await.unwrap();
    gate.reached().await;
    stage.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 2}}})).await.unwrap();
    stage.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 3}}})).await.unwrap();
    gate.open();
    stage.until_ready(INSTANCE, "db").await;
    assert_eq!(stage.broker.instance().parameters, json!({"size": 3}));
    assert_eq!(stage.broker.calls(Endpoint::Update), 2);
}
