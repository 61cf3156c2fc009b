//! `ServiceBinding`: credentials for an instance, in a Secret and in pods.

mod injection;
mod rotation;
pub mod selector;
mod transform;
mod variable;

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::operation::{BoundInstance, Orphan, RemovalStatus, Schedule};
use super::raw::RawObject;
use super::reference::{LocalObjectReference, ParametersFromSource, UserInfo};
use super::schema;

pub use injection::{EnvFrom, EnvMapping, Injection, Restart};
pub use rotation::{Predecessor, Rotation};
pub use transform::{
    AddKeyTransform, AddKeysFromTransform, MAX_TEXT_BYTES, RemoveKeyTransform, RenameKeyTransform,
    SecretTransform,
};
pub use variable::runs_code;

/// Desired state of a binding: the instance, the Secret for its credentials, and the pods that get them.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1beta1",
    kind = "ServiceBinding",
    namespaced,
    doc = "Credentials for a service instance, stored in a Secret and optionally injected into pods",
    status = "ServiceBindingStatus",
    derive = "PartialEq",
    category = "all",
    category = "svcat",
    label("svcat", "true"),
    label("servicebinding.io/provisioned-service", "true"),
    annotation("api-approved.kubernetes.io", "https://github.com/kubernetes-sigs/service-catalog"),
    selectable = ".spec.instanceRef.name",
    selectable = ".status.lastConditionState",
    printcolumn(name = "Service-Instance", type_ = "string", json_path = ".spec.instanceRef.name"),
    printcolumn(name = "Secret-Name", type_ = "string", json_path = ".spec.secretName"),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.lastConditionState"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.expiresAt", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[-1:].message",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rule::fixed("instanceRef", "null"))]
#[x_kube(validation = rule::fixed("parameters", "null"))]
#[x_kube(validation = rule::fixed("parametersFrom", "[]"))]
#[x_kube(validation = rule::fixed("secretName", "''"))]
#[x_kube(validation = rule::fixed("externalID", "''"))]
pub struct ServiceBindingSpec {
    /// ServiceInstance in the same namespace. Immutable.
    #[x_kube(validation = Rule::new("has(self.name) && size(self.name) > 0").message("instanceRef needs a name"))]
    pub instance_ref: LocalObjectReference,
    /// Parameters for the broker, as defined by the plan's schema. Must not repeat a parameter of `parametersFrom`. Both
    /// together: at most 64 KiB and 5000 values.
    #[serde(default, skip_serializing_if = "schema::is_empty_text")]
    #[schemars(schema_with = "schema::object")]
    pub parameters: Option<RawObject>,
    /// Secrets in the same namespace that hold further parameters.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true), length(max = 64))]
    pub parameters_from: Vec<ParametersFromSource>,
    /// Name of the Secret for the credentials. Default: the binding's name. Immutable.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253), regex(pattern = "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"))]
    pub secret_name: String,
    /// Changes to the credentials before they are written to the Secret, applied in order. All keys, values and templates
    /// together: at most 64 KiB.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true), length(max = 256))]
    #[x_kube(validation = transform::size())]
    pub secret_transforms: Vec<SecretTransform>,
    /// OSB ID of the binding (`binding_id`). Default: a UUID chosen by the operator. Immutable.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "externalID")]
    #[schemars(length(max = 253))]
    pub external_id: String,
    /// User who created the binding. Set at admission; other values are replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub user_info: Option<UserInfo>,
    /// Pods in the same namespace that get the credentials. Default: none. An empty selector selects no pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "selector::schema")]
    #[x_kube(validation = selector::operators())]
    #[x_kube(validation = selector::keys("!has(self.matchLabels) || self.matchLabels"))]
    pub pod_selector: Option<LabelSelector>,
    /// How the selected pods get the credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Injection")]
    pub injection: Option<Injection>,
    /// Value of the Secret's entry `type`, for example `postgresql`. Default: derived from credentials and catalog.
    #[serde(default, rename = "type", skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub type_: String,
    /// Value of the Secret's entry `provider`. Default: derived from credentials and catalog.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub provider: String,
    /// When the operator replaces the credentials, in addition to `renew_before` and `expires_at` from the broker and
    /// the annotation `servicecatalog.k8s.io/rotate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rotation")]
    pub rotation: Option<Rotation>,
}

impl ServiceBinding {
    /// The name of the Secret for the credentials.
    pub fn secret_name(&self) -> &str {
        if self.spec.secret_name.is_empty() {
            self.metadata.name.as_deref().unwrap_or_default()
        } else {
            &self.spec.secret_name
        }
    }
}

/// Operation on a binding at the broker.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingOperation {
    /// The broker creates the binding, or returns its credentials again.
    Bind,
    /// The broker creates a successor, whose credentials replace the current ones.
    Rotate,
    /// The broker deletes the binding.
    Unbind,
}

fn operation(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "enum": ["", "Bind", "Rotate", "Unbind"]})
}

