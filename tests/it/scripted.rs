//! A broker in the test's process: it serves the Open Service Broker API, records all requests, checks them against the
//! specification, and has the faults that the test scripts.
//!
//! Each test has its own. When it is dropped, a request of the operator that broke the specification fails the test.

mod echo;
mod env;
mod fault;
mod isolated;

// The simulation's model of a broker, so that both have one state machine and one set of rules.
#[path = "../../src/testing/broker/request.rs"]
mod request;
#[path = "../../src/testing/broker/rules.rs"]
mod rules;
#[expect(dead_code, reason = "the simulation has faults that are not scripted here")]
#[path = "../../src/testing/broker/truth.rs"]
mod truth;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use serde_json::{Value, json};

use crate::killpoint::Killpoint;
use crate::server::Server;
use crate::wire::{CORRUPT, Wire};

use echo::Echo;
pub use env::{
    BINDING, INSTANCE, TestEnv, assert_in_step, condition, env, json_secret, reference, secret_parameters,
    versions,
};
pub use fault::{Fault, Gate, When, answer, refusal};
pub use isolated::{IsolatedEnv, in_few_namespaces, isolated, isolated_for_attack, isolated_with_killpoints};
pub use request::{Endpoint, Request};
pub use truth::{Binding, Instance, MARK, Truth};

/// A broker. It stops when this is dropped.
pub struct Broker {
    /// Its URL.
    pub url: String,
    /// The killpoint of the requests to it.
    pub killpoint: Killpoint,
    state: Arc<Mutex<State>>,
    server: Server,
}

struct State {
    catalog: Value,
    version: Option<&'static str>,
    authorization: Option<String>,
    truth: Truth,
    echo: Option<Echo>,
    script: HashMap<Endpoint, VecDeque<(When, Fault)>>,
    requests: Vec<Request>,
    at_work: BTreeMap<String, usize>,
    violations: Vec<String>,
}

impl Broker {
    /// Starts a broker that offers [`catalog`].
    pub fn start() -> Self {
        Self::offering(catalog(""))
    }

    /// Starts a broker that offers this catalog.
    pub fn offering(catalog: Value) -> Self {
        let state = Arc::new(Mutex::new(State {
            catalog,
            version: None,
            authorization: None,
            truth: Truth::default(),
            echo: None,
            script: HashMap::new(),
            requests: Vec::new(),
            at_work: BTreeMap::new(),
            violations: Vec::new(),
        }));
        let killpoint = Killpoint::default();
        let (serving, passing) = (Arc::clone(&state), killpoint.clone());
        let server = Server::start(Router::new().fallback(async move |request: axum::extract::Request| {
            let request = Request::read(request).await;
            passing.pass(format!("{:?}", request.endpoint), serve(&serving, request)).await
        }));
        let url = format!("http://{}", server.address);
        Self { url, killpoint, state, server }
    }

    /// Puts a wire in front of it.
    pub fn wire(&mut self) -> Wire {
        let wire = Wire::to(self.server.address);
        self.url = format!("http://{}", wire.address);
        wire
    }

    /// From now on it requires this value of `Authorization`.
    pub fn require(&self, authorization: &str) {
        self.lock().authorization = Some(authorization.to_owned());
    }

    /// From now on it refuses every other version of the API.
    pub fn insist_on(&self, version: &'static str) {
        self.lock().version = Some(version);
    }

    /// Changes its catalog.
    pub fn change_catalog(&self, change: impl FnOnce(&mut Value)) {
        change(&mut self.lock().catalog);
    }

    /// Sets the `metadata` of new bindings; `null` for none.
    pub fn lifetime(&self, metadata: Value) {
        self.lock().truth.metadata = metadata;
    }

    /// From now on every answer repeats the secrets that it knows.
    pub fn echo(&self) {
        self.lock().echo = Some(Echo::default());
    }

    /// From now on no asynchronous operation ends.
    pub fn stall(&self) {
        self.lock().truth.stalled = true;
    }

    /// Asynchronous operations end again at their next poll.
    pub fn go_on(&self) {
        self.lock().truth.stalled = false;
    }

