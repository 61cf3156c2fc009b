//! The form as HTML: entry points [`form`] and [`summary`]. Native elements, no script, no inline style.

mod control;
mod field;
mod target;

use std::collections::BTreeMap;

use crate::console::language::Language;
use maud::{Markup, html};

use crate::console::form::FilledForm;
use crate::console::form::PREFIX;
use crate::console::form::content::Entry;
use crate::console::form::model::Kind;
use crate::console::form::path::Path;
use field::{Need, Shown};
use target::Targets;

pub use control::kind_words;

/// How many problems the summary lists.
const MAX_PROBLEMS: usize = 50;

/// What rendering a field needs.
struct Renderer<'a> {
    filled: &'a FilledForm<'a>,
    language: Language,
    /// What is wrong, by the id of the field.
    problems: BTreeMap<String, Vec<&'a str>>,
}

/// The whole form.
pub fn form(filled: &FilledForm<'_>, language: Language) -> Markup {
    let targets = Targets::of(filled, language);
    let mut problems = BTreeMap::<String, Vec<&str>>::new();
    for problem in &filled.problems {
        if let Some(target) = targets.nearest(&problem.pointer) {
            problems.entry(target.id.clone()).or_default().push(&problem.message);
        }
    }
    let renderer = Renderer { filled, language, problems };
    let path = Path::root(PREFIX);
    html! {
        // Enter in a field presses the first submit button. Without this one, that could be “Remove”.
        button.visually-hidden type="submit" tabindex="-1" aria-hidden="true" {}
        (renderer.views(&path))
        (renderer.stored_note(&path))
        (renderer.root(&path))
    }
}

/// The problems with links to their fields.
pub fn summary(filled: &FilledForm<'_>, language: Language) -> Markup {
    let targets = Targets::of(filled, language);
    let count = filled.problems.len();
    let title = format!("{PREFIX}-problems-title");
    html! {
        @if count > 0 {
            section.problems role="alert" tabindex="-1" id={ (PREFIX) "-problems" }
                aria-labelledby=(title) {
                h2 id=(title) {
                    @if count == 1 { (language.pick("There is a problem", "有一处问题")) }
                    @else { (language.pick(format!("There are {count} problems"), format!("有 {count} 处问题"))) }
                }
                ul {
                    @for problem in filled.problems.iter().take(MAX_PROBLEMS) {
                        li {
                            @match targets.nearest(&problem.pointer) {
                                Some(target) => {
                                    a href={ "#" (target.id) } { (target.label) ": " (problem.message) }
                                }
                                None => (problem.message),
                            }
                        }
                    }
                }
            }
        }
    }
}

impl Renderer<'_> {
    /// The buttons to switch between fields and text.
    fn views(&self, path: &Path) -> Markup {
        let is_text = matches!(self.filled.content.entry, Entry::Yaml(_));
        let view = |verb: &str, label: &str, is_current: bool| {
            html! {
                button type="submit" formnovalidate name=(path.part("action")) value=(verb)
                    aria-current=[is_current.then_some("true")] { (label) }
            }
        };
        html! {
            @if self.filled.form.has_fields() {
                div.views role="group" aria-label=(self.language.pick("View of the parameters", "参数视图")) {
                    (view("fields", self.language.pick("Form", "表单"), !is_text))
                    (view("text", "YAML", is_text))
                }
            }
        }
    }

    /// Names the existing parameters that are not shown, unless they have fields that say so.
    fn stored_note(&self, path: &Path) -> Markup {
        let is_text = matches!(self.filled.content.entry, Entry::Yaml(_));
        let has_field = |name: &String| match &self.filled.form.root.kind {
            Kind::Group { members, .. } => members.iter().any(|member| member.field.name == *name),
            _ => false,
        };
        let names: Vec<&String> =
            self.filled.hidden.iter().filter(|name| is_text || !has_field(name)).collect();
        html! {
            @if !names.is_empty() {
                p.hint id=(path.part("stored")) {
                    (self.language.pick(
                        "Stored, not shown here, and kept unless you enter new values: ",
                        "已保存，不在此显示；除非输入新值，否则保持不变：",
                    ))
                    @for (index, name) in names.iter().enumerate() {
                        @if index > 0 { ", " }
                        code { (name) }
                    }
                }
            }
        }
    }

    fn root(&self, path: &Path) -> Markup {
        let content = &self.filled.content;
        let root = &self.filled.form.root;
        let shown = Shown {
            field: root,
            content,
            path,
            label: self.language.pick("Parameters", "参数").to_owned(),
            need: Need::Required,
            is_stored: false,
        };
        match (&root.kind, &content.entry) {
            (Kind::Any, _) | (_, Entry::Yaml(_)) => self.yaml(&Shown { need: Need::Optional, ..shown }),
            (Kind::Group { .. }, _) => html! {
                div.fields id=(path.id) tabindex="-1" autofocus[self.has_focus(&path.id)] {
                    @if content.is_withheld { p.hint { (control::withheld_words(self.language)) } }
                    (self.group(&shown))
                }
            },
            _ => self.field(&shown),
        }
    }

    fn has_focus(&self, id: &str) -> bool {
        self.filled.focus.as_deref() == Some(id)
    }
}
