//! Under which name does the browser know the console, and does a request come from one of its own pages?

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use url::Url;

/// The header in which browsers say where a request comes from.
const FETCH_SITE: &str = "sec-fetch-site";

/// The name by which the browser called the console: the header `Host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site(Authority);

impl Site {
    /// The site of a request with these headers. `None` if it does not have exactly one valid `Host`.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (host, None) = (hosts.next()?, hosts.next()) else { return None };
        let authority: Authority = host.to_str().ok()?.parse().ok()?;
        (!authority.as_str().contains('@')).then_some(Self(authority))
    }

    /// Whether the name is that of this machine. Browsers treat it like TLS, because nothing leaves the machine.
    pub fn is_loopback(&self) -> bool {
        matches!(self.0.host(), "localhost" | "127.0.0.1" | "[::1]")
    }

    /// The host, with the port if `Host` has one.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The port, if `Host` has one.
    pub fn port(&self) -> Option<u16> {
        self.0.port_u16()
    }

    /// Whether this is `127.0.0.1:port` or `localhost:port`. Another name may have been bound to the loopback address
    /// by an attacker's DNS server (DNS rebinding): the attacker's page would then have the same origin as the console.
    pub fn is_local_console(&self, port: u16) -> bool {
        matches!(self.0.host(), "localhost" | "127.0.0.1") && self.port() == Some(port)
    }

    /// Whether a request with these headers was sent by one of the console's own pages. Browsers say so in
    /// `Sec-Fetch-Site`; old ones send only `Origin`.
    pub fn is_own_request(&self, headers: &HeaderMap) -> bool {
        match headers.get(FETCH_SITE) {
            Some(site) => site == "same-origin",
            None => headers.get(header::ORIGIN).is_some_and(|origin| self.is_origin(origin.as_bytes())),
        }
    }

    fn is_origin(&self, origin: &[u8]) -> bool {
        let after_scheme =
            [&b"https://"[..], b"http://"].iter().find_map(|scheme| origin.strip_prefix(*scheme));
        after_scheme.is_some_and(|host| host.eq_ignore_ascii_case(self.0.as_str().as_bytes()))
    }
}

/// Whether the request was caused by a page of another site, for example by a link in a chat.
pub fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get(FETCH_SITE).is_some_and(|site| site == "cross-site" || site == "same-site")
}

/// The path and query of a link within the console; `None` if it could lead anywhere else. `//host` and `/\host` are
/// other sites to browsers, which also ignore tabs and line ends in addresses.
pub fn own_path(text: &str) -> Option<&str> {
    let is_path = text.starts_with('/') && !text.starts_with("//") && text.len() <= 2048;
    let is_plain =
        text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>'));
    // What browsers understand is decided by the URL standard, which this crate implements.
    let base = Url::parse("http://console.invalid").ok()?;
    let stays = || base.join(text).is_ok_and(|url| url.origin() == base.origin());
    (is_path && is_plain && stays()).then_some(text)
}

#[cfg(test)]
mod tests;
