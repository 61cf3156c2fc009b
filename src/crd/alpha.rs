//! The alpha API: `servicecatalog.k8s.io/v1alpha1`, with which the service catalog began. Of each object the operator
//! makes one of `v1beta1`, its child, which has the same name.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::binding::rule::fixed;
use super::condition::Condition;
use super::reference::{LocalObjectReference, UserInfo};
use super::schema;

/// A service broker that every namespace can use: a ClusterServiceBroker.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1alpha1",
    kind = "Broker",
    doc = "A service broker that every namespace can use; the operator makes a ClusterServiceBroker of it",
    status = "AlphaStatus",
    derive = "PartialEq",
    shortname = "scbroker",
    category = "all",
    category = "svcat",
    label("svcat", "true"),
    annotation("api-approved.kubernetes.io", "https://github.com/kubernetes-sigs/service-catalog"),
    printcolumn(name = "URL", type_ = "string", json_path = ".spec.url"),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.lastConditionState"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct BrokerSpec {
    /// The address of the broker, `http://` or `https://`, with a path if it has one. The operator appends `/v2/…`.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
    /// How the operator proves to the broker who it is. Absent: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AuthInfo")]
    pub auth_info: Option<AuthInfo>,
}

/// How the operator proves to the broker who it is.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct AuthInfo {
    /// The Secret that has the keys `username` and `password`. Whoever writes this must be allowed to read it.
    pub basic_auth_secret: SecretReference,
}

/// A Secret of any namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct SecretReference {
    /// `Secret`, if anything.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(extend("enum" = ["", "Secret"]))]
    pub kind: String,
    /// Its namespace.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// An instance of a class and plan of the whole cluster: a ServiceInstance.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1alpha1",
    kind = "Instance",
    namespaced,
    doc = "An instance of a class and plan; the operator makes a ServiceInstance of it",
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
    /// The ClusterServiceClass, by the name that the broker gave it.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("serviceClassName is immutable: create a new instance instead"))]
    pub service_class_name: String,
    /// The ClusterServicePlan, by the name that the broker gave it. Absent: the class must have just one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub plan_name: String,
    /// What the broker is asked for, as the plan's schema describes it.
    #[serde(default, skip_serializing_if = "schema::is_empty")]
    #[schemars(schema_with = "schema::object")]
    pub parameters: Option<Map<String, Value>>,
    /// Who created the instance or last changed its spec. Written at admission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub user_info: Option<UserInfo>,
}

/// Credentials to an instance of the same namespace: a ServiceBinding.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1alpha1",
    kind = "Binding",
    namespaced,
    doc = "Credentials to an instance; the operator makes a ServiceBinding of it",
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
    /// The instance, which is in the same namespace.
    #[x_kube(validation = Rule::new("has(self.name) && size(self.name) > 0").message("instanceRef needs a name"))]
    pub instance_ref: LocalObjectReference,
    /// The Secret that the credentials are written to. Absent: it has the binding's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253), regex(pattern = "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"))]
    pub secret_name: String,
    /// The pods of the namespace that have all of these labels get the credentials, as files and as variables.
    /// Absent or empty: none.
    #[serde(
        default,
        deserialize_with = "schema::null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schemars(extend("nullable" = true))]
    pub labels: BTreeMap<String, String>,
    /// What the broker is asked for, as the plan's schema describes it.
    #[serde(default, skip_serializing_if = "schema::is_empty")]
    #[schemars(schema_with = "schema::object")]
    pub parameters: Option<Map<String, Value>>,
    /// Who created the binding. Written at admission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub user_info: Option<UserInfo>,
}

/// What became of an object of the alpha API: what its child says.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct AlphaStatus {
    /// The object that the operator has made of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub child: Option<ChildReference>,
    /// What is true of the child now.
    #[serde(default, deserialize_with = "schema::null_as_default")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The `Status` column.
    #[serde(default)]
    pub last_condition_state: String,
    /// The generation that was passed on last.
    #[serde(default)]
    pub observed_generation: i64,
    /// The generation that was carried out last.
    #[serde(default)]
    pub reconciled_generation: i64,
}

/// An object of `servicecatalog.k8s.io/v1beta1`, in the same namespace if it has one.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct ChildReference {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}
