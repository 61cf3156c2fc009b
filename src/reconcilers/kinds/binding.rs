//! Reconciles bindings; the entry point is [`reconcile`]. This file observes, `execution` calls the broker, `storage`
//! writes the credentials to the Secret, `offering` reads what class and plan offer for bindings, and `marking` labels
//! their namespaces.

mod execution;
pub mod marking;
mod offering;
mod storage;

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use tracing::{debug, info};

use crate::crd::condition::Condition;
use crate::crd::{ServiceBinding, ServiceBindingStatus, ServiceInstance};
use crate::domain::binding::injecting::{self, Obstacle};
use crate::domain::binding::{
    Call, Observed, Offering, Step, Verb, broker, decide, merge_concurrent_status, settle,
};
use crate::domain::credentials::{becomes_code, digest, sources};
use crate::domain::parameters::Parameters;
use crate::domain::schema::Purpose;
use crate::domain::{Outcome, Settled};
use crate::reconcilers::broker_access::call_gate::CallGate;
use crate::reconcilers::broker_access::connections::BrokerName;
use crate::reconcilers::clock;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::{Error, Explained};
use crate::reconcilers::identity::{Identity, namespace, uid};
use crate::reconcilers::kinds::parameters::merged;
use crate::reconcilers::lifecycle::{self, Attempt, Lifecycle};
use crate::reconcilers::rollouts;
use crate::reconcilers::secrets::{self, SecretSlot, User};
use execution::Execution;
use offering::{Described, fitting, offering, plan_key};
use storage::{Storage, env_prefix};

/// Reconciles a binding.
pub async fn reconcile(binding: Arc<ServiceBinding>, context: Arc<Context>) -> Result<Action, Error> {
    marking::correct(&context, &binding).await;
    Box::pin(lifecycle::run(binding, &context)).await
}

impl Lifecycle for ServiceBinding {
    type Call = Call;
    type Snapshot = Snapshot;

    async fn observe(&self, context: &Context, identity: &Identity) -> Result<Snapshot, Error> {
        Snapshot::gather(context, self, identity).await
    }

    async fn validate(&self, context: &Context, snapshot: Snapshot, _: Purpose) -> Snapshot {
        snapshot.validate(context, self).await
    }

    fn decide(&self, context: &Context, snapshot: &Snapshot, may_be_retry: bool) -> Step {
        decide(&snapshot.observed(context, self, may_be_retry))
    }

    fn claim_ids(&self, context: &Context, status: &ServiceBindingStatus) -> bool {
        context.binding_ids.claim(self, status)
    }

    fn is_mutating(call: &Call) -> bool {
        call.verb.is_mutating()
    }

    fn removes_orphan(call: &Call) -> bool {
        call.verb == Verb::Mitigate
    }

    async fn execute(&self, context: &Context, attempt: &Attempt<'_, Self>) -> Result<Outcome, Error> {
        let Attempt { snapshot, call, may_be_retry } = *attempt;
        let namespace = &snapshot.identity.namespace;
        let (binding_id, broker) = (&call.binding_id, &call.instance.broker_name);
        let outcome = {
            let _lock = context.instance_locks.lock(namespace, &self.spec.instance_ref.name).await;
            if call.verb.is_mutating() && !snapshot.is_instance_unchanged(context) {
                return Err(Error::NotNow);
            }
            debug!(operation = ?call.verb, binding_id, broker, "calling broker");
            let (retrievable, described) = (snapshot.offering.retrievable, &snapshot.described);
            let storage = Storage { context, binding: self, namespace, described };
            let parameters = &snapshot.parameters;
            Execution { storage, parameters, retrievable, may_be_retry }.run(call).await?
        };
        info!(operation = call.verb.name(), binding_id, broker, %outcome, "broker call finished");
        Ok(outcome)
    }

    fn settle(
        &self,
        context: &Context,
        attempt: &Attempt<'_, Self>,
        outcome: Outcome,
    ) -> Settled<ServiceBindingStatus> {
        settle(&attempt.snapshot.observed(context, self, attempt.may_be_retry), attempt.call, outcome)
    }

