//! Which parts of a text from a broker repeat a secret? The entry point is [`Redactor::redact`].
//!
//! Brokers quote what they were sent: `bad credentials: Basic YWRt…`, or a stack trace with the whole request. Their
//! texts end up in conditions, events and logs, which more people may read than Secrets.
//!
//! A secret is found as it is, in hexadecimal, and in base64 of either alphabet, also in the middle of a longer encoded
//! text (`forms`). Percent-encoding and JSON escapes are undone before the search, also one in the other (`views`): an
//! encoder is free in what it escapes, so that a search for encoded forms would miss some.
//!
//! A short value is likely to be a word, such as `small`: under [`WHOLE_BELOW`](forms::WHOLE_BELOW) bytes it counts
//! only as a whole word, and under [`SHORTEST`](forms::SHORTEST) never, because nobody could keep it secret. A text
//! that was cut ends with `…` or `...`: there the beginning of a secret counts, too.
//!
//! Brokers choose the texts, and tenants the secrets. Therefore the work and the memory of a search are at most a
//! constant for each byte of the text, whatever the secrets are: views are made one at a time, what is found is a mark
//! for each byte, and a text that would take more than its [`Effort`] is withheld.

mod forms;
mod views;

use std::ops::ControlFlow;
use std::sync::Arc;

use serde_json::Value;

use forms::Forms;
use views::View;

/// Replaces a secret value wherever it would be shown.
pub const REDACTED: &str = "<redacted>";

/// Replaces a text that cannot be searched for secrets within the limits.
pub(super) const WITHHELD: &str = "<withheld: it would take too long to search the text for secrets>";

/// The least number of bytes that do not appear in an id or a name by accident.
const NO_ACCIDENT: usize = 12;

/// The limit of the work for each byte of a text. To read all views takes 40, and the rest is for comparing the places
/// that begin as a secret does.
const MAX_EFFORT_PER_BYTE: usize = 128;
/// A shorter text has the limit of one with so many bytes. Short, because a document may have any number of short
/// texts.
const MIN_COUNTED_BYTES: usize = 64;

/// Knows secret values, and replaces them in texts from a broker. It has no `Debug`, and its memory is wiped on drop.
#[derive(Clone)]
pub struct Redactor(Option<Arc<Forms>>);

impl Redactor {
    /// A redactor of these values. If they are too many or too long, it shows nothing of a text.
    pub fn new<V: AsRef<[u8]>>(values: impl IntoIterator<Item = V>) -> Self {
        Self(Forms::of(values).map(Arc::new))
    }

    /// A redactor for texts that may repeat values which cannot be known: it shows nothing of them.
    pub fn of_unknown() -> Self {
        Self(None)
    }

    /// Whether there is no secret that a text could repeat.
    pub(super) fn has_no_secrets(&self) -> bool {
        self.0.as_ref().is_some_and(|forms| forms.is_empty())
    }

    /// The text with [`REDACTED`] in the place of each secret value.
    pub fn redact(&self, text: &str) -> String {
        self.replacement(text).unwrap_or_else(|| text.to_owned())
    }

    /// What is shown instead of the text; `None` if the text is shown as it is.
    fn replacement(&self, text: &str) -> Option<String> {
        let Some(forms) = &self.0 else {
            return (!text.is_empty()).then(|| REDACTED.to_owned());
        };
        match marks(text, forms, &mut Effort::for_text(text)) {
            Ok(marks) => (!marks.is_empty()).then(|| without(text, &marks)),
            Err(TooMuchEffort) => Some(WITHHELD.to_owned()),
        }
    }

    /// Redacts all strings in a JSON value, and the names of members.
    pub(super) fn redact_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(replacement) = self.replacement(text) {
                    *text = replacement;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_json(item)),
            Value::Object(members) => {
                for (name, mut value) in std::mem::take(members) {
                    self.redact_json(&mut value);
                    members.insert(self.replacement(&name).unwrap_or(name), value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Whether an id or a name contains a secret. Such texts cannot be redacted, because they are sent back to the
    /// broker. A short secret in them is taken for an accident: a broker of PostgreSQL with the password `postgres`
    /// has a plan of that name.
    pub fn is_in_identifier(&self, text: &str) -> bool {
        let Some(forms) = self.0.as_ref().filter(|forms| !forms.is_empty()) else { return false };
        let (mut effort, mut is_found) = (Effort::for_text(text), false);
        let searched = View::each_of(text, &mut |view| {
            let places = forms.search(view.bytes(), &mut effort, &mut |place| {
                is_found |= place.len() >= NO_ACCIDENT;
            });
            if is_found || places.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        // One that cannot be searched is taken for one that contains a secret.
        searched.is_break()
    }
}

/// The work that is left for a search, in bytes to read or compare.
struct Effort(usize);

/// The search would take more work than the text may.
#[derive(Debug)]
struct TooMuchEffort;

impl Effort {
    fn for_text(text: &str) -> Self {
        Self(text.len().max(MIN_COUNTED_BYTES).saturating_mul(MAX_EFFORT_PER_BYTE))
    }

    fn spend(&mut self, bytes: usize) -> Result<(), TooMuchEffort> {
        self.0 = self.0.checked_sub(bytes).ok_or(TooMuchEffort)?;
        Ok(())
    }
}

/// Marks the bytes of a text that are of a secret. Empty if there are none.
fn marks(text: &str, forms: &Forms, effort: &mut Effort) -> Result<Vec<bool>, TooMuchEffort> {
    let mut marks = Vec::new();
    if forms.is_empty() {
        return Ok(marks);
    }
    let searched = View::each_of(text, &mut |view| {
        // Places come in the order of their beginnings, so each byte of the view is marked once.
        let mut marked = 0;
        let searched = forms.search(view.bytes(), effort, &mut |place| {
            marks.resize(text.len(), false);
            if let Some(marks) = marks.get_mut(view.source(place.start.max(marked)..place.end)) {
                marks.fill(true);
            }
            marked = marked.max(place.end);
        });
        if searched.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if searched.is_break() { Err(TooMuchEffort) } else { Ok(marks) }
}

/// The text with [`REDACTED`] in the place of all bytes next to each other that are marked.
fn without(text: &str, marks: &[bool]) -> String {
    let (mut redacted, mut end) = (String::new(), 0);
    for run in marks.chunk_by(|one, next| one == next) {
        let start = end;
        end += run.len();
        let place = match run.first() {
            // An escape of half a character marks the whole character.
            Some(true) => {
                redacted.push_str(REDACTED);
                continue;
            }
            _ => text.ceil_char_boundary(start)..text.floor_char_boundary(end),
        };
        redacted.push_str(text.get(place).unwrap_or_default());
    }
    redacted
}

#[cfg(test)]
mod tests;
