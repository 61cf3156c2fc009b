//! The beginning of a text that others have written, so that no page grows with it.

/// The longest text of the operator, a broker or the API server that is shown, in characters.
const MAX_CHARS: usize = 4000;

/// The text without surrounding white space, cut to a length that a page can show; `None` if nothing is left.
pub(crate) fn excerpt(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    Some(match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    })
}
