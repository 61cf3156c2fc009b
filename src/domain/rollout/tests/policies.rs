//! What happens while the policies that inject credentials are missing, and after that.

use super::*;

const POLICY: &str = "mutatingadmissionpolicybinding/injection.servicecatalog.k8s.io";

fn missing() -> InjectionPolicies {
    InjectionPolicies { missing: [POLICY.to_owned()].into(), installed: None }
}

/// Seen to fail without the rule: `RolledOut` is `True`, and pods start without credentials.
#[test]
fn without_the_policies_nothing_is_rolled_out() {
    let complete = World { pods: vec![pod("one", &[("a", 3)])], ..world() };
    assert_eq!(complete.outcome().1, "RolledOut");
    for pods in [vec![], complete.pods, world().pods] {
        let world = World { pods, policies: missing(), ..world() };
        let (restarts, reason, message) = world.outcome();
        assert_eq!((restarts, reason), (None, "PolicyMissing"));
        assert!(
            message.ends_with(&format!("(helm upgrade). Pods are restarted after that: {POLICY}")),
            "{message}"
        );
        let usage = &world.plan_restarts().usages["a"];
        assert!(!usage.is_progressing(), "a deletion must not wait for it");
    }
    let other = json!({"spec": {"podSelector": null}});
    let world = World { bindings: vec![binding("a", other)], policies: missing(), ..world() };
    assert_eq!(world.outcome().1, "RolledOut", "it injects nothing");
}

/// A pod that loses one binding would lose the others, too.
#[test]
fn without_the_policies_pods_that_a_binding_selects_are_not_restarted() {
    let deleted = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["x"]}});
    let stamped = pod("one", &[("a", 3), ("b", 3)]);
    let mut world = World {
        bindings: vec![binding("a", deleted), binding("b", json!({}))],
        pods: vec![stamped],
        policies: missing(),
        ..world()
    };
    assert_eq!(world.outcome().0, None);
    assert_eq!(world.outcome().1, "PolicyMissing");
    world.bindings.truncate(1);
    assert_eq!(world.outcome().0, Some(revisions(&[("a", 0)])), "no other binding needs the policies");
}

/// Seen to fail without the second annotation: the pods count as restarted in vain.
#[test]
fn a_restart_that_came_before_the_policies_is_repeated_once() {
    let policies = InjectionPolicies { missing: BTreeSet::new(), installed: Some(1000) };
    let restarted =
        |created, restarts: &[(&str, i64)]| Pod { created, restarts: revisions(restarts), ..pod("one", &[]) };
    let template = |restarts: &[(&str, i64)]| -> BTreeMap<_, _> {
        [(web(), Template { restarts: revisions(restarts), ..Template::default() })].into()
    };
    let once: &[(&str, i64)] = &[("a", 3)];
    let twice: &[(&str, i64)] = &[("a", 3), ("policies", 1000)];
    for (what, created, of_pod, of_template, restarts, reason) in [
        ("older than the policies", 900, once, once, Some(revisions(twice)), "Rolling"),
        ("restarted again", 900, once, twice, None, "Rolling"),
        ("of the second restart", 1005, twice, twice, None, "StalePods"),
        ("newer than the policies", 2000, once, once, None, "StalePods"),
    ] {
        let world = World {
            pods: vec![restarted(created, of_pod)],
            workloads: template(of_template),
            policies: policies.clone(),
            ..world()
        };
        let outcome = world.outcome();
        assert_eq!((outcome.0, outcome.1), (restarts, reason), "{what}");
    }
}

#[test]
fn pods_are_compared_again_if_the_policies_are_newer_than_the_condition() {
    let rolled_out = |since: &str| {
        let rolled_out = json!({"type": "RolledOut", "status": "True", "lastTransitionTime": since});
        binding("a", json!({"status": {"conditions": [rolled_out]}}))
    };
    let policies = InjectionPolicies { missing: BTreeSet::new(), installed: Some(1000) };
    let newer = |policies: &InjectionPolicies, since: &str| policies.newer_than(&rolled_out(since));
    assert_eq!(newer(&policies, "1970-01-01T00:16:00Z"), Some(1000));
    assert_eq!(newer(&policies, "1970-01-01T00:20:00Z"), None);
    assert_eq!(newer(&InjectionPolicies::default(), "1970-01-01T00:16:00Z"), None, "they may not be read");
}
