//! Bindings: credentials to an instance, in a Secret and in pods.

mod injection;
mod rotation;
mod transform;

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::condition::Condition;
use super::operation::{BoundInstance, Orphan, RemovalStatus, Schedule};
use super::reference::{LocalObjectReference, ParametersFromSource, UserInfo};
use super::schema;

pub use injection::{EnvFrom, EnvMapping, Injection, Restart};
pub use rotation::{Predecessor, Rotation};
pub use transform::{
    AddKeyTransform, AddKeysFromTransform, RemoveKeyTransform, RenameKeyTransform, SecretTransform,
};

/// Credentials to an instance of the same namespace: a Secret, and the pods that get it.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1beta1",
    kind = "ServiceBinding",
    namespaced,
    doc = "Credentials to an instance: a Secret, and the pods that get it",
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
    /// The instance, which is in the same namespace.
    #[x_kube(validation = Rule::new("has(self.name) && size(self.name) > 0").message("instanceRef needs a name"))]
    pub instance_ref: LocalObjectReference,
    /// What the broker is asked for, as the plan's schema describes it. May not repeat a member of `parametersFrom`.
    #[serde(default, skip_serializing_if = "schema::is_empty")]
    #[schemars(schema_with = "schema::object")]
    pub parameters: Option<Map<String, Value>>,
    /// Parameters that are kept in Secrets of the namespace.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true), length(max = 64))]
    pub parameters_from: Vec<ParametersFromSource>,
    /// The Secret that the credentials are written to. Absent: it has the binding's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253), regex(pattern = "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"))]
    pub secret_name: String,
    /// How the credentials are changed, step by step, before they are written.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true), length(max = 256))]
    pub secret_transforms: Vec<SecretTransform>,
    /// The id that the broker is to know the binding by. Absent: the operator chooses one.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "externalID")]
    #[schemars(length(max = 253))]
    pub external_id: String,
    /// Who created the binding. Written at admission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub user_info: Option<UserInfo>,
    /// The pods of the namespace that get the credentials. Absent or empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "LabelSelector")]
    #[x_kube(validation = rule::selector())]
    pub pod_selector: Option<LabelSelector>,
    /// How those pods get them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Injection")]
    pub injection: Option<Injection>,
    /// The entry `type` of the Secret, like `postgresql`. Absent: found from credentials and catalog.
    #[serde(default, rename = "type", skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub type_: String,
    /// The entry `provider` of the Secret. Absent: found from credentials and catalog.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub provider: String,
    /// When the credentials are replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rotation")]
    pub rotation: Option<Rotation>,
}

impl ServiceBinding {
    /// The Secret that the credentials are written to.
    pub fn secret_name(&self) -> &str {
        if self.spec.secret_name.is_empty() {
            self.metadata.name.as_deref().unwrap_or_default()
        } else {
            &self.spec.secret_name
        }
    }
}

/// What an operation at the broker is doing to a binding.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingOperation {
    /// It is being made.
    Bind,
    /// Its successor is being made, to replace the credentials.
    Rotate,
    /// It is being removed.
    Unbind,
}

fn operation(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "enum": ["", "Bind", "Rotate", "Unbind"]})
}

