//! What does a broker answer, and what is really there? It makes no mistakes but those it is told to make.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::fault::{Effect, Fault, Seen};
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
    catalog: Value,
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
    /// Until when it wants to be left alone, as whoever calls it was told.
    alone: Option<Instant>,
    /// Until when it cannot be reached, and how often that was tried.
    away: Option<(Instant, usize)>,
}

/// How often a broker that cannot be reached is tried by one operator at most: by all that ask at the same time, then at
/// the end of each pause.
const TRIES: usize = 20;

impl Broker {
    /// A broker that has nothing yet.
    pub fn offering(catalog: Value) -> Self {
        Self { catalog, ..Self::default() }
    }

    /// A request has arrived.
    pub fn receive(&mut self, request: &Request) {
        self.calls += 1;
        // Broken on purpose: with a gate that lets everybody through. What is fetched belongs to a call that was under way.
        let goes_on = request.endpoint == Endpoint::FetchBinding;
        if self.alone.is_some_and(|until| Instant::now() < until) && !goes_on {
            self.violations.push(format!("I8: {request:?}: before the broker wants to be asked again"));
        }
        self.violations.extend(rules::violations(request, &self.catalog, &self.truth));
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

    /// From now on it cannot be reached for so long.
    pub fn go_away(&mut self, delay: Duration) {
        self.away = Some((Instant::now() + delay, 0));
    }

    /// Whoever calls it from now on was not told to leave it alone, and has not found out by trying.
    pub fn forget_caller(&mut self) {
        self.alone = None;
        self.away = self.away.map(|(until, _)| (until, 0));
    }

    /// Does what is asked, as far as the fault lets it, and answers.
    pub fn answer(&mut self, request: &Request, fault: Option<&Fault>) -> Result<Response, osb::Error> {
        if let Some((until, tries)) = &mut self.away
            && Instant::now() < *until
        {
            *tries += 1;
            if *tries > TRIES {
                self.violations.push(format!("I8: {request:?}: it was tried too often"));
            }
            return Err(osb::Error::Unreachable { reason: "refused".to_owned() });
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
        self.alone = fault.seen.asks_to_wait().map(|delay| Instant::now() + delay).or(self.alone);
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
            Endpoint::Catalog => (200, self.catalog.clone()),
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
