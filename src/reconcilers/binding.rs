//! Bindings: what is found out about them, and how is their broker asked?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use serde_json::{Map, Value};
use tracing::{debug, info};

use super::brokers::{Brokers, Connection};
use super::clock;
use super::context::Context;
use super::error::Error;
use super::gate::Gate;
use super::instance::done;
use super::pass::{self, Life};
use super::queue::Queue;
use super::scope::{Cluster, Namespaced, Scope, is_for};
use super::secrets::{self, Place};
use crate::crd::binding::{BindingOperation, SecretData};
use crate::crd::condition::Condition;
use crate::crd::operation::BoundInstance;
use crate::crd::role::{Class as _, Plan as _};
use crate::crd::{ServiceBinding, ServiceBindingStatus, ServiceInstance};
use crate::domain::binding::{Call, Observed, Offering, Step, Verb, broker, decide, overtaken, settle};
use crate::domain::credentials::{Meta, digest, secret_data, sources};
use crate::domain::parameters::{self, Parameters};
use crate::domain::request::{self, Origin};
use crate::domain::{Outcome, Settled};
use crate::osb::{self, BindResponse, LastOperationQuery, OriginatingIdentity, PlanQuery, Reply, State};

/// One pass over a binding.
pub async fn reconcile(
    binding: Arc<ServiceBinding>,
    context: Arc<Context>,
    queue: Queue<ServiceBinding>,
) -> Result<Action, Error> {
    watch_secrets(&context, &binding, queue);
    pass::run(binding, &context).await
}

impl Life for ServiceBinding {
    type Call = Call;
    type Facts = Facts;

    fn observe(&self, context: &Context) -> impl Future<Output = Result<Facts, Error>> + Send {
        Facts::gather(context, self)
    }

    fn decide(&self, context: &Context, facts: &Facts, repeated: bool) -> Step {
        decide(&facts.observed(context, self, repeated))
    }

    fn changes_something(call: &Call) -> bool {
        call.verb.changes_something()
    }

    async fn execute(&self, context: &Context, facts: &Facts, call: &Call) -> Result<Outcome, Error> {
        let namespace = self.namespace().unwrap_or_default();
        let (id, broker) = (&call.binding_id, &call.instance.broker_name);
        let outcome = {
            let _turn = context.locks.lock(&namespace, &self.spec.instance_ref.name).await;
            if call.verb.changes_something() && !facts.instance_is_the_same(context) {
                return Err(Error::NotNow);
            }
            debug!(verb = ?call.verb, id, broker, "asking the broker");
            Execution { context, binding: self, facts, namespace: &namespace }.run(call).await?
        };
        info!(verb = call.verb.name(), id, broker, %outcome, "the broker was asked");
        Ok(outcome)
    }

    fn settle(
        &self,
        context: &Context,
        (facts, call, repeated): (&Facts, &Call, bool),
        outcome: Outcome,
    ) -> Settled<ServiceBindingStatus> {
        settle(&facts.observed(context, self, repeated), call, outcome)
    }

    fn overtaken(
        &self,
        context: &Context,
        (facts, call): (&Facts, &Call),
        before: &ServiceBindingStatus,
    ) -> Option<ServiceBindingStatus> {
        overtaken(&facts.observed(context, self, true), before, call)
    }

    fn gate(facts: &Facts) -> Option<&Arc<Gate>> {
        facts.gate.as_ref()
    }

    fn queue(context: &Context) -> &Queue<Self> {
        &context.binding_queue
    }

    fn conditions(status: &ServiceBindingStatus) -> &[Condition] {
        &status.conditions
    }
}

/// The Secrets that give parameters are watched until the binding is made: after that it does not change.
fn watch_secrets(context: &Context, binding: &ServiceBinding, queue: Queue<ServiceBinding>) {
    let namespace = binding.namespace().unwrap_or_default();
    let made = binding.status.as_ref().is_some_and(|status| status.external_properties.is_some());
    let used = if made || binding.metadata.deletion_timestamp.is_some() {
        BTreeSet::new()
    } else {
        secrets::referred(&namespace, &binding.spec.parameters_from)
    };
    let object = ObjectRef::from_obj(binding);
    let user = format!("binding/{namespace}/{}", binding.name_any());
    context.used_secrets.refer(&user, &used, move || queue.wake(object.clone()));
}

/// What was found out about a binding.
pub struct Facts {
    instance: Option<Arc<ServiceInstance>>,
    offering: Offering,
    described: Described,
    parameters: Result<Parameters, String>,
    secret: Option<String>,
    gate: Option<Arc<Gate>>,
}

