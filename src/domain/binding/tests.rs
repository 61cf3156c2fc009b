//! Tables of single steps. The simulation of the reconcilers (`src/testing/simulation`) tests whole lifecycles, with
//! faults at every step.

mod given_id;
mod outage;

use serde_json::json;

use super::*;
use crate::crd::binding::BindingOperation;
use crate::crd::names::{ANNOTATION_DELETION_POLICY, FINALIZER};
use crate::domain::fixtures::{at, error};
use crate::domain::schema::Purpose;
use crate::domain::validity::Validity;
use crate::domain::{Outcome, Settled};
use crate::osb::Error;

pub(super) fn binding() -> ServiceBinding {
    serde_json::from_value(json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceBinding",
        "metadata": {"name": "db", "namespace": "ns", "uid": "143a0633-6237-449d-bad1-dc582af58948", "generation": 1,
            "finalizers": [FINALIZER]},
        "spec": {"instanceRef": {"name": "db"}, "secretName": "db"},
    }))
    .unwrap()
}

fn instance() -> ServiceInstance {
    serde_json::from_value(json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance",
        "metadata": {"name": "db", "namespace": "ns"},
        "spec": {"clusterServiceClassExternalName": "mysql"},
        "status": {"instanceID": "instance-id", "conditions": [{"type": "Ready", "status": "True"}],
            "externalProperties": {"serviceID": "s", "brokerName": "broker", "clusterServicePlanExternalID": "p"}},
    }))
    .unwrap()
}

/// The inputs of `observed` besides the binding.
#[expect(clippy::struct_excessive_bools, reason = "each is an independent input of a test")]
pub(super) struct World {
    pub(super) instance: ServiceInstance,
    pub(super) retrievable: bool,
    pub(super) rotatable: bool,
    pub(super) bindable: bool,
    pub(super) secret: Option<String>,
    pub(super) now: Time,
    pub(super) may_be_retry: bool,
}

pub(super) fn world() -> World {
    World {
        instance: instance(),
        retrievable: false,
        rotatable: false,
        bindable: true,
        secret: None,
        now: at(0),
        may_be_retry: false,
    }
}

pub(super) fn observed<'a>(binding: &'a ServiceBinding, world: &'a World) -> Observed<'a> {
    Observed {
        binding,
        now: world.now.clone(),
        instance: Some(&world.instance),
        offering: Offering {
            not_bindable: (!world.bindable).then(|| "plan \"p\" of class \"c\"".to_owned()),
            retrievable: world.retrievable,
            rotatable: world.rotatable,
            maximum_polling_duration: None,
        },
        parameters: Ok(Parameters::default()),
        validated: true,
        secret: world.secret.clone(),
        next_poll: None,
        may_be_retry: world.may_be_retry,
        is_id_taken: false,
        usage: None,
        collisions: BTreeSet::new(),
        obstacle: None,
        outage: None,
    }
}

#[test]
fn the_deletion_of_an_instance_cascades_to_its_bindings_if_the_policy_says_so() {
    let (binding, _) = requested(&world());
    for (policy, deleting, cascades) in
        [("Cascade", true, true), ("Cascade", false, false), ("Retain", true, false)]
    {
        let mut world = world();
        let meta = &mut world.instance.metadata;
        meta.annotations = Some([(ANNOTATION_DELETION_POLICY.to_owned(), policy.to_owned())].into());
        meta.deletion_timestamp = deleting.then(|| at(0));
        assert_eq!(decide(&observed(&binding, &world)) == Step::Delete, cascades, "{policy} {deleting}");
    }
}

/// A binding whose bind intent is written, and the call that follows.
pub(super) fn requested(world: &World) -> (ServiceBinding, Call) {
    let mut binding = binding();
    let Step::Write(status) = decide(&observed(&binding, world)) else { panic!("no intent") };
    assert_eq!(status.current_operation, Some(BindingOperation::Bind));
    binding.status = Some(*status);
    let Step::Call(call) = decide(&observed(&binding, world)) else { panic!("no call") };
    assert_eq!(call.verb, Verb::Bind);
    (binding, call)
}

pub(super) fn bound(world: &World) -> ServiceBinding {
    let (mut binding, call) = requested(world);
    let stored = Outcome::Stored { digest: "digest".into(), keys: Vec::new(), validity: Validity::default() };
    binding.status = Some(settle(&observed(&binding, world), &call, stored).status);
    binding
}

