//! Does a replica lead?

use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, ResourceExt as _};
use tokio::time::{Instant, sleep};

use super::deployment::Installation;
use super::finding::Finding;
use crate::leader::{LEASE, LEASE_DURATION, STANDBY_POLL};

/// What was found of the lease. A leader renews it; the times in it are by the leader's clock, which may differ from this
/// one's, so this waits for a renewal.
pub async fn check(client: &Client, installation: &Installation) -> Finding {
    let namespace = &installation.namespace;
    let part = format!("lease/{LEASE} in namespace {namespace}");
    let leases = Api::<Lease>::namespaced(client.clone(), namespace);
    let (deadline, mut first) = (Instant::now() + LEASE_DURATION, None);
    loop {
        match leases.get_opt(LEASE).await {
            Err(error) => return Finding::unknown(part, &error),
            Ok(lease) => {
                let found =
                    lease.as_ref().and_then(|lease| Some((holder(lease)?, lease.resource_version()?)));
                if let (Some((holder, version)), Some(first)) = (&found, &first)
                    && first != version
                {
                    return Finding::whole(format!("{part}: {holder} leads"));
                }
                first = first.or(found.map(|(_, version)| version));
            }
        }
        if Instant::now() >= deadline {
            let what = "is not renewed: no replica leads, so no broker is called and deletions wait";
            return Finding::wrong(
                part,
                what,
                format!("kubectl get pods --namespace {namespace}; see their logs"),
            );
        }
        sleep(STANDBY_POLL).await;
    }
}

fn holder(lease: &Lease) -> Option<String> {
    lease.spec.as_ref()?.holder_identity.clone().filter(|holder| !holder.is_empty())
}
