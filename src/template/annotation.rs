//! The annotations that have a meaning to the broker, and how structured ones are read.

use serde::de::DeserializeOwned;

use super::problem::one_line;

/// Name for users, on a template.
pub(super) const DISPLAY_NAME: &str = "openshift.io/display-name";
/// Short description, on a template.
pub(super) const DESCRIPTION: &str = "description";
/// Icon as a class of a style sheet, on a template, for example `icon-redis`.
pub(super) const ICON_CLASS: &str = "iconClass";
/// Tags separated by commas, on a template.
pub(super) const TAGS: &str = "tags";
/// Prefixes of the annotations that follow. Templates before OpenShift 4 use the second.
pub(super) const PREFIXES: [&str; 2] = ["openshift.io/", "template.openshift.io/"];
/// Long description, on a template, after one of the [`PREFIXES`].
pub(super) const LONG_DESCRIPTION: &str = "long-description";
/// Provider for users, on a template, after one of the [`PREFIXES`].
pub(super) const PROVIDER: &str = "provider-display-name";
/// URL of the documentation, on a template, after one of the [`PREFIXES`].
pub(super) const DOCUMENTATION_URL: &str = "documentation-url";
/// URL for support, on a template, after one of the [`PREFIXES`].
pub(super) const SUPPORT_URL: &str = "support-url";
/// `"false"`, on a template: instances have nothing to bind.
pub(super) const BINDABLE: &str = "template.openshift.io/bindable";

/// List of plans, on a template, as JSON or YAML.
pub(super) const PLANS: &str = "servicecatalog.k8s.io/plans";
/// Version of a template, as semver. A new one offers its instances an upgrade.
pub(super) const VERSION: &str = "servicecatalog.k8s.io/version";
/// Parameters that cannot change after creation, on a template, separated by commas.
pub(super) const IMMUTABLE: &str = "servicecatalog.k8s.io/immutable";
/// Prefix, followed by a parameter's name, on a template: JSON schema for the parameter, as JSON or YAML.
pub(super) const SCHEMA_PREFIX: &str = "servicecatalog.k8s.io/schema.";

/// Prefix, followed by a key, on an object: `JSONPath` text for that key of the credentials.
pub(super) const EXPOSE_PREFIX: &str = "template.openshift.io/expose-";
/// Like [`EXPOSE_PREFIX`], but the data of a Secret is left in base64.
pub(super) const BASE64_EXPOSE_PREFIX: &str = "template.openshift.io/base64-expose-";
/// `"false"`, on an object: an instance is ready before the object is.
pub(super) const WAIT_FOR_READY: &str = "template.alpha.openshift.io/wait-for-ready";
/// JSON list of images that OpenShift fills in, on an object.
pub(super) const TRIGGERS: &str = "image.openshift.io/triggers";
/// `"true"`, on an object: each binding gets its own, and unbinding deletes it.
pub(super) const PER_BINDING: &str = "servicecatalog.k8s.io/per-binding";
/// Names of plans separated by commas, on an object: only instances of these plans have it.
pub(super) const IN_PLANS: &str = "servicecatalog.k8s.io/in-plans";

/// The key that an annotation of an object exposes, and whether data of a Secret is left in base64.
pub(super) fn exposed_key(name: &str) -> Option<(&str, bool)> {
    let plain = name.strip_prefix(EXPOSE_PREFIX).map(|key| (key, false));
    plain.or_else(|| Some((name.strip_prefix(BASE64_EXPOSE_PREFIX)?, true)))
}

/// Reads an annotation's value as JSON, else as YAML. JSON comes first because YAML has no tabs.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).or_else(|json_error| {
        let looks_like_json = text.trim_start().starts_with(['{', '[']);
        serde_saphyr::from_str(text).map_err(|yaml_error| {
            let error = if looks_like_json { json_error.to_string() } else { yaml_error.to_string() };
            one_line(&error)
        })
    })
}

/// The parts of a comma-separated list, without empty ones.
pub(super) fn comma_list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn structured_annotations_are_json_or_yaml() {
        assert_eq!(parse::<Value>("[\n\t{\"a\": 1}\n]"), Ok(json!([{"a": 1}])));
        assert_eq!(parse::<Value>("- a: 1\n- b: [x, 2.50]"), Ok(json!([{"a": 1}, {"b": ["x", 2.5]}])));
    }

    #[test]
    fn a_syntax_error_is_reported_in_one_line() {
        for text in ["[{]", "- a: [1\nb: }\n", "{\"a\": 1,\n}", "\u{0}"] {
            let error = parse::<Vec<Value>>(text).unwrap_err();
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn both_annotations_name_the_key_they_expose() {
        assert_eq!(exposed_key("template.openshift.io/expose-uri"), Some(("uri", false)));
        assert_eq!(exposed_key("template.openshift.io/base64-expose-jks"), Some(("jks", true)));
        assert_eq!(exposed_key("openshift.io/display-name"), None);
    }

    #[test]
    fn a_comma_list_has_no_empty_parts() {
        assert_eq!(comma_list(" database, redis,,").collect::<Vec<_>>(), ["database", "redis"]);
    }
}
