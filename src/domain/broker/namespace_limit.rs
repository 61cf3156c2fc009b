//! How much may the brokers of a namespace publish together?
//!
//! The operator keeps in memory what is published. The catalogs of cluster-wide brokers are limited one by one; a namespace
//! has one limit, however many brokers it has.

use std::io;

use serde::Serialize;

use crate::crd::role;
use crate::domain::catalog::{Desired, Existing};

/// The plans of a namespace are this part of what one catalog may have.
const PART: usize = 10;

/// The bytes of classes and plans for each plan that a namespace may have.
const BYTES_PER_PLAN: usize = 2 * 1024;

/// The bytes for a namespace that may have few plans.
const MIN_BYTES: usize = 1024 * 1024;

/// What the brokers of a namespace may publish together.
#[derive(Clone, Copy, Debug)]
pub struct NamespaceLimit {
    plans: usize,
    bytes: usize,
}

impl NamespaceLimit {
    /// The limit if one catalog may have so many plans.
    pub fn of(max_catalog_plans: usize) -> Self {
        let plans = (max_catalog_plans / PART).max(1);
        Self { plans, bytes: plans.saturating_mul(BYTES_PER_PLAN).max(MIN_BYTES) }
    }

    /// An error if this catalog, with those of the other brokers of the namespace, exceeds the limit.
    pub(super) fn check<C, P>(
        self,
        desired: &Desired<C, P>,
        existing: &Existing<'_, C, P>,
    ) -> Result<(), String>
    where
        C: role::Class + Serialize,
        P: role::Plan + Serialize,
    {
        let classes = existing.classes.iter().filter(|class| class.broker_name() != existing.broker);
        let plans = existing.plans.iter().filter(|plan| plan.broker_name() != existing.broker);
        let count = plans.clone().count() + desired.plans.len();
        let classes = classes.map(AsRef::as_ref).chain(&desired.classes).map(size).sum::<usize>();
        let bytes = classes + plans.map(AsRef::as_ref).chain(&desired.plans).map(size).sum::<usize>();
        if count <= self.plans && bytes <= self.bytes {
            return Ok(());
        }
        Err(format!(
            "with it, the ServiceBrokers of the namespace would have {count} plans of {} KiB in all, and the limit is {} \
             plans and {} KiB. Leave plans out with spec.catalogRestrictions, or ask an administrator to raise \
             maxCatalogPlans",
            bytes / 1024,
            self.plans,
            self.bytes / 1024
        ))
    }
}

/// The length of the text of an object, in bytes.
fn size(object: &impl Serialize) -> usize {
    let mut counter = Counter(0);
    // The counter accepts everything, and the types of the API can be serialised.
    let _ = serde_json::to_writer(&mut counter, object);
    counter.0
}

struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0 += text.len();
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
