//! What the condition `RolledOut` says, and until when the operator watches the pods of a binding.

use super::*;
use crate::crd::names::FINALIZER;

#[test]
fn pods_that_are_not_restarted_are_named() {
    let bare = Pod { controller: None, ..pod("bare", &[]) };
    for (what, pod, owner, reason, named) in [
        ("bare", bare, Owner::Workload(web()), "StalePods", "pod/bare"),
        ("job", pod("once-x", &[]), Owner::Other("job/once".to_owned()), "StalePods", "job/once"),
    ] {
        let mut world = World { pods: vec![pod], owners: [("rs".to_owned(), owner)].into(), ..world() };
        let (restarts, found, message) = world.outcome();
        assert_eq!((restarts, found), (None, reason), "{what}");
        assert!(message.ends_with(named), "{what}: {message}");
        world.owners.clear();
        assert_eq!(world.outcome().0, None, "{what}");
    }
    let mut world = world();
    let never = json!({"spec": {"injection": {"restart": "Never"}}});
    world.bindings = vec![binding("a", never)];
    // The operator does not read a workload that it will not restart.
    world.workloads.clear();
    let (restarts, reason, message) = world.outcome();
    assert_eq!((restarts, reason), (None, "RestartsDisabled"));
    assert!(message.ends_with("run kubectl rollout restart: deployment/web"), "{message}");
}

/// The operator reads no workload either. Without the rule, the workload would count as being restarted.
#[test]
fn an_operator_that_restarts_nothing_says_what_to_run() {
    let world = World { restarts: false, workloads: BTreeMap::new(), ..world() };
    let (restarts, reason, message) = world.outcome();
    assert_eq!((restarts, reason), (None, "RestartsDisabled"));
    let what_to_do =
        "without the permission to restart workloads; run kubectl rollout restart: deployment/web";
    assert!(message.ends_with(what_to_do), "{message}");
    assert!(!world.plan_restarts().usages["a"].is_progressing(), "a deletion must not wait for a restart");
}

#[test]
fn a_message_names_only_some() {
    let names = (0..9).map(|index| format!("pod/{index}")).collect();
    let usage = Usage { outdated: [(NotRolledOut::NoController, names)].into(), ..Usage::default() };
    assert!(usage.to_string().ends_with(": pod/0, pod/1, pod/2 and others"), "{usage}");
}

#[test]
fn terminating_pods_and_pods_that_are_no_longer_selected_count_for_the_oldest_revision() {
    let mut world = world();
    let terminating = Pod { terminating: true, ..pod("terminating", &[("a", 1)]) };
    let other = Pod { labels: labels(&[HASH]), ..pod("other", &[("a", 2)]) };
    world.pods = vec![pod("new", &[("a", 3)]), other, terminating];
    assert_eq!(world.plan_restarts().usages["a"].oldest, Some(1));
    world.pods.truncate(2);
    assert_eq!(world.plan_restarts().usages["a"].oldest, Some(2));
    world.pods.clear();
    assert_eq!(world.plan_restarts().usages["a"].oldest, None);
}

#[test]
fn pods_are_watched_until_all_have_the_current_revision() {
    let rolled_out = |status: &str| json!({"status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "RolledOut", "status": status}]}});
    let with = |change: Value| {
        let mut settled = rolled_out("True");
        merge(&mut settled, change);
        settled
    };
    let none = json!({"spec": {"podSelector": null}});
    let mut none_any_more = with(none.clone());
    merge(&mut none_any_more, json!({"metadata": {"generation": 2}}));
    let deleted = |finalizer| json!({"metadata": {"deletionTimestamp": at(0), "finalizers": [finalizer]}});
    for (what, change, open) in [
        ("nothing is known yet", json!({}), true),
        ("all have it", rolled_out("True"), false),
        ("not all have it", rolled_out("False"), true),
        ("the spec was edited", with(json!({"metadata": {"generation": 2}})), true),
        ("there is a predecessor", with(json!({"status": {"predecessor": {"bindingID": "x"}}})), true),
        ("it is being deleted", with(deleted(FINALIZER)), true),
        ("another finalizer holds it", with(deleted("example.com/other")), false),
        ("there is no revision yet", json!({"status": {"revision": 0}}), false),
        ("no pod is selected", none, false),
        ("pods are no longer selected", none_any_more, true),
    ] {
        assert_eq!(is_open(&binding("a", change)), open, "{what}");
    }
}

/// The admission policy excludes them: a restart would change nothing.
#[test]
fn a_binding_in_an_excluded_namespace_is_not_rolled_out() {
    let binding = binding("a", json!({"metadata": {"namespace": "kube-system"}}));
    let usage = Usage::excluded(&binding);
    let (status, reason, message) = usage.verdict();
    assert_eq!((status, reason), (Status::False, "NamespaceLeftOut"));
    assert!(message.ends_with("use another namespace: kube-system"), "{message}");
    assert_eq!((usage.of, usage.oldest), (version(&binding), None));
}
