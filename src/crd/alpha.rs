//! The alpha API: `servicecatalog.k8s.io/v1alpha1`, the first version of the service catalog. For each object the
//! operator creates a child object of `v1beta1` with the same name.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::binding::rule::fixed;
use super::binding::selector::{keys, labels};
use super::condition::Condition;
use super::raw::RawObject;
use super::reference::{LocalObjectReference, UserInfo};
use super::schema;

/// Desired state of a Broker, which the operator translates to a ClusterServiceBroker.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1alpha1",
    kind = "Broker",
    doc = "A service broker for all namespaces. The operator creates a ClusterServiceBroker for it",
    status = "AlphaStatus",
    derive = "PartialEq",
    shortname = "scbroker",
    category = "all",
    category = "svcat",
    label("svcat", "true"),
    annotation("api-approved.kubernetes.io", "https://github.com/kubernetes-sigs/service-catalog"),
    printcolumn(name = "URL", type_ = "string", json_path = ".spec.url"),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.lastConditionState"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[-1:].message",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct BrokerSpec {
    /// Base URL of the broker, `http://` or `https://`, optionally with a path. The operator appends `/v2/…`.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = schema::url_without_credentials())]
    pub url: String,
    /// How the operator authenticates to the broker. Default: no authentication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AuthInfo")]
    pub auth_info: Option<AuthInfo>,
}

/// How the operator authenticates to the broker.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct AuthInfo {
    /// Secret with the keys `username` and `password`. A user who sets it must be allowed to `get` the Secret.
    pub basic_auth_secret: SecretReference,
}

/// Reference to a Secret in any namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct SecretReference {
    /// Kind of the object: `Secret` or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(extend("enum" = ["", "Secret"]))]
    pub kind: String,
    /// Namespace of the Secret.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Desired state of an Instance, which the operator translates to a ServiceInstance.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1alpha1",
    kind = "Instance",
    namespaced,
    doc = "An instance of a class and plan. The operator creates a ServiceInstance for it",
    status = "AlphaStatus",
    derive = "PartialEq",
    shortname = "scinstance",
    category = "all",
    category = "svcat",
    label("svcat", "true"),
    annotation("api-approved.kubernetes.io", "https://github.com/kubernetes-sigs/service-catalog"),
    selectable = ".status.lastConditionState",
    printcolumn(name = "Class", type_ = "string", json_path = ".spec.serviceClassName"),
    printcolumn(name = "Plan", type_ = "string", json_path = ".spec.planName"),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.lastConditionState"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[-1:].message",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct InstanceSpec {
    /// ClusterServiceClass, by its name in the broker's catalog. Immutable.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("serviceClassName is immutable: create a new instance instead"))]
    pub service_class_name: String,
    /// ClusterServicePlan, by its name in the broker's catalog. May be omitted if the class has exactly one plan.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub plan_name: String,
    /// Parameters for the broker, as defined by the plan's schema: at most 64 KiB and 5000 values.
    #[serde(default, skip_serializing_if = "schema::is_empty_text")]
    #[schemars(schema_with = "schema::object")]
    pub parameters: Option<RawObject>,
    /// User who created the instance or last changed its spec. Set at admission; other values are replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub user_info: Option<UserInfo>,
}

/// Desired state of a Binding, which the operator translates to a ServiceBinding.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1alpha1",
    kind = "Binding",
    namespaced,
    doc = "Credentials for an instance. The operator creates a ServiceBinding for it",
    status = "AlphaStatus",
    derive = "PartialEq",
    shortname = "scbinding",
    category = "all",
    category = "svcat",
    label("svcat", "true"),
    annotation("api-approved.kubernetes.io", "https://github.com/kubernetes-sigs/service-catalog"),
    selectable = ".spec.instanceRef.name",
    selectable = ".status.lastConditionState",
    printcolumn(name = "Service-Instance", type_ = "string", json_path = ".spec.instanceRef.name"),
    printcolumn(name = "Secret-Name", type_ = "string", json_path = ".spec.secretName"),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.lastConditionState"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[-1:].message",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = fixed("instanceRef", "null"))]
#[x_kube(validation = fixed("parameters", "null"))]
#[x_kube(validation = fixed("secretName", "''"))]
pub struct BindingSpec {
    /// Instance in the same namespace. Immutable.
    #[x_kube(validation = Rule::new("has(self.name) && size(self.name) > 0").message("instanceRef needs a name"))]
    pub instance_ref: LocalObjectReference,
    /// Name of the Secret for the credentials. Default: the binding's name. Immutable.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253), regex(pattern = "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"))]
    pub secret_name: String,
    /// Pods in the same namespace with all of these labels get the credentials, as files and environment variables.
    /// Default: none.
    #[serde(
        default,
        deserialize_with = "schema::null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schemars(schema_with = "labels")]
    #[x_kube(validation = keys("self"))]
    pub labels: BTreeMap<String, String>,
    /// Parameters for the broker, as defined by the plan's schema: at most 64 KiB and 5000 values.
    #[serde(default, skip_serializing_if = "schema::is_empty_text")]
    #[schemars(schema_with = "schema::object")]
    pub parameters: Option<RawObject>,
    /// User who created the binding. Set at admission; other values are replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub user_info: Option<UserInfo>,
}

/// Observed state of an alpha object, copied from its child object.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct AlphaStatus {
    /// Child object that the operator created for this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub child: Option<ChildReference>,
    /// Conditions of the child object.
    #[serde(default, deserialize_with = "schema::null_as_default")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// Summary of the conditions, shown in the `Status` column.
    #[serde(default)]
    pub last_condition_state: String,
    /// Generation that was last copied to the child object.
    #[serde(default)]
    pub observed_generation: i64,
    /// Generation that was last applied successfully.
    #[serde(default)]
    pub reconciled_generation: i64,
}

/// Reference to a child object of `servicecatalog.k8s.io/v1beta1`, in the same namespace or cluster-wide.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct ChildReference {
    /// Kind of the child object.
    pub kind: String,
    /// Name of the child object.
    pub name: String,
}
