//! Templates: objects with parameters, in the shape that OpenShift gave them (`template.openshift.io/v1`).
//!
//! The kind has no `spec`. Files written for OpenShift apply unchanged, so every field may be absent or `null`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, CustomResourceDefinitionNames,
    CustomResourceDefinitionSpec, CustomResourceDefinitionVersion, CustomResourceSubresourceStatus,
    CustomResourceSubresources, CustomResourceValidation, JSONSchemaProps,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::schema::StructuralSchemaRewriter;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::condition::Condition;
use super::schema;

/// The API group, which is OpenShift's.
pub const GROUP: &str = "template.openshift.io";
/// The API version.
pub const VERSION: &str = "v1";

/// A set of objects that are created together. Parameters fill in what differs between two uses.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// Standard object metadata. Annotations describe the service that the template offers.
    #[serde(default, deserialize_with = "schema::null_as_default")]
    #[schemars(skip)]
    pub metadata: ObjectMeta,
    /// Text for the user of a new instance, for example where to find its password. May refer to parameters as
    /// `${NAME}`.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "String::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub message: String,
    /// Objects to create, at most 100. `${NAME}` in a string or key is replaced by the parameter's value, and a string
    /// that is exactly `${{NAME}}` by the value read as JSON.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "objects")]
    pub objects: Vec<Value>,
    /// Parameters that the objects may refer to, in the order of the form.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub parameters: Vec<Parameter>,
    /// Labels of every created object. Keys and values may refer to parameters as `${NAME}`.
    #[serde(
        default,
        deserialize_with = "schema::null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schemars(extend("nullable" = true))]
    pub labels: BTreeMap<String, String>,
    /// Whether the template broker offers the template. Set by the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub status: Option<TemplateStatus>,
}

/// Whether the template broker offers a template.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct TemplateStatus {
    /// Current conditions: `Published`.
    #[serde(default, deserialize_with = "schema::null_as_default")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}

/// Any values: the API server would check embedded objects, and `${KIND}` is no kind.
fn objects(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array", "nullable": true, "maxItems": 100,
        "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    })
}

impl Resource for Template {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "Template".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        GROUP.into()
    }

    fn version((): &()) -> Cow<'_, str> {
        VERSION.into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "templates".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// The CRD, for clusters that do not serve the kind themselves.
pub fn crd() -> CustomResourceDefinition {
    let settings = SchemaSettings::openapi3().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let generator = settings.with_transform(StructuralSchemaRewriter).into_generator();
    let schema = generator.into_root_schema_for::<Template>();
    let schema: Option<JSONSchemaProps> = serde_json::from_value(schema.to_value()).ok();
    let column = |name: &str, type_: &str, json_path: &str| CustomResourceColumnDefinition {
        name: name.to_owned(),
        type_: type_.to_owned(),
        json_path: json_path.to_owned(),
        ..CustomResourceColumnDefinition::default()
    };
    let version = CustomResourceDefinitionVersion {
        name: VERSION.to_owned(),
        served: true,
        storage: true,
        schema: Some(CustomResourceValidation { open_api_v3_schema: schema }),
        subresources: Some(CustomResourceSubresources {
            status: Some(CustomResourceSubresourceStatus(json!({}))),
            ..CustomResourceSubresources::default()
        }),
        additional_printer_columns: Some(vec![
            column("Published", "string", ".status.conditions[?(@.type==\"Published\")].status"),
            column("Age", "date", ".metadata.creationTimestamp"),
        ]),
        ..CustomResourceDefinitionVersion::default()
    };
    CustomResourceDefinition {
        metadata: ObjectMeta { name: Some(format!("templates.{GROUP}")), ..ObjectMeta::default() },
        spec: CustomResourceDefinitionSpec {
            group: GROUP.to_owned(),
            names: CustomResourceDefinitionNames {
                kind: "Template".to_owned(),
                plural: "templates".to_owned(),
                singular: Some("template".to_owned()),
                ..CustomResourceDefinitionNames::default()
            },
            scope: "Namespaced".to_owned(),
            versions: vec![version],
            ..CustomResourceDefinitionSpec::default()
        },
        status: None,
    }
}

/// A value that the user of a template can choose.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// Name by which objects refer to the parameter: letters, digits and `_`.
    #[serde(default, deserialize_with = "schema::null_as_default")]
    pub name: String,
    /// Name for forms, for example `Memory Limit`. Default: the name.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "String::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub display_name: String,
    /// What the parameter changes, and which values are valid.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "String::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub description: String,
    /// Default value. May refer to `${INSTANCE_NAME}`, `${INSTANCE_ID}` and `${NAMESPACE}`, the service instance's.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "String::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub value: String,
    /// How a value is generated if neither the user nor `value` gives one. Only `expression` is known.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "String::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub generate: String,
    /// Expression for `generate`: text with classes of characters, for example `user[A-Z0-9]{3}` or `[\w]{16}`.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "String::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub from: String,
    /// Whether the value must not be empty. Default: false.
    #[serde(
        default,
        deserialize_with = "schema::null_as_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    #[schemars(extend("nullable" = true))]
    pub required: bool,
}
