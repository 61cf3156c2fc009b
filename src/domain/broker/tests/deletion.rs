//! A deleted broker goes with its last instance. Its classes and plans go with it, but not those that users created.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::{Value, json};

use super::{Arc, Change, Given, ServiceInstance, Step, check, decide, delete, forget_finalizer};
use super::{Next, Outcome, settle};
use crate::crd::class::CommonServiceClassSpec;
use crate::crd::plan::CommonServicePlanSpec;
use crate::crd::{ClusterServiceClass, ClusterServicePlan, ServiceClass, ServicePlan, role};
use crate::domain::broker::dependents;
use crate::domain::catalog::{Existing, Object};

fn instance(name: &str, status: Value) -> Arc<ServiceInstance> {
    let mut instance = ServiceInstance::new(name, crate::crd::ServiceInstanceSpec::default());
    instance.metadata.namespace = Some("shop".to_owned());
    instance.spec.cluster_service_class_external_name = "database".to_owned();
    instance.status = serde_json::from_value(status).unwrap();
    Arc::new(instance)
}

fn held_by(broker: &str) -> Value {
    json!({"externalProperties": properties(broker), "inProgressProperties": properties("another")})
}

fn properties(broker: &str) -> Value {
    json!({"brokerName": broker})
}

fn orphaned_at(broker: &str) -> Value {
    json!({"orphans": [{"id": "1", "brokerName": "another"}, {"id": "2", "brokerName": broker}]})
}

/// The step for a deleted broker among these instances: `true` if they block its deletion.
fn is_blocked_by(change: Change, instance: Arc<ServiceInstance>) -> bool {
    let mut given = Given::with(delete);
    given.instances.push(instance);
    change(&mut given);
    match given.step().as_str() {
        "write Ready=False DeletionBlockedByInstances" => true,
        "finalize" => false,
        step => panic!("{step}"),
    }
}

#[test]
fn an_instance_blocks_if_the_broker_has_or_may_have_something_of_it() {
    let namespaced = |namespace: &str| {
        let mut instance = Arc::unwrap_or_clone(instance("db", held_by("broker")));
        instance.spec.cluster_service_class_external_name = String::new();
        instance.spec.service_class_external_name = "database".to_owned();
        instance.metadata.namespace = Some(namespace.to_owned());
        Arc::new(instance)
    };
    let in_shop: Change = |given| given.meta.namespace = Some("shop".to_owned());
    let cases: &[(&str, Change, Arc<ServiceInstance>, bool)] = &[
        ("confirmed", |_| {}, instance("db", held_by("broker")), true),
        (
            "being provisioned",
            |_| {},
            instance("db", json!({"inProgressProperties": properties("broker")})),
            true,
        ),
        ("an orphan", |_| {}, instance("db", orphaned_at("broker")), true),
        ("at another broker", |_| {}, instance("db", held_by("another")), false),
        ("an orphan at another broker", |_| {}, instance("db", orphaned_at("another")), false),
        ("never provisioned", |_| {}, instance("db", json!({})), false),
        ("not reconciled yet", |_| {}, instance("db", Value::Null), false),
        ("at a namespaced broker of that name", |_| {}, namespaced("shop"), false),
        ("in the namespace of the broker", in_shop, namespaced("shop"), true),
        ("in another namespace", in_shop, namespaced("store"), false),
        ("at a cluster-wide broker of that name", in_shop, instance("db", held_by("broker")), false),
    ];
    for (what, change, instance, expected) in cases {
        assert_eq!(is_blocked_by(*change, Arc::clone(instance)), *expected, "{what}");
    }
}

#[test]
fn a_deleted_broker_waits_for_nothing_but_its_instances() {
    check(&[
        ("unused", delete, "finalize"),
        (
            "used, but not connected yet",
            |given| {
                delete(given);
                given.is_connected = false;
                given.instances.push(instance("db", held_by("broker")));
            },
            "connect",
        ),
        (
            "unused and never connected to",
            |given| {
                delete(given);
                given.is_connected = false;
            },
            "finalize",
        ),
        (
            "during an outage",
            |given| {
                delete(given);
                given.outage = Some(super::outage(Some(8)));
            },
            "finalize",
        ),
        (
            "finalized, but held by another finalizer",
            |given| {
                delete(given);
                given.meta.finalizers = Some(vec!["example.com/mine".to_owned()]);
            },
            "wait",
        ),
        (
            "new, and older than the policy",
            |given| {
                delete(given);
                forget_finalizer(given);
                given.status = None;
            },
            "wait",
        ),
    ]);
}