/// Observed state of a binding, with all that the operator needs to resume after a restart.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ServiceBindingStatus {
    /// Current conditions, such as `Ready`, `Failed`, `Injected`, `RolledOut` and `Rotated`.
    #[serde(default, deserialize_with = "schema::null_as_default")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// Whether the operator polls the broker for the result of `currentOperation`.
    #[serde(default)]
    pub async_op_in_progress: bool,
    /// Identifier that the broker gave to the operation being polled (OSB `operation`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub last_operation: Option<String>,
    /// Operation that the operator has requested or is about to request from the broker. Empty if none.
    #[serde(default, deserialize_with = "schema::empty_as_none", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "operation")]
    pub current_operation: Option<BindingOperation>,
    /// Generation of the spec that was last applied successfully.
    #[serde(default)]
    pub reconciled_generation: i64,
    /// Generation of the spec that the operator last acted on.
    #[serde(default, skip_serializing_if = "schema::is_zero")]
    pub observed_generation: i64,
    /// When `currentOperation` started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub operation_start_time: Option<Time>,
    /// Properties that `currentOperation` requests from the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub in_progress_properties: Option<BindingProperties>,
    /// Properties of the binding that the broker last confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub external_properties: Option<BindingProperties>,
    /// Whether the operator is deleting the entries of `orphans` at the broker.
    #[serde(default)]
    pub orphan_mitigation_in_progress: bool,
    /// Whether the operator still has to delete the binding at the broker: `NotRequired`, `Required`, `Succeeded` or
    /// `Failed`.
    #[serde(default, deserialize_with = "schema::known_or_default")]
    #[schemars(with = "String")]
    pub unbind_status: RemovalStatus,
    /// Summary of the conditions, shown in the `Status` column.
    #[serde(default)]
    pub last_condition_state: String,
    /// OSB ID of the binding (`binding_id`) whose credentials the Secret holds. Set before the first request.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "bindingID")]
    pub binding_id: String,
    /// Number of abandoned attempts. Each attempt has its own OSB ID; an abandoned ID is never reused, because the
    /// broker may still have something under it. Rotations count as well.
    #[serde(default, skip_serializing_if = "schema::is_zero")]
    pub abandoned_attempts: i64,
    /// Instances or bindings that the operator has to delete at the broker: leftovers of failed attempts, and replaced
    /// bindings. An entry stays until the broker confirms its deletion.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub orphans: Vec<Orphan>,
    /// Retry state of the current operation: failure count, next attempt, polling deadline. Persisted so that back-off
    /// survives a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Schedule>,
    /// Secret that holds the credentials (servicebinding.io, Provisioned Service).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub binding: Option<LocalObjectReference>,
    /// Digest of the request that the broker rejected. The operator does not send the same request again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub refused: String,
    /// Digest of the Secret's entries. The operator restores the Secret if they drift from it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub secret_digest: String,
    /// Names of the entries that `secretDigest` covers. Absent: all, or too many to name. Entries that a user adds to the
    /// Secret are no drift.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub secret_keys: Vec<String>,
    /// Revision of the Secret's entries and the injection settings. Incremented when either changes; 0 until there are
    /// credentials. New pods are annotated with it.
    #[serde(default, skip_serializing_if = "schema::is_zero")]
    pub revision: i64,
    /// Revision in which the Secret's entries last changed.
    #[serde(default, skip_serializing_if = "schema::is_zero")]
    pub credentials_revision: i64,
    /// Digest of the injection settings of `revision`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub injection_digest: String,
    /// When the broker issued the credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub issued_at: Option<Time>,
    /// When the credentials expire, according to the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub expires_at: Option<Time>,
    /// Time by which the credentials should be renewed, according to the broker (OSB `renew_before`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub renew_before: Option<Time>,
    /// OSB ID of the successor that is being created.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "successorID")]
    pub successor_id: String,
    /// The replaced binding. The operator deletes it when no pod uses its credentials or its grace period is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub predecessor: Option<Predecessor>,
    /// Last handled value of the annotation `servicecatalog.k8s.io/rotate`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rotation_request: String,
}

/// What the operator requests from the broker, or what the broker confirmed.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct BindingProperties {
    /// Parameters. Values from Secrets are shown as `<redacted>`. Absent if they take more than 16 KiB.
    #[serde(default, skip_serializing_if = "schema::is_empty_text")]
    #[schemars(schema_with = "schema::object")]
    pub parameters: Option<RawObject>,
    /// SHA-256 checksum of all parameters, in hexadecimal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub parameter_checksum: String,
    /// User on whose behalf the request is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub user_info: Option<UserInfo>,
    /// OSB ID of the binding that this one succeeds (OSB `predecessor_binding_id`). The successor inherits its
    /// parameters.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "predecessorID")]
    pub predecessor_id: String,
    /// The bound instance, as the broker knows it. Unbinding needs no ServiceInstance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<BoundInstance>,
}

/// The `data` of a Secret.
pub type SecretData = BTreeMap<String, ByteString>;

/// CEL rules for bindings, evaluated by the API server.
pub(super) mod rule {
    use kube::core::Rule;

    /// Makes a field immutable. `empty` is the value that an absent field stands for: some clients write it, others
    /// omit the field.
    pub(in crate::crd) fn fixed(field: &str, empty: &str) -> Rule {
        let value = |object: &str| format!("(has({object}.{field}) ? dyn({object}.{field}) : dyn({empty}))");
        Rule::new(format!("{} == {}", value("self"), value("oldSelf"))).message(kube::core::Message::Message(
            format!("{field} is immutable: create a new binding instead"),
        ))
    }
}
