//! Which credentials does a binding get? Objects expose keys by annotations, whose values are `JSONPath` texts.
//!
//! As in OpenShift, `expose-KEY` of a Secret sees decoded data, and `base64-expose-KEY` sees it as it is stored. An
//! expression that finds nothing adds nothing: `http://{.spec.host}{.spec.path}`. Unlike there, a key for which no
//! expression finds anything is an error: a program would otherwise get an empty address of a load balancer that has
//! none yet. The entry point is [`credentials`].

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

use super::annotation::exposed_key;
use super::jsonpath::{Text, TooMuch};
use super::object::{annotations, api_version, describe, group, kind};
use super::problem::{Problems, short};

/// The longest value of a key, in bytes.
const MAX_KEY_BYTES: usize = 64 * 1024;

/// How long all values of a binding may be together, in bytes.
const MAX_BYTES: usize = 512 * 1024;

/// The kinds whose objects can expose keys, with their API groups.
const EXPOSABLE: [(&str, &str); 7] = [
    ("", "ConfigMap"),
    ("", "Secret"),
    ("", "Service"),
    ("", "Route"),
    ("route.openshift.io", "Route"),
    ("networking.k8s.io", "Ingress"),
    ("gateway.networking.k8s.io", "HTTPRoute"),
];

/// Whether objects of a kind can expose keys.
pub fn is_exposable(api_version: &str, kind: &str) -> bool {
    EXPOSABLE.contains(&(group(api_version), kind))
}

/// The credentials that live objects expose. Objects of other kinds expose nothing.
pub fn credentials(objects: &[Value]) -> Result<Map<String, Value>, Problems> {
    let mut problems = Problems::default();
    let mut credentials = Map::new();
    let mut size = 0;
    for object in objects.iter().filter(|object| is_exposable(api_version(object), kind(object))) {
        let decoded = decode(object);
        for (key, is_base64, text) in exposed(object) {
            let seen = if is_base64 { object } else { decoded.as_ref().unwrap_or(object) };
            let value = value(text, seen).map_err(|why| {
                format!("cannot expose the key {:?} of {}: {why}", short(key), describe(object))
            });
            let Some(value) = problems.record(value) else { continue };
            size += key.len() + value.len();
            if credentials.insert(key.to_owned(), Value::String(value)).is_some() {
                problems.add(exposed_twice(key));
            }
        }
    }
    if size > MAX_BYTES {
        problems.add(format!("the exposed keys together have more than {MAX_BYTES} bytes"));
    }
    problems.or(credentials)
}

/// What is wrong if two annotations expose one key.
pub(super) fn exposed_twice(key: &str) -> String {
    format!("the key {:?} is exposed twice: use different keys", short(key))
}

/// The keys that an object exposes, whether data of a Secret stays in base64, and the `JSONPath` texts.
pub(super) fn exposed(object: &Value) -> impl Iterator<Item = (&str, bool, &str)> {
    annotations(object).into_iter().flatten().filter_map(|(name, text)| {
        let (key, is_base64) = exposed_key(name).filter(|(key, _)| !key.is_empty())?;
        Some((key, is_base64, text.as_str()?))
    })
}

fn value(text: &str, object: &Value) -> Result<String, String> {
    let text = Text::parse(text).map_err(|why| format!("its JSONPath is not valid: {why}"))?;
    let rendered = text.render(object, MAX_KEY_BYTES).map_err(|TooMuch| {
        format!("it has more than {MAX_KEY_BYTES} bytes, or its JSONPath visits too much")
    })?;
    if rendered.found_nothing {
        return Err("its JSONPath finds nothing; bind again when the object has the field".to_owned());
    }
    Ok(rendered.text)
}

/// A Secret with decoded data. Bytes that are not UTF-8 are replaced, as in OpenShift; `base64-expose` keeps them.
fn decode(object: &Value) -> Option<Value> {
    if (api_version(object), kind(object)) != ("v1", "Secret") {
        return None;
    }
    let mut secret = object.clone();
    for value in secret.get_mut("data")?.as_object_mut()?.values_mut() {
        let bytes = value.as_str().and_then(|text| BASE64_STANDARD.decode(text).ok())?;
        *value = Value::String(String::from_utf8_lossy(&bytes).into_owned());
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const URI: &str = r#"redis://{.spec.clusterIP}:{.spec.ports[?(.name=="redis")].port}{.spec.path}"#;

    fn secret() -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "redis", "annotations": {
                "template.openshift.io/expose-password": "{.data['database-password']}",
                "template.openshift.io/base64-expose-keystore": "{.data.jks}",
                "template.openshift.io/base64-expose-name": "{.metadata.name}",
                "unrelated": "{",
            }},
            "data": {"database-password": "c2VjcmV0", "jks": "/v8="},
        })
    }

    fn service() -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "redis", "annotations": {
                "template.openshift.io/expose-uri": URI,
                "template.openshift.io/expose-port": "{.spec.ports[0].nodePort}",
            }},
            "spec": {"clusterIP": "10.0.0.1", "ports": [{"name": "redis", "port": 6379, "nodePort": 30001}]},
        })
    }

    #[test]
    fn a_binding_gets_what_the_objects_expose() {
        let expected = json!({
            "password": "secret", "keystore": "/v8=", "name": "redis", "uri": "redis://10.0.0.1:6379",
            "port": "30001",
        });
        assert_eq!(credentials(&[secret(), service()]).map(Value::Object), Ok(expected));
    }

    #[test]
    fn only_some_kinds_expose() {
        let mut object = service();
        object["kind"] = json!("Deployment");
        assert_eq!(credentials(&[object, json!(null), json!({"kind": "Secret"})]), Ok(Map::new()));
        assert!(is_exposable("gateway.networking.k8s.io/v1", "HTTPRoute"));
        assert!(!is_exposable("example.com/v1", "Secret"));
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_unless_base64_is_asked_for() {
        let mut object = secret();
        object["metadata"]["annotations"] = json!({"template.openshift.io/expose-k": "{.data.jks}"});
        assert_eq!(credentials(&[object]).unwrap()["k"], json!("\u{fffd}\u{fffd}"));
    }

    #[test]
    fn problems_name_key_and_object_but_no_value() {
        let mut broken = service();
        broken["metadata"]["annotations"] = json!({
            "template.openshift.io/expose-host": "{.status.loadBalancer.ingress[0].ip}",
            "template.openshift.io/expose-bad": "{.spec",
            "template.openshift.io/expose-password": "{.spec.clusterIP}",
        });
        let problems = credentials(&[secret(), broken]).unwrap_err();
        assert_eq!(
            problems.iter().collect::<Vec<_>>(),
            [
                "cannot expose the key \"bad\" of Service redis: its JSONPath is not valid: a closing brace \
                 is missing",
                "cannot expose the key \"host\" of Service redis: its JSONPath finds nothing; bind again \
                 when the object has the field",
                "the key \"password\" is exposed twice: use different keys",
            ]
        );
    }

    #[test]
    fn sizes_are_limited() {
        let object = |size: usize, keys: usize| {
            let annotations: Map<_, _> = (0..keys)
                .map(|index| (format!("template.openshift.io/expose-{index}"), json!("{.data.a}")))
                .collect();
            let data = json!({"a": "x".repeat(size)});
            let metadata = json!({"annotations": annotations});
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
        };
        assert!(credentials(&[object(MAX_KEY_BYTES, 7)]).is_ok());
        assert!(credentials(&[object(MAX_KEY_BYTES + 1, 1)]).is_err());
        assert!(credentials(&[object(MAX_KEY_BYTES, 9)]).is_err());
    }
}
