//! What keeps an instance from being created or changed, and where a form shows it.

use crate::console::language::Language;
use maud::{Markup, html};

use super::failure::refusal_sentence;
use super::parts::foreign;
use crate::console::answer::failure::{Attempt, Failure};
use crate::console::views::parameter_check::pointer_of;

/// The problems of a form.
#[derive(Clone, Default)]
pub struct Problems {
    /// Those of the name, in the user's language.
    pub name: Vec<String>,
    /// Those of the parameters.
    pub parameters: Vec<crate::console::form::Problem>,
    /// Those of nothing in particular.
    pub whole: Vec<Whole>,
}

/// A problem of nothing in particular.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whole {
    /// In the user's language.
    Text(String),
    /// In the words of the API server: a policy, a quota, or a rule of the schema.
    Said(String),
    /// There is an instance of this name already, at this address.
    Exists(String, String),
    /// The user lacks a right.
    Refused(Attempt),
}

impl Problems {
    /// One of nothing in particular.
    pub fn text(text: impl Into<String>) -> Self {
        Self { whole: vec![Whole::Text(text.into())], ..Self::default() }
    }

    /// One of the name.
    pub fn of_name(text: impl Into<String>) -> Self {
        Self { name: vec![text.into()], ..Self::default() }
    }

    /// One of the name: an instance has it already.
    pub fn taken(name: &str, address: String, language: Language) -> Self {
        let english = "This name is taken. Choose another one.";
        let problem = language.pick(english, "此名称已被占用。请选择其他名称。").to_owned();
        Self { name: vec![problem], whole: vec![Whole::Exists(name.to_owned(), address)], ..Self::default() }
    }

    /// These problems and others.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.name.extend(other.name);
        self.parameters.extend(other.parameters);
        self.whole.extend(other.whole);
        self
    }

    /// What the API server's answer means for a form; another failure is one of the request.
    pub fn of_failure(failure: Failure, language: Language) -> Result<Self, Failure> {
        let whole = match failure {
            Failure::Refused(attempt, said) if is_about_rights(&said) => Whole::Refused(attempt),
            Failure::Refused(_, said) => Whole::Said(said),
            Failure::Rejected(_, rejection) => {
                let mut problems = Self::default();
                for (field, message) in rejection.into_causes() {
                    problems.add(&field, &message);
                }
                return Ok(problems);
            }
            Failure::NotInstalled | Failure::NotFound => Whole::Text(
                language
                    .pick(
                        "The namespace or the kind does not exist. Check the namespace, then try again.",
                        "名字空间或资源类型不存在。请检查名字空间后重试。",
                    )
                    .to_owned(),
            ),
            Failure::Busy(_) | Failure::Unreachable => Whole::Text(
                language
                    .pick(
                        "The API server does not answer, or is busy. Try again in a moment.",
                        "API 服务器无响应或繁忙。请稍后重试。",
                    )
                    .to_owned(),
            ),
            failure => return Err(failure),
        };
        Ok(Self { whole: vec![whole], ..Self::default() })
    }

    fn add(&mut self, field: &str, message: &str) {
        if field == "metadata.name" {
            self.name.push(message.to_owned());
        } else if let Some(pointer) = pointer_of(field) {
            self.parameters.push(crate::console::form::Problem { pointer, message: message.to_owned() });
        } else if field.is_empty() {
            self.whole.push(Whole::Said(message.to_owned()));
        } else {
            self.whole.push(Whole::Said(format!("{field}: {message}")));
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.name.is_empty() && self.parameters.is_empty() && self.whole.is_empty()
    }

    /// The problems beside those of the parameters, which the form summarises.
    pub fn summary(&self, language: Language) -> Markup {
        html! {
            @if !self.name.is_empty() || !self.whole.is_empty() {
                section class="problems" role="alert" aria-labelledby="problems-title" {
                    h2 id="problems-title" {
                        (language.pick("Nothing was changed", "未做任何更改"))
                    }
                    ul {
                        @for problem in &self.name {
                            li { a href="#name" { (language.pick("Name: ", "名称:")) (problem) } }
                        }
                        @for problem in &self.whole { li { (whole(problem, language)) } }
                    }
                }
            }
        }
    }
}

fn whole(problem: &Whole, language: Language) -> Markup {
    html! {
        @match problem {
            Whole::Text(text) => (text),
            Whole::Said(said) => {
                (language.pick("The API server says: ", "API 服务器的说明:")) (foreign(said))
            },
            Whole::Exists(name, address) => {
                (language.pick("There is an instance of this name already: ", "已存在同名实例:"))
                a href=(address) { (name) }
            },
            Whole::Refused(attempt) => (refusal_sentence(attempt, language)),
        }
    }
}

/// Whether a refusal is one of the authorizers, rather than of a quota or a policy, which answer with the same status.
fn is_about_rights(said: &str) -> bool {
    said.is_empty() || said.contains("\" cannot ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::answer::failure::Rejection;

    const ENGLISH: Language = Language::English;

    #[test]
    fn what_the_api_server_says_about_a_field_is_shown_at_the_field() {
        let causes = [("metadata.name", "a"), ("spec.parameters.size", "b"), ("spec", "c"), ("", "d")];
        let causes = causes.map(|(field, message)| (field.to_owned(), message.to_owned())).to_vec();
        let rejection = Rejection { causes, ..Rejection::default() };
        let problems =
            Problems::of_failure(Failure::Rejected(Attempt::default(), rejection.into()), ENGLISH).unwrap();
        assert_eq!(problems.name, ["a"]);
        assert_eq!(
            (problems.parameters[0].pointer.as_str(), problems.parameters[0].message.as_str()),
            ("/size", "b")
        );
        assert_eq!(problems.whole, [Whole::Said("spec: c".to_owned()), Whole::Said("d".to_owned())]);
    }

    #[test]
    fn a_quota_is_no_lack_of_a_right() {
        let refused = |said: &str| Failure::Refused(Attempt::default(), said.to_owned());
        let quota = Problems::of_failure(refused("exceeded quota: few, requested: 1"), ENGLISH).unwrap();
        assert!(matches!(quota.whole[..], [Whole::Said(_)]));
        let right =
            Problems::of_failure(refused("User \"jane\" cannot create resource \"x\""), ENGLISH).unwrap();
        assert!(matches!(right.whole[..], [Whole::Refused(_)]));
    }

    #[test]
    fn a_session_that_has_ended_is_no_problem_of_the_form() {
        assert!(matches!(Problems::of_failure(Failure::SignedOut, ENGLISH), Err(Failure::SignedOut)));
    }
}
