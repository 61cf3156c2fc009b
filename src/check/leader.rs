//! Does a replica lead?

use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, ResourceExt as _};
use tokio::time::{Instant, sleep};

use super::deployment::Installation;
use super::finding::Finding;
use crate::leader::{LEASE, LEASE_DURATION, STANDBY_POLL, holder};

/// What was found of the lease. Its leader renews it; the times in it are by the leader's clock, which may differ from this
/// one's, so this waits for a renewal, or for another replica to take it over.
pub async fn check(client: &Client, installation: &Installation) -> Finding {
    let Installation { namespace, deployment, commands, .. } = installation;
    let part = format!("lease/{LEASE} in namespace {namespace}");
    let leases = Api::<Lease>::namespaced(client.clone(), namespace);
    let deadline = Instant::now() + 2 * LEASE_DURATION;
    let mut first = None;
    loop {
        let read = leases.get_opt(LEASE).await;
        if let Err(error @ kube::Error::Api(_)) = &read {
            return Finding::not_shown(part, error);
        }
        let found = read.as_ref().ok().and_then(Option::as_ref);
        let found = found.and_then(|lease| Some((holder(lease)?, lease.resource_version()?)));
        match (found, &first) {
            (Some((holder, version)), Some(first)) if *first != version => {
                return Finding::whole(format!("{part}: {holder} leads"));
            }
            (Some((_, version)), None) => first = Some(version),
            _ => {}
        }
        if Instant::now() >= deadline {
            let what = "is not renewed: no replica leads, so no broker is called and deletions wait";
            let logs = format!("logs deployment/{deployment} --namespace {namespace} --all-pods --tail 50");
            return match read {
                Ok(_) => Finding::wrong(part, what, commands.kubectl(&logs)),
                Err(error) => Finding::not_shown(part, &error),
            };
        }
        sleep(STANDBY_POLL).await;
    }
}
