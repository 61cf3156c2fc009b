//! How the credentials of a binding are changed before they are written.

use k8s_openapi::ByteString;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::crd::reference::ObjectReference;
use crate::crd::schema;

/// One change of the credentials; one of the four.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct SecretTransform {
    /// Gives an entry another name. Nothing happens if it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub rename_key: Option<RenameKeyTransform>,
    /// Adds an entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub add_key: Option<AddKeyTransform>,
    /// Adds all entries of another Secret of the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub add_keys_from: Option<AddKeysFromTransform>,
    /// Takes an entry away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub remove_key: Option<RemoveKeyTransform>,
}

/// Gives an entry another name.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct RenameKeyTransform {
    /// Its name so far.
    pub from: String,
    /// Its new name.
    pub to: String,
}

/// Adds an entry, with the first of `jsonPathExpression`, `stringValue` and `value` that is given.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct AddKeyTransform {
    /// Its name.
    pub key: String,
    /// Its value, base64-encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::bytes")]
    pub value: Option<ByteString>,
    /// Its value, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub string_value: Option<String>,
    /// Its value, found in the credentials, like `{.uri}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub json_path_expression: Option<String>,
}

/// Adds all entries of another Secret.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct AddKeysFromTransform {
    /// The Secret. Its namespace is the binding's, or absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub secret_ref: Option<ObjectReference>,
}

/// Takes an entry away.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct RemoveKeyTransform {
    /// Its name.
    pub key: String,
}
