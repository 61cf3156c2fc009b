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
use crate::crd::condition;
use crate::crd::names::LABEL_INJECTS;
use crate::domain::binding::injecting::wants_to;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::{During as _, Error};
use crate::reconcilers::identity::namespace;

/// The value of the label at first. In such a namespace both policies apply: an API server looks at the namespace once for
/// each of them, so a pod that is created while the label changes from none to [`MARKED`] could meet neither.
const NEW: &str = "new";

/// The value of the label from when a binding of the namespace is ready: the API servers have seen [`NEW`] by then.
const MARKED: &str = "true";

/// Adds, completes or removes the mark of the binding's namespace, if it is wrong. A failure does not stop the binding: its
/// pods get the credentials all the same.
pub(super) async fn correct(context: &Context, binding: &ServiceBinding) {
    let namespace = namespace(binding);
    let Some(known) = context.caches.namespaces.get(&ObjectRef::new(namespace)) else { return };
    if known.metadata.deletion_timestamp.is_some() {
        return;
    }
    let mark = known.labels().get(LABEL_INJECTS).map(String::as_str);
    let injects = wants_to(binding) || mark.is_some() && context.bindings.wants_to_inject(namespace);
    let is_ready = binding
        .status
        .as_ref()
        .is_some_and(|status| condition::is_true(&status.conditions, condition::READY));
    let wanted = wanted(mark, injects, is_ready);
    if wanted != mark
        && let Err(error) = write(context, namespace, wanted).await
    {
        warn!(namespace, %error, "failed to label the namespace of a binding that injects into pods");
    }
}

/// The mark that a namespace should have, given the one that it has.
fn wanted(mark: Option<&str>, injects: bool, is_ready: bool) -> Option<&'static str> {
    match mark {
        _ if !injects => None,
        None => Some(NEW),
        Some(NEW) if !is_ready => Some(NEW),
        Some(_) => Some(MARKED),
    }
}

async fn write(context: &Context, namespace: &str, mark: Option<&str>) -> Result<(), Error> {
    let patch = json!({"metadata": {"labels": {LABEL_INJECTS: mark}}});
    let namespaces = Api::<Namespace>::all(context.api.client.clone());
    let written = namespaces.patch_metadata(namespace, &PatchParams::default(), &Patch::Merge(patch)).await;
    written.during("labelling the namespace").map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_marked_in_two_steps() {
        assert_eq!(wanted(None, true, true), Some(NEW), "also if the binding is ready already");
        assert_eq!(wanted(Some(NEW), true, false), Some(NEW));
        assert_eq!(wanted(Some(NEW), true, true), Some(MARKED));
        assert_eq!(wanted(Some(MARKED), true, false), Some(MARKED));
        for mark in [None, Some(NEW), Some(MARKED)] {
            assert_eq!(wanted(mark, false, true), None);
        }
    }
}
