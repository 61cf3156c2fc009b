//! The limit of requests to the Kubernetes API. The entry point is [`RequestLimit`], a layer of the client.
//!
//! Each request in flight is a connection, as kube speaks HTTP/1.1 only, and a response in memory. Therefore *every*
//! request of the reconcilers waits for a permit of one fair limiter, which serves namespaces in turn: also events, the
//! lists of the watches, and reads of Secrets. It is a layer of the client, so no caller can forget it. It must be
//! inside of the retries, so that no permit is held during a back-off, and outside of the leadership fence, so that a
//! write that has waited for its permit still finds the fence open.
//!
//! Watches take no permit: they last for minutes, and their number is bounded. The leader election has another client.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use kube::client::Body;
use tower::{Layer, Service, ServiceExt as _};

use crate::fair_limiter::{FairLimiter, Permit};

/// How many requests are in flight at once, at most. Watches do not count.
const MAX_REQUESTS: usize = 32;

/// Limits the requests in flight. Clones share the limit.
#[derive(Clone, Debug)]
pub struct RequestLimit(Arc<FairLimiter>);

impl Default for RequestLimit {
    fn default() -> Self {
        Self(FairLimiter::new(MAX_REQUESTS))
    }
}

impl<S> Layer<S> for RequestLimit {
    type Service = Limited<S>;

    fn layer(&self, service: S) -> Limited<S> {
        Limited { limiter: Arc::clone(&self.0), service }
    }
}

/// A service with a [`RequestLimit`].
#[derive(Clone, Debug)]
pub struct Limited<S> {
    limiter: Arc<FairLimiter>,
    service: S,
}

impl<S, B> Service<Request<Body>> for Limited<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    B: 'static,
{
    type Response = Response<PermittedBody<B>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    /// Always: a request that waits for its permit must not take a place in the queue of the service.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (limiter, service) = (Arc::clone(&self.limiter), self.service.clone());
        async move {
            let permit =
                if is_watch(&request) { None } else { Some(limiter.acquire(namespace(&request)).await) };
            let response = service.oneshot(request).await?;
            Ok(response.map(|body| PermittedBody { body: Box::pin(body), _permit: permit }))
        }
        .boxed()
    }
}

fn is_watch(request: &Request<Body>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').any(|parameter| matches!(parameter, "watch=true" | "watch=1"))
}

/// The namespace in the path of a request; empty if there is none.
fn namespace(request: &Request<Body>) -> &str {
    let mut segments = request.uri().path().split('/');
    segments.find(|segment| *segment == "namespaces");
    segments.next().unwrap_or_default()
}

/// The body of a response. It keeps the permit until it is dropped, because it may be as large as a Secret.
#[derive(Debug)]
pub struct PermittedBody<B> {
    body: Pin<Box<B>>,
    _permit: Option<Permit>,
}

impl<B: HttpBody> HttpBody for PermittedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.body.as_mut().poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = BoxFuture<'static, Result<Response<PermittedBody<Body>>, std::io::Error>>;

    /// Sends a request to an API server that answers at once.
    fn send(limit: &RequestLimit, uri: &str) -> Answer {
        let answer = |_| async { Ok::<_, std::io::Error>(Response::new(Body::empty())) };
        let request = Request::builder().uri(uri).body(Body::empty()).unwrap();
        limit.layer(tower::service_fn(answer)).oneshot(request).boxed()
    }

    /// Seen to fail when the permit ends with the head of the response: all bodies are in memory at once.
    #[tokio::test]
    async fn a_request_is_in_flight_until_its_response_is_dropped() {
        let limit = RequestLimit::default();
        let secrets = "/api/v1/namespaces/a/secrets/s";
        let mut responses: Vec<_> =
            (0..MAX_REQUESTS).map(|_| send(&limit, secrets).now_or_never().unwrap().unwrap()).collect();
        let mut waiting = ["a", "a", "b"].map(|namespace| {
            send(&limit, &format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events?fieldManager=x"))
        });
        assert!(waiting.iter_mut().all(|request| request.now_or_never().is_none()));
        responses.truncate(MAX_REQUESTS - 2);
        let answers = waiting.map(futures::FutureExt::now_or_never);
        let are_answered = answers.each_ref().map(Option::is_some);
        assert_eq!(are_answered, [true, false, true], "namespaces are served in turn");
    }

    #[tokio::test]
    async fn only_watches_need_no_permit() {
        let limit = RequestLimit::default();
        let list = "/api/v1/secrets?&limit=500&resourceVersion=0";
        let lists: Vec<_> = (0..MAX_REQUESTS).map(|_| send(&limit, list).now_or_never().unwrap()).collect();
        for (uri, needs_permit) in [
            ("/api/v1/secrets?&watch=true&timeoutSeconds=290", false),
            ("/api/v1/namespaces/a/pods?watch=1", false),
            (list, true),
            ("/api/v1/namespaces/watch=true", true),
            ("/api/v1/namespaces/a/pods?labelSelector=watch%3Dtrue", true),
        ] {
            assert_eq!(send(&limit, uri).now_or_never().is_none(), needs_permit, "{uri}");
        }
        drop(lists);
    }

    #[test]
    fn the_namespace_is_that_of_the_path() {
        for (uri, expected) in [
            ("/api/v1/namespaces/a/secrets/s", "a"),
            ("/api/v1/namespaces/a", "a"),
            ("/apis/servicecatalog.k8s.io/v1beta1/namespaces/a/serviceinstances/i/status?x=y", "a"),
            ("/apis/servicecatalog.k8s.io/v1beta1/clusterserviceplans?limit=500", ""),
        ] {
            let request = Request::builder().uri(uri).body(Body::empty()).unwrap();
            assert_eq!(namespace(&request), expected, "{uri}");
        }
    }
}
