//! What comes of each fault of a fetched catalog? For both kinds of broker: while it is registered, relisted, and removed;
//! with the death of the operator before and after it has written what came of it, and in the middle of publishing.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::api::Key;
use super::catalog::{self, MADE_BY_USERS};
use super::fault::{FAULTS, Fault, Seen};
use super::half::{HALVES, Half};
use super::matrix::{Death, Played, until};
use super::operator::Waiting;
use super::request::Endpoint;
use super::world::{Broken, World};
use super::{invariants, platform, published, restart, run, users};

/// What is done when the fault comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The broker object is created.
    Register,
    /// The catalog has changed in every way, and is to be fetched.
    Relist,
    /// The broker object is deleted while its catalog is fetched.
    Unregister,
}

use Operation::{Register, Relist, Unregister};

/// What goes wrong.
#[derive(Clone, Copy)]
enum Mishap {
    /// A fetch fails, and perhaps the operator.
    Once(&'static Fault, Death),
    /// Every fetch fails for an hour.
    Lasting(&'static Fault),
    /// The operator dies when so many of the writes that publish the catalog are answered; of the others, the API server
    /// does all or none.
    Halfway { answered: usize, others: bool, deposed: bool },
}

/// One scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    half: Half,
    operation: Operation,
    mishap: Mishap,
}

/// More writes than a catalog of the simulation takes.
const WRITES: usize = 9;

/// How long a lasting fault lasts, and how often a catalog may be fetched meanwhile.
const LASTING: (Duration, u64) = (Duration::from_hours(1), 30);
/// The shortest time between two fetches if the broker says when it wants to be asked again, even if that is now.
const ASKED_AGAIN: Duration = Duration::from_secs(5);

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    for half in HALVES {
        for operation in [Register, Relist, Unregister] {
            let mut add = |mishap| all.push(Scenario { half, operation, mishap });
            for fault in FAULTS.iter().filter(|fault| fault.can_befall(Endpoint::Catalog)) {
                for death in [Death::No, Death::Unwritten, Death::Written, Death::Deposed] {
                    add(Mishap::Once(fault, death));
                }
                if operation != Unregister {
                    add(Mishap::Lasting(fault));
                }
            }
            for answered in 0..WRITES {
                for (others, deposed) in [(false, false), (true, false), (false, true), (true, true)] {
                    add(Mishap::Halfway { answered, others, deposed });
                }
            }
        }
    }
    all
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of the {}, catalog answered: ", self.operation, self.half.kind("Broker"))?;
        match self.mishap {
            Mishap::Once(fault, death) => write!(f, "{}; death: {death:?}", fault.name),
            Mishap::Lasting(fault) => write!(f, "{}, for an hour", fault.name),
            Mishap::Halfway { answered, others, deposed } => {
                let how = if deposed { "deposed" } else { "killed" };
                write!(f, "well; {how} after {answered} writes, the others are done: {others}")
            }
        }
    }
}

impl Played for Scenario {
    fn play(&self) -> (Vec<Broken>, Vec<String>) {
        run(async {
            let mut world = self.prepare().await;
            self.begin(&mut world);
            if until(&mut world, Endpoint::Catalog).await.is_some() {
                self.go_wrong(&mut world).await;
            } else {
                world.broken.push("the catalog is never fetched".to_owned());
            }
            world.come_to_rest().await;
            self.judge(&mut world).await;
            users::clean_up(&mut world.api);
            platform::clean_up(&mut world);
            world.tell("the users delete everything");
            world.come_to_rest().await;
            if world.broken.is_empty() {
                world.broken.extend(published::at_rest(&world.api, &world.broker));
                world.broken.extend(published::nothing_is_left(&world.api));
                world.broken.extend(invariants::nothing_is_left(&world.api));
            }
            (std::mem::take(&mut world.broken), std::mem::take(&mut world.story))
        })
    }
}

impl Scenario {
    /// The world at the moment before the operation. One instance has a plan that is about to be withdrawn, another one a
    /// plan that is about to be renamed.
    async fn prepare(self) -> World {
        if self.operation == Register {
            let mut world = World::without_brokers();
            for half in HALVES {
                catalog::make_entries(&mut world.api, half);
            }
            world.come_to_rest().await;
            return world;
        }
        let mut world = World::new();
        platform::give_secret(&mut world, self.half);
        for (name, plan) in [("one", "large"), ("two", "small")] {
            let plan = (self.half, "database", plan);
            users::create_instance_of(&mut world.api, name, plan, &json!({"size": 1}));
        }
        world.come_to_rest().await;
        world
    }

    /// Somebody makes it begin.
    fn begin(self, world: &mut World) {
        if self.operation == Register {
            return platform::register(world, self.half);
        }
        catalog::change_much(&mut world.broker.door_mut(self.half).catalog);
        platform::relist(world, self.half);
    }

