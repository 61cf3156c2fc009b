//! What does an error look like on the wire? (“Service Broker Errors”)

use serde::{Deserialize, Serialize};

use crate::osb::json::{is_default, mistyped_is_absent};

/// The body of an error response (“Service Broker Errors”).
///
/// Brokers, and the proxies in front of them, send all kinds of bodies: a member of the wrong type is read as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorResponse {
    /// An error code in a single word. The specification defines those that are constants of this type.
    #[serde(default, deserialize_with = "mistyped_is_absent", skip_serializing_if = "is_default")]
    pub error: Option<String>,
    /// A message for the user.
    #[serde(default, deserialize_with = "mistyped_is_absent", skip_serializing_if = "is_default")]
    pub description: Option<String>,
    /// Whether the instance can still be used after a failed update or deprovisioning. Default: true.
    #[serde(default, deserialize_with = "mistyped_is_absent", skip_serializing_if = "is_default")]
    pub instance_usable: Option<bool>,
    /// Whether the failed update may be sent again. Default: true.
    #[serde(default, deserialize_with = "mistyped_is_absent", skip_serializing_if = "is_default")]
    pub update_repeatable: Option<bool>,
}

impl ErrorResponse {
    /// Status 422: the plan supports only asynchronous operation, and the request lacks `accepts_incomplete=true`.
    pub const ASYNC_REQUIRED: &str = "AsyncRequired";
    /// Status 422: another operation on the instance or binding is in progress.
    pub const CONCURRENCY_ERROR: &str = "ConcurrencyError";
    /// Status 422: the binding requires an application, and the request names none.
    pub const REQUIRES_APP: &str = "RequiresApp";
    /// Status 422: the request's `maintenance_info.version` differs from that in the broker's catalog.
    pub const MAINTENANCE_INFO_CONFLICT: &str = "MaintenanceInfoConflict";

    /// Whether the specification defines this error code.
    pub(super) fn is_specified(code: &str) -> bool {
        let codes = [
            Self::ASYNC_REQUIRED,
            Self::CONCURRENCY_ERROR,
            Self::REQUIRES_APP,
            Self::MAINTENANCE_INFO_CONFLICT,
        ];
        codes.contains(&code)
    }
}
