//! The names of the headers that are specific to this API.

use http::HeaderName;

/// The API version of the platform, `MAJOR.MINOR`, on every request (“API Version Header”).
pub const API_VERSION: HeaderName = HeaderName::from_static("x-broker-api-version");
/// A new id for each request, to correlate the logs of both sides. The broker echoes it (“Request Identity”).
pub const REQUEST_IDENTITY: HeaderName = HeaderName::from_static("x-broker-api-request-identity");
/// The user on whose behalf the request is made; see [`OriginatingIdentity`](super::OriginatingIdentity).
pub const ORIGINATING_IDENTITY: HeaderName = HeaderName::from_static("x-broker-api-originating-identity");
