//! The world of a simulation: an API server, a broker, an operator, and their requests, one at a time.

mod rest;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::api::{self, Api, Key};
use super::broker::Broker;
use super::denied::Denial;
use super::fault::Fault;
use super::former::Former;
use super::invariants::Finalized;
use super::operator::{Inbox, Operator, Waiting};
use super::truth::MARK;
use super::{NAMESPACE, chosen, explained, invariants, published};
use crate::reconcilers::clock;
use crate::reconcilers::kube_api::truncate;

/// A broken invariant: its number or name, a colon, and how it is broken.
pub type Broken = String;

/// An API server, a broker, and an operator.
pub struct World {
    /// The API server.
    pub api: Api,
    /// The broker.
    pub broker: Broker,
    /// The operator, unless it was killed.
    pub operator: Option<Operator>,
    /// A former leader that is still running.
    pub former: Option<Former>,
    /// The requests that wait for an answer.
    pub waiting: Vec<Waiting>,
    /// The steps so far, in words.
    pub story: Vec<String>,
    /// The invariants that were broken so far.
    pub broken: Vec<Broken>,
    /// What an admission policy refuses, as long as it is there.
    pub denial: Option<Denial>,
    /// Until when statuses may lack what could not be written.
    pub untold_until: Instant,
    silence: explained::Silence,
    /// The number of the operator's writes to the API server.
    pub writes: usize,
    /// Whether a user has changed or deleted the Secret of a binding.
    is_secret_touched: bool,
    /// The objects whose finalizer the operator has removed.
    finalized: Finalized,
    /// Where the operator's requests arrive.
    pub inbox: Inbox,
    began: Instant,
}

impl World {
    /// A world in which both brokers are registered and their catalogs published.
    pub fn new() -> Self {
        let mut world = Self::empty(super::catalog::published());
        world.broker.enter();
        world.start();
        world
    }

