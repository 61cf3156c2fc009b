//! Brokers: where a catalog comes from, and how to speak to it.

use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::reference::{LocalObjectReference, ObjectReference};
use super::schema;

/// What both kinds of broker have in common.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct CommonServiceBrokerSpec {
    /// The address of the broker, `http://` or `https://`, with a path if it has one. The operator appends `/v2/…`.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
    /// Accept any TLS certificate. For tests: whoever sits in between reads the credentials.
    #[serde(default, skip_serializing_if = "std::ops::Not::not", rename = "insecureSkipTLSVerify")]
    pub insecure_skip_tls_verify: bool,
    /// The certificates (PEM, base64-encoded) that sign the broker's, in place of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::bytes")]
    pub ca_bundle: Option<ByteString>,
    /// When the catalog is fetched again: `Duration` (the default), or `Manual`, which is only on request.
    #[serde(default, deserialize_with = "schema::empty_as_none", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "relist_behavior")]
    pub relist_behavior: Option<RelistBehavior>,
    /// How long after a fetch the next one is due, like `15m` or `1h30m`; less than `1s` counts as `1s`. The operator's setting if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("nullable" = true))]
    #[x_kube(validation = Rule::new("self == '' || duration(self) > duration('0s')").message("relistDuration must be a duration greater than zero, like 15m"))]
    pub relist_duration: Option<String>,
    /// Raise it to have the catalog fetched now. It never goes down; 0 leaves it as it was.
    #[serde(default, deserialize_with = "schema::integer")]
    #[schemars(range(min = 0))]
    #[x_kube(validation = Rule::new("self == 0 || self >= oldSelf").message("RelistRequests must be strictly increasing"))]
    pub relist_requests: i64,
    /// Which classes and plans of the catalog are published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_restrictions: Option<CatalogRestrictions>,
}

/// When a catalog is fetched again.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RelistBehavior {
    /// After `relistDuration`, and on request.
    #[default]
    Duration,
    /// Only on request.
    Manual,
}

fn relist_behavior(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "enum": ["", "Duration", "Manual"]})
}

/// Requirements in the grammar of label selectors; all of a list must hold.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct CatalogRestrictions {
    /// On `name`, `spec.externalName` and `spec.externalID` of classes, like `spec.externalName in (mysql, redis)`.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 4096)), extend("nullable" = true))]
    #[x_kube(validation = rule::requirements(rule::OF_CLASSES))]
    pub service_class: Vec<String>,
    /// On the same properties of plans, and on `spec.free`, `spec.clusterServiceClass.name` and `spec.serviceClass.name`.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 4096)), extend("nullable" = true))]
    #[x_kube(validation = rule::requirements(rule::OF_PLANS))]
    pub service_plan: Vec<String>,
}

/// What the API server checks of a broker by itself.
mod rule {
    use kube::core::{Message, Rule};

    pub(super) const OF_CLASSES: &[&str] = &["name", "spec.externalName", "spec.externalID"];

    pub(super) const OF_PLANS: &[&str] = &[
        "name",
        "spec.externalName",
        "spec.externalID",
        "spec.free",
        "spec.clusterServiceClass.name",
        "spec.serviceClass.name",
    ];

    /// The grammar that `domain::restriction` reads, as a regular expression.
    pub(super) fn requirements(properties: &[&str]) -> Rule {
        const SPACE: &str = r"[\t-\r\x{85}\p{Z}]*";
        let property = properties.join("|").replace('.', r"\.");
        let value = format!("{SPACE}(!=|==?)[^,]*");
        let set = format!(r"{SPACE}(in|notin){SPACE}\([^)]*\){SPACE}");
        // A name ends where a space or an operator begins.
        let requirement = format!(r"{SPACE}({property})({value}|\b{set})");
        let rule = format!("self.all(text, text.matches(r'^{requirement}(,{requirement})*$'))");
        let (last, others) = properties.split_last().unwrap_or((&"", &[]));
        let message = format!(
            "must be requirements, separated by commas, like PROPERTY=VALUE, PROPERTY!=VALUE, PROPERTY in (VALUE, …) or \
             PROPERTY notin (VALUE, …), where PROPERTY is {} or {last}",
            others.join(", ")
        );
        Rule::new(rule).message(Message::Message(message))
    }
}

