//! Classes and plans: clients find them by their labels, whoever made them; an entry that the broker offers no more goes with
//! its last instance.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use serde_json::json;
use tracing::info;

use crate::crd::{ServiceInstance, role};
use crate::reconcilers::context::Context;
use crate::reconcilers::error::Error;
use crate::reconcilers::scope::{Kind, Scope, is_for};

/// One pass over a class.
pub async fn reconcile_class<S: Scope>(class: Arc<S::Class>, context: Arc<Context>) -> Result<Action, Error> {
    use role::Class as _;
    if class.is_removed() && !is_used::<S, _>(&context, class.as_ref(), |instance| class_of::<S>(instance)) {
        delete(&context, class.as_ref()).await?;
    } else {
        label(&context, class.as_ref(), class.search_labels()).await?;
    }
    Ok(Action::await_change())
}

/// One pass over a plan.
pub async fn reconcile_plan<S: Scope>(plan: Arc<S::Plan>, context: Arc<Context>) -> Result<Action, Error> {
    use role::Plan as _;
    if plan.is_removed() && !is_used::<S, _>(&context, plan.as_ref(), |instance| plan_of::<S>(instance)) {
        delete(&context, plan.as_ref()).await?;
    } else {
        label(&context, plan.as_ref(), plan.search_labels()).await?;
    }
    Ok(Action::await_change())
}

/// The name of the class of this scope that an instance was found to have.
pub fn class_of<S: Scope>(instance: &ServiceInstance) -> Option<&str> {
    let spec = &instance.spec;
    let reference = if S::NAMESPACED { &spec.service_class_ref } else { &spec.cluster_service_class_ref };
    reference.as_ref().map(|reference| reference.name.as_str())
}

/// The name of the plan of this scope that an instance was found to have.
pub fn plan_of<S: Scope>(instance: &ServiceInstance) -> Option<&str> {
    let spec = &instance.spec;
    let reference = if S::NAMESPACED { &spec.service_plan_ref } else { &spec.cluster_service_plan_ref };
    reference.as_ref().map(|reference| reference.name.as_str())
}

fn is_used<S: Scope, K: Kind>(
    context: &Context,
    entry: &K,
    of: impl Fn(&ServiceInstance) -> Option<&str>,
) -> bool {
    let name = entry.name_any();
    context.instances.find(|instance| of(instance) == Some(&name) && is_for::<S>(entry, instance)).is_some()
}

async fn label<K: Kind>(context: &Context, entry: &K, labels: BTreeMap<String, String>) -> Result<(), Error> {
    let is_labelled = labels.iter().all(|(key, value)| entry.labels().get(key) == Some(value));
    if !is_labelled && entry.meta().deletion_timestamp.is_none() {
        let patch = json!({"metadata": {"labels": labels}});
        context.patch(entry, patch, "labelling a class or plan").await?;
    }
    Ok(())
}

async fn delete<K: Kind>(context: &Context, entry: &K) -> Result<(), Error> {
    context.delete(entry).await?;
    info!("the broker offers it no more and nothing uses it: deleted");
    Ok(())
}
