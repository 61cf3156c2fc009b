//! Which objects are reconciled next? The requeue requests of each kind, and what a standby and a new leader make of
//! them.

use std::collections::HashSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::{FutureExt as _, Stream, StreamExt as _, stream};
use kube::Resource as _;
use kube::runtime::reflector::{ObjectRef, Store};

use crate::leader::Fence;
use crate::reconcilers::caches::Caches;
use crate::reconcilers::identity::reference;
use crate::reconcilers::kind_table::kind_table;
use crate::reconcilers::refused::Refused;

/// Requeues objects of a kind. An object is in the queue once, so the queue is no longer than there are objects, however
/// many changes requeue them.
#[derive(Debug)]
pub struct Queue<K: kube::Resource<DynamicType = ()> + 'static> {
    sender: UnboundedSender<ObjectRef<K>>,
    queued: Queued<K>,
}

/// The requeued objects, for the reconciler.
#[derive(Debug)]
pub struct Requests<K: kube::Resource<DynamicType = ()> + 'static> {
    receiver: UnboundedReceiver<ObjectRef<K>>,
    queued: Queued<K>,
}

/// The objects in the queue.
type Queued<K> = Arc<Mutex<HashSet<ObjectRef<K>>>>;

impl<K: kube::Resource<DynamicType = ()> + 'static> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), queued: Arc::clone(&self.queued) }
    }
}

impl<K: kube::Resource<DynamicType = ()> + 'static> Queue<K> {
    /// A queue, and the receiver from which the reconciler reads.
    pub fn new() -> (Self, Requests<K>) {
        let ((sender, receiver), queued) = (unbounded(), Queued::default());
        (Self { sender, queued: Arc::clone(&queued) }, Requests { receiver, queued })
    }

    /// Requeues the object of this name. It is reconciled once, however often it is requeued meanwhile.
    pub fn requeue(&self, object: ObjectRef<K>) {
        let mut queued = queued(&self.queued);
        if queued.insert(object.clone()) && self.sender.unbounded_send(object).is_err() {
            // The receiver is dropped when the operator stops, and if the kind is out of its reach.
            queued.clear();
        }
    }

    /// Requeues this object.
    pub fn requeue_object(&self, object: &K) {
        self.requeue(ObjectRef::from_obj(object));
    }

    /// Requeues the object of this name, in this namespace or cluster-wide.
    pub fn requeue_name(&self, name: &str, namespace: Option<&str>) {
        self.requeue(reference(name, namespace));
    }
}

impl<K: kube::Resource<DynamicType = ()> + 'static> Stream for Requests<K> {
    type Item = ObjectRef<K>;

    /// From now on the object can be requeued again: its reconcile may already have begun when it changes.
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ObjectRef<K>>> {
        let next = ready!(self.receiver.poll_next_unpin(context));
        if let Some(object) = &next {
            queued(&self.queued).remove(object);
        }
        Poll::Ready(next)
    }
}

fn queued<K: kube::Resource<DynamicType = ()>>(queued: &Queued<K>) -> MutexGuard<'_, HashSet<ObjectRef<K>>> {
    queued.lock().unwrap_or_else(PoisonError::into_inner)
}

macro_rules! define {
    ($($name:ident: $kind:ty, $scope:ident, $reconcile:expr;)*) => {
        /// The queue of each kind.
        #[derive(Debug)]
        pub struct Queues {
            $(
                #[doc = concat!("Requeues objects of `", stringify!($kind), "`.")]
                pub $name: Queue<$kind>,
            )*
        }

        impl Queues {
            /// Requeues every object of a namespace.
            pub fn requeue_namespace(&self, caches: &Caches, namespace: &str) {
                $(
                    for object in caches.$name.state() {
                        if object.meta().namespace.as_deref() == Some(namespace) {
                            self.$name.requeue_object(&object);
                        }
                    }
                )*
            }
        }
    };
}
kind_table!(define);

/// The stream that kube's scheduler reads. On a standby it yields nothing. When this replica becomes the leader, it
/// yields every object of the cache once, then each object that is requeued. It never yields an object of a namespace in
/// which the API server refuses a list; all are requeued when it is granted.
pub fn requests<K>(
    mut requeued: Requests<K>,
    store: Store<K>,
    fence: Fence,
    refused: Arc<Refused>,
) -> impl Stream<Item = Result<ObjectRef<K>, Infallible>>
where
    K: kube::Resource<DynamicType = ()> + Clone + 'static,
{
    let leading = async move {
        tokio::select! {
            biased;
            // Discard the requests of a standby: the store has every object, and memory must not grow meanwhile.
            () = requeued.by_ref().for_each(async |_| {}) => {}
            () = fence.wait_open() => {}
        }
        let all = store.state().into_iter().map(|object| ObjectRef::from_obj(object.as_ref()));
        let requests = stream::iter(all.collect::<Vec<_>>()).chain(requeued);
        let is_served = move |object: &ObjectRef<K>| {
            !object.namespace.as_deref().is_some_and(|namespace| refused.contains(namespace))
        };
        requests.filter(move |object| std::future::ready(is_served(object))).map(Ok)
    };
    leading.into_stream().flatten()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use k8s_openapi::api::core::v1::Namespace;
    use kube::ResourceExt as _;
    use kube::runtime::reflector::store;
    use kube::runtime::watcher::Event;
    use tokio::time::{Duration, Instant};

    use super::*;

    fn namespace(name: &str) -> Namespace {
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(name.to_owned());
        namespace
    }

    /// Seen to fail without `queued`: a burst of changes queues each object once for each change.
    #[test]
    fn an_object_is_in_the_queue_once_until_it_is_taken() {
        let (queue, mut requeued) = Queue::new();
        for name in ["a", "b", "a", "b", "a"] {
            queue.requeue_object(&namespace(name));
        }
        assert_eq!(queue.sender.len(), 2);
        let mut next = || requeued.next().now_or_never().flatten().map(|object| object.name);
        assert_eq!(next().as_deref(), Some("a"));
        queue.clone().requeue_object(&namespace("a"));
        assert_eq!([next(), next(), next()], [Some("b".to_owned()), Some("a".to_owned()), None]);
        drop(requeued);
        queue.requeue_object(&namespace("a"));
        assert!(queue.queued.lock().unwrap().is_empty(), "nobody takes it");
    }

    /// Seen to fail when `requests` does not drain `requeued`, and when it does not read the store.
    #[tokio::test]
    async fn a_standby_queues_nothing_and_a_new_leader_reconciles_every_object_once() {
        let (queue, requeued) = Queue::new();
        let (store, mut writer) = store();
        let (gatekeeper, fence) = Fence::closed();
        let mut requests = Box::pin(requests(requeued, store, fence, Arc::default()));
        for name in ["here", "here", "gone"] {
            queue.requeue_object(&namespace(name));
        }
        writer.apply_watcher_event(&Event::Apply(namespace("here")));
        assert!(requests.next().now_or_never().is_none());
        assert_eq!(queue.sender.len(), 0, "a standby queues nothing");

        gatekeeper.open(Instant::now() + Duration::from_mins(1));
        queue.requeue_object(&namespace("new"));
        writer.apply_watcher_event(&Event::Apply(namespace("new")));
        let mut reconciled = Vec::new();
        while let Some(Some(Ok(object))) = requests.next().now_or_never() {
            reconciled.push(object.name);
        }
        reconciled.sort();
        assert_eq!(reconciled, ["here", "new"]);
        queue.requeue_object(&namespace("here"));
        let next = requests.next().now_or_never().flatten().unwrap().unwrap();
        assert_eq!(next.name, namespace("here").name_any());
    }
}
