//! The form for the parameters of a plan: JSON schema → fields → HTML, and the entries of a submitted form → JSON.
//!
//! Pure: no I/O, no clock, no state. Schemas come from brokers and entries from users, so both are hostile: whatever
//! they hold, nothing panics, and size, depth, count and work are bounded ([`MAX_FIELDS`], [`MAX_DEPTH`],
//! [`MAX_BYTES`]). What cannot be drawn as fields becomes a box for YAML, for that part of the parameters only.
//!
//! # How a page uses it
//!
//! ```text
//! let form = Form::of(Some(&schema), hints);
//! // An empty form (`Existing::default()`), or one to edit what is there:
//! let existing = Existing::default();
//! let page = form.fill(&existing).render(language);
//! // POST: all entries of the body, in their order. Entries of other parts of the page are ignored.
//! match form.read(&entries, &existing, language) {
//!     // The user pressed one of the form's own buttons (add, remove, move, choose, Form | YAML): show the page again.
//!     Submission::Changed(filled) => { filled.summary(language); filled.render(language); }
//!     Submission::Complete(filled, parsed) if parsed.problems.is_empty() => {
//!         // `parsed.parameters` → spec.parameters; `parsed.secrets` → a Secret, one JSON object under one key.
//!         // If the validator or a dry run objects, show the page again with what they say:
//!         filled.with_problems(Vec::new()).render(language);
//!     }
//!     // The problems are already in `filled`.
//!     Submission::Complete(filled, _) => { filled.summary(language); filled.render(language); }
//! }
//! ```
//!
//! The page supplies `<form method="post">`, its token and its own submit button, and places
//! [`FilledForm::summary`] near the top. In its `<form>`, [`FilledForm::render`] has to come before any submit button
//! that must not react to the Enter key: the first one that it emits is a hidden one without a name, so that Enter in a
//! field does not press “Remove”.
//!
//! # What is sent
//!
//! | the user | is sent |
//! |---|---|
//! | leaves an optional field empty | nothing; the broker applies its default, which the field shows |
//! | leaves a required field empty that has a default, or only one possible value | that value |
//! | leaves a required field empty | nothing, and a problem |
//! | chooses “empty” or “null” under “If left empty” | `""`, `[]`, `{}` or `null` |
//! | leaves a row of a list empty | nothing for that row |
//! | gives a row of names and values a name only | `""`, if its value is a text |
//!
//! “Empty” is offered where it overrides a default or exists already, “null” where the schema allows it.
//!
//! # Secrets
//!
//! The operator refuses a parameter that is both in `spec.parameters` and in a Secret, and merges sources by top-level
//! name. So a top-level parameter goes to the Secret **as a whole** as soon as any part of it looks secret: `format:
//! password`, `writeOnly`, a hint `password`, or a text whose name has one of the words password, secret, token, key.
//! When the instance is edited, such a parameter is kept unless its fields are filled in ([`Parsed::kept`]). Values of
//! secret fields are never rendered, also not after an error or a button: then the field asks for the value again.

mod content;
mod hint;
mod model;
mod path;
mod read;
mod render;
mod schema;
mod secret;
mod table;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeSet;

use crate::console::language::Language;
use maud::Markup;
use serde_json::{Map, Value};

pub use path::pointer_to;
pub use table::{parameters_table, render_table};
pub use text::{from_text, to_text};

/// How the ids and names of a form's fields begin. Entries of other parts of the page begin otherwise.
const PREFIX: &str = "parameters";

/// How many fields a form has at most, rows of lists included. A part of the parameters with more is a box for YAML.
pub const MAX_FIELDS: usize = 2000;

/// How deeply fields are nested at most.
pub const MAX_DEPTH: usize = 16;

/// How many bytes of entries, or of a text, are read at most.
pub const MAX_BYTES: usize = 1024 * 1024;

/// The form for the parameters of a plan, without any values.
#[derive(Clone, Debug)]
pub struct Form {
    root: model::Field,
    /// The names of properties that the schema or the hints mark as secret.
    marked: BTreeSet<String>,
}

/// The parameters that exist when an instance is edited. The default: none.
#[derive(Clone, Default)]
pub struct Existing {
    /// `spec.parameters`.
    pub parameters: Map<String, Value>,
    /// The names of the top-level parameters that come from Secrets: those that `status.parameters` shows redacted.
    pub in_secrets: BTreeSet<String>,
}

