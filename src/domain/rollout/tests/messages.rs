//! What users read of the pods of a binding, and until when its pods are looked at.

use super::*;

#[test]
fn who_is_not_restarted_is_named() {
    let bare = Pod { controller: None, ..pod("bare", &[]) };
    for (what, pod, owner, reason, told) in [
        ("bare", bare, Owner::Workload(web()), "StalePods", "pod/bare"),
        ("job", pod("once-x", &[]), Owner::Other("job/once".to_owned()), "StalePods", "job/once"),
    ] {
        let mut world = World { pods: vec![pod], owners: [("rs".to_owned(), owner)].into(), ..world() };
        let (restarts, found, message) = world.outcome();
        assert_eq!((restarts, found), (None, reason), "{what}");
        assert!(message.ends_with(told), "{what}: {message}");
        world.owners.clear();
        assert_eq!(world.outcome().0, None, "{what}");
    }
    let mut world = world();
    let never = json!({"spec": {"injection": {"restart": "Never"}}});
    world.bindings = vec![binding("a", never)];
    // Nobody has to look at a workload that is left alone.
    world.workloads.clear();
    let (restarts, reason, message) = world.outcome();
    assert_eq!((restarts, reason), (None, "RestartsDisabled"));
    assert!(message.ends_with("kubectl rollout restart does it for: deployment/web"), "{message}");
}

#[test]
fn a_message_names_only_some() {
    let names = (0..9).map(|index| format!("pod/{index}")).collect();
    let usage = Usage { outdated: [(NotRolledOut::NoController, names)].into(), ..Usage::default() };
    assert!(usage.to_string().ends_with(": pod/0, pod/1, pod/2 and others"), "{usage}");
}

#[test]
fn what_pods_have_counts_also_if_they_go_or_are_selected_no_more() {
    let mut world = world();
    let leaving = Pod { leaving: true, ..pod("leaving", &[("a", 1)]) };
    let other = Pod { labels: BTreeMap::new(), ..pod("other", &[("a", 2)]) };
    world.pods = vec![pod("new", &[("a", 3)]), other, leaving];
    assert_eq!(world.plan_restarts().usages["a"].oldest, Some(1));
    world.pods.truncate(2);
    assert_eq!(world.plan_restarts().usages["a"].oldest, Some(2));
    world.pods.clear();
    assert_eq!(world.plan_restarts().usages["a"].oldest, None);
}

#[test]
fn pods_are_looked_at_until_all_have_what_they_should() {
    let said = |status: &str| json!({"status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "RolledOut", "status": status}]}});
    let with = |change: Value| {
        let mut settled = said("True");
        merge(&mut settled, change);
        settled
    };
    let none = json!({"spec": {"podSelector": null}});
    let mut none_any_more = with(none.clone());
    merge(&mut none_any_more, json!({"metadata": {"generation": 2}}));
    for (what, change, open) in [
        ("nothing is known yet", json!({}), true),
        ("all have it", said("True"), false),
        ("not all have it", said("False"), true),
        ("another spec", with(json!({"metadata": {"generation": 2}})), true),
        ("the former credentials", with(json!({"status": {"predecessor": {"bindingID": "x"}}})), true),
        ("it goes", with(json!({"metadata": {"deletionTimestamp": at(0)}})), true),
        ("there is nothing to have", json!({"status": {"revision": 0}}), false),
        ("nothing is selected", none, false),
        ("nothing is selected any more", none_any_more, true),
    ] {
        assert_eq!(is_open(&binding("a", change)), open, "{what}");
    }
}

/// The policy leaves them out: a restart would change nothing.
#[test]
fn what_goes_into_no_pod_is_not_rolled_out() {
    let binding = binding("a", json!({"metadata": {"namespace": "kube-system"}}));
    let usage = Usage::excluded(&binding);
    let (status, reason, message) = usage.verdict();
    assert_eq!((status, reason), (Status::False, "NamespaceLeftOut"));
    assert!(message.ends_with("of the operator: kube-system"), "{message}");
    assert_eq!((usage.of, usage.oldest), (version(&binding), None));
}
