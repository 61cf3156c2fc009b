//! Are the CRDs those of this version, and does the API server serve them?

use std::collections::BTreeSet;

use futures::future::join_all;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionSpec,
};
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

use super::deployment::{HELM_RELEASE, Installation};
use super::finding::Finding;
use crate::crd::{self, template};

/// All CRDs, as a part of the installation.
const ALL: &str = "the custom resource definitions";

/// What is wrong with a CRD.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    Missing,
    Terminating,
    /// It differs from that of this version; the first path below `.spec`.
    Differs(String),
    Unserved,
}

/// What was found of the CRDs: those that are wrong, or one finding of all.
pub async fn check(client: &Client, installation: &Installation) -> Vec<Finding> {
    let expected = crd::all();
    let definitions = Api::<CustomResourceDefinition>::all(client.clone());
    let read = expected.iter().map(async |expected| definitions.get_opt(&expected.name_any()).await);
    let read = join_all(read).await;
    if let Some(error) = read.iter().find_map(|read| read.as_ref().err()) {
        return vec![Finding::not_shown(ALL, error)];
    }
    let are_helms =
        read.iter().flatten().flatten().any(|found| found.annotations().contains_key(HELM_RELEASE));
    let replace = if are_helms { installation.upgrade() } else { apply(installation) };
    let mut findings = Vec::new();
    for (expected, found) in expected.iter().zip(read.into_iter().flatten()) {
        let name = format!("customresourcedefinition/{}", expected.name_any());
        match fault(expected, found.as_ref()) {
            None => {}
            Some(Fault::Missing) if expected.spec.group == template::GROUP => {
                findings.extend(without_templates(client, name, &replace).await);
            }
            Some(fault) => findings.push(finding(name, &fault, &replace, installation)),
        }
    }
    if findings.is_empty() {
        findings.push(Finding::whole(ALL));
    }
    findings
}

/// The CRD of `Template`s is missing. On OpenShift, another API server serves them.
async fn without_templates(client: &Client, name: String, replace: &str) -> Option<Finding> {
    let service = format!("{}.{}", template::VERSION, template::GROUP);
    match Api::<APIService>::all(client.clone()).get_opt(&service).await {
        Ok(Some(APIService { spec: Some(spec), .. })) if spec.service.is_some() => None,
        Ok(_) => Some(missing(name, replace)),
        Err(error) => Some(Finding::not_shown(name, &error)),
    }
}

/// How CRDs are replaced that are not part of a release of Helm.
fn apply(installation: &Installation) -> String {
    let apply = installation.commands.kubectl("apply --server-side --force-conflicts --filename -");
    format!("service-catalog crds | {apply}")
}

fn missing(name: String, replace: &str) -> Finding {
    Finding::wrong(name, "is missing", replace)
}

fn finding(name: String, fault: &Fault, replace: &str, installation: &Installation) -> Finding {
    match fault {
        Fault::Missing => missing(name, replace),
        Fault::Terminating => {
            let what = "is being deleted, with all objects of the kind: none can be created";
            let stop = format!("scale deployments --all --namespace {} --replicas 0", installation.namespace);
            let stop = installation.commands.kubectl(&stop);
            let why =
                "(at once, or the operator deprovisions their services; then back them up: docs/backup.md)";
            Finding::wrong(name, what, format!("{stop}\n{why}"))
        }
        Fault::Differs(path) => {
            let what = format!("is not that of this version: it differs at .spec{path}");
            Finding::wrong(name, what, replace)
        }
        Fault::Unserved => {
            let describe = installation.commands.kubectl(&format!("describe {name}"));
            Finding::wrong(name, "is not served: its condition Established is not True", describe)
        }
    }
}

fn fault(expected: &CustomResourceDefinition, found: Option<&CustomResourceDefinition>) -> Option<Fault> {
    let Some(found) = found else { return Some(Fault::Missing) };
    if found.metadata.deletion_timestamp.is_some() {
        return Some(Fault::Terminating);
    }
    if let Some(path) = first_difference(&compared(expected), &compared(found)) {
        return Some(Fault::Differs(path));
    }
    let conditions = found.status.as_ref().and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    let is_established =
        conditions.any(|condition| condition.type_ == "Established" && condition.status == "True");
    (!is_established).then_some(Fault::Unserved)
}

/// What has to be equal: all that the API server does not complete.
fn compared(definition: &CustomResourceDefinition) -> Value {
    let CustomResourceDefinitionSpec { conversion, names, preserve_unknown_fields, scope, versions, .. } =
        &definition.spec;
    let converted = conversion.as_ref().map(|conversion| conversion.strategy.as_str());
    json!({
        "conversion": {"strategy": converted.unwrap_or("None")},
        "names": {"kind": names.kind, "categories": names.categories, "shortNames": names.short_names},
        "preserveUnknownFields": preserve_unknown_fields.unwrap_or_default(),
        "scope": scope,
        "versions": versions,
    })
}

/// Where two values differ first, as the path that `kubectl` would print from there.
fn first_difference(expected: &Value, found: &Value) -> Option<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            let names: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
            names.into_iter().find_map(|name| {
                let (expected, found) = (expected.get(name), found.get(name));
                let path = first_difference(expected.unwrap_or(&Value::Null), found.unwrap_or(&Value::Null))?;
                Some(format!(".{name}{path}"))
            })
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            expected.iter().zip(found).enumerate().find_map(|(index, (expected, found))| {
                Some(format!("[{index}]{}", first_difference(expected, found)?))
            })
        }
        _ => (expected != found).then(String::new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the API server would store it.
    fn established(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
        let status = json!({"conditions": [{"type": "Established", "status": "True"}]});
        definition.status = serde_json::from_value(status).unwrap();
        definition
    }

    #[test]
    fn what_differs_is_named() {
        for expected in crd::all() {
            let found = established(expected.clone());
            assert_eq!(fault(&expected, Some(&found)), None, "{}", expected.name_any());
            assert_eq!(fault(&expected, None), Some(Fault::Missing));
            assert_eq!(fault(&expected, Some(&expected)), Some(Fault::Unserved));
            let mut older = found.clone();
            older.spec.versions[0].schema = None;
            let path = ".versions[0].schema".to_owned();
            assert_eq!(fault(&expected, Some(&older)), Some(Fault::Differs(path)));
            let mut lenient = found.clone();
            lenient.spec.preserve_unknown_fields = Some(true);
            let path = ".preserveUnknownFields".to_owned();
            assert_eq!(fault(&expected, Some(&lenient)), Some(Fault::Differs(path)));
            let mut going = found;
            going.metadata.deletion_timestamp =
                serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
            assert_eq!(fault(&expected, Some(&going)), Some(Fault::Terminating));
        }
    }

    #[test]
    fn the_first_difference_has_a_path() {
        let expected = json!({"a": [{"b": 1}, {"c": {"d": null}}]});
        for (found, path) in [
            (json!({"a": [{"b": 1}, {"c": {}}]}), None),
            (json!({"a": [{"b": 2}, {"c": {}}]}), Some(".a[0].b")),
            (json!({"a": [{"b": 1}, {"c": {"d": 1}}]}), Some(".a[1].c.d")),
            (json!({"a": [{"b": 1}]}), Some(".a")),
            (json!({"a": [{"b": 1}, {"c": {}}], "e": false}), Some(".e")),
        ] {
            assert_eq!(first_difference(&expected, &found).as_deref(), path, "{found}");
        }
    }
}
