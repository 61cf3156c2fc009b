//! How much of the API server's answers is in memory at once?
//!
//! Others decide how large the objects are that a page shows. All that is read for a request of a browser may have
//! 256 KiB. A request that needs more waits for a permit, of which there is one; users take turns. It reads at most 8 MiB.
//! Parsed, an object made of many small parts has up to 14 times as many bytes. Of answers that are only summarised, 64 MiB
//! are read, one after the other.
//!
//! That is about reads. The answer to a write always arrives: a write that looks refused, but is carried out, would be undone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::Response;
use futures::StreamExt as _;
use http_body_util::{BodyExt as _, Limited};
use kube::client::Body;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tower::BoxError;

use crate::fair_limiter::{FairLimiter, Permit};

/// The most bytes that are read for a request without a permit.
const MAX_BYTES_WITHOUT_PERMIT: usize = 256 * 1024;
/// The most bytes that are read for a request.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// The most bytes of answers that are [`Summarised`].
const MAX_BYTES_OF_SUMMARISED: usize = 64 * 1024 * 1024;
/// The most bytes of an answer to a write: an object has at most 3 MiB.
pub(super) const MAX_BYTES_OF_WRITE: usize = 4 * 1024 * 1024;
/// The most bytes of an answer about what a user may do. Others decide about the rules of a user, too.
pub(super) const MAX_BYTES_OF_REVIEW: usize = 256 * 1024;
/// The longest event of a watch, in bytes. It is in memory as a whole before it is dropped.
const MAX_BYTES_OF_EVENT: usize = 256 * 1024;
/// How many requests that read much are dealt with at once.
const PERMITS: usize = 1;
/// How long a request waits for a permit.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(10);

/// An extension of a request to the API server, of whose answer only a small part is kept. So it counts among
/// the bytes of the browser's request only while it is read.
#[derive(Clone, Copy, Debug)]
pub struct Summarised;

/// Why no more is read for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The page needs more than [`MAX_BYTES`], or [`MAX_BYTES_OF_SUMMARISED`].
    #[error("the page needs too much of the API server")]
    TooMuch,
    /// Other pages need much, too.
    #[error("other pages need much of the API server, too")]
    Busy,
}

/// What all requests share.
#[derive(Clone, Debug)]
pub struct Readings(Arc<FairLimiter>);

impl Default for Readings {
    fn default() -> Self {
        Self(FairLimiter::new(PERMITS))
    }
}

impl Readings {
    /// What is read for a request of this user ([`User::principal`](super::identity::User::principal)).
    pub fn begin(&self, principal: &str) -> Arc<Reading> {
        Arc::new(Reading {
            permits: Arc::clone(&self.0),
            principal: principal.to_owned(),
            bytes: AtomicUsize::new(0),
            summarised: AtomicUsize::new(0),
            permit: OnceCell::new(),
        })
    }
}

/// What is read for a request. It keeps its permit until it is dropped: what is made of the answers takes memory as well.
#[derive(Debug)]
pub struct Reading {
    permits: Arc<FairLimiter>,
    principal: String,
    bytes: AtomicUsize,
    summarised: AtomicUsize,
    permit: OnceCell<Permit>,
}

impl Reading {
    /// The whole answer to a read. The error is a [`Refusal`], or one of the connection.
    pub(super) async fn read(
        &self,
        answer: Response<Body>,
        summarised: Option<Summarised>,
    ) -> Result<Response<Body>, BoxError> {
        let (head, mut body) = answer.into_parts();
        let mut whole = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(bytes) = frame?.into_data() else { continue };
            self.take(bytes.len()).await?;
            whole.extend_from_slice(&bytes);
        }
        if summarised.is_some() {
            self.give_back(whole.len())?;
        }
        Ok(Response::from_parts(head, Body::from(whole)))
    }

    async fn take(&self, bytes: usize) -> Result<(), Refusal> {
        let all = self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if all > MAX_BYTES {
            return Err(Refusal::TooMuch);
        }
        if all.saturating_add(self.summarised.load(Ordering::Relaxed)) > MAX_BYTES_WITHOUT_PERMIT {
            let permit = self.permit.get_or_init(|| self.permits.acquire(&self.principal));
            timeout(PERMIT_TIMEOUT, permit).await.map_err(|_| Refusal::Busy)?;
        }
        Ok(())
    }

    fn give_back(&self, bytes: usize) -> Result<(), Refusal> {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        let all = self.summarised.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if all > MAX_BYTES_OF_SUMMARISED { Err(Refusal::TooMuch) } else { Ok(()) }
    }
}

