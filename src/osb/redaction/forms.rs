//! In which forms may a text repeat a secret, and where does it?

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretSlice};
use url::Url;

use super::{Effort, TooMuchEffort};
use crate::osb::text::excerpt;

/// The shortest value that is searched for, in bytes.
pub(super) const SHORTEST: usize = 4;
/// A value, or an encoding of one, with fewer bytes counts only as a whole word.
pub(super) const WHOLE_BELOW: usize = 8;
/// The length of an escape such as `\u00e4`, in bytes.
const LONGEST_ESCAPE: usize = 6;
/// Of a longer value only the lines and the whole are searched for, not its encodings. In bytes.
const LONGEST_ENCODED: usize = 4 * 1024;

// Beyond these limits nothing of a text is shown. The number of forms does not determine the work of a search, but the
// memory of a redactor.
pub(super) const MAX_VALUES: usize = 500;
pub(super) const MAX_BYTES: usize = 256 * 1024;
const MAX_FORMS: usize = 10_000;
const MAX_BYTES_OF_FORMS: usize = 1024 * 1024;

/// All that is searched for.
pub(super) struct Forms {
    /// Without duplicates, each with at least [`SHORTEST`] bytes.
    sorted: Vec<SecretSlice<u8>>,
    heads: Heads,
}

impl Forms {
    /// The forms of these values; `None` if they are too many or too long.
    pub(super) fn of<V: AsRef<[u8]>>(values: impl IntoIterator<Item = V>) -> Option<Self> {
        let (mut forms, mut count, mut bytes, mut bytes_of_forms) = (Vec::new(), 0, 0, 0);
        for value in values {
            let value = value.as_ref();
            (count, bytes) = (count + 1, bytes + value.len());
            if count > MAX_VALUES || bytes > MAX_BYTES {
                return None;
            }
            let before = forms.len();
            add_with_password(&mut forms, value);
            bytes_of_forms += forms.iter().skip(before).map(Vec::len).sum::<usize>();
            if forms.len() > MAX_FORMS || bytes_of_forms > MAX_BYTES_OF_FORMS {
                return None;
            }
        }
        forms.sort();
        forms.dedup();
        let heads = Heads::of(&forms);
        Some(Self { sorted: forms.into_iter().map(SecretSlice::from).collect(), heads })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Finds the places of all forms in a text, in the order of their beginnings. They may overlap.
    ///
    /// At a place the forms are narrowed down byte by byte to those that begin as the text does. So the work depends
    /// on how much of the text looks like a form, and hardly on the number of forms.
    pub(super) fn search(
        &self,
        text: &[u8],
        effort: &mut Effort,
        found: &mut dyn FnMut(Range<usize>),
    ) -> Result<(), TooMuchEffort> {
        effort.spend(text.len())?;
        let cut = Cut::of(text);
        for (start, head) in text.windows(SHORTEST).enumerate() {
            if !self.heads.may_have(head) {
                continue;
            }
            let mut candidates = self.sorted.as_slice();
            for (index, byte) in text.iter().skip(start).enumerate() {
                effort.spend(cost_of_narrowing(candidates))?;
                let narrowed = narrowed(candidates, index, *byte);
                if narrowed.is_empty() {
                    break;
                }
                candidates = narrowed;
                let place = start..start + index + 1;
                // Of the forms with the same beginning, the shortest is the first, and a longer one may be cut off.
                let is_complete = candidates.first().is_some_and(|form| length_of(form) == place.len());
                let is_beginning = candidates.last().is_some_and(|form| length_of(form) > place.len());
                if is_complete && (place.len() >= WHOLE_BELOW || is_whole(text, &place)) {
                    found(place.clone());
                }
                if is_beginning && cut.is_after(&place) {
                    found(start..cut.end);
                }
            }
        }
        Ok(())
    }
}

fn length_of(form: &SecretSlice<u8>) -> usize {
    form.expose_secret().len()
}

/// Of sorted forms that have the same first bytes, those whose byte at `index` is this one, too.
fn narrowed(forms: &[SecretSlice<u8>], index: usize, byte: u8) -> &[SecretSlice<u8>] {
    let at = |form: &SecretSlice<u8>| form.expose_secret().get(index).copied();
    let first = forms.partition_point(|form| at(form) < Some(byte));
    let end = forms.partition_point(|form| at(form) <= Some(byte));
    forms.get(first..end).unwrap_or_default()
}

/// How many bytes are compared to narrow down so many forms.
fn cost_of_narrowing(forms: &[SecretSlice<u8>]) -> usize {
    2 * forms.len().checked_ilog2().map_or(1, |halvings| halvings as usize + 1)
}

/// Whether a form may begin with certain bytes, without a look at the forms: hardly any place of a text does.
struct Heads {
    /// At least eight for each form. A bit is set if the head of a form has its number.
    bits: Vec<bool>,
}

impl Heads {
    fn of(forms: &[Vec<u8>]) -> Self {
        let mut heads = Self { bits: vec![false; (8 * forms.len()).next_power_of_two()] };
        for form in forms {
            let number = heads.number(form);
            if let Some(bit) = heads.bits.get_mut(number) {
                *bit = true;
            }
        }
        heads
    }

