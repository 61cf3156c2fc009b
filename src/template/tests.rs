//! Helpers for the tests of the parts, and the tests of the whole.

#![expect(clippy::needless_pass_by_value, reason = "JSON is written where it is passed")]

mod library;
mod properties;

use serde_json::{Value, json};

use super::{Definition, Images, Inputs, Origin, Platform, Problems, Values};
use crate::crd::template::Template;

/// The instance of the tests.
pub(super) const ORIGIN: Origin = Origin { instance_id: "i-1", instance_name: "orders", namespace: "shop" };

/// Parses a template on a cluster without OpenShift's kinds, and with images for redis.
pub(super) fn parse(template: Value) -> Result<Definition, Problems> {
    let images: Images = [("openshift/redis:7", "quay.io/redis:7"), ("tool:1", "quay.io/tool:1")]
        .map(own)
        .into_iter()
        .collect();
    let is_served = |api_version: &str, kind: &str| {
        kind != "DeploymentConfig" && !api_version.contains("openshift.io") && kind != "Route"
    };
    let template: Template = serde_json::from_value(template).unwrap();
    Definition::parse(&template, &Platform { images: &images, is_served: &is_served })
}

/// The problems of a template.
pub(super) fn problems(template: Value) -> Vec<String> {
    parse(template).unwrap_err().iter().map(str::to_owned).collect()
}

/// A template with these parameters, and one ConfigMap with this data.
pub(super) fn template(parameters: Value, data: Value) -> Value {
    let metadata = json!({"name": "${INSTANCE_NAME}"});
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
    let metadata = json!({"namespace": "catalog", "name": "store"});
    json!({"metadata": metadata, "objects": [object], "parameters": parameters})
}

/// The template with an annotation.
pub(super) fn annotated(mut template: Value, annotation: &str, text: &str) -> Value {
    template["metadata"]["annotations"][annotation] = json!(text);
    template
}

/// Resolves the parameters of the first plan.
pub(super) fn resolve(definition: &Definition, given: Value, stored: &Values) -> Result<Values, Vec<String>> {
    let given = given.as_object().unwrap().clone();
    let inputs = Inputs { plan: &definition.plans[0], given: &given, stored, origin: ORIGIN };
    let resolved = definition.resolve(&inputs, &mut random());
    resolved.map_err(|problems| problems.iter().map(str::to_owned).collect())
}

/// Reproducible bytes in place of random ones.
pub(super) fn random() -> impl FnMut(&mut [u8]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move |bytes| {
        for byte in bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state.to_be_bytes()[0];
        }
    }
}

/// Values from pairs.
pub(super) fn values<const N: usize>(pairs: [(&str, &str); N]) -> Values {
    pairs.map(own).into()
}

fn own((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
