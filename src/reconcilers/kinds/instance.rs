//! Instances: what is found out about them, and how is their broker asked?

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use tracing::{debug, info};

use crate::crd::condition::Condition;
use crate::crd::instance::InstanceProperties;
use crate::crd::{ServiceInstance, ServiceInstanceStatus};
use crate::domain::binding::delays;
use crate::domain::instance::{Call, Observed, Step, Verb, broker, decide, overtaken, sends, settle};
use crate::domain::parameters::{self, Parameters};
use crate::domain::plan_reference::{Current, PlanReference, Target, Unresolved, resolve};
use crate::domain::request::{self, Origin};
use crate::domain::schema::Purpose;
use crate::domain::{Outcome, Settled};
use crate::osb::{self, LastOperationQuery, PlanQuery, Reply};
use crate::reconcilers::broker_access::call_gate::Gate;
use crate::reconcilers::broker_access::connections::Brokers;
use crate::reconcilers::clock;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::Error;
use crate::reconcilers::kinds::catalog_entry::class_of;
use crate::reconcilers::lifecycle::{self, Life};
use crate::reconcilers::queue::Queue;
use crate::reconcilers::scope::{Cluster, Namespaced, Scope, is_beside, is_for};
use crate::reconcilers::{schemas, secrets};

/// One pass over an instance.
pub async fn reconcile(instance: Arc<ServiceInstance>, context: Arc<Context>) -> Result<Action, Error> {
    watch_secrets(&context, &instance);
    lifecycle::run(instance, &context).await
}

impl Life for ServiceInstance {
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
        let outcome = {
            let _turn = context.locks.lock(&namespace, &self.name_any()).await;
            // Whoever had the turn before may have made a binding.
            if call.verb == Verb::Deprovision && !bindings_of(context, self).is_empty() {
                return Err(Error::NotNow);
            }
            debug!(verb = ?call.verb, id = call.instance_id, broker = call.broker, "asking the broker");
            execute(context, (self, facts), call, &namespace).await?
        };
        info!(verb = call.verb.name(), id = call.instance_id, broker = call.broker, %outcome, "the broker was asked");
        Ok(outcome)
    }

    fn settle(
        &self,
        context: &Context,
        (facts, call, repeated): (&Facts, &Call, bool),
        outcome: Outcome,
    ) -> Settled<ServiceInstanceStatus> {
        settle(&facts.observed(context, self, repeated), call, outcome)
    }

    fn overtaken(
        &self,
        context: &Context,
        (facts, call): (&Facts, &Call),
        before: &ServiceInstanceStatus,
    ) -> Option<ServiceInstanceStatus> {
        overtaken(&facts.observed(context, self, true), before, call)
    }

    async fn tidy(&self, _: &Context) -> Result<(), Error> {
        Ok(())
    }

    fn gate(facts: &Facts) -> Option<&Arc<Gate>> {
        facts.gate.as_ref()
    }

    fn queue(context: &Context) -> &Queue<Self> {
        &context.instance_queue
    }

    fn conditions(status: &ServiceInstanceStatus) -> &[Condition] {
        &status.conditions
    }
}

/// The Secrets that give parameters are watched as long as the instance refers to them.
fn watch_secrets(context: &Context, instance: &ServiceInstance) {
    let namespace = instance.namespace().unwrap_or_default();
    let used = match instance.metadata.deletion_timestamp {
        None => secrets::referred(&namespace, &instance.spec.parameters_from),
        Some(_) => BTreeSet::new(),
    };
    let (queue, object) = (context.instance_queue.clone(), ObjectRef::from_obj(instance));
    let user = format!("instance/{namespace}/{}", instance.name_any());
    context.used_secrets.refer(&user, &used, move || queue.wake(object.clone()));
}

/// What was found out about an instance.
pub struct Facts {
    target: Result<Target, Unresolved>,
    parameters: Result<Parameters, String>,
    bindings: Vec<String>,
    gate: Option<Arc<Gate>>,
}

