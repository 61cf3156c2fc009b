//! How are objects read that their users have nested deeply?
//!
//! Users may store parameters of any depth, and the API server then describes them, as deeply, in
//! `metadata.managedFields`. A JSON parser of limited depth rejects such an object. A watch delivers all objects of its
//! kind, so that one object would keep the operator from seeing any of them, in all namespaces; a list is as bad. Therefore
//! an object is parsed without its managed fields, which no process needs. The parameters themselves are kept as text, of
//! any depth ([`crd::raw`](crate::crd::raw)). `src/testing/fuzz/objects.rs` tests that every object can be read that its
//! schema admits.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// An object that was read without its managed fields.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Readable<K>(pub K);

impl<'de, K: DeserializeOwned> Deserialize<'de> for Readable<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        parse(text.get()).map(Self).map_err(D::Error::custom)
    }
}

fn parse<K: DeserializeOwned>(text: &str) -> Result<K, serde_json::Error> {
    let mut object: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(text)?;
    let Some(metadata) = object.get("metadata") else { return serde_json::from_str(text) };
    let mut metadata: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(metadata.get())?;
    if metadata.remove("managedFields").is_none() {
        return serde_json::from_str(text);
    }
    let metadata = to_raw_value(&metadata)?;
    object.insert("metadata".into(), &metadata);
    serde_json::from_str(&serde_json::to_string(&object)?)
}

impl<K: Resource> Resource for Readable<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dynamic: &K::DynamicType) -> Cow<'_, str> {
        K::kind(dynamic)
    }

    fn group(dynamic: &K::DynamicType) -> Cow<'_, str> {
        K::group(dynamic)
    }

    fn version(dynamic: &K::DynamicType) -> Cow<'_, str> {
        K::version(dynamic)
    }

    fn plural(dynamic: &K::DynamicType) -> Cow<'_, str> {
        K::plural(dynamic)
    }

    fn metadata_api() -> bool {
        K::metadata_api()
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.meta()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.meta_mut()
    }
}

#[cfg(test)]
mod tests {
    use kube::ResourceExt as _;

    use super::*;
    use crate::crd::ServiceInstance;

    /// As the API server stores an instance of a user.
    fn stored(depth: usize) -> String {
        let (open, close) = (r#"{"f:a":"#.repeat(depth), "}".repeat(depth));
        let parameters = format!("{open}1{close}");
        format!(
            r#"{{"apiVersion":"servicecatalog.k8s.io/v1beta1","kind":"ServiceInstance","metadata":{{"name":"deep",
            "managedFields":[{{"fieldsV1":{{"f:spec":{{"f:parameters":{parameters}}}}}}}],"uid":"1"}},
            "spec":{{"parameters":{parameters}}}}}"#
        )
    }

    /// Seen to fail without `Readable`: the parser ends at 128 levels.
    #[test]
    fn an_object_of_any_depth_is_read() {
        for depth in [1, 100, 10_000] {
            let Readable(instance) =
                serde_json::from_str::<Readable<ServiceInstance>>(&stored(depth)).unwrap();
            assert_eq!((instance.name_any().as_str(), instance.uid().as_deref()), ("deep", Some("1")));
            assert_eq!(instance.metadata.managed_fields, None);
            let parameters = instance.spec.parameters.unwrap();
            assert_eq!(parameters.as_str().matches('{').count(), depth);
        }
    }

    #[test]
    fn an_object_without_managed_fields_is_read_as_it_is() {
        for text in [
            r#"{"metadata":{"name":"x"},"spec":{"externalID":"metadata"}}"#,
            r#"{"spec":{"externalID":"metadata"},"metadata":{"managedFields":[],"name":"x"}}"#,
        ] {
            let Readable(instance) = serde_json::from_str::<Readable<ServiceInstance>>(text).unwrap();
            assert_eq!((instance.name_any().as_str(), instance.spec.external_id.as_str()), ("x", "metadata"));
        }
        for text in ["[]", "1", r#"{"metadata":1}"#, r#"{"metadata":{}}"#] {
            assert!(serde_json::from_str::<Readable<ServiceInstance>>(text).is_err(), "{text}");
        }
    }
}
