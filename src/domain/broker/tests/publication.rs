//! A catalog publishes its changes and no others; an empty or partly invalid one withdraws nothing.

use std::sync::Arc;

use serde_json::json;

use crate::crd::broker::CatalogRestrictions;
use crate::crd::{ClusterServiceClass, ClusterServicePlan, ServiceClass, ServicePlan, role};
use crate::domain::broker::publication::Publication;
use crate::domain::broker::{NamespaceLimit, Published, publication};
use crate::domain::catalog::{Change, Existing, Object};
use crate::osb;

fn catalog(services: &[&str]) -> osb::Catalog {
    let plan = |id: String| {
        let text = json!({"id": id, "name": id, "description": "d"});
        serde_json::from_value(text).unwrap()
    };
    let service = |id: &&str| {
        let text = json!({"id": id, "name": id, "description": "d", "bindable": true});
        let plans = vec![plan(format!("{id}-large")), plan(format!("{id}-small"))];
        osb::Service { plans, ..serde_json::from_value(text).unwrap() }
    };
    osb::Catalog { services: services.iter().map(service).collect(), rejected: osb::Rejections::default() }
}

fn created<T>(changes: Vec<Change<T>>) -> Vec<Arc<T>> {
    let created = changes.into_iter().map(|change| match change {
        Change::Create(object) => Arc::new(object),
        Change::Update(_) | Change::Restore(_) | Change::Mark { .. } => panic!("the cluster is empty"),
    });
    created.collect()
}

/// Publishes a catalog, then another one, and describes the changes of the second, or its error.
fn changes<C, P>(
    first: &osb::Catalog,
    second: &osb::Catalog,
    restrictions: Option<&CatalogRestrictions>,
) -> Result<(Vec<String>, Published), String>
where
    C: role::Class + Object,
    P: role::Plan + Object,
{
    fn words<T: Object>(changes: &[Change<T>]) -> impl Iterator<Item = String> {
        changes.iter().map(|change| match change {
            Change::Create(object) => format!("create {}", object.meta().name.as_deref().unwrap()),
            Change::Update(object) => format!("update {}", object.meta().name.as_deref().unwrap()),
            Change::Restore(object) => format!("restore {}", object.meta().name.as_deref().unwrap()),
            Change::Mark { object, .. } => format!("mark {}", object.meta().name.as_deref().unwrap()),
        })
    }
    let owner = serde_json::from_value(
        json!({"apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "Broker", "name": "broker", "uid": "1"}),
    )
    .unwrap();
    let nothing = Existing::<C, P> { broker: "broker", classes: &[], plans: &[] };
    let Publication { classes, plans, .. } = publication(first, None, &nothing, &owner, None)?;
    let (classes, plans) = (created(classes), created(plans));
    let existing = Existing { broker: "broker", classes: &classes, plans: &plans };
    let second = publication(second, restrictions, &existing, &owner, None)?;
    Ok((words(&second.classes).chain(words(&second.plans)).collect(), second.published(Vec::new())))
}

fn restrict(class: &str) -> CatalogRestrictions {
    CatalogRestrictions { service_class: vec![class.to_owned()], service_plan: Vec::new() }
}

fn check<C: role::Class + Object, P: role::Plan + Object>() {
    let both = catalog(&["cache", "database"]);
    let unchanged = Published {
        classes: 2,
        plans: 4,
        changes: 0,
        rejected: String::new(),
        message: "Successfully fetched catalog entries from broker.",
    };
    let changes = |second: &osb::Catalog, restrictions: Option<&CatalogRestrictions>| {
        changes::<C, P>(&both, second, restrictions)
    };
    assert_eq!(changes(&both, None), Ok((Vec::new(), unchanged.clone())));

    let message = "The broker's catalog is empty: the operator keeps the published classes and plans";
    let empty = Published { message, ..unchanged.clone() };
    assert_eq!(changes(&catalog(&[]), None), Ok((Vec::new(), empty)));

    let marks = ["mark cache", "mark cache-large", "mark cache-small"];
    let one = Published { classes: 1, plans: 2, changes: 3, ..unchanged.clone() };
    let (words, published) = changes(&catalog(&["database"]), None).unwrap();
    assert_eq!((words.as_slice(), published), (&marks.map(str::to_owned)[..], one.clone()));
    let (words, published) = changes(&both, Some(&restrict("spec.externalName=database"))).unwrap();
    assert_eq!((words.as_slice(), published), (&marks.map(str::to_owned)[..], one));

    let error = changes(&both, Some(&restrict("spec.free=true"))).unwrap_err();
    assert_eq!(error, "spec.catalogRestrictions: Invalid property: spec.free");

    let why = "it is not an object".to_owned();
    let rejected = [osb::Rejected { what: "services[2]".to_owned(), why }];
    let (words, published) =
        changes(&osb::Catalog { rejected: rejected.into_iter().collect(), ..both.clone() }, None).unwrap();
    let rejected = "services[2]: it is not an object".to_owned();
    assert_eq!((words, published), (Vec::new(), Published { rejected, ..unchanged }));
}

/// Four plans are published by another broker.
#[test]
fn the_brokers_of_a_namespace_have_one_limit() {
    type Of<'a> = Existing<'a, ServiceClass, ServicePlan>;
    let owner = serde_json::from_value(json!({"apiVersion": "a", "kind": "b", "name": "broker", "uid": "1"}));
    let owner = owner.unwrap();
    let nothing = Of { broker: "other", classes: &[], plans: &[] };
    let of_other = publication(&catalog(&["cache", "database"]), None, &nothing, &owner, None).unwrap();
    let (classes, plans) = (created(of_other.classes), created(of_other.plans));
    let publish = |broker: &str, catalog: &osb::Catalog, max_plans: usize| {
        let existing = Of { broker, classes: &classes, plans: &plans };
        let limit = NamespaceLimit::of(10 * max_plans);
        publication(catalog, None, &existing, &owner, Some(limit))
            .map(|published| published.published(Vec::new()).plans)
    };
    let one = catalog(&["queue"]);
    assert_eq!(publish("broker", &one, 6), Ok(2));
    let refused = publish("broker", &one, 5).unwrap_err();
    assert!(
        refused.contains("would have 6 plans of 5 KiB in all, and the limit is 5 plans and 1024 KiB"),
        "{refused}"
    );
    assert_eq!(publish("other", &one, 2), Ok(2), "its own former catalog does not count");

    let mut large = one;
    large.services[0].description = "x".repeat(1024 * 1024);
    let refused = publish("other", &large, 5).unwrap_err();
    assert!(refused.contains("2 plans of 1025 KiB in all"), "{refused}");
}

#[test]
fn a_catalog_changes_what_differs_and_an_empty_one_changes_nothing() {
    check::<ClusterServiceClass, ClusterServicePlan>();
    check::<ServiceClass, ServicePlan>();
}
