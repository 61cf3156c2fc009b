//! The ids by which brokers know objects: which ones an object has, and which one its next creation would use.
//!
//! An id belongs to one object. Ids are unique in the whole cluster, whatever the broker: OSB demands globally unique
//! ids, and two broker objects may be one broker. A user who sets `spec.externalID` to the id of another object would
//! otherwise get that object's service, and its deletion would destroy it. So an object whose next id is taken does
//! not call the broker: [`Observed::is_id_taken`](super::instance::Observed::is_id_taken) keeps `decide` from writing
//! the intent, and the call of an intent that is written already is not made. The shell knows all ids
//! (`reconcilers::osb_ids`).

/// How firmly an object has an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// The creation is requested, and the broker has neither confirmed nor accepted it. Two objects can have one id
    /// only in this way: through the delayed write of a former leader. Then the one with the lower UID may call the
    /// broker.
    Requested,
    /// The broker has confirmed or accepted it, or it is being removed.
    Firm,
}

/// An object that has ids at a broker.
pub trait HasOsbIds {
    /// Its status.
    type Status;

    /// The ids that an object with this status has.
    fn ids_of<'a>(&'a self, status: &'a Self::Status) -> Vec<(&'a str, Standing)>;

    /// The ids that the object has.
    fn ids(&self) -> Vec<(&str, Standing)>;

    /// The id of the next creation; `None` if there will be none.
    fn next_id(&self) -> Option<String>;
}

/// Why the object waits, for a condition. It does not name the other object, which may belong to a stranger.
pub(super) fn in_use(kind: &str) -> String {
    format!(
        "spec.externalID is the ID of another {kind}, and an ID belongs to one object: the broker is not called. The \
         operator continues when the other object no longer has the ID; to get a service of its own, create a {kind} \
         without spec.externalID"
    )
}