/// What the operator knows of a binding. Everything that must survive the operator is here.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ServiceBindingStatus {
    /// What is true of the binding now.
    #[serde(default, deserialize_with = "schema::null_as_default")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The broker works on `currentOperation` and is asked from time to time how far it is.
    #[serde(default)]
    pub async_op_in_progress: bool,
    /// What the broker calls the operation that it works on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub last_operation: Option<String>,
    /// What the broker has been or is about to be asked to do.
    #[serde(default, deserialize_with = "schema::empty_as_none", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "operation")]
    pub current_operation: Option<BindingOperation>,
    /// The generation that was carried out last.
    #[serde(default)]
    pub reconciled_generation: i64,
    /// The generation that was worked on last.
    #[serde(default, skip_serializing_if = "schema::is_zero")]
    pub observed_generation: i64,
    /// When `currentOperation` began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub operation_start_time: Option<Time>,
    /// What `currentOperation` asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub in_progress_properties: Option<BindingProperties>,
    /// What the broker has confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub external_properties: Option<BindingProperties>,
    /// Something that a failed attempt may have left at the broker is being removed; see `orphans`.
    #[serde(default)]
    pub orphan_mitigation_in_progress: bool,
    /// Whether the broker has to be asked to remove the binding: `NotRequired`, `Required`, `Succeeded` or `Failed`.
    #[serde(default, deserialize_with = "schema::known_or_default")]
    #[schemars(with = "String")]
    pub unbind_status: RemovalStatus,
    /// The `Status` column.
    #[serde(default)]
    pub last_condition_state: String,
    /// The id by which the broker knows the binding, or is about to.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "bindingID")]
    pub binding_id: String,
    /// How many ids have been given up, because something may be left under them or they have had a successor.
    #[serde(default, skip_serializing_if = "schema::is_zero")]
    pub abandoned_attempts: i64,
    /// What failed attempts may have left at the broker, until it is surely gone.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub orphans: Vec<Orphan>,
    /// When and how often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Schedule>,
    /// The Secret that holds the credentials (servicebinding.io, Provisioned Service).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub binding: Option<LocalObjectReference>,
    /// A digest of what the broker has refused: it is not asked for that again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub refused: String,
    /// A digest of the Secret's entries, by which a change of them is noticed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub secret_digest: String,
    /// Counts what pods get: the entries of the Secret, and how they are injected. 0: nothing yet.
    #[serde(default, skip_serializing_if = "schema::is_zero")]
    pub revision: i64,
    /// The revision from which on the Secret has the entries that it has now.
    #[serde(default, skip_serializing_if = "schema::is_zero")]
    pub credentials_revision: i64,
    /// A digest of how `revision` is injected.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub injection_digest: String,
    /// When the broker gave the credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub issued_at: Option<Time>,
    /// When they become invalid, says the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub expires_at: Option<Time>,
    /// When they should have been replaced, says the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub renew_before: Option<Time>,
    /// The id of the successor that is being made.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "successorID")]
    pub successor_id: String,
    /// What the credentials have replaced, until nobody uses it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub predecessor: Option<Predecessor>,
    /// The request to replace the credentials that was heard last: the value of the annotation.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rotation_request: String,
}

/// What the broker is asked for, or has confirmed.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct BindingProperties {
    /// The parameters; what came from Secrets is `<redacted>`.
    #[serde(default, skip_serializing_if = "schema::is_empty")]
    #[schemars(schema_with = "schema::object")]
    pub parameters: Option<Map<String, Value>>,
    /// SHA-256 of all parameters, in hexadecimal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub parameter_checksum: String,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub user_info: Option<UserInfo>,
    /// The binding that it succeeds, if the broker made it from that one: with the parameters of that one, none of its own.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "predecessorID")]
    pub predecessor_id: String,
    /// The instance that was bound: the unbind goes to it whatever has become of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<BoundInstance>,
}

/// The entries of a Secret.
pub type SecretData = BTreeMap<String, ByteString>;

/// What the API server checks of a binding by itself.
pub(super) mod rule {
    use kube::core::Rule;

    pub(super) fn selector() -> Rule {
        Rule::new(
            "!has(self.matchExpressions) || self.matchExpressions.all(e, \
             e.operator in ['In', 'NotIn'] ? has(e.values) && size(e.values) > 0 : \
             e.operator in ['Exists', 'DoesNotExist'] && (!has(e.values) || size(e.values) == 0))",
        )
        .message(
            "the operators are In and NotIn, which need values, and Exists and DoesNotExist, which take none",
        )
    }

    /// `empty` is how the field is read if it is absent: clients do not agree on whether they write it then.
    pub(in crate::crd) fn fixed(field: &str, empty: &str) -> Rule {
        let value = |object: &str| format!("(has({object}.{field}) ? dyn({object}.{field}) : dyn({empty}))");
        Rule::new(format!("{} == {}", value("self"), value("oldSelf"))).message(kube::core::Message::Message(
            format!("{field} is immutable: create a new binding instead"),
        ))
    }
}
