//! What does each line of the table of kinds get? A watch, a cache, a queue and a reconciler.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::channel::mpsc::UnboundedReceiver;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::Config;

use super::feed::{Feed, Listener};
use super::harness;
use crate::reconcilers::caches::Caches;
use crate::reconcilers::context::Context;
use crate::reconcilers::identity;
use crate::reconcilers::kind::Kind;
use crate::reconcilers::kind_table::kind_table;
use crate::reconcilers::kinds::{alpha, binding, broker, catalog_entry, instance};
use crate::reconcilers::queue::{Queue, Queues};
use crate::reconcilers::scope::{Cluster, Namespaced};

/// Futures that end only when they are dropped.
pub struct Tasks {
    /// Fill the caches.
    pub watches: Vec<BoxFuture<'static, ()>>,
    /// Work, as long as this replica leads.
    pub reconcilers: Vec<BoxFuture<'static, ()>>,
}

/// A kind that is watched and reconciled.
pub struct WatchedKind<K: Kind> {
    /// The watch, which fills the cache.
    pub feed: Feed<K>,
    /// The objects that are requeued, as the reconciler reads them.
    pub requests: UnboundedReceiver<ObjectRef<K>>,
}

impl<K: Kind> WatchedKind<K> {
    /// A change of an object requeues the object.
    fn new() -> (Self, Store<K>, Queue<K>) {
        let (mut feed, cache) = Feed::new();
        let (queue, requests) = Queue::new();
        let itself = queue.clone();
        let itself: Listener<K> = Box::new(move |change| itself.requeue_object(change.object));
        feed.tell([itself]);
        (Self { feed, requests }, cache, queue)
    }
}

/// An object that has another one's name takes its place, which can be all that a watch tells after an interruption.
fn forget_gone<K: Kind>(context: &Arc<Context>) -> Listener<K> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        let uid = identity::uid(change.object);
        if change.is_gone {
            context.forget(uid);
        }
        if let Some(before) = change.before.map(identity::uid).filter(|before| *before != uid) {
            context.forget(before);
        }
    })
}

macro_rules! define {
    ($($name:ident: $kind:ty, $scope:ident, $reconcile:expr;)*) => {
        /// The kinds of the table.
        pub struct WatchedKinds {
            $(
                #[doc = concat!("`", stringify!($kind), "`.")]
                pub $name: WatchedKind<$kind>,
            )*
        }

        impl WatchedKinds {
            /// Empty caches and queues, and what fills them.
            pub fn new(namespaces: Store<PartialObjectMeta<Namespace>>) -> (Self, Caches, Queues) {
                $(let $name = WatchedKind::new();)*
                let caches = Caches { $($name: $name.1,)* namespaces };
                let queues = Queues { $($name: $name.2,)* };
                (Self { $($name: $name.0,)* }, caches, queues)
            }

            /// Whatever is remembered of an object goes with it.
            pub fn forget_gone(&mut self, context: &Arc<Context>) {
                $(
                    self.$name.feed.tell([forget_gone(context)]);
                )*
            }

            /// The watch and the reconciler of each kind.
            pub fn tasks(self, context: &Arc<Context>) -> Tasks {
                let mut tasks = Tasks { watches: Vec::new(), reconcilers: Vec::new() };
                $(
                    let api = <$kind>::api(context.api.client.clone(), None);
                    tasks.watches.push(self.$name.feed.follow(api, Config::default()).boxed());
                    let (cache, requests) = (context.caches.$name.clone(), self.$name.requests);
                    let reconciles = harness::run(cache, requests, Arc::clone(context), $reconcile);
                    tasks.reconcilers.push(reconciles.boxed());
                )*
                tasks
            }
        }
    };
}
kind_table!(define);
