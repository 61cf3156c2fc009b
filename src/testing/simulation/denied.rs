//! An admission policy, a quota or a webhook of the cluster refuses writes of the operator for hours.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::api::{Api, Request};
use super::choices::Choices;
use super::invariants::is;
use super::world::World;
use super::{NAMESPACE, explained, invariants, published, users};

/// The most actions of users before the refusal, and during it.
const MAX_ACTIONS: usize = 5;

/// How long the refusal lasts.
const LASTS: Duration = Duration::from_hours(2);

/// The longest delay of an attempt, with some time for the users' last actions.
const LONGEST_BACK_OFF: Duration = Duration::from_mins(15);

/// The most writes and changing calls in this time: two objects of each kind, each tried up to 12 times an hour.
const MAX_WRITES: usize = 4 * 2 * (12 * 2 + 20);
const MAX_CHANGES: usize = 2 * (12 * 2 + 20);

/// What is refused.
#[derive(Clone, Copy, Debug)]
pub enum Denial {
    /// Instances and bindings, but for their status.
    Objects,
    /// Their status.
    Statuses,
    /// Secrets.
    Secrets,
}

impl Denial {
    const ALL: [Self; 3] = [Self::Objects, Self::Statuses, Self::Secrets];

    /// Whether this request is refused.
    pub fn concerns(self, request: &Request) -> bool {
        let is_status = request.path.ends_with("/status");
        let is_object =
            ["/serviceinstances", "/servicebindings"].iter().any(|kind| request.path.contains(kind));
        let is_refused = match self {
            Self::Objects => is_object && !is_status,
            Self::Statuses => is_object && is_status,
            Self::Secrets => request.path.contains("/secrets"),
        };
        is_refused && !request.method.is_safe()
    }
}

/// I8, I13: what is refused is tried again with back-off, the broker is not called for nothing, and each object that waits
/// says why. All is well once the refusal ends. Seen to fail when the condition is withdrawn before the next attempt: its
/// write requeues the object at once, and a broker gets thousands of requests.
#[test]
fn a_lasting_refusal_costs_little_and_is_told() {
    super::play_seeds(100, play);
}

async fn play(mut choices: Choices) -> (Vec<String>, Vec<String>) {
    let mut world = World::new();
    act(&mut world, &mut choices).await;
    let denial = Denial::ALL[choices.below(Denial::ALL.len())];
    world.record(format!("a policy refuses the operator to write: {denial:?}"));
    world.denial = Some(denial);
    if matches!(denial, Denial::Statuses) {
        world.untold_until = Instant::now() + LASTS + LONGEST_BACK_OFF;
    }
    act(&mut world, &mut choices).await;
    users::unpause(&mut world.api);
    let before = (world.writes, world.broker.changes);
    world.go_on_for(LASTS).await;
    let (writes, changes) = (world.writes - before.0, world.broker.changes - before.1);
    if writes > MAX_WRITES || changes > MAX_CHANGES {
        world.broken.push(format!("I8: {writes} writes and {changes} changing calls"));
    }
    if Instant::now() >= world.untold_until {
        world.broken.extend(untold(&world.api));
        world.broken.extend(explained::of_waiting(&world.api));
    }
    world.denial = None;
    world.record("the policy is gone");
    world.come_to_rest().await;
    if world.broken.is_empty() {
        world.broken.extend(invariants::at_rest(&world.api, &world.broker));
        world.broken.extend(published::at_rest(&world.api, &world.broker));
    }
    world.end()
}

async fn act(world: &mut World, choices: &mut Choices) {
    for _ in 0..=choices.below(MAX_ACTIONS) {
        let what = users::act(&mut world.api, choices);
        world.record(what);
        for _ in 0..choices.below(30) {
            world.settle().await;
            if !world.go_on() {
                break;
            }
        }
    }
}

/// An object that is not as its spec wants it, without a condition that names the refusal.
pub fn untold(api: &Api) -> Option<String> {
    let objects = ["serviceinstances", "servicebindings"].into_iter().flat_map(|kind| api.list(kind));
    let objects = objects.filter(|(key, _)| key.namespace == NAMESPACE).map(|(_, object)| object);
    let waits = |object: &&Value| !is(object, "Ready") || !object["metadata"]["deletionTimestamp"].is_null();
    objects.filter(waits).find_map(|object| {
        let is_silent = object["status"]["conditions"].as_array().is_none_or(Vec::is_empty);
        is_silent.then(|| format!("I13: it says nothing: {object}"))
    })
}
