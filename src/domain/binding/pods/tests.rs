//! What the condition `RolledOut` says, and when an unbind waits for pods.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::tests::{World, bound, observed, world};
use super::super::{Step, decide, settle};
use super::*;
use crate::crd::ServiceBinding;
use crate::crd::binding::{BindingOperation, Predecessor};
use crate::crd::names::LABEL_INJECTS;
use crate::crd::operation::RemovalStatus;
use crate::domain::Outcome;
use crate::domain::fixtures::at;
use crate::domain::rollout::{NotRolledOut, Usage};
use crate::domain::validity::Validity;

/// A bound binding for the pods of `app: web`.
fn selecting(world: &World) -> ServiceBinding {
    let mut binding = bound(world);
    binding.spec.pod_selector = serde_json::from_value(json!({"matchLabels": {"app": "web"}})).unwrap();
    binding.metadata.labels.get_or_insert_default().insert(LABEL_INJECTS.to_owned(), "true".to_owned());
    binding
}

/// The deletion has to wait, so the operator has taken the label from the binding.
fn delete(binding: &mut ServiceBinding) {
    binding.metadata.deletion_timestamp = Some(at(0));
    binding.metadata.labels = None;
}

fn settled() -> World {
    World { secret: Some("digest".into()), ..world() }
}

fn usage(oldest: Option<i64>, outdated: &[NotRolledOut]) -> Usage {
    let name = |finding: &NotRolledOut| (*finding, ["deployment/web".to_owned()].into());
    Usage { oldest, of: (1, 1), outdated: outdated.iter().map(name).collect::<BTreeMap<_, _>>() }
}

/// Executes the next step if it is a write; returns status and reason of `RolledOut`.
fn rolled_out(binding: &mut ServiceBinding, world: &World, usage: Option<Usage>) -> Option<String> {
    match decide(&Observed { usage, ..observed(binding, world) }) {
        Step::Write(status) => binding.status = Some(*status),
        step => assert_eq!(step, Step::Wait(None)),
    }
    let conditions = &binding.status.as_ref().unwrap().conditions;
    let found = condition::find(conditions, condition::ROLLED_OUT)?;
    Some(format!("{} {}", found.status, found.reason))
}

#[test]
fn a_binding_reports_what_is_known_of_its_pods() {
    let world = settled();
    let mut binding = selecting(&world);
    let mut step = |usage| rolled_out(&mut binding, &world, usage).unwrap();
    assert_eq!(step(None), "Unknown LookingForPods");
    assert_eq!(
        step(Some(usage(None, &[NotRolledOut::Rolling, NotRolledOut::NoController]))),
        "False Rolling"
    );
    assert_eq!(step(None), "False Rolling", "a restart of the operator does not reset the condition");
    assert_eq!(step(Some(usage(Some(1), &[]))), "True RolledOut");
    assert_eq!(step(None), "True RolledOut");
}

#[test]
fn a_report_does_not_outlive_the_version_it_was_made_for() {
    let world = settled();
    let mut settled = selecting(&world);
    rolled_out(&mut settled, &world, Some(usage(Some(1), &[])));

    let mut edited = settled.clone();
    edited.metadata.generation = Some(2);
    assert_eq!(rolled_out(&mut edited, &world, None).unwrap(), "Unknown LookingForPods");

    // The usage was observed for the revision before.
    let mut changed = settled.clone();
    changed.spec.injection = serde_json::from_value(json!({"optional": true})).unwrap();
    assert_eq!(
        rolled_out(&mut changed, &world, Some(usage(Some(1), &[]))).unwrap(),
        "Unknown LookingForPods"
    );
}

#[test]
fn a_binding_without_pods_reports_nothing() {
    let world = settled();
    let mut binding = bound(&world);
    assert_eq!(rolled_out(&mut binding, &world, None), None);
    assert_eq!(rolled_out(&mut binding, &world, Some(usage(None, &[]))), None);

    let mut former = selecting(&world);
    rolled_out(&mut former, &world, Some(usage(Some(1), &[])));
    former.spec.pod_selector = None;
    assert_eq!(
        rolled_out(&mut former, &world, Some(usage(Some(1), &[NotRolledOut::Rolling]))).unwrap(),
        "False Rolling"
    );
    assert_eq!(rolled_out(&mut former, &world, Some(usage(None, &[]))), None);
}

