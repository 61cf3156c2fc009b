//! Executes a call about a binding. The entry point is [`Execution::run`].

use kube::ResourceExt as _;

use super::storage::Storage;
use crate::crd::binding::{BindingOperation, BindingProperties};
use crate::crd::operation::BoundInstance;
use crate::domain::Outcome;
use crate::domain::binding::{Call, Verb};
use crate::domain::parameters::Parameters;
use crate::domain::request::{self, Origin};
use crate::osb::{
    self, BindResponse, LastOperationQuery, OperationState, OriginatingIdentity, PlanQuery, Reply,
};
use crate::reconcilers::broker_access::call_gate::BrokerReply;
use crate::reconcilers::broker_access::connections::BrokerName;
use crate::reconcilers::broker_access::origin::origin;
use crate::reconcilers::broker_access::reply::{SecretValues, not_called, outcome_of, without_secrets};
use crate::reconcilers::error::{Error, Explained};

/// The reply to a call that may return credentials.
enum Received {
    Credentials(Box<BindResponse>),
    Outcome(Outcome),
}

/// Everything that is needed to execute a call about a binding.
pub(super) struct Execution<'a> {
    /// Where the credentials go.
    pub(super) storage: Storage<'a>,
    /// The parameters of the spec, merged.
    pub(super) parameters: &'a Explained<Parameters>,
    /// Whether the broker can return the credentials again (OSB, `bindings_retrievable`).
    pub(super) retrievable: bool,
    /// Whether the broker may have received the call before.
    pub(super) may_be_retry: bool,
}

impl Execution<'_> {
    /// Calls the broker, and stores the credentials that it returns.
    pub(super) async fn run(&self, call: &Call) -> Result<Outcome, Error> {
        if call.verb == Verb::Adopt {
            return self.storage.adopt().await;
        }
        let slot = match call.verb {
            Verb::Bind | Verb::Fetch => match self.storage.prepare().await? {
                Ok(slot) => Some(slot),
                Err(why) => return Ok(Outcome::NotCalled(why)),
            },
            _ => None,
        };
        let Storage { context, binding, namespace, .. } = self.storage;
        let BoundInstance { broker_name, namespaced, .. } = &call.instance;
        let broker = BrokerName::seen_from(namespace, *namespaced, broker_name);
        let connection = match context.connection(&broker).await {
            Ok(connection) => connection,
            Err(error) => return not_called(&context.caches, &broker, error),
        };
        let (cluster_id, name) = (&context.settings.cluster_id, &binding.spec.instance_ref.name);
        let origin = origin(&context.api, &context.caches, cluster_id, namespace, name).await?;
        // Large credentials take memory until they are in the Secret.
        let memory = connection.reserve();
        let send = async |broker: &osb::Client| self.send(&broker.reserving(&memory), call, &origin).await;
        let outcome = match connection.call(namespace, send).await? {
            Err(error) => Outcome::Failed(error),
            Ok(Received::Outcome(outcome)) => outcome,
            Ok(Received::Credentials(body)) => {
                let is_repeated = call.verb == Verb::Bind && !body.is_new && self.may_repeat(call);
                return self.storage.store(*body, slot, is_repeated).await;
            }
        };
        let work = (&context.tenant_work, namespace);
        without_secrets(outcome, &connection, work, self.secrets(call)).await
    }

    /// The secret values that the broker may repeat: the parameters that come from Secrets, and the credentials. Those
    /// of a predecessor are not known any more.
    async fn secrets(&self, call: &Call) -> SecretValues {
        let Storage { context, binding, namespace, .. } = self.storage;
        let status = binding.status.as_ref();
        let is_bound = status.is_some_and(|status| status.external_properties.is_some());
        let credentials = match &call.verb {
            Verb::Mitigate | Verb::PollMitigation(_) if is_bound => return None,
            _ if is_bound => context.binding_secrets.values(binding).await?,
            _ => Vec::new(),
        };
        let parameters = match (&call.verb, self.parameters) {
            (Verb::Bind, Ok(parameters)) => parameters.secrets(),
            _ => context.referenced_secrets.values(namespace, &binding.spec.parameters_from).await?,
        };
        Some([credentials, parameters].concat())
    }

    async fn send(&self, broker: &osb::Client, call: &Call, origin: &Origin) -> BrokerReply<Received> {
        let identity = request::identity(self.storage.binding.spec.user_info.as_ref());
        let identity = identity.as_ref();
        let (instance, id) = (call.instance.id.as_str(), call.binding_id.as_str());
        let plan = PlanQuery {
            service_id: call.instance.service_id.clone(),
            plan_id: call.instance.plan_id.clone(),
        };
        match &call.verb {
            Verb::Bind => self.bind(broker, call, origin, identity).await,
            Verb::Fetch | Verb::Adopt => {
                let body = broker.fetch_binding(instance, id, &plan, identity).await?;
                Ok(Received::Credentials(Box::new(body)))
            }
            Verb::Unbind | Verb::Mitigate => {
                let reply = broker.unbind(instance, id, &plan, identity).await?;
                Ok(Received::Outcome(outcome_of(reply, |_| None)))
            }
            Verb::Poll(operation) | Verb::PollMitigation(operation) => {
                let PlanQuery { service_id, plan_id } = plan.clone();
                let query = LastOperationQuery { service_id, plan_id, operation: operation.clone() };
                let last = broker.poll_binding(instance, id, &query, identity).await?;
                if last.state == OperationState::Succeeded && self.is_creation(call) {
                    let body = broker.fetch_binding(instance, id, &plan, identity).await?;
                    return Ok(Received::Credentials(Box::new(body)));
                }
                Ok(Received::Outcome(Outcome::Polled(last)))
            }
        }
    }

    /// Whether a poll is about an asynchronous bind, whose success means that there are credentials to fetch.
    fn is_creation(&self, call: &Call) -> bool {
        let status = self.storage.binding.status.as_ref();
        let operation = status.and_then(|status| status.current_operation);
        matches!(call.verb, Verb::Poll(_))
            && matches!(operation, Some(BindingOperation::Bind | BindingOperation::Rotate))
    }

    /// Whether the broker may have answered the same bind before, with the credentials.
    fn may_repeat(&self, call: &Call) -> bool {
        let binding = self.storage.binding;
        let is_bound = binding.status.as_ref().is_some_and(|status| status.external_properties.is_some());
        self.may_be_retry || is_bound || call.binding_id == binding.spec.external_id
    }

    /// The properties of the intent, as the status has them.
    fn intent(&self) -> Option<&BindingProperties> {
        self.storage.binding.status.as_ref()?.in_progress_properties.as_ref()
    }

    async fn bind(
        &self,
        broker: &osb::Client,
        call: &Call,
        origin: &Origin,
        identity: Option<&OriginatingIdentity>,
    ) -> BrokerReply<Received> {
        let parameters = self.parameters.as_ref().map(Parameters::values);
        let name = self.storage.binding.name_any();
        let body = request::bind(call, origin, &name, self.intent(), &parameters.unwrap_or_default());
        match broker.bind(&call.instance.id, &call.binding_id, &body, self.retrievable, identity).await? {
            Reply::Done(body) => Ok(Received::Credentials(Box::new(body))),
            accepted @ Reply::InProgress { .. } => Ok(Received::Outcome(outcome_of(accepted, |_| None))),
        }
    }
}
