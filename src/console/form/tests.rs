//! The form as a browser and a user see it.

mod browser;
mod hostile;
mod kinds;
mod problems;
mod properties;
mod secrets;
mod table;
mod text;

use crate::console::language::Language;
use serde_json::{Map, Value, json};

use crate::console::form::{Existing, FilledForm, Form, Parsed, Submission};
use browser::Page;

const ENGLISH: Language = Language::English;

/// The form for a schema.
fn form(schema: &Value) -> Form {
    Form::of(Some(schema), None)
}

/// The form for one property `x`.
fn form_of(property: &Value) -> Form {
    form(&json!({"type": "object", "properties": {"x": property}}))
}

fn existing(parameters: Value) -> Existing {
    let Value::Object(parameters) = parameters else { panic!("not an object: {parameters}") };
    Existing { parameters, ..Existing::default() }
}

/// The page of an empty form.
fn page(form: &Form) -> Page {
    Page::of(&form.fill(&Existing::default()))
}

/// Submits a page of a new instance.
fn submit(form: &Form, page: &Page) -> Parsed {
    complete(form, page, &Existing::default()).1
}

fn complete<'a>(form: &'a Form, page: &Page, existing: &Existing) -> (FilledForm<'a>, Parsed) {
    match form.read(&page.entries, existing, ENGLISH) {
        Submission::Complete(filled, parsed) => (filled, parsed),
        Submission::Changed(_) => panic!("the form is shown again: {:?}", page.entries),
    }
}

/// Presses a button of the form, and shows the page that follows.
fn press(form: &Form, page: &Page, button: &str) -> Page {
    press_with(form, page, button, &Existing::default())
}

fn press_with(form: &Form, page: &Page, button: &str, existing: &Existing) -> Page {
    assert!(page.buttons.contains(&button.to_owned()), "no button {button:?} in {:?}", page.buttons);
    let mut entries = page.entries.clone();
    entries.push(("parameters-action".to_owned(), button.to_owned()));
    match form.read(&entries, existing, ENGLISH) {
        Submission::Changed(filled) => Page::of(&filled),
        Submission::Complete(..) => panic!("the button {button:?} did not change the form"),
    }
}

/// What a form sends of the property `x` after entering `entries`, without problems.
fn sent(property: &Value, entries: &[(&str, &str)]) -> Value {
    let parsed = submit(&form_of(property), &page(&form_of(property)).with(entries));
    assert_eq!(parsed.problems, []);
    Value::Object(parsed.parameters)
}

/// The parameters after editing existing ones without any change.
fn unchanged(form: &Form, parameters: &Map<String, Value>) -> Parsed {
    let existing = Existing { parameters: parameters.clone(), ..Existing::default() };
    complete(form, &Page::of(&form.fill(&existing)), &existing).1
}
