//! Tables of single steps, and whole lives against a broker that fails, answers late, and forgets to answer,
//! with an operator that dies at any moment.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::crd::names::{ANNOTATION_DELETION_POLICY, ANNOTATION_PAUSED, FINALIZER};
use crate::domain::fixtures::{at, error, polled};
use crate::domain::{Outcome, Settled};
use crate::osb::{Error, State};

pub(super) fn instance() -> ServiceInstance {
    let bare = ServiceInstance::new("db", crate::crd::ServiceInstanceSpec::default());
    let labels = target().references_to_write(&bare).unwrap().labels;
    serde_json::from_value(json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance",
        "metadata": {"name": "db", "namespace": "ns", "uid": "8a5eeef7-a444-4048-b18d-5f76d01a6569", "generation": 1,
            "finalizers": [FINALIZER], "labels": labels},
        "spec": {"clusterServiceClassExternalName": "mysql", "clusterServicePlanExternalName": "small",
            "clusterServiceClassRef": {"name": "class"}, "clusterServicePlanRef": {"name": "plan"}},
    }))
    .unwrap()
}

fn target() -> Target {
    Target {
        broker: "broker".into(),
        class_object: "class".into(),
        service_id: "service-id".into(),
        plan_object: "plan".into(),
        plan_id: "plan-id".into(),
        plan_updatable: true,
        ..Target::default()
    }
}

pub(super) fn parameters(text: &str) -> Parameters {
    let inline = json!({"size": text}).as_object().cloned();
    crate::domain::parameters::merge([None, None], inline.as_ref(), &[]).unwrap()
}

pub(super) fn observed<'a>(instance: &'a ServiceInstance, now: &Time) -> Observed<'a> {
    Observed {
        instance,
        now: now.clone(),
        target: Ok(target()),
        parameters: Ok(parameters("1")),
        bindings: &[],
        next_poll: None,
        repeated: false,
        hold: None,
    }
}

/// The status with which an instance waits for the answer to a first provision.
pub(super) fn asked() -> ServiceInstance {
    let mut instance = instance();
    let Step::Write(status) = decide(&observed(&instance, &at(0))) else { panic!("no intent") };
    instance.status = Some(*status);
    instance
}

pub(super) fn call(instance: &ServiceInstance, now: &Time) -> Call {
    match decide(&observed(instance, now)) {
        Step::Call(call) => call,
        other => panic!("no call, but {other:#?}"),
    }
}

pub(super) fn after(instance: &ServiceInstance, outcome: Outcome) -> Settled<ServiceInstanceStatus> {
    let call = call(instance, &at(0));
    settle(&observed(instance, &at(0)), &call, outcome)
}

#[test]
fn the_intent_is_written_before_the_broker_is_asked() {
    let asked = asked();
    let status = asked.status.as_ref().unwrap();
    assert_eq!(status.current_operation, Some(InstanceOperation::Provision));
    assert_eq!(status.deprovision_status, "Required");
    let call = call(&asked, &at(0));
    assert_eq!((call.verb, call.instance_id), (Verb::Provision, status.instance_id.clone()));
}

#[test]
fn a_first_provision_ends_as_the_broker_answers() {
    let timeout = || Error::NoAnswer { reason: "timeout".into() };
    let unreachable = || Error::Unreachable { reason: "refused".into() };
    let malformed = |status| Error::Malformed { status, reason: "no JSON".into() };
    // Answer, orphans, terminal, whether the same attempt goes on.
    for (error, orphans, failed, goes_on) in [
        (error(400), 0, true, false),
        (error(422), 0, true, false),
        (error(401), 0, false, false),
        (error(404), 0, false, false),
        (error(408), 0, false, false),
        (error(429), 0, false, false),
        (unreachable(), 0, false, false),
        (malformed(200), 0, false, true),
        (malformed(201), 1, false, false),
        (malformed(202), 1, false, false),
        (error(204), 1, false, false),
        (error(500), 1, false, false),
        (error(503), 1, false, false),
        (timeout(), 1, false, false),
        (error(409), 0, false, true),
    ] {
        let what = error.to_string();
        let status = after(&asked(), Outcome::Failed(error)).status;
        assert_eq!(status.orphans.len(), orphans, "orphans after {what}");
        assert_eq!(condition::is_true(&status.conditions, condition::FAILED), failed, "failed after {what}");
        assert_eq!(status.current_operation.is_some(), goes_on, "operation after {what}");
        let ready = condition::find(&status.conditions, condition::READY).unwrap();
        assert_eq!(ready.status, "False", "ready after {what}");
    }
}

