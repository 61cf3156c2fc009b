//! Gives each kind of the table its watch, its cache, its queue and its reconciler.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::Store;

use super::feed::{Feed, Listener};
use super::harness;
use crate::reconcilers::caches::Caches;
use crate::reconcilers::context::Context;
use crate::reconcilers::identity;
use crate::reconcilers::kind::Kind;
use crate::reconcilers::kind_table::kind_table;
use crate::reconcilers::kinds::{alpha, binding, broker, catalog_entry, instance};
use crate::reconcilers::queue::{Queue, Queues, Requests};
use crate::reconcilers::reach::Reach;
use crate::reconcilers::scope::{Cluster, Namespaced};

/// The tasks of the operator: futures that run until they are dropped.
pub struct Tasks {
    /// They fill the caches.
    pub watches: Vec<BoxFuture<'static, ()>>,
    /// It follows the pods that report collisions. What they say of bindings that are not cached is dropped, so it begins
    /// once the caches are synced.
    pub pods: BoxFuture<'static, ()>,
    /// They reconcile, once this replica leads.
    pub reconcilers: Vec<BoxFuture<'static, ()>>,
}

/// A kind that is watched and reconciled.
pub struct WatchedKind<K: Kind> {
    /// The watch, which fills the cache.
    pub feed: Feed<K>,
    /// The requeued objects, for the reconciler.
    pub requests: Requests<K>,
}

impl<K: Kind> WatchedKind<K> {
    /// A watch whose changes requeue the changed object, with its cache and its queue.
    fn new(reach: &Reach) -> (Self, Store<K>, Queue<K>) {
        let (mut feed, cache) = Feed::new(K::parts(reach));
        let (queue, requests) = Queue::new();
        let itself = queue.clone();
        let itself: Listener<K> = Box::new(move |change| itself.requeue_object(change.object));
        feed.add_listeners([itself]);
        (Self { feed, requests }, cache, queue)
    }
}

/// Forgets objects that are gone. After an interruption, a watch may deliver no deletion but only a new object of the
/// same name, so a changed UID counts as well.
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
            /// The kinds, with their empty caches and queues.
            pub fn new(
                namespaces: Store<PartialObjectMeta<Namespace>>,
                reach: &Reach,
            ) -> (Self, Caches, Queues) {
                $(let $name = WatchedKind::new(reach);)*
                let caches = Caches { $($name: $name.1,)* namespaces };
                let queues = Queues { $($name: $name.2,)* };
                (Self { $($name: $name.0,)* }, caches, queues)
            }

            /// Makes the context forget an object when it is gone.
            pub fn forget_gone(&mut self, context: &Arc<Context>) {
                $(
                    self.$name.feed.add_listeners([forget_gone(context)]);
                )*
            }

            /// The watch and the reconciler of each kind that is within reach.
            pub fn tasks(self, context: &Arc<Context>) -> Tasks {
                let pods = Arc::clone(&context.collisions);
                let pods = pods.follow(Arc::clone(&context.api), context.queues.bindings.clone()).boxed();
                let mut tasks = Tasks { watches: Vec::new(), pods, reconcilers: Vec::new() };
                $(
                    if !<$kind>::parts(&context.settings.reach).is_empty() {
                        let client = context.api.client.clone();
                        let collection = move |part: Option<&str>| <$kind>::api(client.clone(), part);
                        let (feed, refused) = (self.$name.feed, Arc::clone(&context.api.refused));
                        tasks.watches.push(async move { feed.follow(&refused, collection).await }.boxed());
                        let (cache, requests) = (context.caches.$name.clone(), self.$name.requests);
                        let reconciles = harness::run(cache, requests, Arc::clone(context), $reconcile);
                        tasks.reconcilers.push(reconciles.boxed());
                    }
                )*
                tasks
            }
        }
    };
}
kind_table!(define);