    fn merge_concurrent_status(
        &self,
        context: &Context,
        attempt: &Attempt<'_, Self>,
        before: &ServiceBindingStatus,
    ) -> Option<ServiceBindingStatus> {
        merge_concurrent_status(&attempt.snapshot.observed(context, self, true), before, attempt.call)
    }

    /// Deletes the Secret before its binding, so that a new binding of the same name finds the slot vacant.
    async fn clean_up(&self, context: &Context) -> Result<(), Error> {
        context.binding_secrets.delete(self).await
    }

    fn gate(snapshot: &Snapshot) -> Option<&Arc<CallGate>> {
        snapshot.gate.as_ref()
    }

    fn conditions(status: &ServiceBindingStatus) -> &[Condition] {
        &status.conditions
    }
}

/// Lets changes of the Secrets from which parameters and entries come requeue the binding, until it exists at the
/// broker: it cannot be updated after that. While a binding that injects lacks its own Secret, another client may create
/// one of that name, which pods must not get.
fn refer_to_secrets(context: &Context, binding: &ServiceBinding) -> Explained<()> {
    let namespace = namespace(binding);
    let is_bound = binding.status.as_ref().is_some_and(|status| status.external_properties.is_some());
    let lacks_secret = || injecting::is_settled(binding) && !context.binding_secrets.exists(binding);
    let used = if binding.metadata.deletion_timestamp.is_some() {
        BTreeSet::new()
    } else if is_bound {
        let own = lacks_secret().then(|| (namespace.to_owned(), binding.secret_name().to_owned()));
        own.into_iter().collect()
    } else {
        let mut used = secrets::references(namespace, &binding.spec.parameters_from);
        let transforms = sources(&binding.spec.secret_transforms, namespace).unwrap_or_default();
        used.extend(transforms.into_iter().map(|name| (namespace.to_owned(), name.to_owned())));
        used
    };
    let (queue, object) = (context.queues.bindings.clone(), ObjectRef::from_obj(binding));
    let user = User { uid: uid(binding), namespace: Some(namespace) };
    context.referenced_secrets.refer(user, &used, move || queue.requeue(object.clone()))
}

/// What a reconcile has observed about a binding.
pub struct Snapshot {
    identity: Identity,
    instance: Option<Arc<ServiceInstance>>,
    offering: Offering,
    described: Arc<Described>,
    parameters: Explained<Parameters>,
    validated: bool,
    is_id_taken: bool,
    secret: Option<String>,
    obstacle: Option<Obstacle>,
    gate: Option<Arc<CallGate>>,
}

impl Snapshot {
    async fn gather(context: &Context, binding: &ServiceBinding, identity: &Identity) -> Result<Self, Error> {
        let namespace = &identity.namespace;
        let reference = ObjectRef::new(&binding.spec.instance_ref.name).within(namespace);
        let instance = context.caches.instances.get(&reference);
        let (offering, described) = offering(context, instance.as_deref());
        let from = match refer_to_secrets(context, binding) {
            Ok(()) => context.referenced_secrets.parameters(namespace, &binding.spec.parameters_from).await?,
            Err(why) => Err(why),
        };
        let parameters = match from {
            Ok(from) => {
                merged(context, namespace, [None, None], binding.spec.parameters.as_ref(), from).await?
            }
            Err(why) => Err(why),
        };
        let mut secret = secret(context, binding).await?;
        let obstacle = obstacle(context, binding, secret.as_ref()).await?;
        if obstacle == Some(Obstacle::UnsafeEntries) {
            // As if another client had changed the Secret: it is written again.
            secret = Some(String::new());
        }
        let gate = broker(binding, instance.as_deref()).and_then(|(name, namespaced)| {
            context.brokers.gate(&BrokerName::seen_from(namespace, namespaced, &name), namespace)
        });
        context.rejected_by_schema.stop(&identity.uid);
        let identity = identity.clone();
        let (described, validated) = (Arc::new(described), false);
        let is_id_taken = context.binding_ids.is_taken(binding);
        Ok(Self {
            identity,
            instance,
            offering,
            described,
            parameters,
            validated,
            is_id_taken,
            secret,
            obstacle,
            gate,
        })
    }

