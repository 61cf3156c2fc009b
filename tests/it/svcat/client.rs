//! The commands of `svcat` as its requests: GET, LIST by label, CREATE, UPDATE with the `resourceVersion` that it read,
//! DELETE. It neither patches nor watches, and writes whole objects with the fields that it knows ([`super::go`]).

use serde_json::{Value, json};
use service_catalog::crd::names::{FINALIZER, label_value};

use super::go::sent;
use crate::namespace::{Namespace, PATIENCE, eventually};
use crate::scripted::{BINDING, INSTANCE, condition};

const EXTERNAL_NAME: &str = "servicecatalog.k8s.io/spec.externalName";

/// A user of `svcat` in a namespace.
pub struct Svcat<'a>(pub &'a Namespace);

/// The scope of a broker, class or plan: `--scope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `cluster`.
    Cluster,
    /// `namespace`.
    Namespace,
}

impl Scope {
    /// The kind of this scope: `Broker`, `Class` or `Plan`.
    pub fn kind(self, what: &str) -> String {
        match self {
            Self::Cluster => format!("ClusterService{what}"),
            Self::Namespace => format!("Service{what}"),
        }
    }

    /// A field of an instance that names its class or plan.
    pub fn field(self, what: &str) -> String {
        match self {
            Self::Cluster => format!("clusterService{what}"),
            Self::Namespace => format!("service{what}"),
        }
    }
}

