//! What do the class and the plan of an instance say about its bindings?

use std::sync::Arc;

use kube::ResourceExt as _;

use crate::crd::ServiceInstance;
use crate::crd::instance::InstanceProperties;
use crate::crd::role::{Class as _, Plan as _};
use crate::domain::binding::Offering;
use crate::domain::parameters::Parameters;
use crate::domain::schema::Purpose;
use crate::raw_json::RawJson;
use crate::reconcilers::context::{Context, PlanKey};
use crate::reconcilers::error::Explained;
use crate::reconcilers::identity::{namespace, reference};
use crate::reconcilers::kind::Kind;
use crate::reconcilers::schemas;
use crate::reconcilers::scope::{Cluster, Namespaced, Scope, class_of, is_for, plan_of};

/// What class, plan and broker say about themselves, for the Secret's entries `type` and `provider`.
#[derive(Default)]
pub(super) struct Described {
    pub(super) service: String,
    pub(super) tags: Vec<String>,
    pub(super) class_metadata: Option<RawJson>,
    pub(super) plan_metadata: Option<RawJson>,
    pub(super) broker: String,
}

/// What the class and the plan of an instance offer for bindings, and how they describe themselves.
pub(super) fn offering(context: &Context, instance: Option<&ServiceInstance>) -> (Offering, Described) {
    let Some((instance, properties)) = instance.and_then(|it| confirmed(it).map(|confirmed| (it, confirmed)))
    else {
        return unknown(String::new());
    };
    let found = if is_namespaced(properties) {
        offering_in::<Namespaced>(context, instance)
    } else {
        offering_in::<Cluster>(context, instance)
    };
    let broker = properties.broker_name.clone();
    match found {
        Some((offering, described)) => (offering, Described { broker, ..described }),
        None => unknown(broker),
    }
}

fn offering_in<S: Scope>(context: &Context, instance: &ServiceInstance) -> Option<(Offering, Described)> {
    let (class, plan) = entries::<S>(context, instance)?;
    let is_bindable = plan.common().bindable.unwrap_or_else(|| class.common().bindable);
    let named =
        || format!("plan {:?} of class {:?}", plan.common().external_name, class.common().external_name);
    let offering = Offering {
        not_bindable: (!is_bindable).then(named),
        retrievable: class.common().binding_retrievable,
        rotatable: plan
            .common()
            .binding_rotatable
            .or_else(|| class.common().binding_rotatable)
            .unwrap_or_default(),
        maximum_polling_duration: plan.maximum_polling_duration(),
    };
    let described = Described {
        service: class.common().external_name.clone(),
        tags: class.common().tags.clone(),
        class_metadata: class.common().external_metadata.clone(),
        plan_metadata: plan.common().external_metadata.clone(),
        broker: String::new(),
    };
    Some((offering, described))
}

/// The offering if the class or plan is gone from the catalog: its instances can still be bound (OSB, “Catalog
/// Management”).
fn unknown(broker: String) -> (Offering, Described) {
    let offering =
        Offering { not_bindable: None, retrievable: false, rotatable: false, maximum_polling_duration: None };
    (offering, Described { broker, ..Described::default() })
}

/// The parameters of a binding, or why they do not match the plan's schema for them.
pub(super) async fn fitting(
    context: &Context,
    instance: &ServiceInstance,
    parameters: Parameters,
) -> Explained<Parameters> {
    if confirmed(instance).is_some_and(is_namespaced) {
        fitting_in::<Namespaced>(context, instance, parameters).await
    } else {
        fitting_in::<Cluster>(context, instance, parameters).await
    }
}

async fn fitting_in<S: Scope>(
    context: &Context,
    instance: &ServiceInstance,
    parameters: Parameters,
) -> Explained<Parameters> {
    let plan = entries::<S>(context, instance).map(|(_, plan)| plan);
    schemas::fitting(&context.tenant_work, namespace(instance), plan, Purpose::Bind, parameters).await
}

/// The plan that the broker has confirmed for the instance.
pub(super) fn plan_key(instance: &ServiceInstance) -> Option<PlanKey> {
    let properties = confirmed(instance)?;
    let namespace = instance.namespace().filter(|_| is_namespaced(properties));
    Some((namespace, properties.plan_id().to_owned()))
}

type Entries<S> = (Arc<<S as Scope>::Class>, Arc<<S as Scope>::Plan>);

/// The class and the plan that the broker has confirmed for the instance.
fn entries<S: Scope>(context: &Context, instance: &ServiceInstance) -> Option<Entries<S>> {
    let properties = confirmed(instance)?;
    let class = find::<S, S::Class>(context, instance, class_of::<S>(instance), |class| {
        class.common().external_id == properties.service_id && class.broker_name() == properties.broker_name
    })?;
    let plan = find::<S, S::Plan>(context, instance, plan_of::<S>(instance), |plan| {
        plan.common().external_id == properties.plan_id() && plan.class_name() == class.name_any()
    })?;
    Some((class, plan))
}

/// The entry that the instance can use and that matches. Users may have created copies, so the one to which the spec
/// refers takes precedence.
fn find<S: Scope, K: Kind>(
    context: &Context,
    instance: &ServiceInstance,
    name: Option<&str>,
    matches: impl Fn(&K) -> bool,
) -> Option<Arc<K>> {
    let entries = K::cache(&context.caches);
    let named = name.and_then(|name| {
        let namespace = instance.namespace().filter(|_| S::NAMESPACED);
        entries.get(&reference(name, namespace.as_deref()))
    });
    let named = named.filter(|entry| matches(entry));
    named.or_else(|| entries.find(|entry| matches(entry) && is_for::<S>(entry, instance)))
}

fn confirmed(instance: &ServiceInstance) -> Option<&InstanceProperties> {
    instance.status.as_ref()?.external_properties.as_ref()
}

fn is_namespaced(properties: &InstanceProperties) -> bool {
    !properties.service_plan_external_id.is_empty()
}
