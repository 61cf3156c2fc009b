//! Secrets to which no object refers, and pods that no binding selects, cost the operator no memory, however many there are.

use serde_json::json;

use crate::cluster::Cluster;
use crate::etcd;
use crate::namespace::{PATIENCE, eventually, namespace_of};
use crate::operator::Operator;
use crate::scripted::{BINDING, Broker, TestEnv, condition, reference, secret_parameters};

/// The number of foreign Secrets, and of foreign pods.
const FOREIGN: usize = 50_000;
/// How much more resident memory the operator may have because of them, in bytes.
const LIMIT: usize = 1024 * 1024;

/// An operator on a control plane of its own, with a binding that selects pods and an instance that refers to a Secret.
struct Scene {
    cluster: Cluster,
    operator: Option<Operator>,
    env: TestEnv,
    /// How often its changes were awaited.
    rounds: usize,
}

impl Scene {
    async fn start() -> Self {
        let mut cluster = Cluster::with_chart("foreign");
        let operator = Some(Operator::start(&cluster, &[]));
        let env = TestEnv::new(namespace_of(&cluster).await, Broker::start());
        env.register(json!({})).await;
        env.until_ready("ServiceBroker", "broker").await;
        env.secret("size", secret_parameters(json!({"size": 0}))).await;
        // It would read each of the objects several times.
        cluster.stop_controller_manager();
        let scene = Self { cluster, operator, env, rounds: 0 };
        // While a pod lacks the credentials, the operator watches the pods of the namespace.
        scene.add_web("web").await;
        let (instance, binding) = (
            json!({"parametersFrom": [reference("size")]}),
            json!({"podSelector": {"matchLabels": {"app": "web"}}}),
        );
        scene.env.ready_binding(instance, binding).await;
        scene
    }

    /// Waits until the operator's watches have delivered everything up to now.
    async fn until_seen(&mut self) {
        self.rounds += 1;
        let (round, env) = (self.rounds, &self.env);
        let edit = json!({"stringData": secret_parameters(json!({"size": round}))});
        env.patch("Secret", "size", edit).await.unwrap();
        let wanted = json!({"size": round});
        env.until_broker("the watch has seen all Secrets", |broker| broker.instance().parameters == wanted)
            .await;
        let web = format!("web-{round}");
        self.add_web(&web).await;
        let says = "RolledOut=False StalePods";
        env.until(BINDING, "db", |binding| {
            condition(binding, says).is_some_and(|message| message.contains(&web))
        })
        .await;
        env.delete("Pod", &web).await.unwrap();
        env.until(BINDING, "db", |binding| {
            condition(binding, says).is_some_and(|message| !message.contains(&web))
        })
        .await;
    }

    /// Adds a pod that the binding selects. It does not have the credentials, and nothing replaces it.
    async fn add_web(&self, name: &str) {
        etcd::write(&self.cluster, [etcd::pod(&self.env.name, name, "web")]).await;
    }

    async fn add_foreign(&self, prefix: &str, count: usize) {
        let namespace = &self.env.name;
        let both = |index: usize| {
            let name = format!("{prefix}-{index}");
            [etcd::secret(namespace, &name), etcd::pod(namespace, &name, "foreign")]
        };
        etcd::write(&self.cluster, (0..count).flat_map(both)).await;
    }

    fn restart(&mut self) {
        self.operator = None;
        self.operator = Some(Operator::start(&self.cluster, &[]));
    }

    fn operator(&self) -> &Operator {
        self.operator.as_ref().unwrap()
    }

    /// The operator's memory returns to at most this.
    async fn assert_at_most(&self, what: &str, before: usize) {
        let grown = eventually(what, PATIENCE, async || {
            let now = self.operator().memory();
            match now.saturating_sub(before) {
                grown if grown <= LIMIT => Ok(grown),
                grown => Err(format!("{before} bytes before, {grown} more")),
            }
        })
        .await;
        let peak = self.operator().peak_memory().saturating_sub(before);
        eprintln!("{what}: {grown} bytes more than {before}, {peak} more at the peak");
    }
}

/// A cache of their metadata would take 50 MiB or more.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_foreign_objects_cost_the_operator_no_memory() {
    let mut scene = Scene::start().await;
    // The first ones take some memory for good: for code, and for buffers.
    scene.add_foreign("few", 500).await;
    scene.restart();
    scene.until_seen().await;
    let before = scene.operator().memory();
    scene.add_foreign("many", FOREIGN).await;
    scene.until_seen().await;
    scene.assert_at_most("when they are new", before).await;
    scene.restart();
    scene.until_seen().await;
    scene.assert_at_most("after a restart", before).await;
}
