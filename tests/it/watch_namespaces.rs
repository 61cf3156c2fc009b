//! An operator that works only in a few namespaces: what it may do, what it does elsewhere (nothing), and what users are
//! told. The control plane is that of [`few_namespaces`].

use std::collections::BTreeSet;

use futures::future::join_all;
use kube::config::AuthInfo;
use serde_json::{Value, json};

use crate::cluster::{CHART, Cluster, NAMESPACE};
use crate::few_namespaces::{self, FOREIGN, SPARE, watched};
use crate::namespace::{Namespace, PATIENCE, eventually};
use crate::process::text;
use crate::scenario::Scenario;
use crate::scripted::{
    BINDING, Broker, INSTANCE, IsolatedEnv, TestEnv, condition, in_few_namespaces, versions,
};

/// A namespace of the control plane, for requests of the admin or of the operator.
async fn of(cluster: &Cluster, name: &str, user: &str) -> Namespace {
    Namespace { name: name.to_owned(), client: cluster.client_as(user, AuthInfo::default()).await }
}

async fn env(isolated: &IsolatedEnv) -> TestEnv {
    let env = isolated.unregistered(Broker::start()).await;
    env.register(json!({})).await;
    env.until_ready("ServiceBroker", "broker").await;
    env
}

/// Deletes what the test has made, because the next test uses the namespace again.
async fn end(env: &TestEnv) {
    for (kind, name) in [(BINDING, "db"), (INSTANCE, "db"), ("ServiceBroker", "broker")] {
        if env.delete(kind, name).await.is_ok() {
            env.until_gone(kind, name).await;
        }
    }
}

