//! Catalog fetches × faults, for both kinds of broker: while the broker is registered, relisted and removed; alone, and
//! together with a crash or a loss of leadership before, while and after the operator writes the outcome.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::api::Key;
use super::catalog::{self, MADE_BY_USERS};
use super::fault::{FAULTS, Fault, Seen};
use super::half::{HALVES, Half};
use super::matrix::{Death, Played};
use super::operation::until;
use super::operator::Waiting;
use super::request::Endpoint;
use super::world::{Broken, World};
use super::{invariants, platform, published, restart, run, users};

/// The operation that meets the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The platform creates the broker object.
    Register,
    /// The catalog has changed in every way, and the platform relists it.
    Relist,
    /// The platform deletes the broker object during a fetch.
    Unregister,
}

use Operation::{Register, Relist, Unregister};

/// The fault and what happens besides.
#[derive(Clone, Copy)]
enum Mishap {
    /// One fetch fails, and perhaps the operator.
    Once(&'static Fault, Death),
    /// Every fetch fails for an hour.
    Lasting(&'static Fault),
    /// The operator stops after `answered` of the writes that publish the catalog: it is killed, or suspended
    /// (`deposed`). The API server executes all or none of the `others`.
    Halfway { answered: usize, others: bool, deposed: bool },
}

/// One scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    half: Half,
    operation: Operation,
    mishap: Mishap,
}

/// More than the writes that publish a catalog of the simulation.
const WRITES: usize = 9;

/// The duration of a lasting fault, and the fetches that are allowed meanwhile.
const LASTING: (Duration, u64) = (Duration::from_hours(1), 30);
/// The shortest time between two fetches with `Retry-After`, even if that is zero.
const RETRY_MIN: Duration = Duration::from_secs(5);

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    for half in HALVES {
        for operation in [Register, Relist, Unregister] {
            let mut add = |mishap| all.push(Scenario { half, operation, mishap });
            for fault in FAULTS.iter().filter(|fault| fault.can_occur_at(Endpoint::Catalog)) {
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
            Mishap::Lasting(fault) => write!(f, "{} for an hour", fault.name),
            Mishap::Halfway { answered, others, deposed } => {
                let how = if deposed { "deposed" } else { "killed" };
                write!(f, "without a fault; {how} after {answered} writes, the others are executed: {others}")
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
            world.record("the users delete everything");
            world.come_to_rest().await;
            if world.broken.is_empty() {
                world.broken.extend(published::at_rest(&world.api, &world.broker));
                world.broken.extend(published::nothing_is_left(&world.api));
                world.broken.extend(invariants::nothing_is_left(&world.api));
            }
            world.end()
        })
    }
}

impl Scenario {
    /// The world just before the operation. One instance has a plan that is about to be withdrawn, another one a plan
    /// that is about to be renamed.
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

    /// Starts the operation, as the platform team.
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
        world.inject(0, fault);
        world.settle().await;
        if death != Death::Unwritten && death != Death::Deposed {
            while world.operator.is_some() && !self.wrote(world) {
                let is_retry = |waiting: &Waiting| matches!(waiting, Waiting::Broker(..));
                if world.waiting.iter().any(is_retry) || (!world.go_on() && !world.wait().await) {
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
            let is_fetch = |waiting: &Waiting| matches!(waiting, Waiting::Broker(..));
            if let Some(index) = world.waiting.iter().position(is_fetch) {
                world.inject(index, fault);
            } else if !world.go_on() && !world.wait().await {
                break;
            }
            world.settle().await;
        }
        self.compare(world, &before);
        let fetches = world.broker.door(self.half).fetches - fetches;
        let allowed = match &fault.seen {
            Seen::Answer(429 | 503, _, Some(_)) => {
                let pause = fault.seen.retry_after().unwrap_or_default() + RETRY_MIN;
                LASTING.1 + LASTING.0.as_secs() / pause.as_secs()
            }
            // Each time, in three versions of the API.
            Seen::Answer(412, ..) => 3 * LASTING.1,
            _ => LASTING.1,
        };
        if fetches > allowed {
            world
                .broken
                .push(format!("I8: {fetches} fetches of the catalog in an hour, more than {allowed}"));
        }
        let object = world.api.get(&self.half.broker());
        let reason = object.and_then(|object| invariants::condition(object, "Ready"));
        if reason.is_none_or(|ready| ready["status"] != "False" || ready["reason"] != "ErrorFetchingCatalog")
        {
            world.broken.push(format!("the broker fails, but its object does not say so: {object:?}"));
        }
    }

    /// A failed fetch changes nothing that was published.
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

    /// Whether the operator has just written the outcome of the fetch.
    fn wrote(self, world: &World) -> bool {
        let line = format!("{}/broker/status: 200", self.half.resource("brokers"));
        world.story.last().is_some_and(|last| last.contains(&line))
    }

    /// The invariants after the last fault: first with instances that use plans, then without.
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
                world.broken.push(format!("removed although an instance uses it: {key:?}"));
            }
        }
        restart::costs_nothing(world).await;
        users::clean_up(&mut world.api);
        world.record("the user deletes the instances");
        world.come_to_rest().await;
        if !world.broken.is_empty() {
            return;
        }
        world.broken.extend(published::at_rest(&world.api, &world.broker));
        let stays = self.operation != Unregister;
        if world.api.get(&broker).is_some() != stays {
            world.broken.push(format!("the broker object should exist: {stays}; it does not match"));
        }
        if world.api.get(&self.half.key("plans", MADE_BY_USERS)).is_none() {
            world.broken.push("a user's own plan was removed".to_owned());
        }
    }
}
