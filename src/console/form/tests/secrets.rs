//! Secret parameters: where they go, and that no page shows them.

use serde_json::{Value, json};

use super::{Page, complete, existing, form, form_of, page, press, press_with, submit};
use crate::console::form::secret::looks_secret;
use crate::console::form::{Existing, Form};

const CANARY: &str = "canary-6f1d";

fn stored(names: &[&str]) -> Existing {
    Existing { in_secrets: names.iter().map(|name| (*name).to_owned()).collect(), ..Existing::default() }
}

#[test]
fn a_name_looks_secret_by_whole_words() {
    for name in ["password", "adminPassword", "API_KEY", "dbAPIKey", "tokens", "my-secret", "client.secret"] {
        assert!(looks_secret(name), "{name}");
    }
    for name in ["keyspace", "monkey", "tokenizer", "secretary", "", "passwordless"] {
        assert!(!looks_secret(name), "{name}");
    }
}

#[test]
fn secret_parameters_are_parted_from_the_others_at_the_top_level() {
    let form = form(&json!({"properties": {
        "size": {"type": "integer"},
        "tokenLifetime": {"type": "integer"},
        "pin": {"type": "integer", "writeOnly": true},
        "admin": {"properties": {"user": {"type": "string"}, "password": {"type": "string"}}}
    }}));
    let parsed = submit(
        &form,
        &page(&form).with(&[
            ("parameters.size", "1"),
            ("parameters.tokenLifetime", "2"),
            ("parameters.pin", "3"),
            ("parameters.admin.user", "root"),
            ("parameters.admin.password", CANARY),
        ]),
    );
    assert_eq!(Value::Object(parsed.parameters), json!({"size": 1, "tokenLifetime": 2}));
    let secrets = json!({"pin": 3, "admin": {"user": "root", "password": CANARY}});
    assert!(Value::Object(parsed.secrets) == secrets);
}

#[test]
fn names_that_the_user_chose_count_as_well() {
    let form = form_of(&json!({"additionalProperties": {"type": "string"}}));
    let shown = press(&form, &page(&form), "add parameters.x");
    let shown = shown.with(&[("parameters.x-0-key", "DB_PASSWORD"), ("parameters.x-0", CANARY)]);
    let parsed = submit(&form, &shown);
    assert!(parsed.parameters.is_empty() && parsed.secrets.contains_key("x"));
    let again = press(&form, &shown, "add parameters.x");
    assert!(!again.html.contains(CANARY));
}

#[test]
fn a_box_without_schema_parts_by_names() {
    let form = Form::of(None, None);
    let text = format!("password: {CANARY}\nsize: 1\ndb: {{users: [{{token: t}}]}}");
    let (filled, parsed) =
        complete(&form, &page(&form).with(&[("parameters-yaml", &text)]), &Existing::default());
    assert_eq!(Value::Object(parsed.parameters), json!({"size": 1}));
    assert_eq!(parsed.secrets.len(), 2);
    let shown = Page::of(&filled);
    assert!(!shown.html.contains(CANARY) && shown.html.contains("Enter secret values again"));
}

#[test]
fn a_schema_that_cannot_be_drawn_still_marks_secrets() {
    let form = form(&json!({"if": {"required": ["a"]}, "properties": {"pin": {"writeOnly": true}}}));
    let parsed = submit(&form, &page(&form).with(&[("parameters-yaml", "pin: 1\na: 2")]));
    assert!(parsed.secrets.contains_key("pin") && parsed.parameters.contains_key("a"));
}

#[test]
fn an_existing_secret_is_never_shown_and_kept_unless_replaced() {
    let form = form(&json!({
        "properties": {"password": {"type": "string"}, "db": {"properties": {"key": {"type": "string"}}},
            "size": {"type": "integer"}},
        "required": ["password"]
    }));
    let mut existing =
        existing(json!({"size": 1, "password": CANARY, "db": {"key": CANARY}, "extraToken": CANARY}));
    existing.in_secrets.insert("other".to_owned());
    let shown = Page::of(&form.fill(&existing));
    assert!(!shown.html.contains(CANARY));
    assert!(!press_with(&form, &shown, "text", &existing).html.contains(CANARY));
    let (_, parsed) = complete(&form, &shown, &existing);
    assert_eq!(parsed.problems, []);
    assert_eq!(Value::Object(parsed.parameters), json!({"size": 1}));
    assert!(parsed.kept.iter().eq(["db", "extraToken", "other", "password"]));
    let (_, parsed) = complete(&form, &shown.with(&[("parameters.password", "new")]), &existing);
    assert!(Value::Object(parsed.secrets) == json!({"password": "new"}));
    assert!(!parsed.kept.contains("password"));
}

#[test]
fn a_secret_is_not_shown_again_after_an_error_or_a_button() {
    let form = form(&json!({"properties": {
        "password": {"type": "string"}, "n": {"type": "integer"}, "free": {"writeOnly": true},
        "keys": {"type": "array", "items": {"type": "string"}},
        "login": {"oneOf": [{"properties": {"token": {"type": "string"}}}, {"type": "integer"}]}
    }}));
    let shown = press(&form, &page(&form), "add parameters.keys");
    let shown = press(&form, &shown.with(&[("parameters.login-variant", "0")]), "choose");
    let entered = shown.with(&[
        ("parameters.password", CANARY),
        ("parameters.n", "x"),
        ("parameters.free-yaml", CANARY),
        ("parameters.keys.0", CANARY),
        ("parameters.login-of.token", CANARY),
    ]);
    let (filled, parsed) = complete(&form, &entered, &Existing::default());
    assert_eq!(parsed.problems.len(), 1);
    assert_eq!(parsed.secrets.len(), 4);
    let again = Page::of(&filled);
    assert!(!again.html.contains(CANARY));
    assert_eq!(again.html.matches("Enter secret values again").count(), 4);
    for button in ["add parameters.keys", "text", "choose"] {
        let shown = press(&form, &entered, button).html;
        assert!(!shown.contains(CANARY) && shown.contains("Enter secret values again"), "{button}");
    }
    let text = press(&form, &page(&form), "text");
    let fields = press(&form, &text.with(&[("parameters-yaml", &format!("password: {CANARY}"))]), "fields");
    assert!(!fields.html.contains(CANARY) && fields.html.contains("Enter secret values again"));
}

#[test]
fn a_stored_group_is_replaced_as_a_whole() {
    let form = form_of(&json!({"properties": {"user": {"type": "string"}, "password": {"type": "string"}},
        "required": ["user", "password"]}));
    let stored = stored(&["x"]);
    let shown = Page::of(&form.fill(&stored));
    assert_eq!(shown.count("[required]"), 0);
    let (_, parsed) = complete(&form, &shown.with(&[("parameters.x.password", CANARY)]), &stored);
    assert_eq!(parsed.problems[0].pointer, "/x/user");
}

#[test]
fn a_pem_key_has_lines() {
    assert_eq!(
        page(&form_of(&json!({"type": "string", "description": "PEM key", "writeOnly": true})))
            .count("textarea"),
        1
    );
}
