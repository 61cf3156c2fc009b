//! Instances: what a team asks a broker for.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::condition::Condition;
use super::operation::{Orphan, RemovalStatus, Schedule};
use super::reference::{LocalObjectReference, ParametersFromSource, UserInfo};
use super::schema;

/// An instance of a class and plan. Class and plan are named in one of three ways (by the broker's name, by the
/// broker's id, by the Kubernetes name), cluster-wide or namespaced; without a plan, the class must have just one.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1beta1",
    kind = "ServiceInstance",
    namespaced,
    doc = "An instance of a class and plan, provisioned at the broker",
    status = "ServiceInstanceStatus",
    derive = "PartialEq",
    category = "all",
    category = "svcat",
    label("svcat", "true"),
    annotation("api-approved.kubernetes.io", "https://github.com/kubernetes-sigs/service-catalog"),
    selectable = ".status.lastConditionState",
    validation = rule::kept_plan(),
    printcolumn(name = "Class", type_ = "string", json_path = ".status.userSpecifiedClassName"),
    printcolumn(name = "Plan", type_ = "string", json_path = ".status.userSpecifiedPlanName"),
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
#[x_kube(validation = rule::one_scope())]
#[x_kube(validation = rule::one_class())]
#[x_kube(validation = rule::matching_plan())]
#[x_kube(validation = rule::fixed_class())]
#[x_kube(validation = rule::fixed_external_id())]
pub struct ServiceInstanceSpec {
    /// The ClusterServiceClass, by the name that the broker gave it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub cluster_service_class_external_name: String,
    /// The ClusterServicePlan, by the name that the broker gave it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub cluster_service_plan_external_name: String,
    /// The ClusterServiceClass, by the id that the broker gave it.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "clusterServiceClassExternalID")]
    #[schemars(length(max = 1024))]
    pub cluster_service_class_external_id: String,
    /// The ClusterServicePlan, by the id that the broker gave it.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "clusterServicePlanExternalID")]
    #[schemars(length(max = 1024))]
    pub cluster_service_plan_external_id: String,
    /// The ClusterServiceClass, by its Kubernetes name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub cluster_service_class_name: String,
    /// The ClusterServicePlan, by its Kubernetes name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub cluster_service_plan_name: String,
    /// The ServiceClass of the namespace, by the name that the broker gave it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub service_class_external_name: String,
    /// The ServicePlan of the namespace, by the name that the broker gave it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub service_plan_external_name: String,
    /// The ServiceClass of the namespace, by the id that the broker gave it.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "serviceClassExternalID")]
    #[schemars(length(max = 1024))]
    pub service_class_external_id: String,
    /// The ServicePlan of the namespace, by the id that the broker gave it.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "servicePlanExternalID")]
    #[schemars(length(max = 1024))]
    pub service_plan_external_id: String,
    /// The ServiceClass of the namespace, by its Kubernetes name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub service_class_name: String,
    /// The ServicePlan of the namespace, by its Kubernetes name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub service_plan_name: String,
    /// The ClusterServiceClass that was found. Written by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_service_class_ref: Option<LocalObjectReference>,
    /// The ClusterServicePlan that was found. Written by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_service_plan_ref: Option<LocalObjectReference>,
    /// The ServiceClass that was found. Written by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_class_ref: Option<LocalObjectReference>,
    /// The ServicePlan that was found. Written by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_plan_ref: Option<LocalObjectReference>,
    /// What the broker is asked for, as the plan's schema describes it. May not repeat a member of `parametersFrom`.
    #[serde(default, skip_serializing_if = "schema::is_empty")]
    #[schemars(schema_with = "schema::object")]
    pub parameters: Option<Map<String, Value>>,
    /// Parameters that are kept in Secrets of the namespace.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub parameters_from: Vec<ParametersFromSource>,
    /// The id that the broker is to know the instance by. Absent: the operator chooses one.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "externalID")]
    #[schemars(length(max = 253))]
    pub external_id: String,
    /// Who created the instance or last changed its spec. Written at admission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub user_info: Option<UserInfo>,
    /// Raise it to have the instance updated, or provisioned after a failure, once more. It never goes down; 0 leaves it as it was.
    #[serde(default)]
    #[schemars(range(min = 0))]
    #[x_kube(validation = Rule::new("self == 0 || self >= oldSelf").message("new updateRequests value must not be less than the old one"))]
    pub update_requests: i64,
}

