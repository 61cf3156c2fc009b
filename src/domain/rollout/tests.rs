//! Tables of drift and of restart plans.

mod messages;
mod policies;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;
use crate::domain::fixtures::at;

/// A ready binding of this name and UID for the pods of `app: web`, at revision 3, with credentials from revision 2.
fn binding(uid: &str, change: Value) -> ServiceBinding {
    let mut binding = json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceBinding",
        "metadata": {"name": uid, "uid": uid, "generation": 1},
        "spec": {"instanceRef": {"name": "db"}, "podSelector": {"matchLabels": {"app": "web"}}},
        "status": {"revision": 3, "credentialsRevision": 2, "observedGeneration": 1,
            "conditions": [{"type": "Ready", "status": "True"}]},
    });
    merge(&mut binding, change);
    serde_json::from_value(binding).unwrap()
}

fn merge(base: &mut Value, change: Value) {
    match (base, change) {
        (Value::Object(base), Value::Object(change)) => {
            for (key, value) in change {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, change) => *base = change,
    }
}

fn demand(change: Value) -> Demand {
    Demand::of(&binding("a", change))
}

fn revisions(of: &[(&str, i64)]) -> BTreeMap<String, i64> {
    of.iter().map(|(uid, revision)| ((*uid).to_owned(), *revision)).collect()
}

/// The label by which the `ReplicaSet` of the Deployment `web` knows its pods.
const HASH: (&str, &str) = ("pod-template-hash", "5d4f");

fn labels(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A pod of `app: web` that belongs to the Deployment `web`.
fn pod(name: &str, stamps: &[(&str, i64)]) -> Pod {
    Pod {
        name: name.to_owned(),
        labels: labels(&[("app", "web"), HASH]),
        stamps: revisions(stamps),
        controller: Some(Controller {
            uid: "rs".to_owned(),
            name: "web-5d4f".to_owned(),
            ..Controller::default()
        }),
        ..Pod::default()
    }
}

fn web() -> Workload {
    Workload { kind: WorkloadKind::Deployment, name: "web".to_owned() }
}

/// The input of a restart plan.
struct World {
    bindings: Vec<ServiceBinding>,
    pods: Vec<Pod>,
    owners: BTreeMap<String, Owner>,
    workloads: BTreeMap<Workload, Template>,
    urgent: BTreeSet<String>,
    rolling: BTreeSet<Workload>,
    refused: BTreeSet<Workload>,
    restarts: bool,
    budget: usize,
    policies: InjectionPolicies,
}

/// The binding `a`, and a pod of the Deployment `web` that is older than the binding.
fn world() -> World {
    World {
        bindings: vec![binding("a", json!({}))],
        pods: vec![pod("one", &[])],
        owners: [("rs".to_owned(), Owner::Workload(web()))].into(),
        workloads: [(web(), Template::default())].into(),
        urgent: BTreeSet::new(),
        rolling: BTreeSet::new(),
        refused: BTreeSet::new(),
        restarts: true,
        budget: 10,
        policies: InjectionPolicies::default(),
    }
}

impl World {
    fn plan_restarts(&self) -> RestartPlan {
        let demands: Vec<Demand> = self.bindings.iter().map(Demand::of).collect();
        plan_restarts(&NamespaceState {
            demands: &demands,
            pods: &self.pods.iter().collect::<Vec<_>>(),
            owners: &self.owners,
            workloads: &self.workloads,
            urgent: &self.urgent,
            rolling: &self.rolling,
            refused: &self.refused,
            restarts: self.restarts,
            budget: self.budget,
            policies: &self.policies,
        })
    }

    /// The restart of `web`, and reason and message that the binding `a` reports.
    fn outcome(&self) -> (Option<BTreeMap<String, i64>>, &'static str, String) {
        let plan = self.plan_restarts();
        let (_, reason, message) = plan.usages["a"].verdict();
        (plan.restarts.get(&web()).cloned(), reason, message)
    }
}

/// Each row was seen to fail with its rule removed from `Demand`.
#[test]
fn a_pod_lacks_what_it_should_have_and_has_not() {
    let restarted = |revision| Some(Drift { revision, restart: true });
    let left = |revision| Some(Drift { revision, restart: false });
    let restart = |restart: &str| json!({"spec": {"injection": {"restart": restart}}});
    let first = json!({"status": {"revision": 1, "credentialsRevision": 1}});
    let optional = |restart: &str| {
        let mut change = json!({"spec": {"injection": {"restart": restart, "optional": true}}});
        merge(&mut change, first.clone());
        change
    };
    let other = json!({"spec": {"podSelector": {"matchLabels": {"app": "other"}}}});
    let none = json!({"spec": {"podSelector": null}});
    let empty = json!({"spec": {"podSelector": {"matchLabels": null}}});
    let gone = json!({"metadata": {"deletionTimestamp": at(0)}});
    let gone_quietly = json!({"metadata": {"deletionTimestamp": at(0)},
        "spec": {"injection": {"restart": "OnRotation"}}});
    let unbound = json!({"status": {"revision": 0}});
    for (what, change, stamp, drift) in [
        ("it has the current revision", json!({}), Some(3), None),
        ("it is newer than the cached binding", json!({}), Some(4), None),
        ("it is older than the binding", json!({}), None, restarted(3)),
        ("it has other variables", json!({}), Some(2), restarted(3)),
        ("it has other credentials", json!({}), Some(1), restarted(3)),
        ("the kubelet held it until the first revision", first.clone(), Some(0), None),
        ("the kubelet held it, but there is a newer revision", json!({}), Some(0), restarted(3)),
        ("the reference is optional", optional("Always"), Some(0), restarted(1)),
        (
            "the reference is optional, and there is no restart for the first credentials",
            optional("OnRotation"),
            Some(0),
            left(1),
        ),
        ("never", restart("Never"), Some(1), left(3)),
        ("only for credentials; it has none", restart("OnRotation"), None, left(3)),
        ("only for credentials; it has them", restart("OnRotation"), Some(2), left(3)),
        ("only for credentials; it has others", restart("OnRotation"), Some(1), restarted(3)),
        ("only for credentials; it was held for older ones", restart("OnRotation"), Some(0), restarted(3)),
        ("it is not selected", other.clone(), None, None),
        ("it is no longer selected", other, Some(3), restarted(0)),
        ("pods are no longer selected", none, Some(3), restarted(0)),
        ("an empty selector selects nothing", empty, None, None),
        ("the binding is deleted", gone.clone(), Some(3), restarted(0)),
        ("the binding is deleted, and the pod has no revision", gone, None, None),
        ("the binding is deleted, and restarts only for credentials", gone_quietly, Some(3), left(0)),
        ("there is no revision yet", unbound.clone(), None, None),
        ("there is no revision yet, and the kubelet holds it", unbound, Some(0), None),
    ] {
        let stamps: Vec<_> = stamp.map(|revision| ("a", revision)).into_iter().collect();
        assert_eq!(demand(change).drift(&pod("one", &stamps)), drift, "{what}");
    }
    assert_eq!(demand(json!({})).drift(&Pod { exempt: true, ..pod("one", &[]) }), None);
}

#[test]
fn a_terminating_pod_is_waited_for_and_keeps_its_workloads_permit() {
    let mut world = world();
    world.pods = vec![Pod { terminating: true, ..pod("one", &[]) }];
    assert_eq!(world.outcome(), (None, "Rolling", "Being restarted: deployment/web".to_owned()));
    assert!(world.plan_restarts().rolling.is_empty());
    world.rolling.insert(web());
    assert_eq!(world.plan_restarts().rolling, [web()].into());
    world.pods = vec![Pod { terminating: true, controller: None, ..pod("bare", &[]) }];
    assert_eq!(world.outcome(), (None, "Rolling", "Being restarted: pod/bare".to_owned()));
}

#[test]
fn a_workload_is_restarted_once_for_all_that_its_pods_lack() {
    let mut world = world();
    world.bindings.push(binding("b", json!({})));
    world.pods.push(pod("two", &[("a", 3), ("b", 3)]));
    let (restarts, reason, message) = world.outcome();
    assert_eq!(restarts, Some(revisions(&[("a", 3), ("b", 3)])));
    assert_eq!((reason, message.as_str()), ("Rolling", "Being restarted: deployment/web"));

    // The restart is in progress: it is not repeated, although its pods still drift.
    world.workloads.get_mut(&web()).unwrap().restarts = revisions(&[("a", 3), ("b", 3)]);
    let plan = world.plan_restarts();
    assert!(plan.restarts.is_empty());
    assert!(plan.rolling.contains(&web()));
    assert_eq!(world.outcome().1, "Rolling");

    // The restart is complete.
    world.pods.remove(0);
    let plan = world.plan_restarts();
    assert_eq!(plan.usages["a"], Usage { oldest: Some(3), of: (1, 3), ..Usage::default() });
    assert!(plan.rolling.is_empty());
    assert_eq!(world.outcome().1, "RolledOut");
}

#[test]
fn a_restart_keeps_what_others_have_and_drops_what_is_gone() {
    let mut world = world();
    world.bindings.push(binding("b", json!({})));
    world.pods = vec![pod("one", &[("a", 2), ("b", 3)])];
    world.workloads.get_mut(&web()).unwrap().restarts = revisions(&[("a", 2), ("b", 3), ("gone", 7)]);
    assert_eq!(world.outcome().0, Some(revisions(&[("a", 3), ("b", 3)])));
}

/// Who may create pods must not restart a Deployment with a pod that names its `ReplicaSet` as controller.
#[test]
fn a_pod_that_its_replica_set_gives_up_restarts_nothing() {
    let mut world = world();
    for labels in [labels(&[("app", "web")]), labels(&[("app", "web"), ("pod-template-hash", "other")])] {
        world.pods = vec![Pod { labels, ..pod("forged", &[]) }];
        let (restarts, reason, message) = world.outcome();
        assert_eq!((restarts, reason), (None, "StalePods"));
        assert!(message.contains("pod/forged"), "{message}");
    }
}

#[test]
fn a_restart_that_did_not_help_is_not_repeated() {
    let mut world = world();
    world.workloads.get_mut(&web()).unwrap().restarts = revisions(&[("a", 3)]);
    world.pods = vec![Pod { restarts: revisions(&[("a", 3)]), ..pod("one", &[]) }];
    let (restarts, reason, message) = world.outcome();
    assert_eq!((restarts, reason), (None, "StalePods"));
    assert!(message.starts_with("Restarted, but the new pods still lack"), "{message}");
    // A user rolled back to an earlier template. Only a new revision leads to another restart.
    world.workloads.get_mut(&web()).unwrap().restarts.clear();
    assert_eq!(world.outcome().0, None);
    world.bindings = vec![binding("a", json!({"status": {"revision": 4}}))];
    assert_eq!(world.outcome().0, Some(revisions(&[("a", 4)])));
}

/// While a template's labels change, the binding selects some pods and no longer others: the two revisions must not
/// alternate.
#[test]
fn a_workload_is_restarted_for_one_revision_of_a_binding() {
    let mut world = world();
    world.pods.push(Pod { labels: labels(&[HASH]), ..pod("other", &[("a", 3)]) });
    for _ in 0..2 {
        assert_eq!(world.outcome().0, Some(revisions(&[("a", 3)])));
        world.pods.reverse();
    }
    world.workloads.get_mut(&web()).unwrap().restarts = revisions(&[("a", 3)]);
    assert_eq!(world.outcome().0, None);
}

#[test]
fn a_restart_waits_for_other_bindings_but_not_for_ever() {
    let coming = json!({"status": {"revision": 0, "conditions": []}});
    let rotating = json!({"status": {"currentOperation": "Rotate"}});
    let failed = json!({"status": {"revision": 0, "conditions": [{"type": "Failed", "status": "True"}]}});
    let going = json!({"status": {"revision": 0}, "metadata": {"deletionTimestamp": at(0)}});
    let elsewhere =
        json!({"status": {"revision": 0}, "spec": {"podSelector": {"matchLabels": {"app": "other"}}}});
    for (what, other, waits) in [
        ("coming", coming, true),
        ("rotating", rotating, true),
        ("failed", failed, false),
        ("being deleted", going, false),
        ("for other pods", elsewhere, false),
        ("ready", json!({}), false),
    ] {
        let mut world = world();
        world.bindings.push(binding("b", other));
        world.pods = vec![pod("one", &[("b", 3)])];
        let (restarts, reason, message) = world.outcome();
        assert_eq!(restarts.is_none(), waits, "{what}");
        assert_eq!(reason == "WaitingForRestart", waits, "{what}: {message}");
        world.urgent.insert("a".to_owned());
        assert!(world.outcome().0.is_some(), "{what}");
    }
}

/// The Secret does not hold the current credentials, or the revision is about to change.
#[test]
fn no_workload_is_restarted_for_a_binding_that_is_not_ready() {
    for change in [
        json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}}),
        json!({"metadata": {"generation": 2}}),
    ] {
        let mut world = world();
        world.bindings = vec![binding("a", change.clone())];
        world.urgent.insert("a".to_owned());
        let (restarts, reason, _) = world.outcome();
        assert_eq!((restarts, reason), (None, "WaitingForRestart"), "{change}");
    }
    let mut world = world();
    let going = json!({"status": {"conditions": []}, "metadata": {"deletionTimestamp": at(0)}});
    world.bindings = vec![binding("a", going)];
    world.pods = vec![pod("one", &[("a", 3)])];
    assert_eq!(world.outcome().0, Some(revisions(&[("a", 0)])), "removing a revision needs no credentials");
}

