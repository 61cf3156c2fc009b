//! The upgrade of a cluster from service-catalog 0.3, as docs/upgrade.md describes it.
//!
//! The tests write the CRDs into etcd as service-catalog's chart wrote them, because no API server accepts them any
//! more. The objects are as service-catalog stored them. Unit tests of the core (`adopt`) cover all their states; here
//! is one of each kind.

mod stored;

use std::process::Command;

use serde_json::{Value, json};

use self::stored::Stored;
use crate::cluster::{Cluster, binary};
use crate::namespace::Namespace;
use crate::operator::Operator;
use crate::process::{directory, text};
use crate::scripted::{BINDING, Broker, Endpoint, INSTANCE, Request, TestEnv, condition, env, json_secret};

const GUIDE: &str = include_str!("../../docs/upgrade.md");

/// The commands of the guide, one after the other.
fn commands() -> String {
    let blocks = GUIDE.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    format!("set -eu\n{}", blocks.collect::<String>())
}

/// Follows the guide, without starting the operator's pods: there are no nodes.
fn follow_the_guide(cluster: &Cluster) -> String {
    let tools = directory().join("takeover-tools");
    std::fs::create_dir(&tools).unwrap();
    let helm = format!("#!/bin/sh\nexec {} \"$@\" --set replicas=0\n", binary("helm").display());
    std::fs::write(tools.join("helm"), helm).unwrap();
    std::os::unix::fs::symlink(binary("kubectl"), tools.join("kubectl")).unwrap();
    crate::process::run(Command::new("chmod").args(["+x"]).arg(tools.join("helm")));
    let directory = env!("CARGO_MANIFEST_DIR");
    let backup = format!("{}/backup.yaml", tools.display());
    let script = commands().replace("service-catalog-backup.yaml", &backup);
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]).current_dir(directory).env("PATH", path).env("HOME", &tools);
    let output = bash.env("KUBECONFIG", cluster.kubeconfig("admin")).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    std::fs::read_to_string(backup).unwrap()
}

/// The `--cluster-id` that the guide gives to the operator.
fn cluster_id(cluster: &Cluster) -> String {
    let arguments = "jsonpath={.spec.template.spec.containers[0].args}";
    let of =
        ["get", "deployment", "service-catalog", "--namespace", "service-catalog", "--output", arguments];
    let arguments: Vec<String> = serde_json::from_slice(&cluster.kubectl(&of).stdout).unwrap();
    let id = arguments.iter().find_map(|argument| argument.strip_prefix("--cluster-id="));
    id.unwrap_or_else(|| panic!("{arguments:?}")).to_owned()
}

#[tokio::test]
async fn a_cluster_of_service_catalog_is_taken_over_as_the_guide_says() {
    let cluster = Cluster::start("takeover");
    let broker = Broker::start();
    let stored = Stored::write(&cluster, &broker).await;

    let backup = follow_the_guide(&cluster);
    assert!(
        backup
            .contains("parameterChecksum: 4fa544b50ca7a33fe5e8bc0780f1f36aa0c2c7098242db27bc8a3e21f4b4ab55")
    );
    let left =
        text(&cluster.kubectl(&["get", "deployment,service,secret", "--namespace", "catalog", "-o", "name"]));
    assert_eq!(left, "", "the old release is gone");
    let id = cluster_id(&cluster);
    assert_eq!(id, "0b2d5f2c-5b3e-4f0c-8a39-6c1f3a0e9d11");
    let definitions = text(&cluster.kubectl(&["get", "crd", "-l", "svcat=true", "-o", "yaml"]));
    assert!(!definitions.contains("preserveUnknownFields: true"), "{definitions}");

    cluster.until_policies_are_in_force();
    cluster.give_operator("operator", &cluster.server());
    let options: &'static [&'static str] =
        Box::leak(Box::new(["--cluster-id", Box::leak(id.into_boxed_str())]));
    let operator = Operator::start(&cluster, options);
    let env = TestEnv::new(
        Namespace { name: stored::NAMESPACE.to_owned(), client: cluster.client().await },
        broker,
    );

    what_was_settled_is_as_before(&env, &stored, &operator).await;
    what_was_under_way_comes_to_its_end(&env).await;
    what_was_being_deleted_goes(&env).await;
    all_goes_on_from_here(&env).await;
}

/// The guide's move to another cluster: the objects are created again with the ids that the broker knows.
#[tokio::test]
async fn objects_that_are_created_with_the_old_ids_make_nothing_twice() {
    let env = env().await;
    let parameters = json!({"size": 1});
    let body = json!({"service_id": "database-ID", "plan_id": "small", "parameters": parameters});
    env.broker.execute("PUT", "/v2/service_instances/the-old-id", body).await;
    let path = "/v2/service_instances/the-old-id/service_bindings/the-old-binding";
    let body = json!({"service_id": "database-ID", "plan_id": "small"});
    let bound = env.broker.execute("PUT", path, body).await;

    let instance = json!({"externalID": "the-old-id", "parameters": parameters});
    env.ready_binding(instance, json!({"externalID": "the-old-binding"})).await;
    assert_eq!(env.broker.instance().bindings.len(), 1);
    assert_eq!(env.entries("db").await["password"], bound["credentials"]["password"]);
    env.remove(BINDING, "db").await;
    env.remove(INSTANCE, "db").await;
    assert!(env.broker.instances().is_empty());
}

