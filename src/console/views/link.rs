//! Which addresses of others may a page link to?

use url::Url;

/// The longest address, in bytes.
const MAX_BYTES: usize = 2048;

/// A link that leads away from the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The address: `http` or `https`.
    pub address: String,
    /// The host, which a page shows: the text of a link must not hide where it leads.
    pub host: String,
}

impl Link {
    /// The link to this address. Only `http` and `https`, after parsing as browsers do: `javascript:` and its disguises
    /// run code. An address with a user name could pretend to be another host.
    pub fn to(address: &str) -> Option<Self> {
        if address.len() > MAX_BYTES {
            return None;
        }
        let url = Url::parse(address.trim()).ok()?;
        let is_web = matches!(url.scheme(), "http" | "https");
        let is_plain = url.username().is_empty() && url.password().is_none();
        let host = url.host_str().filter(|_| is_web && is_plain)?.to_owned();
        Some(Self { address: url.into(), host })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_become_links() {
        let link = Link::to(" https://docs.example.com/a?b#c ").unwrap();
        assert_eq!(
            (link.address.as_str(), link.host.as_str()),
            ("https://docs.example.com/a?b#c", "docs.example.com")
        );
        for address in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "java\nscript:alert(1)",
            "\u{1}javascript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "//evil.example",
            "/path",
            "",
            "https://",
            "https://bank.example@evil.example",
            "file:///etc/passwd",
        ] {
            assert_eq!(Link::to(address), None, "{address:?}");
        }
        assert_eq!(Link::to(&format!("https://a.b/{}", "x".repeat(MAX_BYTES))), None);
    }
}
