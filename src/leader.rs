//! Several replicas may run: which of them works, and what keeps all others from it?
//!
//! | file | what it answers |
//! |---|---|
//! | `election` | what does a candidate do next? |
//! | `lease` | what is written into the lease, and who is who? |
//! | `fence` | may this process act now? |
//!
//! The leader renews a Lease every 5 s. Others take it when they have seen it unchanged for 15 s on their own clocks.
//! The leader acts only within 10 s of the *beginning* of its last successful renewal, so that it has stopped 5 s
//! before anybody else can begin: as long as it may take, after somebody has passed the fence, until the request is on
//! its way, or as clocks may differ in speed over 15 s. In 10 s there is time for a renewal, and for another if the API
//! server does not answer that.
//!
//! When renewals fail, the fence closes. It opens again when one succeeds, which it only does if nobody has taken the
//! lease meanwhile: the API server being away is no reason to restart. When another has the lease, the process ends.

mod election;
mod fence;
mod lease;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use kube::{Api, Client};
use thiserror::Error;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{debug, info, warn};

use crate::metrics::Metrics;
use election::{Known, Move};
use lease::Identity;

pub use fence::{Fence, Gatekeeper};

/// How long others wait for a renewal.
const LEASE_DURATION: Duration = Duration::from_secs(15);
/// How long after the beginning of a renewal its holder may act.
const FENCE_OPEN_FOR: Duration = Duration::from_secs(10);
/// The time between two renewals.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);
/// How often a standby looks whether the lease is free.
const STANDBY_POLL: Duration = Duration::from_secs(1);
/// The pause after a request that failed.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// How long a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// Another replica works now.
#[derive(Debug, Error)]
#[error(
    "the lease {lease}, which this replica did not renew in time, is held by {holder} now; it ends, to stand by when it is started again"
)]
pub struct Lost {
    lease: String,
    holder: String,
}

/// A replica that leads, or would.
pub struct Candidate {
    leases: Api<Lease>,
    name: String,
    me: Identity,
    known: Known,
    gatekeeper: Gatekeeper,
    metrics: Arc<Metrics>,
}

impl Candidate {
    /// A candidate, and the fence that is open while it leads. `client` must not wait for the fence itself. `pod`: the
    /// pod that this process runs in, if that is known; its former processes are then known to be dead.
    pub fn new(client: Client, namespace: &str, pod: Option<&str>, metrics: Arc<Metrics>) -> (Self, Fence) {
        let (gatekeeper, fence) = Fence::closed();
        let (leases, name) = (Api::namespaced(client, namespace), format!("{namespace}/{}", lease::NAME));
        let (me, known) = (Identity::new(pod), Known::default());
        (Self { leases, name, me, known, gatekeeper, metrics }, fence)
    }

    /// Seeks the lease and keeps it. Returns when another has it, after this one has had it.
    pub async fn run(&mut self) -> Lost {
        self.look().await;
        loop {
            match self.known.next(&self.me, Instant::now()) {
                Move::Claim => self.claim().await,
                Move::Wait(until) => {
                    sleep_until(until).await;
                    if !self.known.leads() {
                        self.look().await;
                    }
                }
                Move::Lost => return self.lose(),
            }
        }
    }

    /// Lets the lease go, if it is this one's, so that another can take it at once. Whoever works must have stopped.
    pub async fn release(self) {
        self.gatekeeper.close();
        self.metrics.leads(false);
        // A renewal may have been under way.
        let Ok(Ok(Some(found))) = timeout(REQUEST_TIMEOUT, self.leases.get_opt(lease::NAME)).await else {
            return;
        };
        if !lease::holder(&found).is_some_and(|holder| self.me.is(holder)) {
            return;
        }
        match self.write(&lease::released(&found, Timestamp::now())).await {
            Ok(_) => info!(lease = self.name, "the lease is free for another replica"),
            Err(error) => {
                warn!(lease = self.name, %error, "the lease is not released; another replica takes it when it has run out");
            }
        }
    }

    /// Reads the lease.
    async fn look(&mut self) {
        let read = timeout(REQUEST_TIMEOUT, self.leases.get_opt(lease::NAME)).await;
        match read.map_err(|_| no_answer()).and_then(|read| read.map_err(|error| error.to_string())) {
            Ok(found) => {
                let before = self.known.holder().map(str::to_owned);
                self.known.saw(found, Instant::now());
                match self.known.holder() {
                    Some(holder) if before.as_deref() != Some(holder) && !self.me.is(holder) => {
                        info!(lease = self.name, holder, "another replica leads; this one stands by");
                    }
                    _ => {}
                }
            }
            Err(error) => self.failed("the lease cannot be read", &error).await,
        }
    }

    /// Takes or renews the lease, unless somebody else has written it since it was read.
    async fn claim(&mut self) {
        let began = Instant::now();
        let claimed = lease::held(self.known.lease(), &self.me, Timestamp::now());
        match self.write(&claimed).await {
            Ok(written) => {
                if !self.known.leads() {
                    info!(lease = self.name, holder = self.me.holder, "this replica leads");
                }
                self.known.wrote(written, began, Instant::now());
                self.gatekeeper.open(began + FENCE_OPEN_FOR);
                self.metrics.leads(self.gatekeeper.is_open());
            }
            Err(Unwritten::Overtaken) => {
                debug!(lease = self.name, "somebody else wrote the lease first");
                self.look().await;
            }
            Err(Unwritten::Failed(error)) => {
                // If it was written nevertheless, the repetition meets a conflict.
                self.failed("the lease cannot be taken or renewed", &error).await;
            }
        }
    }

    async fn write(&self, lease: &Lease) -> Result<Lease, Unwritten> {
        let parameters = PostParams::default();
        let sent = async {
            if lease.metadata.resource_version.is_some() {
                self.leases.replace(lease::NAME, &parameters, lease).await
            } else {
                self.leases.create(&parameters, lease).await
            }
        };
        match timeout(REQUEST_TIMEOUT, sent).await {
            Ok(Ok(written)) => Ok(written),
            Ok(Err(kube::Error::Api(status))) if status.is_conflict() || status.is_already_exists() => {
                Err(Unwritten::Overtaken)
            }
            Ok(Err(error)) => Err(Unwritten::Failed(error.to_string())),
            Err(_) => Err(Unwritten::Failed(no_answer())),
        }
    }

    async fn failed(&self, what: &str, error: &str) {
        let leads = self.gatekeeper.is_open();
        self.metrics.leads(leads);
        let then =
            if leads { "" } else { "; until it can be, this replica asks no broker and changes nothing" };
        warn!(lease = self.name, error, "{what}{then}");
        sleep(RETRY_DELAY).await;
    }

    fn lose(&self) -> Lost {
        self.gatekeeper.close();
        self.metrics.leads(false);
        let holder = self.known.holder().unwrap_or("nobody").to_owned();
        Lost { lease: self.name.clone(), holder }
    }
}

/// Why the lease was not written.
#[derive(Debug, Error)]
enum Unwritten {
    #[error("somebody else wrote it first")]
    Overtaken,
    /// Perhaps it was written nevertheless.
    #[error("{0}")]
    Failed(String),
}

fn no_answer() -> String {
    format!("the Kubernetes API did not answer within {} s", REQUEST_TIMEOUT.as_secs())
}
