//! What does a text say once percent-encoding and JSON escapes are undone?

use std::ops::Range;

/// How often one encoding may be inside another. A log in JSON that quotes a log line in JSON that quotes a body in JSON
/// has three.
const MAX_DEPTH: usize = 3;

/// A text whose escapes are undone, with the place of each byte in the text itself.
pub(super) struct View {
    bytes: Vec<u8>,
    /// Where each byte comes from, and the end of the text.
    places: Vec<usize>,
}

/// Undoes an escape at the beginning of the bytes. Returns the length of the escape; 0 if there is none.
type Unescape = fn(&[u8], &mut Vec<u8>) -> usize;

impl View {
    /// All views of a text that differ from the text.
    pub(super) fn all_of(text: &str) -> Vec<Self> {
        if !text.bytes().any(|byte| b"%+\\".contains(&byte)) {
            return Vec::new();
        }
        let itself = Self { bytes: text.as_bytes().to_vec(), places: (0..=text.len()).collect() };
        let (mut views, mut decoded) = (vec![itself], 0);
        for _ in 0..MAX_DEPTH {
            let last = views.get(decoded..).unwrap_or_default();
            let next: Vec<Self> = last.iter().flat_map(Self::without_escapes).collect();
            decoded = views.len();
            views.extend(next);
        }
        views.split_off(1)
    }

    fn without_escapes(&self) -> impl Iterator<Item = Self> {
        let unescape: [Unescape; 3] = [percent, form, json];
        unescape.map(|unescape| self.decoded(unescape)).into_iter().flatten()
    }

    /// The bytes as they read.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The place in the text of a range of the bytes.
    pub(super) fn source(&self, range: Range<usize>) -> Range<usize> {
        let place = |index| self.places.get(index).copied().unwrap_or_default();
        place(range.start)..place(range.end)
    }

    /// The view without these escapes; `None` if it has none.
    fn decoded(&self, unescape: Unescape) -> Option<Self> {
        let mut view = Self { bytes: Vec::new(), places: Vec::new() };
        let (mut rest, mut has_escapes) = (self.bytes.as_slice(), false);
        while let Some((first, others)) = rest.split_first() {
            let start = self.bytes.len() - rest.len();
            rest = match unescape(rest, &mut view.bytes) {
                0 => {
                    view.bytes.push(*first);
                    others
                }
                length => {
                    has_escapes = true;
                    rest.get(length..).unwrap_or_default()
                }
            };
            view.places.resize(view.bytes.len(), self.places.get(start).copied().unwrap_or_default());
        }
        view.places.extend(self.places.last());
        has_escapes.then_some(view)
    }
}

fn percent(text: &[u8], decoded: &mut Vec<u8>) -> usize {
    let [b'%', digits @ ..] = text else { return 0 };
    let Some(byte) = digits.get(..2).and_then(number) else { return 0 };
    decoded.extend(u8::try_from(byte));
    3
}

/// Percent-encoding as in the query of a form, where a plus is a space.
fn form(text: &[u8], decoded: &mut Vec<u8>) -> usize {
    if text.starts_with(b"+") {
        decoded.push(b' ');
        return 1;
    }
    percent(text, decoded)
}

fn json(text: &[u8], decoded: &mut Vec<u8>) -> usize {
    let [b'\\', escaped, ..] = text else { return 0 };
    decoded.push(match escaped {
        b'"' | b'\\' | b'/' | b'\'' => *escaped,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'f' => 0x0c,
        b'u' => return utf16(text, decoded),
        _ => return 0,
    });
    2
}

/// One character as one or two escapes of UTF-16.
fn utf16(text: &[u8], decoded: &mut Vec<u8>) -> usize {
    let unit = |at: usize| {
        let digits = text.get(at..)?.strip_prefix(b"\\u")?.get(..4)?;
        number(digits)
    };
    let Some(first) = unit(0) else { return 0 };
    let units: Vec<u16> = [Some(first), unit(6)].into_iter().flatten().collect();
    let Some(Ok(character)) = char::decode_utf16(units).next() else { return 0 };
    decoded.extend(character.encode_utf8(&mut [0; 4]).bytes());
    6 * character.len_utf16()
}

fn number(digits: &[u8]) -> Option<u16> {
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    std::str::from_utf8(digits)
        .ok()
        .filter(|_| is_hex)
        .and_then(|digits| u16::from_str_radix(digits, 16).ok())
}
