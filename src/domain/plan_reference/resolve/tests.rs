use serde_json::{Value, json};

use super::*;
use crate::crd::class::CommonServiceClassSpec;
use crate::crd::plan::CommonServicePlanSpec;
use crate::crd::{ClusterServiceClass, ClusterServicePlan};

/// A class: its Kubernetes name and id, its name, whether it is removed. A plan: the same, and the name of its class.
type Entry = (&'static str, &'static str, bool);

fn class((id, name, is_removed): Entry, broker: &str) -> ClusterServiceClass {
    let spec = CommonServiceClassSpec {
        external_id: id.to_owned(),
        external_name: name.to_owned(),
        ..CommonServiceClassSpec::default()
    };
    let mut class: ClusterServiceClass = Class::new(id, spec, broker);
    class.status.get_or_insert_default().removed_from_broker_catalog = is_removed;
    class
}

fn plan((id, name, is_removed): Entry, class: &str) -> ClusterServicePlan {
    let spec = CommonServicePlanSpec {
        external_id: id.to_owned(),
        external_name: name.to_owned(),
        ..CommonServicePlanSpec::default()
    };
    let mut plan: ClusterServicePlan = Plan::new(id, spec, "broker", class);
    plan.status.get_or_insert_default().removed_from_broker_catalog = is_removed;
    plan
}

/// An instance that names the class `database` and this plan, unless it is empty.
fn naming(name: &str) -> Value {
    let mut object = json!({"apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance",
        "metadata": {"name": "db", "namespace": "shop"}, "spec": {"clusterServiceClassExternalName": "database"}});
    if !name.is_empty() {
        object["spec"]["clusterServicePlanExternalName"] = name.into();
    }
    object
}

/// The same after the operator has resolved `resolved`, the names, to the plan with this id.
fn resolved(name: &str, resolved: &str, plan: &str) -> Value {
    let mut object = naming(name);
    object["metadata"]["annotations"][ANNOTATION_RESOLVED] = resolved.into();
    with_references(object, plan)
}

fn with_references(mut object: Value, plan: &str) -> Value {
    object["spec"]["clusterServiceClassRef"] = json!({"name": "c0"});
    object["spec"]["clusterServicePlanRef"] = json!({"name": plan});
    object
}

/// The same after the broker has confirmed this plan.
fn confirmed(mut object: Value, plan: &str) -> Value {
    object["status"]["externalProperties"] = requested(plan);
    object
}

fn requested(plan: &str) -> Value {
    json!({"clusterServicePlanExternalName": "", "clusterServicePlanExternalID": plan, "parameterChecksum": "",
        "serviceID": "c0", "brokerName": "broker"})
}

fn of(object: &Value, classes: &[Entry], plans: &[Entry]) -> Result<Target, Unresolved> {
    let instance: ServiceInstance = serde_json::from_value(object.clone()).unwrap();
    let classes: Vec<_> = classes.iter().map(|entry| class(*entry, "broker")).collect();
    let plans: Vec<_> = plans.iter().map(|entry| plan(*entry, "c0")).collect();
    resolve(&instance, classes.iter(), plans.iter())
}

const CLASS: Entry = ("c0", "database", false);

const STANDARD: Entry = ("p0", "standard", false);
const RENAMED: Entry = ("p0", "legacy", false);
const REMOVED: Entry = ("p0", "standard", true);
/// Another plan that has got the name.
const NEWER: Entry = ("p2", "standard", false);
const LARGE: Entry = ("p1", "large", false);

