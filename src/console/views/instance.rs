//! An instance: which class and plan, which parameters, which addresses?

use crate::crd::instance::InstanceProperties;
use crate::crd::reference::{LocalObjectReference, ParametersFromSource};
use crate::crd::{ServiceInstance, ServiceInstanceSpec};
use serde_json::{Map, Value};

use super::icon::{self, Icon};
use super::link::Link;
use super::offering::{Scope, class_address};
use crate::console::excerpt::cut;

/// What there is to say about an instance beside its state.
pub struct Instance {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The class as the user named it.
    pub class_name: String,
    /// The plan as the user named it; may be empty.
    pub plan_name: String,
    /// The class and its plan, once the operator has found them.
    pub resolved: Option<Resolved>,
    /// The picture, as far as the name of the class tells.
    pub icon: Icon,
    /// The broker's page for the instance.
    pub dashboard: Option<Link>,
    /// The version that the broker confirmed; may be empty.
    pub version: String,
    /// The user who created or last changed it; may be empty.
    pub requester: String,
    /// When it was created.
    pub created: Option<jiff::Timestamp>,
}

/// The class and plan that an instance refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Where they are.
    pub scope: Scope,
    /// The Kubernetes name of the class.
    pub class: String,
    /// The Kubernetes name of the plan; empty if the operator has not found it yet.
    pub plan: String,
}

impl Resolved {
    /// The address of the class's page.
    pub fn address(&self) -> String {
        class_address(&self.scope, &self.class)
    }
}

impl Instance {
    /// Of this object.
    pub fn of(instance: &ServiceInstance) -> Self {
        let status = instance.status.as_ref();
        let confirmed = status.and_then(|status| status.external_properties.as_ref());
        let spec = &instance.spec;
        let class_name = cut(class_name(spec), 200);
        let plan_name = [
            spec.cluster_service_plan_external_name.as_str(),
            &spec.service_plan_external_name,
            confirmed.map(InstanceProperties::plan_name).unwrap_or_default(),
            &spec.cluster_service_plan_external_id,
            &spec.service_plan_external_id,
            &spec.cluster_service_plan_name,
            &spec.service_plan_name,
        ];
        Self {
            name: instance.metadata.name.clone().unwrap_or_default(),
            namespace: instance.metadata.namespace.clone().unwrap_or_default(),
            icon: icon::of_name(&class_name),
            class_name,
            plan_name: cut(plan_name.into_iter().find(|name| !name.is_empty()).unwrap_or_default(), 200),
            resolved: resolved(instance),
            dashboard: status.and_then(|status| Link::to(status.dashboard_url.as_deref()?)),
            version: confirmed
                .map(|properties| cut(&properties.maintenance_version, 100))
                .unwrap_or_default(),
            requester: spec.user_info.as_ref().map(|user| cut(&user.username, 253)).unwrap_or_default(),
            created: instance.metadata.creation_timestamp.as_ref().map(|time| time.0),
        }
    }

    /// The address of its page.
    pub fn address(&self) -> String {
        address(&self.namespace, &self.name)
    }
}

/// The address of an instance's page.
pub fn address(namespace: &str, name: &str) -> String {
    format!("/ns/{namespace}/instances/{name}")
}

fn class_name(spec: &ServiceInstanceSpec) -> &str {
    let names = [
        &spec.cluster_service_class_external_name,
        &spec.service_class_external_name,
        &spec.cluster_service_class_external_id,
        &spec.service_class_external_id,
        &spec.cluster_service_class_name,
        &spec.service_class_name,
    ];
    names.into_iter().find(|name| !name.is_empty()).map(String::as_str).unwrap_or_default()
}

fn resolved(instance: &ServiceInstance) -> Option<Resolved> {
    let spec = &instance.spec;
    let name = |reference: &Option<LocalObjectReference>| {
        reference.as_ref().map(|reference| reference.name.clone()).filter(|name| !name.is_empty())
    };
    if let Some(class) = name(&spec.cluster_service_class_ref) {
        let plan = name(&spec.cluster_service_plan_ref).unwrap_or_default();
        return Some(Resolved { scope: Scope::Cluster, class, plan });
    }
    let class = name(&spec.service_class_ref)?;
    let scope = Scope::Namespace(instance.metadata.namespace.clone()?);
    Some(Resolved { scope, class, plan: name(&spec.service_plan_ref).unwrap_or_default() })
}

/// The parameters of an instance or a binding.
pub struct Parameters {
    /// Those of the spec that do not look secret.
    pub visible: Map<String, Value>,
    /// The names of those that do.
    pub hidden: Vec<String>,
    /// The Secrets that hold further ones: name and key.
    pub sources: Vec<(String, String)>,
    /// Whether they are too large to be shown.
    pub is_too_large: bool,
}

/// The longest parameters that are shown, in bytes. The operator accepts no longer ones.
const MAX_PARAMETERS_BYTES: usize = 64 * 1024;

impl Parameters {
    /// Of an instance.
    pub fn of_instance(spec: &ServiceInstanceSpec, schema: Option<&Value>) -> Self {
        let is_too_large = spec.parameters.as_ref().is_some_and(|raw| raw.len() > MAX_PARAMETERS_BYTES);
        let parsed = spec.parameters.as_ref().filter(|_| !is_too_large).and_then(|raw| raw.parse().ok());
        Self::of(parsed.unwrap_or_default(), &spec.parameters_from, schema, is_too_large)
    }

    /// Of parameters and the Secrets with further ones. `schema` helps to see which are secret.
    pub fn of(
        parameters: Map<String, Value>,
        sources: &[ParametersFromSource],
        schema: Option<&Value>,
        is_too_large: bool,
    ) -> Self {
        let (visible, hidden) = crate::console::form::Form::of(schema, None).split(parameters);
        let keys = sources.iter().filter_map(|source| source.secret_key_ref.as_ref());
        Self {
            visible,
            hidden: hidden.into_iter().map(|(name, _)| name).collect(),
            sources: keys.map(|key| (key.name.clone(), key.key.clone())).collect(),
            is_too_large,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.visible.is_empty() && self.hidden.is_empty() && self.sources.is_empty() && !self.is_too_large
    }
}