/// What an operation at the broker is doing to an instance.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceOperation {
    /// It is being made.
    Provision,
    /// It is being changed.
    Update,
    /// It is being removed.
    Deprovision,
}

/// Whether the broker has confirmed an instance.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ProvisionStatus {
    /// The broker was never asked for it.
    #[default]
    #[serde(rename = "")]
    Unset,
    /// The broker has it.
    Provisioned,
    /// The broker does not have it, or has not confirmed it yet.
    NotProvisioned,
}

fn operation(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "enum": ["", "Provision", "Update", "Deprovision"]})
}

/// What the operator knows of an instance. Everything that must survive the operator is here.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ServiceInstanceStatus {
    /// What is true of the instance now.
    #[serde(default, deserialize_with = "schema::null_as_default")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The broker works on `currentOperation` and is asked from time to time how far it is.
    #[serde(default)]
    pub async_op_in_progress: bool,
    /// Something that a failed attempt may have left at the broker is being removed; see `orphans`.
    #[serde(default)]
    pub orphan_mitigation_in_progress: bool,
    /// What the broker calls the operation that it works on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub last_operation: Option<String>,
    /// A page of the broker on which the instance can be managed.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "dashboardURL")]
    #[schemars(extend("nullable" = true))]
    pub dashboard_url: Option<String>,
    /// What the broker has been or is about to be asked to do.
    #[serde(default, deserialize_with = "schema::empty_as_none", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "operation")]
    pub current_operation: Option<InstanceOperation>,
    /// The generation that was carried out last.
    #[serde(default)]
    pub reconciled_generation: i64,
    /// The generation that was worked on last.
    #[serde(default)]
    pub observed_generation: i64,
    /// When `currentOperation` began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub operation_start_time: Option<Time>,
    /// What `currentOperation` asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub in_progress_properties: Option<InstanceProperties>,
    /// What the broker has confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub external_properties: Option<InstanceProperties>,
    /// `Provisioned` or `NotProvisioned`.
    #[serde(default, deserialize_with = "schema::known_or_default")]
    #[schemars(with = "String")]
    pub provision_status: ProvisionStatus,
    /// Whether the broker has to be asked to remove the instance: `NotRequired`, `Required`, `Succeeded` or `Failed`.
    #[serde(default, deserialize_with = "schema::known_or_default")]
    #[schemars(with = "String")]
    pub deprovision_status: RemovalStatus,
    /// `false`: the plan that the instance has cannot be left for another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub plan_updatable: Option<bool>,
    /// The defaults of class and plan that were applied.
    #[serde(default, skip_serializing_if = "schema::is_empty")]
    #[schemars(schema_with = "schema::object")]
    pub default_provision_parameters: Option<Map<String, Value>>,
    /// The `Status` column.
    #[serde(default)]
    pub last_condition_state: String,
    /// The `Plan` column: as the user named it.
    #[serde(default)]
    pub user_specified_plan_name: String,
    /// The `Class` column: as the user named it.
    #[serde(default)]
    pub user_specified_class_name: String,
    /// The id by which the broker knows the instance, or is about to.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "instanceID")]
    pub instance_id: String,
    /// How many ids have been given up because something may be left under them.
    #[serde(default, skip_serializing_if = "schema::is_zero")]
    pub abandoned_attempts: i64,
    /// What failed attempts may have left at the broker, until it is surely gone.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub orphans: Vec<Orphan>,
    /// When and how often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Schedule>,
    /// An update may have been carried out that the broker has not confirmed: the next one sends plan and parameters,
    /// whether they seem to change or not.
    #[serde(default, skip_serializing_if = "schema::is_false")]
    pub update_uncertain: bool,
    /// A digest of what the broker has refused: it is not asked for that again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub refused: String,
}

/// What the broker is asked for, or has confirmed.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct InstanceProperties {
    /// The ClusterServicePlan's name at the broker.
    #[serde(default)]
    pub cluster_service_plan_external_name: String,
    /// The ClusterServicePlan's id at the broker.
    #[serde(default, rename = "clusterServicePlanExternalID")]
    pub cluster_service_plan_external_id: String,
    /// The ServicePlan's name at the broker.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_plan_external_name: String,
    /// The ServicePlan's id at the broker.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "servicePlanExternalID")]
    pub service_plan_external_id: String,
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
    /// The broker's name: deletion needs neither class nor plan.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub broker_name: String,
    /// The class's id at the broker.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "serviceID")]
    pub service_id: String,
    /// The version that the broker gives it, if it has versions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub maintenance_version: String,
    /// The `updateRequests` of the spec that asked for it.
    #[serde(default, skip_serializing_if = "schema::is_zero")]
    pub update_requests: i64,
}