/// How the operator proves to the broker who it is.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[x_kube(validation = Rule::new("has(self.basic) || has(self.bearer)").message("auth config is required: basic or bearer"))]
pub struct ClusterBrokerAuthInfo {
    /// With the keys `username` and `password` of a Secret. Wins if both are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ClusterAuthConfig")]
    pub basic: Option<ClusterAuthConfig>,
    /// With the key `token` of a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ClusterAuthConfig")]
    pub bearer: Option<ClusterAuthConfig>,
}

/// The Secret that a cluster-wide broker's credentials are in.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.secretRef)").message("an auth secret is required: secretRef"))]
pub struct ClusterAuthConfig {
    /// Its namespace and name. Whoever writes this must be allowed to read that Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("has(self.name) && self.name != '' && has(self.namespace) && self.namespace != ''").message("secretRef needs a namespace and a name"))]
    #[schemars(with = "ObjectReference")]
    pub secret_ref: Option<ObjectReference>,
}

/// How the operator proves to the broker who it is.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[x_kube(validation = Rule::new("has(self.basic) || has(self.bearer)").message("auth config is required: basic or bearer"))]
pub struct BrokerAuthInfo {
    /// With the keys `username` and `password` of a Secret. Wins if both are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AuthConfig")]
    pub basic: Option<AuthConfig>,
    /// With the key `token` of a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AuthConfig")]
    pub bearer: Option<AuthConfig>,
}

/// The Secret, in the broker's namespace, that its credentials are in.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.secretRef)").message("an auth secret is required: secretRef"))]
pub struct AuthConfig {
    /// Its name. Whoever writes this must be allowed to read that Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("has(self.name) && self.name != ''").message("secretRef needs a name"))]
    #[schemars(with = "LocalObjectReference")]
    pub secret_ref: Option<LocalObjectReference>,
}

/// A service broker whose classes and plans every namespace can use.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1beta1",
    kind = "ClusterServiceBroker",
    doc = "A service broker whose classes and plans every namespace can use",
    status = "BrokerStatus",
    derive = "PartialEq",
    category = "all",
    category = "svcat",
    label("svcat", "true"),
    annotation("api-approved.kubernetes.io", "https://github.com/kubernetes-sigs/service-catalog"),
    printcolumn(name = "URL", type_ = "string", json_path = ".spec.url"),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.lastConditionState"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.insecureSkipTLSVerify) && self.insecureSkipTLSVerify && has(self.caBundle))").message("caBundle cannot be used when insecureSkipTLSVerify is true"))]
pub struct ClusterServiceBrokerSpec {
    /// What both kinds of broker have in common.
    #[serde(flatten)]
    pub common: CommonServiceBrokerSpec,
    /// How the operator proves to the broker who it is. Absent: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ClusterBrokerAuthInfo")]
    pub auth_info: Option<ClusterBrokerAuthInfo>,
}

/// A service broker whose classes and plans are for its own namespace.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1beta1",
    kind = "ServiceBroker",
    namespaced,
    doc = "A service broker whose classes and plans are for its own namespace",
    status = "BrokerStatus",
    derive = "PartialEq",
    category = "all",
    category = "svcat",
    label("svcat", "true"),
    annotation("api-approved.kubernetes.io", "https://github.com/kubernetes-sigs/service-catalog"),
    printcolumn(name = "URL", type_ = "string", json_path = ".spec.url"),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.lastConditionState"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.insecureSkipTLSVerify) && self.insecureSkipTLSVerify && has(self.caBundle))").message("caBundle cannot be used when insecureSkipTLSVerify is true"))]
pub struct ServiceBrokerSpec {
    /// What both kinds of broker have in common.
    #[serde(flatten)]
    pub common: CommonServiceBrokerSpec,
    /// How the operator proves to the broker who it is. Absent: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BrokerAuthInfo")]
    pub auth_info: Option<BrokerAuthInfo>,
}

/// What the operator knows of a broker.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct BrokerStatus {
    /// What is true of the broker now.
    #[serde(default, deserialize_with = "schema::null_as_default")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The generation whose catalog was fetched last.
    #[serde(default)]
    pub reconciled_generation: i64,
    /// When the operator began to fail to fetch the catalog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub operation_start_time: Option<Time>,
    /// When the catalog was fetched last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub last_catalog_retrieval_time: Option<Time>,
    /// The `Status` column.
    #[serde(default)]
    pub last_condition_state: String,
    /// The version of the Secret with which the catalog was fetched last: a new one fetches it again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub auth_secret_version: String,
}
