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
        let of_object = |verb: &str, options: &[&str]| {
            let resource = format!("{}.{GROUP}", subject.kind().resource());
            command(&[&[verb, &resource, subject.name()], options], subject)
        };
        Some(match self.change(subject, now) {
            Change::Patch(patch) => {
                let patch = patch.to_string();
                of_object("patch", &["--type", "merge", "--patch", &patch])
            }
            Change::Delete => of_object("delete", &[]),
            Change::Page => match (self, subject) {
                (Self::Edit, _) => of_object("edit", &[]),
                (Self::Reveal, Subject::Binding(binding)) => {
                    command(&[&["get", "secret", binding.secret_name()], &["--output", "yaml"]], subject)
                }
                _ => return None,
            },
        })
    }
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
