//! References to other objects, and the user behind a request.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// Reference to an object in the same namespace, or to a cluster-wide one.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct LocalObjectReference {
    /// Name of the object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub name: String,
}

/// Reference to a Secret in the same namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct LocalSecretReference {
    /// Ignored: the Secret is in the namespace of the object that refers to it. Accepted because manifests for
    /// service-catalog set it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 63))]
    pub namespace: String,
    /// Name of the Secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub name: String,
}

/// Reference to an object in any namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct ObjectReference {
    /// Namespace of the object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 63))]
    pub namespace: String,
    /// Name of the object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub name: String,
}

/// Source of parameters.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.secretKeyRef)").message("source must not be empty if present"))]
pub struct ParametersFromSource {
    /// Key of a Secret in the same namespace. Its value is a JSON object whose members become parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SecretKeyReference")]
    pub secret_key_ref: Option<SecretKeyReference>,
}

/// One key of a Secret in the same namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct SecretKeyReference {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in the Secret's `data`.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// User on whose behalf the operator calls the broker, sent as the OSB originating identity. Set by an admission
/// policy; values from clients are replaced.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct UserInfo {
    /// Name of the user.
    #[serde(default)]
    pub username: String,
    /// Unique ID of the user. Stays the same when the username changes.
    #[serde(default)]
    pub uid: String,
    /// Groups that the user belongs to.
    #[serde(default, deserialize_with = "schema::null_as_default")]
    #[schemars(extend("nullable" = true))]
    pub groups: Vec<String>,
    /// Additional information from the authenticator.
    #[serde(
        default,
        deserialize_with = "schema::null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schemars(extend("nullable" = true))]
    pub extra: BTreeMap<String, Vec<String>>,
}
