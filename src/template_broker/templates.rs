//! Follows the templates, and keeps the catalog up to date.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{SelectAll, StreamExt as _};
use kube::api::{Patch, PatchParams};
use kube::runtime::reflector::{self, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::clock::now;
use super::offers::{Offers, log_rejected, served_kinds};
use super::registration::{FIELD_MANAGER, announce};
use crate::crd::template::Template;
use crate::template::Images;

/// How long changes are collected before the catalog is made anew.
const QUIET: Duration = Duration::from_millis(500);
/// How often the catalog is made anew without a change: the cluster may serve other kinds.
const REFRESH: Duration = Duration::from_mins(10);
/// How long after a failure the next attempt follows.
const RETRY: Duration = Duration::from_secs(5);

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(String, std::io::Error),
    /// It is not as expected.
    #[error("{0} is not valid: {1}")]
    Parse(String, Box<serde_saphyr::Error>),
}

/// The templates in the files of a directory, as if they were in this namespace.
pub fn in_directory(directory: &Path, namespace: &str) -> Result<Vec<Template>, FileError> {
    let failed = |error| FileError::Read(directory.display().to_string(), error);
    let mut templates = Vec::new();
    for file in std::fs::read_dir(directory).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let mut template: Template = read(&path)?;
            template.metadata.namespace = Some(namespace.to_owned());
            templates.push(template);
        }
    }
    templates.sort_by_key(ResourceExt::name_any);
    Ok(templates)
}

/// The table of images in a file.
pub fn images(file: &Path) -> Result<Images, FileError> {
    read(file)
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, FileError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| FileError::Read(name.clone(), error))?;
    serde_saphyr::from_str(&text).map_err(|error| FileError::Parse(name, Box::new(error)))
}

/// Which templates there are.
pub struct Sources {
    /// Those of the chart.
    pub built_in: Vec<Template>,
    /// Where templates are watched.
    pub namespaces: Vec<String>,
}

/// Keeps the catalog up to date, and tells the operator when it has changed.
pub async fn follow(client: &Client, sources: &Sources, offers: &Arc<Offers>, broker_name: &str) {
    let mut events = SelectAll::new();
    let mut stores: Vec<Store<Template>> = Vec::new();
    for namespace in &sources.namespaces {
        let api = Api::<Template>::namespaced(client.clone(), namespace);
        let (store, writer) = reflector::store();
        stores.push(store);
        let watch = watcher(api, watcher::Config::default()).default_backoff();
        events.push(reflector::reflector(writer, watch).map(|event| event.map(drop)).boxed());
    }
    loop {
        collect(&mut events).await;
        let watched = stores.iter().flat_map(Store::state);
        let templates: Vec<Template> =
            sources.built_in.iter().cloned().chain(watched.map(|it| it.as_ref().clone())).collect();
        while let Err(error) = publish(client, templates.clone(), offers, broker_name).await {
            warn!(%error, "cannot publish the catalog; trying again");
            sleep(RETRY).await;
        }
    }
}

/// Returns when something has changed and then nothing for a moment, or after a while.
async fn collect<E: std::fmt::Display>(events: &mut (impl futures::Stream<Item = Result<(), E>> + Unpin)) {
    let mut longest = REFRESH;
    while let Ok(Some(event)) = timeout(longest, events.next()).await {
        if let Err(error) = event {
            // Without the CRD there are no templates but the built-in ones.
            info!(%error, "cannot watch templates; trying again");
        }
        longest = QUIET;
    }
}

async fn publish(
    client: &Client,
    templates: Vec<Template>,
    offers: &Arc<Offers>,
    broker_name: &str,
) -> Result<(), kube::Error> {
    let is_served = served_kinds(client).await?;
    let count = templates.len();
    let watched: Vec<Template> =
        templates.iter().filter(|template| template.metadata.uid.is_some()).cloned().collect();
    let (etag, rejected) = offers.offer(templates, &is_served);
    log_rejected(&rejected);
    if announce(client, broker_name, &etag).await? {
        info!(templates = count - rejected.len(), rejected = rejected.len(), "published the catalog");
    }
    for template in &watched {
        let why = rejected.iter().find(|(it, _)| it.metadata.uid == template.metadata.uid);
        tell(client, template, why.map(|(_, why)| why.as_str())).await;
    }
    Ok(())
}

/// Writes the condition `Published`. OpenShift's own templates have no status; there the log has to do.
async fn tell(client: &Client, template: &Template, why_not: Option<&str>) {
    let (status, reason) = if why_not.is_some() { ("False", "Rejected") } else { ("True", "Published") };
    let message = why_not.unwrap_or("The template broker offers the template");
    let known = template.status.as_ref().and_then(|status| status.conditions.first());
    if known.is_some_and(|known| known.status == status && known.message == message) {
        return;
    }
    let time = now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let condition = json!({
        "type": "Published", "status": status, "reason": reason, "message": message, "lastTransitionTime": time,
    });
    let object = json!({
        "apiVersion": "template.openshift.io/v1", "kind": "Template",
        "metadata": {"name": template.name_any()}, "status": {"conditions": [condition]},
    });
    let api = Api::<Template>::namespaced(
        client.clone(),
        template.metadata.namespace.as_deref().unwrap_or_default(),
    );
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    if let Err(error) = api.patch_status(&template.name_any(), &parameters, &Patch::Apply(object)).await {
        info!(template = template.name_any(), %error, "cannot write the status of a template");
    }
}
