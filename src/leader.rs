//! Leader election: which replica is the leader, and what fences off the others? The entry points are
//! [`Candidate::run`], which acquires and renews the lease, and [`Fence::wait_open`], at which every write and every
//! broker call waits.
//!
//! | file | question |
//! |---|---|
//! | `election` | what does a candidate do next? |
//! | `lease` | what is written into the lease, and which process is its holder? |
//! | `fence` | may this process act now? |
//!
//! The leader renews a Lease every 5 s. A standby takes the lease over when it has seen it unchanged for 15 s on its
//! own clock.
//!
//! The lease alone does not prevent two leaders: a process that was suspended (SIGSTOP, a stalled VM) does not know
//! that its lease has expired. Therefore the leader acts only within 10 s of the *beginning* of its last successful
//! renewal, which the fence checks against the clock at each write and call. This leaves 5 s until a standby can take
//! over. They cover the time between the check at the fence and the moment at which the request is sent, and the drift
//! of two clocks over 15 s. The 10 s leave time for one renewal, and for a second one if the API server does not answer
//! the first. `tests.rs` shows by simulation that two replicas never lead at once.
//!
//! When renewals fail, the fence closes. It opens again with the next successful renewal, which optimistic concurrency
//! allows only if no other replica has taken the lease meanwhile: an outage of the API server is no reason to restart.
//! When another replica holds the lease, the process exits.
//!
//! All replicas watch, so that their caches are warm; only the leader calls brokers and writes. Every broker call
//! (`Connection::call`) and every request that changes something at the API server, retries included (`run::client`),
//! waits at the fence. Waiting is not an error, because the caller could do nothing about it. The queues are drained
//! and forgotten while another replica leads; when the fence opens for the first time, every cached object is queued.
//!
//! - **A new process in the leader's pod** takes over at once: the kubelet starts it only when the former process is
//!   dead, and a Deployment never gives a pod name twice. The holder is therefore called `POD_UUID`. A process that
//!   does not know its pod is a bare UUID and succeeds no other: that two processes run on one host proves nothing.
//! - **On SIGTERM** the replica drops its work, then empties the lease's holder; standbys read the lease every
//!   second.
//! - **What remains:** a request that has passed the fence and is in flight when the next leader begins, and what a
//!   broker still does after its caller is gone. A crash has the same effect and is handled the same way: intents, IDs
//!   that are known without having been written, optimistic concurrency. The monotonic clock stops while the machine
//!   is suspended, so after it resumes the former leader can send at most a few such requests. Deleting the lease by
//!   hand lets another replica begin up to 5 s before the former leader notices.

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
pub use lease::{NAME as LEASE, holder};

/// How long a standby waits for a renewal before it takes the lease over.
pub const LEASE_DURATION: Duration = Duration::from_secs(15);
/// How long after the beginning of a successful renewal the leader may act.
const FENCE_OPEN_FOR: Duration = Duration::from_secs(10);
/// The interval between two renewals.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);
/// How often a standby reads the lease.
pub const STANDBY_POLL: Duration = Duration::from_secs(1);
/// The delay after a failed request.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// The timeout of a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// Another replica took the lease, because this one did not renew it in time, or the lease was released or deleted.
#[derive(Debug, Error)]
#[error("lost leadership: lease {lease} {state}; exiting so that the container restarts as a standby")]
pub struct LeadershipLost {
    lease: String,
    /// The current holder of the lease, or why there is none.
    state: String,
}

/// A replica that is the leader, or a standby that may become it.
pub struct Candidate {
    leases: Api<Lease>,
    name: String,
    identity: Identity,
    known: Known,
    gatekeeper: Gatekeeper,
    metrics: Arc<Metrics>,
}

impl Candidate {
    /// A candidate, and the fence that is open while it leads. `client` must not wait at that fence. `pod` is the pod
    /// that this process runs in, if known: earlier processes of the same pod are dead, so their lease is taken over at
    /// once.
    pub fn new(client: Client, namespace: &str, pod: Option<&str>, metrics: Arc<Metrics>) -> (Self, Fence) {
        let (gatekeeper, fence) = Fence::closed();
        let (leases, name) = (Api::namespaced(client, namespace), format!("{namespace}/{}", lease::NAME));
        let (identity, known) = (Identity::new(pod), Known::default());
        (Self { leases, name, identity, known, gatekeeper, metrics }, fence)
    }

    /// Acquires the lease and renews it. Returns when this replica has led and another one holds the lease now.
    pub async fn run(&mut self) -> LeadershipLost {
        self.read_lease().await;
        loop {
            match self.known.next(&self.identity, Instant::now()) {
                Move::Claim => self.acquire_or_renew().await,
                Move::Wait(until) => {
                    sleep_until(until).await;
                    if !self.known.leads() {
                        self.read_lease().await;
                    }
                }
                Move::Lost => return self.lose_leadership(),
            }
        }
    }

