//! May this process act now? What every broker call and every write passes.

use kube::client::Body;
use tokio::sync::watch;
use tokio::time::Instant;
use tower::BoxError;

/// Lets through whoever asks as long as this process surely leads. It is compared with the clock whenever somebody
/// passes, so that a process which was stopped, or could not renew its lease, finds it closed without being told.
#[derive(Clone, Debug)]
pub struct Fence(watch::Receiver<Instant>);

/// Opens and closes a [`Fence`].
#[derive(Debug)]
pub struct Gatekeeper(watch::Sender<Instant>);

impl Fence {
    /// A fence that is closed, and who opens it.
    pub fn closed() -> (Gatekeeper, Self) {
        let (sender, receiver) = watch::channel(Instant::now());
        (Gatekeeper(sender), Self(receiver))
    }

    /// Returns at once while this process surely leads, and otherwise when it does: never, if another one has taken over.
    pub async fn wait_open(&self) {
        let is_open = |until: &Instant| Instant::now() < *until;
        if self.0.clone().wait_for(is_open).await.is_err() {
            // The gatekeeper is gone: nobody opens it any more.
            std::future::pending::<()>().await;
        }
    }

    /// Passes with a request to the Kubernetes API that changes something; others need not.
    pub async fn admit(self, request: http::Request<Body>) -> Result<http::Request<Body>, BoxError> {
        if !request.method().is_safe() {
            self.wait_open().await;
        }
        Ok(request)
    }
}

impl Gatekeeper {
    /// The fence is open until then.
    pub fn open(&self, until: Instant) {
        self.0.send_replace(until);
    }

    /// The fence is closed.
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

    fn passes(fence: &Fence) -> bool {
        fence.wait_open().now_or_never().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_open_exactly_as_long_as_was_said() {
        let (gatekeeper, fence) = Fence::closed();
        assert!(!passes(&fence));
        gatekeeper.open(Instant::now() + SECOND);
        assert!(passes(&fence) && gatekeeper.is_open());
        advance(SECOND).await;
        assert!(!passes(&fence) && !gatekeeper.is_open());
        gatekeeper.open(Instant::now() + SECOND);
        assert!(passes(&fence));
        gatekeeper.close();
        assert!(!passes(&fence));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_at_it_goes_on_when_it_opens() {
        let (gatekeeper, fence) = Fence::closed();
        let mut waiting = Box::pin(fence.wait_open());
        assert!(waiting.as_mut().now_or_never().is_none());
        gatekeeper.open(Instant::now() + SECOND);
        assert!(waiting.now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn without_its_gatekeeper_it_stays_as_it_is_until_its_time_is_over() {
        let (gatekeeper, fence) = Fence::closed();
        gatekeeper.open(Instant::now() + SECOND);
        drop(gatekeeper);
        assert!(passes(&fence));
        advance(SECOND).await;
        assert!(!passes(&fence));
    }

    #[tokio::test(start_paused = true)]
    async fn only_reading_needs_no_leave() {
        let (_gatekeeper, fence) = Fence::closed();
        for (method, admitted) in
            [("GET", true), ("POST", false), ("PUT", false), ("PATCH", false), ("DELETE", false)]
        {
            let request = http::Request::builder().method(method).body(Body::empty()).unwrap();
            assert_eq!(fence.clone().admit(request).now_or_never().is_some(), admitted, "{method}");
        }
    }
}
