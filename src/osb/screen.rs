//! What is shown of the texts of a broker? Everything that a broker says to people passes here, and becomes short, free
//! of secrets and of characters that deceive the eye.

use url::Url;

use super::IgnoredMember;
use super::address::ChosenBy;
use super::redaction::Redactor;
use super::text::{beginning, excerpt, has_hidden_characters, visible};

/// The longest URL of a web page that is stored, in bytes.
const MAX_URL_BYTES: usize = 2048;

/// What a client shows of the texts of its broker.
#[derive(Clone)]
pub(super) struct Screen {
    /// Knows the credentials of the client.
    pub(super) redactor: Redactor,
    /// Who has chosen the URL. A tenant is shown what a broker says, and nothing else that answers at that URL.
    pub(super) chosen_by: ChosenBy,
}

impl Screen {
    /// The text on one line, without secrets, cut to `max` characters. Secrets go before the text is cut: of a secret
    /// at the edge a part would be left.
    pub(super) fn line(&self, text: &str, max: usize) -> String {
        excerpt(&self.redactor.redact(&visible(&beginning(text))), max)
    }

    /// The same for a text of several lines.
    pub(super) fn lines(&self, text: &str, max: usize) -> String {
        let text = self.redactor.redact(&visible(&beginning(text)));
        let is_shown = |character: &char| !character.is_control() || matches!(character, '\n' | '\t');
        let mut shown: String = text.chars().filter(is_shown).take(max + 1).collect();
        if let Some((end, _)) = shown.char_indices().nth(max) {
            shown.replace_range(end.., "…");
        }
        shown
    }
}

/// A text from a broker that cannot be redacted, because it has a use: it is stored as it is, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Screened {
    /// The text.
    Stored(String),
    /// Why it is not stored, as the end of a sentence.
    Withheld(&'static str),
}

impl Screened {
    /// The `dashboard_url` of an answer, of which these members could not be read.
    pub fn answered_dashboard_url(url: Option<String>, ignored: &[IgnoredMember]) -> Option<Self> {
        if ignored.iter().any(|member| member.path == "dashboard_url") {
            return Some(Self::Withheld("it is not a string"));
        }
        url.and_then(Self::dashboard_url)
    }

    /// The `dashboard_url` of an instance, which people and user interfaces open. `None` if it is empty.
    pub fn dashboard_url(url: String) -> Option<Self> {
        let withheld = match Url::parse(&url) {
            _ if url.is_empty() => return None,
            _ if url.len() > MAX_URL_BYTES => "it is longer than 2048 bytes",
            _ if has_hidden_characters(&url) => "it contains spaces or invisible characters",
            Err(_) => "it is not a URL",
            Ok(parsed) if !matches!(parsed.scheme(), "http" | "https") => {
                "it begins neither with http:// nor with https://"
            }
            Ok(parsed) if parsed.password().is_some() => "it contains a password",
            Ok(_) => return Some(Self::Stored(url)),
        };
        Some(Self::Withheld(withheld))
    }

    /// The same, unless the text contains a secret.
    #[must_use]
    pub fn without_secrets(self, redactor: &Redactor) -> Self {
        match self {
            Self::Stored(text) if redactor.is_in_identifier(&text) => {
                Self::Withheld("it contains a secret value")
            }
            screened => screened,
        }
    }
}

impl<T: Into<String>> From<T> for Screened {
    fn from(text: T) -> Self {
        Self::Stored(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_urls_of_web_pages_are_stored() {
        let long = format!("https://broker/{}", "a".repeat(MAX_URL_BYTES - 15));
        for (url, why) in [
            ("https://broker.example.com/dashboard?instance=1#top", None),
            ("HTTP://broker", None),
            (&long, None),
            (&format!("{long}a"), Some("longer")),
            ("javascript:alert(1)", Some("neither")),
            ("ftp://broker", Some("neither")),
            ("/dashboard", Some("not a URL")),
            ("https://", Some("not a URL")),
            ("https://broker/a b", Some("spaces")),
            ("https://broker/\n", Some("spaces")),
            ("https://broker/\u{202e}moc", Some("invisible")),
            ("https://jane:secret@broker", Some("password")),
            ("https://jane@broker", None),
        ] {
            match (Screened::dashboard_url(url.to_owned()).unwrap(), why) {
                (Screened::Stored(stored), None) => assert_eq!(stored, url),
                (Screened::Withheld(said), Some(why)) => assert!(said.contains(why), "{url}: {said}"),
                other => panic!("{url}: {other:?}"),
            }
        }
        assert_eq!(Screened::dashboard_url(String::new()), None);
    }

    #[test]
    fn a_text_with_a_use_is_stored_without_a_change_or_not_at_all() {
        let redactor = Redactor::new(["hunter2-hunter2", "short-one"]);
        let screened = |text: &str| Screened::from(text).without_secrets(&redactor);
        assert_eq!(screened("https://broker/?q=short-one"), Screened::from("https://broker/?q=short-one"));
        assert!(matches!(screened("https://broker/?q=hunter2%2Dhunter2"), Screened::Withheld(_)));
    }

    #[test]
    fn texts_of_several_lines_are_cut_and_cleaned() {
        let screen = Screen { redactor: Redactor::new(["hunter22"]), chosen_by: ChosenBy::Tenant };
        assert_eq!(screen.lines("one\n\ttwo\u{0}\u{202e} hunter22", 100), "one\n\ttwo <redacted>");
        assert_eq!(screen.lines("12345", 5), "12345");
        assert_eq!(screen.lines("äöü€56", 5), "äöü€5…");
        assert_eq!(screen.line("a password of hunter22, cut", 18), "a password of <red…");
    }
}