impl Facts {
    async fn gather(context: &Context, binding: &ServiceBinding) -> Result<Self, Error> {
        let namespace = binding.namespace().unwrap_or_default();
        let reference = ObjectRef::new(&binding.spec.instance_ref.name).within(&namespace);
        let instance = context.instances.get(&reference);
        let (offering, described) = match instance.as_deref() {
            Some(instance) => offering(context, binding, instance),
            None => unknown(String::new()),
        };
        let from = secrets::parameters(context, &namespace, &binding.spec.parameters_from).await?;
        let parameters = from.and_then(|from| {
            let merged = parameters::merge([None, None], binding.spec.parameters.as_ref(), &from);
            merged.map_err(|error| error.to_string())
        });
        let secret = secret(context, binding).await?;
        let gate = broker(binding, instance.as_deref())
            .and_then(|(name, namespaced)| context.brokers.gate((namespaced, &namespace, &name)));
        Ok(Self { instance, offering, described, parameters, secret, gate })
    }

    /// Whether the instance still is as it was when it was looked at: whoever had the turn before may have changed it.
    fn instance_is_the_same(&self, context: &Context) -> bool {
        let Some(seen) = &self.instance else { return true };
        let known = context.instances.get(&ObjectRef::from_obj(seen.as_ref()));
        known.is_some_and(|known| {
            known.resource_version() == seen.resource_version() && !context.is_behind(known.as_ref())
        })
    }

    fn observed<'a>(
        &'a self,
        context: &Context,
        binding: &'a ServiceBinding,
        repeated: bool,
    ) -> Observed<'a> {
        Observed {
            binding,
            now: clock::now(),
            instance: self.instance.as_deref(),
            offering: self.offering,
            parameters: self.parameters.clone(),
            secret: self.secret.clone(),
            next_poll: context.polls.get(&binding.uid().unwrap_or_default()),
            repeated,
            hold: self.gate.as_ref().and_then(|gate| gate.held()),
        }
    }
}

/// The digest of the binding's Secret. One that service-catalog wrote has no label of ours, and is looked for once.
async fn secret(context: &Context, binding: &ServiceBinding) -> Result<Option<String>, Error> {
    let known = context.own_secrets.digest(binding);
    let status = binding.status.as_ref();
    let inherited =
        status.is_some_and(|status| status.external_properties.is_some() && status.secret_digest.is_empty());
    if known.is_some() || !inherited {
        return Ok(known);
    }
    Ok(match secrets::place(context, binding).await? {
        Place::Own(secret) => Some(digest(&secret.data.unwrap_or_default())),
        Place::Free | Place::Taken => None,
    })
}

/// What class, plan and broker say about themselves, for the entries `type` and `provider`.
#[derive(Default)]
struct Described {
    service: String,
    tags: Vec<String>,
    class_metadata: Option<Value>,
    plan_metadata: Option<Value>,
    broker: String,
}

fn offering(
    context: &Context,
    binding: &ServiceBinding,
    instance: &ServiceInstance,
) -> (Offering, Described) {
    let properties = instance.status.as_ref().and_then(|status| status.external_properties.as_ref());
    let Some(properties) = properties else {
        return unknown(String::new());
    };
    let ids = (properties.broker_name.as_str(), properties.service_id.as_str(), properties.plan_id());
    let found = if properties.service_plan_external_id.is_empty() {
        offering_in::<Cluster>(context, binding, ids)
    } else {
        offering_in::<Namespaced>(context, binding, ids)
    };
    found.unwrap_or_else(|| unknown(properties.broker_name.clone()))
}

fn offering_in<S: Scope>(
    context: &Context,
    binding: &ServiceBinding,
    (broker, service_id, plan_id): (&str, &str, &str),
) -> Option<(Offering, Described)> {
    let catalog = S::catalog(context);
    let class = catalog.classes.find(|class| {
        class.common().external_id == service_id
            && class.broker_name() == broker
            && is_for::<S>(class, binding)
    })?;
    let plan = catalog.plans.find(|plan| {
        plan.common().external_id == plan_id
            && plan.class_name() == class.name_any()
            && is_for::<S>(plan, binding)
    })?;
    let seconds = plan.common().maximum_polling_duration.and_then(|seconds| u64::try_from(seconds).ok());
    let offering = Offering {
        bindable: plan.common().bindable.unwrap_or_else(|| class.common().bindable),
        retrievable: class.common().binding_retrievable,
        maximum_polling_duration: seconds.map(Duration::from_secs),
    };
    let described = Described {
        service: class.common().external_name.clone(),
        tags: class.common().tags.clone(),
        class_metadata: class.common().external_metadata.clone(),
        plan_metadata: plan.common().external_metadata.clone(),
        broker: broker.to_owned(),
    };
    Some((offering, described))
}

