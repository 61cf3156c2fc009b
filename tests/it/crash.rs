//! The operator dies, at any time, and starts again: in the end the broker, the objects and the Secrets agree.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::scripted::{Alone, BINDING, Endpoint, Gate, INSTANCE, Stage, When, alone};

/// Everything that the broker has belongs to an object, and everything is as the objects say.
async fn assert_in_step(stage: &Stage) {
    let mut instances = stage.broker.instances();
    for object in stage.list(INSTANCE).await {
        let id = object["status"]["instanceID"].as_str().unwrap();
        let instance = instances.get(id).unwrap_or_else(|| panic!("not at the broker: {object:#}"));
        assert_eq!(instance.parameters, object["spec"]["parameters"], "{object:#}");
    }
    for object in stage.list(BINDING).await {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let instance =
            instances.get_mut(&text(&object["status"]["externalProperties"]["instance"]["id"])).unwrap();
        let binding = instance.bindings.remove(&text(&object["status"]["bindingID"]));
        let binding = binding.unwrap_or_else(|| panic!("not at the broker: {object:#}"));
        let entries = stage.entries(&text(&object["metadata"]["name"])).await;
        assert_eq!(entries["password"], text(&binding.credentials["password"]));
    }
    assert_eq!(instances.len(), stage.list(INSTANCE).await.len(), "{instances:#?}");
    assert!(instances.values().all(|instance| instance.bindings.is_empty()), "{instances:#?}");
}

/// What is being done when the operator dies.
#[derive(Clone, Copy, Debug)]
struct Moment {
    asked: Endpoint,
    when: When,
    plan: (&'static str, &'static str),
}

const SYNC: (&str, &str) = ("database", "small");
const ASYNC: (&str, &str) = ("cache", "cache-slow");

impl Moment {
    fn all() -> Vec<Self> {
        let changes =
            [Endpoint::Provision, Endpoint::Update, Endpoint::Bind, Endpoint::Unbind, Endpoint::Deprovision];
        let polls = [Endpoint::PollInstance, Endpoint::PollBinding, Endpoint::FetchBinding];
        let mut all = Vec::new();
        for when in [When::Before, When::After] {
            all.extend(changes.map(|asked| Self { asked, when, plan: SYNC }));
            all.extend(changes.map(|asked| Self { asked, when, plan: ASYNC }));
            all.extend(polls.map(|asked| Self { asked, when, plan: ASYNC }));
        }
        all
    }

    /// Brings a broker and its objects to the moment.
    async fn arrive(self, stage: &Stage) -> Gate {
        let hold = || stage.broker.hold(self.when, self.asked);
        let spec = json!({
            "serviceClassExternalName": self.plan.0, "servicePlanExternalName": self.plan.1, "parameters": {"size": 1},
        });
        let bind = stage.binding("db", json!({}));
        let gate = match self.asked {
            Endpoint::Provision | Endpoint::PollInstance => {
                let gate = hold();
                stage.instance("db", spec).await;
                bind.await;
                gate
            }
            Endpoint::Bind | Endpoint::PollBinding | Endpoint::FetchBinding => {
                stage.ready_instance(spec).await;
                let gate = hold();
                bind.await;
                gate
            }
            _ => {
                stage.ready_binding(spec, json!({})).await;
                let gate = hold();
                match self.asked {
                    Endpoint::Update => {
                        let edit = json!({"spec": {"parameters": {"size": 2}}});
                        stage.patch(INSTANCE, "db", edit).await.map(drop).unwrap();
                    }
                    Endpoint::Unbind => stage.delete(BINDING, "db").await.map(drop).unwrap(),
                    _ => {
                        stage.delete(BINDING, "db").await.unwrap();
                        stage.delete(INSTANCE, "db").await.unwrap();
                    }
                }
                gate
            }
        };
        gate.reached().await;
        gate
    }

    /// Waits until there is nothing left to do.
    async fn settle(self, stage: &Stage) {
        match self.asked {
            Endpoint::Unbind => stage.until_gone(BINDING, "db").await,
            Endpoint::Deprovision => stage.until_gone(INSTANCE, "db").await,
            _ => {
                stage.until_ready(INSTANCE, "db").await;
                stage.until_ready(BINDING, "db").await;
            }
        }
        assert_in_step(stage).await;
        let ids: BTreeSet<_> =
            stage.broker.requests(Endpoint::Provision).into_iter().map(|request| request.instance).collect();
        assert_eq!(ids.len(), 1, "{self:?}: no attempt is given up for a crash");
    }
}

#[tokio::test]
async fn a_crash_while_the_broker_is_being_asked_leaves_nothing_behind() {
    let mut alone = alone(&[]).await;
    let moments = join_all(Moment::all().into_iter().map(async |moment| (moment, alone.stage().await))).await;
    let gates = join_all(moments.iter().map(async |(moment, stage)| moment.arrive(stage).await)).await;
    alone.kill();
    drop(gates);
    alone.start();
    join_all(moments.iter().map(async |(moment, stage)| moment.settle(stage).await)).await;
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
