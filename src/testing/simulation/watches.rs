//! Serves the operator's watches event by event. Each delivers its events in order, but with any delay, may repeat the
//! last one, and may be interrupted.

use kube::runtime::watcher::Event as Watched;
use serde_json::Value;

use super::api::{Api, Event};
use super::operator::Operator;
use crate::crd::names::LABEL_CREDENTIALS;
use crate::reconcilers::wiring::Wiring;

/// The operator's watches: one for each kind, one for its own Secrets, and one for the Secrets that objects refer to.
pub const RESOURCES: [&str; 10] = [
    "serviceinstances",
    "servicebindings",
    "secrets",
    "clusterservicebrokers",
    "clusterserviceclasses",
    "clusterserviceplans",
    "servicebrokers",
    "serviceclasses",
    "serviceplans",
    USED_SECRETS,
];

const USED_SECRETS: &str = "secrets that are referred to";

impl Operator {
    /// Whether a watch has an event to deliver.
    pub fn is_behind(&self, resource: usize, api: &Api) -> bool {
        self.next(resource, api).is_some()
    }

    fn next(&self, resource: usize, api: &Api) -> Option<usize> {
        let here = |event: &Event| concerns(resource, event);
        let seen = self.seen[resource].get();
        let next = api.log.iter().skip(seen).position(here).map(|at| at + seen);
        self.seen[resource].set(next.unwrap_or(api.log.len()));
        next
    }

    /// Delivers the next event of a watch.
    pub fn deliver(&mut self, resource: usize, api: &Api) {
        if let Some(at) = self.next(resource, api) {
            self.seen[resource].set(at + 1);
            self.bring(resource, &api.log[at]);
        }
    }

    /// Delivers the last event of a watch once more.
    pub fn repeat(&mut self, resource: usize, api: &Api) {
        let here = |event: &&Event| concerns(resource, event) && !event.gone;
        if let Some(event) = api.log.iter().take(self.seen[resource].get()).rev().find(here)
            && api.get(&event.key).is_some()
        {
            self.bring(resource, event);
        }
    }

    /// Interrupts a watch: it lists the objects again, and never delivers the events in between.
    pub fn relist(&mut self, resource: usize, api: &Api) {
        let Wiring { context, kinds, .. } = &mut self.wiring;
        match RESOURCES[resource] {
            resource @ "serviceinstances" => list(api, resource, |event| kinds.instances.feed.apply(event)),
            resource @ "servicebindings" => list(api, resource, |event| kinds.bindings.feed.apply(event)),
            resource @ "clusterservicebrokers" => {
                list(api, resource, |event| kinds.cluster_brokers.feed.apply(event));
            }
            resource @ "clusterserviceclasses" => {
                list(api, resource, |event| kinds.cluster_classes.feed.apply(event));
            }
            resource @ "clusterserviceplans" => {
                list(api, resource, |event| kinds.cluster_plans.feed.apply(event));
            }
            resource @ "servicebrokers" => list(api, resource, |event| kinds.brokers.feed.apply(event)),
            resource @ "serviceclasses" => list(api, resource, |event| kinds.classes.feed.apply(event)),
            resource @ "serviceplans" => list(api, resource, |event| kinds.plans.feed.apply(event)),
            "secrets" => list(api, "secrets", |event| context.binding_secrets.apply(event)),
            _ => context.referenced_secrets.requeue_all(),
        }
        self.seen[resource].set(api.log.len());
    }

    /// Fills the cache of namespaces.
    pub fn list_namespaces(&mut self, api: &Api) {
        list(api, "namespaces", |event| self.wiring.namespaces.apply(event));
    }

    fn bring(&mut self, resource: usize, event: &Event) {
        let Wiring { context, kinds, .. } = &mut self.wiring;
        match RESOURCES[resource] {
            "serviceinstances" => kinds.instances.feed.apply(watched(event)),
            "servicebindings" => kinds.bindings.feed.apply(watched(event)),
            "clusterservicebrokers" => kinds.cluster_brokers.feed.apply(watched(event)),
            "clusterserviceclasses" => kinds.cluster_classes.feed.apply(watched(event)),
            "clusterserviceplans" => kinds.cluster_plans.feed.apply(watched(event)),
            "servicebrokers" => kinds.brokers.feed.apply(watched(event)),
            "serviceclasses" => kinds.classes.feed.apply(watched(event)),
            "serviceplans" => kinds.plans.feed.apply(watched(event)),
            "secrets" => context.binding_secrets.apply(watched(event)),
            _ => {
                let metadata = &event.object["metadata"];
                let text = |member: &str| metadata[member].as_str().unwrap_or_default().to_owned();
                context.referenced_secrets.requeue(text("namespace"), text("name"));
            }
        }
    }
}

/// Whether a watch delivers an event.
fn concerns(resource: usize, event: &Event) -> bool {
    match RESOURCES[resource] {
        "secrets" => event.key.resource == "secrets" && is_ours(&event.object),
        USED_SECRETS => event.key.resource == "secrets",
        resource => event.key.resource == resource,
    }
}

/// Whether the object is no Secret, or a Secret that the watch of the operator's own Secrets selects.
fn is_ours(object: &Value) -> bool {
    object["kind"] != "Secret" || !object["metadata"]["labels"][LABEL_CREDENTIALS].is_null()
}

fn watched<K: serde::de::DeserializeOwned>(event: &Event) -> Watched<K> {
    let object = serde_json::from_value(event.object.clone()).unwrap();
    if event.gone { Watched::Delete(object) } else { Watched::Apply(object) }
}

fn list<K: serde::de::DeserializeOwned>(api: &Api, resource: &str, mut apply: impl FnMut(Watched<K>)) {
    apply(Watched::Init);
    for (_, object) in api.list(resource).filter(|(_, object)| is_ours(object)) {
        apply(Watched::InitApply(serde_json::from_value(object.clone()).unwrap()));
    }
    apply(Watched::InitDone);
}
