//! Operations × refusals: the API server refuses a write of an operation, once or for hours.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::matrix::Played;
use super::operation::{Operation, PLANS, ROTATABLE, Setup, delete_everything};
use super::operator::Waiting;
use super::world::{Broken, World};
use super::{denied, explained, invariants, run};

/// The operations: each kind of write occurs in one of them.
const OPERATIONS: [Operation; 9] = [
    Operation::Provision,
    Operation::Update,
    Operation::Deprovision,
    Operation::Mitigate,
    Operation::Bind,
    Operation::Repair,
    Operation::Rotate,
    Operation::Unbind,
    Operation::MitigateBinding,
];

/// A quota or a policy, a body that is too large, a rule of the schema, priority and fairness, a webhook that is away.
const REFUSALS: [(u16, &str); 5] = [
    (403, "Forbidden"),
    (413, "RequestEntityTooLarge"),
    (422, "Invalid"),
    (429, "TooManyRequests"),
    (500, "InternalError"),
];

/// More than the writes of an operation.
const WRITES: usize = 6;

/// The duration of a lasting refusal, and the most changing calls meanwhile: an attempt has one or two.
const LASTING: (Duration, usize) = (Duration::from_hours(1), 2 * 20);

/// One scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    setup: Setup,
    refusal: (u16, &'static str),
    /// How many writes of the operation come before the refused one.
    writes_before: usize,
    is_lasting: bool,
}

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    for operation in OPERATIONS {
        for plan in PLANS.into_iter().chain((operation == Operation::Rotate).then_some(ROTATABLE)) {
            let setup = Setup { operation, plan, gives_id: false };
            for refusal in REFUSALS {
                for writes_before in 0..WRITES {
                    let scenario = |is_lasting| Scenario { setup, refusal, writes_before, is_lasting };
                    all.extend([false, true].map(scenario));
                }
            }
        }
    }
    all
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setup, refusal: (code, reason), writes_before, is_lasting } = self;
        let how_long = if *is_lasting { "for an hour" } else { "once" };
        write!(f, "{setup}, the write after {writes_before} others is refused {how_long}: {code} {reason}")
    }
}

impl Played for Scenario {
    fn play(&self) -> (Vec<Broken>, Vec<String>) {
        run(async move {
            let mut world = World::new();
            self.setup.prepare(&mut world).await;
            self.setup.begin(&mut world);
            let refused = self.refuse_once(&mut world).await;
            if refused.is_none() && self.writes_before == 0 {
                world.broken.push("the operation writes nothing".to_owned());
            }
            if let Some(path) = refused.filter(|_| self.is_lasting) {
                self.refuse_for_long(&mut world, &path).await;
            }
            world.come_to_rest().await;
            if world.broken.is_empty() {
                world.broken.extend(invariants::at_rest(&world.api, &world.broker));
            }
            delete_everything(&mut world).await;
            world.end()
        })
    }
}

impl Scenario {
    /// Lets the operation proceed to the write, and refuses that. Returns its path; `None` if the operation has fewer
    /// writes.
    async fn refuse_once(self, world: &mut World) -> Option<String> {
        let mut writes = 0;
        loop {
            world.settle().await;
            if let Some(index) = (0..world.waiting.len()).find(|index| world.is_refusable(*index)) {
                if writes == self.writes_before {
                    let path = path_of(&world.waiting[index]).map(str::to_owned);
                    // What cannot be written cannot be told either. An error that may be transient is told after 15 s.
                    world.untold_until = Instant::now() + Duration::from_mins(1);
                    world.refuse(index, self.refusal);
                    return path;
                }
                writes += 1;
                world.answer(index);
            } else if !world.broken.is_empty() || (!world.go_on() && !world.wait().await) {
                return None;
            }
        }
    }

    /// Refuses writes to this path. The broker is not called for nothing, and the object says why it waits, unless its
    /// status is what is refused.
    async fn refuse_for_long(self, world: &mut World, path: &str) {
        let changes = world.broker.changes;
        let until = Instant::now() + LASTING.0;
        let is_told = !path.ends_with("/status");
        if !is_told {
            world.untold_until = until;
        }
        while Instant::now() < until && world.broken.is_empty() {
            let is_refused =
                |index: &usize| world.is_refusable(*index) && path_of(&world.waiting[*index]) == Some(path);
            if let Some(index) = (0..world.waiting.len()).find(is_refused) {
                world.refuse(index, self.refusal);
            } else if !world.go_on() && !world.wait().await {
                break;
            }
            world.settle().await;
        }
        let changes = world.broker.changes - changes;
        if changes > LASTING.1 {
            world.broken.push(format!("I8: {changes} changing calls in an hour"));
        }
        if is_told {
            world.broken.extend(denied::untold(&world.api));
            world.broken.extend(explained::of_waiting(&world.api));
        }
    }
}

fn path_of(waiting: &Waiting) -> Option<&str> {
    match waiting {
        Waiting::Api(request, _) => Some(&request.path),
        Waiting::Broker(..) => None,
    }
}
