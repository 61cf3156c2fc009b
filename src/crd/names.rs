//! Names that other programs depend on: finalizer, labels, annotations, and the Kubernetes names of classes and plans.

use std::fmt::Write as _;

use md5::Md5;
use sha2::{Digest as _, Sha224};

/// Holds an object until what it stands for is gone at the broker. `svcat … --abandon` removes exactly this string.
pub const FINALIZER: &str = "kubernetes-incubator/service-catalog";

/// The field manager of everything that is applied server-side.
pub const FIELD_MANAGER: &str = "service-catalog";

/// On every Secret that holds credentials; its value is empty.
pub const LABEL_CREDENTIALS: &str = "servicecatalog.k8s.io/credentials";

/// On every binding that injects into pods, so that admission only looks at these. Kept by the admission policy.
pub const LABEL_INJECTS: &str = "servicecatalog.k8s.io/injects";

/// On every instance whose deletion takes a while, so that admission only looks at these.
pub const LABEL_DELETING: &str = "servicecatalog.k8s.io/deleting";

/// `Retain`: the deletion of an instance forgets the service without asking the broker to remove it. `Cascade`: it
/// deletes the bindings to it, too.
pub const ANNOTATION_DELETION_POLICY: &str = "servicecatalog.k8s.io/deletion-policy";

/// `"true"`: the broker is not called for this object.
pub const ANNOTATION_PAUSED: &str = "servicecatalog.k8s.io/paused";

/// On a binding. Another value than before: its credentials are replaced now.
pub const ANNOTATION_ROTATE: &str = "servicecatalog.k8s.io/rotate";

/// `"false"` on a pod: no binding goes into it.
pub const ANNOTATION_INJECT: &str = "servicecatalog.k8s.io/inject";

/// On a pod that is the API server's picture of one that a node runs from a file.
pub const ANNOTATION_MIRROR: &str = "kubernetes.io/config.mirror";

/// On every pod that a binding goes into, with the binding's UID after it: the revision that it got. Written at admission.
pub const ANNOTATION_REVISION: &str = "revision.servicecatalog.k8s.io/";

/// On a pod that a binding goes into, with the binding's UID after it: what it has of its own in the place of something of
/// the binding's. Written at admission.
pub const ANNOTATION_COLLISION: &str = "collision.servicecatalog.k8s.io/";

/// On every pod that has such an annotation.
pub const LABEL_COLLIDES: &str = "servicecatalog.k8s.io/collides";

/// On pod templates, with the binding's UID after it: the revision for which the pods are restarted.
pub const ANNOTATION_RESTART: &str = "restart.servicecatalog.k8s.io/";

/// Label keys by which clients list classes, plans and instances; the values are [`label_value`]s.
pub mod label {
    /// The id that the broker gave.
    pub const EXTERNAL_ID: &str = "servicecatalog.k8s.io/spec.externalID";
    /// The name that the broker gave.
    pub const EXTERNAL_NAME: &str = "servicecatalog.k8s.io/spec.externalName";
    /// The cluster-wide broker of a class or plan.
    pub const CLUSTER_SERVICE_BROKER_NAME: &str = "servicecatalog.k8s.io/spec.clusterServiceBrokerName";
    /// The namespaced broker of a class or plan.
    pub const SERVICE_BROKER_NAME: &str = "servicecatalog.k8s.io/spec.serviceBrokerName";
    /// The cluster-wide class of a plan or an instance.
    pub const CLUSTER_SERVICE_CLASS_REF: &str = "servicecatalog.k8s.io/spec.clusterServiceClassRef.name";
    /// The namespaced class of a plan or an instance.
    pub const SERVICE_CLASS_REF: &str = "servicecatalog.k8s.io/spec.serviceClassRef.name";
    /// The cluster-wide plan of an instance.
    pub const CLUSTER_SERVICE_PLAN_REF: &str = "servicecatalog.k8s.io/spec.clusterServicePlanRef.name";
    /// The namespaced plan of an instance.
    pub const SERVICE_PLAN_REF: &str = "servicecatalog.k8s.io/spec.servicePlanRef.name";
}

/// The value of a label that stands for a name of any length and any characters: SHA-224 in hexadecimal.
pub fn label_value(name: &str) -> String {
    hex(&Sha224::digest(name.as_bytes()))
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The longest name that [`escaped`] returns, in bytes.
const LONGEST: usize = 63;

/// The Kubernetes name of a class or plan, from the id that the broker gave it.
///
/// Letters `a` to `y`, digits, and dots and hyphens where a name may hold them, stay; everything else becomes
/// `z<code point>z`. What is then too long is cut and ends in a hash of the id. Stored objects of service-catalog
/// carry these names, so not one character may change.
pub fn escaped(external_id: &str) -> String {
    let last = external_id.len().saturating_sub(1);
    let mut name = String::with_capacity(external_id.len());
    let mut previous = ' ';
    for (index, character) in external_id.char_indices() {
        let inside = index != 0 && index != last;
        let kept = match character {
            'a'..='y' | '0'..='9' => true,
            '.' => inside && previous != '.' && previous != '-',
            '-' => inside && previous != '.',
            _ => false,
        };
        if kept {
            name.push(character);
            previous = character;
        } else {
            let _ = write!(name, "z{:x}z", u32::from(character));
            previous = ' ';
        }
    }
    if name.len() <= LONGEST {
        return name;
    }
    let head: String = name.chars().take(30).collect();
    let head = head.strip_suffix('.').unwrap_or(&head);
    format!("{head}-{}", hex(&Md5::digest(external_id.as_bytes())))
}

/// The name of a class or plan whose [`escaped`] name is that of another broker's.
pub fn escaped_of(external_id: &str, broker: &str) -> String {
    let hash: String = hex(&Md5::digest(broker.as_bytes())).chars().take(8).collect();
    format!("{}-{hash}", escaped(external_id))
}
