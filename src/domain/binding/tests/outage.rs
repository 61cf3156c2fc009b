//! Each step that asks the broker, while the broker is not called.

use super::super::{Observed, Step, decide, settle};
use super::{World, asked, binding, bound, observed, world};
use crate::crd::ServiceBinding;
use crate::crd::condition::{self, find};
use crate::domain::fixtures::{at, error, held};
use crate::domain::{Outcome, reason};

const LONG: i64 = 60;

fn while_held<'a>(binding: &'a ServiceBinding, world: &'a World) -> Observed<'a> {
    Observed { outage: Some(held(0, LONG)), ..observed(binding, world) }
}

fn deleting(mut binding: ServiceBinding) -> ServiceBinding {
    binding.metadata.deletion_timestamp = Some(at(0));
    binding
}

fn with_orphan(world: &World) -> ServiceBinding {
    let (mut binding, call) = asked(world);
    let mut status = settle(&observed(&binding, world), &call, Outcome::Failed(error(500))).status;
    status.operation = None;
    binding.status = Some(status);
    if let Step::Write(adopted) = decide(&observed(&binding, world)) {
        binding.status = Some(*adopted);
    }
    binding
}

/// Broken on purpose: see `instance`.
#[test]
fn what_asks_the_broker_waits_and_says_so_once() {
    let world = world();
    let retrievable = World { retrievable: true, ..self::world() };
    for (what, mut binding, world, type_) in [
        ("a new one", binding(), &world, condition::READY),
        ("an intent", asked(&world).0, &world, condition::READY),
        ("a deletion", deleting(bound(&world)), &world, condition::READY),
        ("an orphan", with_orphan(&world), &world, condition::ORPHAN_MITIGATION),
        ("a Secret that is gone", bound(&world), &world, condition::READY),
        ("a Secret that is gone, to be fetched", bound(&retrievable), &retrievable, condition::READY),
    ] {
        let before = binding.status.clone().unwrap_or_default();
        let Step::Write(written) = decide(&while_held(&binding, world)) else { panic!("{what}: not said") };
        assert_eq!(find(&written.conditions, type_).unwrap().reason, reason::WAITING_FOR_BROKER, "{what}");
        assert_eq!(written.current_operation, before.current_operation, "{what}: nothing has begun");
        binding.status = Some(*written);
        assert_eq!(decide(&while_held(&binding, world)), Step::AwaitBroker, "{what}");
        assert!(matches!(decide(&observed(&binding, world)), Step::Write(_) | Step::Call(_)), "{what}");
    }
}

#[test]
fn who_has_nothing_to_ask_is_not_touched() {
    let world = World { secret: Some("digest".to_owned()), ..world() };
    assert_eq!(decide(&while_held(&bound(&world), &world)), Step::Wait(None));
    assert_eq!(decide(&while_held(&deleting(binding()), &world)), Step::RemoveFinalizer);
}

/// Broken on purpose: without it, a Secret that somebody puts right while the broker is not called stays unready.
#[test]
fn a_secret_that_is_put_right_meanwhile_is_ready_again() {
    let mut world = World { retrievable: true, ..world() };
    let mut binding = bound(&world);
    let Step::Write(written) = decide(&while_held(&binding, &world)) else { panic!("not said") };
    assert!(!condition::is_true(&written.conditions, condition::READY));
    binding.status = Some(*written);
    world.secret = Some("digest".to_owned());
    let Step::Write(written) = decide(&while_held(&binding, &world)) else { panic!("not said") };
    assert!(condition::is_true(&written.conditions, condition::READY));
    binding.status = Some(*written);
    assert_eq!(decide(&while_held(&binding, &world)), Step::Wait(None));
}
