//! Each step that would call the broker, while calls to it are suspended.

use super::super::{Observed, Step, decide, settle};
use super::{World, binding, bound, observed, requested, world};
use crate::crd::ServiceBinding;
use crate::crd::condition::{self, find};
use crate::domain::fixtures::{at, error, held};
use crate::domain::{Outcome, reason};

const LONG: i64 = 60;

fn during_outage<'a>(binding: &'a ServiceBinding, world: &'a World) -> Observed<'a> {
    Observed { outage: Some(held(0, LONG)), ..observed(binding, world) }
}

fn deleting(mut binding: ServiceBinding) -> ServiceBinding {
    binding.metadata.deletion_timestamp = Some(at(0));
    binding
}

fn with_orphan(world: &World) -> ServiceBinding {
    let (mut binding, call) = requested(world);
    let mut status = settle(&observed(&binding, world), &call, Outcome::Failed(error(500))).status;
    status.operation = None;
    binding.status = Some(status);
    if let Step::Write(adopted) = decide(&observed(&binding, world)) {
        binding.status = Some(*adopted);
    }
    binding
}

/// Seen to fail: see `instance`.
#[test]
fn a_step_that_calls_the_broker_waits_and_reports_that_once() {
    let world = world();
    let retrievable = World { retrievable: true, ..self::world() };
    for (what, mut binding, world, type_) in [
        ("a new binding", binding(), &world, condition::READY),
        ("an intent", requested(&world).0, &world, condition::READY),
        ("a deletion", deleting(bound(&world)), &world, condition::READY),
        ("an orphan", with_orphan(&world), &world, condition::ORPHAN_MITIGATION),
        ("a missing Secret", bound(&world), &world, condition::READY),
        ("a missing Secret, to be fetched", bound(&retrievable), &retrievable, condition::READY),
    ] {
        let before = binding.status.clone().unwrap_or_default();
        let Step::Write(written) = decide(&during_outage(&binding, world)) else {
            panic!("{what}: not reported")
        };
        assert_eq!(find(&written.conditions, type_).unwrap().reason, reason::WAITING_FOR_BROKER, "{what}");
        assert_eq!(written.current_operation, before.current_operation, "{what}: no intent is written");
        binding.status = Some(*written);
        assert_eq!(decide(&during_outage(&binding, world)), Step::AwaitBroker, "{what}");
        assert!(matches!(decide(&observed(&binding, world)), Step::Write(_) | Step::Call(_)), "{what}");
    }
}

#[test]
fn a_binding_that_needs_no_call_is_not_touched() {
    let world = World { secret: Some("digest".to_owned()), ..world() };
    assert_eq!(decide(&during_outage(&bound(&world), &world)), Step::Wait(None));
    assert_eq!(decide(&during_outage(&deleting(binding()), &world)), Step::RemoveFinalizer);
}

/// Seen to fail: a binding whose Secret a user restores while calls are suspended stays unready.
#[test]
fn a_binding_whose_secret_is_restored_meanwhile_is_ready_again() {
    let mut world = World { retrievable: true, ..world() };
    let mut binding = bound(&world);
    let Step::Write(written) = decide(&during_outage(&binding, &world)) else { panic!("not reported") };
    assert!(!condition::is_true(&written.conditions, condition::READY));
    binding.status = Some(*written);
    world.secret = Some("digest".to_owned());
    let Step::Write(written) = decide(&during_outage(&binding, &world)) else { panic!("not reported") };
    assert!(condition::is_true(&written.conditions, condition::READY));
    binding.status = Some(*written);
    assert_eq!(decide(&during_outage(&binding, &world)), Step::Wait(None));
}
