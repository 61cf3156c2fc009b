//! What the hostile tenant does, everything at once: expensive templates, references to many Secrets, pods with as much
//! injection as the limits allow, hostile answers of its brokers, and large parameters.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::join_all;
use http::Method;
use kube::Client;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use super::NAMESPACE;
use crate::admission::{binding, pod};
use crate::hostile_broker::{CATALOGS, PLAN, router, service};
use crate::load::Write;

const API: &str = "/apis/servicecatalog.k8s.io/v1beta1";
/// How long an object is there before it is deleted and made anew, at most.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the start of all kinds of attack is awaited: the API server may be too busy with the others.
const UNDER_WAY_TIMEOUT: Duration = Duration::from_mins(2);
/// The interval in which the tenant looks whether an object has what it waits for.
const LOOK: Duration = Duration::from_millis(200);
/// The pause between two rounds of the same kind.
const PAUSE: Duration = Duration::from_millis(100);

/// The hostile tenant.
pub struct Attack {
    client: Client,
    brokers: SocketAddr,
    /// How often each kind of attack was made.
    counts: [AtomicU32; KINDS.len()],
}

const KINDS: [&str; 6] = [
    "bindings with expensive templates",
    "instances with 64 references each",
    "injected pods",
    "hostile catalogs",
    "hostile errors",
    "instances with large parameters",
];
const TEMPLATES: usize = 0;
const REFERENCES: usize = 1;
const PODS: usize = 2;
const HOSTILE_CATALOGS: usize = 3;
const ERRORS: usize = 4;
const PARAMETERS: usize = 5;

