//! A leader is suspended (`SIGSTOP`, a stalled machine) until another replica has taken over, and then resumes. The
//! leadership fence must keep it from writing and from calling the broker; it may still read.

use tokio::sync::oneshot;

use super::api;
use super::half::Half;
use super::operator::{Inbox, Operator, Waiting};
use super::platform;
use super::watches::RESOURCES;
use super::world::World;
use crate::osb;
use crate::osb::in_process::Response;

/// A former leader.
pub struct Former {
    operator: Operator,
    inbox: Inbox,
    /// The requests that were in flight when it was suspended; `None` after it has resumed.
    in_flight: Option<Vec<InFlight>>,
}

/// A request that was in flight.
enum InFlight {
    /// The API server has answered it.
    Api(oneshot::Sender<Result<api::Answer, &'static str>>, Result<api::Answer, &'static str>),
    /// The broker has answered it.
    Broker(oneshot::Sender<Result<Response, osb::Error>>, Result<Response, osb::Error>),
    /// It has passed the fence, and is sent when the operator resumes.
    Unsent(api::Request, oneshot::Sender<Result<api::Answer, &'static str>>),
}

impl Former {
    /// Whether it is still suspended.
    pub fn is_suspended(&self) -> bool {
        self.in_flight.is_some()
    }
}

impl World {
    /// Suspends the operator in the middle of its work until its lease has expired and another replica takes over.
    /// `carried_out` says which of its requests are executed at once.
    pub fn depose(&mut self, carried_out: impl Fn(&Waiting) -> bool) {
        let Some(operator) = self.operator.take() else { return };
        self.record("the operator is suspended, and another replica takes over");
        operator.depose();
        let mut in_flight = Vec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            let done = carried_out(&waiting);
            if done {
                self.record(format!("{}: is executed after the operator was suspended", waiting.describe()));
            }
            in_flight.push(match waiting {
                Waiting::Api(request, answer) if done => {
                    let answered = self.carry_out(&request);
                    InFlight::Api(answer, Ok(answered))
                }
                // The garbage collector, which would remove a Secret that is created too late, is not simulated.
                Waiting::Api(request, answer) if request.method == http::Method::POST => {
                    InFlight::Api(answer, Err("connection reset"))
                }
                Waiting::Api(request, answer) => InFlight::Unsent(request, answer),
                Waiting::Broker(request, answer) => {
                    self.broker.leave(&request);
                    let lost = osb::Error::NoAnswer { reason: "reset".to_owned() };
                    let answered = if done { self.broker.answer_in_vain(&request, None) } else { Err(lost) };
                    InFlight::Broker(answer, answered)
                }
            });
        }
        let inbox = std::mem::take(&mut self.inbox);
        self.former = Some(Former { operator, inbox, in_flight: Some(in_flight) });
        self.start();
    }

    /// The suspended operator resumes: it receives its answers, and its watches relist. What it has sent late to a class or
    /// plan stays until the next relist, because the API server cannot know that it is late.
    pub fn resume(&mut self) {
        let Some(in_flight) = self.former.as_mut().and_then(|former| former.in_flight.take()) else { return };
        self.record("the suspended operator resumes");
        let mut relisted = Vec::new();
        for request in in_flight {
            match request {
                InFlight::Api(answer, answered) => drop(answer.send(answered)),
                InFlight::Broker(answer, answered) => drop(answer.send(answered)),
                InFlight::Unsent(request, answer) => {
                    let of_entry = request.path.split('/').find_map(Half::of_resource);
                    relisted.extend(of_entry.filter(|(_, kind)| *kind != "brokers").map(|(half, _)| half));
                    let answered = self.carry_out_late(&request);
                    let _ = answer.send(Ok(answered));
                }
            }
        }
        for half in relisted {
            platform::relist(self, half);
            self.broker.door_mut(half).disturb(2);
        }
        if let Some(former) = &mut self.former {
            (0..RESOURCES.len()).for_each(|watch| former.operator.relist(watch, &self.api));
        }
    }

    /// A former leader only reads. Seen to fail with the fence removed from `Connection::call`.
    pub fn watch_former(&mut self) {
        let Some(former) = &self.former else { return };
        for waiting in former.inbox.take() {
            match waiting {
                Waiting::Api(request, answer) if request.method.is_safe() => {
                    let _ = answer.send(Ok(self.api.answer(&request)));
                }
                _ => self.broken.push(format!("fence: {} of a former leader", waiting.describe())),
            }
        }
    }
}