#[test]
fn an_abandoned_id_is_removed_and_not_used_again() {
    let mut instance = asked();
    let first = instance.status.as_ref().unwrap().instance_id.clone();
    instance.status = Some(after(&instance, Outcome::Failed(error(500))).status);
    let mitigation = call(&instance, &at(0));
    assert_eq!((&mitigation.verb, &mitigation.instance_id), (&Verb::Mitigate, &first));
    instance.status =
        Some(settle(&observed(&instance, &at(0)), &mitigation, Outcome::Failed(error(410))).status);
    let Step::Wait(Some(next)) = decide(&observed(&instance, &at(0))) else { panic!("no back-off") };
    let Step::Write(status) = decide(&observed(&instance, &next)) else { panic!("no new attempt") };
    assert_ne!(status.instance_id, first);
}

#[test]
fn an_id_of_the_user_is_used_for_every_attempt() {
    let mut instance = instance();
    instance.spec.external_id = "mine".into();
    instance.status =
        Some(ServiceInstanceStatus { abandoned_attempts: 3, ..ServiceInstanceStatus::default() });
    let Step::Write(status) = decide(&observed(&instance, &at(0))) else { panic!("no intent") };
    assert_eq!(status.instance_id, "mine");
}

pub(super) fn with_other_parameters<'a>(instance: &'a ServiceInstance, now: &Time) -> Observed<'a> {
    Observed { parameters: Ok(parameters("2")), ..observed(instance, now) }
}

fn with_other_plan<'a>(instance: &'a ServiceInstance, now: &Time) -> Observed<'a> {
    Observed { target: Ok(Target { plan_id: "big-id".into(), ..target() }), ..observed(instance, now) }
}

#[test]
fn a_failing_update_does_not_take_ready_away() {
    let mut instance = asked();
    instance.status = Some(after(&instance, Outcome::Done { dashboard_url: None }).status);
    instance.metadata.generation = Some(2);
    let now = at(0);
    let Step::Write(status) = decide(&with_other_parameters(&instance, &now)) else { panic!("no intent") };
    instance.status = Some(*status);
    let Step::Call(call) = decide(&with_other_parameters(&instance, &now)) else { panic!("no call") };
    assert_eq!(call.verb, Verb::Update { plan_id: None, parameters: true });
    for (error, refused) in [(error(400), true), (error(500), false), (error(429), false)] {
        let status = settle(&with_other_parameters(&instance, &now), &call, Outcome::Failed(error)).status;
        assert!(condition::is_true(&status.conditions, condition::READY));
        assert_eq!(condition::find(&status.conditions, condition::UPDATED).unwrap().status, "False");
        assert_eq!(!status.refused.is_empty(), refused);
        assert!(status.orphans.is_empty());
    }
}

#[test]
fn polls_carry_the_plan_before_the_update() {
    let mut instance = asked();
    instance.status = Some(after(&instance, Outcome::Done { dashboard_url: None }).status);
    let now = at(0);
    let Step::Write(status) = decide(&with_other_plan(&instance, &now)) else { panic!("no intent") };
    instance.status = Some(*status);
    let Step::Call(call) = decide(&with_other_plan(&instance, &now)) else { panic!("no call") };
    let begun = Outcome::InProgress { operation: Some("op".into()), dashboard_url: None };
    instance.status = Some(settle(&with_other_plan(&instance, &now), &call, begun).status);
    let Step::Call(poll) = decide(&with_other_plan(&instance, &now)) else { panic!("no poll") };
    assert_eq!((poll.verb, poll.plan_id.as_str()), (Verb::Poll(Some("op".into())), "plan-id"));
}

#[test]
fn annotations_are_obeyed() {
    let mut paused = asked();
    paused.metadata.annotations = Some([(ANNOTATION_PAUSED.to_owned(), "true".to_owned())].into());
    let Step::Write(status) = decide(&observed(&paused, &at(0))) else { panic!("not said") };
    assert!(condition::is_true(&status.conditions, condition::PAUSED));
    paused.status = Some(*status);
    assert_eq!(decide(&observed(&paused, &at(0))), Step::Wait(None));

    let mut retained = asked();
    retained.metadata.annotations =
        Some([(ANNOTATION_DELETION_POLICY.to_owned(), "Retain".to_owned())].into());
    retained.metadata.deletion_timestamp = Some(at(0));
    assert_eq!(decide(&observed(&retained, &at(0))), Step::Release);
}

