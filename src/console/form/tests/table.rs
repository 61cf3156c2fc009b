//! The table of parameters in the catalog.

use crate::console::language::Language;
use serde_json::json;

use crate::console::form::{parameters_table, render_table};

#[test]
fn the_table_describes_nested_parameters() {
    let schema = json!({"properties": {
        "db": {"title": "Database", "properties": {"password": {"type": "string"}}, "required": ["password"]},
        "users": {"type": "array", "items": {"properties": {"name": {"type": "string", "default": "<a>"}}}},
    }, "required": ["db"]});
    let rows = parameters_table(&schema, Language::English);
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["db", "db.password", "users", "users[].name"]);
    assert!(rows[0].is_required && rows[1].is_secret && !rows[2].is_required);
    assert_eq!(rows[2].kind, "list of: group");
    let html = render_table(&rows, Language::Chinese).into_string();
    assert!(html.contains("&lt;a&gt;") && html.contains("<caption>参数</caption>"));
}

#[test]
fn without_parameters_there_is_no_table() {
    let rows = parameters_table(&json!({"patternProperties": {"a": {}}}), Language::English);
    assert_eq!(render_table(&rows, Language::English).into_string(), "");
}
