//! The names of the headers that only this API has.

use http::HeaderName;

/// The version of the API that a platform speaks, `MAJOR.MINOR`; on every request (“API Version Header”).
pub const API_VERSION: HeaderName = HeaderName::from_static("x-broker-api-version");
/// A new id for each request, for the logs of both sides; a broker echoes it (“Request Identity”).
pub const REQUEST_IDENTITY: HeaderName = HeaderName::from_static("x-broker-api-request-identity");
/// The user whose action causes the request; see [`OriginatingIdentity`](super::OriginatingIdentity).
pub const ORIGINATING_IDENTITY: HeaderName = HeaderName::from_static("x-broker-api-originating-identity");
