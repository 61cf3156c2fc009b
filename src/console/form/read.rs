//! From the entries of a submitted form to what is filled in, and to the parameters; entry point [`submission`].

mod entries;
mod evaluate;

use std::collections::BTreeSet;

use crate::console::language::Language;
use serde_json::{Map, Value};

use crate::console::form::content::{self, Content, Entry};
use crate::console::form::model::{Field, Kind};
use crate::console::form::secret::looks_secret;
use crate::console::form::{
    Existing, FilledForm, Form, MAX_BYTES, Parsed, Problem, Submission, from_text, to_text,
};
use entries::{Action, Entries};

/// Reads a submitted form.
pub fn submission<'a>(
    form: &'a Form,
    entries: &[(String, String)],
    existing: &Existing,
    language: Language,
) -> Submission<'a> {
    let hidden = form.hidden(existing);
    if entries.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_BYTES {
        let english = "The form has more than 1 MiB. Shorten the values.";
        let problems = problem(language.pick(english, "表单超过 1 MiB。请缩短各项的值。"));
        let filled = form.filled(Content::default(), hidden).with_problems(problems.clone());
        return Submission::Complete(filled, Parsed { problems, ..Parsed::default() });
    }
    let mut entries = Entries::new(entries, form);
    let mut content = entries.content();
    let mut problems = Vec::new();
    if entries.is_full {
        let english = "The form has more than 2000 fields. Enter the parameters as YAML instead.";
        problems = problem(language.pick(english, "表单超过 2000 个字段。请改用 YAML 输入参数。"));
    }
    if entries.is_changed() {
        if let Some(Action::ShowText | Action::ShowFields) = entries.action {
            problems.extend(switch(form, &mut content, entries.action, &hidden, language));
        } else {
            form.conceal(&mut content);
        }
        let mut filled = form.filled(content, hidden).with_problems(problems);
        filled.focus = entries.focus;
        return Submission::Changed(filled);
    }
    content.compact();
    let mut parsed = parsed(form, &content, &hidden, language);
    parsed.problems.extend(problems);
    form.conceal(&mut content);
    let filled = form.filled(content, hidden).with_problems(parsed.problems.clone());
    Submission::Complete(filled, parsed)
}

/// A problem of the form as a whole.
fn problem(message: &str) -> Vec<Problem> {
    vec![Problem { pointer: String::new(), message: message.to_owned() }]
}

/// Shows the same data in the other view: fields, or one text. Secret values are not carried over.
fn switch(
    form: &Form,
    content: &mut Content,
    action: Option<Action<'_>>,
    hidden: &BTreeSet<String>,
    language: Language,
) -> Vec<Problem> {
    content.compact();
    match (action, &content.entry) {
        (Some(Action::ShowFields), Entry::Yaml(text)) => match object(text, language) {
            Ok(members) => {
                let (visible, secret) = form.split(members);
                *content = content::fill(&form.root, &Value::Object(visible));
                content.is_withheld = !secret.is_empty();
            }
            // The text stays, so that the user can correct it.
            Err(message) => return problem(&message),
        },
        (Some(Action::ShowText), entry) if !matches!(entry, Entry::Yaml(_)) => {
            let Parsed { parameters, secrets, .. } = parsed(form, content, hidden, language);
            let text =
                if parameters.is_empty() { String::new() } else { to_text(&Value::Object(parameters)) };
            *content = Content::new(Entry::Yaml(text));
            content.is_withheld = !secrets.is_empty();
        }
        _ => form.conceal(content),
    }
    Vec::new()
}

/// The parameters, and what is wrong with them.
fn parsed(form: &Form, content: &Content, hidden: &BTreeSet<String>, language: Language) -> Parsed {
    let evaluated = evaluate::evaluate(form, content, hidden, language);
    let is_kept = |name: &&String| !evaluated.values.contains_key(*name) && !evaluated.unset.contains(*name);
    let kept = hidden.iter().filter(is_kept).cloned().collect();
    let (parameters, secrets) = form.split(evaluated.values);
    Parsed { parameters, secrets, kept, problems: evaluated.problems }
}

/// Reads the text of all parameters.
fn object(text: &str, language: Language) -> Result<Map<String, Value>, String> {
    match from_text(text) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => {
            let english = "The parameters must be an object: one “name: value” a line.";
            Err(language.pick(english, "参数必须是一个对象：每行一个“名称: 值”。").to_owned())
        }
        Err(error) => Err(error.message(language)),
    }
}

impl Form {
    /// The existing top-level parameters that are not shown: those in Secrets, and those that look secret.
    pub(crate) fn hidden(&self, existing: &Existing) -> BTreeSet<String> {
        let secret = self.split(existing.parameters.clone()).1.into_iter().map(|(name, _)| name);
        secret.chain(existing.in_secrets.iter().cloned()).collect()
    }

    pub(crate) fn filled(&self, content: Content, hidden: BTreeSet<String>) -> FilledForm<'_> {
        FilledForm { form: self, content, hidden, problems: Vec::new(), focus: None }
    }

    /// Removes what must not be shown again.
    fn conceal(&self, content: &mut Content) {
        let Entry::Yaml(text) = &content.entry else {
            return conceal(&self.root, content, false);
        };
        // A text that cannot be parsed stays as the user typed it.
        if let Ok(Value::Object(members)) = from_text(text) {
            let (visible, secret) = self.split(members);
            if !secret.is_empty() {
                *content = Content::new(Entry::Yaml(to_text(&Value::Object(visible))));
                content.is_withheld = true;
            }
        }
    }
}

/// Removes the values of secret fields, and of rows with a secret name.
fn conceal(field: &Field, content: &mut Content, is_secret: bool) {
    let is_secret = is_secret || field.is_secret;
    match (&field.kind, &mut content.entry) {
        (_, Entry::None) => {}
        (_, Entry::Text(_) | Entry::Yaml(_)) => {
            let is_text_of_group = matches!(content.entry, Entry::Yaml(_)) && field.holds_secret;
            if (is_secret || is_text_of_group) && !content.has_no_entry() {
                content.entry = Entry::None;
                content.is_withheld = true;
            }
        }
        (Kind::List(item), Entry::Items(items)) => {
            for content in items {
                conceal(item, content, is_secret);
            }
        }
        (Kind::Group { members, rows: extra }, Entry::Members(contents, rows)) => {
            for (member, content) in members.iter().zip(contents) {
                conceal(&member.field, content, is_secret);
            }
            for row in rows {
                conceal(&extra.field, &mut row.content, is_secret || looks_secret(&row.key));
            }
        }
        (Kind::Variants(variants), Entry::Variant(index, content)) => {
            if let Some(variant) = variants.get(*index) {
                conceal(variant, content, is_secret);
            }
        }
        // The entry of another kind of field.
        _ => content.entry = Entry::None,
    }
}
