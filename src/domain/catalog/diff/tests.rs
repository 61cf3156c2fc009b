use kube::ResourceExt as _;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::crd::class::CatalogEntryStatus;
use crate::crd::names::{escaped_of, label, label_value};
use crate::crd::{ClusterServiceClass, ClusterServicePlan, ServiceClass, ServicePlan};
use crate::domain::catalog::tests::cluster::{
    BROKER, Cluster, ClusterWide, Namespaced, Stored, owner, words,
};
use crate::domain::catalog::tests::offers::{catalog, names, rich_catalog, service};
use crate::domain::catalog::{class_spec, summary};
use crate::osb;

#[test]
fn objects_are_named_labelled_and_owned() {
    let cluster = ClusterWide::of(&rich_catalog());
    let (class, plan) = (&cluster.classes[0], &cluster.plans[0]);
    assert_eq!((class.name_any(), plan.name_any()), ("mysql-z49zz44z".to_owned(), "small".to_owned()));
    let labels = [
        (label::EXTERNAL_ID, "mysql-ID"),
        (label::EXTERNAL_NAME, "mysql"),
        (label::CLUSTER_SERVICE_BROKER_NAME, BROKER),
    ];
    let expected = labels.map(|(key, value)| (key.to_owned(), label_value(value)));
    assert_eq!(*class.labels(), expected.into());
    let labels = [
        (label::EXTERNAL_ID, "small"),
        (label::EXTERNAL_NAME, "S"),
        (label::CLUSTER_SERVICE_BROKER_NAME, BROKER),
        (label::CLUSTER_SERVICE_CLASS_REF, "mysql-z49zz44z"),
    ];
    let expected = labels.map(|(key, value)| (key.to_owned(), label_value(value)));
    assert_eq!(*plan.labels(), expected.into());
    let expected = OwnerReference { controller: Some(true), block_owner_deletion: Some(false), ..owner() };
    assert_eq!(class.owner_references(), std::slice::from_ref(&expected));
    assert_eq!(plan.owner_references(), [expected]);

    let namespaced = Namespaced::of(&rich_catalog());
    assert!(namespaced.classes[0].labels().contains_key(label::SERVICE_BROKER_NAME));
    assert!(namespaced.plans[0].labels().contains_key(label::SERVICE_CLASS_REF));
    assert_eq!(namespaced.plans[0].owner_references().len(), 1);
}

#[test]
fn only_what_changed_is_written() {
    let before = catalog(&[("a", &["a1", "a2"]), ("b", &["b1"])]);
    let mut cluster = ClusterWide::of(&before);
    let mut after = catalog(&[("a", &["a1", "a3"]), ("c", &["c1"])]);
    after.services[0].description = "new".to_owned();
    after.services[0].plans[0].free = false;
    let diff = cluster.diff(&after);
    assert_eq!(words(&diff.classes), ["update a", "create c", "mark b removed"]);
    assert_eq!(
        words(&diff.plans),
        ["update a1", "create a3", "create c1", "mark a2 removed", "mark b1 removed"]
    );

    cluster.sync(&after);
    let diff = cluster.diff(&before);
    assert_eq!(words(&diff.classes), ["update a", "mark b offered", "mark c removed"]);
    cluster.sync(&osb::Catalog::default());
    assert_eq!(cluster.offered(), (Vec::new(), Vec::new()));
    cluster.sync(&before);
    assert_eq!(cluster.offered(), (names(&["a", "b"]), names(&["a1", "a2", "b1"])));
}

/// Two concurrent changes of one object would conflict.
#[test]
fn what_comes_back_changed_is_one_change() {
    let before = catalog(&[("a", &["a1"])]);
    let mut cluster = ClusterWide::of(&before);
    cluster.sync(&osb::Catalog::default());
    let mut after = before.clone();
    after.services[0].description = "new".to_owned();
    let diff = cluster.diff(&after);
    assert_eq!(
        (words(&diff.classes), words(&diff.plans)),
        (names(&["restore a"]), names(&["mark a1 offered"]))
    );
    cluster.sync(&after);
    assert_eq!(cluster.offered(), (names(&["a"]), names(&["a1"])));
    assert!(cluster.diff(&after).classes.is_empty());
}

