//! The operator is killed at any time and restarted: at the end the broker, the objects and the Secrets agree.
//!
//! A [`Scenario`] is a user's action on one object. It runs once without a crash, which records all its [`Effect`]s
//! (writes to the API server, calls to the broker). Then it runs again for each effect, with the operator killed just
//! before the effect, and just after it, before the operator learns of it. Where the action creates or changes an
//! object, it runs once more, and the user deletes the object before the operator is restarted.
//!
//! Each scenario has its own namespace and broker, so one operator can run many: each stops at its own killpoint, and
//! then one `kill -9` interrupts all.

use futures::future::join_all;
use serde_json::json;

use crate::killpoint::Effect;
use crate::namespace::{PATIENCE, eventually};
use crate::scenario::{Bind, Create, Rotate, Scenario, Update};
use crate::scripted::{
    BINDING, INSTANCE, IsolatedEnv, TestEnv, When, assert_in_step, in_few_namespaces, isolated,
    isolated_with_killpoints,
};

/// How many scenarios stop at once. Each may hold one of the operator's 32 permits for writes.
pub const AT_ONCE: usize = 20;
/// The extra broker calls that a crash may cost: the operator repeats the calls whose outcome it did not learn. Between
/// the end of an asynchronous bind and the write of the Secret these are a poll and a fetch.
const EXTRA_CALLS: usize = 2;

/// A scenario, and the point at which it is interrupted.
struct Point<'a> {
    scenario: Scenario,
    effects: &'a [Effect],
    effect: &'a Effect,
    when: When,
    /// Whether the user deletes the object before the operator is restarted.
    is_deleted: bool,
}

impl Point<'_> {
    fn name(&self) -> String {
        let Self { scenario, effect: (what, before), when, is_deleted, .. } = self;
        let end = if *is_deleted { ", then deleted" } else { "" };
        format!("{scenario}, killed {when:?} {what} number {}{end}", before + 1)
    }

    /// Runs until the operator reaches the killpoint. An effect that a stale cache caused in the recording may not
    /// occur this time; then the scenario ends without an interruption.
    async fn arrive(&self, isolated: &IsolatedEnv) -> TestEnv {
        let env = self.scenario.prepare(isolated, Scenario::broker()).await;
        env.broker.killpoint.set(Some((self.effect.clone(), self.when)));
        self.scenario.begin(&env).await;
        let name = self.name();
        let reached = eventually(&name, PATIENCE, async || {
            let killpoint = &env.broker.killpoint;
            if killpoint.is_reached() {
                Ok(())
            } else {
                Err(format!("{}: {}", env.name, list(&killpoint.effects())))
            }
        });
        tokio::select! {
            () = reached => {}
            // The scenario has ended: its end must not be interrupted.
            () = self.scenario.settle(&env) => env.broker.killpoint.disarm(),
        }
        env
    }

    /// Deletes the object while the operator is down, if the point says so.
    async fn delete_while_down(&self, env: &TestEnv) {
        if self.is_deleted {
            let kind = if matches!(self.scenario.action, Bind | Rotate) { BINDING } else { INSTANCE };
            env.delete(kind, "db").await.unwrap();
        }
    }

    /// Runs to the end after the restart.
    async fn finish(&self, env: &TestEnv) {
        if !self.is_deleted {
            self.scenario.settle(env).await;
            let ids = env.broker.ids();
            let needed = self.scenario.ids();
            let is_as_needed = ids.iter().zip(needed).all(|(ids, needed)| ids.len() <= needed);
            assert!(is_as_needed, "{}: attempts: {ids:?}", self.name());
            let done = env.broker.killpoint.effects();
            let is_cheap = calls(&done) <= calls(self.effects) + EXTRA_CALLS;
            assert!(is_cheap, "{}: too many calls: {}", self.name(), list(&done));
        }
        self.scenario.end(env).await;
    }
}

/// The number of calls to the broker among the effects.
fn calls(effects: &[Effect]) -> usize {
    effects.iter().filter(|(what, _)| !what.contains(' ')).count()
}

fn list(effects: &[Effect]) -> String {
    effects.iter().map(|(what, _)| what.as_str()).collect::<Vec<_>>().join(", ")
}

/// Runs without a crash; returns the effects.
async fn run(scenario: Scenario, isolated: &IsolatedEnv) -> Vec<Effect> {
    let env = scenario.prepare(isolated, Scenario::broker()).await;
    env.broker.killpoint.set(None);
    scenario.begin(&env).await;
    scenario.settle(&env).await;
    let effects = env.broker.killpoint.effects();
    scenario.end(&env).await;
    effects
}

/// Seen to fail without the write of the intent before a creating call: the service of an object that is deleted while
/// the operator is down stays at the broker.
#[tokio::test]
async fn a_crash_before_or_after_any_effect_leaves_nothing_behind() {
    crash_at_every_effect(isolated_with_killpoints().await, |_| true, 200).await;
}

/// It has other permissions and watches, but decides alike. So it is killed once after each effect.
#[tokio::test]
async fn nor_does_one_of_an_operator_that_works_in_a_few_namespaces() {
    let once = |point: &Point<'_>| matches!(point.when, When::After) && !point.is_deleted;
    crash_at_every_effect(in_few_namespaces(&[], true).await, once, 90).await;
}

async fn crash_at_every_effect(
    mut isolated: IsolatedEnv,
    is_tried: impl Fn(&Point<'_>) -> bool,
    fewest: usize,
) {
    let scenarios = Scenario::all();
    let effects = join_all(scenarios.iter().map(|scenario| run(*scenario, &isolated))).await;
    let mut points = Vec::new();
    for (scenario, effects) in scenarios.into_iter().zip(&effects) {
        println!("{scenario}: {}", list(effects));
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
    points.retain(is_tried);
    let (mut crashes, mut finished) = (0, Vec::new());
    for batch in points.chunks(AT_ONCE) {
        let envs = join_all(batch.iter().map(|point| point.arrive(&isolated))).await;
        crashes += envs.iter().filter(|env| env.broker.killpoint.is_reached()).count();
        isolated.kill();
        join_all(batch.iter().zip(&envs).map(|(point, env)| point.delete_while_down(env))).await;
        isolated.start();
        let ends = batch.iter().zip(&envs).map(|(point, env)| point.finish(env));
        isolated.keep_running(join_all(ends)).await;
        finished.extend(envs);
    }
    join_all(finished.iter().map(|env| env.until_gone("Secret", "db"))).await;
    println!("{crashes} crashes at {} effects", points.len());
    assert!(
        crashes >= fewest && crashes * 2 > points.len(),
        "the scenarios have too few effects, or are not interrupted: {crashes} crashes"
    );
}

/// Kills and restarts the operator `times` times, each time after another broker call.
async fn crash_often(isolated: &mut IsolatedEnv, env: &TestEnv, times: usize) {
    for _ in 0..times {
        let calls = env.broker.all_calls();
        env.until_broker("another call", |broker| broker.all_calls() > calls).await;
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
