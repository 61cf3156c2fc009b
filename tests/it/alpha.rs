//! The alpha API: the operator keeps a child object in step with each alpha object, and copies the child's conditions
//! back.

mod costs;
mod crash;
mod deletion;
mod rest;
mod safety;

use base64::Engine as _;
use kube::config::AuthInfo;
use serde_json::{Value, json};

use crate::cluster::cluster;
use crate::instances::identity;
use crate::namespace::{PATIENCE, eventually, namespace, user, wanted};
use crate::operator::operator;
use crate::process::text;
use crate::scripted::{Broker, Endpoint, MARK, TestEnv, catalog, condition};

/// The kind of brokers.
const BROKER: &str = "Broker";
/// The kind of instances.
const INSTANCE: &str = "Instance";
/// The kind of bindings.
const BINDING: &str = "Binding";

/// The names of cluster-wide brokers and classes contain the namespace's, so that tests do not share them.
fn with_own_names(env: TestEnv) -> TestEnv {
    let name = env.name.clone();
    env.broker.change_catalog(|offered| {
        *offered = catalog(&format!("{name}-"));
        offered["services"].as_array_mut().unwrap().truncate(1);
        offered["services"][0]["name"] = name.into();
    });
    env
}

/// The shared operator, a fresh namespace, and an unregistered broker.
async fn unregistered() -> TestEnv {
    operator();
    with_own_names(TestEnv::new(namespace().await, Broker::start()))
}

/// The same with the broker registered.
async fn env() -> TestEnv {
    let env = unregistered().await;
    env.register_alpha(json!({"url": env.broker.url})).await;
    env
}

impl TestEnv {
    async fn register_alpha(&self, spec: Value) {
        let object = json!({"kind": BROKER, "metadata": {"name": self.name}, "spec": spec});
        self.create(object).await.unwrap();
        self.until_ready(BROKER, &self.name).await;
    }

    fn alpha_instance(&self, name: &str) -> Value {
        let spec = json!({"serviceClassName": self.name, "planName": "small", "parameters": {"size": 3, "old": true}});
        json!({"kind": INSTANCE, "metadata": {"name": name}, "spec": spec})
    }

    /// Creates the instance `db`, and waits until it is ready.
    async fn ready_alpha_instance(&self) -> Value {
        self.create(self.alpha_instance("db")).await.unwrap();
        self.until_ready(INSTANCE, "db").await
    }

    /// Creates the binding `db` to the instance `db`, and waits until it is ready.
    async fn ready_alpha_binding(&self) -> Value {
        let spec = json!({"instanceRef": {"name": "db"}, "secretName": "credentials", "labels": {"app": "web"},
            "parameters": {"role": "reader"}});
        self.create(json!({"kind": BINDING, "metadata": {"name": "db"}, "spec": spec})).await.unwrap();
        self.until_ready(BINDING, "db").await
    }

    /// Waits until new pods with this label get the credentials; returns such a pod's container.
    async fn injected(&self, app: &str) -> Value {
        let pod = json!({"kind": "Pod", "metadata": {"name": "pod", "labels": {"app": app}},
            "spec": {"containers": [{"name": "main", "image": "image"}]}});
        let pod = eventually("a pod gets the credentials", PATIENCE, async || {
            wanted(self.try_create(pod.clone()).await?, |pod| {
                pod["spec"]["containers"][0]["envFrom"].is_array()
            })
        })
        .await;
        pod["spec"]["containers"][0].clone()
    }
}

