//! The fields of a form that is not a plan's: labels, hints, and what is wrong at the field.

use crate::console::language::Language;
use maud::{Markup, html};

use super::failure::refusal_sentence;
use super::parts::foreign;
use crate::console::answer::failure::Attempt;

/// The id of the list of problems.
const SUMMARY: &str = "problems";

/// Something that is wrong with a form.
pub struct Problem {
    /// The id of the field; empty for the form as a whole.
    pub field: &'static str,
    /// What is wrong.
    pub message: Markup,
}

impl Problem {
    /// A problem of this field, in the words of the console.
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self { field, message: html! { (message) } }
    }

    /// The text in this field is no name of an object.
    pub fn no_name(field: &'static str, language: Language) -> Self {
        let english = "A name consists of lower case letters, digits, - and ., and begins and ends with a letter or digit.";
        Self::new(
            field,
            language.pick(english, "名称由小写字母、数字、- 和 . 组成,并以字母或数字开头和结尾。"),
        )
    }

    /// The user may not do what the form is for. With the words of the API server.
    pub fn refused(attempt: &Attempt, said: &str, language: Language) -> Self {
        Self { field: "", message: html! { (refusal_sentence(attempt, language)) " " (foreign(said)) } }
    }
}

/// A field.
pub struct Field<'a> {
    /// The id and the name.
    pub id: &'static str,
    /// What is to be entered.
    pub label: &'a str,
    /// What helps to enter it; may be empty.
    pub hint: &'a str,
}

impl Field<'_> {
    /// The ids of what describes it.
    pub fn described_by(&self, problems: &[Problem]) -> Option<String> {
        let hint = (!self.hint.is_empty()).then(|| format!("{}-hint", self.id));
        let problem = self.is_wrong(problems).then(|| format!("{}-problem", self.id));
        let ids: Vec<String> = hint.into_iter().chain(problem).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }

    /// Whether something is wrong with it.
    pub fn is_wrong(&self, problems: &[Problem]) -> bool {
        problems.iter().any(|problem| problem.field == self.id)
    }

    /// The attribute `aria-invalid`.
    pub fn invalid(&self, problems: &[Problem]) -> Option<&'static str> {
        self.is_wrong(problems).then_some("true")
    }

    /// The control with its label, its hint and its problems.
    pub fn around(&self, problems: &[Problem], control: &Markup) -> Markup {
        html! {
            div class="field" {
                label for=(self.id) { (self.label) }
                (control)
                (self.notes(problems))
            }
        }
    }

    /// The hint and the problems.
    fn notes(&self, problems: &[Problem]) -> Markup {
        html! {
            @if !self.hint.is_empty() { p class="hint" id={ (self.id) "-hint" } { (self.hint) } }
            @if self.is_wrong(problems) {
                div class="problem" id={ (self.id) "-problem" } {
                    @for problem in problems.iter().filter(|problem| problem.field == self.id) {
                        p { (problem.message) }
                    }
                }
            }
        }
    }

    /// An input for a line of text. `kind` is its type; the value of a password is not shown again.
    pub fn input(&self, kind: &str, value: &str, is_required: bool, problems: &[Problem]) -> Markup {
        let value = if kind == "password" { "" } else { value };
        self.around(
            problems,
            &html! {
                input type=(kind) id=(self.id) name=(self.id) value=(value) required[is_required]
                    autocomplete=(if kind == "password" { "new-password" } else { "off" })
                    spellcheck="false" autocapitalize="none"
                    aria-describedby=[self.described_by(problems)] aria-invalid=[self.invalid(problems)];
            },
        )
    }

    /// A choice among values, each with its text.
    pub fn select(&self, choices: &[(&str, String)], chosen: &str, problems: &[Problem]) -> Markup {
        self.around(
            problems,
            &html! {
                select id=(self.id) name=(self.id) aria-describedby=[self.described_by(problems)]
                    aria-invalid=[self.invalid(problems)] {
                    @for (value, text) in choices {
                        option value=(value) selected[*value == chosen] { (text) }
                    }
                }
            },
        )
    }
}

/// The problems, with links to their fields. Empty without problems.
pub fn summary(problems: &[Problem], language: Language) -> Markup {
    html! {
        @if !problems.is_empty() {
            section class="problems" role="alert" tabindex="-1" id=(SUMMARY) aria-labelledby={ (SUMMARY) "-title" } {
                h2 id={ (SUMMARY) "-title" } { (language.pick("Nothing was created yet", "尚未创建")) }
                ul {
                    @for problem in problems {
                        li {
                            @if problem.field.is_empty() { (problem.message) }
                            @else { a href={ "#" (problem.field) } { (problem.message) } }
                        }
                    }
                }
            }
        }
    }
}
