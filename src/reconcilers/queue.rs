//! Who is to be looked at: the way to wake a reconciler.

use std::convert::Infallible;

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::{Stream, StreamExt as _};
use kube::runtime::reflector::ObjectRef;

/// Wakes the reconciler of a kind.
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

    /// The object of this name is looked at soon; once, however often it is asked for meanwhile.
    pub fn wake(&self, object: ObjectRef<K>) {
        // The receiver is gone only when the operator stops.
        let _ = self.0.unbounded_send(object);
    }

    /// This object is looked at soon.
    pub fn wake_object(&self, object: &K) {
        self.wake(ObjectRef::from_obj(object));
    }

    /// The object of this name is looked at soon.
    pub fn wake_name(&self, name: &str, namespace: Option<&str>) {
        let object = ObjectRef::new(name);
        self.wake(match namespace {
            Some(namespace) => object.within(namespace),
            None => object,
        });
    }
}

/// What kube's scheduler reads.
pub fn requests<K: kube::Resource<DynamicType = ()> + 'static>(
    receiver: UnboundedReceiver<ObjectRef<K>>,
) -> impl Stream<Item = Result<ObjectRef<K>, Infallible>> {
    receiver.map(Ok)
}
