//! For which cluster, namespace and instance is a broker called? The OSB `context` is made from this.

use k8s_openapi::api::core::v1::Namespace;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, ResourceExt as _};

use crate::domain::request::Origin;
use crate::reconcilers::caches::Caches;
use crate::reconcilers::error::{During as _, Error};
use crate::reconcilers::kube_api::KubeApi;

/// The origin of a request for an instance of this namespace.
pub async fn origin(
    api: &KubeApi,
    caches: &Caches,
    cluster_id: &str,
    namespace: &str,
    instance_name: &str,
) -> Result<Origin, Error> {
    let uid = if let Some(known) = caches.namespaces.get(&ObjectRef::new(namespace)) {
        known.uid()
    } else {
        // A stale cache may lack the namespace, which may be as new as the instance.
        let namespaces = Api::<Namespace>::all(api.client.clone());
        namespaces.get(namespace).await.during("reading the namespace")?.uid()
    };
    Ok(Origin {
        cluster_id: cluster_id.to_owned(),
        namespace: namespace.to_owned(),
        namespace_uid: uid.unwrap_or_default(),
        instance_name: instance_name.to_owned(),
    })
}
