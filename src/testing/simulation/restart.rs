//! What does an operator that has just started do about what is settled?

use super::published;
use super::world::World;
use crate::reconcilers::clock;

/// I8: what is settled is left alone, also by an operator that remembers nothing. So whatever would be written has been
/// written before: nothing that an object depends on changes without a requeue.
pub async fn costs_nothing(world: &mut World) {
    if !world.broken.is_empty() {
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
        let cost = format!("I8: a restart when all is settled costs {writes} writes, {calls} calls");
        world.broken.push(cost);
    }
}