    /// The next request to the endpoint that has no fault yet meets this one, without an effect.
    pub fn before(&self, endpoint: Endpoint, fault: Fault) {
        self.script(endpoint, When::Before, fault);
    }

    /// The next request to the endpoint that has no fault yet meets this one, after its effect.
    pub fn after(&self, endpoint: Endpoint, fault: Fault) {
        self.script(endpoint, When::After, fault);
    }

    /// The next request to the endpoint that has no fault yet waits at this gate.
    pub fn hold(&self, when: When, endpoint: Endpoint) -> Gate {
        let gate = Gate::default();
        self.script(endpoint, when, Fault::Hold(gate.clone()));
        gate
    }

    fn script(&self, endpoint: Endpoint, when: When, fault: Fault) {
        self.lock().script.entry(endpoint).or_default().push_back((when, fault));
    }

    /// Whether all scripted faults have occurred.
    pub fn is_script_over(&self) -> bool {
        self.lock().script.values().all(VecDeque::is_empty)
    }

    /// All requests to an endpoint so far.
    pub fn requests(&self, endpoint: Endpoint) -> Vec<Request> {
        self.lock().requests.iter().filter(|request| request.endpoint == endpoint).cloned().collect()
    }

    /// The ids of all provisions and binds so far, one for each attempt.
    pub fn ids(&self) -> [BTreeSet<String>; 2] {
        let instances = self.requests(Endpoint::Provision).into_iter().map(|request| request.instance);
        let bindings = self.requests(Endpoint::Bind).into_iter().map(|request| request.binding);
        [instances.collect(), bindings.collect()]
    }

    /// The only request to an endpoint so far.
    pub fn only(&self, endpoint: Endpoint) -> Request {
        let mut requests = self.requests(endpoint);
        assert_eq!(requests.len(), 1, "{requests:#?}");
        requests.remove(0)
    }

    /// All requests so far.
    pub fn all_requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    /// Executes a request directly, to prepare a test; returns the body of the answer.
    pub async fn execute(&self, method: &str, path: &str, body: Value) -> Value {
        let request = axum::extract::Request::builder().method(method).uri(path);
        let request = Request::read(request.body(Body::from(body.to_string())).unwrap()).await;
        self.lock().truth.answer(&request).1
    }

    /// The number of requests to an endpoint.
    pub fn calls(&self, endpoint: Endpoint) -> usize {
        self.requests(endpoint).len()
    }

    /// The number of all requests.
    pub fn all_calls(&self) -> usize {
        self.lock().requests.len()
    }

    /// The instances, by id.
    pub fn instances(&self) -> BTreeMap<String, Instance> {
        self.lock().truth.instances.clone()
    }

    /// The only instance.
    pub fn instance(&self) -> Instance {
        let mut instances = self.instances();
        assert_eq!(instances.len(), 1, "{instances:#?}");
        instances.pop_first().unwrap().1
    }

    /// The only binding, and its id.
    pub fn binding(&self) -> (String, Binding) {
        let mut bindings = self.instance().bindings;
        assert_eq!(bindings.len(), 1, "{bindings:#?}");
        bindings.pop_first().unwrap()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let violations = &self.lock().violations;
            assert!(violations.is_empty(), "the operator breaks the specification: {violations:#?}");
        }
    }
}

async fn serve(state: &Mutex<State>, request: Request) -> Response {
    let lock = || state.lock().unwrap();
    let _in_flight = InFlight::begin(state, &request);
    let fault = lock().receive(&request);
    let act = || lock().answer(&request);
    match fault {
        None => act(),
        Some((When::Before, Fault::Hold(gate))) => {
            gate.pass().await;
            act()
        }
        Some((When::After, Fault::Hold(gate))) => {
            let answer = act();
            gate.pass().await;
            answer
        }
        Some((when, fault)) => {
            let answer = (when == When::After).then(act);
            match fault {
                Fault::Answer(status, body) => respond(status, body),
                Fault::Echo(status) => {
                    let mut state = lock();
                    let credentials = state.credentials(&request);
                    let text = state.echo.get_or_insert_default().text(&request, &credentials);
                    respond(status, json!({"error": text, "description": text}).to_string())
                }
                Fault::Later(status, seconds) => {
                    let mut response = respond(status, json!({}).to_string());
                    response.headers_mut().insert("Retry-After", seconds.into());
                    response
                }
                Fault::Corrupt(corruption) => {
                    let mut response = answer.unwrap_or_else(|| respond(200, json!({}).to_string()));
                    let corruption = format!("{corruption:?}").parse().unwrap();
                    response.headers_mut().insert(CORRUPT, corruption);
                    response
                }
                // Close the connection: the panic silently ends the task that serves it.
                Fault::Close | Fault::Hold(_) => std::panic::resume_unwind(Box::new("closed")),
            }
        }
    }
}

