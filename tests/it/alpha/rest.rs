//! The alpha API as plain HTTP: a bearer token, and manifests as JSON.

use reqwest::{Certificate, Client, Method, StatusCode};
use serde_json::{Value, json};

use super::{BINDING, INSTANCE, env};
use crate::cluster::cluster;
use crate::namespace::{Namespace, PATIENCE, eventually};
use crate::process::text;

/// A client with the token of a `ServiceAccount`.
struct Caller {
    client: Client,
    token: String,
    root: String,
}

impl Caller {
    /// A caller with the role `edit` in the namespace, and no other rights.
    async fn who_may_edit(namespace: &Namespace) -> Self {
        let name = &namespace.name;
        let binding = json!({
            "kind": "RoleBinding", "metadata": {"name": "caller"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": name}],
        });
        namespace.create(binding).await.unwrap();
        let output = cluster().kubectl(&["create", "token", "default", "-n", name]);
        assert!(output.status.success(), "{}", text(&output));
        let certificate = Certificate::from_pem(&cluster().certificate()).unwrap();
        let client = Client::builder().tls_certs_only([certificate]).build().unwrap();
        let root = format!("{}/apis/servicecatalog.k8s.io/v1alpha1/namespaces/{name}", cluster().server());
        let caller =
            Self { client, token: String::from_utf8(output.stdout).unwrap().trim().to_owned(), root };
        // A controller aggregates the role, and the authorizer has caches.
        eventually("the caller may list", PATIENCE, async || {
            match caller.call(Method::GET, "instances", None).await {
                (StatusCode::OK, _) => Ok(()),
                (_, answer) => Err(answer.to_string()),
            }
        })
        .await;
        caller
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request = self.client.request(method, format!("{}/{path}", self.root)).bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.header("Content-Type", "application/json").body(body.to_string()),
            None => request,
        };
        let answer = request.send().await.unwrap();
        (answer.status(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
    }

    /// Creates an object; returns its generated name.
    async fn create(&self, path: &str, kind: &str, spec: Value) -> String {
        let object = json!({"apiVersion": "servicecatalog.k8s.io/v1alpha1", "kind": kind,
            "metadata": {"generateName": "guestbook-"}, "spec": spec});
        let (status, created) = self.call(Method::POST, path, Some(object)).await;
        assert_eq!(status, StatusCode::CREATED, "{created:#}");
        created["metadata"]["name"].as_str().unwrap().to_owned()
    }

    async fn names(&self, path: &str) -> Vec<String> {
        let (status, list) = self.call(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{list:#}");
        let items = list["items"].as_array().unwrap().iter();
        items.map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    }

    async fn delete(&self, path: &str) {
        let (status, answer) = self.call(Method::DELETE, path, None).await;
        assert_eq!(status, StatusCode::OK, "{answer:#}");
    }
}

#[tokio::test]
async fn instances_and_bindings_are_created_listed_and_deleted_with_a_bearer_token() {
    let env = env().await;
    let caller = Caller::who_may_edit(&env).await;
    let spec = json!({"serviceClassName": env.name, "planName": "small", "parameters": {"size": 3}});
    let instance = caller.create("instances", INSTANCE, spec).await;
    env.until_ready(INSTANCE, &instance).await;
    let spec = json!({"instanceRef": {"name": instance}, "labels": {"app": "guestbook"}});
    let binding = caller.create("bindings", BINDING, spec).await;
    env.until_ready(BINDING, &binding).await;
    assert!(env.entries(&binding).await.contains_key("password"), "the Secret has the binding's name");
    assert_eq!(caller.names("instances").await, [instance.as_str()]);
    assert_eq!(caller.names("bindings").await, [binding.as_str()]);

    caller.delete(&format!("bindings/{binding}")).await;
    caller.delete(&format!("instances/{instance}")).await;
    env.until_gone(INSTANCE, &instance).await;
    assert!(env.broker.instances().is_empty());

    let (status, _) = caller.call(Method::GET, "../../brokers", None).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}
