//! The parameters of a plan as a table, for the catalog.

use crate::console::language::Language;
use maud::{Markup, html};
use serde_json::Value;

use crate::console::form::Form;
use crate::console::form::model::{Field, Kind};
use crate::console::form::render::kind_words;
use crate::console::form::schema::shortened;

/// How much of a default is shown, in characters.
const MAX_SHOWN: usize = 200;

/// A parameter of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterRow {
    /// The name; of a nested parameter the names joined by `.`, with `[]` for the items of a list.
    pub name: String,
    /// The title, if there is one.
    pub title: Option<String>,
    /// The type in words.
    pub kind: String,
    /// Whether the schema requires it, given that the group around it is set.
    pub is_required: bool,
    /// Whether it belongs in a Secret.
    pub is_secret: bool,
    /// The default: a text as it is, another value as JSON.
    pub default: Option<String>,
    /// The description.
    pub description: Option<String>,
}

/// The parameters that a schema describes, nested ones after their group. Empty if the schema describes none, or cannot
/// be drawn as fields.
pub fn parameters_table(schema: &Value, language: Language) -> Vec<ParameterRow> {
    let mut rows = Vec::new();
    add_parts(&Form::of(Some(schema), None).root, "", language, &mut rows);
    rows
}

/// The table, with a caption. Nothing without rows.
pub fn render_table(rows: &[ParameterRow], language: Language) -> Markup {
    let heads = language.pick(
        ["Name", "Type", "Required", "Default", "Description"],
        ["名称", "类型", "必填", "默认值", "说明"],
    );
    html! {
        @if !rows.is_empty() {
            table.parameters {
                caption { (language.pick("Parameters", "参数")) }
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" {
                                code { (row.name) }
                                @if let Some(title) = &row.title { br; span lang="en" dir="auto" { (title) } }
                            }
                            td {
                                (row.kind)
                                @if row.is_secret { br; (language.pick("secret", "机密")) }
                            }
                            td {
                                @if row.is_required { (language.pick("yes", "是")) }
                                @else { (language.pick("no", "否")) }
                            }
                            td { @if let Some(default) = &row.default { code { (default) } } }
                            td lang="en" dir="auto" { @if let Some(description) = &row.description { (description) } }
                        }
                    }
                }
            }
        }
    }
}

fn add_parts(field: &Field, prefix: &str, language: Language, rows: &mut Vec<ParameterRow>) {
    match &field.kind {
        Kind::Group { members, .. } => {
            for member in members {
                let name = match prefix {
                    "" => member.field.name.clone(),
                    _ => format!("{prefix}.{}", member.field.name),
                };
                rows.push(row(&member.field, name.clone(), member.is_required, language));
                add_parts(&member.field, &name, language, rows);
            }
        }
        Kind::List(item) => add_parts(item, &format!("{prefix}[]"), language, rows),
        Kind::Variants(variants) => {
            for variant in variants {
                add_parts(variant, prefix, language, rows);
            }
        }
        Kind::Text(_) | Kind::Number { .. } | Kind::Choice { .. } | Kind::Any => {}
    }
}

fn row(field: &Field, name: String, is_required: bool, language: Language) -> ParameterRow {
    let default = field.default.as_ref().map(|default| match default {
        Value::String(text) => shortened(text, MAX_SHOWN),
        _ => shortened(&default.to_string(), MAX_SHOWN),
    });
    ParameterRow {
        name,
        title: field.title.clone(),
        kind: kind_words(field, language),
        is_required,
        is_secret: field.is_secret,
        default,
        description: field.description.clone(),
    }
}
