//! Whatever brokers and users send, the operator stays below the memory limit of the chart, serves other tenants
//! meanwhile, and says on the object what it refuses.

use futures::future::{join, join_all, select_all};
use serde_json::{Value, json};

use crate::chart_files::memory_limit;
use crate::hostile_broker::{AT_ONCE, CATALOGS, PLAN, router, service};
use crate::hostile_tenant::while_alive;
use crate::namespace::{Namespace, PATIENCE, eventually, namespace_of};
use crate::scripted::{
    BINDING, INSTANCE, IsolatedEnv, TestEnv, isolated_for_attack, reference, secret_parameters,
};
use crate::server::Server;

const MIB: usize = 1024 * 1024;
const BROKER: &str = "ServiceBroker";
/// Answers that drip end at this timeout.
const TIMEOUT: &str = "--osb-api-request-timeout=8s";

impl Namespace {
    /// Waits until a condition of the object contains this text.
    async fn until_told(&self, kind: &str, name: &str, text: &str) {
        eventually(&format!("{kind} {name} says {text:?}"), PATIENCE, async || {
            let object = self.get(kind, name).await?;
            let is_told = object["status"]["conditions"].to_string().contains(text);
            if is_told { Ok(()) } else { Err(format!("{:#}", object["status"])) }
        })
        .await;
    }

    async fn register_hostile(&self, server: &Server, name: &str, how: &str) {
        let url = format!("http://{}/{how}", server.address);
        let broker = json!({"kind": BROKER, "metadata": {"name": name}, "spec": {"url": url}});
        self.create(broker).await.unwrap();
    }

    /// Creates so many instances at a broker that is hostile in this way.
    async fn instances(&self, how: &str, count: usize, spec: impl Fn(usize) -> Value) {
        for index in 0..count {
            let mut spec = spec(index);
            spec["serviceClassExternalName"] = service(how).into();
            spec["servicePlanExternalName"] = PLAN.into();
            let metadata = json!({"name": format!("db-{index}")});
            self.create(json!({"kind": INSTANCE, "metadata": metadata, "spec": spec})).await.unwrap();
        }
    }

    /// Waits until a condition of each of these objects contains this text.
    async fn until_all_told(&self, kind: &str, names: &[String], text: &str) {
        join_all(names.iter().map(|name| self.until_told(kind, name, text))).await;
    }
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{prefix}-{index}")).collect()
}

/// The hostile tenant's environment, and what the operator's memory was in each part of the test.
struct Attack {
    isolated: IsolatedEnv,
    server: Server,
    other: TestEnv,
    /// The parts with their peaks, in bytes.
    peaks: Vec<(String, usize)>,
}

impl Attack {
    async fn prepare() -> Self {
        let isolated = isolated_for_attack(&[TIMEOUT]).await;
        let other = isolated.env().await;
        other.ready_binding(json!({}), json!({})).await;
        Self { isolated, server: Server::start(router()), other, peaks: Vec::new() }
    }

    /// A fresh namespace of the hostile tenant.
    async fn tenant(&self) -> Namespace {
        namespace_of(self.isolated.cluster()).await
    }

    /// One with a broker whose catalog is published.
    async fn tenant_of(&self, how: &str) -> Namespace {
        let tenant = self.tenant().await;
        tenant.register_hostile(&self.server, "broker", how).await;
        tenant.until_ready(BROKER, "broker").await;
        tenant
    }

    /// A part of the attack, while another tenant gets an instance and probes are answered; returns its peak.
    async fn part(&self, what: &str, attack: impl Future<Output = ()>) -> (String, usize) {
        let operator = self.isolated.operator();
        operator.forget_peak();
        let served = async {
            self.other.instance(what, json!({})).await;
            self.other.until_ready(INSTANCE, what).await;
        };
        while_alive(operator, join(attack, served)).await;
        let (peak, now) = (operator.peak_memory(), operator.memory());
        eprintln!("{what}: {} MiB at the peak, {} MiB afterwards", peak / MIB, now / MIB);
        (what.to_owned(), peak)
    }

