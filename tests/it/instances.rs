//! Instances: from the spec to the broker, and the conditions and events that the user sees.

mod deletion;
mod failures;
mod renames;
mod schemas;
mod updates;

use kube::config::AuthInfo;
use serde_json::{Value, json};

use service_catalog::crd::names::escaped;

use crate::cluster::cluster;
use crate::namespace::{namespace, user};
use crate::operator::operator;
use crate::scripted::{
    Broker, Endpoint, INSTANCE, MARK, TestEnv, answer, catalog, condition, env, json_secret, reference,
    refusal, secret_parameters,
};

/// The user in the header X-Broker-API-Originating-Identity.
pub fn identity(header: &str) -> Value {
    let (platform, value) = header.split_once(' ').unwrap();
    assert_eq!(platform, "kubernetes");
    let decoded = json_secret(&json!({"data": {"identity": value}}));
    serde_json::from_str(&decoded["identity"]).unwrap()
}

#[tokio::test]
async fn an_instance_is_provisioned_as_the_spec_says() {
    let env = env().await;
    let object = env.ready_instance(json!({"parameters": {"size": 3, "ratio": 0.1}})).await;
    assert_eq!(
        condition(&object, "Ready=True ProvisionedSuccessfully"),
        Some("The instance was provisioned successfully")
    );
    let status = &object["status"];
    assert_eq!(status["observedGeneration"], object["metadata"]["generation"]);
    assert_eq!(status["dashboardURL"], "http://dashboard");
    assert_eq!(status["lastConditionState"], "Ready");
    assert_eq!(status["userSpecifiedClassName"], "ServiceClass/database");
    assert_eq!(status["userSpecifiedPlanName"], "small");
    assert_eq!(object["spec"]["servicePlanRef"]["name"], "small");

    let request = env.broker.only(Endpoint::Provision);
    let namespace = env.get("Namespace", &env.name).await.unwrap();
    let cluster = env.get("Namespace", "kube-system").await.unwrap()["metadata"]["uid"].clone();
    assert_eq!(request.instance, status["instanceID"].as_str().unwrap());
    assert_eq!(
        request.body,
        json!({
            "service_id": "database-ID", "plan_id": "small", "parameters": {"size": 3, "ratio": 0.1},
            "organization_guid": cluster, "space_guid": namespace["metadata"]["uid"],
            "context": {
                "platform": "kubernetes", "clusterid": cluster, "namespace": env.name, "instance_name": "db",
            },
        })
    );
    let instance = env.broker.instance();
    assert_eq!((instance.service.as_str(), instance.plan.as_str()), ("database-ID", "small"));
    assert_eq!(env.broker.all_calls(), 2, "the catalog and the instance");
}

#[tokio::test]
async fn an_asynchronous_instance_says_how_far_it_is_until_it_is_ready() {
    let env = env().await;
    env.broker.stall();
    env.instance("db", json!({"servicePlanExternalName": "slow"})).await;
    env.until(INSTANCE, "db", |object| {
        let going_on = "The instance is being provisioned asynchronously (step by step)";
        condition(object, "Ready=False Provisioning") == Some(going_on)
    })
    .await;
    env.broker.go_on();
    env.until_ready(INSTANCE, "db").await;
    let polls = env.broker.requests(Endpoint::PollInstance);
    assert!(polls.iter().all(|poll| poll.query("operation") == "operation 1"), "{polls:#?}");
    assert_eq!(env.broker.calls(Endpoint::Provision), 1);
}

