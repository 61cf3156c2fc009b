//! What does a template look like in the broker's catalog? (OSB, “Catalog Management”)

use serde_json::{Map, Value, json};

use super::definition::{About, Definition};
use super::plan::Plan;
use crate::osb;

impl Definition {
    /// The service that the template offers.
    pub fn service(&self) -> osb::Service {
        osb::Service {
            name: self.name.clone(),
            id: self.service_id.clone(),
            description: self.about.description.clone(),
            tags: self.about.tags.clone(),
            bindable: self.is_bindable,
            instances_retrievable: true,
            bindings_retrievable: true,
            metadata: Some(service_metadata(&self.about).into()),
            plan_updateable: self.plans.len() > 1,
            plans: self.plans.iter().map(|plan| self.offered(plan)).collect(),
            ..osb::Service::default()
        }
    }

    fn offered(&self, plan: &Plan) -> osb::Plan {
        let schema = |schema: Value| Some(osb::InputParametersSchema { parameters: Some(schema.into()) });
        let instance = osb::ServiceInstanceSchema {
            create: schema(self.creation_schema(plan)),
            update: schema(self.update_schema(plan)),
        };
        let binding = json!({"type": "object", "additionalProperties": false});
        osb::Plan {
            id: plan.id.clone(),
            name: plan.name.clone(),
            description: plan.description.clone(),
            metadata: Some(self.plan_metadata(plan).into()),
            free: plan.is_free,
            schemas: Some(osb::Schemas {
                service_instance: Some(instance),
                service_binding: Some(osb::ServiceBindingSchema { create: schema(binding) }),
            }),
            maximum_polling_duration: plan.maximum_polling_duration.map(u64::from),
            maintenance_info: Some(osb::MaintenanceInfo { version: self.version.clone(), description: None }),
            ..osb::Plan::default()
        }
    }

    /// The order of parameters is where OpenShift's console looks for it.
    fn plan_metadata(&self, plan: &Plan) -> Map<String, Value> {
        let form =
            json!({"service_instance": {"create": {"openshift_form_definition": self.form_order(plan)}}});
        let mut metadata = Map::from_iter([
            ("displayName".to_owned(), json!(plan.display_name)),
            ("schemas".to_owned(), form),
        ]);
        if !plan.bullets.is_empty() {
            metadata.insert("bullets".to_owned(), json!(plan.bullets));
        }
        metadata
    }
}

/// The metadata of a service, with the names of the OSB profile, without empty ones.
fn service_metadata(about: &About) -> Map<String, Value> {
    let texts = [
        ("displayName", &about.display_name),
        ("providerDisplayName", &about.provider),
        ("longDescription", &about.long_description),
        ("documentationUrl", &about.documentation_url),
        ("supportUrl", &about.support_url),
        ("console.openshift.io/iconClass", &about.icon_class),
    ];
    let present = texts.into_iter().filter(|(_, text)| !text.is_empty());
    present.map(|(name, text)| (name.to_owned(), json!(text))).collect()
}