    /// Releases the lease, if this replica holds it, so that a standby can take it at once. The reconcilers must have
    /// stopped.
    pub async fn release(self) {
        self.gatekeeper.close();
        self.metrics.leads(false);
        // Read it live: a renewal may have been in flight.
        let Ok(Ok(Some(found))) = timeout(REQUEST_TIMEOUT, self.leases.get_opt(lease::NAME)).await else {
            return;
        };
        if !holder(&found).is_some_and(|holder| self.identity.is(holder)) {
            return;
        }
        match self.write(&lease::released(&found, Timestamp::now())).await {
            Ok(_) => info!(lease = self.name, "released the lease; a standby can take it now"),
            Err(error) => {
                warn!(lease = self.name, %error, "failed to release the lease; a standby takes it when it expires");
            }
        }
    }

    /// Reads the lease.
    async fn read_lease(&mut self) {
        let read = timeout(REQUEST_TIMEOUT, self.leases.get_opt(lease::NAME)).await;
        match read.map_err(|_| no_answer()).and_then(|read| read.map_err(|error| error.to_string())) {
            Ok(found) => {
                let before = self.known.holder().map(str::to_owned);
                self.known.observe(found, Instant::now());
                match self.known.holder() {
                    Some(holder) if before.as_deref() != Some(holder) && !self.identity.is(holder) => {
                        info!(lease = self.name, holder, "another replica is the leader; standing by");
                    }
                    _ => {}
                }
            }
            Err(error) => self.back_off("failed to read the lease; retrying", &error).await,
        }
    }

    /// Acquires or renews the lease, unless another client has written it since it was read.
    async fn acquire_or_renew(&mut self) {
        let began = Instant::now();
        let lease = lease::held(self.known.lease(), &self.identity, Timestamp::now());
        match self.write(&lease).await {
            Ok(written) => {
                if !self.known.leads() {
                    info!(
                        lease = self.name,
                        holder = self.identity.holder,
                        "acquired the lease; this replica is the leader"
                    );
                }
                self.known.renewed(written, began, Instant::now());
                self.gatekeeper.open(began + FENCE_OPEN_FOR);
                self.metrics.leads(self.gatekeeper.is_open());
            }
            Err(WriteError::Conflict) => {
                debug!(lease = self.name, "conflict: another client wrote the lease first");
                self.read_lease().await;
            }
            Err(WriteError::Failed(error)) => {
                // If the API server did write it, the retry ends in a conflict, and the lease is read again.
                self.back_off("failed to acquire or renew the lease; retrying", &error).await;
            }
        }
    }

    async fn write(&self, lease: &Lease) -> Result<Lease, WriteError> {
        let parameters = PostParams::default();
        let request = async {
            if lease.metadata.resource_version.is_some() {
                self.leases.replace(lease::NAME, &parameters, lease).await
            } else {
                self.leases.create(&parameters, lease).await
            }
        };
        match timeout(REQUEST_TIMEOUT, request).await {
            Ok(Ok(written)) => Ok(written),
            Ok(Err(kube::Error::Api(status))) if status.is_conflict() || status.is_already_exists() => {
                Err(WriteError::Conflict)
            }
            Ok(Err(error)) => Err(WriteError::Failed(error.to_string())),
            Err(_) => Err(WriteError::Failed(no_answer())),
        }
    }

    async fn back_off(&self, message: &'static str, error: &str) {
        let leads = self.gatekeeper.is_open();
        self.metrics.leads(leads);
        let broker_calls_and_writes = if leads { "allowed" } else { "suspended" };
        warn!(lease = self.name, error, broker_calls_and_writes, "{message}");
        sleep(RETRY_DELAY).await;
    }

    fn lose_leadership(&self) -> LeadershipLost {
        self.gatekeeper.close();
        self.metrics.leads(false);
        let state = match self.known.holder() {
            Some(holder) => format!("is now held by {holder}"),
            None => "was released or deleted".to_owned(),
        };
        LeadershipLost { lease: self.name.clone(), state }
    }
}

/// Why the lease was not written.
#[derive(Debug, Error)]
enum WriteError {
    #[error("conflict: another client wrote it first")]
    Conflict,
    /// Without a response: the API server may have written it all the same.
    #[error("{0}")]
    Failed(String),
}

fn no_answer() -> String {
    format!("the Kubernetes API did not answer within {} s", REQUEST_TIMEOUT.as_secs())
}
