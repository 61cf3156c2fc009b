//! Reconciles instances: observes them and calls their brokers. The entry point is [`reconcile`]. `resolution` finds their
//! class and plan.

mod resolution;

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use tracing::{debug, info};

use crate::crd::condition::Condition;
use crate::crd::instance::InstanceProperties;
use crate::crd::{ServiceInstance, ServiceInstanceStatus};
use crate::domain::binding::blocks_deletion_of;
use crate::domain::instance::{Call, Observed, Step, Verb, broker, decide, merge_concurrent_status, settle};
use crate::domain::parameters::Parameters;
use crate::domain::plan_reference::{PlanReference, Target, Unresolved};
use crate::domain::request::{self, Origin};
use crate::domain::schema::Purpose;
use crate::domain::{Outcome, Settled};
use crate::osb::{self, LastOperationQuery, PlanQuery, Screened};
use crate::reconcilers::broker_access::call_gate::{BrokerReply, CallGate};
use crate::reconcilers::broker_access::connections::BrokerName;
use crate::reconcilers::broker_access::origin::origin;
use crate::reconcilers::broker_access::reply::{SecretValues, not_called, outcome_of, without_secrets};
use crate::reconcilers::clock;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::{Error, Explained};
use crate::reconcilers::identity::{Identity, namespace, reference, uid};
use crate::reconcilers::kind::Kind as _;
use crate::reconcilers::kinds::parameters::merged;
use crate::reconcilers::lifecycle::{self, Attempt, Lifecycle};
use crate::reconcilers::schemas;
use crate::reconcilers::scope::{Cluster, Namespaced, Scope};
use crate::reconcilers::secrets::{self, User};
use resolution::{find, wait_for_catalog};

/// Reconciles an instance.
pub async fn reconcile(instance: Arc<ServiceInstance>, context: Arc<Context>) -> Result<Action, Error> {
    let cached = Arc::clone(&instance);
    // The cached copy shows what earlier reconciles have written.
    context.brokers_in_use.set(uid(cached.as_ref()), None);
    // After an error a write may have been carried out that the cache does not show; the retry finds out.
    let action = Box::pin(lifecycle::run(instance, &context)).await?;
    if !context.api.is_stale(cached.as_ref()) {
        context.brokers_in_use.set(uid(cached.as_ref()), None);
    }
    Ok(action)
}

impl Lifecycle for ServiceInstance {
    type Call = Call;
    type Snapshot = Snapshot;

    async fn observe(&self, context: &Context, identity: &Identity) -> Result<Snapshot, Error> {
        Snapshot::gather(context, self, identity).await
    }

    async fn validate(&self, context: &Context, snapshot: Snapshot, purpose: Purpose) -> Snapshot {
        snapshot.validate(context, self, purpose).await
    }

    fn decide(&self, context: &Context, snapshot: &Snapshot, may_be_retry: bool) -> Step {
        decide(&snapshot.observed(context, self, may_be_retry))
    }

    fn claim_ids(&self, context: &Context, status: &ServiceInstanceStatus) -> bool {
        context.instance_ids.claim(self, status)
    }

    fn is_mutating(call: &Call) -> bool {
        call.verb.is_mutating()
    }

    fn removes_orphan(call: &Call) -> bool {
        call.verb == Verb::Mitigate
    }

    async fn execute(&self, context: &Context, attempt: &Attempt<'_, Self>) -> Result<Outcome, Error> {
        let Attempt { snapshot, call, .. } = *attempt;
        let Identity { namespace, name, .. } = &snapshot.identity;
        let (instance_id, broker) = (&call.instance_id, &call.broker);
        let outcome = {
            let _lock = context.instance_locks.lock(namespace, name).await;
            // The call that held the lock before may have created a binding.
            if call.verb == Verb::Deprovision && !bindings_of(context, self).is_empty() {
                return Err(Error::NotNow);
            }
            debug!(operation = ?call.verb, instance_id, broker, "calling broker");
            Execution { context, instance: self, snapshot }.run(call).await?
        };
        info!(operation = call.verb.name(), instance_id, broker, %outcome, "broker call finished");
        Ok(outcome)
    }

    fn settle(
        &self,
        context: &Context,
        attempt: &Attempt<'_, Self>,
        outcome: Outcome,
    ) -> Settled<ServiceInstanceStatus> {
        settle(&attempt.snapshot.observed(context, self, attempt.may_be_retry), attempt.call, outcome)
    }

    fn merge_concurrent_status(
        &self,
        context: &Context,
        attempt: &Attempt<'_, Self>,
        before: &ServiceInstanceStatus,
    ) -> Option<ServiceInstanceStatus> {
        merge_concurrent_status(&attempt.snapshot.observed(context, self, true), before, attempt.call)
    }

    async fn clean_up(&self, _: &Context) -> Result<(), Error> {
        Ok(())
    }

    fn gate(snapshot: &Snapshot) -> Option<&Arc<CallGate>> {
        snapshot.gate.as_ref()
    }

