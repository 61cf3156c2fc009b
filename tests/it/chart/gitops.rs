//! The examples for Argo CD and Flux: their values are accepted, and their health checks cover all kinds.

use std::collections::BTreeSet;

use serde_json::Value;
use service_catalog::crd;

use super::rendered_with;

const APPLICATION: &str = include_str!("../../../examples/argo-cd/application.yaml");
const HEALTH_CHECKS: &str = include_str!("../../../examples/argo-cd/health-checks.yaml");
const HELM_RELEASE: &str = include_str!("../../../examples/flux/helmrelease.yaml");
const APPLICATIONS: &str = include_str!("../../../examples/flux/applications.yaml");

fn objects(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap()
}

/// The kinds whose condition `Ready` a user waits for: all but classes and plans, which have none, and Templates.
fn kinds() -> BTreeSet<String> {
    let ours = crd::all().into_iter().filter(|definition| definition.spec.group == crd::GROUP);
    let kinds = ours.map(|definition| definition.spec.names.kind);
    kinds.filter(|kind| !kind.ends_with("Class") && !kind.ends_with("Plan")).collect()
}

#[test]
fn the_values_of_the_examples_are_accepted() {
    let release = objects(HELM_RELEASE).into_iter().find(|object| object["kind"] == "HelmRelease").unwrap();
    let application = objects(APPLICATION).remove(0);
    for values in [&release["spec"]["values"], &application["spec"]["source"]["helm"]["valuesObject"]] {
        let objects = rendered_with(values);
        let deployments = super::deployments(&objects);
        assert_eq!(deployments[0]["spec"]["replicas"], values["replicas"]);
    }
}

#[test]
fn argo_cd_has_a_health_check_for_each_kind() {
    let map = objects(HEALTH_CHECKS).remove(0);
    let data = map["data"].as_object().unwrap();
    let prefix = format!("resource.customizations.health.{}_", crd::GROUP);
    let checked: BTreeSet<String> =
        data.keys().map(|key| key.strip_prefix(&prefix).unwrap().to_owned()).collect();
    assert_eq!(checked, kinds());
    for (key, script) in data {
        assert!(script.as_str().is_some_and(|text| text.contains("return health")), "{key}");
    }
}

#[test]
fn flux_has_a_health_check_for_each_kind_of_the_hub() {
    let kustomization = objects(APPLICATIONS).remove(0);
    let checks = kustomization["spec"]["healthCheckExprs"].as_array().unwrap();
    let version = format!("{}/{}", crd::GROUP, crd::VERSION);
    let checked: BTreeSet<&str> = checks
        .iter()
        .map(|check| {
            assert_eq!(check["apiVersion"], version.as_str());
            check["kind"].as_str().unwrap()
        })
        .collect();
    let hub = ["ClusterServiceBroker", "ServiceBroker", "ServiceInstance", "ServiceBinding"];
    assert_eq!(checked, BTreeSet::from(hub));
}
