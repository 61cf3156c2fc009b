//! How long the creation of pods takes, with and without injection. This needs no operator.

use std::time::{Duration, Instant};

use http::Method;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::PostParams;
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::load::{REQUESTS, Write, each};

/// The number of pods in each namespace and round.
const PODS: u32 = 200;
/// The number of bindings, and the number of those that select the pods in the third namespace. With the one of the
/// probe they are as many as the limit of a namespace allows.
const BINDINGS: u32 = 15;
const SELECTING: u32 = 3;
/// The variables of each binding, and the containers of each pod, in the fourth namespace, all of whose bindings select
/// the pods: the most that the limit allows.
const MOST_VARIABLES: u32 = 4;
const MOST_CONTAINERS: u32 = 10;
/// The number of pods there.
const MOST_PODS: u32 = 20;
/// The number of rounds, of which the best counts.
const ROUNDS: u32 = 3;
/// The timeout for the API server to inject new bindings.
const PATIENCE: Duration = Duration::from_mins(1);

/// The measured times.
pub struct Admission {
    /// In a namespace without bindings.
    pub unbound: Duration,
    /// In a namespace whose bindings are for other pods.
    pub beside: Duration,
    /// In a namespace with bindings for these pods.
    pub injected: Duration,
    /// A single pod with ten containers, with the most bindings and variables that are allowed.
    pub most: Duration,
}

impl Admission {
    /// The number of pods.
    pub const PODS: u32 = PODS;
    /// The number of bindings.
    pub const BINDINGS: u32 = BINDINGS;
    /// The number of bindings for the pods.
    pub const SELECTING: u32 = SELECTING;
}

/// Measures the namespaces in turn.
pub async fn measure(client: &Client) -> Admission {
    let places = [("unbound", 0, 0), ("beside", BINDINGS, 0), ("injected", BINDINGS, SELECTING)];
    for (namespace, bindings, selecting) in places {
        prepare(client, namespace, bindings, selecting, 1).await;
    }
    prepare(client, "most", BINDINGS, BINDINGS, MOST_VARIABLES).await;
    let mut best = [Duration::MAX; 3];
    for round in 0..ROUNDS {
        for (best, (namespace, ..)) in best.iter_mut().zip(places) {
            let began = Instant::now();
            each(PODS, REQUESTS, async |number| {
                pod(namespace, &format!("pod-{round}-{number}"), "web", 1).send(client).await;
            })
            .await;
            *best = began.elapsed().min(*best);
        }
    }
    let began = Instant::now();
    for number in 0..MOST_PODS {
        pod("most", &format!("pod-{number}"), "web", MOST_CONTAINERS).send(client).await;
    }
    let most = began.elapsed() / MOST_PODS;
    let [unbound, beside, injected] = best;
    Admission { unbound, beside, injected, most }
}

/// Creates a namespace with bindings, of which the first ones select the pods; waits until the API server injects them.
async fn prepare(client: &Client, namespace: &str, bindings: u32, selecting: u32, variables: u32) {
    let object = serde_json::from_value(json!({"metadata": {"name": namespace}})).unwrap();
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &object).await.unwrap();
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
    let is_there = |account: Option<&ServiceAccount>| account.is_some();
    let account = tokio::time::timeout(PATIENCE, await_condition(accounts, "default", is_there)).await;
    account.expect("there is no ServiceAccount").unwrap();
    for number in 0..bindings {
        let app = if number < selecting { "web" } else { "other" };
        binding(namespace, &format!("binding-{number}"), app, variables).send(client).await;
    }
    if bindings == 0 {
        return;
    }
    // The API server sees them in the order of their creation.
    binding(namespace, "last", "probe", variables).send(client).await;
    let mut probe = pod(namespace, "probe", "probe", 1);
    probe.path += "?dryRun=All";
    let began = Instant::now();
    while probe.clone().send(client).await["metadata"]["annotations"].is_null() {
        assert!(began.elapsed() < PATIENCE, "pods do not get the bindings of {namespace}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The request to create a binding that injects so many variables into pods with this label `app`.
pub fn binding(namespace: &str, name: &str, app: &str, variables: u32) -> Write {
    let name_of = |number: u32| format!("URI_{number}_OF_{}", name.replace('-', "_"));
    let variables: Value = (0..variables).map(|i| json!({"name": name_of(i), "key": "uri"})).collect();
    let object = json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceBinding", "metadata": {"name": name},
        "spec": {"instanceRef": {"name": "instance"}, "podSelector": {"matchLabels": {"app": app}},
            "injection": {"env": variables}},
    });
    creation(format!("/apis/servicecatalog.k8s.io/v1beta1/namespaces/{namespace}/servicebindings"), &object)
}

/// The request to create a pod.
pub fn pod(namespace: &str, name: &str, app: &str, containers: u32) -> Write {
    let containers: Value =
        (0..containers).map(|i| json!({"name": format!("c{i}"), "image": "image"})).collect();
    let object = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": app}},
        "spec": {"containers": containers},
    });
    creation(format!("/api/v1/namespaces/{namespace}/pods"), &object)
}

fn creation(path: String, object: &Value) -> Write {
    Write { method: Method::POST, path, content: "application/json".to_owned(), body: object.to_string() }
}
