//! All problems of an input, reported at once: a user who learns of one at a time needs as many attempts.

use std::fmt;

use crate::osb::excerpt;

/// The longest text for users that quotes an object's status or a parser, in characters.
const MAX_TEXT_CHARS: usize = 300;

/// How many problems are reported. A hostile input could have any number of them.
const MAX_PROBLEMS: usize = 50;

/// What is wrong with an input, one sentence for each problem. No sentence repeats a parameter's value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<String>);

impl Problems {
    /// The sentences.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Adds a problem that is not yet in the list, up to [`MAX_PROBLEMS`].
    pub(super) fn add(&mut self, problem: impl Into<String>) {
        let problem = problem.into();
        if self.0.len() < MAX_PROBLEMS && !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    /// Adds the problem of a failed step, and returns what the step found otherwise.
    pub(super) fn record<T>(&mut self, result: Result<T, String>) -> Option<T> {
        result.map_err(|problem| self.add(problem)).ok()
    }

    /// The value, if there are no problems.
    pub(super) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, output: &mut fmt::Formatter<'_>) -> fmt::Result {
        output.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for Problems {}

/// A text in one line of at most [`MAX_TEXT_CHARS`] characters.
pub(super) fn one_line(text: &str) -> String {
    // The mark of a cut counts, too.
    excerpt(text, MAX_TEXT_CHARS - 1)
}

/// A name that came from outside, short enough for a message.
pub(super) fn short(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).take(63).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_one_line_of_bounded_length() {
        assert_eq!(one_line(" a\n\tb\u{0}  c "), "a b c");
        let long = one_line(&"ü ".repeat(400));
        assert_eq!((long.chars().count(), long.ends_with('…')), (MAX_TEXT_CHARS, true));
    }

    #[test]
    fn a_problem_is_reported_once() {
        let mut problems = Problems::default();
        problems.add("a");
        problems.add("b");
        problems.add("a");
        assert_eq!(problems.clone().or(()).unwrap_err().to_string(), "a; b");
        (0..100).for_each(|number| problems.add(number.to_string()));
        assert_eq!(problems.iter().count(), MAX_PROBLEMS);
    }
}