    async fn go_wrong(self, world: &mut World) {
        if self.operation == Unregister {
            world.api.delete(&self.half.broker());
        }
        match self.mishap {
            Mishap::Once(fault, death) => self.fail(world, fault, death).await,
            Mishap::Lasting(fault) => self.fail_for_long(world, fault).await,
            Mishap::Halfway { answered, others, deposed } => {
                world.answer(0);
                world.settle().await;
                for _ in 0..answered {
                    if !world.waiting.is_empty() {
                        world.answer(0);
                        world.settle().await;
                    }
                }
                if deposed {
                    world.depose(|_| others);
                } else {
                    world.crash(|_| others);
                }
            }
        }
    }

    async fn fail(self, world: &mut World, fault: &Fault, death: Death) {
        let before = self.published(world);
        world.befall(0, fault);
        world.settle().await;
        if death != Death::Unwritten && death != Death::Deposed {
            while world.operator.is_some() && !self.wrote(world) {
                let asked_again = |waiting: &Waiting| matches!(waiting, Waiting::Broker(..));
                if world.waiting.iter().any(asked_again) || (!world.go_on() && !world.wait().await) {
                    break;
                }
                world.settle().await;
            }
        }
        self.compare(world, &before);
        match death {
            Death::No => {}
            Death::Deposed => world.depose(|_| false),
            Death::Unwritten | Death::Written => world.crash(|_| false),
        }
    }

    async fn fail_for_long(self, world: &mut World, fault: &Fault) {
        let (before, fetches) = (self.published(world), world.broker.door(self.half).fetches);
        let until = Instant::now() + LASTING.0;
        while Instant::now() < until && world.broken.is_empty() {
            let asked = |waiting: &Waiting| matches!(waiting, Waiting::Broker(..));
            if let Some(index) = world.waiting.iter().position(asked) {
                world.befall(index, fault);
            } else if !world.go_on() && !world.wait().await {
                break;
            }
            world.settle().await;
        }
        self.compare(world, &before);
        let fetches = world.broker.door(self.half).fetches - fetches;
        let allowed = match &fault.seen {
            Seen::Answer(429 | 503, _, Some(_)) => {
                let pause = fault.seen.asks_to_wait().unwrap_or_default() + ASKED_AGAIN;
                LASTING.1 + LASTING.0.as_secs() / pause.as_secs()
            }
            _ => LASTING.1,
        };
        if fetches > allowed {
            world.broken.push(format!("I8: the catalog is fetched {fetches} times in an hour"));
        }
        let object = world.api.get(&self.half.broker());
        let reason = object.and_then(|object| invariants::condition(object, "Ready"));
        if reason.is_none_or(|ready| ready["status"] != "False" || ready["reason"] != "ErrorFetchingCatalog")
        {
            world.broken.push(format!("the broker fails, but its object says otherwise: {object:?}"));
        }
    }

    /// Nothing that was published is lost by a fetch that fails.
    fn compare(self, world: &mut World, before: &[(Key, Value)]) {
        let now = self.published(world);
        if world.broken.is_empty() && now != *before {
            world.broken.push(format!("a failed fetch has changed {before:?} to {now:?}"));
        }
    }

    fn published(self, world: &World) -> Vec<(Key, Value)> {
        let resources = ["classes", "plans"].map(|kind| self.half.resource(kind));
        let all = world.api.all().filter(|(key, _)| resources.contains(&key.resource));
        all.map(|(key, object)| (key.clone(), object.clone())).collect()
    }

    /// Whether the operator has just written what came of the fetch.
    fn wrote(self, world: &World) -> bool {
        let line = format!("{}/broker/status: 200", self.half.resource("brokers"));
        world.story.last().is_some_and(|last| last.contains(&line))
    }

    /// What must be so when nothing goes wrong any more: at first with instances that use plans, then without.
    async fn judge(self, world: &mut World) {
        if !world.broken.is_empty() {
            return;
        }
        world.broken.extend(published::at_rest(&world.api, &world.broker));
        if self.operation == Register {
            return;
        }
        let broker = self.half.broker();
        for key in [&broker, &self.half.key("classes", "database"), &self.half.key("plans", "large")] {
            if world.api.get(key).is_none() {
                world.broken.push(format!("an instance uses it, and it is gone: {key:?}"));
            }
        }
        restart::costs_nothing(world).await;
        users::clean_up(&mut world.api);
        world.tell("the user deletes the instances");
        world.come_to_rest().await;
        if !world.broken.is_empty() {
            return;
        }
        world.broken.extend(published::at_rest(&world.api, &world.broker));
        let stays = self.operation != Unregister;
        if world.api.get(&broker).is_some() != stays {
            world.broken.push(format!("whether the broker stays: {stays}, but it is otherwise"));
        }
        if world.api.get(&self.half.key("plans", MADE_BY_USERS)).is_none() {
            world.broken.push("a user's plan is gone".to_owned());
        }
    }
}