    fn conditions(status: &ServiceInstanceStatus) -> &[Condition] {
        &status.conditions
    }
}

/// Lets changes of the Secrets from which parameters come requeue the instance, as long as it refers to them.
fn refer_to_secrets(context: &Context, instance: &ServiceInstance) -> Explained<()> {
    let namespace = namespace(instance);
    let used = match instance.metadata.deletion_timestamp {
        None => secrets::references(namespace, &instance.spec.parameters_from),
        Some(_) => BTreeSet::new(),
    };
    let (queue, object) = (context.queues.instances.clone(), ObjectRef::from_obj(instance));
    let user = User { uid: uid(instance), namespace: Some(namespace) };
    context.referenced_secrets.refer(user, &used, move || queue.requeue(object.clone()))
}

/// What a reconcile has observed about an instance.
pub struct Snapshot {
    identity: Identity,
    target: Result<Target, Unresolved>,
    parameters: Explained<Parameters>,
    validated: bool,
    is_id_taken: bool,
    bindings: Vec<String>,
    gate: Option<Arc<CallGate>>,
}

impl Snapshot {
    async fn gather(
        context: &Context,
        instance: &ServiceInstance,
        identity: &Identity,
    ) -> Result<Self, Error> {
        let identity = identity.clone();
        // Before reading the catalog, so that a class or plan that appears in between requeues the instance.
        wait_for_catalog(context, instance);
        let target = find(context, instance);
        let deleting = instance.metadata.deletion_timestamp.is_some();
        let parameters = match (&target, refer_to_secrets(context, instance)) {
            (Ok(target), Ok(())) if !deleting => {
                gather_parameters(context, instance, &identity, target).await?
            }
            (Ok(_), Err(why)) if !deleting => Err(why),
            _ => Ok(Parameters::default()),
        };
        let bindings = if deleting { bindings_of(context, instance) } else { Vec::new() };
        let gate = gate(context, instance, &identity, &target);
        let is_id_taken = context.instance_ids.is_taken(instance);
        let snapshot = Self { identity, target, parameters, validated: false, is_id_taken, bindings, gate };
        snapshot.stop_waiting_for_catalog(context, instance);
        Ok(snapshot)
    }

    /// Stops classes and plans from requeueing the instance, unless it waits for one.
    fn stop_waiting_for_catalog(&self, context: &Context, instance: &ServiceInstance) {
        let plan = confirmed(instance).map(InstanceProperties::plan_id);
        if self.target.as_ref().is_ok_and(|target| !target.is_blocked_by_catalog(plan)) {
            context.waiting_for_catalog.stop(&self.identity.uid);
        }
    }

    /// Validates the parameters against the plan's schema. If they do not match, a change of the class or of a plan of
    /// it requeues the instance.
    async fn validate(mut self, context: &Context, instance: &ServiceInstance, purpose: Purpose) -> Self {
        self.validated = true;
        let (Ok(target), Ok(parameters)) = (&self.target, &self.parameters) else { return self };
        // Before reading the plan, so that a change in between requeues the instance.
        wait_for_catalog(context, instance);
        self.parameters = if target.namespaced {
            fitting::<Namespaced>(context, &self.identity, target, purpose, parameters.clone()).await
        } else {
            fitting::<Cluster>(context, &self.identity, target, purpose, parameters.clone()).await
        };
        if self.parameters.is_ok() {
            self.stop_waiting_for_catalog(context, instance);
        }
        self
    }

    fn observed<'a>(
        &'a self,
        context: &Context,
        instance: &'a ServiceInstance,
        may_be_retry: bool,
    ) -> Observed<'a> {
        Observed {
            instance,
            now: clock::now(),
            target: self.target.clone(),
            parameters: self.parameters.clone(),
            validated: self.validated,
            bindings: &self.bindings,
            next_poll: context.next_poll.get(&self.identity.uid),
            may_be_retry,
            is_id_taken: self.is_id_taken,
            outage: self.gate.as_ref().and_then(|gate| gate.outage()),
        }
    }
}

async fn fitting<S: Scope>(
    context: &Context,
    identity: &Identity,
    target: &Target,
    purpose: Purpose,
    parameters: Parameters,
) -> Explained<Parameters> {
    let namespace = S::NAMESPACED.then_some(identity.namespace.as_str());
    let plan = S::Plan::cache(&context.caches).get(&reference(&target.plan_object, namespace));
    schemas::fitting(&context.tenant_work, &identity.namespace, plan, purpose, parameters).await
}

/// The call gate of the instance's broker.
fn gate(
    context: &Context,
    instance: &ServiceInstance,
    identity: &Identity,
    target: &Result<Target, Unresolved>,
) -> Option<Arc<CallGate>> {
    let namespaced = PlanReference::of(&instance.spec).namespaced;
    let name = broker(instance, target.as_ref().ok())?;
    let broker = BrokerName::seen_from(&identity.namespace, namespaced, &name);
    context.brokers.gate(&broker, &identity.namespace)
}

