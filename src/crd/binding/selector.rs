//! `spec.podSelector` of a binding, with bounds. Each new pod of the namespace is compared with it, by the API server and by
//! the operator, which keeps it in memory.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::Rule;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};

/// The most labels that a selector names in `matchLabels`.
pub const MAX_LABELS: usize = 32;
/// The most requirements that a selector has in `matchExpressions`.
pub const MAX_EXPRESSIONS: usize = 16;
/// The most values that such a requirement has.
pub const MAX_VALUES: usize = 64;
/// The longest key of a label, in characters: Kubernetes' limit.
pub const MAX_KEY_CHARS: usize = 317;
/// The longest value of a label, in characters: Kubernetes' limit.
pub const MAX_VALUE_CHARS: usize = 63;

/// The schema of Kubernetes, with the bounds.
pub(super) fn schema(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = generator.subschema_for::<LabelSelector>();
    for (place, name, bound) in [
        ("/properties/matchLabels", "maxProperties", MAX_LABELS),
        ("/properties/matchLabels/additionalProperties", "maxLength", MAX_VALUE_CHARS),
        ("/properties/matchExpressions", "maxItems", MAX_EXPRESSIONS),
        ("/properties/matchExpressions/items/properties/key", "maxLength", MAX_KEY_CHARS),
        ("/properties/matchExpressions/items/properties/values", "maxItems", MAX_VALUES),
        ("/properties/matchExpressions/items/properties/values/items", "maxLength", MAX_VALUE_CHARS),
    ] {
        if let Some(Value::Object(place)) = schema.pointer_mut(place) {
            place.insert(name.to_owned(), bound.into());
        }
    }
    schema
}

/// The schema of labels that a binding of the alpha API selects pods by.
pub(in crate::crd) fn labels(_: &mut SchemaGenerator) -> Schema {
    let value = json!({"type": "string", "maxLength": MAX_VALUE_CHARS});
    schemars::json_schema!({
        "type": "object", "nullable": true, "maxProperties": MAX_LABELS, "additionalProperties": value,
    })
}

/// CEL rule: the operators of `matchExpressions` are those of Kubernetes.
pub(super) fn operators() -> Rule {
    Rule::new(
        "!has(self.matchExpressions) || self.matchExpressions.all(e, \
         e.operator in ['In', 'NotIn'] ? has(e.values) && size(e.values) > 0 : \
         e.operator in ['Exists', 'DoesNotExist'] && (!has(e.values) || size(e.values) == 0))",
    )
    .message("operator must be In or NotIn, with values, or Exists or DoesNotExist, without values")
}

/// CEL rule: no key of these labels is too long. A schema cannot limit keys.
pub(in crate::crd) fn keys(labels: &str) -> Rule {
    Rule::new(format!("{labels}.all(key, size(key) <= {MAX_KEY_CHARS})")).message(
        kube::core::Message::Message(format!("a key of a label may have {MAX_KEY_CHARS} characters")),
    )
}