/// The whole answer to a write or a review.
pub(super) async fn whole(answer: Response<Body>, longest: usize) -> Result<Response<Body>, BoxError> {
    let (head, body) = answer.into_parts();
    let whole = Limited::new(body, longest).collect().await?.to_bytes();
    Ok(Response::from_parts(head, Body::from(whole)))
}

/// The answer to a watch, which ends with an event that is too long.
pub(super) fn events(answer: Response<Body>) -> Response<axum::body::Body> {
    answer.map(|body| {
        let mut length = 0;
        let parts = body.into_data_stream().map(move |bytes| -> Result<_, BoxError> {
            let bytes = bytes?;
            length = match bytes.iter().rposition(|byte| *byte == b'\n') {
                Some(end) => bytes.len() - end,
                None => length + bytes.len(),
            };
            if length > MAX_BYTES_OF_EVENT {
                return Err("an event of a watch is too long".into());
            }
            Ok(bytes)
        });
        axum::body::Body::from_stream(parts)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(reading: &Reading, bytes: usize) -> Result<usize, Refusal> {
        read_for(reading, bytes, None).await
    }

    async fn read_for(
        reading: &Reading,
        bytes: usize,
        summarised: Option<Summarised>,
    ) -> Result<usize, Refusal> {
        let answer = reading.read(Response::new(Body::from(vec![b' '; bytes])), summarised).await;
        let answer = answer.map_err(|error| *error.downcast::<Refusal>().unwrap())?;
        Ok(answer.into_body().collect_bytes().await.unwrap().len())
    }

    #[tokio::test]
    async fn a_request_reads_so_much_in_all() {
        let reading = Readings::default().begin("jane");
        for _ in 0..4 {
            assert_eq!(read(&reading, MAX_BYTES / 4).await, Ok(MAX_BYTES / 4));
        }
        assert_eq!(read(&reading, 1).await, Err(Refusal::TooMuch));
    }

    #[tokio::test]
    async fn what_is_summarised_counts_while_it_is_read() {
        let reading = Readings::default().begin("jane");
        for _ in 0..MAX_BYTES_OF_SUMMARISED / MAX_BYTES {
            assert_eq!(read_for(&reading, MAX_BYTES, Some(Summarised)).await, Ok(MAX_BYTES));
        }
        assert_eq!(read(&reading, MAX_BYTES).await, Ok(MAX_BYTES));
        assert_eq!(read_for(&reading, 1, Some(Summarised)).await, Err(Refusal::TooMuch), "at once");
        drop(reading);
        let reading = Readings::default().begin("jane");
        for _ in 0..MAX_BYTES_OF_SUMMARISED / MAX_BYTES {
            assert_eq!(read_for(&reading, MAX_BYTES, Some(Summarised)).await, Ok(MAX_BYTES));
        }
        assert_eq!(read_for(&reading, 1, Some(Summarised)).await, Err(Refusal::TooMuch), "in all");
    }

    #[tokio::test]
    async fn a_watch_ends_with_an_event_that_is_too_long() {
        let line = |bytes: usize| [vec![b'a'; bytes], vec![b'\n']].concat();
        let read =
            async |bytes: Vec<u8>| events(Response::new(Body::from(bytes))).into_body().collect().await;
        assert!(read([line(200_000), line(200_000)].concat()).await.is_ok());
        assert!(read(vec![b'a'; MAX_BYTES_OF_EVENT + 1]).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_much_waits_for_the_permit_and_who_reads_little_does_not() {
        let readings = Readings::default();
        let (first, second) = (readings.begin("jane"), readings.begin("joe"));
        assert!(read(&first, MAX_BYTES_WITHOUT_PERMIT + 1).await.is_ok());
        assert!(read(&second, MAX_BYTES_WITHOUT_PERMIT).await.is_ok());
        assert_eq!(read(&second, 1).await, Err(Refusal::Busy));
        drop(first);
        assert!(read(&second, 1).await.is_ok());
        let third = readings.begin("jack");
        let summarised = async || read_for(&third, MAX_BYTES_WITHOUT_PERMIT / 2 + 1, Some(Summarised)).await;
        assert!(summarised().await.is_ok());
        assert_eq!(summarised().await, Err(Refusal::Busy), "summaries take memory as well");
    }
}
