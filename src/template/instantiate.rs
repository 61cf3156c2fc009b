//! Which objects does an instance or a binding consist of?
//!
//! Objects with the annotation `servicecatalog.k8s.io/per-binding: "true"` belong to a binding instead of the instance.
//! The entry points are [`Definition::objects`] and [`Definition::binding_objects`].

use serde_json::Value;

use super::definition::Definition;
use super::images::Images;
use super::parameter::BINDING_ID;
use super::plan::Plan;
use super::problem::Problems;
use super::process::{MAX_OBJECTS_BYTES, Processing, is_in_plan, is_per_binding};
use super::substitute::{Substitution, TooLarge, Values};

#[cfg(test)]
mod tests;

impl Definition {
    /// The objects of an instance of this plan in the order in which they are applied. `images` fills in the images of
    /// triggers.
    pub fn objects(
        &self,
        plan: &Plan,
        values: &Values,
        instance_id: &str,
        images: &Images,
    ) -> Result<Vec<Value>, Problems> {
        let labels = &self.labels;
        let processing = Processing { values, labels, instance_id, images, shows_values: false };
        self.processed(plan, &processing, false)
    }

    /// The objects of one binding to an instance of this plan, in the order in which they are applied. Most templates
    /// have none.
    pub fn binding_objects(
        &self,
        plan: &Plan,
        values: &Values,
        instance_id: &str,
        binding_id: &str,
        images: &Images,
    ) -> Result<Vec<Value>, Problems> {
        let mut values = values.clone();
        values.insert(BINDING_ID.to_owned(), binding_id.to_owned());
        let (values, labels) = (&values, &self.labels);
        let processing = Processing { values, labels, instance_id, images, shows_values: false };
        self.processed(plan, &processing, true)
    }

    fn processed(
        &self,
        plan: &Plan,
        processing: &Processing,
        per_binding: bool,
    ) -> Result<Vec<Value>, Problems> {
        let templates = self.objects.iter().filter(|object| is_in_plan(object, plan));
        let (objects, problems) = processing.run(templates.filter(|it| is_per_binding(it) == per_binding));
        problems.or(objects)
    }

    /// Whether bindings to an instance of this plan have objects of their own, so that a bind takes a while.
    pub fn has_binding_objects(&self, plan: &Plan) -> bool {
        self.objects.iter().any(|object| is_per_binding(object) && is_in_plan(object, plan))
    }

    /// The template's message for the user. References to hidden parameters stay as they are.
    pub fn message(&self, values: &Values) -> String {
        let mut shown = values.clone();
        for parameter in self.parameters.iter().filter(|parameter| parameter.is_hidden()) {
            shown.remove(&parameter.name);
        }
        let message = Substitution::new(&shown, MAX_OBJECTS_BYTES).text(&self.message);
        message.unwrap_or_else(|TooLarge| self.message.clone())
    }
}