impl InstanceProperties {
    /// The plan's id at the broker, whichever kind of plan it is.
    pub fn plan_id(&self) -> &str {
        if self.service_plan_external_id.is_empty() {
            &self.cluster_service_plan_external_id
        } else {
            &self.service_plan_external_id
        }
    }
}

/// What the API server checks of an instance by itself.
mod rule {
    use kube::core::{Message, Rule};

    const CLUSTER: [&str; 6] = [
        "clusterServiceClassExternalName",
        "clusterServicePlanExternalName",
        "clusterServiceClassExternalID",
        "clusterServicePlanExternalID",
        "clusterServiceClassName",
        "clusterServicePlanName",
    ];
    const NAMESPACED: [&str; 6] = [
        "serviceClassExternalName",
        "servicePlanExternalName",
        "serviceClassExternalID",
        "servicePlanExternalID",
        "serviceClassName",
        "servicePlanName",
    ];

    fn given(field: &str) -> String {
        format!("(has(self.{field}) && self.{field} != '')")
    }

    fn any<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
        format!("({})", fields.into_iter().map(given).collect::<Vec<_>>().join(" || "))
    }

    fn classes() -> impl Iterator<Item = &'static str> {
        CLUSTER.into_iter().chain(NAMESPACED).step_by(2)
    }

    fn plans() -> impl Iterator<Item = &'static str> {
        CLUSTER.into_iter().chain(NAMESPACED).skip(1).step_by(2)
    }

    fn same(field: &str, spec: &str) -> String {
        let value = |of: &str| format!("(has({of}.{field}) ? {of}.{field} : '')");
        format!("{} == {}", value(&format!("self{spec}")), value(&format!("oldSelf{spec}")))
    }

    /// What the rule has to know of class and plan is in the status.
    pub(super) fn kept_plan() -> Rule {
        let known =
            "has(oldSelf.status) && has(oldSelf.status.planUpdatable) && has(oldSelf.status.provisionStatus)";
        let fixed = "!oldSelf.status.planUpdatable && oldSelf.status.provisionStatus == 'Provisioned'";
        let same: Vec<String> = plans().map(|field| same(field, ".spec")).collect();
        let class = "has(oldSelf.status.userSpecifiedClassName) ? oldSelf.status.userSpecifiedClassName : ''";
        let name = format!("[{class}].map(class, class.substring(class.indexOf('/') + 1))[0]");
        let message = format!("'The Service Class ' + {name} + ' does not allow plan changes.'");
        Rule::new(format!("!({known} && {fixed}) || ({})", same.join(" && ")))
            .message(Message::Expression(message))
    }

    pub(super) fn one_scope() -> Rule {
        Rule::new(format!("!({} && {})", any(CLUSTER), any(NAMESPACED)))
            .message("instances can only refer to a cluster or namespaced class or plan type, but not both")
    }

    pub(super) fn one_class() -> Rule {
        let count =
            classes().map(|field| format!("({} ? 1 : 0)", given(field))).collect::<Vec<_>>().join(" + ");
        Rule::new(format!("{count} == 1")).message(
            "exactly one class must be set: clusterServiceClassExternalName, clusterServiceClassExternalID, \
             clusterServiceClassName, serviceClassExternalName, serviceClassExternalID or serviceClassName",
        )
    }

    pub(super) fn matching_plan() -> Rule {
        let pairs: Vec<String> = CLUSTER
            .chunks(2)
            .chain(NAMESPACED.chunks(2))
            .filter_map(|pair| match pair {
                [class, plan] => Some(format!("(!{} || {})", given(plan), given(class))),
                _ => None,
            })
            .collect();
        Rule::new(pairs.join(" && "))
            .message("the plan must be named as the class is: by external name, by external ID or by name")
    }

    pub(super) fn fixed_class() -> Rule {
        let same: Vec<String> = classes().map(|field| same(field, "")).collect();
        Rule::new(same.join(" && ")).message("the class is immutable: create a new instance instead")
    }

    pub(super) fn fixed_external_id() -> Rule {
        Rule::new(same("externalID", "")).message("externalID is immutable")
    }
}