#[test]
fn an_instance_of_service_catalog_is_taken_over_without_a_call() {
    let mut instance = instance();
    instance.spec.external_id = "c3b56b2e-9172-11e9-bfe5-0242ac110008".into();
    instance.spec.update_requests = 4;
    instance.status = serde_json::from_value(json!({
        "conditions": [{"type": "Ready", "status": "True", "reason": "ProvisionedSuccessfully", "message": "…"}],
        "deprovisionStatus": "Required", "provisionStatus": "Provisioned", "observedGeneration": 1, "reconciledGeneration": 1,
        "externalProperties": {"clusterServicePlanExternalID": "plan-id", "clusterServicePlanExternalName": "small",
            "parameterChecksum": parameters("1").checksum()},
    }))
    .unwrap();
    let mut writes = 0;
    loop {
        match decide(&observed(&instance, &at(0))) {
            Step::Write(status) => instance.status = Some(*status),
            Step::Wait(None) => break,
            other => panic!("{other:#?}"),
        }
        writes += 1;
        assert!(writes < 3);
    }
    let status = instance.status.unwrap();
    assert_eq!(status.instance_id, "c3b56b2e-9172-11e9-bfe5-0242ac110008");
    assert!(condition::is_true(&status.conditions, condition::READY));
}

/// What a broker, the network, or the operator's machine may do to one call.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    Asynchronous,
    Refused,
    Busy,
    ErrorBefore,
    ErrorAfter,
    LostAnswer,
    Unreachable,
    /// The operator dies after the call, before it writes what came of it.
    Crash,
    /// An asynchronous operation ends badly.
    PollFails,
}

/// A broker that keeps the truth, and what of it the operator was told.
#[derive(Default)]
struct Broker {
    instances: BTreeSet<String>,
    pending: Vec<(String, bool)>,
    calls: usize,
}

impl Broker {
    /// The outcome that the operator sees; nothing if it dies.
    fn serve(&mut self, call: &Call, fault: Fault) -> Option<Outcome> {
        self.calls += 1;
        let id = call.instance_id.clone();
        let creates = match call.verb {
            Verb::Provision => true,
            Verb::Deprovision | Verb::Mitigate => false,
            Verb::Update { .. } => return Some(Outcome::Done { dashboard_url: None }),
            Verb::Poll(_) | Verb::PollMitigation(_) => return Some(self.poll(&id, fault)),
        };
        match fault {
            Fault::Refused => return Some(Outcome::Failed(error(400))),
            Fault::Busy => return Some(Outcome::Failed(error(429))),
            Fault::ErrorBefore => return Some(Outcome::Failed(error(500))),
            Fault::Unreachable => {
                return Some(Outcome::Failed(Error::Unreachable { reason: "refused".into() }));
            }
            Fault::Asynchronous | Fault::PollFails => {
                self.pending.retain(|(pending, _)| *pending != id);
                self.pending.push((id, creates));
                return Some(Outcome::InProgress { operation: None, dashboard_url: None });
            }
            Fault::None | Fault::ErrorAfter | Fault::LostAnswer | Fault::Crash => {}
        }
        let existed = self.apply(&id, creates);
        match fault {
            Fault::ErrorAfter => Some(Outcome::Failed(error(500))),
            Fault::LostAnswer => Some(Outcome::Failed(Error::NoAnswer { reason: "reset".into() })),
            Fault::Crash => None,
            _ if !creates && !existed => Some(Outcome::Failed(error(410))),
            _ => Some(Outcome::Done { dashboard_url: None }),
        }
    }

    fn apply(&mut self, id: &str, creates: bool) -> bool {
        self.pending.retain(|(pending, _)| pending != id);
        if creates { !self.instances.insert(id.to_owned()) } else { self.instances.remove(id) }
    }

    fn poll(&mut self, id: &str, fault: Fault) -> Outcome {
        let Some((_, creates)) = self.pending.iter().find(|(pending, _)| pending == id).cloned() else {
            let exists = self.instances.contains(id);
            return if exists { polled(State::Succeeded) } else { Outcome::Failed(error(410)) };
        };
        match fault {
            Fault::PollFails => {
                self.pending.retain(|(pending, _)| pending != id);
                polled(State::Failed)
            }
            Fault::Asynchronous => polled(State::InProgress),
            Fault::ErrorBefore | Fault::Busy => Outcome::Failed(error(503)),
            _ => {
                self.apply(id, creates);
                polled(State::Succeeded)
            }
        }
    }
}

