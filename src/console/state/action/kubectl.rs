//! The same as an action, as a command line of `kubectl`.

use std::borrow::Cow;

use crate::crd::GROUP;
use jiff::Timestamp;

use super::{Action, Change};
use crate::console::state::subject::Subject;

impl Action {
    /// The command line that does the same, quoted for a POSIX shell; `None` if the action needs a manifest.
    pub fn kubectl<'a>(self, object: impl Into<Subject<'a>>, now: Timestamp) -> Option<String> {
        let subject = object.into();
        match (self, subject) {
            (Self::Edit, _) => Some(of_object("edit", &[], subject)),
            (Self::Reveal, Subject::Binding(binding)) => {
                Some(command(&[&["get", "secret", binding.secret_name()], &["--output", "yaml"]], subject))
            }
            _ => self.change(subject, now).kubectl(subject),
        }
    }
}

impl Change {
    /// The command line that does the same; `None` if that takes a page.
    pub fn kubectl(&self, subject: Subject<'_>) -> Option<String> {
        match self {
            Self::Patch(patch) => {
                Some(of_object("patch", &["--type", "merge", "--patch", &patch.to_string()], subject))
            }
            Self::Delete => Some(of_object("delete", &[], subject)),
            Self::Page => None,
        }
    }
}

fn of_object(verb: &str, options: &[&str], subject: Subject<'_>) -> String {
    let resource = format!("{}.{GROUP}", subject.kind().resource());
    command(&[&[verb, &resource, subject.name()], options], subject)
}

/// A command line in the namespace of the object.
fn command(parts: &[&[&str]; 2], subject: Subject<'_>) -> String {
    let [what, options] = parts;
    let namespace = subject.meta().namespace.as_deref();
    let namespace = namespace.map(|namespace| ["--namespace", namespace]);
    let words = what.iter().chain(namespace.iter().flatten()).chain(options.iter());
    words.fold("kubectl".to_owned(), |line, word| format!("{line} {}", quoted(word)))
}

/// A word as a POSIX shell reads it: between single quotes, unless all characters are harmless.
pub fn quoted(word: &str) -> Cow<'_, str> {
    let is_harmless = |character: char| character.is_ascii_alphanumeric() || "-_./:=@,+".contains(character);
    if !word.is_empty() && word.chars().all(is_harmless) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''")).into()
}
