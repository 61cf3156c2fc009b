//! Service brokers: where the catalog comes from, and how the operator connects and authenticates.

use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::reference::{LocalSecretReference, ObjectReference};
use super::schema;

/// Fields that ClusterServiceBroker and ServiceBroker share.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct CommonServiceBrokerSpec {
    /// Base URL of the broker, `http://` or `https://`, optionally with a path. The operator appends `/v2/…`.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = schema::url_without_credentials())]
    pub url: String,
    /// Disables verification of the broker's TLS certificate. Default: false. For tests only: an attacker on the
    /// network can read the credentials.
    #[serde(default, skip_serializing_if = "std::ops::Not::not", rename = "insecureSkipTLSVerify")]
    pub insecure_skip_tls_verify: bool,
    /// CA certificates (PEM, base64-encoded) that verify the broker's certificate, at most 64 KiB. Default: those of the
    /// system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::short_bytes")]
    pub ca_bundle: Option<ByteString>,
    /// When the operator fetches the catalog again: `Duration` (default), after `relistDuration` and on request, or
    /// `Manual`, only on request (`relistRequests`).
    #[serde(default, deserialize_with = "schema::empty_as_none", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "relist_behavior")]
    pub relist_behavior: Option<RelistBehavior>,
    /// Time between two fetches of the catalog, for example `15m` or `1h30m`. Minimum: `1s`, for a
    /// ServiceBroker `1m`. Default: the operator's flag `--broker-relist-interval`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("nullable" = true))]
    #[x_kube(validation = Rule::new("self == '' || duration(self) > duration('0s')").message("relistDuration must be a duration greater than zero, such as 15m"))]
    pub relist_duration: Option<String>,
    /// Increment to fetch the catalog now. Must not decrease; 0 keeps the old value.
    #[serde(default, deserialize_with = "schema::integer")]
    #[schemars(range(min = 0))]
    #[x_kube(validation = Rule::new("self == 0 || self >= oldSelf").message("RelistRequests must be strictly increasing"))]
    pub relist_requests: i64,
    /// Restricts which classes and plans of the catalog are published. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_restrictions: Option<CatalogRestrictions>,
}

/// When the operator fetches a catalog again.
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

/// Requirements in the syntax of label selectors. A class or plan is published if it meets all that apply to its kind.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct CatalogRestrictions {
    /// Requirements on `name`, `spec.externalName` and `spec.externalID` of classes, for example
    /// `spec.externalName in (mysql, redis)`.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 4096)), extend("nullable" = true))]
    #[x_kube(validation = rule::requirements(rule::OF_CLASSES))]
    pub service_class: Vec<String>,
    /// Requirements on the same properties of plans, and on `spec.free`, `spec.clusterServiceClass.name` and
    /// `spec.serviceClass.name`, for example `spec.free=true`.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 4096)), extend("nullable" = true))]
    #[x_kube(validation = rule::requirements(rule::OF_PLANS))]
    pub service_plan: Vec<String>,
}

/// CEL rules for brokers, evaluated by the API server.
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

    /// The grammar that `domain::restriction` parses, as a regular expression.
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
            "each item must be a comma-separated list of PROPERTY=VALUE, PROPERTY!=VALUE, PROPERTY in (VALUE, …) \
             or PROPERTY notin (VALUE, …), where PROPERTY is {} or {last}",
            others.join(", ")
        );
        Rule::new(rule).message(Message::Message(message))
    }
}

/// How the operator authenticates to the broker. Set `basic` or `bearer`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[x_kube(validation = Rule::new("has(self.basic) || has(self.bearer)").message("auth config is required: basic or bearer"))]
pub struct ClusterBrokerAuthInfo {
    /// HTTP basic authentication with the keys `username` and `password` of a Secret. Takes precedence over `bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ClusterAuthConfig")]
    pub basic: Option<ClusterAuthConfig>,
    /// Bearer token authentication with the key `token` of a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ClusterAuthConfig")]
    pub bearer: Option<ClusterAuthConfig>,
}