/// The status of an object in `describe` and in the tables.
pub fn shown(object: &Value) -> &str {
    let conditions = object["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(last) = conditions.last() else { return "" };
    let member = if last["status"] == "True" { "type" } else { "reason" };
    last[member].as_str().unwrap()
}

/// Whether `--wait` returns.
pub fn is_over(object: &Value) -> bool {
    let decided = ["Ready=True", "Failed=True"].iter().any(|says| condition(object, says).is_some());
    decided && object["status"]["asyncOpInProgress"] != true
}

impl Svcat<'_> {
    /// `svcat register NAME --url URL …`
    pub async fn register(&self, scope: Scope, name: &str, flags: Value) -> Result<Value, String> {
        let mut spec = flags;
        if spec["catalogRestrictions"].is_null() {
            spec["catalogRestrictions"] = json!({});
        }
        self.create(&scope.kind("Broker"), name, spec).await
    }

    /// `svcat deregister NAME --wait`
    pub async fn deregister(&self, scope: Scope, name: &str) {
        self.0.remove(&scope.kind("Broker"), name).await;
    }

    /// `svcat sync broker NAME`
    pub async fn sync(&self, scope: Scope, name: &str, meanwhile: impl AsyncFnMut()) {
        self.raise(&scope.kind("Broker"), name, "relistRequests", meanwhile).await;
    }

    /// `svcat touch instance NAME`
    pub async fn touch(&self, name: &str, meanwhile: impl AsyncFnMut()) {
        self.raise(INSTANCE, name, "updateRequests", meanwhile).await;
    }

    /// `svcat marketplace`: the names of classes and plans.
    pub async fn marketplace(&self, scope: Scope) -> [Vec<String>; 2] {
        let mut names = [Vec::new(), Vec::new()];
        for (names, what) in names.iter_mut().zip(["Class", "Plan"]) {
            let offered = self.0.list(&scope.kind(what)).await;
            names.extend(
                offered.iter().map(|object| object["spec"]["externalName"].as_str().unwrap().to_owned()),
            );
        }
        names
    }

    /// `svcat get class NAME`: the classes of that name in both scopes.
    pub async fn classes(&self, name: &str) -> Vec<Value> {
        let mut found = Vec::new();
        for scope in [Scope::Cluster, Scope::Namespace] {
            found.extend(self.0.list_with(&scope.kind("Class"), &[(EXTERNAL_NAME, label_value(name))]).await);
        }
        found
    }

    /// `svcat create class NAME --from CLASS`
    pub async fn create_class(&self, scope: Scope, name: &str, from: &str) -> Result<Value, String> {
        let mut spec = self.class(from).await?["spec"].clone();
        spec["externalName"] = name.into();
        self.create(&scope.kind("Class"), name, spec).await
    }

    /// `svcat provision NAME --class CLASS [--plan PLAN] …`
    pub async fn provision(
        &self,
        name: &str,
        (class, plan): (&str, Option<&str>),
        flags: Value,
    ) -> Result<Value, String> {
        let class = self.class(class).await?;
        let scope = if class["metadata"]["namespace"].is_null() { Scope::Cluster } else { Scope::Namespace };
        let mut spec = flags;
        spec[scope.field("ClassName")] = class["metadata"]["name"].clone();
        if let Some(plan) = plan {
            spec[scope.field("PlanName")] = self.plan(scope, &class, plan).await?["metadata"]["name"].clone();
        }
        self.create(INSTANCE, name, spec).await
    }

    /// `svcat bind INSTANCE --name NAME …`
    pub async fn bind(&self, instance: &str, name: &str, flags: Value) -> Result<Value, String> {
        let mut spec = flags;
        spec["instanceRef"] = json!({"name": instance});
        self.create(BINDING, name, spec).await
    }

    /// `--wait`; returns the object.
    pub async fn wait(&self, kind: &str, name: &str) -> Value {
        self.0.until(kind, name, is_over).await
    }

    /// `svcat unbind INSTANCE --wait`
    pub async fn unbind(&self, instance: &str) {
        self.0.get(INSTANCE, instance).await.unwrap();
        let bindings = self.0.list(BINDING).await;
        for binding in bindings.iter().filter(|binding| binding["spec"]["instanceRef"]["name"] == instance) {
            self.0.remove(BINDING, binding["metadata"]["name"].as_str().unwrap()).await;
        }
    }

    /// `svcat deprovision NAME --wait`
    pub async fn deprovision(&self, name: &str) {
        self.0.remove(INSTANCE, name).await;
    }

    /// The first half of `svcat deprovision NAME --abandon` and `svcat unbind --name NAME --abandon`; the second is a
    /// DELETE.
    pub async fn abandon(&self, kind: &str, name: &str) {
        self.edit(
            kind,
            name,
            async || {},
            |object| {
                let finalizers = object["metadata"]["finalizers"].as_array_mut().unwrap();
                finalizers.retain(|finalizer| finalizer != FINALIZER);
            },
        )
        .await;
    }

    async fn class(&self, name: &str) -> Result<Value, String> {
        only(self.classes(name).await, "class")
    }

    async fn plan(&self, scope: Scope, class: &Value, name: &str) -> Result<Value, String> {
        let of_class = format!("servicecatalog.k8s.io/spec.{}Ref.name", scope.field("Class"));
        let labels = [
            (EXTERNAL_NAME, label_value(name)),
            (of_class.as_str(), label_value(class["metadata"]["name"].as_str().unwrap())),
        ];
        only(self.0.list_with(&scope.kind("Plan"), &labels).await, "plan")
    }

    async fn create(&self, kind: &str, name: &str, spec: Value) -> Result<Value, String> {
        let object = json!({"kind": kind, "metadata": {"name": name}, "spec": spec});
        self.0.create(sent(&object)).await
    }

    async fn raise(&self, kind: &str, name: &str, counter: &str, meanwhile: impl AsyncFnMut()) {
        self.edit(kind, name, meanwhile, |object| {
            let requests = object["spec"][counter].as_i64().unwrap();
            object["spec"][counter] = (requests + 1).into();
        })
        .await;
    }

    /// Reads, changes and replaces a whole object, and retries if another client has written it `meanwhile`.
    async fn edit(
        &self,
        kind: &str,
        name: &str,
        mut meanwhile: impl AsyncFnMut(),
        change: impl Fn(&mut Value),
    ) {
        eventually(&format!("{kind} {name} is edited"), PATIENCE, async || {
            let mut object = sent(&self.0.get(kind, name).await?);
            change(&mut object);
            meanwhile().await;
            let written = self.0.replace(object).await;
            assert!(written.as_ref().err().is_none_or(|message| is_conflict(message)), "{written:?}");
            written
        })
        .await;
    }
}

fn is_conflict(message: &str) -> bool {
    message.contains("the object has been modified")
}

fn only(mut found: Vec<Value>, what: &str) -> Result<Value, String> {
    if found.len() == 1 { Ok(found.remove(0)) } else { Err(format!("not one {what}: {found:#?}")) }
}
