//! `GET /catalog`

use crate::console::state::{Tone, state_of};
use crate::crd::{ClusterServiceBroker, ClusterServiceClass, ServiceBroker, ServiceClass};
use axum::Extension;
use axum::extract::Query;
use futures::try_join;
use jiff::Timestamp;

use super::permitted::permitted;
use crate::console::answer::failure::Failure;
use crate::console::answer::page::{Page, Section};
use crate::console::kube_api::{Known, PlanSummary, Selection, ServicePlanSummary};
use crate::console::pages::catalog::{BrokenBroker, CatalogPage, page};
use crate::console::request::visit::{Visit, Visiting};
use crate::console::views::broker;
use crate::console::views::catalog::{Catalog, Filter, PlansByClass};
use crate::console::views::icon::Icons;
use crate::console::views::offering::{Offering, Scope};

/// The catalog.
pub async fn show(Extension(visit): Visiting, Query(filter): Query<Filter>) -> Result<Page, Failure> {
    let namespace = Some(visit.namespace.as_str());
    let (classes, own_classes, plans, own_plans, brokers, own_brokers) = try_join!(
        list::<ClusterServiceClass>(&visit, None),
        list::<ServiceClass>(&visit, namespace),
        list::<PlanSummary>(&visit, None),
        list::<ServicePlanSummary>(&visit, namespace),
        list::<ClusterServiceBroker>(&visit, None),
        list::<ServiceBroker>(&visit, namespace),
    )?;
    let is_refused = classes.is_none();
    let mut icons = Icons::new(&visit.console.image_origins);
    let mut offerings: Vec<Offering> =
        classes.iter().flatten().map(|class| Offering::of_cluster(class, &mut icons)).collect();
    offerings.extend(own_classes.iter().flatten().map(|class| Offering::of_namespace(class, &mut icons)));
    let plans = plans_by_class(plans.as_deref(), own_plans.as_deref(), &visit.namespace);
    let catalog = Catalog::of(offerings, &plans, &filter);
    let has_no_broker =
        [brokers.as_ref().map(Vec::len), own_brokers.as_ref().map(Vec::len)] == [Some(0), Some(0)];
    let broken = broken(brokers.as_deref(), own_brokers.as_deref(), &visit, visit.now);
    let content = CatalogPage {
        catalog: &catalog,
        filter: &filter,
        broken: &broken,
        is_refused,
        has_no_broker,
        user: &visit.user.name,
    };
    let language = visit.language();
    Ok(Page::new(Section::Catalog, language.pick("Catalog", "目录"), page(&content, language)))
}

async fn list<K: Known>(visit: &Visit, namespace: Option<&str>) -> Result<Option<Vec<K>>, Failure> {
    permitted(visit.cluster.list(namespace, &Selection::default()).await)
}

fn plans_by_class(
    plans: Option<&[PlanSummary]>,
    own: Option<&[ServicePlanSummary]>,
    namespace: &str,
) -> PlansByClass {
    let mut by_class = PlansByClass::default();
    let is_offered = |status: &Option<crate::crd::class::CatalogEntryStatus>| {
        !status.as_ref().is_some_and(|status| status.removed_from_broker_catalog)
    };
    for plan in plans.unwrap_or_default().iter().filter(|plan| is_offered(&plan.status)) {
        by_class.add(Scope::Cluster, &plan.spec.cluster_service_class_ref.name, &plan.spec);
    }
    for plan in own.unwrap_or_default().iter().filter(|plan| is_offered(&plan.status)) {
        by_class.add(Scope::Namespace(namespace.to_owned()), &plan.spec.service_class_ref.name, &plan.spec);
    }
    by_class
}

/// The brokers that need a look.
fn broken(
    brokers: Option<&[ClusterServiceBroker]>,
    own: Option<&[ServiceBroker]>,
    visit: &Visit,
    now: Timestamp,
) -> Vec<BrokenBroker> {
    let language = visit.language();
    let brokers = brokers.unwrap_or_default().iter();
    let in_cluster = brokers.map(|broker| (state_of(broker, now), broker::Broker::of_cluster(broker)));
    let own = own.unwrap_or_default().iter();
    let own = own.map(|broker| (state_of(broker, now), broker::Broker::of_namespace(broker)));
    let bad = in_cluster.chain(own).filter(|(state, _)| state.word.tone() == Tone::Bad);
    bad.map(|(state, broker)| BrokenBroker {
        address: broker.address(),
        why: state.sentence(language).into_owned(),
        name: broker.name,
    })
    .collect()
}
