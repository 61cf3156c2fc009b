//! What have the watches seen? A read-only view: code that gets only this can neither write nor requeue an object.

use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store};

use crate::reconcilers::kind_table::kind_table;

macro_rules! define {
    ($($name:ident: $kind:ty, $scope:ident, $reconcile:expr;)*) => {
        /// The cache of each kind. Any object in it may be older than the one in the API server.
        pub struct Caches {
            $(
                #[doc = concat!("All objects of `", stringify!($kind), "`.")]
                pub $name: Store<$kind>,
            )*
            /// The metadata of all namespaces.
            pub namespaces: Store<PartialObjectMeta<Namespace>>,
        }

        impl Caches {
            /// Returns when each watch has listed its kind once.
            pub async fn wait_until_ready(&self) {
                // A store is never dropped before it is ready.
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
