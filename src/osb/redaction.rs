//! Which parts of a text from a broker repeat a secret? The entry point is [`Redactor::redact`].
//!
//! Brokers quote what they were sent: `bad credentials: Basic YWRt…`, or a stack trace with the whole request. Their
//! texts end up in conditions, events and logs, which more people may read than Secrets.
//!
//! A secret is found as it is, in hexadecimal, and in base64 of either alphabet, also in the middle of a longer encoded
//! text. Percent-encoding and JSON escapes are undone before the search, also one in the other (`views`): an encoder is
//! free in what it escapes, so that a search for encoded forms would miss some.
//!
//! A short value is likely to be a word, such as `small`: under [`WHOLE_BELOW`] bytes it counts only as a whole word,
//! and under [`SHORTEST`] never, because nobody could keep it secret. A text that was cut ends with `…` or `...`: there
//! the beginning of a secret counts, too.

mod views;

use std::ops::Range;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretSlice};
use serde_json::{Map, Value};
use url::Url;

use super::text::excerpt;
use views::View;

/// Replaces a secret value wherever it would be shown.
pub const REDACTED: &str = "<redacted>";

/// The shortest value that is searched for, in bytes.
const SHORTEST: usize = 4;
/// A value, or an encoding of one, with fewer bytes counts only as a whole word.
const WHOLE_BELOW: usize = 8;
/// The least number of bytes that do not appear in an id or a name by accident.
const NO_ACCIDENT: usize = 12;
/// The length of an escape such as `\u00e4`, in bytes.
const LONGEST_ESCAPE: usize = 6;
/// Of a longer value only the lines and the whole are searched for, not its encodings. In bytes.
const LONGEST_ENCODED: usize = 4 * 1024;

// The work of a redaction is bounded. Beyond these limits nothing of a text is shown.
const MAX_VALUES: usize = 500;
const MAX_BYTES: usize = 256 * 1024;

/// Knows secret values, and replaces them in texts from a broker. It has no `Debug`, and its memory is wiped on drop.
#[derive(Clone)]
pub struct Redactor(Option<Arc<[SecretSlice<u8>]>>);

impl Redactor {
    /// A redactor of these values.
    pub fn new<V: AsRef<[u8]>>(values: impl IntoIterator<Item = V>) -> Self {
        let (mut forms, mut count, mut bytes) = (Vec::new(), 0, 0);
        for value in values {
            let value = value.as_ref();
            (count, bytes) = (count + 1, bytes + value.len());
            if count > MAX_VALUES || bytes > MAX_BYTES {
                return Self::of_unknown();
            }
            forms.extend(forms_of(value));
        }
        forms.sort();
        forms.dedup();
        Self(Some(forms.into_iter().map(SecretSlice::from).collect()))
    }

    /// A redactor for texts that may repeat values which cannot be known: it shows nothing of them.
    pub fn of_unknown() -> Self {
        Self(None)
    }

    /// The text with [`REDACTED`] in the place of each secret value.
    pub fn redact(&self, text: &str) -> String {
        match &self.0 {
            None if text.is_empty() => String::new(),
            None => REDACTED.to_owned(),
            Some(forms) => without(text, found(text, forms, 0)),
        }
    }

    /// Redacts all strings in a JSON value, and the names of members.
    pub(super) fn redact_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.redact(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_json(item)),
            Value::Object(members) => self.redact_members(members),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Redacts the members of a JSON object, and their names.
    pub(super) fn redact_members(&self, members: &mut Map<String, Value>) {
        for (name, mut value) in std::mem::take(members) {
            self.redact_json(&mut value);
            members.insert(self.redact(&name), value);
        }
    }

    /// Whether an id or a name contains a secret. Such texts cannot be redacted, because they are sent back to the
    /// broker. A short secret in them is taken for an accident: a broker of PostgreSQL with the password `postgres`
    /// has a plan of that name.
    pub fn is_in_identifier(&self, text: &str) -> bool {
        self.0.as_ref().is_some_and(|forms| !found(text, forms, NO_ACCIDENT).is_empty())
    }
}

