//! `GET /ns/{namespace}/bindings/{name}`

use crate::console::state::{conditions_of, state_of, timeline};
use crate::crd::ServiceBinding;
use axum::Extension;
use axum::extract::Path;
use futures::try_join;
use k8s_openapi::api::core::v1::{Pod, Secret};

use super::act::permitted_actions;
use super::events;
use super::permitted::permitted;
use crate::console::answer::failure::Failure;
use crate::console::answer::page::{Page, Section};
use crate::console::kube_api::{Cluster, Selection};
use crate::console::pages::actions::Offered;
use crate::console::pages::binding::{BindingPage, Keys, page};
use crate::console::request::visit::Visiting;
use crate::console::views::binding::{Binding, consumers};
use crate::console::views::instance::Parameters;
use crate::console::views::manifest;

/// A binding.
pub async fn show(
    Extension(visit): Visiting,
    Path((namespace, name)): Path<(String, String)>,
) -> Result<Page, Failure> {
    let object: ServiceBinding = visit.cluster.get(Some(&namespace), &name).await?;
    let binding = Binding::of(&object);
    let cluster = &visit.cluster;
    let (keys, pods, events) =
        try_join!(keys(cluster, &binding), pods(cluster, &binding), events::of(cluster, &object))?;
    let now = visit.now;
    let actions = permitted_actions(cluster, &object, false, now).await;
    let pods = pods.map(|pods| consumers(&object, &pods));
    let raw = object.spec.parameters.as_ref();
    let parsed = raw.and_then(|raw| raw.parse().ok()).unwrap_or_default();
    let parameters = Parameters::of(parsed, &object.spec.parameters_from, None, false);
    let address = binding.address();
    let content = BindingPage {
        binding: &binding,
        state: &state_of(&object, now),
        offered: Offered { subject: (&object).into(), address: &address, actions: &actions, now },
        keys: &keys,
        consumers: pods.as_deref(),
        parameters: &parameters,
        conditions: &conditions_of(&object),
        timeline: &timeline(&object, events.as_deref().unwrap_or_default()),
        may_read_events: events.is_some(),
        manifest: &manifest::of(&object, &parameters.hidden),
    };
    Ok(Page::new(Section::Instances, name, page(&content, &visit)))
}

/// The names of the Secret's entries. The values are dropped here.
async fn keys(cluster: &Cluster, binding: &Binding) -> Result<Keys, Failure> {
    let secret = cluster.get::<Secret>(Some(&binding.namespace), &binding.secret).await;
    match permitted(secret) {
        Ok(Some(secret)) => Ok(Keys::All(secret.data.unwrap_or_default().into_keys().collect())),
        Ok(None) => Ok(Keys::Recorded(binding.recorded_keys.clone())),
        Err(Failure::NotFound) => Ok(Keys::None),
        Err(failure) => Err(failure),
    }
}

async fn pods(cluster: &Cluster, binding: &Binding) -> Result<Option<Vec<Pod>>, Failure> {
    let Some(selector) = &binding.selector else { return Ok(None) };
    permitted(cluster.list(Some(&binding.namespace), &Selection::labels(selector.as_str())).await)
}