/// A later change of the default applies to new instances only.
#[tokio::test]
async fn class_and_plan_have_defaults_for_new_instances() {
    let env = env().await;
    let class = json!({"size": 1, "tuning": {"cache": "small", "threads": 2}});
    let plan = json!({"size": 2, "tuning": {"cache": "large"}});
    let defaults = |parameters| json!({"spec": {"defaultProvisionParameters": parameters}});
    env.patch("ServiceClass", &escaped("database-ID"), defaults(class)).await.unwrap();
    env.patch("ServicePlan", "small", defaults(plan)).await.unwrap();
    let object = env.ready_instance(json!({"parameters": {"tuning": {"threads": 8}}})).await;
    let merged = json!({"size": 2, "tuning": {"cache": "large", "threads": 8}});
    assert_eq!(env.broker.instance().parameters, merged);
    assert_eq!(object["status"]["externalProperties"]["parameters"], merged);
    let applied = json!({"size": 2, "tuning": {"cache": "large", "threads": 2}});
    assert_eq!(object["status"]["defaultProvisionParameters"], applied);

    env.patch("ServicePlan", "small", defaults(json!({"size": 3, "tuning": null}))).await.unwrap();
    env.patch("ServiceBroker", "broker", json!({"spec": {"relistRequests": 1}})).await.unwrap();
    env.until_ready("ServiceBroker", "broker").await;
    let plan = env.get("ServicePlan", "small").await.unwrap();
    assert_eq!(plan["spec"]["defaultProvisionParameters"], json!({"size": 3}), "no catalog overwrites it");
    let edit = json!({"spec": {"parameters": {"tuning": {"threads": 9}}}});
    env.patch(INSTANCE, "db", edit).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
    assert_eq!(
        env.broker.instance().parameters,
        json!({"size": 2, "tuning": {"cache": "large", "threads": 9}})
    );
}

#[tokio::test]
async fn the_broker_learns_who_asked() {
    let env = env().await;
    let groups = vec!["developers".to_owned(), "system:masters".to_owned()];
    let anna = env.as_user(AuthInfo { impersonate_groups: Some(groups), ..user("anna") }).await;
    let spec = json!({"serviceClassExternalName": "database", "servicePlanExternalName": "small"});
    anna.create(json!({"kind": INSTANCE, "metadata": {"name": "db"}, "spec": spec})).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
    let request = env.broker.only(Endpoint::Provision);
    let identity = identity(request.header("X-Broker-API-Originating-Identity").unwrap());
    assert_eq!(identity["username"], "anna");
    let groups = identity["groups"].as_array().unwrap();
    assert!(groups.contains(&"developers".into()), "{identity}");
}

#[tokio::test]
async fn a_given_id_is_used() {
    let env = env().await;
    let object = env.ready_instance(json!({"externalID": "the-one"})).await;
    assert_eq!(object["status"]["instanceID"], "the-one");
    assert!(env.broker.instances().contains_key("the-one"));
}

#[tokio::test]
async fn a_class_with_one_plan_needs_no_plan_named() {
    let env = env().await;
    let spec = |class: &str| json!({"serviceClassExternalName": class, "servicePlanExternalName": ""});
    env.ready_instance(spec("queue")).await;
    assert_eq!(env.broker.instance().plan, "only");

    env.instance("which", spec("database")).await;
    let message = env.until_says(INSTANCE, "which", "Ready=False ReferencesNonexistentServicePlan").await;
    for plan in ["small", "large", "slow"] {
        assert!(message.contains(plan), "{message}");
    }
}

#[tokio::test]
async fn an_instance_waits_for_a_class_and_a_plan_that_do_not_exist_yet() {
    let env = env().await;
    env.instance("class", json!({"serviceClassExternalName": "files"})).await;
    let message = env.until_says(INSTANCE, "class", "Ready=False ReferencesNonexistentServiceClass").await;
    assert_eq!(
        message,
        "The instance references a ServiceClass \"files\" that does not exist; continues when a broker offers it"
    );
    env.instance("plan", json!({"servicePlanExternalName": "huge"})).await;
    let message = env.until_says(INSTANCE, "plan", "Ready=False ReferencesNonexistentServicePlan").await;
    assert!(message.contains("ServicePlan \"huge\" that the class \"database\" does not have"), "{message}");
    assert_eq!(env.broker.calls(Endpoint::Provision), 0);

    env.broker.change_catalog(|catalog| {
        let plan = json!([{"id": "files-small", "name": "small", "description": "small"}]);
        let files =
            json!({"id": "files", "name": "files", "description": "", "bindable": true, "plans": plan});
        catalog["services"].as_array_mut().unwrap().push(files);
        let huge = json!({"id": "huge", "name": "huge", "description": "huge"});
        catalog["services"][0]["plans"].as_array_mut().unwrap().push(huge);
    });
    env.patch("ServiceBroker", "broker", json!({"spec": {"relistRequests": 1}})).await.unwrap();
    env.until_ready(INSTANCE, "class").await;
    env.until_ready(INSTANCE, "plan").await;
}

