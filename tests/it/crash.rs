//! The operator dies, at any time, and starts again: in the end the broker, the objects and the Secrets agree.
//!
//! A [`Scenario`] is what a user does with one object. It is lived once without a crash, and all [`Effect`]s on the way (writes
//! at the API server, calls to the broker) are written down. Then it is lived anew for each of them, with the operator
//! killed just before the effect, and just after it, when the operator does not know yet. What was being made or changed
//! is, once more, deleted before there is an operator again.
//!
//! Each scenario has a namespace and a broker of its own, so that many can be lived by one operator: each comes to a stop in
//! its own killpoint, and then one `kill -9` is the death of all.

use futures::future::join_all;
use serde_json::json;

use crate::killpoint::Effect;
use crate::namespace::{PATIENCE, eventually};
use crate::scenario::{Bind, Create, Rotate, Scenario, Update};
use crate::scripted::{
    BINDING, INSTANCE, IsolatedEnv, TestEnv, When, assert_in_step, isolated, isolated_with_killpoints,
};

/// How many scenarios come to a stop at once. A write that stops is one of 32 that the operator makes at a time.
const AT_ONCE: usize = 20;
/// How many calls a crash may cost: what the operator does not know of is done again. Between the end of an asynchronous
/// binding and its Secret these are a poll and a fetch.
const MORE: usize = 2;

/// A scenario, and where it is interrupted.
struct Point<'a> {
    scenario: Scenario,
    effects: &'a [Effect],
    effect: &'a Effect,
    when: When,
    /// Before the operator is there again, the user deletes what it was working on.
    is_deleted: bool,
}

impl Point<'_> {
    fn name(&self) -> String {
        let Self { scenario, effect: (what, before), when, is_deleted, .. } = self;
        let end = if *is_deleted { ", then deleted" } else { "" };
        format!("{scenario}, killed {when:?} {what} number {}{end}", before + 1)
    }

    /// Lives until the operator stands in the killpoint. When it is slow to see what it has written itself, it may do something
    /// twice; if it does not so this time, there may be nothing to interrupt.
    async fn arrive(&self, isolated: &IsolatedEnv) -> TestEnv {
        let env = self.scenario.prepare(isolated, Scenario::broker()).await;
        env.broker.killpoint.set(Some((self.effect.clone(), self.when)));
        self.scenario.begin(&env).await;
        let name = self.name();
        let sprung = eventually(&name, PATIENCE, async || {
            let killpoint = &env.broker.killpoint;
            if killpoint.is_sprung() {
                Ok(())
            } else {
                Err(format!("{}: {}", env.name, told(&killpoint.effects())))
            }
        });
        tokio::select! {
            () = sprung => {}
            // What comes after the scenario is not interrupted.
            () = self.scenario.settle(&env) => env.broker.killpoint.disarm(),
        }
        env
    }

    /// What the user does while there is no operator.
    async fn interlude(&self, env: &TestEnv) {
        if self.is_deleted {
            let kind = if matches!(self.scenario.action, Bind | Rotate) { BINDING } else { INSTANCE };
            env.delete(kind, "db").await.unwrap();
        }
    }

    /// Lives on to the end.
    async fn go_on(&self, env: &TestEnv) {
        if !self.is_deleted {
            self.scenario.settle(env).await;
            let asked = env.broker.ids();
            let needed = self.scenario.ids();
            let is_as_needed = asked.iter().zip(needed).all(|(ids, needed)| ids.len() <= needed);
            assert!(is_as_needed, "{}: given up: {asked:?}", self.name());
            let done = env.broker.killpoint.effects();
            let is_cheap = calls(&done) <= calls(self.effects) + MORE;
            assert!(is_cheap, "{}: too many calls: {}", self.name(), told(&done));
        }
        self.scenario.end(env).await;
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
async fn live(scenario: Scenario, isolated: &IsolatedEnv) -> Vec<Effect> {
    let env = scenario.prepare(isolated, Scenario::broker()).await;
    env.broker.killpoint.set(None);
    scenario.begin(&env).await;
    scenario.settle(&env).await;
    let effects = env.broker.killpoint.effects();
    scenario.end(&env).await;
    effects
}

/// Seen to fail: without the write of the intent before a call that makes something, what is deleted while there is no
/// operator stays at the broker.
#[tokio::test]
async fn a_crash_before_or_after_any_effect_leaves_nothing_behind() {
    let mut isolated = isolated_with_killpoints().await;
    let scenarios = Scenario::all();
    let effects = join_all(scenarios.iter().map(|scenario| live(*scenario, &isolated))).await;
    let mut points = Vec::new();
    for (scenario, effects) in scenarios.into_iter().zip(&effects) {
        println!("{scenario}: {}", told(effects));
        let ends = if matches!(scenario.action, Create | Update | Bind | Rotate) {
            &[false, true][..]
        } else {
            &[false]
        };
        for effect in effects {
            for when in [When::Before, When::After] {
                let point =
                    |is_deleted: &bool| Point { scenario, effects, effect, when, is_deleted: *is_deleted };
                points.extend(ends.iter().map(point));
            }
        }
    }
    let (mut crashes, mut lived) = (0, Vec::new());
    for batch in points.chunks(AT_ONCE) {
        let stages = join_all(batch.iter().map(|point| point.arrive(&isolated))).await;
        crashes += stages.iter().filter(|env| env.broker.killpoint.is_sprung()).count();
        isolated.kill();
        join_all(batch.iter().zip(&stages).map(|(point, env)| point.interlude(env))).await;
        isolated.start();
        let ends = batch.iter().zip(&stages).map(|(point, env)| point.go_on(env));
        isolated.keep(join_all(ends)).await;
        lived.extend(stages);
    }
    join_all(lived.iter().map(|env| env.until_gone("Secret", "db"))).await;
    println!("{crashes} crashes at {} effects", points.len());
    assert!(crashes >= 200, "the scenarios have become short, or are not interrupted: {crashes} crashes");
}

/// Kills the operator and starts it again whenever the broker has been asked so often.
async fn crash_often(isolated: &mut IsolatedEnv, env: &TestEnv, times: usize) {
    for _ in 0..times {
        let calls = env.broker.all_calls();
        env.until_broker("there is more to do", |broker| broker.all_calls() > calls).await;
        isolated.kill();
        isolated.start();
    }
}

#[tokio::test]
async fn crashes_while_there_is_much_to_do_leave_nothing_behind() {
    const COUNT: usize = 60;
    let mut isolated = isolated(&[]).await;
    let env = isolated.env().await;
    let names: Vec<String> = (0..COUNT).map(|index| format!("db-{index}")).collect();
    for name in &names {
        let plan = if name.ends_with('7') { "slow" } else { "small" };
        env.instance(name, json!({"servicePlanExternalName": plan})).await;
        env.binding(name, json!({"instanceRef": {"name": name}})).await;
    }
    crash_often(&mut isolated, &env, 2).await;
    for name in &names {
        env.until_ready(BINDING, name).await;
        env.until_ready(INSTANCE, name).await;
    }
    assert_in_step(&env).await;
    for name in &names {
        env.delete(BINDING, name).await.unwrap();
        env.delete(INSTANCE, name).await.unwrap();
    }
    crash_often(&mut isolated, &env, 2).await;
    for name in &names {
        env.until_gone(INSTANCE, name).await;
    }
    assert!(env.broker.instances().is_empty());
    for name in &names {
        env.until_gone("Secret", name).await;
    }
}
