//! What does the operator publish of any catalog?

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt as _;
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Strategy, prop_oneof};
use serde::de::DeserializeOwned;

use super::broker::{Answer, answer, assert_error, done};
use super::corpus::CATALOGS;
use super::mutation::{Bytes, text_of};
use super::properties::{assert_message, assert_object_name, assert_round_trip, assert_text};
use super::target::{Case, Verdict, case};
use super::words::text;
use crate::crd::broker::CatalogRestrictions;
use crate::crd::{ClusterServiceClass, ClusterServicePlan, ServiceClass, ServicePlan, role};
use crate::domain::broker::publication;
use crate::domain::catalog::{Change, Existing, Object};
use crate::osb::Catalog;

const MAX_PLANS: usize = 30;

/// Any catalog, with any restrictions.
pub fn catalogs() -> Case {
    let restrictions = (vec(restriction(), 0..3), vec(restriction(), 0..3))
        .prop_map(|(service_class, service_plan)| CatalogRestrictions { service_class, service_plan });
    // Most answers are successes, because nothing else has a catalog.
    let answer = (answer(text_of(&CATALOGS)), 0..5_u8).prop_map(|(answer, failure)| match failure {
        0 => answer,
        _ => Answer { status: 200, defect: None, ..answer },
    });
    case((answer, restrictions), |(answer, restrictions)| {
        let (client, _) = answer.client(MAX_PLANS);
        match done(client.catalog()) {
            Ok(catalog) => {
                assert_usable(&catalog);
                assert_read_again(&catalog, &answer);
                assert_published::<ClusterServiceClass, ClusterServicePlan>(&catalog, &restrictions);
                assert_published::<ServiceClass, ServicePlan>(&catalog, &restrictions);
                Verdict::accepted(!catalog.services.is_empty())
            }
            Err(error) => {
                assert_error(&error, &answer);
                Verdict::Rejected
            }
        }
    })
}

fn restriction() -> BoxedStrategy<String> {
    prop_oneof![
        3 => text().prop_map(|value| format!("spec.externalName != {value}")),
        1 => text().prop_map(|value| format!("spec.externalID notin ({value}, a),name!={value}")),
        1 => text(),
    ]
    .boxed()
}

/// Ids and names are usable and unique, texts can be shown, and no limit is exceeded.
fn assert_usable(catalog: &Catalog) {
    let is_new = |seen: &mut HashSet<String>, text: &str| {
        !text.is_empty() && text.len() <= 1000 && seen.insert(text.to_owned())
    };
    let (mut ids, mut names, mut plan_ids) = (HashSet::new(), HashSet::new(), HashSet::new());
    for service in &catalog.services {
        assert!(is_new(&mut ids, &service.id) && is_new(&mut names, &service.name), "{service:?}");
        assert!(!service.plans.is_empty(), "{service:?}");
        assert_text(&service.description, 4001);
        service.tags.iter().chain(&service.requires).for_each(|tag| assert_message(tag, 201));
        let mut plan_names = HashSet::new();
        for plan in &service.plans {
            assert!(is_new(&mut plan_ids, &plan.id) && is_new(&mut plan_names, &plan.name), "{plan:?}");
            assert_text(&plan.description, 4001);
        }
    }
    assert!(plan_ids.len() <= MAX_PLANS);
    let rejected = catalog.rejected.described();
    assert!(rejected.len() <= 20 && rejected.len() <= catalog.rejected.count());
    for rejected in rejected {
        assert_message(&rejected.what, 301);
        assert_message(&rejected.why, 200);
    }
}

/// What was published is a catalog itself, of which nothing is left out or changed.
fn assert_read_again(catalog: &Catalog, answer: &Answer) {
    let body = Bytes(serde_json::to_vec(catalog).unwrap());
    let answer = Answer { status: 200, body, defect: None, ..answer.clone() };
    let again = done(answer.client(MAX_PLANS).0.catalog()).unwrap();
    assert_eq!(again.services, catalog.services);
    assert_eq!(again.rejected.count(), 0, "{:?}", again.rejected);
}

/// The objects have names that Kubernetes accepts, and a second publication changes nothing.
fn assert_published<C, P>(catalog: &Catalog, restrictions: &CatalogRestrictions)
where
    C: role::Class + Object + DeserializeOwned + Debug,
    P: role::Plan + Object + DeserializeOwned + Debug,
{
    let owner =
        OwnerReference { kind: "Broker".to_owned(), name: "broker".to_owned(), ..OwnerReference::default() };
    let publish = |classes: &[Arc<C>], plans: &[Arc<P>]| {
        publication(catalog, Some(restrictions), &Existing { broker: "broker", classes, plans }, &owner, None)
    };
    match publish(&[], &[]) {
        Ok(first) => {
            assert!(
                first.published(Vec::new()).rejected.chars().count() <= 1100,
                "{}",
                first.published(Vec::new()).rejected
            );
            let published = first.published(Vec::new());
            let (classes, plans) = (created(first.classes), created(first.plans));
            assert_eq!((classes.len(), plans.len()), (published.classes, published.plans));
            let again = publish(&classes, &plans).unwrap();
            assert_eq!(again.published(Vec::new()).changes, 0, "{:?} {:?}", again.classes, again.plans);
        }
        Err(why) => assert!(why.starts_with("spec.catalogRestrictions: "), "{why}"),
    }
}

fn created<T: Object + DeserializeOwned + Debug>(changes: Vec<Change<T>>) -> Vec<Arc<T>> {
    let object = |change| match change {
        Change::Create(object) => Arc::new(object),
        other => panic!("{other:?}"),
    };
    let objects: Vec<Arc<T>> = changes.into_iter().map(object).collect();
    for object in &objects {
        assert_round_trip::<T>(object);
        assert_object_name(&object.name_any(), 253);
    }
    objects
}