#[test]
fn a_workload_that_does_not_replace_pods_by_itself_takes_no_permit() {
    for (template, reason) in [
        (Template { paused: true, ..Template::default() }, "RolloutPaused"),
        (Template { on_delete: true, ..Template::default() }, "OnDelete"),
    ] {
        let mut world = World { budget: 0, ..world() };
        world.workloads.insert(web(), template);
        let plan = world.plan_restarts();
        assert!(plan.restarts.contains_key(&web()), "{reason}");
        assert!(plan.rolling.is_empty(), "{reason}");
        assert_eq!(world.outcome().1, reason);
        world.workloads.get_mut(&web()).unwrap().restarts = revisions(&[("a", 3)]);
        assert_eq!((world.outcome().0, world.outcome().1), (None, reason));
    }
}

/// Until the retry it holds no permit, so that other restarts can start.
#[test]
fn a_restart_that_the_api_server_rejects_is_reported() {
    let mut world = world();
    world.refused.insert(web());
    let (restarts, reason, _) = world.outcome();
    assert_eq!((restarts, reason), (None, "RestartRefused"));
    assert!(world.plan_restarts().rolling.is_empty());
    // A restart for another binding that was in progress before goes on.
    world.bindings.push(binding("b", json!({})));
    world.workloads.get_mut(&web()).unwrap().restarts = revisions(&[("b", 3)]);
    let plan = world.plan_restarts();
    assert!(plan.restarts.is_empty() && plan.rolling.contains(&web()), "{plan:?}");
    assert!(plan.usages["b"].outdated.contains_key(&NotRolledOut::Rolling), "{plan:?}");
}

