//! A namespace that is deleted with everything in it, in any order, while brokers fail and the operator restarts. Its
//! Secrets go at once, also those with the credentials for its broker; new objects are refused.

use std::time::Duration;

use serde_json::json;

use super::api::Key;
use super::choices::Choices;
use super::half::{HALVES, Half};
use super::world::World;
use super::{NAMESPACE, platform, users};

/// The most actions of users before the namespace is deleted.
const MAX_ACTIONS: usize = 6;

/// I11: nothing keeps the namespace, and what is left at a broker is that of a broker which the operator cannot call any
/// more.
#[test]
fn a_namespace_that_is_deleted_always_goes() {
    super::play_seeds(300, play);
}

async fn play(mut choices: Choices) -> (Vec<String>, Vec<String>) {
    let mut world = World::new();
    platform::give_secret(&mut world, Half::Namespaced);
    world.settle().await;
    for _ in 0..=choices.below(MAX_ACTIONS) {
        let what = users::act(&mut world.api, &mut choices);
        world.record(what);
        work(&mut world, &mut choices).await;
    }
    delete_everything(&mut world, &mut choices).await;
    users::unpause(&mut world.api);
    world.come_to_rest().await;
    let mut broken = std::mem::take(&mut world.broken);
    broken.extend(of_namespace(&world).map(|key| format!("I11: it stays: {key:?}")));
    (broken, std::mem::take(&mut world.story))
}

/// The objects of the namespace, but for classes and plans: nothing but their broker keeps them.
fn of_namespace(world: &World) -> impl Iterator<Item = &Key> {
    let is_here = |key: &&Key| {
        key.namespace == NAMESPACE && !["serviceclasses", "serviceplans"].contains(&&*key.resource)
    };
    world.api.all().map(|(key, _)| key).filter(is_here)
}

/// What the namespace controller does: first the namespace, then all objects, in any order.
async fn delete_everything(world: &mut World, choices: &mut Choices) {
    let namespace =
        Key { resource: "namespaces".to_owned(), namespace: String::new(), name: NAMESPACE.to_owned() };
    let deleted = json!({"finalizers": ["kubernetes"], "deletionTimestamp": world.api.now});
    world.api.edit(&namespace, &json!({"metadata": deleted}));
    world.record("the namespace is deleted, with the Secrets in it");
    if choices.below(2) == 0 {
        let half = HALVES[choices.below(HALVES.len())];
        world.broker.door_mut(half).become_unreachable(Duration::from_mins(10));
        world.record("a broker is unreachable for 10 min");
    }
    if let Some(operator) = &mut world.operator {
        operator.list_namespaces(&world.api);
    }
    let mut keys: Vec<Key> = of_namespace(world).cloned().collect();
    while !keys.is_empty() {
        let key = keys.swap_remove(choices.below(keys.len()));
        world.api.delete(&key);
        world.record(format!("the namespace controller deletes {} {}", key.resource, key.name));
        if choices.below(6) == 0 {
            world.settle().await;
            let done = choices.below(2) == 1;
            world.crash(|_| done);
            world.start();
        }
        work(world, choices).await;
    }
}

/// Lets the operator and the brokers work for a while.
async fn work(world: &mut World, choices: &mut Choices) {
    for _ in 0..choices.below(12) {
        world.settle().await;
        if !world.go_on() {
            return;
        }
    }
}