/// What it is, the instance, the plans, and the id of the plan that it is resolved to.
type Case = (&'static str, Value, &'static [Entry], &'static str);

fn assert_resolved<const N: usize>(cases: [Case; N]) {
    for (what, object, plans, expected) in cases {
        let target = of(&object, &[CLASS], plans).unwrap_or_else(|why| panic!("{what}: {why:?}"));
        assert_eq!(target.plan_id, expected, "{what}");
    }
}

#[test]
fn a_name_counts_once_and_then_its_reference() {
    let new = || naming("standard");
    let resolved = || resolved("standard", "database/standard", "p0");
    let settled = || confirmed(resolved(), "p0");
    assert_resolved([
        ("new", new(), &[STANDARD, LARGE], "p0"),
        ("new, of a name that two plans had", new(), &[REMOVED, NEWER], "p2"),
        ("new, of a removed plan", new(), &[REMOVED], "p0"),
        ("renamed, and its name given to another", settled(), &[RENAMED, NEWER], "p0"),
        ("replaced by another of the same name", settled(), &[REMOVED, NEWER], "p0"),
        ("before the broker was asked", resolved(), &[RENAMED, NEWER], "p0"),
        ("restored from a backup", resolved(), &[RENAMED, NEWER], "p0"),
    ]);
}

#[test]
fn what_is_stored_without_the_annotation_counts_as_well() {
    let by_status = |specified: &str| {
        let mut object = confirmed(with_references(naming("standard"), "p0"), "p0");
        object["status"]["userSpecifiedClassName"] = "ClusterServiceClass/database".into();
        object["status"]["userSpecifiedPlanName"] = specified.into();
        object
    };
    let mut replaced = confirmed(naming("standard"), "p0");
    replaced["status"]["userSpecifiedPlanName"] = "standard".into();
    let mut of_service_catalog = confirmed(with_references(naming("standard"), "p0"), "p0");
    of_service_catalog["status"]["externalProperties"]["clusterServicePlanExternalName"] = "standard".into();
    assert_resolved([
        ("by an earlier version", by_status("standard"), &[RENAMED, NEWER], "p0"),
        ("by an earlier version, edited since", by_status("legacy"), &[STANDARD, NEWER], "p0"),
        ("by service-catalog", of_service_catalog, &[RENAMED, NEWER], "p0"),
        ("another client has lost the references", replaced, &[RENAMED, NEWER], "p0"),
    ]);
}

#[test]
fn an_edit_of_the_name_counts_from_then_on() {
    let edited = |name: &str, names: &str, plan: &str| confirmed(resolved(name, names, plan), "p0");
    let mut requests_large = edited("standard", "database/standard", "p0");
    requests_large["status"]["inProgressProperties"] = requested("p1");
    let copied = |name: &str, plan: &str| resolved(name, "database/standard", plan);
    assert_resolved([
        ("the new name", edited("legacy", "database/standard", "p0"), &[RENAMED, NEWER], "p0"),
        ("another plan", edited("large", "database/standard", "p0"), &[STANDARD, LARGE], "p1"),
        ("back at once", edited("standard", "database/large", "p1"), &[STANDARD, LARGE], "p0"),
        (
            "back to a removed plan",
            edited("standard", "database/large", "p1"),
            &[REMOVED, NEWER, LARGE],
            "p0",
        ),
        ("a change that is taken back", requests_large, &[STANDARD, LARGE], "p0"),
        ("taken away", edited("", "database/standard", "p0"), &[STANDARD], "p0"),
        ("never named", edited("", "database/", "p0"), &[STANDARD, LARGE], "p0"),
        ("copied and edited", copied("large", "p0"), &[STANDARD, LARGE], "p1"),
        ("copied to another cluster", copied("standard", "p9"), &[STANDARD, LARGE], "p0"),
    ]);
}

#[test]
fn a_class_is_kept_by_its_id() {
    let plans = [("p0", "standard", false)];
    let settled = confirmed(resolved("standard", "database/standard", "p0"), "p0");
    let renamed = ("c0", "store", false);
    let removed = ("c0", "database", true);
    let newer = ("c1", "database", false);
    for classes in [vec![renamed], vec![renamed, newer], vec![removed, newer]] {
        for object in
            [&settled, &confirmed(naming("standard"), "p0"), &resolved("standard", "database/standard", "p0")]
        {
            let target = of(object, &classes, &plans);
            // Nothing but the name says which class the replaced one had, before the broker was asked.
            assert_eq!(target.unwrap().service_id, "c0", "{object} {classes:?}");
        }
        assert!(of(&naming("standard"), &classes, &plans).is_err() || classes == [renamed], "{classes:?}");
    }
    let why = of(&settled, &[newer], &plans).unwrap_err();
    assert_eq!(
        why.message,
        "The instance references a ClusterServiceClass \"database\" that does not exist: it has the ID \"c0\" at the \
         broker broker; continues when the broker offers it"
    );
}

#[test]
fn what_is_removed_never_makes_a_name_ambiguous() {
    let classes = [("c0", "database", true), ("c0-again", "database", false)];
    let instance: ServiceInstance = serde_json::from_value(naming("standard")).unwrap();
    let classes = classes.map(|entry| class(entry, "broker"));
    let plans = [plan(("p0", "standard", true), "c0"), plan(("p1", "standard", false), "c0-again")];
    assert_eq!(resolve(&instance, classes.iter(), plans.iter()).unwrap().plan_id, "p1");
    let classes = [class(CLASS, "broker"), class(("c1", "database", false), "other")];
    let why = resolve(&instance, classes.iter(), plans.iter()).unwrap_err();
    assert!(
        why.message.contains("there are several: c0 of the broker broker, c1 of the broker other"),
        "{why:?}"
    );
}

#[test]
fn of_several_classes_the_only_one_that_offers_the_plan_counts() {
    let classes = [class(CLASS, "broker"), class(("c1", "database", false), "broker")];
    let resolve_among = |name: &str, plans: &[ClusterServicePlan]| {
        let instance: ServiceInstance = serde_json::from_value(naming(name)).unwrap();
        resolve(&instance, classes.iter(), plans.iter())
    };
    let (standard, large) = (plan(STANDARD, "c0"), plan(LARGE, "c1"));
    let plans = [standard.clone(), large.clone()];
    for (name, id) in [("standard", "c0"), ("large", "c1")] {
        assert_eq!(resolve_among(name, &plans).unwrap().service_id, id, "{name}");
    }
    // A plan that is removed is not offered.
    let plans = [plan(REMOVED, "c0"), plan(NEWER, "c1")];
    assert_eq!(resolve_among("standard", &plans).unwrap().plan_id, "p2");
    // No plan, a plan of none, a plan of both.
    let both = [standard, plan(NEWER, "c1"), large];
    for (name, plans) in [("", &both[..]), ("tiny", &both[..]), ("standard", &both[..]), ("standard", &[])] {
        let why = resolve_among(name, plans).unwrap_err();
        assert!(why.message.contains("there are several"), "{name}: {why:?}");
    }
}

#[test]
fn a_plan_that_is_gone_is_not_replaced_by_another_of_its_name() {
    let settled = confirmed(resolved("standard", "database/standard", "p0"), "p0");
    // Nor by the one that the broker was asked for before.
    let moved = confirmed(resolved("large", "database/large", "p1"), "p0");
    assert!(of(&moved, &[CLASS], &[STANDARD]).unwrap_err().message.contains("ClusterServicePlan \"p1\""));
    let why = of(&settled, &[CLASS], &[("p2", "standard", false)]).unwrap_err();
    assert_eq!(
        why.message,
        "The instance was resolved to the ClusterServicePlan \"p0\", which the class \"database\" does not have any more; choose another plan"
    );
}

#[test]
fn outdated_names_are_told_with_the_new_ones() {
    let settled = confirmed(resolved("standard", "database/standard", "p0"), "p0");
    let target = of(&settled, &[("c0", "store", false)], &[("p0", "legacy", false)]).unwrap();
    assert_eq!(
        target.outdated_names().unwrap(),
        "The broker broker renamed the class \"database\" to \"store\". The instance keeps it; new instances must use \
         the new name. The broker broker renamed the plan \"standard\" to \"legacy\". The instance keeps it; set \
         spec.clusterServicePlanExternalName to \"legacy\""
    );
    // The plan of a class that allows no changes may be edited while its name is outdated.
    assert!(!target.plan_updatable && !target.is_fixed(Some("p0")));
    let target = of(&settled, &[CLASS], &[("p0", "standard", false)]).unwrap();
    assert_eq!(target.outdated_names(), None);
    assert!(target.is_fixed(Some("p0")));
}

#[test]
fn references_are_written_together_with_the_names_to_which_they_belong() {
    let plans = [("p0", "standard", false)];
    let references = |object: &Value| {
        let instance: ServiceInstance = serde_json::from_value(object.clone()).unwrap();
        of(object, &[CLASS], &plans).unwrap().references_to_write(&instance)
    };
    let written = references(&naming("standard")).unwrap();
    assert_eq!(written.annotations[ANNOTATION_RESOLVED], "database/standard");
    let mut object = resolved("standard", "database/standard", "p0");
    for (label, value) in &written.labels {
        object["metadata"]["labels"][label] = value.as_str().into();
    }
    assert_eq!(references(&object), None);
    object["metadata"]["annotations"][ANNOTATION_RESOLVED] = "database/legacy".into();
    assert_eq!(references(&object).unwrap().annotations[ANNOTATION_RESOLVED], "database/standard");
}
