//! How is text from a broker sanitised for a condition, an event or a log line?

use std::borrow::Cow;

/// No more of a text than this is looked at, in bytes: a broker may describe an error in megabytes.
const MAX_BYTES: usize = 16 * 1024;

/// The beginning of the text, with `…` if it has more.
pub(super) fn beginning(text: &str) -> Cow<'_, str> {
    let end = text.floor_char_boundary(MAX_BYTES);
    match text.get(..end) {
        Some(beginning) if end < text.len() => Cow::Owned(format!("{beginning}…")),
        _ => Cow::Borrowed(text),
    }
}

/// The text without invisible characters. With them, a text can read as something else than it is, or a name like
/// another one.
pub(super) fn visible(text: &str) -> String {
    text.chars().filter(|character| !is_invisible(*character)).collect()
}

/// The Unicode property `Default_Ignorable_Code_Point`: no width, or a change of the direction.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Whether the text has a character that is not a part of any URL: a space, a control character, an invisible one.
pub(super) fn has_hidden_characters(text: &str) -> bool {
    text.chars()
        .any(|character| character.is_whitespace() || character.is_control() || is_invisible(character))
}

/// The text on one line, without control characters and invisible ones, cut to `max` characters.
pub fn excerpt(text: &str, max: usize) -> String {
    let mut excerpt = String::new();
    let (mut length, mut is_in_gap) = (0, false);
    for c in text.chars().filter(|c| !is_invisible(*c)) {
        if c.is_whitespace() || c.is_control() {
            is_in_gap = true;
            continue;
        }
        let space = (std::mem::take(&mut is_in_gap) && length > 0).then_some(' ');
        for c in space.into_iter().chain([c]) {
            if length == max {
                excerpt.push('…');
                return excerpt;
            }
            excerpt.push(c);
            length += 1;
        }
    }
    excerpt
}

/// The visible text of an HTML page. Other text is returned as it is.
pub(super) fn without_tags(text: &str) -> String {
    if !text.trim_start().starts_with('<') {
        return text.to_owned();
    }
    let mut in_tag = false;
    text.chars()
        .map(|c| {
            let hidden = in_tag || c == '<';
            in_tag = hidden && c != '>';
            if hidden { ' ' } else { c }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_one_clean_line_of_bounded_length() {
        let cases = [
            ("", 5, ""),
            (" \r\n ", 5, ""),
            ("quota\n\texceeded\u{0}", 50, "quota exceeded"),
            ("12345", 5, "12345"),
            ("123456", 5, "12345…"),
            ("12345 6", 5, "12345…"),
            ("äöü€𝄞x", 5, "äöü€𝄞…"),
            ("\u{202e}evil\u{202c} \u{2066}x\u{2069}\u{200e}\u{200f}", 50, "evil x"),
            ("pass\u{200b}wo\u{feff}rd\u{200d}", 50, "password"),
            ("\u{e0041}\u{2063}", 50, ""),
        ];
        for (text, max, expected) in cases {
            assert_eq!(excerpt(text, max), expected, "{text:?}");
        }
    }

    #[test]
    fn only_the_beginning_of_a_long_text_is_looked_at() {
        let long = "ä".repeat(MAX_BYTES);
        assert_eq!(beginning(&long), format!("{}…", "ä".repeat(MAX_BYTES / 2)));
        assert_eq!(beginning(&long[..MAX_BYTES]), long[..MAX_BYTES]);
    }

    #[test]
    fn pages_are_reduced_to_their_words() {
        let page = "<html><head><title>502 Bad Gateway</title></head>\n<body><hr>nginx</body></html>";
        assert_eq!(excerpt(&without_tags(page), 200), "502 Bad Gateway nginx");
        assert_eq!(without_tags("a < b"), "a < b");
        assert_eq!(excerpt(&without_tags("<never closed"), 200), "");
    }
}
