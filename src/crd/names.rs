//! Names that other programs depend on: finalizer, labels, annotations, and the Kubernetes names of classes and plans.

use std::fmt::Write as _;

use md5::Md5;
use sha2::{Digest as _, Sha224};

/// Finalizer that keeps an object until the broker has confirmed its deletion. `svcat … --abandon` removes exactly this
/// string.
pub const FINALIZER: &str = "kubernetes-incubator/service-catalog";

/// The operator's field manager.
pub const FIELD_MANAGER: &str = "service-catalog";

/// Label on every Secret that holds the credentials of a binding. Its value is empty.
pub const LABEL_CREDENTIALS: &str = "servicecatalog.k8s.io/credentials";

/// Label on every binding that injects into pods, so that pod admission evaluates only these: set at admission, or by the
/// operator. Also on every namespace with such a binding, where pods are held if the evaluation fails.
pub const LABEL_INJECTS: &str = "servicecatalog.k8s.io/injects";

/// Label on the children of alpha objects. The policies `own-object` and `own-child` demand it when the operator
/// creates them.
pub const LABEL_CHILD: &str = "servicecatalog.k8s.io/child";

/// Label on every instance whose deletion takes a while, so that the admission of bindings evaluates only these.
pub const LABEL_DELETING: &str = "servicecatalog.k8s.io/deleting";

/// Annotation on an instance. `Retain`: deleting the instance leaves the service at the broker. `Cascade`: deleting the
/// instance deletes its bindings, too.
pub const ANNOTATION_DELETION_POLICY: &str = "servicecatalog.k8s.io/deletion-policy";

/// Annotation. `"true"`: the operator does not call the broker for this object.
pub const ANNOTATION_PAUSED: &str = "servicecatalog.k8s.io/paused";

/// Annotation on a broker. The version of the Open Service Broker API in which the operator calls it, such as `2.14`.
pub const ANNOTATION_OSB_API_VERSION: &str = "servicecatalog.k8s.io/osb-api-version";

/// Annotation on a binding. Each new value requests a rotation of its credentials.
pub const ANNOTATION_ROTATE: &str = "servicecatalog.k8s.io/rotate";

/// Annotation of the operator on an instance: the names of class and plan to which the references in its spec belong.
pub const ANNOTATION_RESOLVED: &str = "servicecatalog.k8s.io/resolved";

/// Annotation on a pod. `"false"`: no binding is injected into it.
pub const ANNOTATION_INJECT: &str = "servicecatalog.k8s.io/inject";

/// Annotation of the kubelet on a mirror pod, the API server's read-only copy of a static pod.
pub const ANNOTATION_MIRROR: &str = "kubernetes.io/config.mirror";

/// The label of a Deployment's pods: the hash of the pod template, which the name of their `ReplicaSet` ends with.
pub const LABEL_TEMPLATE_HASH: &str = "pod-template-hash";

/// Prefix of an annotation on injected pods, followed by the binding's UID. The value is the revision that the pod
/// got. Set at admission.
pub const ANNOTATION_REVISION: &str = "revision.servicecatalog.k8s.io/";

/// Prefix of an annotation on injected pods, followed by the binding's UID. The value names the collisions: what the
/// pod already defines in the place of what the binding would add. Set at admission.
pub const ANNOTATION_COLLISION: &str = "collision.servicecatalog.k8s.io/";

/// Label on every pod with an [`ANNOTATION_COLLISION`], so that the operator watches only these.
pub const LABEL_COLLIDES: &str = "servicecatalog.k8s.io/collides";

/// Prefix of an annotation on pod templates, followed by the binding's UID. The value is the revision for which the
/// operator restarted the pods.
pub const ANNOTATION_RESTART: &str = "restart.servicecatalog.k8s.io/";

/// Label keys by which clients list classes, plans and instances. The values are hashed by [`label_value`].
pub mod label {
    /// The ID in the broker's catalog.
    pub const EXTERNAL_ID: &str = "servicecatalog.k8s.io/spec.externalID";
    /// The name in the broker's catalog.
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

/// The label value for a name of any length and any characters: its SHA-224 in hexadecimal.
pub fn label_value(name: &str) -> String {
    hex(&Sha224::digest(name.as_bytes()))
}

/// Encodes bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The longest name that [`escaped`] returns, in bytes.
const MAX_NAME_BYTES: usize = 63;

/// The Kubernetes name of a class or plan, derived from its ID in the broker's catalog.
///
/// Letters `a` to `y`, digits, and dots and hyphens where a name may contain them, are kept. Any other character
/// becomes `z<code point>z`. A name that is then too long is cut and gets a hash of the ID as its suffix. Stored
/// objects of service-catalog carry these names, so the algorithm must never change.
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
    if name.len() <= MAX_NAME_BYTES {
        return name;
    }
    let head: String = name.chars().take(30).collect();
    let head = head.strip_suffix('.').unwrap_or(&head);
    format!("{head}-{}", hex(&Md5::digest(external_id.as_bytes())))
}

/// The Kubernetes name of a class or plan whose [`escaped`] name is taken by a class or plan of another broker.
pub fn escaped_of(external_id: &str, broker: &str) -> String {
    let hash: String = hex(&Md5::digest(broker.as_bytes())).chars().take(8).collect();
    format!("{}-{hash}", escaped(external_id))
}
