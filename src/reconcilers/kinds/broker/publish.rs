//! Writes and deletes the classes and plans of a broker. [`domain::broker`](crate::domain::broker) decides which.

use std::mem::take;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;
use serde_json::json;
use tokio::time::timeout;
use tracing::warn;

use crate::crd::role::{Broker as _, Class as _, Plan as _};
use crate::domain::broker::{NamespaceLimit, Outcome, dependents, publication};
use crate::domain::catalog::{Change, Existing, Rejection};
use crate::osb::{self, excerpt};
use crate::reconcilers::broker_access::connections::Connection;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::Error;
use crate::reconcilers::kind::Kind;
use crate::reconcilers::scope::{Scope, is_for, owner};

/// How many classes or plans of a broker are written at once, at most.
const CONCURRENT_WRITES: usize = 16;
/// The longest text of the API server about an entry that it refuses, in characters.
const MAX_REFUSAL_CHARS: usize = 200;
/// How long publishing waits for the watch to bring the entries that it has created. Usually that takes milliseconds.
const CACHE_TIMEOUT: Duration = Duration::from_secs(10);

/// The cached classes and plans of the broker's scope, whichever broker offers them.
struct Entries<S: Scope> {
    classes: Vec<Arc<S::Class>>,
    plans: Vec<Arc<S::Plan>>,
}

impl<S: Scope> Entries<S> {
    fn usable_with(context: &Context, broker: &S::Broker) -> Self {
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

/// Whether the cached copy of any class or plan of the broker is stale. The changes of a catalog are the difference to
/// the cache: a mark as removed that the cache does not show yet would not be reverted.
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
    connection: &Connection,
    catalog: &osb::Catalog,
) -> Result<Outcome, Error> {
    let (name, namespace, entries) =
        (broker.name_any(), broker.namespace(), Entries::<S>::usable_with(context, broker));
    let restrictions = broker.common().catalog_restrictions.as_ref();
    let limit = S::NAMESPACED.then(|| NamespaceLimit::of(context.settings.call_limits.max_catalog_plans));
    let mut publication = match publication(catalog, restrictions, &entries.of(&name), &owner(broker), limit)
    {
        Ok(publication) => publication,
        Err(why) => return Ok(Outcome::NotPublished(why)),
    };
    connection.set_rejects_entries(publication.rejects_entries());
    let mut refused = apply(context, namespace.as_deref(), take(&mut publication.classes)).await?;
    refused.extend(apply(context, namespace.as_deref(), take(&mut publication.plans)).await?);
    Ok(Outcome::Published(publication.published(refused)))
}

/// Deletes the classes and plans of a broker that is being deleted.
pub(super) async fn withdraw<S: Scope>(context: &Context, broker: &S::Broker) -> Result<(), Error> {
    let (name, entries) = (broker.name_any(), Entries::<S>::usable_with(context, broker));
    let (classes, plans) = dependents(&entries.of(&name), &owner(broker));
    for plan in plans {
        context.api.delete(plan.as_ref()).await?;
    }
    for class in classes {
        context.api.delete(class.as_ref()).await?;
    }
    Ok(())
}

/// Executes the changes; returns the entries that the API server refuses.
async fn apply<K: Kind>(
    context: &Context,
    namespace: Option<&str>,
    changes: Vec<Change<K>>,
) -> Result<Vec<Rejection>, Error> {
    let writes = stream::iter(changes).map(|change| write_entry(context, namespace, change));
    // Await all writes although one may fail: a cancelled write would not be remembered, and the cache not known to be
    // stale.
    let written: Vec<Result<Written<K>, Refusal>> =
        writes.buffer_unordered(CONCURRENT_WRITES).collect().await;
    let (mut created, mut refused) = (Vec::new(), Vec::new());
    for result in written {
        match result {
            Ok(written) => created.extend(written),
            Err((what, error)) => {
                let why = error.refusal().map(|why| excerpt(why, MAX_REFUSAL_CHARS)).ok_or(error)?;
                refused.push(Rejection { what, why });
            }
        }
    }
    until_cached::<K>(context, created).await;
    Ok(refused)
}

/// A write that has failed: the entry, and why.
type Refusal = (String, Error);

/// The reference to an entry, if it was created.
type Written<K> = Option<ObjectRef<K>>;

/// Waits until the cache has the entries that were created. A fetch that follows is compared with the cache: an entry
/// that the broker withdraws meanwhile would not be marked as removed. After [`CACHE_TIMEOUT`] the watch is interrupted,
/// or another client has deleted an entry; the catalog is published nevertheless.
async fn until_cached<K: Kind>(context: &Context, mut missing: Vec<ObjectRef<K>>) {
    let cache = K::cache(&context.caches);
    let all_are_cached = async {
        loop {
            let mut event = pin!(context.catalog_events.notified());
            // Before looking, so that no event is missed.
            event.as_mut().enable();
            while missing.last().is_some_and(|entry| cache.get(entry).is_some()) {
                missing.pop();
            }
            if missing.is_empty() {
                return;
            }
            event.await;
        }
    };
    if timeout(CACHE_TIMEOUT, all_are_cached).await.is_err() {
        warn!("the watch has not delivered all created classes and plans yet; continuing");
    }
}

async fn write_entry<K: Kind>(
    context: &Context,
    namespace: Option<&str>,
    change: Change<K>,
) -> Result<Written<K>, Refusal> {
    let written = match &change {
        Change::Create(object) | Change::Update(object) | Change::Restore(object) => object,
        Change::Mark { object, .. } => object.as_ref(),
    };
    let what = format!("{} {:?}", K::kind(&()), written.name_any());
    execute(context, namespace, change).await.map_err(|error| (what, error))
}

async fn execute<K: Kind>(
    context: &Context,
    namespace: Option<&str>,
    change: Change<K>,
) -> Result<Written<K>, Error> {
    let written = match change {
        Change::Create(mut object) => {
            object.meta_mut().namespace = namespace.map(str::to_owned);
            let created = context.api.create(&object, "creating a class or plan").await?;
            return Ok(Some(ObjectRef::from_obj(&created)));
        }
        Change::Update(object) => context.api.replace(&object, "updating a class or plan").await,
        Change::Restore(object) => {
            let updated = context.api.replace(&object, "updating a class or plan").await?;
            mark(context, &updated, false).await
        }
        Change::Mark { object, removed } => mark(context, object.as_ref(), removed).await,
    };
    written.map(|_| None)
}

async fn mark<K: Kind>(context: &Context, object: &K, removed: bool) -> Result<K, Error> {
    let status = json!({"status": {"removedFromBrokerCatalog": removed}});
    context.api.patch_status(object, status, "writing removedFromBrokerCatalog").await
}