#[test]
fn a_first_bind_ends_as_the_broker_answers() {
    let world = world();
    for (error, orphans, failed) in [
        (error(400), 0, true),
        (error(422), 0, true),
        (error(401), 0, false),
        (error(408), 0, false),
        (error(429), 0, false),
        (Error::Unreachable { reason: "refused".into() }, 0, false),
        (Error::Malformed { status: 200, reason: "no JSON".into() }, 0, false),
        (Error::Malformed { status: 201, reason: "no JSON".into() }, 1, false),
        (error(500), 1, false),
        (Error::NoAnswer { reason: "timeout".into() }, 1, false),
        (error(409), 1, false),
    ] {
        let (binding, call) = requested(&world);
        let what = error.to_string();
        let Settled { status, .. } = settle(&observed(&binding, &world), &call, Outcome::Failed(error));
        assert_eq!(status.orphans.len(), orphans, "{what}");
        assert_eq!(condition::is_true(&status.conditions, condition::FAILED), failed, "{what}");
        assert!(!condition::is_true(&status.conditions, condition::READY), "{what}");
    }
}

#[test]
fn the_broker_is_not_called_before_the_instance_is_ready() {
    let (binding, world) = (binding(), world());
    let missing = Observed { instance: None, ..observed(&binding, &world) };
    let Step::Write(status) = decide(&missing) else { panic!("not reported") };
    assert_eq!(status.last_condition_state, reason::REFERENCES_NONEXISTENT_INSTANCE);

    let unready = World { instance: ServiceInstance { status: None, ..instance() }, ..self::world() };
    let Step::Write(status) = decide(&observed(&binding, &unready)) else { panic!("not reported") };
    assert_eq!(status.last_condition_state, reason::ERROR_INSTANCE_NOT_READY);

    let unbindable = World { bindable: false, ..self::world() };
    let Step::Write(status) = decide(&observed(&binding, &unbindable)) else { panic!("not reported") };
    assert!(condition::is_true(&status.conditions, condition::FAILED));
}

#[test]
fn a_changed_secret_is_repaired_as_the_offering_allows() {
    for (retrievable, verb) in [(true, Verb::Fetch), (false, Verb::Bind)] {
        let mut world = World { retrievable, secret: Some("digest".into()), ..world() };
        let mut binding = bound(&world);
        assert_eq!(decide(&observed(&binding, &world)), Step::Wait(None));
        world.secret = Some("another".into());
        let first = decide(&observed(&binding, &world));
        let call = if let Step::Write(status) = first {
            binding.status = Some(*status);
            decide(&observed(&binding, &world))
        } else {
            first
        };
        let Step::Call(call) = call else { panic!("no call") };
        assert_eq!(call.verb, verb);
        assert_eq!(call.binding_id, bound(&world).status.unwrap().binding_id);
    }
}

/// Seen to fail: the binding was unbound, and bound to an instance that the user had not chosen.
#[test]
fn a_changed_secret_is_not_repaired_with_the_credentials_of_another_instance() {
    let mut world = world();
    let mut binding = bound(&world);
    let Step::Write(status) = decide(&observed(&binding, &world)) else { panic!("no repair") };
    binding.status = Some(*status);
    world.instance.status.as_mut().unwrap().instance_id = "another-id".into();
    let Step::Write(status) = decide(&observed(&binding, &world)) else { panic!("not reported") };
    assert_eq!(status.last_condition_state, reason::ERROR_INSTANCE_NOT_READY);
    assert_eq!(status.orphans, [], "what the broker has is left alone");
    binding.status = Some(*status);
    assert_eq!(decide(&observed(&binding, &world)), Step::Wait(None));
}

/// A user restored it, or another replica did and the write of this one's failure comes late.
#[test]
fn a_secret_that_was_restored_otherwise_needs_no_repair() {
    let mut world = World { retrievable: true, secret: None, ..world() };
    let mut binding = bound(&world);
    let Step::Call(call) = decide(&observed(&binding, &world)) else { panic!("no call") };
    let settled = settle(&observed(&binding, &world), &call, Outcome::Failed(error(504)));
    binding.status = Some(settled.status);
    world.secret = Some("digest".into());
    let Step::Write(status) = decide(&observed(&binding, &world)) else { panic!("nothing is reported") };
    assert_eq!(*status, bound(&world).status.unwrap());
    binding.status = Some(*status);
    assert_eq!(decide(&observed(&binding, &world)), Step::Wait(None));
}