/// What to search for, to find a value.
fn forms_of(value: &[u8]) -> Vec<Vec<u8>> {
    if matches!(value, b"true" | b"false" | b"null") {
        return Vec::new();
    }
    let mut forms = vec![value.to_vec()];
    if let Ok(text) = std::str::from_utf8(value) {
        // The password of a connection string.
        let url = Url::parse(text).ok();
        let password = url.as_ref().and_then(Url::password).map(|text| percent_decode_str(text).collect());
        forms.extend(password.into_iter().flat_map(|password: Vec<u8>| forms_of(&password)));
        // The value as `excerpt` shows it, and each line of a certificate or key.
        forms.push(excerpt(text, value.len()).into_bytes());
        let lines = text.lines().map(str::trim).filter(|line| line.len() >= WHOLE_BELOW);
        forms.extend(lines.map(|line| line.as_bytes().to_vec()));
    }
    if value.len() <= LONGEST_ENCODED {
        forms.push(hex(value, b"0123456789abcdef"));
        forms.push(hex(value, b"0123456789ABCDEF"));
        forms.extend((0..3).flat_map(|before| in_base64(value, before)));
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

fn hex(value: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    let digit = |nibble: u8| digits.get(usize::from(nibble)).copied().unwrap_or_default();
    value.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// What is visible of a value in the base64 of a text with `before` bytes (modulo 3) before it, in both alphabets. The
/// characters at the edges depend on the neighbours, and are left out.
fn in_base64(value: &[u8], before: usize) -> [Vec<u8>; 2] {
    let text = [[0, 0, 0].get(..before).unwrap_or_default(), value].concat();
    let visible = (before * 8).div_ceil(6)..text.len() * 8 / 6;
    [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)]
        .map(|encoded| encoded.get(visible.clone()).unwrap_or_default().as_bytes().to_vec())
}

/// The places of all secrets in a text whose forms have at least so many bytes.
fn found(text: &str, forms: &[SecretSlice<u8>], least: usize) -> Vec<Range<usize>> {
    let forms = forms.iter().map(ExposeSecret::expose_secret).filter(|form| form.len() >= least);
    let views = View::all_of(text);
    let mut found = Vec::new();
    for form in forms {
        found.extend(occurrences(text.as_bytes(), form));
        for view in &views {
            let places = occurrences(view.bytes(), form).into_iter().chain(cut_off(view.bytes(), form));
            found.extend(places.map(|place| view.source(place)));
        }
        found.extend(cut_off(text.as_bytes(), form));
    }
    found
}

/// The places of a form in a text. They may overlap.
fn occurrences(text: &[u8], form: &[u8]) -> Vec<Range<usize>> {
    let is_part_of_word = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii())
    };
    let is_whole = |place: &Range<usize>| {
        let before = place.start.checked_sub(1).and_then(|index| text.get(index));
        !is_part_of_word(before) && !is_part_of_word(text.get(place.end))
    };
    let (finder, mut from, mut places) = (memmem::Finder::new(form), 0, Vec::new());
    while let Some(offset) = text.get(from..).and_then(|rest| finder.find(rest)) {
        let place = from + offset..from + offset + form.len();
        from = place.start + 1;
        if form.len() >= WHOLE_BELOW || is_whole(&place) {
            places.push(place);
        }
    }
    places
}

/// The place of the beginning of a form at the end of a text that was cut, perhaps in the middle of an escape.
fn cut_off(text: &[u8], form: &[u8]) -> Option<Range<usize>> {
    let text = text.strip_suffix("…".as_bytes()).or_else(|| text.strip_suffix(b"..."))?;
    let mut without_escape = (0..LONGEST_ESCAPE).filter_map(|length| {
        let (text, escape) = text.split_at_checked(text.len().checked_sub(length)?)?;
        matches!(escape, [] | [b'%' | b'\\', ..]).then_some(text)
    });
    without_escape.find_map(|whole| {
        let lengths = (SHORTEST..form.len().min(whole.len() + 1)).rev();
        let mut heads = lengths.filter_map(|length| form.get(..length));
        let head = heads.find(|head| whole.ends_with(head))?;
        Some(whole.len() - head.len()..text.len())
    })
}

/// The text with [`REDACTED`] in these places, which may overlap.
fn without(text: &str, mut places: Vec<Range<usize>>) -> String {
    places.sort_by_key(|place| place.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for place in places {
        match merged.last_mut() {
            Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
            _ => merged.push(place),
        }
    }
    let (mut redacted, mut shown) = (String::new(), 0);
    for place in merged {
        redacted.push_str(text.get(shown..text.floor_char_boundary(place.start)).unwrap_or_default());
        redacted.push_str(REDACTED);
        shown = text.ceil_char_boundary(place.end);
    }
    redacted.push_str(text.get(shown..).unwrap_or_default());
    redacted
}

#[cfg(test)]
mod tests;
