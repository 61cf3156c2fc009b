//! Where does the operator work: in the whole cluster, or only in a few namespaces?
//!
//! In a few namespaces it needs no permission outside of them. What it then does without:
//!
//! - **The cluster-wide kinds.** They have no watch and no reconciler, and instances cannot use their classes.
//! - **One watch for all namespaces.** Each kind has a watch for each namespace ([`Reach::parts`]).
//! - **The watch of namespaces.** A Role cannot allow it, because the request is not in a namespace; it can allow to read
//!   the namespace that it is in.

use std::collections::BTreeSet;

use kube::Resource;
use tokio::sync::watch;

use crate::reconcilers::identity::namespace;

/// The part of the cluster in which the operator works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// All namespaces, and the cluster-wide kinds.
    #[default]
    Cluster,
    /// Only these namespaces, without the cluster-wide kinds.
    Namespaces(BTreeSet<String>),
}

/// What one watch covers: a namespace, or everything if it is `None`.
pub type Part = Option<String>;

impl Reach {
    /// The reach of an operator that is told to watch these namespaces: the whole cluster if there are none.
    pub fn of(namespaces: impl IntoIterator<Item = String>) -> Self {
        let namespaces: BTreeSet<String> = namespaces.into_iter().collect();
        if namespaces.is_empty() { Self::Cluster } else { Self::Namespaces(namespaces) }
    }

    /// Whether the operator reconciles the cluster-wide kinds.
    pub fn has_cluster_kinds(&self) -> bool {
        *self == Self::Cluster
    }

    /// The watches of a namespaced kind.
    pub fn parts(&self) -> Vec<Part> {
        match self {
            Self::Cluster => vec![None],
            Self::Namespaces(namespaces) => namespaces.iter().cloned().map(Some).collect(),
        }
    }

    /// The watches of a cluster-wide kind.
    pub fn cluster_parts(&self) -> Vec<Part> {
        if self.has_cluster_kinds() { vec![None] } else { Vec::new() }
    }
}

/// Whether a watch covers this namespace.
pub fn covers(part: Option<&str>, namespace: &str) -> bool {
    part.is_none_or(|part| part == namespace)
}

/// Whether a watch covers this object.
pub fn covers_object(part: Option<&str>, object: &impl Resource) -> bool {
    covers(part, namespace(object))
}

/// Which watches of a kind have not listed their objects yet.
#[derive(Debug)]
pub struct Unlisted(watch::Sender<BTreeSet<Part>>);

impl Unlisted {
    /// None of these watches has listed its objects.
    pub fn new(parts: Vec<Part>) -> Self {
        Self(watch::Sender::new(parts.into_iter().collect()))
    }

    /// The watch of this part has listed its objects.
    pub fn remove(&self, part: Option<&str>) {
        self.0.send_modify(|unlisted| {
            unlisted.remove(&part.map(str::to_owned));
        });
    }

    /// Returns once all watches have listed their objects.
    pub async fn wait_until_empty(&self) {
        // This cannot fail: `self` owns the sender.
        let _ = self.0.subscribe().wait_for(BTreeSet::is_empty).await;
    }
}