#[test]
fn a_binding_of_service_catalog_is_taken_over_without_a_call_to_the_broker() {
    let world = World { secret: Some("digest".into()), ..world() };
    let mut binding = binding();
    binding.spec.external_id = "28d11555".into();
    binding.status = serde_json::from_value(json!({
        "conditions": [{"type": "Ready", "status": "True", "reason": "InjectedBindResult"}],
        "externalProperties": {}, "reconciledGeneration": 1, "unbindStatus": "Required",
    }))
    .unwrap();
    let Step::Write(status) = decide(&observed(&binding, &world)) else { panic!("not taken over") };
    binding.status = Some(*status);
    let Step::Call(call) = decide(&observed(&binding, &world)) else {
        panic!("the Secret is not taken over")
    };
    assert_eq!((call.verb.clone(), call.binding_id.as_str()), (Verb::Adopt, "28d11555"));
    let stored = Outcome::Stored { digest: "digest".into(), keys: Vec::new(), validity: Validity::default() };
    binding.status = Some(settle(&observed(&binding, &world), &call, stored).status);
    assert_eq!(decide(&observed(&binding, &world)), Step::Wait(None));
}

/// The same as for instances.
#[test]
fn an_attempt_is_not_forgotten_over_the_late_write_of_a_former_leader() {
    let world = world();
    let (binding, call) = requested(&world);
    let before = binding.status.clone().unwrap();
    let late = |outcome| settle(&observed(&binding, &world), &call, outcome).status;
    let busy = late(Outcome::Failed(error(429)));
    let done =
        late(Outcome::Stored { digest: "digest".into(), keys: Vec::new(), validity: Validity::default() });
    let orphaned = late(Outcome::Failed(error(500)));
    for (late, orphans) in [(busy, Some(1)), (done, None), (orphaned, None), (before.clone(), None)] {
        let binding = ServiceBinding { status: Some(late), ..binding.clone() };
        let after = merge_concurrent_status(&observed(&binding, &world), &before, &call);
        assert_eq!(after.map(|status| status.orphans.len()), orphans);
    }
}

/// Whether the next step validates the parameters.
pub(super) fn validates(observed: Observed<'_>) -> bool {
    decide(&Observed { validated: false, ..observed }) == Step::Validate(Purpose::Bind)
}

#[test]
fn parameters_are_checked_just_before_the_first_bind() {
    let world = world();
    assert!(validates(observed(&binding(), &world)));
    assert!(
        !validates(observed(&requested(&world).0, &world)),
        "the intent is written, so they were validated"
    );
    let bound = bound(&world);
    assert!(
        !validates(observed(&bound, &World { secret: Some("digest".into()), ..world })),
        "the broker has them"
    );
    let repair = tests::world();
    assert!(matches!(decide(&observed(&bound, &repair)), Step::Write(_)));
    assert!(
        !validates(observed(&bound, &repair)),
        "a repair sends parameters that the broker has accepted before"
    );
}

#[test]
fn a_deleted_instance_waits_for_bindings_that_the_broker_may_know_and_for_those_it_cascades_to() {
    let world = world();
    let mut refused = binding();
    refused.status = Some(settle_refusal(&world));
    for (what, binding, expected) in [
        ("new", binding(), false),
        ("refused", refused, false),
        ("requested", requested(&world).0, true),
        ("bound", bound(&world), true),
    ] {
        assert_eq!(blocks_deletion_of(&binding, &world.instance), expected, "{what}");
    }
    let mut deleted = world.instance;
    deleted.metadata.deletion_timestamp = Some(at(0));
    assert!(!blocks_deletion_of(&binding(), &deleted));
    deleted.metadata.annotations =
        Some([(ANNOTATION_DELETION_POLICY.to_owned(), "Cascade".to_owned())].into());
    assert!(blocks_deletion_of(&binding(), &deleted));
}

fn settle_refusal(world: &World) -> ServiceBindingStatus {
    let (binding, call) = requested(world);
    settle(&observed(&binding, world), &call, Outcome::Failed(error(400))).status
}