    /// A world without any broker object.
    pub fn without_brokers() -> Self {
        let mut world = Self::empty(Api::default());
        let namespace =
            Key { resource: "namespaces".to_owned(), namespace: String::new(), name: NAMESPACE.to_owned() };
        world.api.create(namespace, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {}}));
        world.start();
        world
    }

    fn empty(api: Api) -> Self {
        let began = Instant::now();
        clock::SIMULATED.set(Some(began));
        clock::JUMPED.set(0);
        let mut world = Self {
            api,
            broker: Broker::offering(super::catalog::offered()),
            operator: None,
            former: None,
            waiting: Vec::new(),
            story: Vec::new(),
            broken: Vec::new(),
            denial: None,
            untold_until: began,
            silence: explained::Silence::default(),
            writes: 0,
            is_secret_touched: false,
            finalized: Finalized::default(),
            inbox: Inbox::default(),
            began,
        };
        world.api.now = timestamp();
        world
    }

    /// Starts the operator.
    pub fn start(&mut self) {
        self.broker.disturb();
        self.broker.reset_callers();
        self.finalized = Finalized::default();
        self.operator = Some(Operator::start(&self.inbox, &self.api));
    }

    /// Adds a step to the story.
    pub fn record(&mut self, what: impl Into<String>) {
        let (seconds, what) = (self.began.elapsed().as_secs(), what.into());
        self.is_secret_touched |= what.contains("the Secret");
        self.story.push(format!("{seconds:>6} s  {what}"));
    }

    /// Lets the operator work until it only waits for answers. Events are answered at once.
    pub async fn settle(&mut self) {
        loop {
            sleep(Duration::from_millis(1)).await;
            self.api.now = timestamp();
            self.watch_former();
            let arrived = self.inbox.take();
            let mut answered = false;
            for waiting in arrived {
                match waiting {
                    Waiting::Api(request, answer) if request.path.contains("/events") => {
                        answered = true;
                        self.look_for_secrets(&request.body.to_string());
                        let _ = answer.send(Ok(self.api.answer(&request)));
                    }
                    Waiting::Broker(request, answer) => {
                        self.broken.extend(invariants::of_call(&request, &self.api));
                        self.broken.extend(chosen::of_call(&request, &self.api));
                        published::note(&mut self.broker, &self.api);
                        self.broker.receive(&request);
                        self.waiting.push(Waiting::Broker(request, answer));
                    }
                    Waiting::Api(request, answer) => {
                        let broken = published::of_request(&request, &self.api, || self.is_informed());
                        self.broken.extend(broken);
                        self.waiting.push(Waiting::Api(request, answer));
                    }
                }
            }
            if !answered {
                break;
            }
        }
        self.waiting.sort_by_cached_key(Waiting::order);
        self.broken.append(&mut self.broker.violations);
    }

    /// Answers a request without a fault.
    pub fn answer(&mut self, index: usize) {
        self.finish(index, None);
    }

    /// Answers a request to the broker with a fault.
    pub fn inject(&mut self, index: usize, fault: &Fault) {
        self.broker.disturb();
        self.finish(index, Some(fault));
    }

    fn finish(&mut self, index: usize, fault: Option<&Fault>) {
        if self.is_denied(index) {
            return self.refuse(index, (403, "Forbidden"));
        }
        let waiting = self.waiting.remove(index);
        let what = waiting.describe();
        match waiting {
            Waiting::Api(request, answer) => {
                let answered = self.carry_out(&request);
                self.record(format!("{what}: {}", answered.0));
                self.broken.extend(self.finalized.of_answer(&request, answered.0, &self.api));
                let _ = answer.send(Ok(answered));
            }
            Waiting::Broker(request, answer) => {
                published::note(&mut self.broker, &self.api);
                self.broker.leave(&request);
                let seen = self.broker.answer(&request, fault);
                let result = match &seen {
                    Ok(response) => {
                        let body = String::from_utf8_lossy(response.head_and_body.body()).into_owned();
                        format!("{} {}", response.head_and_body.status().as_u16(), truncate(&body, 60))
                    }
                    Err(error) => error.to_string(),
                };
                let fault = fault.map(|fault| format!("  ({})", fault.name)).unwrap_or_default();
                self.record(format!("broker: {what}: {result}{fault}"));
                let _ = answer.send(seen);
                self.broken.extend(invariants::of_broker(&self.broker, &self.api));
            }
        }
    }

    /// Executes a request to the API server.
    pub fn carry_out(&mut self, request: &api::Request) -> api::Answer {
        let before = published::before(request, &self.api);
        let answer = self.carry_out_late(request);
        if matches!(answer.0, 200..300) {
            self.broken.extend(published::of_write(request, before.as_ref(), &self.api, &mut self.broker));
        }
        answer
    }

    /// The same for a request that a suspended leader sends after it resumes. The invariants of classes and plans do
    /// not apply to it: another replica may have published a newer catalog meanwhile.
    pub fn carry_out_late(&mut self, request: &api::Request) -> api::Answer {
        if !request.method.is_safe() {
            self.writes += 1;
            if !request.path.contains("/secrets") {
                self.look_for_secrets(&request.body.to_string());
            }
        }
        let answer = self.api.answer(request);
        if !self.is_secret_touched {
            self.broken.extend(invariants::of_write(request, &self.api, &self.broker));
        }
        answer
    }

    /// Fails a request to the API server without an answer, whether it was executed (`carried_out`) or not.
    pub fn lose(&mut self, index: usize, carried_out: bool) {
        let waiting = self.waiting.remove(index);
        let what = waiting.describe();
        let Waiting::Api(request, answer) = waiting else { return };
        self.broker.disturb();
        let how = if carried_out { "the answer is lost" } else { "the request is lost" };
        self.record(format!("{what}: {how}"));
        if carried_out {
            self.carry_out(&request);
        }
        let _ = answer.send(Err("connection reset"));
    }

    /// Whether the API server may refuse a request for good: a write of an instance, a binding or a Secret.
    pub fn is_refusable(&self, index: usize) -> bool {
        let resources = ["/serviceinstances", "/servicebindings", "/secrets"];
        matches!(self.waiting.get(index), Some(Waiting::Api(request, _))
            if !request.method.is_safe() && resources.iter().any(|resource| request.path.contains(resource)))
    }

    fn is_denied(&self, index: usize) -> bool {
        let denies = |denial: &Denial| matches!(&self.waiting[index], Waiting::Api(request, _) if denial.concerns(request));
        self.denial.as_ref().is_some_and(denies)
    }

    /// Refuses a request to the API server.
    pub fn refuse(&mut self, index: usize, (code, reason): (u16, &str)) {
        let waiting = self.waiting.remove(index);
        self.record(format!("{}: {code} {reason}", waiting.describe()));
        if let Waiting::Api(_, answer) = waiting {
            self.broker.disturb();
            let _ = answer.send(Ok(api::failure(code, reason)));
        }
    }

    /// Sets the clock of the cluster forward, or back.
    pub fn set_clock(&mut self, seconds: i64) {
        clock::JUMPED.set(clock::JUMPED.get() + seconds);
        self.broker.disturb();
        self.record(format!("the clock is set by {seconds} s"));
    }

    /// Kills the operator. `carried_out` says which of its requests are executed nevertheless.
    pub fn crash(&mut self, carried_out: impl Fn(&Waiting) -> bool) {
        self.record("the operator is killed");
        self.operator = None;
        for waiting in std::mem::take(&mut self.waiting) {
            let done = carried_out(&waiting);
            if done {
                let what = waiting.describe();
                self.record(format!("{what}: is executed after the operator was killed"));
            }
            match waiting {
                Waiting::Api(request, _) if done => drop(self.carry_out(&request)),
                Waiting::Broker(request, _) => {
                    self.broker.leave(&request);
                    if done {
                        let _ = self.broker.answer_in_vain(&request, None);
                    }
                }
                Waiting::Api(..) => {}
            }
        }
        self.inbox.take();
    }

    /// The broken invariants and the story, at the end of a scenario.
    pub fn end(&mut self) -> (Vec<Broken>, Vec<String>) {
        (std::mem::take(&mut self.broken), std::mem::take(&mut self.story))
    }

    /// I10: secret values occur in Secrets only.
    fn look_for_secrets(&mut self, text: &str) {
        if text.contains(MARK) || text.contains("hunter2") {
            self.broken.push(format!("I10: a secret value leaks: {text}"));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        clock::SIMULATED.set(None);
        clock::JUMPED.set(0);
    }
}

fn timestamp() -> String {
    let now: Timestamp = clock::now().0;
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
