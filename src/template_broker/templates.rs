//! Follows the templates, and keeps the catalog up to date.
//!
//! Templates of the broker's own namespace come first, then those of the chart, which are files, and then those of the
//! other namespaces in the order of the command line: who may write in one of these cannot replace another template.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use futures::stream::{SelectAll, StreamExt as _};
use kube::api::{Patch, PatchParams};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Config, Event, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::clock::now;
use super::offers::{Offers, served_kinds};
use super::registration::{FIELD_MANAGER, announce};
use crate::crd::template::Template;
use crate::template::Images;

/// After how long without a change the catalog is made, and how long that can be put off by further ones.
const QUIET: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(5);
/// How often the catalog is made again without a change: the cluster may serve other kinds.
const REFRESH: Duration = Duration::from_mins(10);
/// How long after a failure the next attempt follows.
const RETRY: Duration = Duration::from_secs(5);
/// How many templates are read at once: each may have 1 MiB.
const PAGE: u32 = 20;
/// The most that the templates of a namespace may have together, as text, in number and in bytes.
const MAX_TEMPLATES: usize = 500;
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// The annotation with a copy of the object that kubectl makes.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

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

/// The texts of the templates in the files of a directory, as if they were in this namespace.
pub fn in_directory(directory: &Path, namespace: &str) -> Result<Vec<Arc<str>>, FileError> {
    let failed = |error| FileError::Read(directory.display().to_string(), error);
    let mut texts = BTreeMap::new();
    for file in std::fs::read_dir(directory).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let mut template: Template = read(&path)?;
            template.metadata.namespace = Some(namespace.to_owned());
            texts.insert(template.name_any(), text_of(template));
        }
    }
    Ok(texts.into_values().collect())
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

/// A template as JSON, without what says nothing about the service.
fn text_of(mut template: Template) -> Arc<str> {
    template.status = None;
    template.metadata.managed_fields = None;
    template.metadata.resource_version = None;
    template.annotations_mut().remove(LAST_APPLIED);
    json!(template).to_string().into()
}

/// The templates of a namespace.
struct Namespace {
    name: String,
    templates: BTreeMap<String, Held>,
    /// The templates of a list in progress.
    listed: BTreeMap<String, Held>,
    /// Whether they were listed once.
    is_known: bool,
}

/// A template in the cluster.
struct Held {
    text: Arc<str>,
    /// Status and message of its condition `Published`.
    told: Option<(String, String)>,
}

impl Held {
    fn new(template: Template) -> Self {
        let conditions = template.status.iter().flat_map(|status| &status.conditions);
        let published = conditions.into_iter().find(|condition| condition.type_ == PUBLISHED);
        let told = published.map(|condition| (condition.status.clone(), condition.message.clone()));
        Self { text: text_of(template), told }
    }
}

impl Namespace {
    fn handle(&mut self, event: Result<Event<Template>, watcher::Error>) {
        match event {
            Ok(Event::Init) => self.listed.clear(),
            Ok(Event::InitApply(template)) => hold(&mut self.listed, template),
            Ok(Event::InitDone) => {
                self.templates = std::mem::take(&mut self.listed);
                self.is_known = true;
            }
            Ok(Event::Apply(template)) => hold(&mut self.templates, template),
            Ok(Event::Delete(template)) => drop(self.templates.remove(&template.name_any())),
            Err(watcher::Error::InitialListFailed(kube::Error::Api(status))) if status.is_not_found() => {
                // Without the CRD there are no templates but those of the chart.
                self.templates.clear();
                self.is_known = true;
            }
            Err(error) => warn!(namespace = self.name, %error, "cannot watch templates; trying again"),
        }
    }
}

fn hold(templates: &mut BTreeMap<String, Held>, template: Template) {
    let (name, held) = (template.name_any(), Held::new(template));
    let others = templates.iter().filter(|(other, _)| **other != name).map(|(_, held)| held.text.len());
    let is_too_much = others.sum::<usize>() + held.text.len() > MAX_BYTES || templates.len() >= MAX_TEMPLATES;
    if is_too_much {
        warn!(template = name, "the namespace has too many templates; left one out");
        templates.remove(&name);
    } else {
        templates.insert(name, held);
    }
}

/// Which templates there are.
pub struct Sources {
    /// The texts of those of the chart.
    pub built_in: Vec<Arc<str>>,
    /// Where templates are watched; the broker's own namespace first, if it is one of them.
    pub namespaces: Vec<String>,
}

