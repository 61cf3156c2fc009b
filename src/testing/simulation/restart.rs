//! What does a restart of the operator cost when all objects are settled?

use super::published;
use super::world::World;
use crate::reconcilers::clock;

/// I8: the operator leaves settled objects alone, also after a restart. A write after the restart would show that an
/// earlier change did not requeue the object that depends on it.
pub async fn costs_nothing(world: &mut World) {
    // After the clock was set, catalogs are fetched at other times.
    if !world.broken.is_empty() || clock::JUMPED.get() != 0 {
        return;
    }
    let (relists, before) = (published::next_relists(&world.api), (world.writes, world.broker.calls));
    world.crash(|_| false);
    world.start();
    world.come_to_rest().await;
    let (writes, calls) = (world.writes - before.0, world.broker.calls - before.1);
    let now = clock::now().0;
    let due = relists.into_iter().filter(|next| *next <= now).count();
    if world.broken.is_empty() && (writes > due || calls > due) {
        let cost = format!("I8: a restart on settled objects costs {writes} writes, {calls} calls");
        world.broken.push(cost);
    }
}