/// A problem with the parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A JSON pointer into the parameters: `/users/0/name`; empty for the parameters as a whole. It need not exist: the
    /// problem is then shown at the nearest part that does.
    pub pointer: String,
    /// What is wrong, for the user. It must not contain a secret.
    pub message: String,
}

/// The parameters from a submitted form. `Debug` is not implemented, since they may be secret.
#[derive(Clone, Default, PartialEq)]
pub struct Parsed {
    /// For `spec.parameters`. Values that are no valid JSON or number are here as texts, and have a problem.
    pub parameters: Map<String, Value>,
    /// For a Secret: new and replaced top-level parameters.
    pub secrets: Map<String, Value>,
    /// The names of existing top-level parameters that stay as and where they are, in Secrets or in `spec.parameters`.
    /// None of them is in `parameters` or `secrets`. An existing one in none of the three is to be removed.
    pub kept: BTreeSet<String>,
    /// Why this cannot be sent. Parameters of [`kept`](Self::kept) are not among the values: a validation has to add
    /// them, or to leave out what the validator says about them.
    pub problems: Vec<Problem>,
}

/// What the user did with a form.
pub enum Submission<'a> {
    /// Pressed one of the form's own buttons. Here is the changed form.
    Changed(FilledForm<'a>),
    /// Submitted it. Here it is for display, with its problems, and what it says.
    Complete(FilledForm<'a>, Parsed),
}

/// A form with what is filled in, to be rendered.
pub struct FilledForm<'a> {
    form: &'a Form,
    content: content::Content,
    /// The existing top-level parameters whose values are not shown.
    hidden: BTreeSet<String>,
    problems: Vec<Problem>,
    /// The id of the element that gets the focus.
    focus: Option<String>,
}

impl Form {
    /// The form for a plan's schema. The fields are ordered by `hints` (`openshift_form_definition`), then required
    /// ones first, then as in the schema. Without a schema: a box for YAML.
    pub fn of(schema: Option<&Value>, hints: Option<&Value>) -> Self {
        let hints = hint::Hints::of(hints);
        let root = schema.map_or_else(|| model::Field::any(""), |schema| schema::root(schema, &hints));
        let mut marked = schema.map(secret::marked_names).unwrap_or_default();
        marked.extend(hints.passwords().map(str::to_owned));
        Self { root, marked }
    }

    /// Whether there are fields. Otherwise the form is a box for YAML.
    pub fn has_fields(&self) -> bool {
        !matches!(self.root.kind, model::Kind::Any)
    }

    /// The form filled in with what exists. Secret values stay hidden.
    pub fn fill(&self, existing: &Existing) -> FilledForm<'_> {
        let (visible, _) = self.split(existing.parameters.clone());
        self.filled(content::fill(&self.root, &Value::Object(visible)), self.hidden(existing))
    }

    /// Reads the entries of a submitted form: names and values as the browser sent them, decoded. `existing` is the
    /// same as for [`fill`](Self::fill). Entries without the form's prefix are ignored.
    pub fn read(
        &self,
        entries: &[(String, String)],
        existing: &Existing,
        language: Language,
    ) -> Submission<'_> {
        read::submission(self, entries, existing, language)
    }

    /// Separates parameters into those for `spec.parameters` and those for a Secret.
    pub fn split(&self, parameters: Map<String, Value>) -> (Map<String, Value>, Map<String, Value>) {
        let search = secret::Search::new(&self.marked);
        parameters.into_iter().partition(|(name, value)| !search.is_secret_parameter(&self.root, name, value))
    }
}

impl FilledForm<'_> {
    /// Adds problems that were found elsewhere: by the validator, or by a dry run.
    #[must_use]
    pub fn with_problems(mut self, problems: Vec<Problem>) -> Self {
        self.problems.extend(problems);
        self
    }

    /// The form without these parameters as stored ones, because others were entered since.
    #[must_use]
    pub fn without_stored(mut self, entered: &Map<String, Value>) -> Self {
        self.hidden.retain(|name| !entered.contains_key(name));
        self
    }

    /// Whether there are problems.
    pub fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// The problems as a list of links to the fields, with `role="alert"`. Empty without problems.
    pub fn summary(&self, language: Language) -> Markup {
        render::summary(self, language)
    }

    /// The fields, or the box for YAML, with the buttons to switch between the two. To be placed in a `<form>`.
    pub fn render(&self, language: Language) -> Markup {
        render::form(self, language)
    }
}