impl State {
    /// Records and checks a request; returns its scripted fault.
    fn receive(&mut self, request: &Request) -> Option<(When, Fault)> {
        if self.authorization.as_deref().is_some_and(|wanted| request.header("Authorization") != Some(wanted))
        {
            let mut body = json!({"description": "wrong credentials"});
            if let Some(echo) = &mut self.echo {
                body["description"] = echo.text(request, &Value::Null).into();
            }
            return Some((When::Before, answer(401, &body)));
        }
        self.requests.push(request.clone());
        if self.version.is_some() && self.version != request.header("X-Broker-API-Version") {
            return Some((When::Before, answer(412, &json!({"description": "wrong version of the API"}))));
        }
        self.violations.extend(rules::violations(request, &self.catalog, &self.truth));
        self.script.get_mut(&request.endpoint).and_then(VecDeque::pop_front)
    }

    fn answer(&mut self, request: &Request) -> Response {
        let credentials = self.credentials(request);
        let mut answer = match request.endpoint {
            Endpoint::Catalog => (200, self.catalog.clone()),
            _ => self.truth.answer(request),
        };
        if let Some(echo) = &mut self.echo {
            echo.fill(request, &credentials, &mut answer);
        }
        respond(answer.0, answer.1.to_string())
    }

    /// The credentials of the binding that a request is about.
    fn credentials(&self, request: &Request) -> Value {
        let instance = self.truth.instances.get(&request.instance);
        let binding = instance.and_then(|instance| instance.bindings.get(&request.binding));
        binding.map(|binding| binding.credentials.clone()).unwrap_or_default()
    }
}

fn respond(status: u16, body: String) -> Response {
    Response::builder().status(status).body(Body::from(body)).unwrap()
}

/// A request in flight that changes an instance or its bindings. It ends when the caller has its answer or disconnects.
struct InFlight<'a>(Option<(&'a Mutex<State>, String)>);

impl<'a> InFlight<'a> {
    fn begin(state: &'a Mutex<State>, request: &Request) -> Self {
        if !request.endpoint.is_mutating() {
            return Self(None);
        }
        let mut state_now = state.lock().unwrap();
        let at_work = state_now.at_work.entry(request.instance.clone()).or_default();
        *at_work += 1;
        if *at_work > 1 {
            state_now.violations.push(format!("{request:?}: while another request changes the instance"));
        }
        Self(Some((state, request.instance.clone())))
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some((state, instance)) = &self.0 {
            *state.lock().unwrap().at_work.get_mut(instance).unwrap() -= 1;
        }
    }
}

/// The default catalog; `prefix` makes the ids unique. Plans whose id ends in `slow` work asynchronously.
pub fn catalog(prefix: &str) -> Value {
    let plan = |name: &str| json!({"id": format!("{prefix}{name}"), "name": name, "description": name});
    let with = |mut plan: Value, member: &str, value: bool| {
        plan[member] = value.into();
        plan
    };
    let service = |name: &str, plans: Value| {
        json!({
            "id": format!("{prefix}{name}-ID"), "name": name, "description": name, "bindable": true,
            "plan_updateable": true, "plans": plans,
        })
    };
    let database = service(
        "database",
        json!([
            plan("small"),
            with(plan("large"), "binding_rotatable", true),
            plan("slow"),
            with(plan("fixed"), "plan_updateable", false),
            with(plan("unbound"), "bindable", false),
        ]),
    );
    let queue = service("queue", json!([plan("only")]));
    let cache = service("cache", json!([plan("cache"), plan("cache-slow")]));
    json!({"services": [database, queue, with(cache, "bindings_retrievable", true)]})
}
