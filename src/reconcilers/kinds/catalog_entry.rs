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
use crate::reconcilers::kind::Kind;
use crate::reconcilers::scope::{Scope, class_of, is_for, plan_of};

/// Reconciles a class.
pub async fn reconcile_class<S: Scope>(class: Arc<S::Class>, context: Arc<Context>) -> Result<Action, Error> {
    use role::Class as _;
    if class.is_removed() && !is_used::<S, _>(&context, class.as_ref(), |instance| class_of::<S>(instance)) {
        delete(&context, class.as_ref()).await?;
    } else {
        label(&context, class.as_ref(), class.search_labels()).await?;
    }
    Ok(Action::await_change())
}

/// Reconciles a plan.
pub async fn reconcile_plan<S: Scope>(plan: Arc<S::Plan>, context: Arc<Context>) -> Result<Action, Error> {
    use role::Plan as _;
    if plan.is_removed() && !is_used::<S, _>(&context, plan.as_ref(), |instance| plan_of::<S>(instance)) {
        delete(&context, plan.as_ref()).await?;
    } else {
        label(&context, plan.as_ref(), plan.search_labels()).await?;
    }
    Ok(Action::await_change())
}

fn is_used<S: Scope, K: Kind>(
    context: &Context,
    entry: &K,
    of: impl Fn(&ServiceInstance) -> Option<&str>,
) -> bool {
    let name = entry.name_any();
    context
        .caches
        .instances
        .find(|instance| of(instance) == Some(&name) && is_for::<S>(entry, instance))
        .is_some()
}

async fn label<K: Kind>(context: &Context, entry: &K, labels: BTreeMap<String, String>) -> Result<(), Error> {
    let is_labelled = labels.iter().all(|(key, value)| entry.labels().get(key) == Some(value));
    if !is_labelled && entry.meta().deletion_timestamp.is_none() {
        let patch = json!({"metadata": {"labels": labels}});
        context.api.patch(entry, patch, "labelling a class or plan").await?;
    }
    Ok(())
}

async fn delete<K: Kind>(context: &Context, entry: &K) -> Result<(), Error> {
    context.api.delete(entry).await?;
    info!("the broker offers it no more and nothing uses it: deleted");
    Ok(())
}
