//! Operations × faults: every fault of every call, alone and together with a crash or a loss of leadership before or
//! after the operator has written the outcome of the call.

use serde_json::Value;

use super::api::Key;
use super::fault::{FAULTS, Fault, Seen};
use super::operation::Operation::{
    self, Bind, Deprovision, Mitigate, MitigateBinding, Provision, Repair, Rotate, Unbind, Update,
};
use super::operation::{PLANS, ROTATABLE, Setup, delete_everything, until};
use super::request::Endpoint;
use super::world::{Broken, World};
use super::{invariants, run};

/// The calls of each operation: with a synchronous plan, and with an asynchronous one.
const CALLS: [(Operation, &[Endpoint], &[Endpoint]); 9] = [
    (Provision, &[Endpoint::Provision], &[Endpoint::Provision, Endpoint::PollInstance]),
    (Update, &[Endpoint::Update], &[Endpoint::Update, Endpoint::PollInstance]),
    (Deprovision, &[Endpoint::Deprovision], &[Endpoint::Deprovision, Endpoint::PollInstance]),
    (Mitigate, &[Endpoint::Deprovision], &[Endpoint::Deprovision, Endpoint::PollInstance]),
    (Bind, &[Endpoint::Bind], &[Endpoint::Bind, Endpoint::PollBinding, Endpoint::FetchBinding]),
    (Repair, &[Endpoint::Bind], &[Endpoint::FetchBinding]),
    (Rotate, &[Endpoint::Bind], &[Endpoint::Bind, Endpoint::PollBinding, Endpoint::FetchBinding]),
    (Unbind, &[Endpoint::Unbind], &[Endpoint::Unbind, Endpoint::PollBinding]),
    (MitigateBinding, &[Endpoint::Unbind], &[Endpoint::Unbind, Endpoint::PollBinding]),
];

/// What happens besides the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// Nothing.
    No,
    /// The operator is killed before it has written the outcome of the call.
    Unwritten,
    /// It is killed just after it has written the outcome.
    Written,
    /// It is suspended before it has written the outcome, and resumes after another replica has taken over and
    /// finished.
    Deposed,
}

/// Each death.
const DEATHS: [Death; 4] = [Death::No, Death::Unwritten, Death::Written, Death::Deposed];

/// One scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    setup: Setup,
    endpoint: Endpoint,
    fault: &'static Fault,
    death: Death,
}

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    for (operation, sync, slow) in CALLS {
        let besides = (operation == Rotate).then_some((ROTATABLE, sync));
        for (plan, endpoints) in PLANS.into_iter().zip([sync, slow]).chain(besides) {
            for &endpoint in endpoints {
                for fault in FAULTS.iter().filter(|fault| fault.can_occur_at(endpoint)) {
                    let scenario = |gives_id, death| {
                        let setup = Setup { operation, plan, gives_id };
                        Scenario { setup, endpoint, fault, death }
                    };
                    all.extend(DEATHS.map(|death| scenario(false, death)));
                    // A death after the outcome is written adds nothing: the outcome says the same of a given id.
                    let creates = matches!(operation, Provision | Bind);
                    all.extend(DEATHS[..2].iter().filter(|_| creates).map(|death| scenario(true, *death)));
                }
            }
        }
    }
    all
}

impl std::fmt::Display for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { setup, endpoint, fault, death } = self;
        write!(f, "{setup}, {endpoint:?} answered: {}; death: {death:?}", fault.name)
    }
}

/// A scenario of a matrix; its `Display` names it.
pub trait Played: std::fmt::Display + Sync {
    /// Plays it; returns the broken invariants and the story.
    fn play(&self) -> (Vec<Broken>, Vec<String>);
}

impl Played for Scenario {
    fn play(&self) -> (Vec<Broken>, Vec<String>) {
        run(async move {
            let mut world = World::new();
            self.setup.prepare(&mut world).await;
            let before = world.broker.changes;
            let ready = ready_since(&world);
            self.setup.begin(&mut world);
            if until(&mut world, self.endpoint).await.is_some() {
                self.go_wrong(&mut world).await;
            } else {
                world.broken.push("the call is never made".to_owned());
            }
            world.come_to_rest().await;
            if world.broken.is_empty() {
                let changes = world.broker.changes - before;
                world.broken.extend(self.judge(&world, changes));
                if self.setup.operation == Rotate && self.death == Death::No && ready_since(&world) != ready {
                    world.broken.push("the binding was not Ready all the time".to_owned());
                }
                world.broken.extend(invariants::at_rest(&world.api, &world.broker));
            }
            delete_everything(&mut world).await;
            world.end()
        })
    }
}