impl Attack {
    /// Prepares the attack; `admin` waits for what has to be there first.
    pub async fn prepare(client: Client, admin: &Client) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let brokers = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, router()).await });
        let attack = Self { client, brokers, counts: Default::default() };
        attack.until(&object("serviceaccounts", "default"), |_| true).await;
        let many: Map<String, Value> = (0..20_000).map(|index| (format!("k{index}"), json!("x"))).collect();
        let secret =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "many"}, "stringData": many});
        write(Method::POST, "/api/v1/namespaces/hostile/secrets", &secret).send(admin).await;
        attack.register("plain").await;
        let instance = instance("instance", "plain", json!({}));
        let (_, is_ready) = attack.until_told(&instance, "\"status\":\"True\"").await;
        assert!(is_ready, "the hostile tenant has no instance");
        for number in 0..15 {
            attack.send(binding(NAMESPACE, &format!("injecting-{number}"), "web", 4)).await;
        }
        for catalog in CATALOGS.iter().map(|catalog| catalog.name) {
            attack.register(catalog).await;
        }
        attack
    }

    /// Attacks forever.
    pub async fn run(&self) {
        tokio::join!(
            self.templates(),
            self.references(),
            join_all((0..4).map(|task| self.pods(task))),
            self.catalogs(),
            self.errors(),
            self.parameters(),
        );
    }

    /// Returns once each kind of attack was made, or says which were not.
    pub async fn until_under_way(&self) {
        let under_way = async {
            while self.counts.iter().any(|count| count.load(Ordering::Relaxed) == 0) {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(UNDER_WAY_TIMEOUT, under_way).await.is_err() {
            eprintln!("not all kinds of attack are under way: {}", self.summary());
        }
    }

    /// How often each kind of attack was made.
    pub fn summary(&self) -> String {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        KINDS.iter().zip(counts).map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
    }

    async fn templates(&self) {
        let from = json!({"addKeysFrom": {"secretRef": {"name": "many"}}});
        let template = |expression: &str| json!({"addKey": {"key": "out", "jsonPathExpression": expression}});
        let cubic = json!([from, template(r#"{[?$[?$[?@=="zz"]]]}"#)]);
        let mut costly = vec![template(r#"{[?@==@ && @=="zz"]}"#); 255];
        costly.insert(0, from);
        let costly = Value::from(costly);
        self.repeat(TEMPLATES, 4, async |number| {
            let transforms = if number % 2 == 0 { &cubic } else { &costly };
            let spec = json!({"instanceRef": {"name": "instance"}, "secretTransforms": transforms});
            let object = json!({
                "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceBinding",
                "metadata": {"name": format!("template-{number}")}, "spec": spec,
            });
            let made = write(Method::POST, &collection("servicebindings"), &object);
            self.briefly(made, "ErrorInjectingBindResult").await
        })
        .await;
    }

    async fn references(&self) {
        self.repeat(REFERENCES, 40, async |number| {
            let missing =
                |index| json!({"secretKeyRef": {"name": format!("missing-{number}-{index}"), "key": "k"}});
            let spec = json!({"parametersFrom": (0..64).map(missing).collect::<Value>()});
            let made = instance(&format!("references-{number}"), "plain", spec);
            self.briefly(made, "ErrorWithParameters").await
        })
        .await;
    }

    async fn pods(&self, task: u32) {
        self.repeat(PODS, 1, async |number| {
            let made = pod(NAMESPACE, &format!("pod-{task}-{number}"), "web", 10);
            let object = format!("{}/pod-{task}-{number}", made.path);
            let is_made = self.send(made).await.is_some();
            self.send(write(Method::DELETE, &object, &json!({"gracePeriodSeconds": 0}))).await;
            is_made
        })
        .await;
    }

    /// Lets the operator fetch them anew. None of them drips: the others would wait for it.
    async fn catalogs(&self) {
        self.repeat(HOSTILE_CATALOGS, 1, async |number| {
            let name = CATALOGS[number as usize % CATALOGS.len()].name;
            let mut patch = write(
                Method::PATCH,
                &format!("{}/{name}", collection("servicebrokers")),
                &json!({"spec": {"relistRequests": number + 1}}),
            );
            patch.content = "application/merge-patch+json".to_owned();
            self.send(patch).await.is_some()
        })
        .await;
    }

    async fn errors(&self) {
        let brokers = ["numbers-in-errors", "dripping-errors"];
        for how in brokers {
            self.register(how).await;
        }
        self.repeat(ERRORS, 8, async |number| {
            let how = brokers[number as usize % brokers.len()];
            let made = instance(&format!("error-{number}"), how, json!({}));
            self.briefly(made, "status 500").await
        })
        .await;
    }

    /// Some are stored, and refused by the operator; others have 1 MB, which the API server refuses.
    async fn parameters(&self) {
        let (stored, refused) = (vec![0; 43_000], vec![0; 480_000]);
        self.repeat(PARAMETERS, 16, async |number| {
            let is_refused = number % 2 == 0;
            let spec = json!({"parameters": {"a": if is_refused { &refused } else { &stored }}});
            let made = instance(&format!("parameters-{number}"), "plain", spec);
            if is_refused {
                self.send(made).await.is_none()
            } else {
                self.briefly(made, "ErrorWithParameters").await
            }
        })
        .await;
    }
}

impl Attack {
    /// Makes an attack again and again, so many at once. Each has a number of its own. Those that the operator has seen
    /// are counted.
    async fn repeat(&self, kind: usize, at_once: u32, attack: impl AsyncFn(u32) -> bool) {
        let attack = &attack;
        join_all((0..at_once).map(async |task| {
            for round in 0.. {
                if attack(round * at_once + task).await {
                    self.counts[kind].fetch_add(1, Ordering::Relaxed);
                }
                tokio::time::sleep(PAUSE).await;
            }
        }))
        .await;
    }

    /// Sends a request; the API server may refuse it.
    async fn send(&self, write: Write) -> Option<Value> {
        write.try_send(&self.client).await.ok()
    }

    /// Creates an object, waits until its status contains this text, and deletes it; whether it was so.
    async fn briefly(&self, made: Write, text: &str) -> bool {
        let (object, is_told) = self.until_told(&made, text).await;
        self.send(write(Method::DELETE, &object, &json!({}))).await;
        is_told
    }

    /// Creates an object, and waits a while until its status contains this text; returns its path, and whether it was so.
    async fn until_told(&self, made: &Write, text: &str) -> (String, bool) {
        let body: Value = serde_json::from_str(&made.body).unwrap();
        let object = format!("{}/{}", made.path, body["metadata"]["name"].as_str().unwrap());
        self.send(made.clone()).await;
        let told = |object: &Value| object["status"]["conditions"].to_string().contains(text);
        let is_told = tokio::time::timeout(PATIENCE, self.until(&object, told)).await.is_ok();
        (object, is_told)
    }

    async fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) {
        while !self.send(write(Method::GET, path, &Value::Null)).await.is_some_and(|object| is_so(&object)) {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Registers a broker that is hostile in this way.
    async fn register(&self, how: &str) {
        let broker = json!({
            "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceBroker", "metadata": {"name": how},
            "spec": {"url": format!("http://{}/{how}", self.brokers)},
        });
        self.send(write(Method::POST, &collection("servicebrokers"), &broker)).await;
    }
}

fn instance(name: &str, how: &str, mut spec: Value) -> Write {
    spec["serviceClassExternalName"] = service(how).into();
    spec["servicePlanExternalName"] = PLAN.into();
    let object = json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance", "metadata": {"name": name},
        "spec": spec,
    });
    write(Method::POST, &collection("serviceinstances"), &object)
}

fn collection(plural: &str) -> String {
    format!("{API}/namespaces/{NAMESPACE}/{plural}")
}

fn object(plural: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{NAMESPACE}/{plural}/{name}")
}

fn write(method: Method, path: &str, body: &Value) -> Write {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Write { method, path: path.to_owned(), content: "application/json".to_owned(), body }
}
