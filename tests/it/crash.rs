//! The operator dies, at any time, and starts again: in the end the broker, the objects and the Secrets agree.
//!
//! A [`Life`] is what a user does with one object. It is lived once without a crash, and all [`Effect`]s on the way (writes
//! at the API server, calls to the broker) are written down. Then it is lived anew for each of them, with the operator
//! killed just before the effect, and just after it, when the operator does not know yet. What was being made or changed
//! is, once more, deleted before there is an operator again.
//!
//! Each life has a namespace and a broker of its own, so that many can be lived by one operator: each comes to a stop in
//! its own trap, and then one `kill -9` is the death of all.

use futures::future::join_all;
use serde_json::json;

use crate::life::{Bind, Create, Life, Rotate, Update};
use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{Alone, BINDING, INSTANCE, Stage, When, alone, alone_with_traps, assert_in_step};
use crate::trap::Effect;

/// How many lives come to a stop at once. A write that stops is one of 32 that the operator makes at a time.
const AT_ONCE: usize = 20;
/// How many calls a crash may cost: what the operator does not know of is done again. Between the end of an asynchronous
/// binding and its Secret these are a poll and a fetch.
const MORE: usize = 2;

/// A life, and where it is interrupted.
struct Point<'a> {
    life: Life,
    effects: &'a [Effect],
    effect: &'a Effect,
    when: When,
    /// Before the operator is there again, the user deletes what it was working on.
    is_deleted: bool,
}

impl Point<'_> {
    fn name(&self) -> String {
        let Self { life, effect: (what, before), when, is_deleted, .. } = self;
        let end = if *is_deleted { ", then deleted" } else { "" };
        format!("{life}, killed {when:?} {what} number {}{end}", before + 1)
    }

    /// Lives until the operator stands in the trap. When it is slow to see what it has written itself, it may do something
    /// twice; if it does not so this time, there may be nothing to interrupt.
    async fn arrive(&self, alone: &Alone) -> Stage {
        let stage = self.life.prepare(alone, Life::broker()).await;
        stage.broker.trap.set(Some((self.effect.clone(), self.when)));
        self.life.begin(&stage).await;
        let name = self.name();
        let sprung = eventually(&name, PATIENCE, async || {
            let trap = &stage.broker.trap;
            if trap.is_sprung() { Ok(()) } else { Err(format!("{}: {}", stage.name, told(&trap.effects()))) }
        });
        tokio::select! {
            () = sprung => {}
            // What comes after the life is not interrupted.
            () = self.life.settle(&stage) => stage.broker.trap.disarm(),
        }
        stage
    }

    /// What the user does while there is no operator.
    async fn interlude(&self, stage: &Stage) {
        if self.is_deleted {
            let kind = if matches!(self.life.deed, Bind | Rotate) { BINDING } else { INSTANCE };
            stage.delete(kind, "db").await.unwrap();
        }
    }

    /// Lives on to the end.
    async fn go_on(&self, stage: &Stage) {
        if !self.is_deleted {
            self.life.settle(stage).await;
            let asked = stage.broker.ids();
            let needed = self.life.ids();
            let is_as_needed = asked.iter().zip(needed).all(|(ids, needed)| ids.len() <= needed);
            assert!(is_as_needed, "{}: given up: {asked:?}", self.name());
            let done = stage.broker.trap.effects();
            let is_cheap = calls(&done) <= calls(self.effects) + MORE;
            assert!(is_cheap, "{}: too many calls: {}", self.name(), told(&done));
        }
        self.life.end(stage).await;
    }
}

/// How many of these are calls to the broker.
fn calls(effects: &[Effect]) -> usize {
    effects.iter().filter(|(what, _)| !what.contains(' ')).count()
}

fn told(effects: &[Effect]) -> String {
    effects.iter().map(|(what, _)| what.as_str()).collect::<Vec<_>>().join(", ")
}

/// Lives without a crash; what was done on the way.
async fn live(life: Life, alone: &Alone) -> Vec<Effect> {
    let stage = life.prepare(alone, Life::broker()).await;
    stage.broker.trap.set(None);
    life.begin(&stage).await;
    life.settle(&stage).await;
    let effects = stage.broker.trap.effects();
    life.end(&stage).await;
    effects
}

/// Seen to fail: without the write of the intent before a call that makes something, what is deleted while there is no
/// operator stays at the broker.
#[tokio::test]
async fn a_crash_before_or_after_any_effect_leaves_nothing_behind() {
    let mut alone = alone_with_traps().await;
    let lives = Life::all();
    let effects = join_all(lives.iter().map(|life| live(*life, &alone))).await;
    let mut points = Vec::new();
    for (life, effects) in lives.into_iter().zip(&effects) {
        println!("{life}: {}", told(effects));
        let ends =
            if matches!(life.deed, Create | Update | Bind | Rotate) { &[false, true][..] } else { &[false] };
        for effect in effects {
            for when in [When::Before, When::After] {
                let point =
                    |is_deleted: &bool| Point { life, effects, effect, when, is_deleted: *is_deleted };
                points.extend(ends.iter().map(point));
            }
        }
    }
    let (mut crashes, mut lived) = (0, Vec::new());
    for batch in points.chunks(AT_ONCE) {
        let stages = join_all(batch.iter().map(|point| point.arrive(&alone))).await;
        crashes += stages.iter().filter(|stage| stage.broker.trap.is_sprung()).count();
        alone.kill();
        join_all(batch.iter().zip(&stages).map(|(point, stage)| point.interlude(stage))).await;
        alone.start();
        let ends = batch.iter().zip(&stages).map(|(point, stage)| point.go_on(stage));
        alone.keep(join_all(ends)).await;
        lived.extend(stages);
    }
    join_all(lived.iter().map(|stage| stage.until_gone("Secret", "db"))).await;
    println!("{crashes} crashes at {} effects", points.len());
    assert!(crashes >= 200, "the lives have become short, or are not interrupted: {crashes} crashes");
}

/// Kills the operator and starts it again whenever the broker has been asked so often.
async fn crash_often(alone: &mut Alone, stage: &Stage, times: usize) {
    for _ in 0..times {
        let calls = stage.broker.all_calls();
        stage.until_broker("there is more to do", |broker| broker.all_calls() > calls).await;
        alone.kill();
        alone.start();
    }
}

#[tokio::test]
async fn crashes_while_there_is_much_to_do_leave_nothing_behind() {
    const COUNT: usize = 60;
    let mut alone = alone(&[]).await;
    let stage = alone.stage().await;
    let names: Vec<String> = (0..COUNT).map(|index| format!("db-{index}")).collect();
    for name in &names {
        let plan = if name.ends_with('7') { "slow" } else { "small" };
        stage.instance(name, json!({"servicePlanExternalName": plan})).await;
        stage.binding(name, json!({"instanceRef": {"name": name}})).await;
    }
    crash_often(&mut alone, &stage, 2).await;
    for name in &names {
        stage.until_ready(BINDING, name).await;
        stage.until_ready(INSTANCE, name).await;
    }
    assert_in_step(&stage).await;
    for name in &names {
        stage.delete(BINDING, name).await.unwrap();
        stage.delete(INSTANCE, name).await.unwrap();
    }
    crash_often(&mut alone, &stage, 2).await;
    for name in &names {
        stage.until_gone(INSTANCE, name).await;
    }
    assert!(stage.broker.instances().is_empty());
    for name in &names {
        stage.until_gone("Secret", name).await;
    }
}