    fn may_have(&self, head: &[u8]) -> bool {
        self.bits.get(self.number(head)).is_some_and(|bit| *bit)
    }

    /// The number of the first bytes, which they may share with others.
    fn number(&self, head: &[u8]) -> usize {
        let head = head.first_chunk::<SHORTEST>().map_or(0, |head| u32::from_le_bytes(*head));
        // The upper bits of the product depend on all bytes (multiplicative hashing).
        let number = (head.wrapping_mul(0x9e37_79b1) >> 8) as usize;
        // There is a power of two of them.
        number & (self.bits.len() - 1)
    }
}

/// The end of a text that was cut, perhaps in the middle of an escape.
struct Cut {
    /// Where the text may have been cut before its end, because what follows may be a part of an escape.
    ends: Vec<usize>,
    /// The end of the text, without the dots.
    end: usize,
}

impl Cut {
    fn of(text: &[u8]) -> Self {
        let text = text.strip_suffix("…".as_bytes()).or_else(|| text.strip_suffix(b"..."));
        let Some(text) = text else { return Self { ends: Vec::new(), end: 0 } };
        let is_end = |length: &usize| {
            let escape = text.len().checked_sub(*length).and_then(|end| text.get(end..));
            matches!(escape, Some([] | [b'%' | b'\\', ..]))
        };
        let ends = (0..LONGEST_ESCAPE).filter(is_end).map(|length| text.len() - length).collect();
        Self { ends, end: text.len() }
    }

    /// Whether the text was cut after this place, or in the escape behind it.
    fn is_after(&self, place: &Range<usize>) -> bool {
        place.len() >= SHORTEST && self.ends.contains(&place.end)
    }
}

/// Whether a place is a word of its own.
fn is_whole(text: &[u8], place: &Range<usize>) -> bool {
    let is_part_of_word = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii())
    };
    let before = place.start.checked_sub(1).and_then(|index| text.get(index));
    !is_part_of_word(before) && !is_part_of_word(text.get(place.end))
}

/// Adds what to search for, to find a value; if it is a connection string, also to find its password.
fn add_with_password(forms: &mut Vec<Vec<u8>>, value: &[u8]) {
    add(forms, value);
    let url = std::str::from_utf8(value).ok().and_then(|text| Url::parse(text).ok());
    if let Some(password) = url.as_ref().and_then(Url::password) {
        add(forms, &percent_decode_str(password).collect::<Vec<u8>>());
    }
}

/// Adds what to search for, to find a value.
fn add(forms: &mut Vec<Vec<u8>>, value: &[u8]) {
    if value.len() < SHORTEST || matches!(value, b"true" | b"false" | b"null") {
        return;
    }
    let before = forms.len();
    forms.push(value.to_vec());
    if let Ok(text) = std::str::from_utf8(value) {
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
    let added = forms.split_off(before);
    forms.extend(added.into_iter().filter(|form| form.len() >= SHORTEST));
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