/// The properties that the broker has confirmed.
fn confirmed(instance: &ServiceInstance) -> Option<&InstanceProperties> {
    instance.status.as_ref()?.external_properties.as_ref()
}

/// The parameters of the spec, merged with the defaults. An instance keeps the defaults with which it was provisioned.
async fn gather_parameters(
    context: &Context,
    instance: &ServiceInstance,
    identity: &Identity,
    target: &Target,
) -> Result<Explained<Parameters>, Error> {
    let secrets = &context.referenced_secrets;
    let from = match secrets.parameters(&identity.namespace, &instance.spec.parameters_from).await? {
        Ok(from) => from,
        Err(missing) => return Ok(Err(missing)),
    };
    let provisioned = instance.status.as_ref().filter(|status| status.external_properties.is_some());
    let defaults = match provisioned {
        Some(status) => [None, status.default_provision_parameters.as_ref()],
        None => [target.class_defaults.as_ref(), target.plan_defaults.as_ref()],
    };
    let inline = instance.spec.parameters.as_ref();
    merged(context, &identity.namespace, defaults.map(Option::<&_>::cloned), inline, from).await
}

/// The bindings that must be deleted before the instance. A stale cached binding counts, because its newest version may
/// have the intent to bind.
fn bindings_of(context: &Context, instance: &ServiceInstance) -> Vec<String> {
    let bindings = context.bindings.of_instance(namespace(instance), &instance.name_any());
    let blocking = bindings
        .iter()
        .filter(|binding| blocks_deletion_of(binding, instance) || context.api.is_stale(binding.as_ref()));
    let mut names: Vec<String> = blocking.map(|binding| binding.name_any()).collect();
    names.sort();
    names
}

/// Everything that is needed to execute a call about an instance.
struct Execution<'a> {
    context: &'a Context,
    instance: &'a ServiceInstance,
    snapshot: &'a Snapshot,
}

impl Execution<'_> {
    async fn run(&self, call: &Call) -> Result<Outcome, Error> {
        let (context, Identity { namespace, name, .. }) = (self.context, &self.snapshot.identity);
        let namespaced = PlanReference::of(&self.instance.spec).namespaced;
        let broker = BrokerName::seen_from(namespace, namespaced, &call.broker);
        let connection = match context.connection(&broker).await {
            Ok(connection) => connection,
            Err(error) => return not_called(&context.caches, &broker, error),
        };
        let cluster_id = &context.settings.cluster_id;
        let origin = origin(&context.api, &context.caches, cluster_id, namespace, name).await?;
        let reply = connection.call(namespace, async |broker| self.send(broker, call, &origin).await);
        let outcome = reply.await?.unwrap_or_else(Outcome::Failed);
        let work = (&context.tenant_work, namespace.as_str());
        without_secrets(outcome, &connection, work, self.secrets(call)).await
    }

    /// The values from Secrets that the broker may repeat: those of the request, or those of earlier ones.
    async fn secrets(&self, call: &Call) -> SecretValues {
        if let (Verb::Provision | Verb::Update { .. }, Ok(parameters)) =
            (&call.verb, &self.snapshot.parameters)
        {
            return Some(parameters.secrets());
        }
        let (secrets, spec) = (&self.context.referenced_secrets, &self.instance.spec);
        secrets.values(&self.snapshot.identity.namespace, &spec.parameters_from).await
    }

    async fn send(&self, broker: &osb::Client, call: &Call, origin: &Origin) -> BrokerReply<Outcome> {
        let identity = request::identity(self.instance.spec.user_info.as_ref());
        let identity = identity.as_ref();
        let id = call.instance_id.as_str();
        let plan = PlanQuery { service_id: call.service_id.clone(), plan_id: call.plan_id.clone() };
        let parameters = self.snapshot.parameters.as_ref().map(Parameters::values).unwrap_or_default();
        let status = self.instance.status.clone().unwrap_or_default();
        match &call.verb {
            Verb::Provision => {
                let body = request::provision(call, origin, &status, &parameters);
                let reply = broker.provision(id, &body, identity).await?;
                Ok(outcome_of(reply, |body| {
                    Screened::answered_dashboard_url(body.dashboard_url, &body.ignored)
                }))
            }
            Verb::Update { parameters: are_sent, maintenance_info } => {
                let parameters = are_sent.then_some(&parameters);
                let body = request::update(call, origin, &status, parameters, *maintenance_info);
                let reply = broker.update(id, &body, identity).await?;
                Ok(outcome_of(reply, |body| {
                    Screened::answered_dashboard_url(body.dashboard_url, &body.ignored)
                }))
            }
            Verb::Deprovision | Verb::Mitigate => {
                Ok(outcome_of(broker.deprovision(id, &plan, identity).await?, |_| None))
            }
            Verb::Poll(operation) | Verb::PollMitigation(operation) => {
                let PlanQuery { service_id, plan_id } = plan;
                let query = LastOperationQuery { service_id, plan_id, operation: operation.clone() };
                Ok(Outcome::Polled(broker.poll_instance(id, &query, identity).await?))
            }
        }
    }
}
