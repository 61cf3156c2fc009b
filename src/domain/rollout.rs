//! Do the pods of a binding have what it gives now?

/// What the pods of a binding have of it: those that run, whether it selects them or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The oldest revision that one of them has; nothing if none has any.
    pub oldest: Option<i64>,
}