impl Scenario {
    async fn go_wrong(self, world: &mut World) {
        world.inject(0, self.fault);
        if self.death == Death::No {
            return;
        }
        world.settle().await;
        if self.death == Death::Written {
            while world.operator.is_some() && !wrote(world) {
                if !world.go_on() && !world.wait().await {
                    break;
                }
                world.settle().await;
            }
        }
        if self.death == Death::Deposed {
            world.depose(|_| false);
        } else {
            world.crash(|_| false);
        }
    }

    /// What the specification requires of this operation and this fault.
    fn judge(self, world: &World, changes: usize) -> Vec<Broken> {
        let mut broken = Vec::new();
        // I8: the call, one retry, and orphan mitigation with its own calls. A rotation also deletes the predecessor,
        // and may repair the Secret.
        let budget =
            if self.death == Death::No { 5 } else { 6 } + if self.setup.operation == Rotate { 2 } else { 0 };
        if changes > budget {
            broken.push(format!("I8: {changes} changing calls, more than {budget}"));
        }
        let removed = world.broker.removals > usize::from(self.setup.operation == Rotate);
        let creates = matches!(
            (self.setup.operation, self.endpoint),
            (Provision, Endpoint::Provision) | (Bind | Rotate, Endpoint::Bind)
        );
        if creates
            && self.death == Death::No
            && self.wants_mitigation().is_some_and(|wanted| wanted != removed)
        {
            let what = if removed { "removed" } else { "not removed" };
            broken.push(format!("a possible orphan was {what}"));
        }
        let refused = self.is_refused();
        let object = match self.setup.operation {
            Provision | Update | Mitigate => "serviceinstances",
            Bind | Repair | Rotate | MitigateBinding => "servicebindings",
            Deprovision | Unbind => return broken,
        };
        let object = world.api.get(&Key::new(object, "one"));
        let ready = object.is_some_and(|object| invariants::is(object, "Ready"));
        let updated = object.is_some_and(|object| invariants::condition(object, "Updated").is_none());
        if self.setup.operation == Rotate && !object.is_some_and(|object| invariants::is(object, "Rotated")) {
            broken.push(format!("the credentials were not rotated: {object:?}"));
        }
        if self.death == Death::No && refused == (ready && updated) {
            let how = if refused { "refused" } else { "not refused" };
            broken.push(format!(
                "the broker has {how}, but the object's conditions contradict that: {object:?}"
            ));
        }
        broken
    }

    /// The specification's table “Orphan Mitigation”, for creating calls. Valid answers are not among the faults. After
    /// a 409 the broker's next answer decides.
    fn wants_mitigation(self) -> Option<bool> {
        if self.setup.gives_id {
            return Some(false);
        }
        match self.fault.seen {
            Seen::Silence | Seen::Reset => Some(true),
            Seen::Cut(status, _) => Some(status != 200),
            Seen::Answer(409, ..) => None,
            Seen::Answer(status, ..) => Some(status != 200 && !(300..500).contains(&status)),
            Seen::Unreachable | Seen::Failed | Seen::State(_) => Some(false),
        }
    }

    /// Whether the broker refuses the operation for good.
    fn is_refused(self) -> bool {
        let (status, body) = match &self.fault.seen {
            Seen::Answer(status, body, _) => (*status, body.as_str()),
            Seen::Failed => {
                return matches!(self.setup.operation, Provision | Bind)
                    && self.endpoint != Endpoint::FetchBinding;
            }
            _ => return false,
        };
        let passing = body.contains("ConcurrencyError") || body.contains("MaintenanceInfoConflict");
        let said = match self.setup.operation {
            // The refusal may mean that the object exists no more; the operator then creates another one.
            Repair | Rotate | Mitigate | MitigateBinding | Deprovision | Unbind => false,
            Update if status == 500 => return self.endpoint.is_mutating() && body.contains("false"),
            Provision | Bind | Update => self.endpoint.is_mutating(),
        };
        let repeatable = self.setup.operation == Update && body.contains("\"update_repeatable\":true");
        // A conflict at the first attempt with a given id: it belongs to something else.
        let is_foreign = self.setup.gives_id && status == 409;
        said && (matches!(status, 400 | 422) || is_foreign) && !passing && !repeatable
    }
}

/// The last transition of the binding's `Ready` condition.
fn ready_since(world: &World) -> Option<Value> {
    let binding = world.api.get(&Key::new("servicebindings", "one"))?;
    invariants::condition(binding, "Ready").map(|ready| ready["lastTransitionTime"].clone())
}

/// Whether the last step was a successful status write.
fn wrote(world: &World) -> bool {
    let its = |line: &String| {
        line.contains("/status: 200") && line.contains(" ns/service") && !line.contains("broker")
    };
    world.story.last().is_some_and(its)
}
