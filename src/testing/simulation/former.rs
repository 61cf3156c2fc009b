//! What if an operator is stopped while it leads, and goes on when another one has taken over? It may read, and it must
//! neither call the broker nor write.

use tokio::sync::oneshot;

use super::api;
use super::operator::{Inbox, Operator, Waiting};
use super::watches::RESOURCES;
use super::world::World;
use crate::osb;
use crate::osb::in_process::Response;

/// An operator that has led.
pub struct Former {
    operator: Operator,
    inbox: Inbox,
    /// What was under way when it was stopped; nothing any more when it has gone on.
    under_way: Option<Vec<UnderWay>>,
}

/// A request that was under way.
enum UnderWay {
    /// It was answered by the API server.
    Api(oneshot::Sender<Result<api::Answer, &'static str>>, Result<api::Answer, &'static str>),
    /// It was answered by the broker.
    Broker(oneshot::Sender<Result<Response, osb::Error>>, Result<Response, osb::Error>),
    /// It has passed the fence, and is sent when the operator goes on.
    Unsent(api::Request, oneshot::Sender<Result<api::Answer, &'static str>>),
}

impl Former {
    /// Whether it is still stopped.
    pub fn is_stopped(&self) -> bool {
        self.under_way.is_some()
    }
}

impl World {
    /// The operator is stopped in the middle of its work until its lease has run out, and another one takes over. Of what
    /// it had asked, `carried_out` says whether it is done at once.
    pub fn depose(&mut self, carried_out: impl Fn(&Waiting) -> bool) {
        let Some(operator) = self.operator.take() else { return };
        self.tell("the operator is stopped, and another one takes over");
        operator.depose();
        let mut under_way = Vec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            let done = carried_out(&waiting);
            if done {
                self.tell(format!("{}: is carried out after it was stopped", waiting.describe()));
            }
            under_way.push(match waiting {
                Waiting::Api(request, answer) if done => {
                    let answered = self.carry_out(&request);
                    UnderWay::Api(answer, Ok(answered))
                }
                // The garbage collector, which removes a Secret that comes too late, is not simulated.
                Waiting::Api(request, answer) if request.method == http::Method::POST => {
                    UnderWay::Api(answer, Err("connection reset"))
                }
                Waiting::Api(request, answer) => UnderWay::Unsent(request, answer),
                Waiting::Broker(request, answer) => {
                    self.broker.leave(&request);
                    let lost = osb::Error::NoAnswer { reason: "reset".to_owned() };
                    let answered = if done { self.broker.answer(&request, None) } else { Err(lost) };
                    UnderWay::Broker(answer, answered)
                }
            });
        }
        let inbox = std::mem::take(&mut self.inbox);
        self.former = Some(Former { operator, inbox, under_way: Some(under_way) });
        self.start();
    }

    /// The operator that was stopped goes on: it gets its answers, and learns what there is now.
    pub fn resume(&mut self) {
        let Some(under_way) = self.former.as_mut().and_then(|former| former.under_way.take()) else { return };
        self.tell("the operator that was stopped goes on");
        for request in under_way {
            match request {
                UnderWay::Api(answer, answered) => drop(answer.send(answered)),
                UnderWay::Broker(answer, answered) => drop(answer.send(answered)),
                UnderWay::Unsent(request, answer) => {
                    let answered = self.carry_out_late(&request);
                    let _ = answer.send(Ok(answered));
                }
            }
        }
        if let Some(former) = &mut self.former {
            (0..RESOURCES.len()).for_each(|watch| former.operator.relist(watch, &self.api));
        }
    }

    /// Who was deposed looks at most. Seen to fail with the fence removed from `Connection::call`.
    pub fn watch_former(&mut self) {
        let Some(former) = &self.former else { return };
        for waiting in former.inbox.take() {
            match waiting {
                Waiting::Api(request, answer) if request.method.is_safe() => {
                    let _ = answer.send(Ok(self.api.answer(&request)));
                }
                _ => self.broken.push(format!("fence: {} of one that was deposed", waiting.describe())),
            }
        }
    }
}