#[test]
fn what_users_wrote_is_kept_and_labels_are_repaired() {
    let mut cluster = ClusterWide::of(&rich_catalog());
    let class = Arc::make_mut(&mut cluster.classes[0]);
    class.labels_mut().clear();
    class.labels_mut().insert("team".to_owned(), "shop".to_owned());
    class.annotations_mut().insert("note".to_owned(), "mine".to_owned());
    let defaults = json!({"size": 1}).as_object().cloned();
    class.spec.common.default_provision_parameters.clone_from(&defaults);
    let plan = Arc::make_mut(&mut cluster.plans[0]);
    plan.spec.common.default_provision_parameters.clone_from(&defaults);
    assert_eq!(words(&cluster.diff(&rich_catalog()).plans), [""; 0]);

    cluster.sync(&rich_catalog());
    let class = &cluster.classes[0];
    assert_eq!((class.labels().len(), class.labels()["team"].as_str()), (4, "shop"));
    assert_eq!(class.annotations()["note"], "mine");
    assert_eq!(class.spec.common.default_provision_parameters, defaults);
    assert_eq!(cluster.plans[0].spec.common.default_provision_parameters, defaults);
}

#[test]
fn what_belongs_to_others_is_not_touched() {
    let offer = catalog(&[("a", &["a1"]), ("b", &["b1"]), ("c", &["c1"])]);
    let mut cluster = ClusterWide::of(&offer);
    Arc::make_mut(&mut cluster.classes[1]).spec.common.external_id = "other".to_owned();
    Arc::make_mut(&mut cluster.plans[2]).spec.cluster_service_class_ref.name = "other".to_owned();
    let diff = cluster.diff(&offer);
    // The broker has moved the plan to another class.
    assert_eq!((words(&diff.classes), words(&diff.plans)), (Vec::new(), vec!["mark c1 removed".to_owned()]));
    assert_eq!(
        summary(&diff.rejected),
        "class \"b-name\": class \"b\" already exists with the external ID \"other\"; \
         plan \"c1-name\": plan \"c1\" already exists for class \"other\"; it follows the catalog when no \
         instance uses it there any more"
    );
    let gone = words(&cluster.diff(&osb::Catalog::default()).classes);
    assert_eq!(gone, ["mark a removed", "mark b removed", "mark c removed"]);
}

#[test]
fn two_brokers_may_offer_the_same() {
    let offer = catalog(&[("a", &["a1"]), ("Z", &["Z1"])]);
    let mut cluster = ClusterWide::of(&offer);
    for class in &mut cluster.classes {
        Arc::make_mut(class).spec.cluster_service_broker_name = "other".to_owned();
    }
    for plan in &mut cluster.plans {
        Arc::make_mut(plan).spec.cluster_service_broker_name = "other".to_owned();
    }
    let diff = cluster.diff(&offer);
    assert!(diff.rejected.count() == 0, "{:?}", diff.rejected);
    let suffix = escaped_of("a", BROKER).replace("a-", "");
    let created = |name: &str| format!("create {name}-{suffix}");
    assert_eq!(words(&diff.classes), [created("a"), created("z5az")]);
    assert_eq!(words(&diff.plans), [created("a1"), created("z5az1")]);
    let Change::Create(plan) = &diff.plans[0] else { panic!() };
    assert_eq!(plan.spec.cluster_service_class_ref.name, escaped_of("a", BROKER));

    cluster.sync(&offer);
    assert_eq!(words(&cluster.diff(&offer).classes), names(&[]));
    assert_eq!(
        words(&cluster.diff(&catalog(&[("Z", &["Z1"])])).classes),
        [format!("mark a-{suffix} removed")]
    );
}

#[test]
fn what_users_made_is_adopted_when_offered_and_never_marked() {
    let offer = catalog(&[("a", &["a1"])]);
    let mut cluster = ClusterWide::of(&offer);
    Arc::make_mut(&mut cluster.classes[0]).metadata.owner_references = None;
    Arc::make_mut(&mut cluster.plans[0]).metadata.owner_references = None;
    let diff = cluster.diff(&osb::Catalog::default());
    assert_eq!((words(&diff.classes), words(&diff.plans)), (Vec::new(), Vec::new()));
    cluster.sync(&offer);
    assert_eq!(cluster.classes[0].owner_references().len(), 1);
    assert_eq!(words(&cluster.diff(&osb::Catalog::default()).classes), ["mark a removed"]);
}

#[test]
fn namespaced_objects_of_old_installations_are_ours() {
    let mut cluster = Namespaced::of(&catalog(&[("a", &["a1"]), ("b", &["b1"])]));
    for class in &mut cluster.classes {
        let class = Arc::make_mut(class);
        class.metadata.owner_references = None;
        class.status = Some(CatalogEntryStatus::default());
    }
    Arc::make_mut(&mut cluster.classes[1]).metadata.name = Some("made-by-a-user".to_owned());
    assert_eq!(words(&cluster.diff(&osb::Catalog::default()).classes), ["mark a removed"]);
    // Without a status it was created by a user, even if its name is the id.
    Arc::make_mut(&mut cluster.classes[0]).status = None;
    assert_eq!(words(&cluster.diff(&osb::Catalog::default()).classes), Vec::<String>::new());
}

