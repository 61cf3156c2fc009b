//! Which image replaces the tag of an image stream? On OpenShift a controller fills in the images of the annotation
//! `image.openshift.io/triggers`; elsewhere this table does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::annotation;
use super::jsonpath::Path;
use super::object::annotation as annotation_of;
use super::problem::short;
use super::substitute::has_reference;

/// Images by tag: `namespace/name:tag`, or `name:tag` for any namespace.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(transparent)]
pub struct Images {
    table: BTreeMap<String, String>,
    /// Whether a controller of the cluster fills in the images of other tags.
    #[serde(skip)]
    leaves_others: bool,
}

impl FromIterator<(String, String)> for Images {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(entries: T) -> Self {
        Self { table: entries.into_iter().collect(), leaves_others: false }
    }
}

/// An element of the annotation.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trigger {
    from: TriggerSource,
    field_path: String,
}

#[derive(Deserialize)]
struct TriggerSource {
    #[serde(default)]
    kind: String,
    name: String,
    #[serde(default)]
    namespace: Option<String>,
}

impl Images {
    fn image(&self, source: &TriggerSource) -> Option<&str> {
        let namespace = source.namespace.as_deref().filter(|namespace| !namespace.is_empty());
        let qualified =
            namespace.and_then(|namespace| self.table.get(&format!("{namespace}/{}", source.name)));
        qualified.or_else(|| self.table.get(&source.name)).map(String::as_str)
    }

    /// The same table for a cluster with image streams: other tags are left to the cluster's own controller.
    #[must_use]
    pub fn beside_image_streams(&self) -> Self {
        Self { table: self.table.clone(), leaves_others: true }
    }

    /// Fills in the images of an object's triggers. An image that the object has already stays if the table does not
    /// know the tag, and tags that still contain references are left alone. Messages show tags as `shown` has them: the
    /// object itself, or the template's object if the values are a user's.
    pub(super) fn fill(&self, object: &mut Value, shown: &Value) -> Result<(), String> {
        let shown = triggers(shown).unwrap_or_default();
        for (index, trigger) in triggers(object)?.iter().enumerate() {
            if !self.fill_one(trigger, object)? {
                let tag = shown.get(index).unwrap_or(trigger).from.tag();
                return Err(format!(
                    "no image is known for the image stream tag {tag}: use another tag, or add it to the \
                     table of images"
                ));
            }
        }
        Ok(())
    }

    /// Returns `false` if the object needs the image and the table does not have it.
    fn fill_one(&self, trigger: &Trigger, object: &mut Value) -> Result<bool, String> {
        let Trigger { from: source, field_path } = trigger;
        let is_tag = matches!(source.kind.as_str(), "" | "ImageStreamTag");
        let mut texts = [&source.name, field_path].into_iter().chain(&source.namespace);
        if !is_tag || texts.any(|text| has_reference(text)) {
            return Ok(true);
        }
        let path = Path::parse(field_path)
            .map_err(|why| format!("{} has an invalid fieldPath: {why}", annotation::TRIGGERS))?;
        match self.image(source) {
            Some(image) if path.set(object, image) => Ok(true),
            Some(_) => Err(format!("{} names a container that does not exist", annotation::TRIGGERS)),
            None if self.leaves_others => Ok(true),
            None => Ok(path.first_text(object).is_some_and(|image| !image.trim().is_empty())),
        }
    }
}

impl TriggerSource {
    fn tag(&self) -> String {
        let namespace = self.namespace.as_deref().filter(|namespace| !namespace.is_empty());
        namespace.map_or_else(String::new, |name| format!("{}/", short(name))) + &short(&self.name)
    }
}

fn triggers(object: &Value) -> Result<Vec<Trigger>, String> {
    let Some(text) = annotation_of(object, annotation::TRIGGERS) else { return Ok(Vec::new()) };
    serde_json::from_str(text)
        .map_err(|error| format!("{} is not a valid list of triggers: {error}", annotation::TRIGGERS))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn images() -> Images {
        [("openshift/redis:7", "quay.io/redis:7"), ("tool:1", "quay.io/tool:1")]
            .map(|(tag, image)| (tag.to_owned(), image.to_owned()))
            .into_iter()
            .collect()
    }

    fn filled(triggers: &str, image: &str) -> Result<Value, String> {
        let mut object = json!({
            "metadata": {"annotations": {"image.openshift.io/triggers": triggers}},
            "spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}},
        });
        let shown = object.clone();
        images().fill(&mut object, &shown)?;
        Ok(object["spec"]["template"]["spec"]["containers"][0]["image"].take())
    }

    fn trigger(namespace: &str, name: &str) -> String {
        let path = r#"spec.template.spec.containers[?(@.name=="main")].image"#;
        json!([{"from": {"kind": "ImageStreamTag", "name": name, "namespace": namespace}, "fieldPath": path}])
            .to_string()
    }

    #[test]
    fn a_known_tag_becomes_an_image() {
        assert_eq!(filled(&trigger("openshift", "redis:7"), " "), Ok(json!("quay.io/redis:7")));
        assert_eq!(filled(&trigger("openshift", "redis:7"), "old"), Ok(json!("quay.io/redis:7")));
        assert_eq!(filled(&trigger("anywhere", "tool:1"), ""), Ok(json!("quay.io/tool:1")));
        assert_eq!(filled(&trigger("", "tool:1"), ""), Ok(json!("quay.io/tool:1")));
    }

    #[test]
    fn an_unknown_tag_is_a_problem_only_without_an_image() {
        assert_eq!(filled(&trigger("other", "redis:7"), "mine"), Ok(json!("mine")));
        let why = filled(&trigger("other", "redis:7"), " ").unwrap_err();
        assert!(why.starts_with("no image is known for the image stream tag other/redis:7: "), "{why}");
    }

    #[test]
    fn a_tag_with_an_open_reference_is_left_alone() {
        assert_eq!(filled(&trigger("openshift", "redis:${VERSION}"), " "), Ok(json!(" ")));
    }

    #[test]
    fn invalid_annotations_are_problems() {
        let path = |path: &str| json!([{"from": {"name": "tool:1"}, "fieldPath": path}]).to_string();
        for triggers in [
            "{",
            "[{}]",
            &path("spec.containers[9].image"),
            &path("spec["),
            &path("spec.template.spec.containers[1].image"),
        ] {
            assert!(filled(triggers, " ").is_err(), "{triggers}");
        }
    }
}