#[tokio::test]
async fn a_class_that_two_brokers_offer_has_to_be_named_otherwise() {
    operator();
    let namespace = namespace().await;
    let class = namespace.name.clone();
    let offer = |prefix: &str| {
        let broker = Broker::offering(catalog(&format!("{class}-{prefix}-")));
        broker.change_catalog(|catalog| catalog["services"][1]["name"] = class.as_str().into());
        broker
    };
    let env = TestEnv::new(namespace, offer("a"));
    let other = offer("b");
    let [a, b] = ["a", "b"].map(|prefix| format!("{class}-{prefix}"));
    for (name, broker) in [(&a, &env.broker), (&b, &other)] {
        let spec = json!({"url": broker.url});
        let object = json!({"kind": "ClusterServiceBroker", "metadata": {"name": name}, "spec": spec});
        env.create(object).await.unwrap();
        env.until_ready("ClusterServiceBroker", name).await;
    }
    let spec = json!({"clusterServiceClassExternalName": class});
    env.create(json!({"kind": INSTANCE, "metadata": {"name": "db"}, "spec": spec})).await.unwrap();
    let message = env.until_says(INSTANCE, "db", "Ready=False ReferencesNonexistentServiceClass").await;
    assert!(
        message.contains("there are several: ") && message.contains(&a) && message.contains(&b),
        "{message}"
    );

    env.remove("ClusterServiceBroker", &b).await;
    env.until_ready(INSTANCE, "db").await;
    assert_eq!((env.broker.instances().len(), other.instances().len()), (1, 0));
    env.remove(INSTANCE, "db").await;
    env.remove("ClusterServiceBroker", &a).await;
}

#[tokio::test]
async fn parameters_come_from_the_spec_and_from_secrets() {
    let env = env().await;
    env.secret("one", secret_parameters(json!({"password": MARK, "nested": {"a": [MARK]}}))).await;
    env.secret("two", secret_parameters(json!({"key": MARK}))).await;
    let from = json!([reference("one"), reference("two")]);
    let object = env.ready_instance(json!({"parameters": {"size": 3}, "parametersFrom": from})).await;
    let parameters = json!({"size": 3, "password": MARK, "nested": {"a": [MARK]}, "key": MARK});
    assert_eq!(env.broker.instance().parameters, parameters);
    let shown = &object["status"]["externalProperties"]["parameters"];
    let redacted = "<redacted>";
    assert_eq!(*shown, json!({"size": 3, "password": redacted, "nested": redacted, "key": redacted}));
}

