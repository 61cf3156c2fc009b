//! The state of a broker, and the answers of a broker without faults.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::request::{Endpoint, Request};

/// Every secret value contains this mark, so that tests find a leak wherever it appears.
pub const MARK: &str = "Xq7tainted4Zk9w";

type Answer = (u16, Value);

/// The state of a broker.
#[derive(Debug, Default)]
pub struct Truth {
    /// The instances, by id.
    pub instances: BTreeMap<String, Instance>,
    /// While this is set, no asynchronous operation ends.
    pub stalled: bool,
    /// The `metadata` of new bindings, which says how long they are valid; `null` for none.
    pub metadata: Value,
    /// The names of failed operations: polling one again answers `failed` again.
    failed: BTreeSet<String>,
    counter: u64,
}

/// An instance.
#[derive(Clone, Debug, Default)]
pub struct Instance {
    /// The class's id.
    pub service: String,
    /// The plan's id.
    pub plan: String,
    /// Its parameters; `null` without any.
    pub parameters: Value,
    /// Its bindings, by id.
    pub bindings: BTreeMap<String, Binding>,
    former_plans: Vec<String>,
    /// Plan and parameters before the update in flight.
    former: Option<(String, Value)>,
    operation: Option<Operation>,
}

/// A binding.
#[derive(Clone, Debug, Default)]
pub struct Binding {
    /// Its parameters; `null` without any.
    pub parameters: Value,
    /// The credentials for the application.
    pub credentials: Value,
    /// The id of its predecessor (rotation); `null` if it has none.
    pub predecessor: Value,
    metadata: Value,
    operation: Option<Operation>,
}

/// An asynchronous operation in flight.
#[derive(Clone, Debug)]
struct Operation {
    name: String,
    removes: bool,
}

impl Instance {
    /// The plan before the update in flight; otherwise the plan.
    pub fn confirmed_plan(&self) -> &str {
        self.former.as_ref().map_or(&self.plan, |(plan, _)| plan)
    }

    /// Whether it had this plan before one of its updates.
    pub fn had(&self, plan: &str) -> bool {
        self.former_plans.iter().any(|former| former == plan)
    }

    /// Whether the binding exists and is not still being created.
    pub fn is_bound(&self, binding: &str) -> bool {
        let is_being_made = |operation: &Operation| !operation.removes;
        self.bindings.get(binding).is_some_and(|there| !there.operation.as_ref().is_some_and(is_being_made))
    }

    /// Whether it is being provisioned.
    pub fn is_being_made(&self) -> bool {
        self.former.is_none() && self.operation.as_ref().is_some_and(|operation| !operation.removes)
    }

    fn is_slow(&self) -> bool {
        self.plan.ends_with("slow")
    }
}

impl Binding {
    /// The body of an answer that contains it.
    fn body(&self) -> Value {
        let mut body = json!({"credentials": self.credentials});
        if !self.metadata.is_null() {
            body["metadata"] = self.metadata.clone();
        }
        body
    }
}

impl Truth {
    /// Executes the request, and answers it.
    pub fn answer(&mut self, request: &Request) -> Answer {
        match request.endpoint {
            Endpoint::Provision => self.provision(request),
            Endpoint::Update => self.update(request),
            Endpoint::Deprovision => self.deprovision(request),
            Endpoint::PollInstance | Endpoint::PollBinding
                if self.failed.contains(request.query("operation")) =>
            {
                (200, json!({"state": "failed", "description": "out of stock"}))
            }
            Endpoint::PollInstance => self.poll_instance(request),
            Endpoint::Bind => self.bind(request),
            Endpoint::FetchBinding => self.fetch_binding(request),
            Endpoint::Unbind => self.unbind(request),
            Endpoint::PollBinding => self.poll_binding(request),
            Endpoint::Catalog | Endpoint::FetchInstance | Endpoint::Unknown => (404, json!({})),
        }
    }

