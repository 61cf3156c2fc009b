//! The commands of `svcat`, the command line client of service-catalog.

mod client;
mod desk;
mod go;

use serde_json::{Value, json};
use service_catalog::crd::names::FINALIZER;

use self::client::{Scope, is_over, shown};
use self::desk::Desk;
use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{BINDING, Endpoint, INSTANCE, MARK, condition, reference, refusal, secret_parameters};

const BOTH: [Scope; 2] = [Scope::Cluster, Scope::Namespace];

#[tokio::test]
async fn what_a_broker_offers_can_be_used_as_soon_as_it_is_registered() {
    for scope in BOTH {
        let desk = Desk::registered(scope).await;
        let [classes, plans] = desk.svcat().marketplace(scope).await;
        assert!([desk.database(), desk.queue()].iter().all(|class| classes.contains(class)), "{classes:?}");
        assert!(["small", "large", "slow", "only"].iter().all(|plan| plans.iter().any(|name| name == plan)));

        let instance = desk.provisioned().await;
        assert_eq!(instance["spec"][scope.field("ClassRef")]["name"], desk.database());
        assert_eq!(desk.broker.instance().plan, format!("{}-small", desk.database()));
        desk.svcat().deprovision("db").await;
        desk.leave().await;
        assert_eq!(desk.svcat().classes(&desk.database()).await, Vec::<Value>::new());
    }
}

#[tokio::test]
async fn a_broker_is_registered_with_all_flags() {
    let desk = Desk::new(Scope::Namespace).await;
    desk.broker.require("Bearer the-token");
    desk.secret("auth", json!({"token": "the-token"})).await;
    let small = format!("spec.externalName in ({})", desk.database());
    let flags = json!({
        "url": desk.broker.url, "insecureSkipTLSVerify": true, "relistBehavior": "Manual", "relistDuration": "1h0m0s",
        "catalogRestrictions": {"serviceClass": [small], "servicePlan": ["spec.externalName=small"]},
        "authInfo": {"bearer": {"secretRef": {"name": "auth"}}},
    });
    desk.svcat().register(desk.scope, "broker", flags.clone()).await.unwrap();
    let broker = desk.svcat().wait("ServiceBroker", "broker").await;
    assert_eq!(shown(&broker), "Ready", "{broker:#}");
    for (flag, value) in flags.as_object().unwrap() {
        assert_eq!(broker["spec"][flag], *value);
    }
    assert_eq!(desk.svcat().marketplace(desk.scope).await, [vec![desk.database()], vec!["small".to_owned()]]);
}

#[tokio::test]
async fn a_broker_that_does_not_answer_is_shown_with_the_reason() {
    let desk = Desk::new(Scope::Namespace).await;
    desk.broker.require("Bearer something-else");
    desk.svcat().register(desk.scope, "broker", json!({"url": desk.broker.url})).await.unwrap();
    desk.until("ServiceBroker", "broker", |broker| shown(broker) == "ErrorFetchingCatalog").await;
}

#[tokio::test]
async fn a_broker_is_synced_although_another_client_has_edited_it_meanwhile() {
    for scope in BOTH {
        let desk = Desk::registered(scope).await;
        let kind = scope.kind("Broker");
        let before = desk.get(&kind, &desk.name).await.unwrap();
        desk.broker.change_catalog(|catalog| catalog["services"][0]["plans"][0]["name"] = "tiny".into());
        let mut edits = 0;
        desk.svcat()
            .sync(scope, &desk.name, async || {
                edits += 1;
                if edits == 1 {
                    let edit = json!({"metadata": {"annotations": {"another": "client"}}});
                    desk.patch(&kind, &desk.name, edit).await.unwrap();
                }
            })
            .await;
        assert_eq!(edits, 2, "the first time is a conflict");
        let plan = format!("{}-small", desk.database());
        desk.until(&scope.kind("Plan"), &plan, |plan| plan["spec"]["externalName"] == "tiny").await;
        let broker = desk.until_ready(&kind, &desk.name).await;
        let mut expected = before["spec"].clone();
        expected["relistRequests"] = 1.into();
        assert_eq!(broker["spec"], expected, "the rest of the spec is as it was");
        assert_eq!(broker["metadata"]["annotations"]["another"], "client");
        desk.leave().await;
    }
}

