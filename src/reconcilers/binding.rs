//! Bindings: what is found out about them? How their broker is asked is in `execution`.

mod execution;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use serde_json::Value;
use tracing::{debug, info};

use super::clock;
use super::context::Context;
use super::error::Error;
use super::gate::Gate;
use super::pass::{self, Life};
use super::queue::Queue;
use super::schemas;
use super::scope::{Cluster, Namespaced, Scope, is_for};
use super::secrets::{self, Place};
use crate::crd::condition::Condition;
use crate::crd::instance::InstanceProperties;
use crate::crd::role::{Class as _, Plan as _};
use crate::crd::{ServiceBinding, ServiceBindingStatus, ServiceInstance};
use crate::domain::binding::{Call, Observed, Offering, Step, broker, decide, overtaken, sends, settle};
use crate::domain::credentials::digest;
use crate::domain::parameters::{self, Parameters};
use crate::domain::schema::Purpose;
use crate::domain::{Outcome, Settled};
use execution::Execution;

/// One pass over a binding.
pub async fn reconcile(binding: Arc<ServiceBinding>, context: Arc<Context>) -> Result<Action, Error> {
    watch_secrets(&context, &binding);
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
fn watch_secrets(context: &Context, binding: &ServiceBinding) {
    let namespace = binding.namespace().unwrap_or_default();
    let made = binding.status.as_ref().is_some_and(|status| status.external_properties.is_some());
    let used = if made || binding.metadata.deletion_timestamp.is_some() {
        BTreeSet::new()
    } else {
        secrets::referred(&namespace, &binding.spec.parameters_from)
    };
    let (queue, object) = (context.binding_queue.clone(), ObjectRef::from_obj(binding));
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
        let mut facts = Self { instance, offering, described, parameters, secret, gate };
        facts.check_parameters(context, binding).await;
        Ok(facts)
    }

    /// Looks whether the parameters fit the plan's schema, if they are about to be sent. If they do not, the plan wakes the
    /// binding when it changes.
    async fn check_parameters(&mut self, context: &Context, binding: &ServiceBinding) {
        let observed = Observed { now: clock::soon(), ..self.observed(context, binding, false) };
        let properties = self.instance.as_deref().and_then(confirmed);
        let uid = binding.uid().unwrap_or_default();
        let (true, Some(properties), Ok(parameters)) = (sends(&observed), properties, &self.parameters)
        else {
            context.unfit.set(&uid, None);
            return;
        };
        // Before looking, so that a change meanwhile wakes it.
        context.unfit.set(&uid, Some(ObjectRef::from_obj(binding)));
        let parameters = parameters.clone();
        self.parameters = if properties.service_plan_external_id.is_empty() {
            fitting::<Cluster>(context, binding, properties, parameters).await
        } else {
            fitting::<Namespaced>(context, binding, properties, parameters).await
        };
        if self.parameters.is_ok() {
            context.unfit.set(&uid, None);
        }
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
    let Some(properties) = confirmed(instance) else {
        return unknown(String::new());
    };
    let found = if properties.service_plan_external_id.is_empty() {
        offering_in::<Cluster>(context, binding, properties)
    } else {
        offering_in::<Namespaced>(context, binding, properties)
    };
    found.unwrap_or_else(|| unknown(properties.broker_name.clone()))
}

fn offering_in<S: Scope>(
    context: &Context,
    binding: &ServiceBinding,
    properties: &InstanceProperties,
) -> Option<(Offering, Described)> {
    let (class, plan) = entries::<S>(context, binding, properties)?;
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
        broker: properties.broker_name.clone(),
    };
    Some((offering, described))
}

type Entries<S> = (Arc<<S as Scope>::Class>, Arc<<S as Scope>::Plan>);

/// Class and plan of the instance.
fn entries<S: Scope>(
    context: &Context,
    binding: &ServiceBinding,
    properties: &InstanceProperties,
) -> Option<Entries<S>> {
    let catalog = S::catalog(context);
    let class = catalog.classes.find(|class| {
        class.common().external_id == properties.service_id
            && class.broker_name() == properties.broker_name
            && is_for::<S>(class, binding)
    })?;
    let plan = catalog.plans.find(|plan| {
        plan.common().external_id == properties.plan_id()
            && plan.class_name() == class.name_any()
            && is_for::<S>(plan, binding)
    })?;
    Some((class, plan))
}

async fn fitting<S: Scope>(
    context: &Context,
    binding: &ServiceBinding,
    properties: &InstanceProperties,
    parameters: Parameters,
) -> Result<Parameters, String> {
    let plan = entries::<S>(context, binding, properties).map(|(_, plan)| plan);
    let namespace = binding.namespace().unwrap_or_default();
    schemas::fitting(context, &namespace, (plan, Purpose::Bind), parameters).await
}

/// The instance as the broker has confirmed it.
fn confirmed(instance: &ServiceInstance) -> Option<&InstanceProperties> {
    instance.status.as_ref()?.external_properties.as_ref()
}

/// The class is gone from the catalog; what was made of it can still be bound (OSB, “Catalog Management”).
fn unknown(broker: String) -> (Offering, Described) {
    let offering = Offering { bindable: true, retrievable: false, maximum_polling_duration: None };
    (offering, Described { broker, ..Described::default() })
}
