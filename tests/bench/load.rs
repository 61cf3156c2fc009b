//! The load of the users: they create and delete objects, and wait for the result.

use std::collections::HashSet;
use std::io::{IsTerminal as _, stderr};
use std::time::Duration;

use futures::{StreamExt as _, pin_mut, stream};
use http::{Method, Request};
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use service_catalog::crd::{ServiceBinding, ServiceInstance};
use tokio::sync::watch;

/// The namespace of instances and bindings.
pub const NAMESPACE: &str = "bench";
/// How many requests of the users are in flight at once; the operator has as many.
pub const REQUESTS: usize = 32;
/// The timeout while nothing changes.
const PATIENCE: Duration = Duration::from_mins(1);

/// A measured phase: one operation on all objects of a kind.
#[derive(Clone, Copy, PartialEq)]
pub enum Phase {
    Provision,
    Bind,
    Unbind,
    Deprovision,
}

impl Phase {
    /// All phases in order.
    pub const ALL: [Self; 4] = [Self::Provision, Self::Bind, Self::Unbind, Self::Deprovision];

    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Provision => "instances Ready",
            Self::Bind => "bindings Ready",
            Self::Unbind => "bindings gone",
            Self::Deprovision => "instances gone",
        }
    }

    /// The user's request for one object.
    pub fn request(self, name: &str) -> Write {
        let of_instance = matches!(self, Self::Provision | Self::Deprovision);
        let plural = if of_instance { "serviceinstances" } else { "servicebindings" };
        let collection = collection(NAMESPACE, plural);
        let content = "application/json".to_owned();
        match self {
            Self::Provision => instance(NAMESPACE, name, "class-1-0"),
            Self::Bind => {
                let object = json!({
                    "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceBinding", "metadata": {"name": name},
                    "spec": {"instanceRef": {"name": name}},
                });
                Write { method: Method::POST, path: collection, content, body: object.to_string() }
            }
            Self::Unbind | Self::Deprovision => Write {
                method: Method::DELETE,
                path: format!("{collection}/{name}"),
                content,
                body: String::new(),
            },
        }
    }
}

fn collection(namespace: &str, plural: &str) -> String {
    format!("/apis/servicecatalog.k8s.io/v1beta1/namespaces/{namespace}/{plural}")
}

/// The request to create an instance of this class.
pub fn instance(namespace: &str, name: &str, class: &str) -> Write {
    let object = json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance", "metadata": {"name": name},
        "spec": {"clusterServiceClassExternalName": class, "clusterServicePlanExternalName": "plan-0",
            "parameters": {"size": "small"}},
    });
    Write {
        method: Method::POST,
        path: collection(namespace, "serviceinstances"),
        content: "application/json".to_owned(),
        body: object.to_string(),
    }
}

/// A write to the API server.
#[derive(Clone)]
pub struct Write {
    pub method: Method,
    pub path: String,
    pub content: String,
    pub body: String,
}

impl Write {
    /// Sends the request, which must succeed.
    pub async fn send(self, client: &Client) -> Value {
        let what = format!("{} {}", self.method, self.path);
        self.try_send(client).await.unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// Sends the request.
    pub async fn try_send(self, client: &Client) -> kube::Result<Value> {
        let Self { method, path, content, body } = self;
        let request = Request::builder().method(method).uri(path).header("Content-Type", content);
        client.request(request.body(body.into_bytes()).unwrap()).await
    }
}

/// A watch of instances and bindings.
pub struct Watch {
    instances: watch::Receiver<Counts>,
    bindings: watch::Receiver<Counts>,
}

/// The numbers of existing and of Ready objects.
#[derive(Clone, Copy, Default)]
struct Counts {
    present: usize,
    ready: usize,
}

impl Watch {
    /// Starts the watch.
    pub fn start(client: &Client) -> Self {
        let follow = |resource: ApiResource| {
            let (sender, receiver) = watch::channel(Counts::default());
            let api = Api::<DynamicObject>::namespaced_with(client.clone(), NAMESPACE, &resource);
            tokio::spawn(follow(api, sender));
            receiver
        };
        Self {
            instances: follow(ApiResource::erase::<ServiceInstance>(&())),
            bindings: follow(ApiResource::erase::<ServiceBinding>(&())),
        }
    }

    /// Waits until the phase is over for so many objects.
    pub async fn until(&self, phase: Phase, objects: u32) {
        let mut seen = match phase {
            Phase::Provision | Phase::Deprovision => self.instances.clone(),
            Phase::Bind | Phase::Unbind => self.bindings.clone(),
        };
        let all = usize::try_from(objects).unwrap();
        loop {
            let Counts { present, ready } = *seen.borrow_and_update();
            let done = match phase {
                Phase::Provision | Phase::Bind => ready,
                Phase::Unbind | Phase::Deprovision => all.saturating_sub(present),
            };
            if stderr().is_terminal() {
                eprint!("\r\x1b[K{}: {done} of {all}", phase.name());
            }
            if done == all {
                return;
            }
            let news = tokio::time::timeout(PATIENCE, seen.changed()).await;
            news.unwrap_or_else(|_| panic!("{}: nothing happens any more at {done} of {all}", phase.name()))
                .unwrap();
        }
    }
}

async fn follow(api: Api<DynamicObject>, counts: watch::Sender<Counts>) {
    let events = watcher(api, Config::default());
    pin_mut!(events);
    let (mut present, mut ready) = (HashSet::new(), HashSet::new());
    while let Some(event) = events.next().await {
        match event.unwrap() {
            Event::InitApply(object) | Event::Apply(object) => {
                if is_ready(&object) {
                    ready.insert(object.name_any());
                } else {
                    ready.remove(&object.name_any());
                }
                present.insert(object.name_any());
            }
            Event::Delete(object) => {
                ready.remove(&object.name_any());
                present.remove(&object.name_any());
            }
            Event::Init | Event::InitDone => {}
        }
        counts.send_replace(Counts { present: present.len(), ready: ready.len() });
    }
}

/// Whether the object is Ready.
pub fn is_ready(object: &DynamicObject) -> bool {
    let conditions = object.data.pointer("/status/conditions").and_then(Value::as_array);
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// Does `work` for every object, `at_once` at a time.
pub async fn each(objects: u32, at_once: usize, work: impl AsyncFn(u32)) {
    stream::iter(0..objects).for_each_concurrent(at_once, |number| work(number)).await;
}
