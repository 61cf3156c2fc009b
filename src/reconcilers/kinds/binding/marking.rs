//! Marks the namespaces in which bindings inject. There a pod is held when the injection policy fails, so that it does not
//! start without its credentials; in all other namespaces no failure of the policy may keep a pod from starting
//! (`charts/service-catalog/templates/policies/injection.yaml`).

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Patch, PatchParams};
use kube::runtime::reflector::ObjectRef;
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tracing::warn;

use crate::crd::ServiceBinding;
use crate::crd::names::LABEL_INJECTS;
use crate::domain::binding::injecting::wants_to;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::{During as _, Error};
use crate::reconcilers::identity::namespace;

/// Adds or removes the mark of the binding's namespace, if it is wrong. A failure does not stop the binding: its pods get
/// the credentials all the same.
pub(super) async fn correct(context: &Context, binding: &ServiceBinding) {
    let namespace = namespace(binding);
    let Some(known) = context.caches.namespaces.get(&ObjectRef::new(namespace)) else { return };
    let is_marked = known.labels().contains_key(LABEL_INJECTS);
    if known.metadata.deletion_timestamp.is_some() || is_marked == wants_to(binding) {
        return;
    }
    if is_marked && context.bindings.wants_to_inject(namespace) {
        return;
    }
    if let Err(error) = write(context, namespace, !is_marked).await {
        warn!(namespace, %error, "failed to label the namespace of a binding that injects into pods");
    }
}

async fn write(context: &Context, namespace: &str, is_marked: bool) -> Result<(), Error> {
    let patch = json!({"metadata": {"labels": {LABEL_INJECTS: is_marked.then_some("true")}}});
    let namespaces = Api::<Namespace>::all(context.api.client.clone());
    let written = namespaces.patch_metadata(namespace, &PatchParams::default(), &Patch::Merge(patch)).await;
    written.during("labelling the namespace").map(|_| ())
}