    /// Whether an operation of this name has begun.
    pub fn has_begun(&self, operation: &str) -> bool {
        let number = operation.strip_prefix("operation ").and_then(|number| number.parse::<u64>().ok());
        number.is_some_and(|number| number <= self.counter)
    }

    fn operation(&mut self, removes: bool) -> Operation {
        self.counter += 1;
        Operation { name: format!("operation {}", self.counter), removes }
    }

    fn provision(&mut self, request: &Request) -> Answer {
        let requested = Instance {
            service: text(&request.body["service_id"]),
            plan: text(&request.body["plan_id"]),
            parameters: request.body["parameters"].clone(),
            ..Instance::default()
        };
        if let Some(there) = self.instances.get(&request.instance) {
            let same = there.service == requested.service && there.plan == requested.plan;
            return match &there.operation {
                _ if !same || there.parameters != requested.parameters => (409, json!({})),
                Some(operation) => accepted(operation),
                None => (200, json!({})),
            };
        }
        let operation = requested.is_slow().then(|| self.operation(false));
        let answer =
            operation.as_ref().map_or_else(|| (201, json!({"dashboard_url": "http://dashboard"})), accepted);
        self.instances.insert(request.instance.clone(), Instance { operation, ..requested });
        answer
    }

    fn update(&mut self, request: &Request) -> Answer {
        let operation = self.operation(false);
        let Some(instance) = self.instances.get_mut(&request.instance) else { return (404, json!({})) };
        let body = &request.body;
        let plan = body["plan_id"].as_str().unwrap_or(&instance.plan).to_owned();
        let parameters =
            if body["parameters"].is_null() { &instance.parameters } else { &body["parameters"] }.clone();
        let changes = plan != instance.plan || parameters != instance.parameters;
        match &instance.operation {
            Some(_) if changes => return (422, json!({"error": "ConcurrencyError"})),
            Some(operation) => return accepted(operation),
            None if !changes => return (200, json!({})),
            None => {}
        }
        let slow = instance.is_slow();
        let former = (
            std::mem::replace(&mut instance.plan, plan),
            std::mem::replace(&mut instance.parameters, parameters),
        );
        instance.former_plans.push(former.0.clone());
        if !slow {
            return (200, json!({}));
        }
        instance.former = Some(former);
        accepted(instance.operation.insert(operation))
    }

    fn deprovision(&mut self, request: &Request) -> Answer {
        let operation = self.operation(true);
        let Some(instance) = self.instances.get_mut(&request.instance) else { return (410, json!({})) };
        if instance.is_slow() {
            return accepted(instance.operation.insert(operation));
        }
        self.instances.remove(&request.instance);
        (200, json!({}))
    }

    fn poll_instance(&mut self, request: &Request) -> Answer {
        let Some(instance) = self.instances.get_mut(&request.instance) else { return (410, json!({})) };
        let (answer, done, removes) = poll(&mut instance.operation, self.stalled, request);
        if done {
            instance.former = None;
        }
        if removes {
            self.instances.remove(&request.instance);
        }
        answer
    }

    /// The operation in flight, if any, ends at once.
    pub fn finish(&mut self, request: &Request) {
        if request.binding.is_empty() {
            self.poll_instance(request);
        } else {
            self.poll_binding(request);
        }
    }

    /// The polled operation fails. An update is undone, a removal leaves the object in place, and a creation leaves it
    /// or, with `vanishes`, does not.
    pub fn fail(&mut self, request: &Request, vanishes: bool) {
        let Some(instance) = self.instances.get_mut(&request.instance) else { return };
        let operation = match instance.bindings.get_mut(&request.binding) {
            Some(binding) => binding.operation.take(),
            None => instance.operation.take(),
        };
        let makes = operation.as_ref().is_some_and(|operation| !operation.removes);
        self.failed.extend(operation.map(|operation| operation.name));
        if request.endpoint == Endpoint::PollBinding {
            if makes && vanishes {
                instance.bindings.remove(&request.binding);
            }
        } else if let Some((plan, parameters)) = instance.former.take() {
            (instance.plan, instance.parameters) = (plan, parameters);
        } else if makes && vanishes {
            self.instances.remove(&request.instance);
        }
    }

