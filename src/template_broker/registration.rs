//! Registers the broker at the operator: as a `ClusterServiceBroker` that points to itself.
//!
//! The chart cannot create that object, because Helm refuses a release whose CRDs do not exist yet.

use k8s_openapi::ByteString;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use tracing::{error, info};

use crate::crd::ClusterServiceBroker;

/// The field manager of the broker's writes.
pub const FIELD_MANAGER: &str = "template-broker";

/// Label on the broker object. Its value is [`FIELD_MANAGER`].
const LABEL_NAME: &str = "app.kubernetes.io/name";

/// Whether this program has registered a broker.
fn is_ours(broker: &ClusterServiceBroker) -> bool {
    broker.labels().get(LABEL_NAME).is_some_and(|name| name == FIELD_MANAGER)
}

/// Where the broker is, and how the operator authenticates.
pub struct Registration<'a> {
    /// The name of the broker object.
    pub name: &'a str,
    /// The base URL.
    pub url: &'a str,
    /// The namespace of the Secret with the token.
    pub namespace: &'a str,
    /// The name of that Secret.
    pub secret: &'a str,
    /// The certificate of the authority, as PEM.
    pub authority: &'a str,
}

/// Creates the broker object, or brings it up to date. One that was registered otherwise stays as it is: OpenShift's broker
/// had the same name, and an instance must not get another broker.
pub async fn register(client: &Client, registration: &Registration<'_>) -> Result<(), kube::Error> {
    let brokers = Api::<ClusterServiceBroker>::all(client.clone());
    if brokers.get_opt(registration.name).await?.is_some_and(|broker| !is_ours(&broker)) {
        error!(
            broker = registration.name,
            "a ClusterServiceBroker of this name exists already, so the template broker is not registered: delete it \
             if it is not needed, and restart the template broker"
        );
        return Ok(());
    }
    let Registration { name, url, namespace, secret, authority } = registration;
    let broker = json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1",
        "kind": "ClusterServiceBroker",
        "metadata": {"name": name, "labels": {LABEL_NAME: FIELD_MANAGER}},
        "spec": {
            "url": url,
            "caBundle": ByteString(authority.as_bytes().to_vec()),
            "authInfo": {"bearer": {"secretRef": {"namespace": namespace, "name": secret}}},
        },
    });
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    brokers.patch(name, &parameters, &Patch::Apply(broker)).await?;
    info!(broker = name, url, "registered the broker");
    Ok(())
}

/// Annotation on the broker object: the entity tag of the catalog that was announced last.
const ANNOTATION_CATALOG: &str = "servicecatalog.k8s.io/template-catalog";

/// Requests that the operator fetches the catalog now, unless this one was announced before. Returns whether it was
/// new.
pub async fn announce(client: &Client, name: &str, etag: &str) -> Result<bool, kube::Error> {
    let brokers = Api::<ClusterServiceBroker>::all(client.clone());
    let Some(broker) = brokers.get_opt(name).await?.filter(is_ours) else { return Ok(false) };
    if broker.annotations().get(ANNOTATION_CATALOG).is_some_and(|announced| announced == etag) {
        return Ok(false);
    }
    let patch = json!({
        "metadata": {
            "resourceVersion": broker.resource_version(),
            "annotations": {ANNOTATION_CATALOG: etag},
        },
        "spec": {"relistRequests": broker.spec.common.relist_requests + 1},
    });
    brokers.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(true)
}
