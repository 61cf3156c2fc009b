//! Which pods of a namespace run that concern bindings? Of others nothing is kept.

use std::collections::{BTreeMap, HashMap};

use futures::StreamExt as _;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::Pod as Api;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use kube::core::{PartialObjectMeta, Selector, SelectorExt as _};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{Config, Error, Event, watcher};
use kube::{Client, Resource as _, ResourceExt as _};
use tracing::warn;

use crate::crd::names::{ANNOTATION_INJECT, ANNOTATION_MIRROR, ANNOTATION_RESTART, ANNOTATION_REVISION};
use crate::domain::rollout::{Controller, Pod};

/// Those that run.
const RUNNING: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// The pods of a namespace that bindings select, or that have something of one.
pub(super) struct Pods {
    events: BoxStream<'static, Result<Event<PartialObjectMeta<Api>>, Error>>,
    selectors: Vec<Selector>,
    known: HashMap<String, Pod>,
    /// What a new list has brought so far.
    listed: HashMap<String, Pod>,
    are_known: bool,
}

impl Pods {
    /// Begins to watch them.
    pub(super) fn watch(client: &Client, namespace: &str, selectors: &[LabelSelector]) -> Self {
        let api = kube::Api::<PartialObjectMeta<Api>>::namespaced(client.clone(), namespace);
        let events = watcher(api, Config::default().fields(RUNNING)).default_backoff().boxed();
        let selectors =
            selectors.iter().filter_map(|selector| Selector::try_from(selector.clone()).ok()).collect();
        Self { events, selectors, known: HashMap::new(), listed: HashMap::new(), are_known: false }
    }

    /// Whether all that there are have been seen.
    pub(super) fn are_known(&self) -> bool {
        self.are_known
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<&Pod> {
        self.known.values().collect()
    }

    /// Returns when something has changed.
    pub(super) async fn change(&mut self) {
        // The stream never ends.
        while let Some(event) = self.events.next().await {
            match event {
                Ok(event) => {
                    if self.apply(event) {
                        return;
                    }
                }
                Err(error) => warn!(%error, "the watch of pods was interrupted and begins anew"),
            }
        }
    }

    /// Takes one event in; returns whether it is news.
    fn apply(&mut self, event: Event<PartialObjectMeta<Api>>) -> bool {
        match event {
            Event::Init => {
                self.listed.clear();
                false
            }
            Event::InitApply(pod) => {
                if let Some(pod) = self.kept(&pod) {
                    self.listed.insert(pod.name.clone(), pod);
                }
                false
            }
            Event::InitDone => {
                self.known = std::mem::take(&mut self.listed);
                self.are_known = true;
                true
            }
            Event::Apply(pod) => match self.kept(&pod) {
                Some(pod) => self.known.insert(pod.name.clone(), pod.clone()) != Some(pod),
                None => self.known.remove(&pod.name_any()).is_some(),
            },
            Event::Delete(pod) => self.known.remove(&pod.name_any()).is_some(),
        }
    }

    fn kept(&self, object: &PartialObjectMeta<Api>) -> Option<Pod> {
        let pod = pod(object);
        let is_selected = || self.selectors.iter().any(|selector| selector.matches(&pod.labels));
        (!pod.stamps.is_empty() || is_selected()).then_some(pod)
    }
}

fn pod(object: &PartialObjectMeta<Api>) -> Pod {
    let meta = object.meta();
    let annotations = object.annotations();
    let declines = annotations.get(ANNOTATION_INJECT).is_some_and(|value| value == "false");
    Pod {
        name: object.name_any(),
        labels: object.labels().clone(),
        stamps: revisions(annotations, ANNOTATION_REVISION),
        restarts: revisions(annotations, ANNOTATION_RESTART),
        controller: controller(meta),
        exempt: declines || annotations.contains_key(ANNOTATION_MIRROR),
        leaving: meta.deletion_timestamp.is_some(),
    }
}

/// What controls an object.
pub(super) fn controller(meta: &ObjectMeta) -> Option<Controller> {
    let owner = meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))?;
    let OwnerReference { uid, api_version, kind, name, .. } = owner.clone();
    Some(Controller { uid, api_version, kind, name })
}

/// The revisions that annotations tell, by what comes after the prefix: the UIDs of bindings.
pub(super) fn revisions(annotations: &BTreeMap<String, String>, prefix: &str) -> BTreeMap<String, i64> {
    let revision =
        |(key, value): (&String, &String)| Some((key.strip_prefix(prefix)?.to_owned(), value.parse().ok()?));
    annotations.iter().filter_map(revision).collect()
}