    fn bind(&mut self, request: &Request) -> Answer {
        self.counter += 1;
        let operation = self.operation(false);
        let password = format!("{MARK}-{}", self.counter);
        let metadata = self.metadata.clone();
        let Some(instance) = self.instances.get_mut(&request.instance) else { return (404, json!({})) };
        let predecessor = request.body["predecessor_binding_id"].clone();
        let parameters = request.body["parameters"].clone();
        if let Some(there) = instance.bindings.get(&request.binding) {
            let is_same = there.predecessor == predecessor
                && (!predecessor.is_null() || there.parameters == parameters);
            return match &there.operation {
                _ if !is_same => (409, json!({})),
                Some(operation) => accepted(operation),
                None => (200, there.body()),
            };
        }
        let parameters = match predecessor.as_str() {
            None => parameters,
            Some(id) if instance.is_bound(id) => instance.bindings[id].parameters.clone(),
            Some(_) => return (400, json!({"description": "the predecessor does not exist"})),
        };
        let slow = instance.is_slow() && request.query("accepts_incomplete") == "true";
        let credentials = json!({
            "uri": format!("postgresql://user:{password}@db.example:5432/{}", request.instance),
            "hostname": "db.example", "port": 5432, "user": request.binding, "password": password,
        });
        let answer = slow.then(|| accepted(&operation));
        let operation = slow.then_some(operation);
        let binding = Binding { parameters, credentials, predecessor, metadata, operation };
        let answer = answer.unwrap_or_else(|| (201, binding.body()));
        instance.bindings.insert(request.binding.clone(), binding);
        answer
    }

    fn binding(&mut self, request: &Request) -> Option<&mut Binding> {
        self.instances.get_mut(&request.instance)?.bindings.get_mut(&request.binding)
    }

    fn remove_binding(&mut self, request: &Request) {
        if let Some(instance) = self.instances.get_mut(&request.instance) {
            instance.bindings.remove(&request.binding);
        }
    }

    fn fetch_binding(&mut self, request: &Request) -> Answer {
        match self.binding(request) {
            Some(binding) if binding.operation.is_none() => (200, binding.body()),
            _ => (404, json!({})),
        }
    }

    fn unbind(&mut self, request: &Request) -> Answer {
        let operation = self.operation(true);
        let slow = self.instances.get(&request.instance).is_some_and(Instance::is_slow);
        let Some(binding) = self.binding(request) else { return (410, json!({})) };
        if slow {
            return accepted(binding.operation.insert(operation));
        }
        self.remove_binding(request);
        (200, json!({}))
    }

    fn poll_binding(&mut self, request: &Request) -> Answer {
        let stalled = self.stalled;
        let Some(binding) = self.binding(request) else { return (410, json!({})) };
        let (answer, _, removes) = poll(&mut binding.operation, stalled, request);
        if removes {
            self.remove_binding(request);
        }
        answer
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn accepted(operation: &Operation) -> Answer {
    (202, json!({"operation": operation.name}))
}

/// The answer to a poll, whether the operation has ended, and whether it has removed its object.
fn poll(slot: &mut Option<Operation>, stalled: bool, request: &Request) -> (Answer, bool, bool) {
    let state = |state: &str| (200, json!({"state": state, "description": "step by step"}));
    match slot {
        None => (state("succeeded"), true, false),
        Some(operation) if !["", &operation.name].contains(&request.query("operation")) => {
            ((400, json!({"description": "another operation is in progress"})), false, false)
        }
        Some(_) if stalled => (state("in progress"), false, false),
        Some(operation) => {
            let removes = operation.removes;
            *slot = None;
            (state("succeeded"), true, removes)
        }
    }
}