/// A retry needs a permit like any other restart.
#[test]
fn a_restart_is_retried_when_it_has_a_permit() {
    let mut world = world();
    assert!(world.plan_restarts().rolling.contains(&web()));
    world.budget = 0;
    assert_eq!(world.outcome().1, "WaitingForRestart");
}

#[test]
fn only_so_many_are_restarted_at_once() {
    let mut world = World { budget: 2, ..world() };
    let name = |index: usize| Workload { name: format!("web-{index}"), ..web() };
    world.pods.clear();
    for index in 0..5 {
        let uid = format!("rs-{index}");
        let name_of_set = format!("web-{index}-5d4f");
        let controller = Some(Controller { uid: uid.clone(), name: name_of_set, ..Controller::default() });
        world.pods.push(Pod { controller, ..pod(&uid, &[]) });
        world.owners.insert(uid, Owner::Workload(name(index)));
        world.workloads.insert(name(index), Template::default());
    }
    let started = |world: &World| world.plan_restarts().restarts.into_keys().collect::<Vec<_>>();
    assert_eq!(started(&world), [name(0), name(1)]);
    let (_, reason, message) = world.outcome();
    assert_eq!(reason, "Rolling");
    let expected = "Being restarted: deployment/web-0, deployment/web-1. Waiting for other restarts to finish: \
                    deployment/web-2, deployment/web-3, deployment/web-4";
    assert_eq!(message, expected);
    // A workload whose restart is in progress has a permit already.
    world.budget = 0;
    world.rolling.insert(name(4));
    assert_eq!(started(&world), [name(4)]);
}