#[test]
fn another_controller_stays_and_a_former_broker_of_the_name_does_not() {
    let offer = catalog(&[("a", &["a1"])]);
    let mut cluster = ClusterWide::of(&offer);
    Arc::make_mut(&mut cluster.classes[0]).owner_references_mut()[0].uid = "0".to_owned();
    Arc::make_mut(&mut cluster.plans[0]).owner_references_mut()[0].kind = "Tool".to_owned();
    let diff = cluster.diff(&offer);
    assert_eq!((words(&diff.classes), words(&diff.plans)), (names(&["update a"]), Vec::new()));
    cluster.sync(&offer);
    assert_eq!(cluster.classes[0].owner_references().len(), 1);
    assert_eq!(cluster.classes[0].owner_references()[0].uid, "1");
}

#[test]
fn objects_that_are_named_by_their_id_keep_their_names() {
    let offer = catalog(&[("ab-z", &["P.z"])]);
    let mut cluster = ClusterWide::new();
    let class = class_spec(&offer.services[0]);
    cluster.classes.push(<ClusterServiceClass as role::Class>::new("ab-z", class, BROKER).stored());
    let diff = cluster.diff(&offer);
    assert_eq!(words(&diff.classes), ["update ab-z"]);
    assert_eq!(words(&diff.plans), ["create z50z.z7az"]);
    let Change::Create(plan) = &diff.plans[0] else { panic!() };
    assert_eq!(plan.spec.cluster_service_class_ref.name, "ab-z");

    Arc::make_mut(&mut cluster.classes[0]).spec.cluster_service_broker_name = "other".to_owned();
    assert_eq!(words(&cluster.diff(&offer).classes), ["create ab-z7az"]);
}

/// A plan with properties that the API server normalises, or that are absent.
fn any_plan() -> impl Strategy<Value = osb::Plan> {
    let cost =
        any::<u8>().prop_map(|cost| serde_json::from_str(&format!(r#"{{"cost": {cost}.50}}"#)).unwrap());
    let properties = (any::<bool>(), prop::option::of(any::<bool>()), prop::option::of(cost));
    properties.prop_map(|(free, bindable, metadata)| {
        let plan = service("any", &["any"]).plans.remove(0);
        osb::Plan { metadata, free, bindable, ..plan }
    })
}

fn any_service() -> impl Strategy<Value = osb::Service> {
    let plans = prop::collection::btree_map("[p-rZ]", any_plan(), 1..4);
    (any::<bool>(), plans).prop_map(|(bindable, plans)| {
        let plans = plans.into_iter().map(|(id, plan)| osb::Plan { id, ..plan }).collect();
        osb::Service { bindable, plans, ..service("any", &[]) }
    })
}

/// Catalogs with few ids, so that they overlap.
fn any_catalog() -> impl Strategy<Value = osb::Catalog> {
    prop::collection::btree_map("[a-cZ]", any_service(), 0..4).prop_map(|services| {
        let mut services: Vec<_> =
            services.into_iter().map(|(id, service)| osb::Service { id, ..service }).collect();
        for service in &mut services {
            for plan in &mut service.plans {
                plan.id = format!("{}-{}", service.id, plan.id);
            }
        }
        osb::Catalog { services, rejected: Rejections::default() }
    })
}

fn converges<C: role::Class + Stored, P: role::Plan + Stored>(catalogs: &[osb::Catalog]) {
    let mut cluster = Cluster::<C, P>::new();
    for catalog in catalogs {
        assert_eq!(cluster.sync(catalog), []);
        let again = cluster.diff(catalog);
        assert_eq!((words(&again.classes), words(&again.plans)), (Vec::new(), Vec::new()));
        let mut classes: Vec<_> = catalog.services.iter().map(|service| escaped(&service.id)).collect();
        let plans = catalog.services.iter().flat_map(|service| &service.plans);
        let mut plans: Vec<_> = plans.map(|plan| escaped(&plan.id)).collect();
        classes.sort();
        plans.sort();
        assert_eq!(cluster.offered(), (classes, plans));
    }
}

proptest! {
    #[test]
    fn one_sync_is_enough_after_any_history(catalogs in prop::collection::vec(any_catalog(), 1..5)) {
        converges::<ClusterServiceClass, ClusterServicePlan>(&catalogs);
        converges::<ServiceClass, ServicePlan>(&catalogs);
    }
}
