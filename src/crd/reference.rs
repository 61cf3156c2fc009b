//! References to other objects, and who asked.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// An object of the same namespace, or a cluster-wide one.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct LocalObjectReference {
    /// Its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub name: String,
}

/// An object of any namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct ObjectReference {
    /// Its namespace.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 63))]
    pub namespace: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub name: String,
}

/// Parameters that are taken from somewhere else.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.secretKeyRef)").message("source must not be empty if present"))]
pub struct ParametersFromSource {
    /// The key of a Secret of the same namespace; its value is a JSON object whose members become parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SecretKeyReference")]
    pub secret_key_ref: Option<SecretKeyReference>,
}

/// One key of a Secret of the same namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct SecretKeyReference {
    /// The Secret's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key within its `data`.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// The user who created the object or last changed its spec. Written by the admission policy; what a client
/// sends here is replaced. Brokers get it as the originating identity.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct UserInfo {
    /// The user's name.
    #[serde(default)]
    pub username: String,
    /// The user's unique id.
    #[serde(default)]
    pub uid: String,
    /// The groups that the user is in.
    #[serde(default, deserialize_with = "schema::null_as_default")]
    #[schemars(extend("nullable" = true))]
    pub groups: Vec<String>,
    /// What else the authenticator told.
    #[serde(
        default,
        deserialize_with = "schema::null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schemars(extend("nullable" = true))]
    pub extra: BTreeMap<String, Vec<String>>,
}
