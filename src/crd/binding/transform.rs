//! `spec.secretTransforms` of a binding: changes to the credentials before they are written to the Secret.

use k8s_openapi::ByteString;
use kube::KubeSchema;
use kube::core::{Message, Rule};
use serde::{Deserialize, Serialize};

use crate::crd::reference::ObjectReference;
use crate::crd::schema;

/// The limit of all transforms of a binding together, in bytes of their keys, values and templates. The operator keeps them
/// in memory.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// CEL rule for [`MAX_TEXT_BYTES`].
pub(super) fn size() -> Rule {
    let length = |field: &str| format!("(has({field}) ? size({field}) : 0)");
    let of = |field: &str, members: &[&str]| {
        let members: Vec<String> =
            members.iter().map(|member| length(&format!("{field}.{member}"))).collect();
        format!("(has({field}) ? {} : 0)", members.join(" + "))
    };
    let sum = [
        of("t.addKey", &["key", "stringValue", "value", "jsonPathExpression"]),
        of("t.renameKey", &["from", "to"]),
        of("t.removeKey", &["key"]),
    ];
    let rule = format!("self.map(t, {}).sum() <= {MAX_TEXT_BYTES}", sum.join(" + "));
    let message = format!("keys, values and templates together may take {MAX_TEXT_BYTES} bytes");
    Rule::new(rule).message(Message::Message(message))
}

/// One change to the credentials. Set exactly one field.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct SecretTransform {
    /// Renames an entry. Has no effect if the entry does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub rename_key: Option<RenameKeyTransform>,
    /// Adds an entry, or replaces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub add_key: Option<AddKeyTransform>,
    /// Adds all entries of another Secret in the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub add_keys_from: Option<AddKeysFromTransform>,
    /// Removes an entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub remove_key: Option<RemoveKeyTransform>,
}

/// Renames an entry.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct RenameKeyTransform {
    /// Current name of the entry.
    #[schemars(length(max = 1024))]
    pub from: String,
    /// New name of the entry.
    #[schemars(length(max = 1024))]
    pub to: String,
}

/// Adds an entry. The first of `jsonPathExpression`, `stringValue` and `value` that is set determines its value.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct AddKeyTransform {
    /// Name of the entry.
    #[schemars(length(max = 1024))]
    pub key: String,
    /// Value, base64-encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::short_bytes")]
    pub value: Option<ByteString>,
    /// Value, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true), length(max = 65536))]
    pub string_value: Option<String>,
    /// Value, as a `JSONPath` template over the credentials, for example `{.uri}`. A filter refers to the element as `@`;
    /// it may contain neither `$`, a function nor another filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true), length(max = 65536))]
    pub json_path_expression: Option<String>,
}

/// Adds all entries of another Secret.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct AddKeysFromTransform {
    /// The Secret, in the binding's namespace. A user who sets it must be allowed to `get` the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub secret_ref: Option<ObjectReference>,
}

/// Removes an entry.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct RemoveKeyTransform {
    /// Name of the entry.
    #[schemars(length(max = 1024))]
    pub key: String,
}
