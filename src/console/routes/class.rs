//! `GET /catalog/{scope}/{class}`

use crate::console::state::state_of;
use crate::crd::{
    ClusterServiceClass, ClusterServicePlan, GROUP, ServiceBinding, ServiceClass, ServiceInstance,
    ServicePlan,
};
use axum::Extension;
use axum::extract::Path;
use futures::try_join;

use super::instances::{bindings_by_instance, row};
use super::permitted::permitted;
use crate::console::answer::failure::Failure;
use crate::console::answer::page::{Page, Section};
use crate::console::kube_api::Selection;
use crate::console::pages::class::{ClassPage, page};
use crate::console::request::visit::{Visit, Visiting};
use crate::console::views::icon::Icons;
use crate::console::views::instance::Instance;
use crate::console::views::offering::{Offering, Scope};
use crate::console::views::plan::{self, Plan};

/// A class.
pub async fn show(
    Extension(visit): Visiting,
    Path((scope, name)): Path<(String, String)>,
) -> Result<Page, Failure> {
    let scope = Scope::of_segment(&scope).ok_or(Failure::NotFound)?;
    let all = Selection::default();
    let namespace = scope.namespace().unwrap_or(&visit.namespace);
    let cluster = &visit.cluster;
    let ((class, plans), instances, bindings) = try_join!(
        class_with_plans(&visit, &scope, &name),
        async { permitted(cluster.list::<ServiceInstance>(Some(namespace), &all).await) },
        async { permitted(cluster.list::<ServiceBinding>(Some(namespace), &all).await) },
    )?;
    let (now, language) = (visit.now, visit.language());
    let counts = bindings_by_instance(bindings.as_deref());
    let is_of_class = |instance: &&ServiceInstance| {
        let resolved = Instance::of(instance).resolved;
        resolved.is_some_and(|resolved| resolved.scope == scope && resolved.class == name)
    };
    let instances = instances.iter().flatten().filter(is_of_class);
    let rows: Vec<_> =
        instances.map(|instance| row(instance, state_of(instance, now), counts.as_ref())).collect();
    let rights = cluster.rights(namespace).await;
    let may_create = rights.may("create", GROUP, "serviceinstances", "").await;
    let content = ClassPage {
        class: &class,
        plans_refused: plans.is_none(),
        plans: plans.as_deref().unwrap_or_default(),
        instances: &rows,
        namespace,
        may_create,
    };
    Ok(Page::new(Section::Catalog, class.title.clone(), page(&content, now, language)))
}

/// A class, and its plans in the order in which people compare; `None` if the user may not list plans.
pub async fn class_with_plans(
    visit: &Visit,
    scope: &Scope,
    name: &str,
) -> Result<(Offering, Option<Vec<Plan>>), Failure> {
    let mut icons = Icons::new(&visit.console.image_origins);
    let (cluster, namespace) = (&visit.cluster, scope.namespace());
    let (class, plans) = match scope {
        Scope::Cluster => {
            let of_class = Selection::fields(format!("spec.clusterServiceClassRef.name={name}"));
            let (class, plans) = try_join!(cluster.get::<ClusterServiceClass>(namespace, name), async {
                permitted(cluster.list::<ClusterServicePlan>(namespace, &of_class).await)
            },)?;
            let class = Offering::of_cluster(&class, &mut icons);
            let plans = plans.map(|plans| plans.iter().map(|plan| Plan::of_cluster(plan, &class)).collect());
            (class, plans)
        }
        Scope::Namespace(_) => {
            let of_class = Selection::fields(format!("spec.serviceClassRef.name={name}"));
            let (class, plans) = try_join!(cluster.get::<ServiceClass>(namespace, name), async {
                permitted(cluster.list::<ServicePlan>(namespace, &of_class).await)
            },)?;
            let class = Offering::of_namespace(&class, &mut icons);
            let plans =
                plans.map(|plans| plans.iter().map(|plan| Plan::of_namespace(plan, &class)).collect());
            (class, plans)
        }
    };
    let plans: Option<Vec<Plan>> = plans;
    Ok((
        class,
        plans.map(|mut plans| {
            plan::sort(&mut plans);
            plans
        }),
    ))
}
