//! What does a text say once percent-encoding and JSON escapes are undone?

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

/// How often one encoding may be inside another. A log in JSON that quotes a log line in JSON that quotes a body in
/// JSON has three.
pub(super) const MAX_DEPTH: usize = 3;

/// A text whose escapes are undone, with the place of each byte in the text itself.
pub(super) struct View<'a> {
    bytes: Cow<'a, [u8]>,
    /// Where each byte comes from, and the end of the text; `None` for the text itself.
    places: Option<Vec<u32>>,
}

/// Undoes an escape at the beginning of the bytes. Returns the length of the escape; 0 if there is none.
type Unescape = fn(&[u8], &mut Vec<u8>) -> usize;

/// The ways to undo escapes, each with a byte without which there is nothing to undo, or what another one undoes, too.
const UNESCAPES: [(u8, Unescape); 3] = [(b'%', percent), (b'+', form), (b'\\', json)];

impl<'a> View<'a> {
    /// Calls `each` with the text and with all views that differ from it, until it breaks. A view is made when it is
    /// its turn, so that no more than [`MAX_DEPTH`] of them are in memory at once. None is longer than the text.
    pub(super) fn each_of(
        text: &'a str,
        each: &mut dyn FnMut(&View<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        Self { bytes: Cow::Borrowed(text.as_bytes()), places: None }.visit(MAX_DEPTH, each)
    }

    fn visit(&self, depth: usize, each: &mut dyn FnMut(&View<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        each(self)?;
        let Some(depth) = depth.checked_sub(1) else { return ControlFlow::Continue(()) };
        for (marker, unescape) in UNESCAPES {
            let view = self.bytes.contains(&marker).then(|| self.decoded(unescape)).flatten();
            if let Some(view) = view {
                view.visit(depth, each)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// The bytes as they read.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The place in the text of a range of the bytes.
    pub(super) fn source(&self, range: Range<usize>) -> Range<usize> {
        self.place(range.start)..self.place(range.end)
    }

    fn place(&self, index: usize) -> usize {
        let Some(places) = &self.places else { return index };
        places.get(index).and_then(|place| usize::try_from(*place).ok()).unwrap_or_default()
    }

    /// The view without these escapes; `None` if it has none.
    fn decoded(&self, unescape: Unescape) -> Option<View<'static>> {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let mut places = Vec::with_capacity(self.bytes.len() + 1);
        let (mut rest, mut has_escapes) = (&*self.bytes, false);
        while let Some((first, others)) = rest.split_first() {
            // A text is far shorter than 4 GiB.
            let place = u32::try_from(self.place(self.bytes.len() - rest.len())).ok()?;
            rest = match unescape(rest, &mut bytes) {
                0 => {
                    bytes.push(*first);
                    others
                }
                length => {
                    has_escapes = true;
                    rest.get(length..).unwrap_or_default()
                }
            };
            places.resize(bytes.len(), place);
        }
        places.push(u32::try_from(self.place(self.bytes.len())).ok()?);
        #[cfg(test)]
        held::add(bytes.capacity() + 4 * places.capacity());
        let view = View { bytes: Cow::Owned(bytes), places: Some(places) };
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

#[cfg(test)]
pub(super) mod held {
    //! How much memory the views of this thread have.

    use super::{Cow, View};
    use std::cell::Cell;

    thread_local!(static HELD: Cell<usize> = const { Cell::new(0) });

    pub(in crate::osb::redaction) fn bytes() -> usize {
        HELD.get()
    }

    pub(super) fn add(bytes: usize) {
        HELD.set(HELD.get() + bytes);
    }

    impl Drop for View<'_> {
        fn drop(&mut self) {
            if let (Cow::Owned(bytes), Some(places)) = (&self.bytes, &self.places) {
                HELD.set(HELD.get() - bytes.capacity() - 4 * places.capacity());
            }
        }
    }
}
