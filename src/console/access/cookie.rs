//! Cookies: how are they read, and with which attributes are they set?

use axum::http::{HeaderMap, HeaderValue, header};

use super::site::Site;

/// How long browsers keep preferences, in seconds: a year.
const PREFERENCES_MAX_AGE: u32 = 31_536_000;

/// The value of the cookie with this name.
pub fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// The name of a cookie that holds a secret. `__Host-` makes browsers accept it only over TLS, for this host and all
/// its paths. They would refuse it on `http://localhost`. There, the port is part of the name, because browsers send
/// cookies to all ports of a host, and several consoles may run.
pub fn secret_name(site: &Site, purpose: &str) -> String {
    if site.is_loopback() {
        format!("console-{purpose}-{}", site.port().unwrap_or_default())
    } else {
        format!("__Host-console-{purpose}")
    }
}

/// The header that sets a cookie with a secret, until the browser ends.
pub fn set_secret(site: &Site, purpose: &str, value: &str) -> Option<HeaderValue> {
    let (name, secure) = (secret_name(site, purpose), secure(site));
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}");
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// The header that removes such a cookie.
pub fn remove_secret(site: &Site, purpose: &str) -> Option<HeaderValue> {
    let (name, secure) = (secret_name(site, purpose), secure(site));
    let text = format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).ok()
}

/// The header that sets a cookie with a preference, such as the language.
pub fn set_preference(site: &Site, name: &str, value: &str) -> Option<HeaderValue> {
    let secure = secure(site);
    let text =
        format!("{name}={value}; Path=/; Max-Age={PREFERENCES_MAX_AGE}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).ok()
}

fn secure(site: &Site) -> &'static str {
    if site.is_loopback() { "" } else { "; Secure" }
}
