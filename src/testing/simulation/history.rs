//! A random history: users act, everything that can fail may fail, and at the end every invariant must hold.

use std::cell::Cell;
use std::time::Duration;

use super::choices::{Choices, shrink};
use super::fault::{FAULTS, Seen};
use super::former::Former;
use super::half::{HALVES, Half};
use super::operator::Waiting;
use super::watches::RESOURCES;
use super::world::{Broken, World};
use super::{invariants, platform, published, restart, run, users};

/// The end of a history.
pub struct End {
    /// The steps, in words.
    pub story: Vec<String>,
    /// The broken invariants.
    pub broken: Vec<Broken>,
    /// The choices that led there.
    pub choices: Vec<usize>,
}

/// Plays the history that follows from these choices.
pub fn play(choices: Choices) -> End {
    run(async move {
        let mut history = History::new(choices);
        history.play().await;
        let World { story, broken, .. } = &mut history.world;
        let (story, broken) = (std::mem::take(story), std::mem::take(broken));
        End { story, broken, choices: history.choices.into_made() }
    })
}

/// How many shorter histories are tried: some minutes.
const MAX_TRIES: usize = 5_000;

/// A short history that breaks the same invariant.
pub fn shortest(end: End) -> End {
    let kind =
        |broken: &[Broken]| broken.first().and_then(|broken| broken.split(':').next()).map(str::to_owned);
    let wanted = kind(&end.broken);
    let tries = Cell::new(0);
    let choices = shrink(end.choices, |made| {
        tries.set(tries.get() + 1);
        tries.get() <= MAX_TRIES && kind(&play(Choices::replay(made.to_vec())).broken) == wanted
    });
    play(Choices::replay(choices))
}

/// How long brokers may settle before they are judged: longer than every delay of the operator. Waiting for rest is not
/// possible, because an operator without credentials, or an object without its broker, retries forever.
const SETTLING_TIME: Duration = Duration::from_hours(3);

/// How the API server refuses a write: a quota or a policy, an object that is too large, an invalid one, too many
/// requests.
const REFUSALS: [(u16, &str); 4] =
    [(403, "Forbidden"), (413, "RequestEntityTooLarge"), (422, "Invalid"), (429, "TooManyRequests")];

/// By how many seconds the clock is set forward or back.
const JUMPS: [i64; 4] = [-86_400, -600, 600, 86_400];

struct History {
    world: World,
    choices: Choices,
    actions: usize,
    /// How many actions of the platform teams and broker operators are left.
    platform_actions: usize,
    /// How many of those actions have happened.
    done: usize,
    faults: usize,
    spent: usize,
}

/// A possible next step.
#[derive(Clone, Copy, Debug)]
enum Move {
    Answer(usize),
    Deliver(usize),
    Act,
    Govern,
    Wait,
    CatchUp,
    Inject(usize),
    Lose(usize, bool),
    Repeat(usize),
    Relist(usize),
    Refuse(usize),
    Crash,
    Depose,
    Jump,
    Resume,
}

impl History {
    fn new(mut choices: Choices) -> Self {
        let (actions, faults) = (1 + choices.below(8), choices.below(8));
        let platform_actions = choices.pick(&[4, 2, 1, 1]);
        let mut world = World::new();
        world.broker.forgets_credentials = choices.below(4) == 0;
        Self { world, choices, actions, platform_actions, done: 0, faults, spent: 0 }
    }

    async fn play(&mut self) {
        while (self.actions + self.platform_actions > 0 || self.faults > self.spent)
            && self.world.broken.is_empty()
        {
            self.world.settle().await;
            let moves = self.moves();
            let weights: Vec<u32> = moves.iter().map(|(_, weight)| *weight).collect();
            let (chosen, _) = moves[self.choices.pick(&weights)];
            if !self.make(chosen).await && self.actions + self.platform_actions == 0 {
                break;
            }
        }
        users::unpause(&mut self.world.api);
        if std::mem::take(&mut self.world.broker.forgets_credentials) {
            self.world.go_on_for(SETTLING_TIME).await;
            self.world.record("the broker is repaired: it returns credentials again");
        }
        if self.done > 0 {
            self.repair_brokers().await;
        }
        self.world.come_to_rest().await;
        self.judge(true);
        restart::costs_nothing(&mut self.world).await;
        users::clean_up(&mut self.world.api);
        self.world.record("the users delete everything");
        if self.done > 0 {
            self.world.go_on_for(SETTLING_TIME).await;
            // The deletion of a broker does not wait for bindings that outlive their instance (as those of a retained
            // instance do). Their own deletion continues when the broker is registered again.
            platform::register_missing(&mut self.world);
        }
        self.world.come_to_rest().await;
        self.judge(false);
        if self.done > 0 && self.world.broken.is_empty() {
            self.remove_brokers().await;
        }
    }

    /// Brokers without instances are removed at once.
    async fn remove_brokers(&mut self) {
        let world = &mut self.world;
        platform::clean_up(world);
        world.record("the platform removes its brokers");
        world.come_to_rest().await;
        if world.broken.is_empty() {
            world.broken.extend(published::at_rest(&world.api, &world.broker));
            world.broken.extend(published::nothing_is_left(&world.api));
        }
    }

    /// Judges brokers, classes and plans as they are. Then repairs all brokers, so that instances can be judged.
    async fn repair_brokers(&mut self) {
        let world = &mut self.world;
        world.go_on_for(SETTLING_TIME).await;
        let locked_out = HALVES.into_iter().any(|half| platform::is_locked_out(world, half));
        if world.broken.is_empty() && !locked_out {
            world.broken.extend(published::at_rest(&world.api, &world.broker));
        }
        if world.broken.is_empty() {
            world.record("all brokers are repaired");
            platform::repair(world);
        }
    }

