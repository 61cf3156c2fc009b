//! Builds the bodies of the requests to a broker, from the status and the resolved parameters.

use serde_json::{Map, Value, json};

use super::binding;
use super::instance::Call;
use crate::crd::ServiceInstanceStatus;
use crate::crd::binding::BindingProperties;
use crate::crd::instance::InstanceProperties;
use crate::crd::reference::UserInfo;
use crate::osb::{
    BindRequest, BindResource, MaintenanceInfo, OriginatingIdentity, PreviousValues, ProvisionRequest,
    SecretObject, UpdateRequest,
};

/// Where a request comes from: its `context` (OSB profile, “Kubernetes”) and the deprecated GUIDs that OSB still
/// requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The id of this cluster.
    pub cluster_id: String,
    /// The namespace's name.
    pub namespace: String,
    /// The namespace's UID.
    pub namespace_uid: String,
    /// The name of the instance.
    pub instance_name: String,
}

impl Origin {
    fn context(&self) -> Value {
        json!({
            "platform": "kubernetes",
            "clusterid": self.cluster_id,
            "namespace": self.namespace,
            "instance_name": self.instance_name,
        })
    }

    /// The same with the name of the binding: an addition of ours, by which the template broker finds its requester.
    fn context_of_binding(&self, binding_name: &str) -> Value {
        let mut context = self.context();
        if let Some(members) = context.as_object_mut() {
            members.insert("binding_name".to_owned(), binding_name.into());
        }
        context
    }
}

fn unless_empty(parameters: &Map<String, Value>) -> Option<SecretObject> {
    (!parameters.is_empty()).then(|| SecretObject(parameters.clone()))
}

/// The body of a provision request.
pub fn provision(
    call: &Call,
    origin: &Origin,
    status: &ServiceInstanceStatus,
    parameters: &Map<String, Value>,
) -> ProvisionRequest {
    let desired = status.in_progress_properties.as_ref();
    ProvisionRequest {
        service_id: call.service_id.clone(),
        plan_id: call.plan_id.clone(),
        context: origin.context(),
        organization_guid: origin.cluster_id.clone(),
        space_guid: origin.namespace_uid.clone(),
        parameters: unless_empty(parameters),
        maintenance_info: desired.and_then(version),
    }
}

fn version(properties: &InstanceProperties) -> Option<MaintenanceInfo> {
    let version = properties.maintenance_version.clone();
    (!version.is_empty()).then_some(MaintenanceInfo { version, description: None })
}

/// The body of an update request. It has all that the instance is to be, and all that it was, whatever changes: brokers
/// exist that fail without the unchanged plan, and ones that take absent parameters for none. Removed parameters are
/// `{}`, because without the member a broker keeps those it has. An old version is not sent: a broker refuses one that
/// its plan does not have (OSB, “Maintenance Info Object”).
pub fn update(
    call: &Call,
    origin: &Origin,
    status: &ServiceInstanceStatus,
    parameters: Option<&Map<String, Value>>,
    has_version: bool,
) -> UpdateRequest {
    let (confirmed, desired) = (status.external_properties.as_ref(), status.in_progress_properties.as_ref());
    UpdateRequest {
        service_id: call.service_id.clone(),
        plan_id: desired.map(|desired| desired.plan_id().to_owned()),
        parameters: parameters.cloned().map(SecretObject),
        context: Some(origin.context()),
        previous_values: confirmed.map(|confirmed| PreviousValues {
            service_id: Some(confirmed.service_id.clone()),
            plan_id: Some(confirmed.plan_id().to_owned()),
            organization_id: Some(origin.cluster_id.clone()),
            space_id: Some(origin.namespace_uid.clone()),
            maintenance_info: version(confirmed),
        }),
        maintenance_info: desired.and_then(version).filter(|_| has_version),
    }
}

/// The body of a bind request. A successor takes over the parameters of its predecessor, so none are sent (OSB,
/// `predecessor_binding_id`).
pub fn bind(
    call: &binding::Call,
    origin: &Origin,
    binding_name: &str,
    desired: Option<&BindingProperties>,
    parameters: &Map<String, Value>,
) -> BindRequest {
    let app_guid = Some(origin.namespace_uid.clone());
    let predecessor_binding_id =
        desired.map(|desired| desired.predecessor_id.clone()).filter(|predecessor| !predecessor.is_empty());
    BindRequest {
        service_id: call.instance.service_id.clone(),
        plan_id: call.instance.plan_id.clone(),
        context: Some(origin.context_of_binding(binding_name)),
        app_guid: app_guid.clone(),
        bind_resource: Some(BindResource { app_guid, route: None }),
        parameters: unless_empty(parameters).filter(|_| predecessor_binding_id.is_none()),
        predecessor_binding_id,
    }
}

/// The `X-Broker-API-Originating-Identity`: the user who made the change, as recorded in `spec.userInfo`.
pub fn identity(user: Option<&UserInfo>) -> Option<OriginatingIdentity> {
    user.map(|user| OriginatingIdentity {
        username: user.username.clone(),
        uid: user.uid.clone(),
        groups: user.groups.clone(),
        extra: user.extra.clone(),
    })
}
