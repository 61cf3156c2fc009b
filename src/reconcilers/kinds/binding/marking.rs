//! Marks the namespaces in which bindings inject. There a pod is held when the injection policy fails, so that it does not
//! start without its credentials; in all other namespaces no failure of the policy may keep a pod from starting
//! (`charts/service-catalog/templates/policies/injection.yaml`).

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, ResourceExt as _};
use serde::Serialize;
use serde_json::json;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use crate::crd::ServiceBinding;
use crate::crd::names::LABEL_INJECTS;
use crate::domain::binding::injecting::wants_to;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::{During as _, Error};
use crate::reconcilers::identity::namespace;

/// The value of the label at first. In such a namespace a pod matches both policies. The API server looks at the namespace
/// once for each: with one look before the label has its last value and one after, the pod would match neither. The label goes
/// in one step: no binding injects then.
const NEW: &str = "new";

/// The last value of the label.
const MARKED: &str = "true";

/// How long the label is [`NEW`] at least: so much out of date no API server should be.
const NEW_FOR: Duration = Duration::from_secs(10);

/// Adds or removes the mark of the binding's namespace. A failure does not stop the binding: its pods get the credentials
/// all the same. An operator of a few namespaces may not label them.
pub(super) async fn correct(context: &Context, binding: &ServiceBinding) {
    if !context.settings.reach.has_cluster_kinds() {
        return;
    }
    let namespace = namespace(binding);
    let Some(known) = context.caches.namespaces.get(&ObjectRef::new(namespace)) else { return };
    let is_marked = known.labels().contains_key(LABEL_INJECTS);
    if known.metadata.deletion_timestamp.is_some() || is_marked == wants_to(binding) {
        return;
    }
    if is_marked && context.bindings.wants_to_inject(namespace) {
        return;
    }
    let mark = (!is_marked).then_some(NEW);
    let patch = Patch::Merge(json!({"metadata": {"labels": {LABEL_INJECTS: mark}}}));
    if let Err(error) = write(context, namespace, &patch).await {
        warn!(namespace, %error, "failed to label the namespace of a binding that injects into pods");
    }
}

/// The namespaces with a new mark, each with the task that completes it.
#[derive(Default)]
pub struct NewMarks(Mutex<HashMap<String, AbortOnDropHandle<()>>>);

impl NewMarks {
    /// Notices a change of a namespace.
    pub fn observe(
        &self,
        context: &Arc<Context>,
        before: Option<&PartialObjectMeta<Namespace>>,
        now: &PartialObjectMeta<Namespace>,
        is_gone: bool,
    ) {
        let is_new = |namespace: &PartialObjectMeta<Namespace>| {
            namespace.labels().get(LABEL_INJECTS).is_some_and(|mark| mark == NEW)
        };
        let name = now.name_any();
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_gone || !is_new(now) {
            tasks.remove(&name);
        } else if !before.is_some_and(is_new) {
            let task = tokio::spawn(complete(Arc::clone(context), name.clone()));
            tasks.insert(name, AbortOnDropHandle::new(task));
        }
    }
}

/// Completes a new mark after a while.
async fn complete(context: Arc<Context>, namespace: String) {
    let path = format!("/metadata/labels/{}", LABEL_INJECTS.replace('/', "~1"));
    let steps = json!([
        {"op": "test", "path": path, "value": NEW},
        {"op": "replace", "path": path, "value": MARKED},
    ]);
    let Ok(steps) = serde_json::from_value(steps) else { return };
    let patch = Patch::<()>::Json(steps);
    loop {
        sleep(NEW_FOR).await;
        // A replica that does not lead must not hold a place among the requests meanwhile.
        context.fence.wait_open().await;
        match write(&context, &namespace, &patch).await {
            Ok(()) => return,
            // The namespace or its mark is gone meanwhile.
            Err(error) if error.is_not_found() || error.is_unprocessable() => return,
            Err(error) => {
                warn!(namespace, %error, "failed to complete the label of a namespace; tried again");
            }
        }
    }
}

async fn write<P: Serialize + Debug>(
    context: &Context,
    namespace: &str,
    patch: &Patch<P>,
) -> Result<(), Error> {
    let namespaces = Api::<Namespace>::all(context.api.client.clone());
    let written = namespaces.patch_metadata(namespace, &PatchParams::default(), patch).await;
    written.during("labelling the namespace").map(|_| ())
}
