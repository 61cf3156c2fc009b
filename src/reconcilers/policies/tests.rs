use std::cell::RefCell;

use futures::FutureExt as _;
use futures::channel::mpsc::unbounded;
use tokio::time::advance;

use super::*;

const BINDING: &str = "mutatingadmissionpolicybinding/injection.servicecatalog.k8s.io";

fn all() -> Installed {
    let policy = Policy { version: Some(env!("CARGO_PKG_VERSION").to_owned()), created: 1 };
    expected().map(|name| (name, policy.clone())).collect()
}

#[test]
fn what_is_missing_or_of_another_version_is_told() {
    assert_eq!(problems(&all()), Problems::new());
    let mut installed = all();
    installed.remove(BINDING);
    let other = "validatingadmissionpolicy/own-secret.servicecatalog.k8s.io";
    let policy = |version: Option<&str>| Policy { version: version.map(str::to_owned), created: 1 };
    installed.insert(other.to_owned(), policy(Some("0.0.1")));
    // Some tools take labels away.
    installed.insert("mutatingadmissionpolicy/stamps.servicecatalog.k8s.io".to_owned(), policy(None));
    let found = [(BINDING, Problem::Missing), (other, Problem::OtherVersion)];
    assert_eq!(problems(&installed), found.map(|(name, problem)| (name.to_owned(), problem)).into());
    assert_eq!(problems(&Installed::new()).len(), 2 * (MUTATING.len() + VALIDATING.len()));
}

#[test]
fn bindings_are_told_only_of_policies_that_inject() {
    let policies = Policies::default();
    policies.state.send_replace(State::of(&Installed::new()));
    let missing = policies.injection().missing;
    assert_eq!(missing.len(), 4, "{missing:?}");
    assert!(missing.iter().all(|name| name.contains("/injection")), "{missing:?}");
}

/// Seen to fail without the grace period: `helm uninstall` writes to every binding, and pods are restarted before the API
/// server applies the policy.
#[tokio::test(start_paused = true)]
async fn a_change_counts_after_a_while() {
    let policies = Policies::default();
    let told: RefCell<Vec<usize>> = RefCell::default();
    let (sender, installed) = unbounded();
    let without = |names: &[&str]| {
        let mut installed = all();
        installed.retain(|name, _| !names.contains(&name.as_str()));
        sender.unbounded_send(installed).unwrap();
    };
    let mut applied = pin!(policies.apply(installed, |problems| told.borrow_mut().push(problems.len())));
    let mut pass = async |time: Duration| {
        assert!(applied.as_mut().now_or_never().is_none());
        advance(time).await;
        assert!(applied.as_mut().now_or_never().is_none());
        told.borrow().clone()
    };
    without(&[]);
    assert_eq!(policies.injection(), InjectionPolicies::default());
    assert_eq!(pass(GRACE).await, [0; 0], "no problem");
    assert_eq!(policies.injection().installed, Some(1));
    without(&[BINDING]);
    assert_eq!(pass(GRACE / 2).await, [0; 0]);
    without(&[]);
    assert_eq!(pass(GRACE).await, [0; 0], "it was gone for a moment");
    without(&[BINDING]);
    pass(GRACE / 2).await;
    let other = "mutatingadmissionpolicy/stamps.servicecatalog.k8s.io";
    without(&[BINDING, other]);
    assert_eq!(pass(GRACE / 2).await, [2], "another change does not delay it");
    without(&[]);
    assert_eq!(pass(GRACE / 2).await, [2]);
    assert_eq!(pass(GRACE / 2).await, [2, 0]);
    assert_eq!(policies.injection(), InjectionPolicies { missing: BTreeSet::new(), installed: Some(1) });
    let mut again = all();
    again.insert(BINDING.to_owned(), Policy { created: 2, ..Policy::default() });
    sender.unbounded_send(again).unwrap();
    assert_eq!(pass(GRACE).await.len(), 2, "no problem");
    assert_eq!(policies.injection().installed, Some(2), "which pods have missed");
}