/// The operator does not call the broker for settled objects, and keeps their spec, status and labels.
async fn what_was_settled_is_as_before(env: &TestEnv, stored: &Stored, operator: &Operator) {
    let ready =
        env.until("ServiceInstance", "mini-instance", |object| !object["status"]["instanceID"].is_null());
    let ready = ready.await;
    let bound =
        env.until(BINDING, "mini-binding", |object| !object["status"]["secretDigest"].is_null()).await;
    for object in [&ready, &bound] {
        let kind = object["kind"].as_str().unwrap();
        let before =
            &stored.objects[&(kind.to_owned(), object["metadata"]["name"].as_str().unwrap().to_owned())];
        for part in ["spec", "status"] {
            keeps(&before[part], &object[part], part);
        }
        assert_eq!(before["metadata"]["generation"], object["metadata"]["generation"]);
        assert_eq!(before["metadata"]["finalizers"], object["metadata"]["finalizers"]);
        keeps(&before["metadata"]["labels"], &object["metadata"]["labels"], "labels");
        let id = object["spec"]["externalID"].as_str().unwrap();
        let about_it = |request: &Request| {
            let of = if request.binding.is_empty() { &request.instance } else { &request.binding };
            of == id
        };
        let requests: Vec<Request> = env.broker.all_requests().into_iter().filter(about_it).collect();
        assert!(requests.is_empty(), "{requests:#?}");
    }
    let entries = json_secret(&env.get("Secret", "mini-binding").await.unwrap());
    assert_eq!(entries["password"], stored::PASSWORD);
    assert_eq!(env.broker.calls(Endpoint::Unknown), 0);
    assert!(operator.leads());
}

/// `after` contains everything of `before` unchanged.
fn keeps(before: &Value, after: &Value, path: &str) {
    match before {
        Value::Object(members) => {
            for (name, value) in members {
                keeps(value, &after[name], &format!("{path}.{name}"));
            }
        }
        // A null may be left out.
        Value::Null => {}
        _ => assert_eq!(before, after, "{path}"),
    }
}

async fn what_was_under_way_comes_to_its_end(env: &TestEnv) {
    for name in ["provisioning", "refused", "update-failed", "orphaned"] {
        let object = env.until_ready(INSTANCE, name).await;
        assert!(condition(&object, "Failed=True").is_none(), "{object:#}");
        assert_eq!(object["status"]["instanceID"], object["spec"]["externalID"]);
    }
    for name in ["bind-failed", "secret-deleted"] {
        env.until_ready(BINDING, name).await;
        assert!(env.entries(name).await.contains_key("password"));
    }
    let calls = |endpoint, id: &str| {
        let requests = env.broker.requests(endpoint).into_iter();
        requests.filter(|request| request.instance == stored::id(id)).count()
    };
    assert_eq!(calls(Endpoint::Provision, "provisioning"), 0, "polling continues");
    assert_eq!((calls(Endpoint::Deprovision, "orphaned"), calls(Endpoint::Provision, "orphaned")), (1, 1));
    assert_eq!(
        (calls(Endpoint::Update, "update-failed"), calls(Endpoint::Provision, "update-failed")),
        (1, 0)
    );
    assert_eq!(env.broker.instances()[&stored::id("update-failed")].parameters, json!({"size": 2}));
}

async fn what_was_being_deleted_goes(env: &TestEnv) {
    env.until_gone(BINDING, "half-unbound").await;
    env.until_gone(BINDING, "unbind-given-up").await;
    env.until_gone(INSTANCE, "deprovisioning").await;
    env.until_gone(INSTANCE, "given-up").await;
    let left = env.broker.instances();
    for gone in ["deprovisioning", "given-up"] {
        assert!(!left.contains_key(&stored::id(gone)), "{left:#?}");
    }
    assert_eq!(left[&stored::id("mini-instance")].bindings.len(), 3, "{left:#?}");
}

/// Objects of service-catalog behave like new ones from here.
async fn all_goes_on_from_here(env: &TestEnv) {
    let edit = json!({"spec": {"parameters": {"param-2": "changed"}}});
    env.patch(INSTANCE, "mini-instance", edit).await.unwrap();
    env.until_ready(INSTANCE, "mini-instance").await;
    for name in ["mini-binding", "bind-failed", "secret-deleted"] {
        env.remove(BINDING, name).await;
    }
    env.remove(INSTANCE, "mini-instance").await;
    env.until_gone("Secret", "mini-binding").await;
    assert!(env.broker.instances().values().all(|instance| instance.bindings.is_empty()));
}
