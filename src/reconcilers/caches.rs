//! The caches of the watches, read-only: code that gets only these can neither write nor requeue an object.

use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store};

use crate::reconcilers::kind_table::kind_table;

macro_rules! define {
    ($($name:ident: $kind:ty, $scope:ident, $reconcile:expr;)*) => {
        /// The cache of each kind. Any cached object may be stale: older than the one in the API server.
        pub struct Caches {
            $(
                #[doc = concat!("All objects of `", stringify!($kind), "`.")]
                pub $name: Store<$kind>,
            )*
            /// The metadata of all namespaces.
            pub namespaces: Store<PartialObjectMeta<Namespace>>,
        }

        impl Caches {
            /// Returns once each watch has listed its kind.
            pub async fn wait_until_ready(&self) {
                // The error means that the writer was dropped, which happens only when the operator stops.
                $(let _ = self.$name.wait_until_ready().await;)*
                let _ = self.namespaces.wait_until_ready().await;
            }
        }
    };
}
kind_table!(define);

impl Caches {
    /// Whether this namespace is being deleted.
    pub fn is_terminating(&self, namespace: &str) -> bool {
        let known = self.namespaces.get(&ObjectRef::new(namespace));
        known.is_some_and(|known| known.metadata.deletion_timestamp.is_some())
    }
}