/// The class is gone from the catalog; what was made of it can still be bound (OSB, “Catalog Management”).
fn unknown(broker: String) -> (Offering, Described) {
    let offering = Offering { bindable: true, retrievable: false, maximum_polling_duration: None };
    (offering, Described { broker, ..Described::default() })
}

/// What came of a call that gives credentials.
enum Given {
    Credentials(Box<BindResponse>),
    Outcome(Outcome),
}

struct Execution<'a> {
    context: &'a Context,
    binding: &'a ServiceBinding,
    facts: &'a Facts,
    namespace: &'a str,
}

impl Execution<'_> {
    async fn run(&self, call: &Call) -> Result<Outcome, Error> {
        if call.verb == Verb::Adopt {
            return self.adopt().await;
        }
        let place = match call.verb {
            Verb::Bind => Some(secrets::place(self.context, self.binding).await?),
            _ => None,
        };
        if let Some(Place::Taken) = place {
            return Ok(Outcome::NotAsked(self.taken()));
        }
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
            Ok(Given::Credentials(body)) => self.store(body.credentials.map(|object| object.0), place).await,
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
        matches!(call.verb, Verb::Poll(_)) && operation == Some(BindingOperation::Bind)
    }

    async fn bind(
        &self,
        broker: &osb::Client,
        call: &Call,
        origin: &Origin,
        identity: Option<&OriginatingIdentity>,
    ) -> Result<Given, osb::Error> {
        let parameters = self.facts.parameters.as_ref().map(|parameters| parameters.values.0.clone());
        let BoundInstance { service_id, plan_id, .. } = &call.instance;
        let body = request::bind(service_id, plan_id, origin, &parameters.unwrap_or_default());
        let retrievable = self.facts.offering.retrievable;
        match broker.bind(&call.instance.id, &call.binding_id, &body, retrievable, identity).await? {
            Reply::Done(body) => Ok(Given::Credentials(Box::new(body))),
            Reply::InProgress { operation, .. } => {
                Ok(Given::Outcome(Outcome::InProgress { operation, dashboard_url: None }))
            }
        }
    }

    /// Writes the credentials to the Secret. If that is impossible, what the broker gave is of no use.
    async fn store(
        &self,
        credentials: Option<Map<String, Value>>,
        place: Option<Place>,
    ) -> Result<Outcome, Error> {
        let binding = self.binding;
        let mut found = BTreeMap::new();
        let names = match sources(&binding.spec.secret_transforms, self.namespace) {
            Ok(names) => names,
            Err(error) => return Ok(Outcome::Unusable(error.to_string())),
        };
        for name in names {
            if let Some(entries) = secrets::entries(self.context, self.namespace, name).await? {
                found.insert(name.to_owned(), entries);
            }
        }
        let credentials = credentials.unwrap_or_default();
        let described = &self.facts.described;
        let meta = Meta {
            namespace: self.namespace,
            type_: &binding.spec.type_,
            provider: &binding.spec.provider,
            service: &described.service,
            tags: &described.tags,
            plan_metadata: described.plan_metadata.as_ref(),
            class_metadata: described.class_metadata.as_ref(),
            broker: &described.broker,
        };
        let entries = match secret_data(&credentials, &binding.spec.secret_transforms, &found, &meta) {
            Ok(entries) => entries,
            Err(error) => return Ok(Outcome::Unusable(error.to_string())),
        };
        for warning in &entries.warnings {
            info!(warning, "the credentials were changed to fit a Secret");
        }
        let place = match place {
            Some(place) => place,
            None => secrets::place(self.context, binding).await?,
        };
        self.write(place, entries.data).await
    }

    async fn write(&self, place: Place, data: SecretData) -> Result<Outcome, Error> {
        Ok(match secrets::write(self.context, self.binding, place, data).await? {
            Some(digest) => Outcome::Stored { digest },
            None => Outcome::Unusable(self.taken()),
        })
    }

    fn taken(&self) -> String {
        let name = self.binding.secret_name();
        format!("the Secret {name:?} exists and is not this binding's: it is left alone")
    }

    /// Puts our label on a Secret that service-catalog wrote; its entries stay as they are.
    async fn adopt(&self) -> Result<Outcome, Error> {
        match secrets::place(self.context, self.binding).await? {
            Place::Own(secret) => {
                let data = secret.data.clone().unwrap_or_default();
                self.write(Place::Own(secret), data).await
            }
            Place::Free | Place::Taken => Ok(Outcome::NotAsked("the Secret is gone".to_owned())),
        }
    }
}
