//! Writes and deletes the classes and plans of a broker. Which ones is decided in
//! [`domain::broker`](crate::domain::broker).

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use kube::ResourceExt as _;
use serde_json::json;

use crate::crd::role::{Broker as _, Class as _, Plan as _};
use crate::domain::broker::{Outcome, dependents, publication};
use crate::domain::catalog::{Change, Existing};
use crate::osb;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::Error;
use crate::reconcilers::kind::Kind;
use crate::reconcilers::scope::{Scope, is_for, owner};

/// How many classes or plans are written at once.
const CONCURRENT_WRITES: usize = 16;

/// The classes and plans that instances of a broker can use, whichever broker offers them, as the cache has them.
struct Entries<S: Scope> {
    classes: Vec<Arc<S::Class>>,
    plans: Vec<Arc<S::Plan>>,
}

impl<S: Scope> Entries<S> {
    fn beside(context: &Context, broker: &S::Broker) -> Self {
        let (classes, plans) = (S::Class::cache(&context.caches), S::Plan::cache(&context.caches));
        let mut entries = Self { classes: classes.state(), plans: plans.state() };
        entries.classes.retain(|class| is_for::<S>(class.as_ref(), broker));
        entries.plans.retain(|plan| is_for::<S>(plan.as_ref(), broker));
        entries
    }

    fn of<'a>(&'a self, broker: &'a str) -> Existing<'a, S::Class, S::Plan> {
        Existing { broker, classes: &self.classes, plans: &self.plans }
    }
}

/// Whether the cache lacks something of what was written last to a broker's classes and plans that it knows. What a catalog
/// changes is found by comparing it with the cache: a mark that is not seen there would not be taken back.
pub(super) fn is_cache_stale<S: Scope>(context: &Context, broker: &S::Broker) -> bool {
    let (name, api) = (broker.name_any(), &context.api);
    let is_stale_class =
        |class: &S::Class| is_for::<S>(class, broker) && class.broker_name() == name && api.is_stale(class);
    let is_stale_plan =
        |plan: &S::Plan| is_for::<S>(plan, broker) && plan.broker_name() == name && api.is_stale(plan);
    S::Class::cache(&context.caches).find(is_stale_class).is_some()
        || S::Plan::cache(&context.caches).find(is_stale_plan).is_some()
}

/// Makes classes and plans match the catalog.
pub(super) async fn publish<S: Scope>(
    context: &Context,
    broker: &S::Broker,
    catalog: &osb::Catalog,
) -> Result<Outcome, Error> {
    let (name, namespace, entries) =
        (broker.name_any(), broker.namespace(), Entries::<S>::beside(context, broker));
    let restrictions = broker.common().catalog_restrictions.as_ref();
    let publication = match publication(catalog, restrictions, &entries.of(&name), &owner(broker)) {
        Ok(publication) => publication,
        Err(why) => return Ok(Outcome::NotPublished(why)),
    };
    apply(context, namespace.as_deref(), publication.classes).await?;
    apply(context, namespace.as_deref(), publication.plans).await?;
    Ok(Outcome::Published(publication.published))
}

/// Deletes the classes and plans that go with the broker.
pub(super) async fn withdraw<S: Scope>(context: &Context, broker: &S::Broker) -> Result<(), Error> {
    let (name, entries) = (broker.name_any(), Entries::<S>::beside(context, broker));
    let (classes, plans) = dependents(&entries.of(&name), &owner(broker));
    for plan in plans {
        context.api.delete(plan.as_ref()).await?;
    }
    for class in classes {
        context.api.delete(class.as_ref()).await?;
    }
    Ok(())
}

async fn apply<K: Kind>(
    context: &Context,
    namespace: Option<&str>,
    changes: Vec<Change<K>>,
) -> Result<(), Error> {
    let writes = stream::iter(changes).map(|change| write_entry(context, namespace, change));
    // All are awaited although one has failed: what is written has to be remembered.
    let written: Vec<Result<(), Error>> = writes.buffer_unordered(CONCURRENT_WRITES).collect().await;
    written.into_iter().collect()
}

async fn write_entry<K: Kind>(
    context: &Context,
    namespace: Option<&str>,
    change: Change<K>,
) -> Result<(), Error> {
    let written = match change {
        Change::Create(mut object) => {
            object.meta_mut().namespace = namespace.map(str::to_owned);
            context.api.create(&object, "creating a class or plan").await
        }
        Change::Update(object) => context.api.replace(&object, "updating a class or plan").await,
        Change::Restore(object) => {
            let updated = context.api.replace(&object, "updating a class or plan").await?;
            mark(context, &updated, false).await
        }
        Change::Mark { object, removed } => mark(context, object.as_ref(), removed).await,
    };
    written.map(drop)
}

async fn mark<K: Kind>(context: &Context, object: &K, removed: bool) -> Result<K, Error> {
    let status = json!({"status": {"removedFromBrokerCatalog": removed}});
    context.api.patch_status(object, status, "marking a class or plan").await
}
