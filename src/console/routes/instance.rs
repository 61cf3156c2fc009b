//! `GET /ns/{namespace}/instances/{name}`

use crate::console::state::{conditions_of, state_of, timeline};
use crate::crd::instance::ServiceInstanceSpec;
use crate::crd::{
    ClusterServiceClass, ClusterServicePlan, ServiceBinding, ServiceClass, ServiceInstance, ServicePlan,
};
use axum::Extension;
use axum::extract::Path;
use futures::try_join;

use super::act::permitted_actions;
use super::events;
use super::permitted::{existing, permitted};
use crate::console::answer::failure::Failure;
use crate::console::answer::page::{Page, Section};
use crate::console::kube_api::Selection;
use crate::console::pages::actions::Offered;
use crate::console::pages::instance::{BindingRow, InstancePage, page};
use crate::console::request::visit::{Visit, Visiting};
use crate::console::views::binding::Binding;
use crate::console::views::icon::Icons;
use crate::console::views::instance::{Instance, Parameters, Resolved};
use crate::console::views::manifest;
use crate::console::views::offering::{Offering, Scope};
use crate::console::views::plan::Plan;

/// An instance.
pub async fn show(
    Extension(visit): Visiting,
    Path((namespace, name)): Path<(String, String)>,
) -> Result<Page, Failure> {
    let object: ServiceInstance = visit.cluster.get(Some(&namespace), &name).await?;
    let instance = Instance::of(&object);
    let of_instance = Selection::fields(format!("spec.instanceRef.name={name}"));
    let cluster = &visit.cluster;
    let (bindings, offering, events) = try_join!(
        async { permitted(cluster.list::<ServiceBinding>(Some(&namespace), &of_instance).await) },
        class_and_plan(&visit, instance.resolved.as_ref()),
        events::of(cluster, &object),
    )?;
    let (class, plan) = offering;
    let now = visit.now;
    let is_bindable =
        plan.as_ref().map_or_else(|| class.as_ref().is_none_or(|class| class.bindable), |plan| plan.bindable);
    let actions = permitted_actions(cluster, &object, is_bindable, now).await;
    let schema = plan.as_ref().and_then(|plan| plan.create_schema.as_ref());
    let parameters = Parameters::of_instance(&object.spec, schema);
    let rows: Option<Vec<BindingRow>> = bindings.map(|bindings| {
        let row = |binding| BindingRow { binding: Binding::of(binding), state: state_of(binding, now) };
        bindings.iter().map(row).collect()
    });
    let address = instance.address();
    let content = InstancePage {
        instance: &instance,
        class: class.as_ref().map(|class| (class.title.as_str(), &class.icon)),
        state: &state_of(&object, now),
        offered: Offered { subject: (&object).into(), address: &address, actions: &actions, now },
        bindings: rows.as_deref(),
        is_bindable,
        parameters: &parameters,
        offered_version: plan.as_ref().map_or(("", ""), |plan| (&plan.version, &plan.version_notes)),
        conditions: &conditions_of(&object),
        timeline: &timeline(&object, events.as_deref().unwrap_or_default()),
        may_read_events: events.is_some(),
        manifest: &manifest(&object, &parameters),
    };
    Ok(Page::new(Section::Instances, name, page(&content, &visit)))
}

/// The manifest, without parameters that are too large to be looked through.
fn manifest(object: &ServiceInstance, parameters: &Parameters) -> String {
    if !parameters.is_too_large {
        return manifest::of(object, &parameters.hidden);
    }
    let spec = ServiceInstanceSpec { parameters: None, ..object.spec.clone() };
    manifest::of(&ServiceInstance { spec, ..object.clone() }, &[])
}

/// The class and plan of an instance, as far as they exist and the user may read them.
pub async fn class_and_plan(
    visit: &Visit,
    resolved: Option<&Resolved>,
) -> Result<(Option<Offering>, Option<Plan>), Failure> {
    let Some(Resolved { scope, class, plan }) = resolved else { return Ok((None, None)) };
    let mut icons = Icons::new(&visit.console.image_origins);
    let (cluster, namespace) = (&visit.cluster, scope.namespace());
    match scope {
        Scope::Cluster => {
            let (class, plan) = try_join!(
                async { existing(cluster.get::<ClusterServiceClass>(namespace, class).await) },
                async { existing(cluster.get::<ClusterServicePlan>(namespace, plan).await) },
            )?;
            let class = class.map(|class| Offering::of_cluster(&class, &mut icons));
            let plan = class.as_ref().zip(plan).map(|(class, plan)| Plan::of_cluster(&plan, class));
            Ok((class, plan))
        }
        Scope::Namespace(_) => {
            let (class, plan) =
                try_join!(async { existing(cluster.get::<ServiceClass>(namespace, class).await) }, async {
                    existing(cluster.get::<ServicePlan>(namespace, plan).await)
                },)?;
            let class = class.map(|class| Offering::of_namespace(&class, &mut icons));
            let plan = class.as_ref().zip(plan).map(|(class, plan)| Plan::of_namespace(&plan, class));
            Ok((class, plan))
        }
    }
}
