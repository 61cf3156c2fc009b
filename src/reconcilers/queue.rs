//! Which objects are reconciled next? The queue of each kind.

use std::convert::Infallible;

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::{FutureExt as _, Stream, StreamExt as _, stream};
use kube::runtime::reflector::{ObjectRef, Store};

use crate::leader::Fence;
use crate::reconcilers::kind_table::kind_table;

/// Requeues objects of a kind.
#[derive(Debug)]
pub struct Queue<K: kube::Resource<DynamicType = ()> + 'static>(UnboundedSender<ObjectRef<K>>);

impl<K: kube::Resource<DynamicType = ()> + 'static> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: kube::Resource<DynamicType = ()> + 'static> Queue<K> {
    /// A queue, and the end that a reconciler reads.
    pub fn new() -> (Self, UnboundedReceiver<ObjectRef<K>>) {
        let (sender, receiver) = unbounded();
        (Self(sender), receiver)
    }

    /// The object of this name is reconciled soon; once, however often it is requeued meanwhile.
    pub fn requeue(&self, object: ObjectRef<K>) {
        // The receiver is gone only when the operator stops.
        let _ = self.0.unbounded_send(object);
    }

    /// This object is reconciled soon.
    pub fn requeue_object(&self, object: &K) {
        self.requeue(ObjectRef::from_obj(object));
    }

    /// The object of this name is reconciled soon.
    pub fn requeue_name(&self, name: &str, namespace: Option<&str>) {
        let object = ObjectRef::new(name);
        self.requeue(match namespace {
            Some(namespace) => object.within(namespace),
            None => object,
        });
    }
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
    };
}
kind_table!(define);

/// What kube's scheduler reads: nothing as long as another replica leads, then all objects of the cache, then those that are requeued.
pub fn requests<K>(
    mut woken: UnboundedReceiver<ObjectRef<K>>,
    store: Store<K>,
    fence: Fence,
) -> impl Stream<Item = Result<ObjectRef<K>, Infallible>>
where
    K: kube::Resource<DynamicType = ()> + Clone + 'static,
{
    let leading = async move {
        tokio::select! {
            biased;
            // Nobody need be remembered: the store has them all.
            () = woken.by_ref().for_each(async |_| {}) => {}
            () = fence.wait_open() => {}
        }
        let all = store.state().into_iter().map(|object| ObjectRef::from_obj(object.as_ref()));
        stream::iter(all.collect::<Vec<_>>()).chain(woken).map(Ok)
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

    /// Seen to fail without the reading of `woken` in `requests`, and without the reading of the store.
    #[tokio::test]
    async fn a_standby_remembers_nobody_and_a_leader_looks_at_everybody_once() {
        let (queue, woken) = Queue::new();
        let (store, mut writer) = store();
        let (gatekeeper, fence) = Fence::closed();
        let mut requests = Box::pin(requests(woken, store, fence));
        for name in ["here", "here", "gone"] {
            queue.requeue_object(&namespace(name));
        }
        writer.apply_watcher_event(&Event::Apply(namespace("here")));
        assert!(requests.next().now_or_never().is_none());
        assert_eq!(queue.0.len(), 0, "nothing is kept");

        gatekeeper.open(Instant::now() + Duration::from_mins(1));
        queue.requeue_object(&namespace("new"));
        writer.apply_watcher_event(&Event::Apply(namespace("new")));
        let mut looked_at = Vec::new();
        while let Some(Some(Ok(object))) = requests.next().now_or_never() {
            looked_at.push(object.name);
        }
        looked_at.sort();
        assert_eq!(looked_at, ["here", "new"]);
        queue.requeue_object(&namespace("here"));
        let next = requests.next().now_or_never().flatten().unwrap().unwrap();
        assert_eq!(next.name, namespace("here").name_any());
    }
}