#[tokio::test]
async fn a_broker_is_registered_with_its_credentials_and_unregistered() {
    let env = unregistered().await;
    env.secret("auth", json!({"username": "me", "password": MARK})).await;
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("me:{MARK}"));
    env.broker.require(&format!("Basic {credentials}"));
    let secret = json!({"kind": "Secret", "namespace": env.name, "name": "auth"});
    env.register_alpha(json!({"url": env.broker.url, "authInfo": {"basicAuthSecret": secret}})).await;
    let object = env.get(BROKER, &env.name).await.unwrap();
    let child = json!({"kind": "ClusterServiceBroker", "name": env.name});
    assert_eq!(object["status"]["child"], child);
    assert_eq!(object["status"]["lastConditionState"], "Ready");

    env.patch(BROKER, &env.name, json!({"spec": {"url": "http://127.0.0.1:1"}})).await.unwrap();
    env.until_says(BROKER, &env.name, "Ready=False ErrorFetchingCatalog").await;
    env.patch(BROKER, &env.name, json!({"spec": {"url": env.broker.url}})).await.unwrap();
    env.until_ready(BROKER, &env.name).await;

    env.remove(BROKER, &env.name).await;
    env.until_gone("ClusterServiceBroker", &env.name).await;
}

#[tokio::test]
async fn an_instance_is_made_changed_and_removed() {
    let env = env().await;
    let object = env.ready_alpha_instance().await;
    assert_eq!(
        condition(&object, "Ready=True ProvisionedSuccessfully"),
        Some("The instance was provisioned successfully")
    );
    assert_eq!(object["status"]["observedGeneration"], object["metadata"]["generation"]);
    let body = env.broker.only(Endpoint::Provision).body;
    assert_eq!(body["parameters"], json!({"size": 3, "old": true}));
    assert_eq!(body["context"]["instance_name"], "db");

    let edit = json!({"spec": {"planName": "large", "parameters": {"size": 4, "old": null}}});
    env.patch(INSTANCE, "db", edit).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
    let body = env.broker.only(Endpoint::Update).body;
    assert_eq!(
        (&body["parameters"], &body["plan_id"]),
        (&json!({"size": 4}), &json!(format!("{}-large", env.name)))
    );

    env.remove(INSTANCE, "db").await;
    assert!(env.broker.instances().is_empty());
    assert_eq!(env.broker.calls(Endpoint::Deprovision), 1);
    env.until_gone("ServiceInstance", "db").await;
}

#[tokio::test]
async fn a_binding_gives_credentials_to_the_pods_with_its_labels() {
    let env = env().await;
    env.ready_alpha_instance().await;
    env.ready_alpha_binding().await;
    let (_, binding) = env.broker.binding();
    assert_eq!(binding.parameters, json!({"role": "reader"}));
    assert_eq!(
        env.entries("credentials").await["password"],
        binding.credentials["password"].as_str().unwrap()
    );
    let container = env.injected("web").await;
    assert_eq!(container["envFrom"][0]["secretRef"]["name"], "credentials");
    let mounts = container["volumeMounts"].as_array().unwrap();
    assert!(mounts.iter().any(|mount| mount["mountPath"] == "/bindings/db"), "{container:#}");

    let calls = env.broker.all_calls();
    env.patch(BINDING, "db", json!({"spec": {"labels": {"app": "worker"}}})).await.unwrap();
    env.until_ready(BINDING, "db").await;
    env.injected("worker").await;
    assert_eq!(env.broker.all_calls(), calls, "the broker is not called");

    env.remove(BINDING, "db").await;
    assert!(env.broker.instance().bindings.is_empty());
    env.until_gone("Secret", "credentials").await;
}

#[tokio::test]
async fn an_object_says_why_it_does_not_become_ready_and_why_it_does_not_go() {
    let env = env().await;
    env.ready_alpha_instance().await;
    env.ready_alpha_binding().await;
    env.delete(INSTANCE, "db").await.unwrap();
    let says = "Ready=False DeprovisionBlockedByExistingCredentials";
    let message = env.until_says(INSTANCE, "db", says).await;
    assert!(message.ends_with(": db"), "{message}");
    env.remove(BINDING, "db").await;
    env.until_gone(INSTANCE, "db").await;
    assert!(env.broker.instances().is_empty());

    let mut object = env.alpha_instance("nothing");
    object["spec"]["planName"] = "huge".into();
    env.create(object).await.unwrap();
    let message = env.until_says(INSTANCE, "nothing", "Ready=False ReferencesNonexistentServicePlan").await;
    assert!(message.contains("huge"), "{message}");
    let object = env.get(INSTANCE, "nothing").await.unwrap();
    assert_eq!(object["status"]["lastConditionState"], "ReferencesNonexistentServicePlan");
    env.remove(INSTANCE, "nothing").await;
    env.remove(BROKER, &env.name).await;
}

