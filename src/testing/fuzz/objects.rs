//! Can every object be read that the API server stores? A watch delivers all objects of its kind, so a single one that
//! the operator cannot read would keep it from seeing all others.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jsonschema::Validator;
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::corpus::OBJECTS;
use super::mutation::{Json, document};
use super::properties::assert_stable;
use super::target::{Case, Verdict, case};
use crate::crd::readable::Readable;
use crate::crd::{self, alpha};

/// The schema of each kind, as the API server applies it.
static SCHEMAS: LazyLock<BTreeMap<String, Validator>> = LazyLock::new(|| {
    let schema = |definition: &Value| {
        let kind = definition["spec"]["names"]["kind"].as_str().unwrap().to_owned();
        let mut schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
        as_json_schema(&mut schema);
        let options =
            jsonschema::draft7::options().should_validate_formats(true).with_format("byte", is_base64);
        (kind, options.build(&schema).unwrap())
    };
    crd::all().iter().map(|definition| schema(&serde_json::to_value(definition).unwrap())).collect()
});

/// Any object of any kind.
pub fn objects() -> Case {
    case(document(&OBJECTS), |Json(mut object)| {
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        let Some(schema) = SCHEMAS.get(&kind) else { return Verdict::Rejected };
        let is_stored = canonical(&mut object)
            && has_metadata(&object)
            && schema.is_valid(&object)
            && is_written_by_users(&kind, &object);
        if is_stored {
            let fields = fields_of(&object);
            object["metadata"]["managedFields"] = json!([{"manager": "kubectl", "fieldsV1": fields}]);
        }
        let result = match kind.as_str() {
            "Broker" => read::<alpha::Broker>(&object),
            "Instance" => read::<alpha::Instance>(&object),
            "Binding" => read::<alpha::Binding>(&object),
            "ClusterServiceBroker" => read::<crd::ClusterServiceBroker>(&object),
            "ServiceBroker" => read::<crd::ServiceBroker>(&object),
            "ClusterServiceClass" => read::<crd::ClusterServiceClass>(&object),
            "ServiceClass" => read::<crd::ServiceClass>(&object),
            "ClusterServicePlan" => read::<crd::ClusterServicePlan>(&object),
            "ServicePlan" => read::<crd::ServicePlan>(&object),
            "ServiceInstance" => read::<crd::ServiceInstance>(&object),
            _ => read::<crd::ServiceBinding>(&object),
        };
        if is_stored {
            result.unwrap();
            return Verdict::Accepted;
        }
        Verdict::Rejected
    })
}

/// Reads an object as a watch does, and checks that what the operator writes can be read again.
fn read<K>(object: &Value) -> Result<(), serde_json::Error>
where
    K: Resource<DynamicType = ()> + Serialize + DeserializeOwned,
{
    let Readable(read) = serde_json::from_str::<Readable<K>>(&object.to_string())?;
    assert_stable(&read);
    Ok(())
}

/// Writes the numbers as the API server stores them: as 64-bit integers or floats. False if one does not fit.
fn canonical(value: &mut Value) -> bool {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().filter(|float| float.is_finite());
            let stored = match (number.as_i64(), float) {
                (Some(integer), _) => integer.to_string(),
                (None, Some(0.0)) => "0".to_owned(),
                (None, Some(float)) if float.fract() == 0.0 && float.abs() < 1e21 => format!("{float:.0}"),
                (None, Some(float)) => format!("{float:e}"),
                (None, None) => return false,
            };
            *value = serde_json::from_str(&stored).unwrap();
            true
        }
        Value::Array(items) => items.iter_mut().all(canonical),
        Value::Object(members) => members.values_mut().all(canonical),
        _ => true,
    }
}

/// Classes and plans are made of catalogs, whose depth is limited. Others may be written only by cluster administrators.
fn is_written_by_users(kind: &str, object: &Value) -> bool {
    let is_of_catalog = kind.ends_with("Class") || kind.ends_with("Plan");
    !is_of_catalog || depth(object) < 100
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// The fields of an object as the API server describes them in `managedFields`.
fn fields_of(value: &Value) -> Value {
    let Value::Object(members) = value else { return json!({}) };
    members.iter().map(|(name, member)| (format!("f:{name}"), fields_of(member))).collect()
}

/// Whether the object has metadata that the API server accepts. They are the same for all kinds, so it is enough that
/// Kubernetes' own type reads them.
fn has_metadata(object: &Value) -> bool {
    type Metadata = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    serde_json::from_value::<Metadata>(object["metadata"].clone()).is_ok() && object["metadata"].is_object()
}

/// Translates the dialect of `OpenAPI`.
fn as_json_schema(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(as_json_schema),
        Value::Object(members) => {
            members.values_mut().for_each(as_json_schema);
            if members.get("format") == Some(&json!("int64")) {
                members.entry("minimum").or_insert(json!(i64::MIN));
                members.entry("maximum").or_insert(json!(i64::MAX));
            }
            if members.get("nullable") == Some(&Value::Bool(true)) && members.contains_key("type") {
                let type_ = members["type"].clone();
                members.insert("type".to_owned(), json!([type_, "null"]));
                if let Some(Value::Array(options)) = members.get_mut("enum") {
                    options.push(Value::Null);
                }
            }
        }
        _ => {}
    }
}

fn is_base64(text: &str) -> bool {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).is_ok()
}
