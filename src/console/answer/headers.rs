//! The headers that every answer carries, whatever it is.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// The same for all answers.
const FIXED: [(HeaderName, &str); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // With `no-referrer`, browsers would send `Origin: null` with forms.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
];

/// Pages are not kept by any cache, nor by the browser's history.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Sent behind TLS.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The headers of a console that lets browsers load images from these origins.
pub struct SecurityHeaders {
    policy: HeaderValue,
}

impl SecurityHeaders {
    /// For these origins, as `options` has checked them.
    pub fn new(image_origins: &[String]) -> Self {
        let images = [&["data:".to_owned()], image_origins].concat().join(" ");
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' {images}; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        let strict = HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
        Self { policy: HeaderValue::from_str(&policy).unwrap_or(strict) }
    }

    /// Adds them. `is_encrypted` is whether the browser reaches the console over TLS.
    pub fn add(&self, headers: &mut HeaderMap, is_encrypted: bool) {
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        for (name, value) in FIXED {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if is_encrypted {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
        }
        headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    }
}