    /// Of the limit, 5/8 are for anonymous memory, 1/8 is for the code of the image, and 1/4 stays free.
    fn assert_below_limit(&self) {
        let most = usize::from(memory_limit()) * MIB * 5 / 8;
        let beyond: Vec<_> = self.peaks.iter().filter(|(_, peak)| *peak > most).collect();
        assert!(beyond.is_empty(), "more than {most} bytes: {beyond:#?}");
    }
}

/// Without the limit of answers in memory, the catalogs that drip take 450 MiB.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_of_a_broker_exhausts_the_memory() {
    let mut attack = Attack::prepare().await;
    for catalog in CATALOGS.iter() {
        let tenant = attack.tenant().await;
        let fetched = async {
            tenant.register_hostile(&attack.server, "broker", catalog.name).await;
            tenant.until_told(BROKER, "broker", catalog.told).await;
        };
        let peak = attack.part(catalog.name, fetched).await;
        attack.peaks.push(peak);
        tenant.remove(BROKER, "broker").await;
    }
    let (tenant, brokers) = (attack.tenant().await, names("broker", AT_ONCE));
    let fetched = async {
        for name in &brokers {
            tenant.register_hostile(&attack.server, name, "dripping").await;
        }
        // In turn: the next one is read when the one before has ended.
        let told =
            brokers.iter().map(|name| Box::pin(tenant.until_told(BROKER, name, "did not end in time")));
        select_all(told).await;
    };
    let peak = attack.part("dripping-catalogs", fetched).await;
    attack.peaks.push(peak);
    for name in &brokers {
        tenant.delete(BROKER, name).await.unwrap();
    }

    let databases = names("db", AT_ONCE);
    for how in ["numbers-in-errors", "dripping-errors"] {
        let tenant = attack.tenant_of(how).await;
        let provisioned = async {
            tenant.instances(how, AT_ONCE, |_| json!({})).await;
            tenant.until_all_told(INSTANCE, &databases, "the broker answered with status 500").await;
        };
        let peak = attack.part(how, provisioned).await;
        attack.peaks.push(peak);
    }
    for (how, told) in [("credentials", "that fit into a Secret"), ("secrets", "Injected bind result")] {
        let tenant = attack.tenant_of(how).await;
        tenant.instances(how, AT_ONCE, |_| json!({})).await;
        let bound = async {
            for name in &databases {
                tenant.until_ready(INSTANCE, name).await;
                let (metadata, spec) = (json!({"name": name}), json!({"instanceRef": {"name": name}}));
                let binding = json!({"kind": BINDING, "metadata": metadata, "spec": spec});
                tenant.create(binding).await.unwrap();
            }
            tenant.until_all_told(BINDING, &databases, told).await;
        };
        let peak = attack.part(how, bound).await;
        attack.peaks.push(peak);
    }
    attack.assert_below_limit();
}

/// The operator reads the objects again at each start.
#[tokio::test(flavor = "multi_thread")]
async fn no_parameters_of_users_exhaust_the_memory() {
    let told = "and the limit is 65536";
    let mut attack = Attack::prepare().await;
    let (tenant, databases) = (attack.tenant_of("parameters").await, names("db", 12));
    let zeros = vec![0; 480_000];
    let parameters = async {
        tenant.instances("parameters", databases.len(), |_| json!({"parameters": {"a": zeros}})).await;
        tenant.until_all_told(INSTANCE, &databases, told).await;
    };
    let before = attack.part("parameters", parameters).await;
    attack.isolated.kill();
    attack.isolated.start();
    let seen = tenant.until_all_told(INSTANCE, &databases, told);
    let restarted = attack.part("parameters-after-a-restart", seen).await;

    let (tenant, databases) = (attack.tenant_of("parameters").await, names("db", 8));
    let objects = json!({"a": vec![json!({"b": 0}); 60_000]});
    let from = async {
        for name in &databases {
            tenant.secret(name, secret_parameters(objects.clone())).await;
        }
        let spec = |index: usize| json!({"parametersFrom": [reference(&databases[index])]});
        tenant.instances("parameters", databases.len(), spec).await;
        tenant.until_all_told(INSTANCE, &databases, told).await;
    };
    let from = attack.part("parameters-from-secrets", from).await;
    attack.peaks.extend([before, restarted, from]);
    attack.assert_below_limit();
}