    /// Validates the parameters against the plan's schema. If they do not match, a change of the plan requeues the
    /// binding.
    async fn validate(mut self, context: &Context, binding: &ServiceBinding) -> Self {
        self.validated = true;
        let (Some(instance), Ok(parameters)) = (&self.instance, &self.parameters) else { return self };
        let uid = &self.identity.uid;
        // Before reading the plan, so that a change in between requeues the binding.
        if let Some(plan) = plan_key(instance) {
            context.rejected_by_schema.wait(uid, vec![plan], ObjectRef::from_obj(binding));
        }
        self.parameters = fitting(context, instance, parameters.clone()).await;
        if self.parameters.is_ok() {
            context.rejected_by_schema.stop(uid);
        }
        self
    }

    /// Whether the instance is unchanged since it was observed. The call that held the lock before may have changed it.
    fn is_instance_unchanged(&self, context: &Context) -> bool {
        let Some(observed) = &self.instance else { return true };
        let known = context.caches.instances.get(&ObjectRef::from_obj(observed.as_ref()));
        known.is_some_and(|known| {
            known.resource_version() == observed.resource_version() && !context.api.is_stale(known.as_ref())
        })
    }

    fn observed<'a>(
        &'a self,
        context: &Context,
        binding: &'a ServiceBinding,
        may_be_retry: bool,
    ) -> Observed<'a> {
        Observed {
            binding,
            now: clock::now(),
            instance: self.instance.as_deref(),
            offering: self.offering.clone(),
            parameters: self.parameters.clone(),
            validated: self.validated,
            secret: self.secret.clone(),
            next_poll: context.next_poll.get(&self.identity.uid),
            may_be_retry,
            usage: rollouts::usage(context, binding),
            collisions: context.collisions.of(binding),
            is_id_taken: self.is_id_taken,
            obstacle: self.obstacle,
            outage: self.gate.as_ref().and_then(|gate| gate.outage()),
        }
    }
}

/// What keeps the binding from injecting into pods. A settled one that has its Secret is not looked at, so that it costs
/// nothing.
async fn obstacle(
    context: &Context,
    binding: &ServiceBinding,
    secret: Option<&String>,
) -> Result<Option<Obstacle>, Error> {
    if injecting::has_large_selector(binding) {
        return Ok(Some(Obstacle::Selector));
    }
    let is_settled = injecting::is_settled(binding);
    if !injecting::wants_to(binding) || is_settled && secret.is_some() {
        return Ok(None);
    }
    if !is_settled {
        let limit = context.bindings.limit(binding);
        if limit.is_some() || secret.is_some() && env_prefix(binding).is_none() {
            return Ok(limit);
        }
    }
    let becomes_code = |key: &String| env_prefix(binding).is_some_and(|prefix| becomes_code(key, prefix));
    Ok(match context.binding_secrets.slot(binding).await? {
        // With the label, it is from the policy: its author may read the Secret, whoever creates it.
        SecretSlot::Vacant => (!injecting::is_labelled(binding)).then_some(Obstacle::VacantSecret),
        SecretSlot::Ours(_) if is_settled || env_prefix(binding).is_none() => None,
        SecretSlot::Ours(_) => {
            let entries = context.binding_secrets.read(binding).await?.unwrap_or_default();
            entries.keys().any(becomes_code).then_some(Obstacle::UnsafeEntries)
        }
        SecretSlot::Foreign => Some(Obstacle::ForeignSecret),
    })
}

/// The digest of the binding's Secret. A Secret that the archived service-catalog wrote lacks the operator's label, so
/// the watch does not deliver it, and it is read once.
async fn secret(context: &Context, binding: &ServiceBinding) -> Result<Option<String>, Error> {
    let known = context.binding_secrets.digest(binding).await?;
    let status = binding.status.as_ref();
    let inherited =
        status.is_some_and(|status| status.external_properties.is_some() && status.secret_digest.is_empty());
    if known.is_some() || !inherited {
        return Ok(known);
    }
    Ok(context.binding_secrets.read(binding).await?.map(|entries| digest(&entries)))
}
