//! Which classes and plans does a fetched catalog create, update or mark as removed?

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::crd::broker::CatalogRestrictions;
use crate::crd::role;
use crate::domain::catalog::{Change, Existing, Object, Rejection, Rejections, desired, diff, summary};
use crate::osb;

use super::NamespaceLimit;

/// The writes that make classes and plans match a catalog: first the classes, then the plans.
#[derive(Clone, Debug)]
pub struct Publication<C, P> {
    /// The changes of classes.
    pub classes: Vec<Change<C>>,
    /// The changes of plans.
    pub plans: Vec<Change<P>>,
    /// The entries that are not published, and why.
    rejected: Rejections,
    /// The summary, but for the rejected entries; valid once all changes are written.
    published: Published,
}

impl<C, P> Publication<C, P> {
    /// Whether there are entries that cannot be published.
    pub fn rejects_entries(&self) -> bool {
        self.rejected.count() > 0
    }

    /// The summary, given the entries that the API server has refused: they are told like others that are not published,
    /// and do not keep those from being published.
    pub fn published(&self, refused: Vec<Rejection>) -> Published {
        let mut rejected = self.rejected.clone();
        rejected.extend(refused.into_iter().collect());
        Published { rejected: summary(&rejected), ..self.published.clone() }
    }
}

/// A published catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// How many classes it has.
    pub classes: usize,
    /// How many plans it has.
    pub plans: usize,
    /// How many classes and plans were written.
    pub changes: usize,
    /// The [summary](crate::domain::catalog::summary) of the entries that could not be published; empty if there are
    /// none.
    pub rejected: String,
    /// The message of the condition `Ready`.
    pub message: &'static str,
}

/// The changes that publish a catalog. `owner` refers to the broker, and a namespaced one has a limit. An error says which
/// restriction is invalid, or that the limit is exceeded.
pub fn publication<C, P>(
    catalog: &osb::Catalog,
    restrictions: Option<&CatalogRestrictions>,
    existing: &Existing<C, P>,
    owner: &OwnerReference,
    limit: Option<NamespaceLimit>,
) -> Result<Publication<C, P>, String>
where
    C: role::Class + Object,
    P: role::Plan + Object,
{
    if catalog.services.is_empty() && catalog.rejected.count() == 0 {
        return Ok(unchanged(existing));
    }
    let desired = desired(catalog, restrictions, existing)
        .map_err(|error| format!("spec.catalogRestrictions: {error}"))?;
    if let Some(limit) = limit {
        limit.check(&desired, existing)?;
    }
    let (classes, plans) = (desired.classes.len(), desired.plans.len());
    let diff = diff(desired, existing, owner);
    let published = Published {
        classes,
        plans,
        changes: diff.classes.len() + diff.plans.len(),
        rejected: String::new(),
        message: "Successfully fetched catalog entries from broker.",
    };
    Ok(Publication { classes: diff.classes, plans: diff.plans, rejected: diff.rejected, published })
}

/// An empty catalog changes nothing: a broker that has lost its configuration is more likely than one that withdraws
/// all its services at once.
fn unchanged<C: role::Class, P: role::Plan>(existing: &Existing<C, P>) -> Publication<C, P> {
    let published = Published {
        classes: existing.classes.iter().filter(|class| class.broker_name() == existing.broker).count(),
        plans: existing.plans.iter().filter(|plan| plan.broker_name() == existing.broker).count(),
        changes: 0,
        rejected: String::new(),
        message: "The broker's catalog is empty: the operator keeps the published classes and plans",
    };
    Publication { classes: Vec::new(), plans: Vec::new(), rejected: Rejections::default(), published }
}
