//! JSON as service-catalog, which is written in Go, serialised it before hashing.

use std::fmt::Write as _;
use std::io;

use serde_json::ser::{CharEscape, CompactFormatter, Formatter};

/// Compact JSON with strings escaped as Go's `encoding/json` does: safe to embed in HTML.
pub(super) struct Strings;

impl Formatter for Strings {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut escaped = String::with_capacity(fragment.len());
        for character in fragment.chars() {
            if matches!(character, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') {
                let _ = write!(escaped, "\\u{:04x}", u32::from(character));
            } else {
                escaped.push(character);
            }
        }
        writer.write_all(escaped.as_bytes())
    }

    fn write_char_escape<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        match escape {
            CharEscape::Backspace => writer.write_all(b"\\u0008"),
            CharEscape::FormFeed => writer.write_all(b"\\u000c"),
            other => CompactFormatter.write_char_escape(writer, other),
        }
    }
}

/// The same, with each number converted to a 64-bit float, as service-catalog did.
pub(super) struct StringsAndFloats;

impl Formatter for StringsAndFloats {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        Strings.write_string_fragment(writer, fragment)
    }

    fn write_char_escape<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        Strings.write_char_escape(writer, escape)
    }

    fn write_number_str<W: io::Write + ?Sized>(&mut self, writer: &mut W, number: &str) -> io::Result<()> {
        let text = number.parse().map_or_else(|_| number.to_owned(), float);
        writer.write_all(text.as_bytes())
    }
}

/// The shortest decimal that parses to the same float, with an exponent only below 1e-6 and from 1e21 on, as in Go.
fn float(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    if size < 1.0 { text } else { text.replace('e', "e+") }
}