impl Facts {
    async fn gather(context: &Context, instance: &ServiceInstance) -> Result<Self, Error> {
        let uid = instance.uid().unwrap_or_default();
        // Before looking, so that what appears meanwhile wakes it.
        context.unresolved.set(&uid, Some(ObjectRef::from_obj(instance)));
        let target = find(context, instance);
        let deleting = instance.metadata.deletion_timestamp.is_some();
        let parameters = match &target {
            Ok(target) if !deleting => gather_parameters(context, instance, target).await?,
            _ => Ok(Parameters::default()),
        };
        let bindings = if deleting { bindings_of(context, instance) } else { Vec::new() };
        let gate = gate(context, instance, &target);
        let mut facts = Self { target, parameters, bindings, gate };
        let fits = facts.check_parameters(context, instance).await;
        let plan = confirmed(instance).map(InstanceProperties::plan_id);
        if fits && facts.target.as_ref().is_ok_and(|target| !target.hinders(plan)) {
            context.unresolved.set(&uid, None);
        }
        Ok(facts)
    }

    /// Whether the parameters fit the plan's schema, if they are about to be sent.
    async fn check_parameters(&mut self, context: &Context, instance: &ServiceInstance) -> bool {
        let observed = Observed { now: clock::soon(), ..self.observed(context, instance, false) };
        let (Some(purpose), Ok(target)) = (sends(&observed), &self.target) else { return true };
        let Ok(parameters) = &self.parameters else { return true };
        self.parameters = if target.namespaced {
            fitting::<Namespaced>(context, instance, (target, purpose), parameters.clone()).await
        } else {
            fitting::<Cluster>(context, instance, (target, purpose), parameters.clone()).await
        };
        self.parameters.is_ok()
    }

    fn observed<'a>(
        &'a self,
        context: &Context,
        instance: &'a ServiceInstance,
        repeated: bool,
    ) -> Observed<'a> {
        Observed {
            instance,
            now: clock::now(),
            target: self.target.clone(),
            parameters: self.parameters.clone(),
            bindings: &self.bindings,
            next_poll: context.polls.get(&instance.uid().unwrap_or_default()),
            repeated,
            hold: self.gate.as_ref().and_then(|gate| gate.held()),
        }
    }
}

async fn fitting<S: Scope>(
    context: &Context,
    instance: &ServiceInstance,
    (target, purpose): (&Target, Purpose),
    parameters: Parameters,
) -> Result<Parameters, String> {
    let namespace = instance.namespace().unwrap_or_default();
    let mut plan = ObjectRef::new(&target.plan_object);
    plan.namespace = S::NAMESPACED.then(|| namespace.clone());
    let plan = S::catalog(context).plans.get(&plan);
    schemas::fitting(context, &namespace, (plan, purpose), parameters).await
}

/// The gate of the instance's broker.
fn gate(
    context: &Context,
    instance: &ServiceInstance,
    target: &Result<Target, Unresolved>,
) -> Option<Arc<Gate>> {
    let namespaced = PlanReference::of(&instance.spec).namespaced;
    let name = broker(instance, target.as_ref().ok())?;
    context.brokers.gate((namespaced, &instance.namespace().unwrap_or_default(), name))
}

fn find(context: &Context, instance: &ServiceInstance) -> Result<Target, Unresolved> {
    let reference = PlanReference::of(&instance.spec);
    if reference.namespaced {
        find_in::<Namespaced>(context, instance, reference)
    } else {
        find_in::<Cluster>(context, instance, reference)
    }
}

fn find_in<S: Scope>(
    context: &Context,
    instance: &ServiceInstance,
    reference: PlanReference<'_>,
) -> Result<Target, Unresolved> {
    let catalog = S::catalog(context);
    let (classes, plans) = (catalog.classes.state(), catalog.plans.state());
    resolve(
        reference,
        classes.iter().map(Arc::as_ref).filter(|class| is_for::<S>(*class, instance)),
        plans.iter().map(Arc::as_ref).filter(|plan| is_for::<S>(*plan, instance)),
        Current {
            class: class_of::<S>(instance),
            plan_id: confirmed(instance).map(InstanceProperties::plan_id),
        },
    )
}

/// What the broker has confirmed.
fn confirmed(instance: &ServiceInstance) -> Option<&InstanceProperties> {
    instance.status.as_ref()?.external_properties.as_ref()
}

