//! Tables of single steps, and whole lives against a broker that fails, answers late, and forgets to answer,
//! with an operator that dies at any moment.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::crd::names::FINALIZER;
use crate::domain::fixtures::{at, error, polled};
use crate::domain::{Outcome, Settled};
use crate::osb::{Error, State};

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

/// What `observed` needs besides the binding.
pub(super) struct World {
    pub(super) instance: ServiceInstance,
    pub(super) retrievable: bool,
    pub(super) bindable: bool,
    pub(super) secret: Option<String>,
    pub(super) now: Time,
    pub(super) repeated: bool,
}

pub(super) fn world() -> World {
    World {
        instance: instance(),
        retrievable: false,
        bindable: true,
        secret: None,
        now: at(0),
        repeated: false,
    }
}

pub(super) fn observed<'a>(binding: &'a ServiceBinding, world: &'a World) -> Observed<'a> {
    Observed {
        binding,
        now: world.now.clone(),
        instance: Some(&world.instance),
        offering: Offering {
            bindable: world.bindable,
            retrievable: world.retrievable,
            maximum_polling_duration: None,
        },
        parameters: Ok(Parameters::default()),
        secret: world.secret.clone(),
        next_poll: None,
        repeated: world.repeated,
        hold: None,
    }
}

pub(super) fn asked(world: &World) -> (ServiceBinding, Call) {
    let mut binding = binding();
    let Step::Write(status) = decide(&observed(&binding, world)) else { panic!("no intent") };
    assert_eq!(status.current_operation, Some(BindingOperation::Bind));
    binding.status = Some(*status);
    let Step::Call(call) = decide(&observed(&binding, world)) else { panic!("no call") };
    assert_eq!(call.verb, Verb::Bind);
    (binding, call)
}

pub(super) fn bound(world: &World) -> ServiceBinding {
    let (mut binding, call) = asked(world);
    let stored = Outcome::Stored { digest: "digest".into() };
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
        let (binding, call) = asked(&world);
        let what = error.to_string();
        let Settled { status, .. } = settle(&observed(&binding, &world), &call, Outcome::Failed(error));
        assert_eq!(status.orphans.len(), orphans, "{what}");
        assert_eq!(condition::is_true(&status.conditions, condition::FAILED), failed, "{what}");
        assert!(!condition::is_true(&status.conditions, condition::READY), "{what}");
    }
}

