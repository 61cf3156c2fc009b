//! The beginning of a text that others have written, so that no page grows with it.

/// The longest text of the operator, a broker or the API server that is shown, in characters.
const MAX_CHARS: usize = 4000;

/// The text without surrounding white space, cut to a length that a page can show; `None` if nothing is left.
pub fn excerpt(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| cut(text, MAX_CHARS))
}

/// The text, cut after so many characters.
pub fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
