pub mod cluster;
pub mod offers;

use serde_json::json;

use super::*;
use cluster::{BROKER, ClusterWide, Namespaced, apply};
use offers::{catalog, names, rich_catalog};

#[test]
fn everything_in_the_catalog_is_published_but_the_dashboard_client() {
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
fn absent_fields_have_the_defaults_of_the_specification() {
    let cluster = Namespaced::of(&catalog(&[("a", &["p"])]));
    let (class, plan) = (&cluster.classes[0].spec.common, &cluster.plans[0].spec.common);
    assert!(plan.free);
    assert_eq!((plan.bindable, plan.plan_updatable, plan.maximum_polling_duration), (None, None, None));
    assert!(!class.plan_updatable && !class.binding_retrievable && class.external_metadata.is_none());
}

#[test]
fn restrictions_filter_classes_then_plans_then_classes_without_plans() {
    let mut catalog = catalog(&[("a", &["a1", "a2"]), ("B", &["b1"]), ("c", &["c1"])]);
    catalog.services[0].plans[0].free = false;
    let cases: &[[&[&str]; 4]] = &[
        [&[], &[], &["a", "c", "z42z"], &["a1", "a2", "b1", "c1"]],
        [&["name in (a, z42z)"], &[], &["a", "z42z"], &["a1", "a2", "b1"]],
        [&["spec.externalName=B-name"], &[], &["z42z"], &["b1"]],
        [&["spec.externalID!=B"], &[], &["a", "c"], &["a1", "a2", "c1"]],
        [&["name in (a)", "name in (c)"], &[], &[], &[]],
        [&[], &["spec.free=true"], &["a", "c", "z42z"], &["a2", "b1", "c1"]],
        [&[], &["spec.free=false"], &["a"], &["a1"]],
        [&[], &["spec.clusterServiceClass.name=z42z"], &["z42z"], &["b1"]],
        [&["name!=c"], &["spec.externalName notin (b1-name)"], &["a"], &["a1", "a2"]],
        [&[], &["name in (a1, c1)", "spec.externalID=c1"], &["c"], &["c1"]],
    ];
    for [classes, plans, expected_classes, expected_plans] in cases {
        let restrictions = CatalogRestrictions { service_class: names(classes), service_plan: names(plans) };
        let diff = ClusterWide::new().diff_restricted(&catalog, &restrictions);
        let mut cluster = ClusterWide::new();
        apply(&mut cluster.classes, diff.classes);
        apply(&mut cluster.plans, diff.plans);
        assert_eq!(cluster.offered(), (names(expected_classes), names(expected_plans)), "{restrictions:?}");
    }
    let restrictions =
        CatalogRestrictions { service_class: names(&["spec.free=true"]), service_plan: Vec::new() };
    let cluster = ClusterWide::new();
    let existing = Existing { broker: BROKER, classes: &cluster.classes, plans: &cluster.plans };
    let error = desired(&catalog, Some(&restrictions), &existing).unwrap_err();
    assert_eq!(error.to_string(), "Invalid property: spec.free");
}

#[test]
fn summaries_are_bounded() {
    let rejection = |index| Rejection { what: format!("service \"{index}\""), why: "x".repeat(1000) };
    let rejected: Rejections = (0..50).map(rejection).collect();
    let text = summary(&rejected);
    assert!(text.len() < SUMMARY_MAX_BYTES + 50 && text.ends_with("; and 46 more"), "{text}");
    assert_eq!(summary(&Rejections::default()), "");
    let rejected = Rejection { what: "plan \"p\"".to_owned(), why: "its id is empty".to_owned() };
    assert_eq!(summary(&[rejected].into_iter().collect()), "plan \"p\": its id is empty");
}

#[test]
fn rejections_of_the_catalog_are_passed_on() {
    let rejected = [Rejection { what: "service \"x\"".to_owned(), why: "no plan".to_owned() }];
    let catalog = osb::Catalog { services: Vec::new(), rejected: rejected.clone().into_iter().collect() };
    assert_eq!(ClusterWide::new().sync(&catalog), rejected);
}