/// Secret with the credentials for a ClusterServiceBroker.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.secretRef)").message("an auth secret is required: secretRef"))]
pub struct ClusterAuthConfig {
    /// Namespace and name of the Secret. A user who sets it must be allowed to `get` the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("has(self.name) && self.name != '' && has(self.namespace) && self.namespace != ''").message("secretRef needs a namespace and a name"))]
    #[schemars(with = "ObjectReference")]
    pub secret_ref: Option<ObjectReference>,
}

/// How the operator authenticates to the broker. Set `basic` or `bearer`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[x_kube(validation = Rule::new("has(self.basic) || has(self.bearer)").message("auth config is required: basic or bearer"))]
pub struct BrokerAuthInfo {
    /// HTTP basic authentication with the keys `username` and `password` of a Secret. Takes precedence over `bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AuthConfig")]
    pub basic: Option<AuthConfig>,
    /// Bearer token authentication with the key `token` of a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AuthConfig")]
    pub bearer: Option<AuthConfig>,
}

/// Secret with the credentials for a ServiceBroker, in the broker's namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.secretRef)").message("an auth secret is required: secretRef"))]
pub struct AuthConfig {
    /// Name of the Secret. A user who sets it must be allowed to `get` the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("has(self.name) && self.name != ''").message("secretRef needs a name"))]
    #[schemars(with = "LocalSecretReference")]
    pub secret_ref: Option<LocalSecretReference>,
}

/// Desired state of a ClusterServiceBroker: its URL, its credentials, and which classes and plans are published.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1beta1",
    kind = "ClusterServiceBroker",
    doc = "A service broker whose classes and plans are available in all namespaces",
    status = "BrokerStatus",
    derive = "PartialEq",
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
#[x_kube(validation = Rule::new("!(has(self.insecureSkipTLSVerify) && self.insecureSkipTLSVerify && has(self.caBundle))").message("caBundle cannot be used when insecureSkipTLSVerify is true"))]
pub struct ClusterServiceBrokerSpec {
    /// Fields that ClusterServiceBroker and ServiceBroker share.
    #[serde(flatten)]
    pub common: CommonServiceBrokerSpec,
    /// How the operator authenticates to the broker. Default: no authentication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ClusterBrokerAuthInfo")]
    pub auth_info: Option<ClusterBrokerAuthInfo>,
}

/// Desired state of a ServiceBroker: its URL, its credentials, and which classes and plans are published.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1beta1",
    kind = "ServiceBroker",
    namespaced,
    doc = "A service broker whose classes and plans are available in its own namespace",
    status = "BrokerStatus",
    derive = "PartialEq",
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
#[x_kube(validation = Rule::new("!(has(self.insecureSkipTLSVerify) && self.insecureSkipTLSVerify && has(self.caBundle))").message("caBundle cannot be used when insecureSkipTLSVerify is true"))]
pub struct ServiceBrokerSpec {
    /// Fields that ClusterServiceBroker and ServiceBroker share.
    #[serde(flatten)]
    pub common: CommonServiceBrokerSpec,
    /// How the operator authenticates to the broker. Default: no authentication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BrokerAuthInfo")]
    pub auth_info: Option<BrokerAuthInfo>,
}

/// Observed state of a broker.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct BrokerStatus {
    /// Current conditions, such as `Ready`, `Available` and `CatalogEntriesRejected`.
    #[serde(default, deserialize_with = "schema::null_as_default")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// Generation of the spec with which the catalog was last fetched successfully.
    #[serde(default)]
    pub reconciled_generation: i64,
    /// When fetching the catalog began to fail. Absent while it succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub operation_start_time: Option<Time>,
    /// When the catalog was last fetched successfully.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub last_catalog_retrieval_time: Option<Time>,
    /// Summary of the conditions, shown in the `Status` column.
    #[serde(default)]
    pub last_condition_state: String,
    /// `resourceVersion` of the Secret with which the catalog was last fetched. A change triggers another fetch.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub auth_secret_version: String,
    /// Version of the Open Service Broker API with which the catalog was last fetched, if the broker refuses the newest
    /// one that the operator speaks, or if the annotation `servicecatalog.k8s.io/osb-api-version` sets another.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "osbAPIVersion")]
    pub osb_api_version: String,
}
