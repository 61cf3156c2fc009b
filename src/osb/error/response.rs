//! What does an error look like on the wire? (“Service Broker Errors”)

use serde::{Deserialize, Serialize};

use crate::osb::json::{is_default, unfit_is_absent};

/// The body of an answer that is no success (“Service Broker Errors”).
///
/// Brokers and the proxies in front of them write anything in its place, so a member of another type than the
/// specification's is read like an absent one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorResponse {
    /// A code in a single word; the constants of this type are those that the specification gives a meaning.
    #[serde(default, deserialize_with = "unfit_is_absent", skip_serializing_if = "is_default")]
    pub error: Option<String>,
    /// What the user is told.
    #[serde(default, deserialize_with = "unfit_is_absent", skip_serializing_if = "is_default")]
    pub description: Option<String>,
    /// Whether the instance can still be used after a failed update or deprovisioning; it can if absent.
    #[serde(default, deserialize_with = "unfit_is_absent", skip_serializing_if = "is_default")]
    pub instance_usable: Option<bool>,
    /// Whether it makes sense to send the failed update again; it does if absent.
    #[serde(default, deserialize_with = "unfit_is_absent", skip_serializing_if = "is_default")]
    pub update_repeatable: Option<bool>,
}

impl ErrorResponse {
    /// Status 422: the plan works asynchronously only, and the request lacks `accepts_incomplete=true`.
    pub const ASYNC_REQUIRED: &str = "AsyncRequired";
    /// Status 422: another operation on the instance or binding is in progress.
    pub const CONCURRENCY_ERROR: &str = "ConcurrencyError";
    /// Status 422: only an application can be bound, and the request names none.
    pub const REQUIRES_APP: &str = "RequiresApp";
    /// Status 422: the `maintenance_info.version` of the request is not that of the broker's catalog.
    pub const MAINTENANCE_INFO_CONFLICT: &str = "MaintenanceInfoConflict";
}