#[test]
fn nothing_is_asked_of_the_broker_before_the_instance_is_ready() {
    let (binding, world) = (binding(), world());
    let missing = Observed { instance: None, ..observed(&binding, &world) };
    let Step::Write(status) = decide(&missing) else { panic!("not said") };
    assert_eq!(status.last_condition_state, reason::REFERENCES_NONEXISTENT_INSTANCE);

    let unready = World { instance: ServiceInstance { status: None, ..instance() }, ..self::world() };
    let Step::Write(status) = decide(&observed(&binding, &unready)) else { panic!("not said") };
    assert_eq!(status.last_condition_state, reason::ERROR_INSTANCE_NOT_READY);

    let unbindable = World { bindable: false, ..self::world() };
    let Step::Write(status) = decide(&observed(&binding, &unbindable)) else { panic!("not said") };
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

/// Or the write that tells of a failure comes late, after another replica has repaired it.
#[test]
fn a_secret_that_somebody_else_has_put_right_needs_no_repair() {
    let mut world = World { retrievable: true, secret: None, ..world() };
    let mut binding = bound(&world);
    let Step::Call(call) = decide(&observed(&binding, &world)) else { panic!("no call") };
    let settled = settle(&observed(&binding, &world), &call, Outcome::Failed(error(504)));
    binding.status = Some(settled.status);
    world.secret = Some("digest".into());
    let Step::Write(status) = decide(&observed(&binding, &world)) else { panic!("nothing is said") };
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
    let stored = Outcome::Stored { digest: "digest".into() };
    binding.status = Some(settle(&observed(&binding, &world), &call, stored).status);
    assert_eq!(decide(&observed(&binding, &world)), Step::Wait(None));
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
    /// The operator dies after the call, before it writes the Secret.
    CrashBeforeSecret,
    /// The operator dies after the call and after it has written the Secret.
    CrashAfterSecret,
    /// The credentials cannot be written.
    Unusable,
}

/// A broker that keeps the truth: each binding's credentials, told once.
#[derive(Default)]
struct Broker {
    bindings: BTreeMap<String, usize>,
    pending: Vec<(String, bool)>,
    calls: usize,
}

impl Broker {
    /// The outcome that the operator sees; nothing if it dies.
    fn serve(&mut self, call: &Call, fault: Fault, secret: &mut Option<String>) -> Option<Outcome> {
        self.calls += 1;
        let id = call.binding_id.clone();
        let creates = match call.verb {
            Verb::Bind => true,
            Verb::Unbind | Verb::Mitigate => false,
            Verb::Fetch | Verb::Adopt => return Some(self.store(&id, secret)),
            Verb::Poll(_) | Verb::PollMitigation(_) => return Some(self.poll(&id, fault, secret)),
        };
        match fault {
            Fault::Refused => return Some(Outcome::Failed(error(400))),
            Fault::Busy => return Some(Outcome::Failed(error(429))),
            Fault::ErrorBefore => return Some(Outcome::Failed(error(500))),
            Fault::Asynchronous => {
                self.pending.push((id, creates));
                return Some(Outcome::InProgress { operation: None, dashboard_url: None });
            }
            _ => {}
        }
        let existed = self.apply(&id, creates);
        match fault {
            Fault::ErrorAfter => Some(Outcome::Failed(error(500))),
            Fault::LostAnswer => Some(Outcome::Failed(Error::NoAnswer { reason: "reset".into() })),
            Fault::CrashBeforeSecret => None,
            Fault::CrashAfterSecret => {
                if creates {
                    self.store(&id, secret);
                }
                None
            }
            Fault::Unusable if creates => Some(Outcome::Unusable("too large".into())),
            _ if creates => Some(self.store(&id, secret)),
            _ if !existed => Some(Outcome::Failed(error(410))),
            _ => Some(Outcome::Done { dashboard_url: None }),
        }
    }

    fn apply(&mut self, id: &str, creates: bool) -> bool {
        self.pending.retain(|(pending, _)| pending != id);
        if creates {
            let credentials = self.calls;
            let known = self.bindings.contains_key(id);
            self.bindings.entry(id.to_owned()).or_insert(credentials);
            known
        } else {
            self.bindings.remove(id).is_some()
        }
    }

    fn store(&self, id: &str, secret: &mut Option<String>) -> Outcome {
        let digest = format!("{}", self.bindings[id]);
        *secret = Some(digest.clone());
        Outcome::Stored { digest }
    }

    fn poll(&mut self, id: &str, fault: Fault, secret: &mut Option<String>) -> Outcome {
        let Some((_, creates)) = self.pending.iter().find(|(pending, _)| pending == id).cloned() else {
            return if self.bindings.contains_key(id) {
                self.store(id, secret)
            } else {
                Outcome::Failed(error(410))
            };
        };
        match fault {
            Fault::Refused => {
                self.pending.retain(|(pending, _)| pending != id);
                polled(State::Failed)
            }
            Fault::Asynchronous => polled(State::InProgress),
            Fault::ErrorBefore | Fault::Busy => Outcome::Failed(error(503)),
            _ => {
                self.apply(id, creates);
                if creates { self.store(id, secret) } else { polled(State::Succeeded) }
            }
        }
    }
}

/// Lets a binding live for some steps: each call meets the next fault, until there are none left. Returns whether it
/// was let go.
fn live(
    binding: &mut ServiceBinding,
    (broker, world): (&mut Broker, &mut World),
    mut faults: impl Iterator<Item = Fault>,
    steps: usize,
) -> bool {
    world.repeated = true;
    for _ in 0..steps {
        match decide(&observed(binding, world)) {
            Step::Write(status) => {
                binding.status = Some(*status);
                world.repeated = false;
            }
            Step::Wait(None) | Step::Hold => return false,
            Step::Wait(Some(until)) => world.now = at(until.0.as_second() + 1),
            Step::Release => return true,
            Step::Resolve(_) => panic!("a binding has no class of its own"),
            Step::Call(call) => {
                let outcome = broker.serve(&call, faults.next().unwrap_or(Fault::None), &mut world.secret);
                let settled = outcome.map(|outcome| settle(&observed(binding, world), &call, outcome));
                world.repeated = true;
                let Some(settled) = settled else { continue };
                if settled.release {
                    return true;
                }
                binding.status = Some(settled.status);
                world.now = at(world.now.0.as_second() + 1);
            }
        }
    }
    assert!(steps < 1_000, "it does not come to rest: {:#?}", binding.status);
    false
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    use Fault::{
        Asynchronous, Busy, CrashAfterSecret, CrashBeforeSecret, ErrorAfter, ErrorBefore, LostAnswer, None,
        Refused, Unusable,
    };
    let any = prop::sample::select(vec![
        None,
        Asynchronous,
        Refused,
        Busy,
        ErrorBefore,
        ErrorAfter,
        LostAnswer,
        CrashBeforeSecret,
        CrashAfterSecret,
        Unusable,
    ]);
    prop::collection::vec(any, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// I1, I2, I3, I7. Breaks if an orphan is forgotten, or if `Ready` is said before the Secret is written.
    #[test]
    fn whatever_happens_the_secret_holds_what_the_broker_gave(faults in faults(), retrievable: bool) {
        let (mut binding, mut broker) = (binding(), Broker::default());
        let mut world = World { retrievable, ..world() };
        live(&mut binding, (&mut broker, &mut world), faults.into_iter(), 1_000);
        let status = binding.status.unwrap();
        let ready = condition::is_true(&status.conditions, condition::READY);
        prop_assert!(ready != condition::is_true(&status.conditions, condition::FAILED), "{:#?}", status.conditions);
        if ready {
            let held = broker.bindings.get(&status.binding_id).map(ToString::to_string);
            prop_assert_eq!(&held, &world.secret);
            prop_assert_eq!(broker.bindings.len(), 1);
        } else {
            prop_assert_eq!(broker.bindings.len(), 0);
        }
    }

    /// I1, I4, I7, I8, I11: the deletion comes at any moment.
    #[test]
    fn nothing_is_left_when_the_object_is_gone(
        making in faults(), deleting in faults(), interrupted in 0..30_usize, retrievable: bool,
    ) {
        let (mut binding, mut broker) = (binding(), Broker::default());
        let mut world = World { retrievable, ..world() };
        live(&mut binding, (&mut broker, &mut world), making.into_iter(), interrupted);
        binding.metadata.deletion_timestamp = Some(world.now.clone());
        let gone = live(&mut binding, (&mut broker, &mut world), deleting.into_iter(), 1_000);
        prop_assert!(gone, "{:#?}", binding.status);
        prop_assert!(broker.bindings.is_empty());
        prop_assert!(broker.calls < 60, "{} calls", broker.calls);
    }
}
