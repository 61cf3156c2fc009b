//! What does a failed call mean for the request (OSB, “Orphan Mitigation” and “Service Broker Errors”)? The entry
//! points are [`of_creation`] and [`of_update`]; a deletion is retried whatever its failure.

use crate::osb;

/// What to do after a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The broker rejects this request; a retry would get the same answer.
    Refused,
    /// Nothing has happened at the broker: retry with back-off.
    Retry,
    /// It may have happened: send the same request again. It is idempotent, so the answer tells.
    Repeat,
    /// It may have happened halfway: delete what may be left, then retry under a new id.
    Orphan,
    /// It has been done already, or is being done: poll its state.
    Poll,
}

impl Verdict {
    /// The verdict on a creation. `may_be_retry`: the same request was, or may have been, sent before. `is_given`: its
    /// id is `spec.externalID`.
    #[must_use]
    pub fn of_attempt(self, may_be_retry: bool, is_given: bool) -> Self {
        if is_given { self.with_given_id(may_be_retry) } else { self.after_attempts(may_be_retry) }
    }

    /// What exists under a given id may belong to another cluster or user, and then a deletion would destroy it. So the
    /// id of an attempt with an uncertain end is not deleted: the same request again tells how it ended, and nothing
    /// makes a new id necessary. A refusal is final: a broker that has what was requested answers 200.
    fn with_given_id(self, may_be_retry: bool) -> Self {
        match self {
            Self::Orphan => Self::Repeat,
            Self::Retry if may_be_retry => Self::Repeat,
            Self::Refused | Self::Retry | Self::Repeat | Self::Poll => self,
        }
    }

    /// The broker may have executed the earlier request, whatever it answers to this one.
    fn after_attempts(self, may_be_retry: bool) -> Self {
        match self {
            Self::Refused if may_be_retry => Self::Orphan,
            Self::Retry if may_be_retry => Self::Repeat,
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

/// What to do after a failed update. There is no orphan: an update is never undone.
pub fn of_update(error: &osb::Error) -> Verdict {
    if !error.update_repeatable().unwrap_or_else(|| !is_refusal(error)) {
        return Verdict::Refused;
    }
    if error.may_have_happened() { Verdict::Repeat } else { Verdict::Retry }
}

/// Whether the answer to a poll says that the broker does not know the object or the operation.
pub fn is_unknown(error: &osb::Error) -> bool {
    matches!(error.status(), Some(400 | 404 | 410 | 422)) && !error.is_concurrency_error()
}

/// Explains an error code to the user, for use after the error; empty if there is nothing to add.
pub fn hint(error: &osb::Error) -> &'static str {
    if error.is_async_required() {
        " (the broker supports only asynchronous operations; for bindings, its catalog must declare \
         bindings_retrievable)"
    } else if error.requires_app() {
        " (the broker binds only for an application; the operator sends the UID of the namespace as app_guid)"
    } else if error.is_concurrency_error() {
        " (another operation is in progress at the broker)"
    } else if error.is_unauthorized() {
        " (the broker rejects the credentials: check spec.authInfo of the broker object)"
    } else if error.is_unsupported_version() {
        " (the broker does not support this version of the Open Service Broker API: the operator tries older ones when it \
         fetches the catalog, unless the annotation servicecatalog.k8s.io/osb-api-version of the broker object sets one)"
    } else {
        ""
    }
}

/// Whether the request itself is wrong, so that a retry cannot help. Any other 4xx is about the broker, its credentials
/// or the moment.
fn is_refusal(error: &osb::Error) -> bool {
    let is_transient = error.is_concurrency_error() || error.is_maintenance_info_conflict();
    matches!(error.status(), Some(400 | 422)) && !is_transient
}