#[tokio::test]
async fn svcat_waits_until_an_asynchronous_instance_is_ready() {
    let desk = Desk::registered(Scope::Namespace).await;
    desk.broker.stall();
    desk.svcat().provision("db", (&desk.database(), Some("slow")), json!({})).await.unwrap();
    let instance = desk.until(INSTANCE, "db", |instance| shown(instance) == "Provisioning").await;
    assert!(!is_over(&instance), "{instance:#}");
    desk.broker.go_on();
    assert_eq!(shown(&desk.svcat().wait(INSTANCE, "db").await), "Ready");
}

#[tokio::test]
async fn a_plan_that_is_the_only_one_need_not_be_named() {
    for scope in BOTH {
        let desk = Desk::registered(scope).await;
        desk.svcat().provision("queue", (&desk.queue(), None), json!({})).await.unwrap();
        assert_eq!(shown(&desk.svcat().wait(INSTANCE, "queue").await), "Ready");
        assert_eq!(desk.broker.instance().plan, format!("{}-only", desk.queue()));
        desk.svcat().deprovision("queue").await;
        desk.leave().await;
    }
}

#[tokio::test]
async fn parameters_are_given_on_the_command_line_and_by_secrets() {
    let desk = Desk::registered(Scope::Namespace).await;
    desk.secret("secret", secret_parameters(json!({"password": MARK}))).await;
    let flags = json!({"parameters": {"size": "3"}, "parametersFrom": [reference("secret")]});
    desk.svcat().provision("db", (&desk.database(), Some("small")), flags.clone()).await.unwrap();
    assert_eq!(shown(&desk.svcat().wait(INSTANCE, "db").await), "Ready");
    let parameters = json!({"size": "3", "password": MARK});
    assert_eq!(desk.broker.instance().parameters, parameters);
    let flags = json!({"secretName": "credentials", "parameters": flags["parameters"], "parametersFrom": flags["parametersFrom"]});
    desk.svcat().bind("db", "db", flags).await.unwrap();
    assert_eq!(shown(&desk.svcat().wait(BINDING, "db").await), "Ready");
    assert_eq!(desk.broker.binding().1.parameters, parameters);
    assert!(desk.entries("credentials").await.contains_key("password"));
}

#[tokio::test]
async fn an_instance_that_is_touched_is_updated_and_keeps_what_svcat_does_not_know() {
    for scope in BOTH {
        let desk = Desk::registered(scope).await;
        desk.provisioned().await;
        let annotation =
            json!({"metadata": {"annotations": {"servicecatalog.k8s.io/deletion-policy": "Retain"}}});
        let before = desk.patch(INSTANCE, "db", annotation).await.unwrap();
        let mut edits = 0;
        desk.svcat()
            .touch("db", async || {
                edits += 1;
                if edits == 1 {
                    desk.patch(INSTANCE, "db", json!({"metadata": {"labels": {"a": "b"}}})).await.unwrap();
                }
            })
            .await;
        assert_eq!(edits, 2, "the first time is a conflict");
        let after = desk.until_ready(INSTANCE, "db").await;
        assert_eq!(desk.broker.calls(Endpoint::Update), 1);
        let mut expected = before["spec"].clone();
        expected["updateRequests"] = 1.into();
        assert_eq!(after["spec"], expected, "the rest of the spec is as it was");
        assert_eq!(after["metadata"]["finalizers"], before["metadata"]["finalizers"]);
        assert_eq!(after["metadata"]["annotations"], before["metadata"]["annotations"]);
        assert_eq!(after["status"]["instanceID"], before["status"]["instanceID"]);

        desk.patch(INSTANCE, "db", json!({"metadata": {"annotations": null}})).await.unwrap();
        desk.svcat().deprovision("db").await;
        desk.leave().await;
    }
}

#[tokio::test]
async fn an_instance_that_is_refused_is_shown_as_failed_until_it_is_touched() {
    let desk = Desk::registered(Scope::Namespace).await;
    desk.broker.before(Endpoint::Provision, refusal(400, "not today"));
    desk.svcat().provision("db", (&desk.database(), Some("small")), json!({})).await.unwrap();
    let instance = desk.svcat().wait(INSTANCE, "db").await;
    assert_eq!(shown(&instance), "Failed");
    assert!(condition(&instance, "Ready=False ProvisionCallFailed").is_some(), "{instance:#}");
    desk.svcat().touch("db", async || {}).await;
    desk.until(INSTANCE, "db", |instance| shown(instance) == "Ready").await;
}

