//! Reconciles classes and plans. [`domain::catalog::entry`](crate::domain::catalog::entry) decides what happens to
//! them.

use std::sync::Arc;

use kube::Resource as _;
use kube::runtime::controller::Action;
use serde_json::json;
use tracing::info;

use crate::crd::ServiceInstance;
use crate::crd::role::{Class as _, Plan as _};
use crate::domain::catalog::entry::{Entry, Step, decide, has_plan, is_used_by};
use crate::reconcilers::context::Context;
use crate::reconcilers::error::Error;
use crate::reconcilers::kind::Kind;
use crate::reconcilers::scope::{Scope, class_of, is_for, plan_of};

/// Reconciles a class.
pub async fn reconcile_class<S: Scope>(class: Arc<S::Class>, context: Arc<Context>) -> Result<Action, Error> {
    let (is_removed, search_labels) = (class.is_removed(), class.search_labels());
    let entry = Entry { meta: class.meta(), is_removed, search_labels };
    let uses = |instance: &ServiceInstance| is_used_by(class.meta(), instance, class_of::<S>(instance));
    let step = decide(entry, || context.caches.instances.find(uses).is_some());
    execute(&context, class.as_ref(), step).await
}

/// Reconciles a plan.
pub async fn reconcile_plan<S: Scope>(plan: Arc<S::Plan>, context: Arc<Context>) -> Result<Action, Error> {
    let (is_removed, search_labels) = (plan.is_removed(), plan.search_labels());
    let entry = Entry { meta: plan.meta(), is_removed, search_labels };
    let uses = |instance: &ServiceInstance| {
        is_used_by(plan.meta(), instance, plan_of::<S>(instance))
            || (is_for::<S>(plan.as_ref(), instance) && has_plan(instance, plan.as_ref(), S::NAMESPACED))
    };
    let step = decide(entry, || context.caches.instances.find(uses).is_some());
    execute(&context, plan.as_ref(), step).await
}

async fn execute<K: Kind>(context: &Context, entry: &K, step: Step) -> Result<Action, Error> {
    match step {
        Step::Wait => {}
        Step::Label(labels) => {
            let patch = json!({"metadata": {"labels": labels}});
            context.api.patch(entry, patch, "labelling a class or plan").await?;
        }
        Step::Delete => {
            context.api.delete(entry).await?;
            info!("deleted catalog entry: the broker no longer offers it, and no instance uses it");
        }
    }
    Ok(Action::await_change())
}
