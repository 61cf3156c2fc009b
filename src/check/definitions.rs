//! Are the CRDs those of this version, and does the API server serve them?

use std::collections::BTreeSet;

use futures::future::join_all;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, ResourceExt as _};
use serde_json::Value;

use super::deployment::Installation;
use super::finding::Finding;
use crate::crd::{self, template};

/// What is wrong with a CRD.
#[derive(Debug, PartialEq, Eq)]
enum Problem {
    Missing,
    /// It differs from that of this version; the first path below `.spec.versions`.
    Differs(String),
    Unserved,
}

/// What was found of the CRDs: those that are wrong, or one finding of all.
pub async fn check(client: &Client, installation: &Installation) -> Vec<Finding> {
    let expected = crd::all();
    let definitions = Api::<CustomResourceDefinition>::all(client.clone());
    let found = expected.iter().map(async |expected| {
        let name = expected.name_any();
        let part = format!("customresourcedefinition/{name}");
        match definitions.get_opt(&name).await {
            Ok(None) if expected.spec.group == template::GROUP && serves_templates(client).await => None,
            Ok(found) => Some(finding(part, &problem(expected, found.as_ref())?, installation)),
            Err(error) => Some(Finding::unknown(part, &error)),
        }
    });
    let found: Vec<Finding> = join_all(found).await.into_iter().flatten().collect();
    if found.is_empty() {
        return vec![Finding::whole(format!("{} custom resource definitions", expected.len()))];
    }
    found
}

/// Whether the cluster serves `Template`s. It does so without a CRD of ours if it is OpenShift.
async fn serves_templates(client: &Client) -> bool {
    let version = format!("{}/{}", template::GROUP, template::VERSION);
    client.list_api_group_resources(&version).await.is_ok()
}

fn finding(part: String, problem: &Problem, installation: &Installation) -> Finding {
    match problem {
        Problem::Missing => Finding::wrong(part, "is missing", installation.upgrade()),
        Problem::Differs(path) => {
            let what = format!("is not that of this version: it differs at .spec.versions{path}");
            // Helm changes only what differs between two versions of the chart.
            let repair = "service-catalog crds | kubectl apply --server-side --force-conflicts --filename -";
            Finding::wrong(part, what, repair)
        }
        Problem::Unserved => {
            let repair = format!("kubectl describe {part} says why");
            Finding::wrong(part, "is not served: its condition Established is not True", repair)
        }
    }
}

fn problem(expected: &CustomResourceDefinition, found: Option<&CustomResourceDefinition>) -> Option<Problem> {
    let Some(found) = found else { return Some(Problem::Missing) };
    let versions = |definition: &CustomResourceDefinition| {
        serde_json::to_value(&definition.spec.versions).unwrap_or_default()
    };
    if let Some(path) = first_difference(&versions(expected), &versions(found)) {
        return Some(Problem::Differs(path));
    }
    let conditions = found.status.as_ref().and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    let is_established =
        conditions.any(|condition| condition.type_ == "Established" && condition.status == "True");
    (!is_established).then_some(Problem::Unserved)
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
    use serde_json::json;

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
            assert_eq!(problem(&expected, Some(&found)), None, "{}", expected.name_any());
            assert_eq!(problem(&expected, None), Some(Problem::Missing));
            assert_eq!(problem(&expected, Some(&expected)), Some(Problem::Unserved));
            let mut older = found;
            older.spec.versions[0].schema = None;
            assert_eq!(problem(&expected, Some(&older)), Some(Problem::Differs("[0].schema".to_owned())));
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