#[tokio::test]
async fn an_instance_that_works_is_shown_as_ready_while_an_update_fails() {
    let desk = Desk::registered(Scope::Namespace).await;
    desk.provisioned().await;
    desk.broker.before(Endpoint::Update, refusal(400, "not today"));
    desk.svcat().touch("db", async || {}).await;
    let says = |instance: &Value| condition(instance, "Updated=False UpdateInstanceCallFailed").is_some();
    assert_eq!(shown(&desk.until(INSTANCE, "db", says).await), "Ready");
}

#[tokio::test]
async fn an_instance_is_bound_unbound_and_deprovisioned() {
    for scope in BOTH {
        let desk = Desk::registered(scope).await;
        desk.provisioned().await;
        let binding = desk.bound().await;
        assert_eq!(binding["spec"]["secretName"], "db");
        assert!(desk.entries("db").await.contains_key("password"));

        desk.svcat().unbind("db").await;
        assert!(desk.broker.instance().bindings.is_empty());
        desk.until_gone("Secret", "db").await;
        desk.svcat().deprovision("db").await;
        assert!(desk.broker.instances().is_empty());
        desk.leave().await;
    }
}

/// `svcat` removes the finalizer before it deletes the object, so the operator must not restore it in between.
#[tokio::test]
async fn what_is_abandoned_stays_so_and_goes_at_once_without_the_broker_being_asked() {
    let desk = Desk::registered(Scope::Namespace).await;
    desk.provisioned().await;
    desk.bound().await;
    for kind in [BINDING, INSTANCE] {
        desk.svcat().abandon(kind, "db").await;
    }
    // The operator has reconciled and written both since: it has repaired the Secret and updated the instance.
    desk.delete("Secret", "db").await.unwrap();
    desk.svcat().touch("db", async || {}).await;
    desk.until_ready(INSTANCE, "db").await;
    desk.until("Secret", "db", |secret| secret["data"]["password"].is_string()).await;
    desk.until_ready(BINDING, "db").await;
    for kind in [BINDING, INSTANCE] {
        let object = desk.get(kind, "db").await.unwrap();
        let finalizers = object["metadata"]["finalizers"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert!(!finalizers.contains(&FINALIZER.into()), "{object:#}");
        desk.delete(kind, "db").await.unwrap();
        assert!(desk.get(kind, "db").await.unwrap_err().contains("not found"));
    }
    desk.until_gone("Secret", "db").await;
    desk.leave().await;
    assert_eq!((desk.broker.calls(Endpoint::Unbind), desk.broker.calls(Endpoint::Deprovision)), (0, 0));
    assert_eq!(desk.broker.instance().bindings.len(), 1, "it is left at the broker");
}

/// An abandoned instance leaves its bindings behind.
#[tokio::test]
async fn a_binding_whose_instance_was_abandoned_can_still_be_unbound() {
    let desk = Desk::registered(Scope::Namespace).await;
    desk.provisioned().await;
    desk.bound().await;
    desk.svcat().abandon(INSTANCE, "db").await;
    desk.delete(INSTANCE, "db").await.unwrap();
    desk.until_gone(INSTANCE, "db").await;
    desk.remove(BINDING, "db").await;
    assert!(desk.broker.instance().bindings.is_empty());
}

#[tokio::test]
async fn a_class_that_is_made_from_another_is_found_by_its_name_and_stays() {
    for scope in BOTH {
        let desk = Desk::registered(scope).await;
        let name = format!("{}-copy", desk.database());
        desk.svcat().create_class(scope, &name, &desk.database()).await.unwrap();
        let what = "the copy is found by its name";
        let copy = eventually(what, PATIENCE, async || {
            let found = desk.svcat().classes(&name).await;
            if found.len() == 1 { Ok(found[0].clone()) } else { Err(format!("{found:#?}")) }
        })
        .await;
        let original = desk.get(&scope.kind("Class"), &desk.database()).await.unwrap();
        assert_eq!(copy["spec"]["externalID"], original["spec"]["externalID"]);
        assert!(copy["metadata"]["ownerReferences"].is_null(), "{copy:#}");

        desk.svcat().sync(scope, &desk.name, async || {}).await;
        desk.until_ready(&scope.kind("Broker"), &desk.name).await;
        let copy = desk.get(&scope.kind("Class"), &name).await.unwrap();
        assert_ne!(copy["status"]["removedFromBrokerCatalog"], true, "{copy:#}");
        desk.remove(&scope.kind("Class"), &name).await;
        desk.leave().await;
    }
}