/// Keeps the catalog up to date, and tells the operator when it has changed.
pub async fn follow(client: &Client, sources: &Sources, offers: &Offers, broker_name: &str) {
    let mut events = SelectAll::new();
    let mut namespaces = Vec::new();
    for (place, name) in sources.namespaces.iter().enumerate() {
        let api = Api::<Template>::namespaced(client.clone(), name);
        let watch = watcher(api, Config::default().page_size(PAGE)).default_backoff();
        events.push(watch.map(move |event| (place, event)).boxed());
        let (templates, listed) = (BTreeMap::new(), BTreeMap::new());
        namespaces.push(Namespace { name: name.clone(), templates, listed, is_known: false });
    }
    loop {
        collect(&mut events, &mut namespaces).await;
        if namespaces.iter().any(|namespace| !namespace.is_known) {
            continue;
        }
        while let Err(error) = publish(client, sources, &mut namespaces, offers, broker_name).await {
            warn!(%error, "cannot publish the catalog; trying again");
            sleep(RETRY).await;
        }
    }
}

type Watched = (usize, Result<Event<Template>, watcher::Error>);

/// Handles the next event, if there is one, and those that follow shortly after.
async fn collect(events: &mut (impl Stream<Item = Watched> + Unpin), namespaces: &mut [Namespace]) {
    let mut handle = |(place, event): Watched| {
        if let Some(namespace) = namespaces.get_mut(place) {
            namespace.handle(event);
        }
    };
    match timeout(REFRESH, events.next()).await {
        Ok(Some(event)) => handle(event),
        Ok(None) => sleep(REFRESH).await,
        Err(_) => return,
    }
    let _ = timeout(LONGEST, async {
        while let Ok(Some(event)) = timeout(QUIET, events.next()).await {
            handle(event);
        }
    })
    .await;
}

async fn publish(
    client: &Client,
    sources: &Sources,
    namespaces: &mut [Namespace],
    offers: &Offers,
    broker_name: &str,
) -> Result<(), kube::Error> {
    let served = served_kinds(client).await?;
    let texts = |namespaces: &[Namespace]| -> Vec<Arc<str>> {
        let held = namespaces.iter().flat_map(|namespace| namespace.templates.values());
        held.map(|held| Arc::clone(&held.text)).collect()
    };
    let (own, others) = namespaces.split_at(usize::from(!namespaces.is_empty()));
    let (own, others) = (texts(own), texts(others));
    let watched = own.len();
    let all: Vec<Arc<str>> = own.into_iter().chain(sources.built_in.iter().cloned()).chain(others).collect();
    let (left_out, etag) = offers.offer(&all, &served);
    if announce(client, broker_name, &etag).await? {
        info!(templates = all.len() - left_out.len(), left_out = left_out.len(), "published the catalog");
        for (place, why) in &left_out {
            info!(place, why, "left a template out of the catalog");
        }
    }
    for (index, (namespace, name, held)) in each(namespaces).enumerate() {
        let place = if index < watched { index } else { index + sources.built_in.len() };
        tell(client, namespace, name, held, left_out.get(&place).map(String::as_str)).await;
    }
    Ok(())
}

/// The templates in the cluster, in the order in which they are offered.
fn each(namespaces: &mut [Namespace]) -> impl Iterator<Item = (&str, &str, &mut Held)> {
    namespaces.iter_mut().flat_map(|Namespace { name, templates, .. }| {
        templates.iter_mut().map(|(template, held)| (name.as_str(), template.as_str(), held))
    })
}

/// The type of the condition.
const PUBLISHED: &str = "Published";

/// Writes the condition `Published`, once. OpenShift's own templates have no status; there the log has to do.
async fn tell(client: &Client, namespace: &str, name: &str, held: &mut Held, why_not: Option<&str>) {
    let (status, reason) = if why_not.is_some() { ("False", "Rejected") } else { ("True", PUBLISHED) };
    let message = why_not.unwrap_or("The template broker offers the template");
    let told = Some((status.to_owned(), message.to_owned()));
    if held.told == told {
        return;
    }
    held.told = told;
    let time = now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let condition = json!({
        "type": PUBLISHED, "status": status, "reason": reason, "message": message, "lastTransitionTime": time,
    });
    let object = json!({
        "apiVersion": "template.openshift.io/v1", "kind": "Template",
        "metadata": {"name": name}, "status": {"conditions": [condition]},
    });
    let api = Api::<Template>::namespaced(client.clone(), namespace);
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    if let Err(error) = api.patch_status(name, &parameters, &Patch::Apply(object)).await {
        info!(template = name, %error, "cannot write the status of a template");
    }
}