#[test]
fn a_deleted_broker_goes_when_its_last_instance_goes() {
    let mut given = Given::with(delete);
    given.instances = (0..8).rev().map(|index| instance(&format!("db-{index}"), held_by("broker"))).collect();
    let mut messages = Vec::new();
    while !given.instances.is_empty() {
        let Step::Write { status, note: None } = decide(&given.observed()) else {
            panic!("{}", given.step())
        };
        messages.push(status.conditions.last().unwrap().message.clone());
        given.status = Some(*status);
        assert_eq!(given.step(), "wait", "it is written once");
        given.instances.pop();
        given.now += 1;
    }
    assert_eq!(given.step(), "finalize");
    assert_eq!(
        [&messages[0], &messages[3], &messages[7]],
        [
            "Deletion is blocked by 8 instances: shop/db-0, shop/db-1, shop/db-2, shop/db-3, shop/db-4 and 3 more. \
             Deletion continues when they are gone",
            "Deletion is blocked by 5 instances: shop/db-3, shop/db-4, shop/db-5, shop/db-6, shop/db-7. \
             Deletion continues when they are gone",
            "Deletion is blocked by 1 instance: shop/db-7. Deletion continues when it is gone",
        ]
    );
}

/// The user who deletes the instances reads on the broker that its credentials cannot be used, and may still correct
/// them. In a namespace that is being deleted, the Secret goes first.
#[test]
fn a_deleted_broker_is_called_with_the_credentials_that_it_had() {
    let mut given = Given::with(delete);
    let is_gone = || Outcome::Unusable {
        why: "there is no Secret".to_owned(),
        is_about_credentials: true,
        secret_is_terminating: false,
    };
    let settled = settle(&given.observed(), is_gone());
    assert_eq!((Some(settled.status), settled.note), (given.status.clone(), None), "it goes");
    given.instances.push(instance("db", held_by("broker")));
    for (secret_is_terminating, credentials) in [
        (true, ""),
        (
            false,
            ". The operator cannot use the broker's current credentials: there is no Secret. It uses the previous ones \
             until it restarts",
        ),
    ] {
        let unusable = Outcome::Unusable {
            why: "there is no Secret".to_owned(),
            is_about_credentials: true,
            secret_is_terminating,
        };
        let settled = settle(&given.observed(), unusable);
        let ready = settled.status.conditions.last().unwrap();
        assert_eq!(ready.reason, "DeletionBlockedByInstances");
        let blocked = "Deletion is blocked by 1 instance: shop/db. Deletion continues when it is gone";
        assert_eq!(ready.message, format!("{blocked}{credentials}"));
        assert!(!settled.drops_connection);
        assert_eq!((settled.note, settled.next), (None, Next::AwaitChange));
    }
}

#[test]
fn a_deleted_broker_still_reports_an_outage() {
    let mut given = Given::with(delete);
    given.instances.push(instance("db", held_by("broker")));
    given.outage = Some(super::outage(Some(8)));
    let step = given.step();
    assert!(step.contains("Available=False"), "{step}");
    assert!(given.written().step().contains("DeletionBlockedByInstances"));
}

fn owner(broker: &str) -> OwnerReference {
    OwnerReference {
        kind: "ServiceBroker".to_owned(),
        name: broker.to_owned(),
        controller: Some(true),
        ..OwnerReference::default()
    }
}

/// The names of the classes and plans that are deleted with the broker. Each entry is a name, a broker and an owner.
fn going<C, P>(entries: &[(&str, &str, Option<&str>)]) -> Vec<String>
where
    C: role::Class + Object,
    P: role::Plan + Object,
{
    let owners = |of: Option<&str>| of.map(|broker| vec![owner(broker)]);
    let classes = entries.iter().map(|(name, broker, owned_by)| {
        let mut class = C::new(name, CommonServiceClassSpec::default(), broker);
        class.meta_mut().owner_references = owners(*owned_by);
        Arc::new(class)
    });
    let plans = entries.iter().map(|(name, broker, owned_by)| {
        let mut plan = P::new(&format!("{name}-plan"), CommonServicePlanSpec::default(), broker, name);
        plan.meta_mut().owner_references = owners(*owned_by);
        Arc::new(plan)
    });
    let (classes, plans): (Vec<_>, Vec<_>) = (classes.collect(), plans.collect());
    let existing = Existing { broker: "broker", classes: &classes, plans: &plans };
    let (classes, plans) = dependents(&existing, &owner("broker"));
    let classes = classes.iter().filter_map(|class| class.meta().name.clone());
    classes.chain(plans.iter().filter_map(|plan| plan.meta().name.clone())).collect()
}

#[test]
fn classes_and_plans_that_the_operator_published_go_with_their_broker() {
    let entries = [
        ("published", "broker", Some("broker")),
        ("made-by-a-user", "broker", None),
        ("of-another", "another", Some("another")),
        ("moved", "another", Some("broker")),
    ];
    let expected = ["published", "published-plan"];
    assert_eq!(going::<ClusterServiceClass, ClusterServicePlan>(&entries), expected);
    assert_eq!(going::<ServiceClass, ServicePlan>(&entries), expected);
}
