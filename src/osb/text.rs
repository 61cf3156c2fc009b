//! How is text from a broker sanitised for a condition, an event or a log line?

/// The text on one line, without control characters, cut to `max` characters.
pub(super) fn excerpt(text: &str, max: usize) -> String {
    let mut excerpt = String::new();
    let mut length = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        for c in (length > 0).then_some(' ').into_iter().chain(word.chars()) {
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
        ];
        for (text, max, expected) in cases {
            assert_eq!(excerpt(text, max), expected, "{text:?}");
        }
    }

    #[test]
    fn pages_are_reduced_to_their_words() {
        let page = "<html><head><title>502 Bad Gateway</title></head>\n<body><hr>nginx</body></html>";
        assert_eq!(excerpt(&without_tags(page), 200), "502 Bad Gateway nginx");
        assert_eq!(without_tags("a < b"), "a < b");
        assert_eq!(excerpt(&without_tags("<never closed"), 200), "");
    }
}
