//! The template broker is killed before and after each of its writes: nothing is left over, done twice or lost.

use serde_json::json;

use super::own_templates::notes;
use super::process::{TemplateBroker, nothing_is_left, until_offered};
use crate::cluster::{Cluster, NAMESPACE};
use crate::few_namespaces;
use crate::killpoint::{Effect, Killpoint};
use crate::namespace::{Namespace, PATIENCE, eventually, namespace_of};
use crate::operator::Operator;
use crate::proxy::Proxy;
use crate::scripted::{BINDING, Broker, INSTANCE, TestEnv, When};

/// What a user does.
#[derive(Clone, Copy, Debug)]
enum Action {
    Order,
    Change,
    Bind,
    Unbind,
    Delete,
}

use Action::{Bind, Change, Delete, Order, Unbind};

/// A control plane with a template broker that stops at a killpoint.
struct Stage {
    cluster: Cluster,
    _operator: Operator,
    proxy: Proxy,
    killpoint: Killpoint,
    broker: Option<TemplateBroker>,
}

impl Stage {
    async fn new() -> Self {
        let cluster = Cluster::with_chart("template-crashes");
        let operator = Operator::start(&cluster, &[]);
        let proxy = Proxy::start(&cluster);
        let killpoint = Killpoint::default();
        proxy.set_killpoint(NAMESPACE, killpoint.clone());
        let broker = Some(TemplateBroker::start_behind(&cluster, &proxy.url, None));
        let shelf = Namespace { name: NAMESPACE.to_owned(), client: cluster.client().await };
        shelf.apply(notes("1.0.0", "more")).await.unwrap();
        until_offered(&shelf, "notes").await;
        Self { cluster, _operator: operator, proxy, killpoint, broker }
    }

    /// Kills the broker, and starts it again at the same address.
    fn restart(&mut self) {
        let address = self.broker.take().map(|broker| broker.address);
        self.killpoint.disarm();
        self.broker = Some(TemplateBroker::start_behind(&self.cluster, &self.proxy.url, address));
    }

    /// Lets a user act, and kills the broker at this place. Returns the broker's writes.
    async fn play(&mut self, action: Action, place: Option<(Effect, When)>) -> Vec<Effect> {
        let name = format!("{action:?}, killed at {place:?}");
        let env = TestEnv::new(namespace_of(&self.cluster).await, Broker::start());
        self.proxy.set_killpoint(&env.name, self.killpoint.clone());
        self.killpoint.set(None);
        action.prepare(&env).await;
        self.killpoint.set(place.clone());
        action.begin(&env).await;
        if place.is_some() {
            let reached = eventually(&name, PATIENCE, async || {
                if self.killpoint.is_reached() {
                    Ok(())
                } else {
                    Err(format!("{:?}", self.killpoint.effects()))
                }
            });
            // A write that depended on a poll may not be repeated: then the action ends without an interruption.
            let is_reached = tokio::select! { () = reached => true, () = action.settle(&env) => false };
            if is_reached {
                self.restart();
            }
        }
        action.settle(&env).await;
        let effects = self.killpoint.effects();
        self.killpoint.set(None);
        clear(&env).await;
        self.nothing_is_left(&env, &name).await;
        effects
    }

    async fn nothing_is_left(&self, env: &Namespace, name: &str) {
        nothing_is_left(env, name).await;
        let release = Namespace { name: NAMESPACE.to_owned(), client: env.client.clone() };
        let secrets = release.list("Secret").await;
        let is_record =
            |secret: &&serde_json::Value| secret["type"] == "servicecatalog.k8s.io/template-instance";
        assert_eq!(secrets.iter().filter(is_record).count(), 0, "{name}: a record is left");
    }
}

impl Action {
    /// Brings the namespace to the moment before the action.
    async fn prepare(self, env: &TestEnv) {
        if matches!(self, Order) {
            return;
        }
        Order.begin(env).await;
        Order.settle(env).await;
        if matches!(self, Unbind | Delete) {
            Bind.begin(env).await;
            Bind.settle(env).await;
        }
        if matches!(self, Delete) {
            env.remove(BINDING, "key").await;
        }
    }

    async fn begin(self, env: &TestEnv) {
        match self {
            Order => {
                let spec = json!({"clusterServiceClassExternalName": "notes", "parameters": {"TEXT": "one"}});
                env.create(json!({"kind": INSTANCE, "metadata": {"name": "note"}, "spec": spec}))
                    .await
                    .unwrap();
            }
            Change => {
                env.patch(INSTANCE, "note", json!({"spec": {"parameters": {"TEXT": "two"}}})).await.unwrap();
            }
            Bind => {
                let spec = json!({"instanceRef": {"name": "note"}});
                env.create(json!({"kind": BINDING, "metadata": {"name": "key"}, "spec": spec}))
                    .await
                    .unwrap();
            }
            Unbind => drop(env.delete(BINDING, "key").await.unwrap()),
            Delete => drop(env.delete(INSTANCE, "note").await.unwrap()),
        }
    }

    /// Waits until the action has had its effect.
    async fn settle(self, env: &TestEnv) {
        match self {
            Order | Change => {
                let text = if matches!(self, Order) { "one" } else { "two" };
                env.until_ready(INSTANCE, "note").await;
                env.until("ConfigMap", "note", |map| map["data"]["text"] == text).await;
            }
            Bind => {
                env.until_ready(BINDING, "key").await;
                assert_eq!(env.entries("key").await["text"], "one");
            }
            Unbind => env.until_gone(BINDING, "key").await,
            Delete => env.until_gone(INSTANCE, "note").await,
        }
    }
}

/// Deletes what is there.
async fn clear(env: &TestEnv) {
    for (kind, name) in [(BINDING, "key"), (INSTANCE, "note")] {
        let _ = env.delete(kind, name).await;
        env.until_gone(kind, name).await;
    }
}

#[tokio::test]
async fn killed_at_any_write_it_continues_and_leaves_nothing() {
    if few_namespaces::is_mode() {
        return;
    }
    let mut stage = Stage::new().await;
    let mut places = 0;
    for action in [Order, Change, Bind, Unbind, Delete] {
        let effects = stage.play(action, None).await;
        assert!(!effects.is_empty(), "{action:?} writes nothing");
        for effect in effects {
            for when in [When::Before, When::After] {
                stage.play(action, Some((effect.clone(), when))).await;
                places += 1;
            }
        }
    }
    eprintln!("the template broker was killed at {places} places");
}
