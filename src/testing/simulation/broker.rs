//! The simulated broker: the model of `truth`, with the injected faults and no others.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Value, json};

use super::door::Door;
use super::fault::{Effect, Fault, Seen};
use super::half::{HALVES, Half};
use super::request::{Endpoint, Request};
use super::rules;
use super::truth::Truth;
use super::users::GIVEN;
use crate::osb;
use crate::osb::in_process::Response;

/// A broker.
#[derive(Debug, Default)]
pub struct Broker {
    /// Its state.
    pub truth: Truth,
    doors: [Door; HALVES.len()],
    /// Everything that it has ever offered, against which requests are checked.
    offered: Value,
    /// The rules that its callers have broken.
    pub violations: Vec<String>,
    /// The number of requests that change something.
    pub changes: usize,
    /// The number of requests.
    pub calls: usize,
    /// The requests that it executes after the caller has stopped waiting.
    pub late: Vec<Request>,
    /// The ids whose deletion it has confirmed.
    pub gone: BTreeSet<String>,
    /// The number of requests that remove something.
    pub removals: usize,
    /// Whether it returns the credentials of a binding only once: a bind that is repeated is answered without them.
    pub forgets_credentials: bool,
    at_work: BTreeMap<String, usize>,
}

impl Broker {
    /// A broker without instances, which offers this catalog at both of its addresses.
    pub fn offering(catalog: Value) -> Self {
        let doors = HALVES.map(|_| Door::offering(catalog.clone()));
        Self { doors, offered: catalog, ..Self::default() }
    }

    /// The address that the broker object of this half uses.
    pub fn door(&self, half: Half) -> &Door {
        &self.doors[half as usize]
    }

    /// The same, to be changed.
    pub fn door_mut(&mut self, half: Half) -> &mut Door {
        &mut self.doors[half as usize]
    }

    /// Its catalogs are published already.
    pub fn enter(&mut self) {
        self.doors.iter_mut().for_each(Door::enter);
    }

    /// Something has happened that may be a reason to fetch catalogs again.
    pub fn disturb(&mut self) {
        self.doors.iter_mut().for_each(|door| door.disturb(1));
    }

    /// Receives a request, and checks it.
    pub fn receive(&mut self, request: &Request) {
        self.calls += 1;
        let violations = self.door_mut(Half::of_request(request)).receive(request);
        self.violations.extend(violations);
        let mut violations = rules::violations(request, &self.offered, &self.truth);
        if !self.door(Half::of_request(request)).is_published {
            // Without the class, the operator cannot know whether bindings can be fetched, and assumes that they
            // cannot.
            violations.retain(|violation| !violation.ends_with(rules::ONLY_WHAT_CAN_BE_FETCHED));
        }
        let bindings = self.truth.instances.get(&request.instance).map(|instance| &instance.bindings);
        if bindings.is_some_and(|bindings| bindings.keys().all(|id| id.starts_with(GIVEN))) {
            violations.retain(|violation| !violation.ends_with(rules::BINDINGS_FIRST));
        }
        self.violations.extend(violations);
        if request.endpoint.is_mutating() {
            self.changes += 1;
            let removes = matches!(request.endpoint, Endpoint::Deprovision | Endpoint::Unbind);
            self.removals += usize::from(removes);
            let at_work = self.at_work.entry(request.instance.clone()).or_default();
            *at_work += 1;
            if *at_work > 1 {
                self.violations.push(format!("{request:?}: while another request changes the instance"));
            }
        }
    }

    /// The caller has its answer, or has stopped waiting.
    pub fn leave(&mut self, request: &Request) {
        if let Some(at_work) = self.at_work.get_mut(&request.instance) {
            *at_work = at_work.saturating_sub(usize::from(request.endpoint.is_mutating()));
        }
    }

    /// Its callers are new from now on.
    pub fn reset_callers(&mut self) {
        self.doors.iter_mut().for_each(Door::reset_callers);
    }

    /// Executes the request as far as the fault lets it, and answers.
    pub fn answer(&mut self, request: &Request, fault: Option<&Fault>) -> Result<Response, osb::Error> {
        let answer = self.answer_in_vain(request, fault);
        let is_whole =
            fault.is_none() && matches!(&answer, Ok(answer) if answer.head_and_body.status() == 200);
        if request.endpoint == Endpoint::Catalog && is_whole {
            self.door_mut(Half::of_request(request)).answered();
        }
        answer
    }

