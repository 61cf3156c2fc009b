//! The classes and plans of a cluster, in memory.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt as _;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::crd::broker::CatalogRestrictions;
use crate::crd::class::CatalogEntryStatus;
use crate::crd::{ClusterServiceClass, ClusterServicePlan, ServiceClass, ServicePlan, role};
use crate::domain::catalog::diff::Diff;
use crate::domain::catalog::diff::Object;
use crate::domain::catalog::{Change, Existing, Rejection, desired, diff};
use crate::osb;

pub const BROKER: &str = "acme";

pub fn owner() -> OwnerReference {
    OwnerReference {
        api_version: "servicecatalog.k8s.io/v1beta1".to_owned(),
        kind: "ClusterServiceBroker".to_owned(),
        name: BROKER.to_owned(),
        uid: "1".to_owned(),
        ..OwnerReference::default()
    }
}

/// The effects of the API server on a stored object that matter here.
pub trait Stored: Object + DeserializeOwned + Debug {
    const NAMESPACE: Option<&'static str>;
    fn mark(&mut self, removed: bool);

    /// The object as the API server returns it: numbers are 64-bit integers or floats.
    fn stored(mut self) -> Arc<Self> {
        fn canonical(value: &mut Value) {
            match value {
                Value::Number(number) if number.as_i64().is_none() => *value = json!(number.as_f64()),
                Value::Array(values) => values.iter_mut().for_each(canonical),
                Value::Object(members) => members.values_mut().for_each(canonical),
                _ => {}
            }
        }
        self.meta_mut().namespace = Self::NAMESPACE.map(str::to_owned);
        let mut value = serde_json::to_value(self).unwrap();
        canonical(&mut value);
        Arc::new(serde_json::from_value(value).unwrap())
    }
}

macro_rules! stored {
    ($($kind:ident: $namespace:expr),*) => {$(
        impl Stored for $kind {
            const NAMESPACE: Option<&'static str> = $namespace;
            fn mark(&mut self, removed: bool) {
                self.status = Some(CatalogEntryStatus { removed_from_broker_catalog: removed });
            }
        }
    )*};
}
stored!(ClusterServiceClass: None, ClusterServicePlan: None, ServiceClass: Some("shop"), ServicePlan: Some("shop"));

#[derive(Debug)]
pub struct Cluster<C, P> {
    pub classes: Vec<Arc<C>>,
    pub plans: Vec<Arc<P>>,
}

pub type ClusterWide = Cluster<ClusterServiceClass, ClusterServicePlan>;
pub type Namespaced = Cluster<ServiceClass, ServicePlan>;

impl<C: role::Class + Stored, P: role::Plan + Stored> Cluster<C, P> {
    pub fn new() -> Self {
        Self { classes: Vec::new(), plans: Vec::new() }
    }

    pub fn of(catalog: &osb::Catalog) -> Self {
        let mut cluster = Self::new();
        cluster.sync(catalog);
        cluster
    }

    pub fn diff(&self, catalog: &osb::Catalog) -> Diff<C, P> {
        self.diff_restricted(catalog, &CatalogRestrictions::default())
    }

    pub fn diff_restricted(&self, catalog: &osb::Catalog, restrictions: &CatalogRestrictions) -> Diff<C, P> {
        let existing = Existing { broker: BROKER, classes: &self.classes, plans: &self.plans };
        let desired = desired(catalog, Some(restrictions), &existing).unwrap();
        diff(desired, &existing, &owner())
    }

    pub fn sync(&mut self, catalog: &osb::Catalog) -> Vec<Rejection> {
        let diff = self.diff(catalog);
        apply(&mut self.classes, diff.classes);
        apply(&mut self.plans, diff.plans);
        diff.rejected.described().to_vec()
    }

    /// The names of the classes and plans that the broker offers.
    pub fn offered(&self) -> (Vec<String>, Vec<String>) {
        let mut classes: Vec<_> =
            self.classes.iter().filter(|class| !class.is_removed()).map(|class| class.name_any()).collect();
        let mut plans: Vec<_> =
            self.plans.iter().filter(|plan| !plan.is_removed()).map(|plan| plan.name_any()).collect();
        classes.sort();
        plans.sort();
        (classes, plans)
    }
}

pub fn apply<T: Stored>(objects: &mut Vec<Arc<T>>, changes: Vec<Change<T>>) {
    for change in changes {
        match change {
            Change::Create(object) => {
                assert!(objects.iter().all(|other| other.name_any() != object.name_any()));
                objects.push(object.stored());
            }
            Change::Update(object) => {
                let stored = find(objects, &object.name_any());
                *stored = object.stored();
            }
            Change::Restore(object) => {
                let stored = find(objects, &object.name_any());
                *stored = object.stored();
                Arc::make_mut(stored).mark(false);
            }
            Change::Mark { object, removed } => {
                Arc::make_mut(find(objects, &object.name_any())).mark(removed);
            }
        }
    }
}

fn find<'a, T: Stored>(objects: &'a mut [Arc<T>], name: &str) -> &'a mut Arc<T> {
    objects.iter_mut().find(|object| object.name_any() == name).unwrap()
}

/// Each change in words, like `create x` or `mark x removed`.
pub fn words<T: Stored>(changes: &[Change<T>]) -> Vec<String> {
    let word = |change: &Change<T>| match change {
        Change::Create(object) => format!("create {}", object.name_any()),
        Change::Update(object) => format!("update {}", object.name_any()),
        Change::Restore(object) => format!("restore {}", object.name_any()),
        Change::Mark { object, removed: true } => format!("mark {} removed", object.name_any()),
        Change::Mark { object, removed: false } => format!("mark {} offered", object.name_any()),
    };
    changes.iter().map(word).collect()
}
