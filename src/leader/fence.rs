//! The leadership fence: may this process act now? Every broker call and every write to the Kubernetes API waits at it.

use kube::client::Body;
use tokio::sync::watch;
use tokio::time::Instant;
use tower::BoxError;

/// Open as long as this process surely is the leader. Each check compares the clock with the moment until which it is
/// open. A process that was suspended, or that could not renew its lease, therefore finds it closed without any event.
#[derive(Clone, Debug)]
pub struct Fence(watch::Receiver<Instant>);

/// Opens and closes a [`Fence`].
#[derive(Debug)]
pub struct Gatekeeper(watch::Sender<Instant>);

impl Fence {
    /// A closed fence, and the gatekeeper that opens it.
    pub fn closed() -> (Gatekeeper, Self) {
        let (sender, receiver) = watch::channel(Instant::now());
        (Gatekeeper(sender), Self(receiver))
    }

    /// Returns once the fence is open. If another replica has taken over, that is never.
    pub async fn wait_open(&self) {
        let is_open = |until: &Instant| Instant::now() < *until;
        if self.0.clone().wait_for(is_open).await.is_err() {
            // The gatekeeper is gone, so the fence stays closed.
            std::future::pending::<()>().await;
        }
    }

    /// Waits with a request that writes to the Kubernetes API until the fence is open; lets reads through at once.
    pub async fn admit(self, request: http::Request<Body>) -> Result<http::Request<Body>, BoxError> {
        if !request.method().is_safe() {
            self.wait_open().await;
        }
        Ok(request)
    }
}

impl Gatekeeper {
    /// Opens the fence until this moment.
    pub fn open(&self, until: Instant) {
        self.0.send_replace(until);
    }

    /// Closes the fence.
    pub fn close(&self) {
        self.0.send_replace(Instant::now());
    }

    /// Whether the fence is open now.
    pub fn is_open(&self) -> bool {
        Instant::now() < *self.0.borrow()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt as _;
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn is_open(fence: &Fence) -> bool {
        fence.wait_open().now_or_never().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_open_exactly_until_the_given_moment() {
        let (gatekeeper, fence) = Fence::closed();
        assert!(!is_open(&fence));
        gatekeeper.open(Instant::now() + SECOND);
        assert!(is_open(&fence) && gatekeeper.is_open());
        advance(SECOND).await;
        assert!(!is_open(&fence) && !gatekeeper.is_open());
        gatekeeper.open(Instant::now() + SECOND);
        assert!(is_open(&fence));
        gatekeeper.close();
        assert!(!is_open(&fence));
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_call_continues_when_it_opens() {
        let (gatekeeper, fence) = Fence::closed();
        let mut waiting = Box::pin(fence.wait_open());
        assert!(waiting.as_mut().now_or_never().is_none());
        gatekeeper.open(Instant::now() + SECOND);
        assert!(waiting.now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn without_its_gatekeeper_it_stays_open_until_the_given_moment() {
        let (gatekeeper, fence) = Fence::closed();
        gatekeeper.open(Instant::now() + SECOND);
        drop(gatekeeper);
        assert!(is_open(&fence));
        advance(SECOND).await;
        assert!(!is_open(&fence));
    }

    #[tokio::test(start_paused = true)]
    async fn only_reads_do_not_wait() {
        let (_gatekeeper, fence) = Fence::closed();
        for (method, admitted) in
            [("GET", true), ("POST", false), ("PUT", false), ("PATCH", false), ("DELETE", false)]
        {
            let request = http::Request::builder().method(method).body(Body::empty()).unwrap();
            assert_eq!(fence.clone().admit(request).now_or_never().is_some(), admitted, "{method}");
        }
    }
}
