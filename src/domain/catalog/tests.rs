mod cluster;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt as _;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::crd::names::{label, label_value};
use crate::crd::{ClusterServiceClass, ClusterServicePlan, ServiceClass, ServicePlan};
use cluster::{BROKER, Cluster, ClusterWide, Namespaced, Stored, apply, owner, words};

fn service(id: &str, plans: &[&str]) -> osb::Service {
    let text = json!({"id": id, "name": format!("{id}-name"), "description": "d", "bindable": true});
    let plan = |plan: &&str| {
        let text = json!({"id": plan, "name": format!("{plan}-name"), "description": "d"});
        serde_json::from_value(text).unwrap()
    };
    let plans = plans.iter().map(plan).collect();
    osb::Service {
        plans,
        ..serde_json::from_value(text).unwrap()
    }
}

fn catalog(services: &[(&str, &[&str])]) -> osb::Catalog {
    let services = services.iter().map(|(id, plans)| service(id, plans)).collect();
    osb::Catalog {
        services,
        rejected: Vec::new(),
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn rich_service() -> osb::Service {
    let text = json!({
        "id": "mysql-ID", "name": "mysql", "description": "a database", "bindable": true, "tags": ["sql"],
        "requires": ["syslog_drain"], "bindings_retrievable": true, "plan_updateable": true,
        "metadata": {"displayName": "MySQL"}, "dashboard_client": {"id": "c", "redirect_uri": "r"},
    });
    let plan = json!({
        "id": "small", "name": "S", "description": "small one", "metadata": {"costs": [{"amount": 9.90}]},
        "free": false, "bindable": false, "plan_updateable": true, "maximum_polling_duration": 600,
        "schemas": {
            "service_instance": {"create": {"parameters": {"c": 1}}, "update": {"parameters": {"u": 1}}},
            "service_binding": {"create": {"parameters": {"b": 1}}},
        },
    });
    osb::Service {
        plans: vec![serde_json::from_value(plan).unwrap()],
        ..serde_json::from_value(text).unwrap()
    }
}

fn rich_catalog() -> osb::Catalog {
    osb::Catalog {
        services: vec![rich_service()],
        rejected: Vec::new(),
    }
}

#[test]
fn everything_that_the_catalog_tells_is_published_but_the_dashboard_client() {
    let cluster = ClusterWide::of(&rich_catalog());
    let class = serde_json::to_value(&cluster.classes[0].spec).unwrap();
    let expected = json!({
        "externalName": "mysql", "externalID": "mysql-ID", "description": "a database", "bindable": true,
        "bindingRetrievable": true, "planUpdatable": true, "externalMetadata": {"displayName": "MySQL"},
        "tags": ["sql"], "requires": ["syslog_drain"], "clusterServiceBrokerName": BROKER,
    });
    assert_eq!(class, expected);

    let plan = serde_json::to_value(&cluster.plans[0].spec).unwrap();
    let expected = json!({
        "externalName": "S", "externalID": "small", "description": "small one", "bindable": false,
        "planUpdatable": true, "free": false, "maximumPollingDuration": 600,
        "externalMetadata": {"costs": [{"amount": 9.9}]}, "instanceCreateParameterSchema": {"c": 1},
        "instanceUpdateParameterSchema": {"u": 1}, "serviceBindingCreateParameterSchema": {"b": 1},
        "clusterServiceBrokerName": BROKER, "clusterServiceClassRef": {"name": "mysql-z49zz44z"},
    });
    assert_eq!(plan, expected);
}

#[test]
fn objects_are_named_labelled_and_owned() {
    let cluster = ClusterWide::of(&rich_catalog());
    let (class, plan) = (&cluster.classes[0], &cluster.plans[0]);
    assert_eq!(
        (class.name_any(), plan.name_any()),
        ("mysql-z49zz44z".to_owned(), "small".to_owned())
    );
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
    let expected = OwnerReference {
        controller: Some(true),
        block_owner_deletion: Some(false),
        ..owner()
    };
    assert_eq!(class.owner_references(), std::slice::from_ref(&expected));
    assert_eq!(plan.owner_references(), [expected]);

    let namespaced = Namespaced::of(&rich_catalog());
    assert!(
        namespaced.classes[0]
            .labels()
            .contains_key(label::SERVICE_BROKER_NAME)
    );
    assert!(
        namespaced.plans[0]
            .labels()
            .contains_key(label::SERVICE_CLASS_REF)
    );
    assert_eq!(namespaced.plans[0].owner_references().len(), 1);
}

#[test]
fn what_is_absent_has_the_meaning_of_the_specification() {
    let cluster = Namespaced::of(&catalog(&[("a", &["p"])]));
    let (class, plan) = (&cluster.classes[0].spec.common, &cluster.plans[0].spec.common);
    assert!(plan.free);
    assert_eq!(
        (plan.bindable, plan.plan_updatable, plan.maximum_polling_duration),
        (None, None, None)
    );
    assert!(!class.plan_updatable && !class.binding_retrievable && class.external_metadata.is_none());
}

#[test]
fn restrictions_filter_classes_then_plans_then_classes_without_plans() {
    let mut catalog = catalog(&[("a", &["a1", "a2"]), ("B", &["b1"]), ("c", &["c1"])]);
    catalog.services[0].plans[0].free = false;
    let cases: &[(&[&str], &[&str], &[&str], &[&str])] = &[
        (&[], &[], &["a", "c", "z42z"], &["a1", "a2", "b1", "c1"]),
        (&["name in (a, z42z)"], &[], &["a", "z42z"], &["a1", "a2", "b1"]),
        (&["spec.externalName=B-name"], &[], &["z42z"], &["b1"]),
        (&["spec.externalID!=B"], &[], &["a", "c"], &["a1", "a2", "c1"]),
        (&["name in (a)", "name in (c)"], &[], &[], &[]),
        (&[], &["spec.free=true"], &["a", "c", "z42z"], &["a2", "b1", "c1"]),
        (&[], &["spec.free=false"], &["a"], &["a1"]),
        (&[], &["spec.clusterServiceClass.name=z42z"], &["z42z"], &["b1"]),
        (
            &["name!=c"],
            &["spec.externalName notin (b1-name)"],
            &["a"],
            &["a1", "a2"],
        ),
        (&[], &["name in (a1, c1)", "spec.externalID=c1"], &["c"], &["c1"]),
    ];
    for (classes, plans, expected_classes, expected_plans) in cases {
        let restrictions = CatalogRestrictions {
            service_class: names(classes),
            service_plan: names(plans),
        };
        let diff = ClusterWide::new().diff_restricted(&catalog, &restrictions);
        let mut cluster = ClusterWide::new();
        apply(&mut cluster.classes, diff.classes);
        apply(&mut cluster.plans, diff.plans);
        assert_eq!(
            cluster.offered(),
            (names(expected_classes), names(expected_plans)),
            "{restrictions:?}"
        );
    }
    let restrictions = CatalogRestrictions {
        service_class: names(&["spec.free=true"]),
        service_plan: Vec::new(),
    };
    let cluster = ClusterWide::new();
    let existing = Existing {
        broker: BROKER,
        classes: &cluster.classes,
        plans: &cluster.plans,
    };
    let error = desired(&catalog, Some(&restrictions), &existing).unwrap_err();
    assert_eq!(error.to_string(), "Invalid property: spec.free");
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
        [
            "update a1",
            "create a3",
            "create c1",
            "mark a2 removed",
            "mark b1 removed"
        ]
    );

    cluster.sync(&after);
    let diff = cluster.diff(&before);
    assert_eq!(
        words(&diff.classes),
        ["update a", "mark b offered", "mark c removed"]
    );
    cluster.sync(&osb::Catalog::default());
    assert_eq!(cluster.offered(), (Vec::new(), Vec::new()));
    cluster.sync(&before);
    assert_eq!(
        cluster.offered(),
        (names(&["a", "b"]), names(&["a1", "a2", "b1"]))
    );
}

#[test]
fn what_users_wrote_is_kept_and_labels_are_repaired() {
    let mut cluster = ClusterWide::of(&rich_catalog());
    let class = Arc::make_mut(&mut cluster.classes[0]);
    class.labels_mut().clear();
    class.labels_mut().insert("team".to_owned(), "shop".to_owned());
    class
        .annotations_mut()
        .insert("note".to_owned(), "mine".to_owned());
    let defaults = json!({"size": 1}).as_object().cloned();
    class
        .spec
        .common
        .default_provision_parameters
        .clone_from(&defaults);
    let plan = Arc::make_mut(&mut cluster.plans[0]);
    plan.spec
        .common
        .default_provision_parameters
        .clone_from(&defaults);
    assert_eq!(words(&cluster.diff(&rich_catalog()).plans), [""; 0]);

    cluster.sync(&rich_catalog());
    let class = &cluster.classes[0];
    assert_eq!(
        (class.labels().len(), class.labels()["team"].as_str()),
        (4, "shop")
    );
    assert_eq!(class.annotations()["note"], "mine");
    assert_eq!(class.spec.common.default_provision_parameters, defaults);
    assert_eq!(
        cluster.plans[0].spec.common.default_provision_parameters,
        defaults
    );
}

#[test]
fn what_belongs_to_others_is_not_touched() {
    let offer = catalog(&[("a", &["a1"]), ("b", &["b1"]), ("c", &["c1"])]);
    let mut cluster = ClusterWide::of(&offer);
    Arc::make_mut(&mut cluster.classes[0])
        .spec
        .cluster_service_broker_name = "other".to_owned();
    Arc::make_mut(&mut cluster.classes[1]).spec.common.external_id = "other".to_owned();
    Arc::make_mut(&mut cluster.plans[2])
        .spec
        .cluster_service_class_ref
        .name = "other".to_owned();
    let diff = cluster.diff(&offer);
    assert_eq!(
        (words(&diff.classes), words(&diff.plans)),
        (Vec::new(), Vec::new())
    );
    assert_eq!(
        summary(&diff.rejected),
        "class \"a-name\": class \"a\" already exists for broker \"other\"; \
         class \"b-name\": class \"b\" already exists with the external ID \"other\"; \
         plan \"c1-name\": plan \"c1\" already exists for class \"other\""
    );
    assert_eq!(
        words(&cluster.diff(&osb::Catalog::default()).classes),
        ["mark b removed", "mark c removed"]
    );
}

#[test]
fn what_users_made_is_adopted_when_offered_and_never_marked() {
    let offer = catalog(&[("a", &["a1"])]);
    let mut cluster = ClusterWide::of(&offer);
    Arc::make_mut(&mut cluster.classes[0]).metadata.owner_references = None;
    Arc::make_mut(&mut cluster.plans[0]).metadata.owner_references = None;
    let diff = cluster.diff(&osb::Catalog::default());
    assert_eq!(
        (words(&diff.classes), words(&diff.plans)),
        (Vec::new(), Vec::new())
    );
    cluster.sync(&offer);
    assert_eq!(cluster.classes[0].owner_references().len(), 1);
    assert_eq!(
        words(&cluster.diff(&osb::Catalog::default()).classes),
        ["mark a removed"]
    );
}

#[test]
fn namespaced_objects_of_old_installations_are_ours() {
    let mut cluster = Namespaced::of(&catalog(&[("a", &["a1"]), ("b", &["b1"])]));
    for class in &mut cluster.classes {
        Arc::make_mut(class).metadata.owner_references = None;
    }
    Arc::make_mut(&mut cluster.classes[1]).metadata.labels = None;
    assert_eq!(
        words(&cluster.diff(&osb::Catalog::default()).classes),
        ["mark a removed"]
    );
}

#[test]
fn another_controller_stays_and_a_former_broker_of_the_name_does_not() {
    let offer = catalog(&[("a", &["a1"])]);
    let mut cluster = ClusterWide::of(&offer);
    Arc::make_mut(&mut cluster.classes[0]).owner_references_mut()[0].uid = "0".to_owned();
    Arc::make_mut(&mut cluster.plans[0]).owner_references_mut()[0].kind = "Tool".to_owned();
    let diff = cluster.diff(&offer);
    assert_eq!(
        (words(&diff.classes), words(&diff.plans)),
        (names(&["update a"]), Vec::new())
    );
    cluster.sync(&offer);
    assert_eq!(cluster.classes[0].owner_references().len(), 1);
    assert_eq!(cluster.classes[0].owner_references()[0].uid, "1");
}

#[test]
fn objects_that_are_named_by_their_id_keep_their_names() {
    let offer = catalog(&[("ab-z", &["P.z"])]);
    let mut cluster = ClusterWide::new();
    let class = class_spec(&offer.services[0]);
    cluster
        .classes
        .push(<ClusterServiceClass as role::Class>::new("ab-z", class, BROKER).stored());
    let diff = cluster.diff(&offer);
    assert_eq!(words(&diff.classes), ["update ab-z"]);
    assert_eq!(words(&diff.plans), ["create z50z.z7az"]);
    let Change::Create(plan) = &diff.plans[0] else {
        panic!()
    };
    assert_eq!(plan.spec.cluster_service_class_ref.name, "ab-z");

    Arc::make_mut(&mut cluster.classes[0])
        .spec
        .cluster_service_broker_name = "other".to_owned();
    assert_eq!(words(&cluster.diff(&offer).classes), ["create ab-z7az"]);
}

#[test]
fn summaries_are_bounded() {
    let rejection = |index| Rejection {
        what: format!("service \"{index}\""),
        why: "x".repeat(1000),
    };
    let rejected: Vec<_> = (0..50).map(rejection).collect();
    let text = summary(&rejected);
    assert!(
        text.len() < LONGEST_SUMMARY + 50 && text.ends_with("; and 46 more"),
        "{text}"
    );
    assert_eq!(summary(&[]), "");
    let rejected = Rejection {
        what: "plan \"p\"".to_owned(),
        why: "its id is empty".to_owned(),
    };
    assert_eq!(summary(&[rejected]), "plan \"p\": its id is empty");
}

#[test]
fn rejections_of_the_catalog_are_passed_on() {
    let rejected = vec![Rejection {
        what: "service \"x\"".to_owned(),
        why: "no plan".to_owned(),
    }];
    let catalog = osb::Catalog {
        services: Vec::new(),
        rejected: rejected.clone(),
    };
    assert_eq!(ClusterWide::new().sync(&catalog), rejected);
}

/// Catalogs over few ids, so that they overlap.
fn any_catalog() -> impl Strategy<Value = osb::Catalog> {
    let plan = (
        any::<bool>(),
        prop::option::of(any::<bool>()),
        prop::option::of(any::<u8>()),
    );
    let plans = prop::collection::btree_map("[p-rZ]", plan, 1..4);
    let services = prop::collection::btree_map("[a-cZ]", (any::<bool>(), plans), 0..4);
    services.prop_map(|services| {
        let service = |(id, (bindable, plans)): (
            String,
            (bool, BTreeMap<String, (bool, Option<bool>, Option<u8>)>),
        )| {
            let mut built = service(&id, &[]);
            built.bindable = bindable;
            for (plan, (free, bindable, cost)) in plans {
                let name = format!("{id}-{plan}");
                let mut plan = service_plan(&name);
                (plan.free, plan.bindable) = (free, bindable);
                plan.metadata =
                    cost.map(|cost| serde_json::from_str(&format!("{{\"cost\": {cost}.50}}")).unwrap());
                built.plans.push(plan);
            }
            built
        };
        osb::Catalog {
            services: services.into_iter().map(service).collect(),
            rejected: Vec::new(),
        }
    })
}

fn service_plan(id: &str) -> osb::Plan {
    service("s", &[id]).plans.remove(0)
}

fn converges<C: role::Class + Stored, P: role::Plan + Stored>(catalogs: &[osb::Catalog]) {
    let mut cluster = Cluster::<C, P>::new();
    for catalog in catalogs {
        assert_eq!(cluster.sync(catalog), []);
        let again = cluster.diff(catalog);
        assert_eq!(
            (words(&again.classes), words(&again.plans)),
            (Vec::new(), Vec::new())
        );
        let mut classes: Vec<_> = catalog
            .services
            .iter()
            .map(|service| escaped(&service.id))
            .collect();
        let plans = catalog.services.iter().flat_map(|service| &service.plans);
        let mut plans: Vec<_> = plans.map(|plan| escaped(&plan.id)).collect();
        classes.sort();
        plans.sort();
        assert_eq!(cluster.offered(), (classes, plans));
    }
}

proptest! {
    #[test]
    fn one_pass_is_enough_whatever_came_before(catalogs in prop::collection::vec(any_catalog(), 1..5)) {
        converges::<ClusterServiceClass, ClusterServicePlan>(&catalogs);
        converges::<ServiceClass, ServicePlan>(&catalogs);
    }
}
