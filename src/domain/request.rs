//! What is the broker asked?

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

/// Where a request comes from (OSB profile, “Kubernetes”).
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
}

fn given(parameters: &Map<String, Value>) -> Option<SecretObject> {
    (!parameters.is_empty()).then(|| SecretObject(parameters.clone()))
}

/// The body of a provision request.
pub fn provision(
    call: &Call,
    origin: &Origin,
    status: &ServiceInstanceStatus,
    parameters: &Map<String, Value>,
) -> ProvisionRequest {
    let wish = status.in_progress_properties.as_ref();
    ProvisionRequest {
        service_id: call.service_id.clone(),
        plan_id: call.plan_id.clone(),
        context: origin.context(),
        organization_guid: origin.cluster_id.clone(),
        space_guid: origin.namespace_uid.clone(),
        parameters: given(parameters),
        maintenance_info: wish.and_then(version),
    }
}

fn version(properties: &InstanceProperties) -> Option<MaintenanceInfo> {
    let version = properties.maintenance_version.clone();
    (!version.is_empty()).then_some(MaintenanceInfo { version, description: None })
}

/// The body of an update request: plan and parameters only where they change, and no parameters as `{}`.
pub fn update(
    call: &Call,
    origin: &Origin,
    status: &ServiceInstanceStatus,
    plan_id: Option<&str>,
    parameters: Option<&Map<String, Value>>,
) -> UpdateRequest {
    let confirmed = status.external_properties.as_ref();
    let present = confirmed.and_then(version);
    let wished = status.in_progress_properties.as_ref().and_then(version);
    UpdateRequest {
        service_id: call.service_id.clone(),
        plan_id: plan_id.map(str::to_owned),
        parameters: parameters.cloned().map(SecretObject),
        context: Some(origin.context()),
        previous_values: confirmed.map(|confirmed| PreviousValues {
            service_id: Some(confirmed.service_id.clone()),
            plan_id: Some(confirmed.plan_id().to_owned()),
            maintenance_info: present.clone(),
            ..PreviousValues::default()
        }),
        maintenance_info: wished.filter(|wished| plan_id.is_some() || Some(wished) != present.as_ref()),
    }
}

/// The body of a bind request. A binding that is made from its predecessor has the parameters of that.
pub fn bind(
    call: &binding::Call,
    origin: &Origin,
    wish: Option<&BindingProperties>,
    parameters: &Map<String, Value>,
) -> BindRequest {
    let app_guid = Some(origin.namespace_uid.clone());
    let predecessor_binding_id =
        wish.map(|wish| wish.predecessor_id.clone()).filter(|predecessor| !predecessor.is_empty());
    BindRequest {
        service_id: call.instance.service_id.clone(),
        plan_id: call.instance.plan_id.clone(),
        context: Some(origin.context()),
        app_guid: app_guid.clone(),
        bind_resource: Some(BindResource { app_guid, route: None }),
        parameters: given(parameters).filter(|_| predecessor_binding_id.is_none()),
        predecessor_binding_id,
    }
}

/// The user on whose behalf the broker is asked.
pub fn identity(user: Option<&UserInfo>) -> Option<OriginatingIdentity> {
    user.map(|user| OriginatingIdentity {
        username: user.username.clone(),
        uid: user.uid.clone(),
        groups: user.groups.clone(),
        extra: user.extra.clone(),
    })
}
