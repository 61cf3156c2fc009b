//! A binding, and the expected injection of it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt as _};
use serde_json::{Value, json};

use crate::injection::{pod, volume};
use crate::namespace::Namespace;

/// A binding and its injection.
pub struct Bound {
    object: Value,
    /// Its name.
    pub name: String,
    /// Its Secret's name.
    pub secret: String,
    volume: String,
    selector: Selector,
}

impl Bound {
    /// Creates the binding, and waits until pods get it.
    pub async fn create(namespace: &Namespace, name: &str, spec: Value) -> Self {
        let selector: LabelSelector = serde_json::from_value(spec["podSelector"].clone()).unwrap();
        let mut probe = pod(json!({"app": "web", "tier": "front"}));
        if let Some(container) = spec["injection"]["containers"][0].as_str() {
            probe["spec"]["containers"][0]["name"] = container.into();
        }
        let object = namespace.bind_probed(name, spec, &probe).await;
        Self {
            name: name.to_owned(),
            secret: object["spec"]["secretName"].as_str().unwrap().to_owned(),
            volume: volume(&object),
            selector: selector.try_into().unwrap(),
            object,
        }
    }

    /// The part of its spec to print after a failure.
    pub fn shown(&self) -> Value {
        let spec = &self.object["spec"];
        json!({"name": self.name, "uid": self.uid(), "podSelector": spec["podSelector"], "injection": spec["injection"]})
    }

    /// Its UID.
    pub fn uid(&self) -> &str {
        self.object["metadata"]["uid"].as_str().unwrap()
    }

    /// The pod's annotation for the binding with this prefix.
    pub fn annotation<'a>(&self, pod: &'a Value, what: &str) -> Option<&'a str> {
        pod["metadata"]["annotations"].get(format!("{what}.servicecatalog.k8s.io/{}", self.uid()))?.as_str()
    }

    /// Whether it is injected into a pod.
    pub fn selects(&self, pod: &Value) -> bool {
        let labels: BTreeMap<String, String> =
            serde_json::from_value(pod["metadata"]["labels"].clone()).unwrap_or_default();
        self.selector.matches(&labels)
            && pod["metadata"]["annotations"]["servicecatalog.k8s.io/inject"] != "false"
    }

    fn is_meant(&self, container: &Value) -> bool {
        let named = self.object["spec"]["injection"]["containers"].as_array();
        named.is_none_or(|named| named.is_empty() || named.contains(&container["name"]))
    }

    /// The collisions of a pod, as in its annotation.
    pub fn lacks(&self, pod: &Value) -> Vec<String> {
        let is_foreign = list(&pod["spec"]["volumes"])
            .any(|volume| volume["name"] == *self.volume && volume["secret"]["secretName"] != *self.secret);
        let containers = list(&pod["spec"]["containers"]).chain(list(&pod["spec"]["initContainers"]));
        let lacks = containers.filter(|container| self.is_meant(container)).flat_map(|container| {
            let lacks = self.lacks_in(container, is_foreign);
            lacks.into_iter().map(|what| format!("{}: {what}", container["name"].as_str().unwrap()))
        });
        lacks.collect()
    }

    fn lacks_in(&self, container: &Value, is_foreign: bool) -> Vec<String> {
        let mut lacks = Vec::new();
        let roots: Vec<&str> = list(&container["env"])
            .filter(|variable| variable["name"] == "SERVICE_BINDING_ROOT")
            .map(|root| root["value"].as_str().unwrap_or_default())
            .collect();
        let usable: Vec<&str> = roots
            .iter()
            .copied()
            .filter(|root| root.starts_with('/') && !root.contains(':') && !root.contains("$("))
            .collect();
        let root = usable.last().unwrap_or(&"/bindings");
        let directory = format!("{}/{}", root.strip_suffix('/').unwrap_or(root), self.name);
        // A container that mounts the volume itself has the files at a path of its choice.
        if is_foreign {
            lacks.push(self.volume.clone());
        } else if !list(&container["volumeMounts"]).any(|mount| mount["name"] == *self.volume) {
            lacks.push(directory);
        }
        if roots.is_empty() || usable.len() < roots.len() {
            lacks.push("SERVICE_BINDING_ROOT".to_owned());
        }
        let injection = &self.object["spec"]["injection"];
        for variable in list(&injection["env"]).filter(|variable| variable["name"] != "SERVICE_BINDING_ROOT")
        {
            let mut found = list(&container["env"]).filter(|own| own["name"] == variable["name"]).peekable();
            let is_there = found.peek().is_some()
                && found.all(|own| own["valueFrom"]["secretKeyRef"]["name"] == *self.secret);
            if !is_there {
                lacks.push(variable["name"].as_str().unwrap().to_owned());
            }
        }
        let prefix = injection["envFrom"]["prefix"].as_str().unwrap_or_default();
        let all = list(&container["envFrom"]).any(|source| {
            source["secretRef"]["name"] == *self.secret
                && source["prefix"].as_str().unwrap_or_default() == prefix
        });
        if !injection["envFrom"].is_null() && !all {
            lacks.push("envFrom".to_owned());
        }
        lacks
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