/// The parameters that the spec asks for. An instance keeps the defaults that it was provisioned with.
async fn gather_parameters(
    context: &Context,
    instance: &ServiceInstance,
    target: &Target,
) -> Result<Result<Parameters, String>, Error> {
    let namespace = instance.namespace().unwrap_or_default();
    let from = match secrets::parameters(context, &namespace, &instance.spec.parameters_from).await? {
        Ok(from) => from,
        Err(missing) => return Ok(Err(missing)),
    };
    let provisioned = instance.status.as_ref().filter(|status| status.external_properties.is_some());
    let defaults = match provisioned {
        Some(status) => [None, status.default_provision_parameters.as_ref()],
        None => [target.class_defaults.as_ref(), target.plan_defaults.as_ref()],
    };
    let merged = parameters::merge(defaults, instance.spec.parameters.as_ref(), &from);
    Ok(merged.map_err(|error| error.to_string()))
}

/// The bindings that have to go before the instance. What is not in the cache yet may be an intent to bind.
fn bindings_of(context: &Context, instance: &ServiceInstance) -> Vec<String> {
    let bindings = context.bindings.state();
    let of_it = bindings.iter().filter(|binding| {
        is_beside(binding.as_ref(), instance)
            && binding.spec.instance_ref.name == instance.name_any()
            && (delays(binding, instance) || context.lags(binding.as_ref()))
    });
    let mut names: Vec<String> = of_it.map(|binding| binding.name_any()).collect();
    names.sort();
    names
}

async fn execute(
    context: &Context,
    (instance, facts): (&ServiceInstance, &Facts),
    call: &Call,
    namespace: &str,
) -> Result<Outcome, Error> {
    let namespaced = PlanReference::of(&instance.spec).namespaced;
    let connection = match Brokers::find(context, (namespaced, namespace, &call.broker)).await {
        Ok(connection) => connection,
        Err(Error::Broker(why)) => return Ok(Outcome::NotAsked(why)),
        Err(error) => return Err(error),
    };
    let origin = context.origin(namespace, instance.name_any()).await?;
    let asked =
        connection.call(namespace, async |broker| ask(broker, (instance, facts), call, &origin).await);
    Ok(asked.await?.unwrap_or_else(Outcome::Failed))
}

async fn ask(
    broker: &osb::Client,
    (instance, facts): (&ServiceInstance, &Facts),
    call: &Call,
    origin: &Origin,
) -> Result<Outcome, osb::Error> {
    let identity = request::identity(instance.spec.user_info.as_ref());
    let identity = identity.as_ref();
    let id = call.instance_id.as_str();
    let plan = PlanQuery { service_id: call.service_id.clone(), plan_id: call.plan_id.clone() };
    let parameters =
        facts.parameters.as_ref().map(|parameters| parameters.values.0.clone()).unwrap_or_default();
    let status = instance.status.clone().unwrap_or_default();
    match &call.verb {
        Verb::Provision => {
            let body = request::provision(call, origin, &status, &parameters);
            Ok(done(broker.provision(id, &body, identity).await?, |body| body.dashboard_url))
        }
        Verb::Update { plan_id, parameters: changed } => {
            let change = (plan_id.as_deref(), changed.then_some(&parameters));
            let body = request::update(call, origin, &status, change);
            Ok(done(broker.update(id, &body, identity).await?, |body| body.dashboard_url))
        }
        Verb::Deprovision | Verb::Mitigate => {
            Ok(done(broker.deprovision(id, &plan, identity).await?, |()| None))
        }
        Verb::Poll(operation) | Verb::PollMitigation(operation) => {
            let PlanQuery { service_id, plan_id } = plan;
            let query = LastOperationQuery { service_id, plan_id, operation: operation.clone() };
            Ok(Outcome::Polled(broker.poll_instance(id, &query, identity).await?))
        }
    }
}

/// What a reply means, whichever call it answers.
pub fn done<T>(reply: Reply<T>, dashboard_url: impl FnOnce(T) -> Option<String>) -> Outcome {
    match reply {
        Reply::Done(body) => Outcome::Done { dashboard_url: dashboard_url(body) },
        Reply::InProgress { operation, body } => {
            Outcome::InProgress { operation, dashboard_url: dashboard_url(body) }
        }
    }
}