#[tokio::test]
async fn the_broker_learns_who_asked_and_who_changed_it() {
    let env = env().await;
    let masters = Some(vec!["system:masters".to_owned()]);
    let as_user =
        async |name: &str| env.as_user(AuthInfo { impersonate_groups: masters.clone(), ..user(name) }).await;
    as_user("anna").await.create(env.alpha_instance("db")).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
    let edit = json!({"spec": {"parameters": {"size": 4}}});
    as_user("bert").await.patch(INSTANCE, "db", edit).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
    for (endpoint, who) in [(Endpoint::Provision, "anna"), (Endpoint::Update, "bert")] {
        let request = env.broker.only(endpoint);
        let identity = identity(request.header("X-Broker-API-Originating-Identity").unwrap());
        assert_eq!(identity["username"], who, "{endpoint:?}");
    }
}

#[tokio::test]
async fn what_others_set_on_the_child_stays_and_what_the_object_says_is_restored() {
    let env = env().await;
    env.ready_alpha_instance().await;
    let edit = json!({"metadata": {"labels": {"team": "a"}}, "spec": {"updateRequests": 1, "parameters": {"size": 5}}});
    env.patch("ServiceInstance", "db", edit).await.unwrap();
    let child = env
        .until("ServiceInstance", "db", |child| {
            child["spec"]["parameters"] == json!({"size": 3, "old": true})
        })
        .await;
    assert_eq!(child["spec"]["updateRequests"], 1);
    assert_eq!(child["metadata"]["labels"]["team"], "a");
}

/// `kubectl get bindings` names the core kind, so the alpha kind needs its group.
#[tokio::test]
async fn kubectl_has_short_names_and_columns() {
    let env = env().await;
    env.ready_alpha_instance().await;
    env.ready_alpha_binding().await;
    let name = env.name.as_str();
    for (short, columns) in [
        ("scbroker", &[("NAME", name), ("URL", &env.broker.url), ("STATUS", "Ready")][..]),
        ("scinstance", &[("NAME", "db"), ("CLASS", name), ("PLAN", "small"), ("STATUS", "Ready")]),
        (
            "scbinding",
            &[
                ("NAME", "db"),
                ("SERVICE-INSTANCE", "db"),
                ("SECRET-NAME", "credentials"),
                ("STATUS", "Ready"),
            ],
        ),
    ] {
        let object = columns[0].1;
        let output = cluster().kubectl(&["get", short, object, "--namespace", name]);
        let shown = text(&output);
        let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
        let expected: (Vec<&str>, Vec<&str>) = columns.iter().copied().unzip();
        assert_eq!(lines[0][..columns.len()], expected.0);
        assert_eq!(lines[1][..columns.len()], expected.1);
    }
}

#[tokio::test]
async fn a_deleted_child_is_created_again() {
    let env = env().await;
    env.ready_alpha_instance().await;
    let uid = env.get("ServiceInstance", "db").await.unwrap()["metadata"]["uid"].clone();
    env.delete("ServiceInstance", "db").await.unwrap();
    eventually("there is another child", PATIENCE, async || {
        wanted(env.get("ServiceInstance", "db").await?, |child| child["metadata"]["uid"] != uid)
    })
    .await;
    env.until_ready("ServiceInstance", "db").await;
    env.until_ready(INSTANCE, "db").await;
    assert_eq!(env.broker.instances().len(), 1);
    assert_eq!(env.broker.calls(Endpoint::Deprovision), 1);
}
