//! Bindings: what is found out about them? How their broker is asked is in `execution`, where credentials go in
//! `storage`, what class and plan say of bindings in `offering`.

mod execution;
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
use crate::domain::binding::{Call, Observed, Offering, Step, broker, decide, overtaken, sends, settle};
use crate::domain::credentials::{digest, sources};
use crate::domain::parameters::{self, Parameters};
use crate::domain::{Outcome, Settled};
use crate::reconcilers::broker_access::call_gate::Gate;
use crate::reconcilers::clock;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::Error;
use crate::reconcilers::lifecycle::{self, Life};
use crate::reconcilers::queue::Queue;
use crate::reconcilers::rollouts;
use crate::reconcilers::secrets::{self, Place};
use execution::Execution;
use offering::{Described, fitting, offering};

/// One pass over a binding.
pub async fn reconcile(binding: Arc<ServiceBinding>, context: Arc<Context>) -> Result<Action, Error> {
    watch_secrets(&context, &binding);
    lifecycle::run(binding, &context).await
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

    /// The Secret goes before its binding, so that another binding of the name finds its place free.
    fn tidy(&self, context: &Context) -> impl Future<Output = Result<(), Error>> + Send {
        secrets::delete(context, self)
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

/// The Secrets that give parameters and entries are watched until the binding is made: after that it does not change.
fn watch_secrets(context: &Context, binding: &ServiceBinding) {
    let namespace = binding.namespace().unwrap_or_default();
    let made = binding.status.as_ref().is_some_and(|status| status.external_properties.is_some());
    let used = if made || binding.metadata.deletion_timestamp.is_some() {
        BTreeSet::new()
    } else {
        let mut used = secrets::referred(&namespace, &binding.spec.parameters_from);
        let added = sources(&binding.spec.secret_transforms, &namespace).unwrap_or_default();
        used.extend(added.into_iter().map(|name| (namespace.clone(), name.to_owned())));
        used
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
        let (offering, described) = offering(context, instance.as_deref());
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
        let uid = binding.uid().unwrap_or_default();
        let (true, Some(instance), Ok(parameters)) = (sends(&observed), &self.instance, &self.parameters)
        else {
            context.unfit.set(&uid, None);
            return;
        };
        // Before looking, so that a change meanwhile wakes it.
        context.unfit.set(&uid, Some(ObjectRef::from_obj(binding)));
        self.parameters = fitting(context, instance, parameters.clone()).await;
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
            usage: rollouts::usage(context, binding),
            collisions: context.collisions.of(binding),
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
