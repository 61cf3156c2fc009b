//! What does a broker answer, and what is really there? It makes no mistakes but those it is told to make.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Value, json};

use super::door::Door;
use super::fault::{Effect, Fault, Seen};
use super::half::{HALVES, Half};
use super::request::{Endpoint, Request};
use super::rules;
use super::truth::Truth;
use crate::osb;
use crate::osb::in_process::Response;

/// A broker.
#[derive(Debug, Default)]
pub struct Broker {
    /// What there is.
    pub truth: Truth,
    doors: [Door; HALVES.len()],
    /// All that it has ever had to offer, by which it judges its callers.
    offered: Value,
    /// What its callers have done wrong.
    pub violations: Vec<String>,
    /// How often it was asked to change something.
    pub changes: usize,
    /// How often it was asked anything.
    pub calls: usize,
    /// What will be done when the caller has gone.
    pub late: Vec<Request>,
    /// The ids that a deletion was confirmed of.
    pub gone: BTreeSet<String>,
    /// How often it was asked to remove something.
    pub removals: usize,
    at_work: BTreeMap<String, usize>,
}

impl Broker {
    /// A broker that has nothing yet, and offers this at both of its addresses.
    pub fn offering(catalog: Value) -> Self {
        let doors = HALVES.map(|_| Door::offering(catalog.clone()));
        Self { doors, offered: catalog, ..Self::default() }
    }

    /// Where the broker object of this half reaches it.
    pub fn door(&self, half: Half) -> &Door {
        &self.doors[half as usize]
    }

    /// The same, to be changed.
    pub fn door_mut(&mut self, half: Half) -> &mut Door {
        &mut self.doors[half as usize]
    }

    /// What it offers was published before.
    pub fn enter(&mut self) {
        self.doors.iter_mut().for_each(Door::enter);
    }

    /// Something has happened that may be a reason to fetch catalogs again.
    pub fn disturb(&mut self) {
        self.doors.iter_mut().for_each(|door| door.disturb(1));
    }

    /// A request has arrived.
    pub fn receive(&mut self, request: &Request) {
        self.calls += 1;
        let complaints = self.door_mut(Half::of_request(request)).receive(request);
        self.violations.extend(complaints);
        let mut violations = rules::violations(request, &self.offered, &self.truth);
        if !self.door(Half::of_request(request)).is_published {
            // The operator cannot know any more which bindings can be fetched, and asks as if none could.
            violations.retain(|violation| !violation.ends_with(rules::ONLY_WHAT_CAN_BE_FETCHED));
        }
        self.violations.extend(violations);
        if request.endpoint.changes_something() {
            self.changes += 1;
            let removes = matches!(request.endpoint, Endpoint::Deprovision | Endpoint::Unbind);
            self.removals += usize::from(removes);
            let at_work = self.at_work.entry(request.instance.clone()).or_default();
            *at_work += 1;
            if *at_work > 1 {
                self.violations.push(format!("{request:?}: while another one changes the instance"));
            }
        }
    }

    /// The caller has its answer, or has gone.
    pub fn leave(&mut self, request: &Request) {
        if let Some(at_work) = self.at_work.get_mut(&request.instance) {
            *at_work = at_work.saturating_sub(usize::from(request.endpoint.changes_something()));
        }
    }

    /// Whoever calls it from now on was told nothing.
    pub fn forget_caller(&mut self) {
        self.doors.iter_mut().for_each(Door::forget_caller);
    }

    /// Does what is asked, as far as the fault lets it, and answers.
    pub fn answer(&mut self, request: &Request, fault: Option<&Fault>) -> Result<Response, osb::Error> {
        let door = self.door_mut(Half::of_request(request));
        let away = door.is_away(request);
        let refuses = door.refuses(request);
        if away != Ok(false) {
            self.violations.extend(away.err());
            return Err(osb::Error::Unreachable { reason: "refused".to_owned() });
        }
        if refuses {
            return Ok(response(401, r#"{"description": "who is that?"}"#, None, None));
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
        if let Some(delay) = fault.seen.asks_to_wait() {
            self.door_mut(Half::of_request(request)).stay_alone(delay);
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

    /// Something that was asked long ago is done now.
    pub fn catch_up(&mut self) -> Option<String> {
        let request = (!self.late.is_empty()).then(|| self.late.remove(0))?;
        self.perform(&request);
        Some(format!("{:?} {}", request.endpoint, id(&request)))
    }

    /// A broker that still works on something says so.
    fn busy(&self, request: &Request) -> Option<Response> {
        let working = self.late.iter().any(|late| late.instance == request.instance);
        let body = match request.endpoint {
            _ if !working => return None,
            Endpoint::PollInstance | Endpoint::PollBinding => {
                return Some(response(200, &json!({"state": "in progress"}).to_string(), None, None));
            }
            _ if request.endpoint.changes_something() => json!({"error": "ConcurrencyError"}),
            _ => return None,
        };
        Some(response(422, &body.to_string(), None, None))
    }

    fn perform(&mut self, request: &Request) -> (u16, Value) {
        let answer = match request.endpoint {
            Endpoint::Catalog => (200, self.door_mut(Half::of_request(request)).answer()),
            _ => self.truth.answer(request),
        };
        if matches!(request.endpoint, Endpoint::Provision | Endpoint::Bind)
            && matches!(answer.0, 200..300)
            && self.gone.contains(id(request))
        {
            self.violations.push(format!("{request:?}: the id of something that was removed is used again"));
        }
        if matches!(request.endpoint, Endpoint::Deprovision | Endpoint::Unbind) && answer.0 == 200 {
            self.gone.insert(id(request).to_owned());
        }
        answer
    }
}

/// The id of what a request is about.
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
