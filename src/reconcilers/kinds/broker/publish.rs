//! How does a catalog become classes and plans?

use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use crate::crd::role::{Broker as _, Class as _, Plan as _};
use crate::domain::catalog::{Change, Desired, Existing, desired, diff, summary};
use crate::osb;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::{During as _, Error};
use crate::reconcilers::kind::Kind;
use crate::reconcilers::scope::{Scope, is_for, owner};

/// How many classes or plans are written at once.
const WRITES: usize = 16;

/// What became of a catalog.
pub(super) struct Published {
    /// How many classes are offered.
    pub(super) classes: usize,
    /// How many plans.
    pub(super) plans: usize,
    /// How many of both were written.
    pub(super) changes: usize,
    /// What could not be published.
    pub(super) rejected: String,
    /// What is said of it.
    pub(super) message: &'static str,
}

/// Makes the classes and plans be as the catalog says.
pub(super) async fn publish<S: Scope>(
    context: &Context,
    broker: &S::Broker,
    catalog: &osb::Catalog,
) -> Result<Published, Error> {
    let name = broker.name_any();
    let classes: Vec<_> = S::Class::cache(&context.caches)
        .state()
        .into_iter()
        .filter(|class| is_for::<S>(class.as_ref(), broker))
        .collect();
    let plans: Vec<_> = S::Plan::cache(&context.caches)
        .state()
        .into_iter()
        .filter(|plan| is_for::<S>(plan.as_ref(), broker))
        .collect();
    if catalog.services.is_empty() && catalog.rejected.is_empty() {
        // More likely a broker that lost its configuration than one that withdraws everything at once.
        let own = classes.iter().filter(|class| class.broker_name() == name).count();
        let own_plans = plans.iter().filter(|plan| plan.broker_name() == name).count();
        let message = "The broker's catalog is empty. What was published before stays.";
        return Ok(Published {
            classes: own,
            plans: own_plans,
            changes: 0,
            rejected: String::new(),
            message,
        });
    }
    let existing = Existing { broker: &name, classes: &classes, plans: &plans };
    let desired: Desired<S::Class, S::Plan> =
        desired(catalog, broker.common().catalog_restrictions.as_ref(), &existing)
            .map_err(|error| Error::Broker(format!("catalogRestrictions: {error}")))?;
    let (class_count, plan_count) = (desired.classes.len(), desired.plans.len());
    let diff = diff(desired, &existing, &owner(broker));
    let changes = diff.classes.len() + diff.plans.len();
    let namespace = broker.namespace();
    apply(context, namespace.as_deref(), diff.classes).await?;
    apply(context, namespace.as_deref(), diff.plans).await?;
    Ok(Published {
        classes: class_count,
        plans: plan_count,
        changes,
        rejected: summary(&diff.rejected),
        message: "Successfully fetched catalog entries from broker.",
    })
}

async fn apply<K: Kind>(
    context: &Context,
    namespace: Option<&str>,
    changes: Vec<Change<K>>,
) -> Result<(), Error> {
    stream::iter(changes)
        .map(|change| write_entry(context, namespace, change))
        .buffer_unordered(WRITES)
        .try_collect()
        .await
}

async fn write_entry<K: Kind>(
    context: &Context,
    namespace: Option<&str>,
    change: Change<K>,
) -> Result<(), Error> {
    let api = K::api(context.api.client.clone(), namespace);
    let _permit = context.api.permit(namespace.unwrap_or_default()).await;
    let parameters = PostParams::default();
    match change {
        Change::Create(mut object) => {
            object.meta_mut().namespace = namespace.map(str::to_owned);
            api.create(&parameters, &object).await.during("creating a class or plan")?;
        }
        Change::Update(object) => {
            api.replace(&object.name_any(), &parameters, &object).await.during("updating a class or plan")?;
        }
        Change::Mark { object, removed } => {
            let status = Patch::Merge(json!({"status": {"removedFromBrokerCatalog": removed}}));
            let name = object.name_any();
            api.patch_status(&name, &PatchParams::default(), &status)
                .await
                .during("marking a class or plan")?;
        }
    }
    Ok(())
}
