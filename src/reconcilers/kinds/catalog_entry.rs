//! Reconciles classes and plans. [`domain::catalog::entry`](crate::domain::catalog::entry) decides what happens to
//! them.

use std::sync::Arc;

use kube::runtime::controller::Action;
use kube::{Resource as _, ResourceExt as _};
use serde_json::json;
use tracing::info;

use crate::crd::ServiceInstance;
use crate::crd::role::{Class as _, Plan as _};
use crate::domain::catalog::entry::{Entry, Step, decide, has_plan};
use crate::reconcilers::context::Context;
use crate::reconcilers::error::Error;
use crate::reconcilers::indexes::Need;
use crate::reconcilers::kind::Kind;
use crate::reconcilers::scope::Scope;

/// Reconciles a class.
pub async fn reconcile_class<S: Scope>(class: Arc<S::Class>, context: Arc<Context>) -> Result<Action, Error> {
    let (is_removed, search_labels) = (class.is_removed(), class.search_labels());
    let entry = Entry { meta: class.meta(), is_removed, search_labels };
    let need = || Need::Class(class.meta().namespace.clone(), class.name_any());
    let step = decide(entry, || !context.instances_with(&need()).is_empty());
    execute(&context, class.as_ref(), step).await
}

/// Reconciles a plan.
pub async fn reconcile_plan<S: Scope>(plan: Arc<S::Plan>, context: Arc<Context>) -> Result<Action, Error> {
    let (is_removed, search_labels) = (plan.is_removed(), plan.search_labels());
    let entry = Entry { meta: plan.meta(), is_removed, search_labels };
    let needs = || {
        let (namespace, id) = (plan.meta().namespace.clone(), plan.common().external_id.clone());
        let resolved = context.instances_with(&Need::Plan(namespace.clone(), plan.name_any()));
        let at_broker = context.instances_with(&Need::PlanAtBroker(namespace, id));
        let has = |instance: &Arc<ServiceInstance>| has_plan(instance, plan.as_ref(), S::NAMESPACED);
        !resolved.is_empty() || at_broker.iter().any(has)
    };
    let step = decide(entry, needs);
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
