//! How long a tenant's instances take while another tenant attacks the operator and the API server by every means at
//! once, continuously; and what becomes of the operator meanwhile.
//!
//! Both tenants are ordinary users, so that the API server serves them fairly. The operator is a fresh process.

mod attack;

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use kube::config::AuthInfo;
use kube::{Api, Client};

use crate::BenchEnv;
use crate::chart_files::memory_limit;
use crate::cluster::{self, Cluster};
use crate::neighbour::{self, Waiting};
use crate::operator::Operator;
use attack::Attack;

/// The namespace of the hostile tenant.
const NAMESPACE: &str = "hostile";
/// The number of timed instances of the other tenant.
const TIMED: u32 = 300;
/// The interval between two probes.
const INTERVAL: Duration = Duration::from_millis(100);
/// The timeout of a probe. The kubelet's is a second.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// The measurements.
pub struct Hostile {
    /// The time within which 99 of 100 instances are ready without the attack.
    pub usual: Duration,
    /// The same during the attack.
    pub beside: Duration,
    /// The longest time that a probe of `/livez` took.
    pub slowest_probe: Duration,
    /// How often the lease changed its holder.
    pub lease_losses: u32,
    /// The peak of the operator's resident memory, in MiB.
    pub peak: f64,
    /// The memory limit of the chart, in MiB.
    pub limit: f64,
    /// What the attack consisted of.
    pub attacks: String,
}

impl Hostile {
    /// The number of timed instances.
    pub const TIMED: u32 = TIMED;
}

/// Measures.
pub async fn measure(env: &BenchEnv, cluster: &Cluster) -> Hostile {
    let operator = Operator::start(&cluster.kubeconfig("operator")).await;
    let honest = user(cluster, neighbour::NAMESPACE, "honest").await;
    let waiting = Waiting::follow(&env.user);
    let timed = async |name| neighbour::p99(&honest, &waiting, name, TIMED).await;
    timed("before-warm").await;
    let usual = timed("before").await;
    let attack = Attack::prepare(user(cluster, NAMESPACE, "hostile").await, &env.user).await;
    let leases = Api::<Lease>::namespaced(env.user.clone(), cluster::NAMESPACE);
    let transitions = async || {
        let lease = leases.get("service-catalog").await.unwrap();
        lease.spec.unwrap().lease_transitions.unwrap_or_default()
    };
    let before = transitions().await;
    let during = async {
        attack.until_under_way().await;
        timed("during").await
    };
    let (beside, slowest_probe) = tokio::select! {
        () = attack.run() => unreachable!("the attack does not end"),
        measured = while_probing(&operator, during) => measured,
    };
    Hostile {
        usual,
        beside,
        slowest_probe,
        lease_losses: transitions().await.abs_diff(before),
        peak: operator.usage().await.peak,
        limit: f64::from(memory_limit()),
        attacks: attack.summary(),
    }
}

/// Probes the operator until `work` is done; returns the longest time that a probe took.
async fn while_probing<T>(operator: &Operator, work: impl Future<Output = T>) -> (T, Duration) {
    let mut slowest = Duration::ZERO;
    let probing = async {
        loop {
            let began = Instant::now();
            let answer = tokio::time::timeout(PROBE_TIMEOUT, operator.get("livez")).await;
            slowest = slowest.max(began.elapsed());
            if let Ok(Err(error)) = answer {
                panic!("the operator does not live: {error}");
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    let done = tokio::select! {
        done = work => done,
        never = probing => never,
    };
    (done, slowest)
}

/// A client of a user who is the admin of this namespace, which is made if it is not there.
async fn user(cluster: &Cluster, namespace: &str, name: &str) -> Client {
    cluster.kubectl(&["create", "namespace", namespace]);
    let user = format!("--user={name}");
    let bound = cluster.kubectl(&[
        "create",
        "rolebinding",
        name,
        "--clusterrole=admin",
        &user,
        "--namespace",
        namespace,
    ]);
    assert!(bound.status.success(), "{}", crate::process::text(&bound));
    let user = AuthInfo { impersonate: Some(name.to_owned()), ..AuthInfo::default() };
    cluster.client_as("admin", user).await
}