#[tokio::test]
async fn parameters_that_cannot_be_used_are_explained_and_the_broker_is_not_asked() {
    let env = env().await;
    let (list, broken) = (json!([MARK]).to_string(), format!("{{{MARK}"));
    env.secret("size", json!({"parameters": r#"{"size": 4}"#, "other": list, "broken": broken})).await;
    let key = |key: &str| json!([{"secretKeyRef": {"name": "size", "key": key}}]);
    for (name, spec, complaint) in [
        (
            "conflict",
            json!({"parameters": {"size": 3}, "parametersFrom": key("parameters")}),
            "duplicate entry for parameter \"size\"",
        ),
        (
            "list",
            json!({"parametersFrom": key("other")}),
            "key \"other\" of Secret \"size\" is not a JSON object",
        ),
        ("broken", json!({"parametersFrom": key("broken")}), "key \"broken\" of Secret \"size\" is not JSON"),
        (
            "key",
            json!({"parametersFrom": key("none")}),
            "parametersFrom[0].secretKeyRef references the key \"none\"",
        ),
        (
            "secret",
            json!({"parametersFrom": [reference("late")]}),
            "the Secret \"late\", which does not exist",
        ),
    ] {
        env.instance(name, spec).await;
        let message = env.until_says(INSTANCE, name, "Ready=False ErrorWithParameters").await;
        assert!(message.contains(complaint), "{name}: {message}");
    }
    assert_eq!(env.broker.calls(Endpoint::Provision), 0);

    env.secret("late", json!({"parameters": "{}"})).await;
    env.until_ready(INSTANCE, "secret").await;
    env.patch("Secret", "size", json!({"stringData": {"none": "{}", "other": "{}", "broken": "{}"}}))
        .await
        .unwrap();
    for name in ["key", "list", "broken"] {
        env.until_ready(INSTANCE, name).await;
    }
    env.patch(INSTANCE, "conflict", json!({"spec": {"parameters": null}})).await.unwrap();
    env.until_ready(INSTANCE, "conflict").await;
    assert_eq!(env.broker.instances().len(), 5);
}

#[tokio::test]
async fn a_paused_instance_waits() {
    let env = env().await;
    let spec = json!({"serviceClassExternalName": "database", "servicePlanExternalName": "small"});
    let paused = |value: Value| json!({"metadata": {"annotations": {"servicecatalog.k8s.io/paused": value}}});
    let mut object = json!({"kind": INSTANCE, "spec": spec, "metadata": {"name": "db"}});
    object["metadata"]["annotations"] = paused("true".into())["metadata"]["annotations"].clone();
    env.create(object).await.unwrap();
    env.until_says(INSTANCE, "db", "Paused=True PausedByAnnotation").await;
    assert_eq!(env.broker.calls(Endpoint::Provision), 0);

    env.patch(INSTANCE, "db", paused(Value::Null)).await.unwrap();
    let object = env.until_ready(INSTANCE, "db").await;
    assert_eq!(condition(&object, "Paused=True"), None);

    env.patch(INSTANCE, "db", paused("true".into())).await.unwrap();
    env.until_says(INSTANCE, "db", "Paused=True").await;
    env.delete(INSTANCE, "db").await.unwrap();
    env.patch(INSTANCE, "db", json!({"metadata": {"labels": {"a": "b"}}})).await.unwrap();
    assert_eq!(env.broker.calls(Endpoint::Deprovision), 0);
    env.patch(INSTANCE, "db", paused(Value::Null)).await.unwrap();
    env.until_gone(INSTANCE, "db").await;
    assert!(env.broker.instances().is_empty());
}

#[tokio::test]
async fn kubectl_describe_tells_what_went_wrong() {
    let env = env().await;
    env.broker.before(Endpoint::Provision, refusal(400, "size must be odd"));
    env.instance("db", json!({})).await;
    env.until_event("db", "ProvisionCallFailed").await;
    let arguments = ["describe", "serviceinstance", "db", "--namespace", &env.name];
    let described = String::from_utf8(cluster().kubectl(&arguments).stdout).unwrap();
    let events = described.split("Events:").nth(1).unwrap();
    assert!(events.contains("Warning") && events.contains("size must be odd"), "{described}");
}

#[tokio::test]
async fn kubectl_wait_and_get_show_an_instance() {
    let env = env().await;
    env.instance("db", json!({})).await;
    let kubectl = |arguments: &[&str]| {
        let output = cluster().kubectl(&[arguments, &["--namespace", &env.name]].concat());
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let waited = kubectl(&["wait", "--for=condition=Ready", "serviceinstance/db", "--timeout=30s"]);
    assert!(waited.contains("condition met"), "{waited}");
    let shown = kubectl(&["get", "serviceinstances"]);
    let columns: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(columns[0], ["NAME", "CLASS", "PLAN", "STATUS", "AGE"]);
    assert_eq!(columns[1][..4], ["db", "ServiceClass/database", "small", "Ready"]);
}

#[tokio::test]
async fn an_asynchronous_operation_without_a_name_is_polled_without_one() {
    let env = env().await;
    env.broker.after(Endpoint::Provision, answer(202, &json!({})));
    env.ready_instance(json!({"servicePlanExternalName": "slow"})).await;
    assert!(!env.broker.only(Endpoint::PollInstance).query.contains_key("operation"));
}