/// Lets an instance live for some steps: each call meets the next fault, until there are none left. Returns whether
/// it was let go.
fn live(
    instance: &mut ServiceInstance,
    broker: &mut Broker,
    faults: &mut impl Iterator<Item = Fault>,
    clock: &mut i64,
    steps: usize,
) -> bool {
    let mut repeated = true;
    for _ in 0..steps {
        let now = at(*clock);
        match decide(&observed(instance, &now)) {
            Step::Resolve(_) => panic!("the references are there"),
            Step::Write(status) => {
                instance.status = Some(*status);
                repeated = false;
            }
            Step::Wait(None) | Step::Hold => return false,
            Step::Wait(Some(until)) => *clock = until.0.as_second() + 1,
            Step::Release => return true,
            Step::Call(call) => {
                let seen =
                    Observed { repeated: std::mem::replace(&mut repeated, true), ..observed(instance, &now) };
                let Some(outcome) = broker.serve(&call, faults.next().unwrap_or(Fault::None)) else {
                    continue;
                };
                let settled = settle(&seen, &call, outcome);
                if settled.release {
                    return true;
                }
                instance.status = Some(settled.status);
                *clock += 1;
            }
        }
    }
    assert!(steps < 1_000, "it does not come to rest: {:#?}", instance.status);
    false
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    use Fault::{
        Asynchronous, Busy, Crash, ErrorAfter, ErrorBefore, LostAnswer, None, PollFails, Refused, Unreachable,
    };
    let any = prop::sample::select(vec![
        None,
        Asynchronous,
        Refused,
        Busy,
        ErrorBefore,
        ErrorAfter,
        LostAnswer,
        Unreachable,
        Crash,
        PollFails,
    ]);
    prop::collection::vec(any, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// I1, I2, I7, I11. Breaks if `settle::mitigate` forgets an orphan, if an id is used again, or if a refusal is
    /// believed although an earlier attempt may have gone through.
    #[test]
    fn whatever_happens_the_broker_holds_what_the_object_says(creating in faults()) {
        let (mut instance, mut broker, mut clock) = (instance(), Broker::default(), 0);
        live(&mut instance, &mut broker, &mut creating.into_iter(), &mut clock, 1_000);
        let status = instance.status.unwrap();
        let expected: BTreeSet<String> = status.external_properties.iter().map(|_| status.instance_id.clone()).collect();
        prop_assert_eq!(broker.instances, expected);
        let failed = condition::is_true(&status.conditions, condition::FAILED);
        let ready = condition::is_true(&status.conditions, condition::READY);
        prop_assert!(ready != failed, "{:#?}", status.conditions);
    }

    /// I1, I4, I7, I8, I11: the deletion comes at any moment.
    #[test]
    fn nothing_is_left_when_the_object_is_gone(creating in faults(), deleting in faults(), interrupted in 0..30_usize) {
        let (mut instance, mut broker, mut clock) = (instance(), Broker::default(), 0);
        live(&mut instance, &mut broker, &mut creating.into_iter(), &mut clock, interrupted);
        instance.metadata.deletion_timestamp = Some(at(clock));
        let gone = live(&mut instance, &mut broker, &mut deleting.into_iter(), &mut clock, 1_000);
        prop_assert!(gone, "{:#?}", instance.status);
        prop_assert_eq!(broker.instances, BTreeSet::new());
        prop_assert!(broker.calls < 60, "{} calls", broker.calls);
    }

    /// A settled instance is left alone, whatever led to it.
    #[test]
    fn a_settled_instance_is_neither_written_nor_asked_for(creating in faults()) {
        let (mut instance, mut broker, mut clock) = (instance(), Broker::default(), 0);
        live(&mut instance, &mut broker, &mut creating.into_iter(), &mut clock, 1_000);
        let (status, calls) = (instance.status.clone(), broker.calls);
        clock += 1_000_000;
        live(&mut instance, &mut broker, &mut std::iter::empty(), &mut clock, 1_000);
        prop_assert_eq!((instance.status, broker.calls), (status, calls));
    }
}
