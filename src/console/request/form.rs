//! The fields of a form that a user has sent.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, header};
use tokio::time::timeout;
use url::form_urlencoded::{self, byte_serialize};

use crate::console::answer::failure::Failure;

/// The longest form of a user, in bytes.
pub const MAX_FORM_BYTES: usize = 1024 * 1024;
/// The longest form that needs no session, in bytes: a token is a few thousand.
pub const MAX_LOGIN_BYTES: usize = 32 * 1024;
/// The most fields: 2,000 of a plan's schema, and those of the page around it.
pub const MAX_FORM_FIELDS: usize = 2_100;
/// The field of a form that was sent before, and could not be dealt with. It has all others, sealed.
pub const AGAIN: &str = "again";
/// How long a browser may take to send a form.
const PATIENCE: Duration = Duration::from_secs(10);

/// The fields, in the order of the page. Several may have one name. There is no `Debug`: they may be secrets.
/// Clones share them.
#[derive(Clone, Default)]
pub struct Form(Arc<[(String, String)]>);

impl Form {
    /// Reads the body of a request, of at most this many bytes.
    pub async fn read(headers: &HeaderMap, body: Body, longest: usize) -> Result<Self, Failure> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Failure::Forged);
        }
        let bytes = timeout(PATIENCE, to_bytes(body, longest)).await;
        Self::parse(&bytes.ok().and_then(Result::ok).ok_or(Failure::TooLarge)?)
    }

    /// The form with these bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let fields = form_urlencoded::parse(bytes).take(MAX_FORM_FIELDS + 1);
        let fields: Vec<_> = fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        if fields.len() > MAX_FORM_FIELDS { Err(Failure::TooLarge) } else { Ok(Self(fields.into())) }
    }

    /// The bytes of the form; `None` if there are more than that.
    pub fn to_bytes(&self, longest: usize) -> Option<Vec<u8>> {
        let encoded = |text: &str| byte_serialize(text.as_bytes()).map(str::len).sum::<usize>();
        let length: usize = self.0.iter().map(|(name, value)| encoded(name) + encoded(value) + 2).sum();
        (length <= longest).then(|| {
            form_urlencoded::Serializer::new(String::new()).extend_pairs(self.0.iter()).finish().into_bytes()
        })
    }

    /// The first value of a field; empty if there is none.
    pub fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// All fields.
    pub fn fields(&self) -> &[(String, String)] {
        &self.0
    }
}