    /// The same for a caller that does not hear the answer: it learns of no catalog.
    pub fn answer_in_vain(
        &mut self,
        request: &Request,
        fault: Option<&Fault>,
    ) -> Result<Response, osb::Error> {
        let door = self.door_mut(Half::of_request(request));
        let unreachable = door.is_unreachable(request);
        let refuses = door.refuses(request);
        if unreachable != Ok(false) {
            self.violations.extend(unreachable.err());
            return Err(osb::Error::Unreachable { reason: "refused".to_owned() });
        }
        if refuses {
            return Ok(response(401, r#"{"description": "wrong credentials"}"#, None, None));
        }
        if let Some(busy) = self.busy(request) {
            return Ok(busy);
        }
        let Some(fault) = fault else {
            let (status, body) = self.perform(request);
            return Ok(response(status, &body.to_string(), None, None));
        };
        match fault.effect {
            Effect::None => {}
            Effect::Before => {
                self.perform(request);
                if matches!(fault.seen, Seen::Answer(200 | 201, ..) | Seen::Cut(200 | 201, _)) {
                    self.truth.finish(request);
                }
            }
            Effect::Late => self.late.push(request.clone()),
        }
        if let Some(delay) = fault.seen.retry_after() {
            let half = Half::of_request(request);
            let is_for_all = half == Half::Namespaced || request.endpoint == Endpoint::Catalog;
            self.door_mut(half).suspend_calls(delay, is_for_all);
        }
        match &fault.seen {
            Seen::Answer(status, body, after) => Ok(response(*status, body, *after, None)),
            Seen::Cut(status, defect) => Ok(response(*status, "{", None, Some(*defect))),
            Seen::State(state) => Ok(response(200, &json!({"state": state}).to_string(), None, None)),
            Seen::Unreachable => Err(osb::Error::Unreachable { reason: "refused".to_owned() }),
            Seen::Silence => Err(osb::Error::NoAnswer { reason: "timeout".to_owned() }),
            Seen::Reset => Err(osb::Error::NoAnswer { reason: "reset".to_owned() }),
            Seen::Failed => {
                self.truth.fail(request, fault.effect == Effect::Before);
                let failed = json!({"state": "failed", "description": "out of stock"});
                Ok(response(200, &failed.to_string(), None, None))
            }
        }
    }

    /// Executes the oldest request whose caller has stopped waiting.
    pub fn catch_up(&mut self) -> Option<String> {
        let request = (!self.late.is_empty()).then(|| self.late.remove(0))?;
        self.perform(&request);
        Some(format!("{:?} {}", request.endpoint, id(&request)))
    }

    /// The answer while a late request for the same instance is still pending.
    fn busy(&self, request: &Request) -> Option<Response> {
        let working = self.late.iter().any(|late| late.instance == request.instance);
        let body = match request.endpoint {
            _ if !working => return None,
            Endpoint::PollInstance | Endpoint::PollBinding => {
                return Some(response(200, &json!({"state": "in progress"}).to_string(), None, None));
            }
            _ if request.endpoint.is_mutating() => json!({"error": "ConcurrencyError"}),
            _ => return None,
        };
        Some(response(422, &body.to_string(), None, None))
    }

    fn perform(&mut self, request: &Request) -> (u16, Value) {
        let mut answer = match request.endpoint {
            Endpoint::Catalog => (200, self.door_mut(Half::of_request(request)).catalog.clone()),
            _ => self.truth.answer(request),
        };
        if request.endpoint == Endpoint::Bind
            && answer.0 == 200
            && let Some(body) = answer.1.as_object_mut().filter(|_| self.forgets_credentials)
        {
            body.remove("credentials");
        }
        if matches!(request.endpoint, Endpoint::Provision | Endpoint::Bind)
            && matches!(answer.0, 200..300)
            && self.gone.contains(id(request))
        {
            self.violations.push(format!("{request:?}: the id of a removed object is used again"));
        }
        if matches!(request.endpoint, Endpoint::Deprovision | Endpoint::Unbind) && answer.0 == 200 {
            self.gone.insert(id(request).to_owned());
        }
        answer
    }
}

/// The id of the binding or instance that a request is about.
pub fn id(request: &Request) -> &str {
    if request.binding.is_empty() { &request.instance } else { &request.binding }
}

fn response(status: u16, body: &str, retry_after: Option<&str>, defect: Option<&str>) -> Response {
    let mut response = http::Response::new(Bytes::from(body.to_owned()));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    if let Some(after) = retry_after {
        response.headers_mut().insert(http::header::RETRY_AFTER, after.parse().unwrap());
    }
    Response { head_and_body: response, defect: defect.map(str::to_owned) }
}