    fn judge(&mut self, expected: bool) {
        let world = &mut self.world;
        if !world.broken.is_empty() {
            return;
        }
        let mut broken = invariants::at_rest(&world.api, &world.broker);
        broken.extend(published::at_rest(&world.api, &world.broker));
        if !expected {
            broken.extend(invariants::nothing_is_left(&world.api));
        }
        let budget = 40 + 25 * (self.spent + self.done);
        if world.broker.changes > budget {
            broken.push(format!("I8: {} changing calls, more than {budget}", world.broker.changes));
        }
        world.broken.extend(broken);
    }

    /// The possible next steps with their weights; the first one is the one without faults.
    fn moves(&self) -> Vec<(Move, u32)> {
        let world = &self.world;
        let mut moves = Vec::new();
        moves.extend((0..world.waiting.len()).map(|index| (Move::Answer(index), 8)));
        if let Some(operator) = &world.operator {
            let behind = (0..RESOURCES.len()).filter(|watch| operator.is_behind(*watch, &world.api));
            moves.extend(behind.map(|watch| (Move::Deliver(watch), 8)));
        }
        if self.actions > 0 {
            moves.push((Move::Act, 3));
        }
        if self.platform_actions > 0 {
            moves.push((Move::Govern, 3));
        }
        if !world.broker.late.is_empty() {
            moves.push((Move::CatchUp, 3));
        }
        if world.former.as_ref().is_some_and(Former::is_suspended) {
            moves.push((Move::Resume, 1));
        }
        moves.push((Move::Wait, if moves.is_empty() { 8 } else { 1 }));
        if self.spent < self.faults {
            for (index, waiting) in world.waiting.iter().enumerate() {
                moves.push(match waiting {
                    Waiting::Broker(..) => (Move::Inject(index), 4),
                    Waiting::Api(..) => (Move::Lose(index, true), 1),
                });
                if matches!(waiting, Waiting::Api(..)) {
                    moves.push((Move::Lose(index, false), 1));
                }
            }
            moves.extend(
                (0..RESOURCES.len()).flat_map(|watch| [(Move::Repeat(watch), 1), (Move::Relist(watch), 1)]),
            );
            moves.extend(
                (0..world.waiting.len())
                    .filter(|index| world.is_refusable(*index))
                    .map(|index| (Move::Refuse(index), 1)),
            );
            moves.push((Move::Jump, 1));
            moves.push((Move::Crash, 2));
            moves.push((Move::Depose, 2));
        }
        moves
    }

    async fn make(&mut self, chosen: Move) -> bool {
        let world = &mut self.world;
        match chosen {
            Move::Answer(index) => world.answer(index),
            Move::Act => {
                self.actions -= 1;
                let what = users::act(&mut world.api, &mut self.choices);
                world.record(what);
            }
            Move::Govern => {
                self.platform_actions -= 1;
                self.done += 1;
                let what = platform::act(world, &mut self.choices);
                world.record(what);
            }
            Move::Resume => world.resume(),
            Move::Wait => return world.wait().await,
            Move::CatchUp => {
                let what = world.broker.catch_up().unwrap_or_default();
                world.record(format!("broker: has done {what}"));
            }
            Move::Deliver(watch) => {
                if let Some(operator) = &mut world.operator {
                    operator.deliver(watch, &world.api);
                }
            }
            fault => self.go_wrong(fault),
        }
        true
    }

    fn go_wrong(&mut self, fault: Move) {
        self.spent += 1;
        let world = &mut self.world;
        match fault {
            Move::Inject(index) => {
                let Some(Waiting::Broker(request, _)) = world.waiting.get(index) else { return };
                let legal: Vec<_> =
                    FAULTS.iter().filter(|fault| fault.can_occur_at(request.endpoint)).collect();
                let fault = legal[self.choices.below(legal.len())];
                let half = Half::of_request(request);
                world.inject(index, fault);
                if matches!(fault.seen, Seen::Unreachable) {
                    // The whole address is unreachable for a while.
                    let seconds = [5, 60, 600][self.spent % 3];
                    let door = world.broker.door_mut(half);
                    door.become_unreachable(Duration::from_secs(seconds));
                    door.disturb(2);
                    world.record(format!("the broker is unreachable for {seconds} s"));
                }
            }
            Move::Lose(index, carried_out) => world.lose(index, carried_out),
            Move::Repeat(watch) | Move::Relist(watch) => {
                let Some(operator) = &mut world.operator else { return };
                if matches!(fault, Move::Relist(_)) {
                    operator.relist(watch, &world.api);
                    world.record(format!("the watch of {} is interrupted", RESOURCES[watch]));
                } else {
                    operator.repeat(watch, &world.api);
                    world.record(format!("the watch of {} repeats itself", RESOURCES[watch]));
                }
            }
            Move::Refuse(index) => world.refuse(index, REFUSALS[self.choices.below(REFUSALS.len())]),
            Move::Jump => world.set_clock(JUMPS[self.choices.below(JUMPS.len())]),
            Move::Crash => {
                let done = self.choices.below(2) == 1;
                world.crash(|_| done);
                world.start();
            }
            Move::Depose => {
                let done = self.choices.below(2) == 1;
                world.depose(|_| done);
            }
            _ => {}
        }
    }
}
