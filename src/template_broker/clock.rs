//! The time. The certificate, the records and the statuses of templates have it.

use jiff::Timestamp;

/// The time now.
pub fn now() -> Timestamp {
    Timestamp::now()
}
