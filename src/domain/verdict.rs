//! What the broker's failure means for what was asked (OSB, “Orphan Mitigation” and “Service Broker Errors”).

use crate::osb;

/// What to do after a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The broker will not do this; it is not asked again until something else is wanted.
    Refused,
    /// Nothing has happened at the broker; the same is tried again later.
    Retry,
    /// It may have happened; sending the same again finds out and does no harm.
    Repeat,
    /// It may have happened halfway; what may be left is removed before anything is tried again.
    Orphan,
    /// It has already been done, or is being done: ask how far it is.
    Poll,
}

impl Verdict {
    /// What it means if the same was, or may have been, asked before: that attempt may have been carried out, however
    /// this one was answered.
    #[must_use]
    pub fn after_attempts(self, repeated: bool) -> Self {
        match self {
            Self::Refused if repeated => Self::Orphan,
            Self::Retry if repeated => Self::Repeat,
            Self::Refused | Self::Retry | Self::Repeat | Self::Orphan | Self::Poll => self,
        }
    }
}

/// What to do after a failed provision or bind.
pub fn of_creation(error: &osb::Error) -> Verdict {
    if error.status() == Some(200) {
        return Verdict::Repeat;
    }
    if error.may_have_happened() {
        return Verdict::Orphan;
    }
    if error.is_conflict() {
        return Verdict::Poll;
    }
    if is_refusal(error) { Verdict::Refused } else { Verdict::Retry }
}

/// What to do after a failed update. An update is never undone.
pub fn of_update(error: &osb::Error) -> Verdict {
    if !error.update_repeatable().unwrap_or_else(|| !is_refusal(error)) {
        return Verdict::Refused;
    }
    if error.may_have_happened() { Verdict::Repeat } else { Verdict::Retry }
}

/// Whether a broker that is asked how far something is says that it knows nothing of it.
pub fn is_unknown(error: &osb::Error) -> bool {
    matches!(error.status(), Some(400 | 404 | 410 | 422)) && !error.is_concurrency_error()
}

/// What the code of an error means, for users; empty if it says nothing that the error does not.
pub fn hint(error: &osb::Error) -> &'static str {
    if error.is_async_required() {
        " (the broker can do this only asynchronously; for bindings its catalog must say bindings_retrievable)"
    } else if error.requires_app() {
        " (it is for applications that the broker knows; it was told the UID of the namespace as app_guid)"
    } else if error.is_concurrency_error() {
        " (the broker is doing something else with it)"
    } else if error.is_unauthorized() {
        " (the broker does not accept the credentials of its broker object)"
    } else if error.is_unsupported_version() {
        " (the broker does not speak version 2.17 of the Open Service Broker API)"
    } else {
        ""
    }
}

/// What was sent is wrong, and will be as wrong the next time. Everything else that a broker answers with 4xx is
/// about the broker, its credentials or the moment.
fn is_refusal(error: &osb::Error) -> bool {
    let passing = error.is_concurrency_error() || error.is_maintenance_info_conflict();
    matches!(error.status(), Some(400 | 422)) && !passing
}