/// Seen to fail without each of the conditions of `unbind_waits_until`.
#[test]
fn a_deletion_waits_for_pods_that_are_restarted_but_not_for_ever() {
    let all = usage(Some(1), &[NotRolledOut::Rolling]);
    let restart = |restart: &str| json!({"restart": restart});
    for (what, selects, injection, usage, second, waits) in [
        ("pods have the credentials", true, json!(null), Some(all.clone()), 0, true),
        ("the usage is not known", true, json!(null), None, 0, true),
        ("pods still have them", true, json!(null), Some(all.clone()), 299, true),
        ("pods have them for too long", true, json!(null), Some(all.clone()), 300, false),
        ("the usage is not known for too long", true, json!(null), None, 300, false),
        (
            "no workload replaces the pods",
            true,
            json!(null),
            Some(usage(Some(1), &[NotRolledOut::NoController])),
            0,
            false,
        ),
        ("the last pods terminate", true, json!(null), Some(usage(Some(1), &[])), 0, true),
        ("no pod has them", true, json!(null), Some(usage(None, &[])), 0, false),
        ("no pod is selected", false, json!(null), None, 0, false),
        ("no pod is restarted", true, restart("Never"), Some(all.clone()), 0, false),
        ("no pod is restarted for that", true, restart("OnRotation"), None, 0, false),
    ] {
        let world = World { now: at(second), ..settled() };
        let mut binding = if selects { selecting(&world) } else { bound(&world) };
        binding.spec.injection = serde_json::from_value(injection).unwrap();
        delete(&mut binding);
        let step = decide(&Observed { usage: usage.clone(), ..observed(&binding, &world) });
        let unbinds =
            |status: &ServiceBindingStatus| status.current_operation == Some(BindingOperation::Unbind);
        match (step, &usage) {
            (Step::Wait(until), None) => assert_eq!(until, Some(at(300)), "{what}"),
            (Step::Write(status), _) => {
                assert_eq!(unbinds(&status), !waits, "{what}");
                binding.status = Some(*status);
                let step = decide(&Observed { usage, ..observed(&binding, &world) });
                assert_eq!(step == Step::Wait(Some(at(300))), waits, "{what}: {step:?}");
            }
            (step, _) => panic!("{what}: {step:?}"),
        }
    }
}

/// In the same write: in between, a client would see new credentials that seem to be rolled out.
#[test]
fn new_credentials_make_the_rollout_unknown() {
    let world = World { retrievable: true, ..settled() };
    let mut binding = selecting(&world);
    rolled_out(&mut binding, &world, Some(usage(Some(1), &[])));
    let lost = World { secret: None, ..world };
    let Step::Call(call) = decide(&observed(&binding, &lost)) else { panic!("no repair") };
    for (digest, expected) in [("digest", "True"), ("another", "Unknown")] {
        let stored =
            Outcome::Stored { digest: digest.into(), keys: Vec::new(), validity: Validity::default() };
        let after = settle(&observed(&binding, &lost), &call, stored).status;
        assert_eq!(condition::find(&after.conditions, condition::ROLLED_OUT).unwrap().status, expected);
    }
}

#[test]
fn a_binding_that_the_broker_does_not_have_loses_its_finalizer_at_once() {
    let world = settled();
    let mut binding = selecting(&world);
    binding.metadata.deletion_timestamp = Some(at(0));
    let status = binding.status.as_mut().unwrap();
    status.external_properties = None;
    status.unbind_status = RemovalStatus::NotRequired;
    assert_eq!(decide(&observed(&binding, &world)), Step::RemoveFinalizer);
}

/// Seen to fail when only bindings that are not deleted lose the label: it costs each new pod for as long as the broker
/// refuses the unbind, or another controller's finalizer holds the binding.
#[test]
fn a_binding_whose_deletion_waits_is_no_longer_labelled() {
    let world = settled();
    let mut binding = selecting(&world);
    binding.metadata.deletion_timestamp = Some(at(0));
    assert_eq!(decide(&observed(&binding, &world)), Step::Label(LABEL_INJECTS, false));
    binding.metadata.finalizers = Some(vec!["example.com/held".to_owned()]);
    assert_eq!(decide(&observed(&binding, &world)), Step::Label(LABEL_INJECTS, false));
    binding.metadata.labels = None;
    assert_eq!(decide(&observed(&binding, &world)), Step::Wait(None));
}

/// Pods may have the credentials of the predecessor as well.
#[test]
fn nothing_is_removed_at_the_broker_before_the_pods_are_restarted() {
    let world = settled();
    let mut binding = selecting(&world);
    delete(&mut binding);
    let status = binding.status.as_mut().unwrap();
    status.predecessor = Some(Predecessor { binding_id: "former".to_owned(), ..Predecessor::default() });
    let waiting = observed(&binding, &world);
    assert_eq!(decide(&waiting), Step::Wait(Some(at(300))));
    let unused = Observed { usage: Some(usage(None, &[])), ..waiting };
    let Step::Write(status) = decide(&unused) else { panic!("the predecessor is not retired") };
    assert_eq!(status.predecessor, None);
}
