//! The translation of each alpha kind to its child.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::{Alpha, ChildStatus, Excess};
use crate::crd::alpha::{Binding, Broker, Instance};
use crate::crd::binding::{EnvFrom, Injection};
use crate::crd::broker::{ClusterAuthConfig, ClusterBrokerAuthInfo, ClusterServiceBrokerSpec};
use crate::crd::raw::RawObject;
use crate::crd::reference::ObjectReference;
use crate::crd::{
    ClusterServiceBroker, ServiceBinding, ServiceBindingSpec, ServiceInstance, ServiceInstanceSpec,
};
use crate::domain::bounds::excess_of_selector;
use crate::domain::parameters::{MAX_BYTES, ParametersError, size};
use crate::domain::reason;

/// The statuses of the children are different types with the same fields.
macro_rules! child_status {
    ($child:ident) => {
        $child.status.as_ref().map(|status| ChildStatus {
            conditions: &status.conditions,
            last_condition_state: &status.last_condition_state,
            reconciled_generation: status.reconciled_generation,
        })
    };
}

impl Alpha for Broker {
    type Child = ClusterServiceBroker;

    fn initial(&self) -> ClusterServiceBroker {
        ClusterServiceBroker::new("", ClusterServiceBrokerSpec::default())
    }

    fn update(&self, child: &mut ClusterServiceBroker) {
        child.spec.common.url.clone_from(&self.spec.url);
        child.spec.auth_info = self.spec.auth_info.as_ref().map(|info| {
            let secret = &info.basic_auth_secret;
            let secret = ObjectReference { namespace: secret.namespace.clone(), name: secret.name.clone() };
            let basic = ClusterAuthConfig { secret_ref: Some(secret) };
            ClusterBrokerAuthInfo { basic: Some(basic), bearer: None }
        });
    }

    fn child_status(child: &ClusterServiceBroker) -> Option<ChildStatus<'_>> {
        child_status!(child)
    }
}

impl Alpha for Instance {
    type Child = ServiceInstance;

    fn initial(&self) -> ServiceInstance {
        let spec = ServiceInstanceSpec {
            cluster_service_class_external_name: self.spec.service_class_name.clone(),
            user_info: self.spec.user_info.clone(),
            ..ServiceInstanceSpec::default()
        };
        ServiceInstance::new("", spec)
    }

    fn excess(&self) -> Option<Excess> {
        excess_of_parameters(self.spec.parameters.as_ref())
    }

    fn update(&self, child: &mut ServiceInstance) {
        let parameters = non_empty(self.spec.parameters.as_ref());
        let spec = &mut child.spec;
        if spec.cluster_service_plan_external_name != self.spec.plan_name || spec.parameters != parameters {
            spec.cluster_service_plan_external_name.clone_from(&self.spec.plan_name);
            spec.parameters = parameters;
            // The user who edited the alpha object requests the update of the service.
            spec.user_info.clone_from(&self.spec.user_info);
        }
    }

    fn child_status(child: &ServiceInstance) -> Option<ChildStatus<'_>> {
        child_status!(child)
    }
}

impl Alpha for Binding {
    type Child = ServiceBinding;

    fn initial(&self) -> ServiceBinding {
        let spec = ServiceBindingSpec {
            instance_ref: self.spec.instance_ref.clone(),
            secret_name: self.spec.secret_name.clone(),
            parameters: non_empty(self.spec.parameters.as_ref()),
            user_info: self.spec.user_info.clone(),
            injection: Some(Injection { env_from: Some(EnvFrom::default()), ..Injection::default() }),
            ..ServiceBindingSpec::default()
        };
        ServiceBinding::new("", spec)
    }

    fn excess(&self) -> Option<Excess> {
        let selector =
            LabelSelector { match_labels: Some(self.spec.labels.clone()), ..LabelSelector::default() };
        let why = |why| format!("spec.labels select too much to compare pods with: {why}. Shorten them");
        let labels = excess_of_selector(&selector).map(|excess| (reason::INJECTION_LIMIT, why(excess)));
        labels.or_else(|| excess_of_parameters(self.spec.parameters.as_ref()))
    }

    fn update(&self, child: &mut ServiceBinding) {
        let labels = &self.spec.labels;
        child.spec.pod_selector = (!labels.is_empty())
            .then(|| LabelSelector { match_labels: Some(labels.clone()), ..LabelSelector::default() });
    }

    fn child_status(child: &ServiceBinding) -> Option<ChildStatus<'_>> {
        child_status!(child)
    }
}

fn excess_of_parameters(parameters: Option<&RawObject>) -> Option<Excess> {
    let bytes = size(parameters, &[]);
    (bytes > MAX_BYTES).then(|| (reason::ERROR_WITH_PARAMETERS, ParametersError::TooLong(bytes).to_string()))
}

/// The parameters in the form in which they are read back: an empty map is not stored.
fn non_empty(parameters: Option<&RawObject>) -> Option<RawObject> {
    parameters.filter(|parameters| !parameters.is_empty()).cloned()
}
