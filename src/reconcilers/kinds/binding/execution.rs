//! How is the broker of a binding asked?

use super::Facts;
use crate::crd::ServiceBinding;
use crate::crd::binding::{BindingOperation, BindingProperties};
use crate::crd::operation::BoundInstance;
use crate::domain::Outcome;
use crate::domain::binding::{Call, Verb};
use crate::domain::request::{self, Origin};
use crate::osb::{self, BindResponse, LastOperationQuery, OriginatingIdentity, PlanQuery, Reply, State};
use crate::reconcilers::broker_access::connections::{Brokers, Connection};
use crate::reconcilers::context::Context;
use crate::reconcilers::error::Error;
use crate::reconcilers::kinds::instance::done;

/// What came of a call that gives credentials.
enum Given {
    Credentials(Box<BindResponse>),
    Outcome(Outcome),
}

/// A call about a binding, and what is needed for it.
pub(super) struct Execution<'a> {
    pub(super) context: &'a Context,
    pub(super) binding: &'a ServiceBinding,
    pub(super) facts: &'a Facts,
    pub(super) namespace: &'a str,
}

impl Execution<'_> {
    /// Asks, and stores what is given.
    pub(super) async fn run(&self, call: &Call) -> Result<Outcome, Error> {
        if call.verb == Verb::Adopt {
            return self.adopt().await;
        }
        let prepared = match call.verb {
            Verb::Bind => match self.prepare().await? {
                Ok(prepared) => Some(prepared),
                Err(why) => return Ok(Outcome::NotAsked(why)),
            },
            _ => None,
        };
        let BoundInstance { broker_name, namespaced, .. } = &call.instance;
        let connection = match Brokers::find(self.context, (*namespaced, self.namespace, broker_name)).await {
            Ok(connection) => connection,
            Err(Error::Broker(why)) => return Ok(Outcome::NotAsked(why)),
            Err(error) => return Err(error),
        };
        let name = self.binding.spec.instance_ref.name.clone();
        let origin = self.context.origin(self.namespace, name).await?;
        match self.ask(&connection, call, &origin).await? {
            Err(error) => Ok(Outcome::Failed(error)),
            Ok(Given::Outcome(outcome)) => Ok(outcome),
            Ok(Given::Credentials(body)) => self.store(*body, prepared).await,
        }
    }

    async fn ask(
        &self,
        connection: &Connection,
        call: &Call,
        origin: &Origin,
    ) -> Result<Result<Given, osb::Error>, Error> {
        let identity = request::identity(self.binding.spec.user_info.as_ref());
        let identity = identity.as_ref();
        let (instance, id) = (call.instance.id.as_str(), call.binding_id.as_str());
        let plan = PlanQuery {
            service_id: call.instance.service_id.clone(),
            plan_id: call.instance.plan_id.clone(),
        };
        connection
            .call(self.namespace, async |broker| match &call.verb {
                Verb::Bind => self.bind(broker, call, origin, identity).await,
                Verb::Fetch | Verb::Adopt => {
                    let body = broker.fetch_binding(instance, id, &plan, identity).await?;
                    Ok(Given::Credentials(Box::new(body)))
                }
                Verb::Unbind | Verb::Mitigate => {
                    Ok(Given::Outcome(done(broker.unbind(instance, id, &plan, identity).await?, |()| None)))
                }
                Verb::Poll(operation) | Verb::PollMitigation(operation) => {
                    let PlanQuery { service_id, plan_id } = plan.clone();
                    let query = LastOperationQuery { service_id, plan_id, operation: operation.clone() };
                    let last = broker.poll_binding(instance, id, &query, identity).await?;
                    if last.state == State::Succeeded && self.is_being_made(call) {
                        let body = broker.fetch_binding(instance, id, &plan, identity).await?;
                        return Ok(Given::Credentials(Box::new(body)));
                    }
                    Ok(Given::Outcome(Outcome::Polled(last)))
                }
            })
            .await
    }

    fn is_being_made(&self, call: &Call) -> bool {
        let status = self.binding.status.as_ref();
        let operation = status.and_then(|status| status.current_operation);
        matches!(call.verb, Verb::Poll(_))
            && matches!(operation, Some(BindingOperation::Bind | BindingOperation::Rotate))
    }

    /// What the intent says of it.
    fn wish(&self) -> Option<&BindingProperties> {
        self.binding.status.as_ref()?.in_progress_properties.as_ref()
    }

    async fn bind(
        &self,
        broker: &osb::Client,
        call: &Call,
        origin: &Origin,
        identity: Option<&OriginatingIdentity>,
    ) -> Result<Given, osb::Error> {
        let parameters = self.facts.parameters.as_ref().map(|parameters| parameters.values.0.clone());
        let body = request::bind(call, origin, self.wish(), &parameters.unwrap_or_default());
        let retrievable = self.facts.offering.retrievable;
        match broker.bind(&call.instance.id, &call.binding_id, &body, retrievable, identity).await? {
            Reply::Done(body) => Ok(Given::Credentials(Box::new(body))),
            Reply::InProgress { operation, .. } => {
                Ok(Given::Outcome(Outcome::InProgress { operation, dashboard_url: None }))
            }
        }
    }
}