/// What a user may do in a namespace, as `kubectl auth can-i --list` asks for it.
async fn rules(namespace: &Namespace) -> BTreeSet<String> {
    let review = json!({"kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace.name}});
    let status = namespace.create(review).await.unwrap()["status"].clone();
    assert_eq!(status["incomplete"], false, "{status:#}");
    let rules = ["resourceRules", "nonResourceRules"].map(|kind| status[kind].as_array().unwrap().clone());
    rules.concat().iter().map(ToString::to_string).collect()
}

/// The life of everything in a namespace, with a ServiceBroker; then, what the operator has asked the API server for.
#[tokio::test]
async fn it_serves_its_namespaces_and_asks_for_nothing_outside() {
    let mut isolated = in_few_namespaces(&[], false).await;
    // The log also has what other tests have asked for with the operator's token.
    isolated.kill();
    let audit_log = isolated.cluster().audit_log();
    let earlier = std::fs::metadata(&audit_log).unwrap().len();
    isolated.start();
    let foreign = of(isolated.cluster(), FOREIGN, "admin").await;
    let objects = async || {
        [foreign.list("ServiceBroker").await, foreign.list(INSTANCE).await, foreign.list(BINDING).await]
            .concat()
    };
    let before = versions(&objects().await);
    join_all(Scenario::all().into_iter().map(async |scenario| {
        let env = scenario.prepare(&isolated, Scenario::broker()).await;
        scenario.begin(&env).await;
        scenario.settle(&env).await;
        scenario.end(&env).await;
    }))
    .await;
    assert_eq!(versions(&objects().await), before, "an object of a foreign namespace was written");
    assert!(objects().await.iter().all(|object| object["status"].is_null()));

    let (mut requests, watched) = (0, watched());
    let log = std::fs::read_to_string(audit_log).unwrap();
    let (complete, _) = log[usize::try_from(earlier).unwrap()..].rsplit_once('\n').unwrap();
    for line in complete.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let [verb, uri] = ["verb", "requestURI"].map(|member| event[member].as_str().unwrap());
        let reference = &event["objectRef"];
        let namespace = reference["namespace"].as_str().unwrap_or_default();
        let is_own = match reference["resource"].as_str().unwrap_or_default() {
            "leases" | "configmaps" => namespace == NAMESPACE,
            // The version of the API server.
            "" => uri == "/version",
            _ => watched.iter().any(|watched| watched == namespace),
        };
        assert!(is_own, "{verb} {uri}");
        assert_ne!(event["responseStatus"]["code"], 403, "{verb} {uri}: the Role lacks this");
        requests += 1;
    }
    assert!(requests > 1000, "the audit log has only {requests} requests of the operator");
}

/// With a `ClusterRole`, the rules of each namespace would be the operator's.
#[tokio::test]
async fn its_token_is_worth_nothing_in_another_namespace() {
    let isolated = in_few_namespaces(&[], false).await;
    let cluster = isolated.cluster();
    let nobody = AuthInfo {
        impersonate: Some(format!("system:serviceaccount:{NAMESPACE}:default")),
        impersonate_groups: Some(
            [
                "system:serviceaccounts",
                &format!("system:serviceaccounts:{NAMESPACE}"),
                "system:authenticated",
            ]
            .map(str::to_owned)
            .to_vec(),
        ),
        ..AuthInfo::default()
    };
    let everybody = Namespace { name: FOREIGN.to_owned(), client: cluster.client_as("admin", nobody).await };
    let everybodys = rules(&everybody).await;
    for namespace in [FOREIGN, "default", "kube-system"] {
        assert_eq!(rules(&of(cluster, namespace, "operator").await).await, everybodys, "{namespace}");
    }
    let own = of(cluster, &watched()[0], "operator").await;
    assert!(rules(&own).await.len() > everybodys.len(), "the comparison shows something");
    let foreign = of(cluster, FOREIGN, "operator").await;
    for kind in ["Secret", "Pod", INSTANCE, "Deployment", "Namespace"] {
        let refused = foreign.get(kind, if kind == "Namespace" { FOREIGN } else { "db" }).await.unwrap_err();
        assert!(refused.contains("forbidden"), "{kind}: {refused}");
    }
    // It restarts no workloads, so it may not change them in its own namespaces either.
    let own_workloads = of(cluster, &watched()[0], "operator").await;
    let refused = own_workloads.patch("Deployment", "web", json!({})).await.unwrap_err();
    assert!(refused.contains("forbidden"), "{refused}");
}

#[tokio::test]
async fn what_it_does_not_serve_is_refused_or_says_so() {
    let isolated = in_few_namespaces(&[], false).await;
    let cluster = isolated.cluster();
    let foreign = of(cluster, FOREIGN, "admin").await;
    let instance = json!({"kind": INSTANCE, "metadata": {"name": "other"}, "spec": {"serviceClassExternalName": "database"}});
    let refused = foreign.create(instance).await.unwrap_err();
    assert!(refused.contains("does not work in the namespace foreign. Ask the platform team"), "{refused}");
    let broker =
        json!({"kind": "ClusterServiceBroker", "metadata": {"name": "b"}, "spec": {"url": "http://b"}});
    let refused = foreign.create(broker).await.unwrap_err();
    assert!(refused.contains("create a ServiceBroker in one of watched-0, watched-1"), "{refused}");
    let refused = foreign.delete("Namespace", &watched()[0]).await.unwrap_err();
    assert!(refused.contains("Delete the bindings, instances and brokers first"), "{refused}");

    let env = env(&isolated).await;
    let by_cluster_class = json!({"kind": INSTANCE, "metadata": {"name": "db"}, "spec": {"clusterServiceClassExternalName": "database"}});
    env.create(by_cluster_class).await.unwrap();
    let message = env.until_says(INSTANCE, "db", "Ready=False ClusterKindsDisabled").await;
    assert!(message.contains("Use a class of a ServiceBroker in this namespace"), "{message}");
    assert!(env.broker.instances().is_empty());
    end(&env).await;
}

/// Without a kubelet pods stay pending, which is enough to see whether they were replaced.
#[tokio::test]
async fn without_restarts_the_user_is_told_which_workload_to_restart() {
    let isolated = in_few_namespaces(&[], false).await;
    let env = env(&isolated).await;
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "main", "image": "image"}]}});
    let web = json!({"kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "selector": {"matchLabels": {"app": "web"}}, "template": template, "strategy": {"type": "Recreate"}}});
    env.create(web).await.unwrap();
    eventually("there is a pod", PATIENCE, async || {
        let pods = env.list("Pod").await;
        if pods.is_empty() { Err("none".to_owned()) } else { Ok(()) }
    })
    .await;
    env.ready_binding(json!({}), json!({"podSelector": {"matchLabels": {"app": "web"}}})).await;
    let message = env.until_says(BINDING, "db", "RolledOut=False RestartsDisabled").await;
    assert!(message.ends_with("run kubectl rollout restart: deployment/web"), "{message}");
    assert_eq!(env.get("Deployment", "web").await.unwrap()["metadata"]["generation"], 1);

    let restart = json!({"spec": {"template": {"metadata": {"annotations": {"restarted": "by the user"}}}}});
    env.patch("Deployment", "web", restart).await.unwrap();
    env.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
    // The binding of a pod that is not restarted is deleted without waiting for it.
    env.remove(BINDING, "db").await;
    env.remove("Deployment", "web").await;
    end(&env).await;
}

/// An admin of a namespace may delete the operator's `RoleBinding` there. Without
/// `permissions::missing`, the caches would never be synced, and the operator would never be ready.
#[tokio::test]
async fn a_namespace_without_permissions_stops_no_other() {
    let mut isolated = in_few_namespaces(&[], false).await;
    isolated.kill();
    let binding = ["rolebinding", "service-catalog-namespace", "-n", SPARE];
    let deleted = isolated.cluster().kubectl(&[&["delete"], &binding[..]].concat());
    assert!(deleted.status.success(), "{}", text(&deleted));
    isolated.start();
    let env = env(&isolated).await;
    let object = env.ready_instance(json!({})).await;
    assert!(condition(&object, "Ready=True").is_some());
    end(&env).await;
    few_namespaces::upgrade(isolated.cluster(), &watched());
    let restored = isolated.cluster().kubectl(&[&["get"], &binding[..]].concat());
    assert!(restored.status.success(), "{}", text(&restored));
}

/// Brokers store the id of the cluster with each instance, so it stays that of an operator of the whole cluster.
#[tokio::test]
async fn the_chart_knows_the_cluster_id_and_refuses_a_second_release() {
    let isolated = in_few_namespaces(&[], false).await;
    let cluster = isolated.cluster();
    let system = of(cluster, "kube-system", "admin").await.get("Namespace", "kube-system").await.unwrap();
    let id = format!("--cluster-id={}", system["metadata"]["uid"].as_str().unwrap());
    assert!(few_namespaces::options(cluster).contains(&id), "{:?}", few_namespaces::options(cluster));
    let second = cluster.helm(&[
        "install",
        "another",
        CHART,
        "-n",
        "another",
        "--create-namespace",
        "--dry-run=server",
    ]);
    assert!(!second.status.success());
    let message = "this cluster has the release service-catalog/service-catalog of service-catalog already";
    assert!(text(&second).contains(message), "{}", text(&second));
}
