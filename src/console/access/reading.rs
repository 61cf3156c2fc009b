//! How much of the API server's answers is in memory at once?
//!
//! Others decide how large the objects are that a page shows. All answers together that are read for a request of a
//! browser may have 256 KiB. A request that needs more waits for its turn: the console serves two such requests at once,
//! and one of each user. It reads at most 16 MiB for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tower::BoxError;

use crate::fair_limiter::{FairLimiter, Permit};

/// The most bytes that are read for a request without a turn.
const LARGE: usize = 256 * 1024;
/// The most bytes that are read for a request.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// The most requests that have a turn, and the most of one user.
const TURNS: (usize, usize) = (2, 1);
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// When it may try again.
const RETRY_AFTER_SECONDS: u32 = 5;

/// The turns of all users.
#[derive(Clone, Debug)]
pub struct Turns(Arc<FairLimiter>);

impl Default for Turns {
    fn default() -> Self {
        Self(FairLimiter::with_share(TURNS.0, TURNS.1))
    }
}

impl Turns {
    /// What is read for a request of this user ([`User::principal`](super::identity::User::principal)).
    pub fn reading(&self, principal: &str) -> Arc<Reading> {
        Arc::new(Reading {
            turns: Arc::clone(&self.0),
            principal: principal.to_owned(),
            bytes: AtomicUsize::new(0),
            turn: OnceCell::new(),
        })
    }
}

/// What is read for a request. It keeps its turn until it is dropped: what is made of the answers takes memory as well.
#[derive(Debug)]
pub struct Reading {
    turns: Arc<FairLimiter>,
    principal: String,
    bytes: AtomicUsize,
    turn: OnceCell<Permit>,
}

/// Why no more is read.
enum Refusal {
    TooMuch,
    NoTurn,
}

impl Reading {
    /// The answer as a whole. One that is not read is replaced by a refusal, so that the user learns why.
    pub(super) async fn read(&self, answer: Response<Body>) -> Result<Response<Body>, BoxError> {
        let (mut head, mut body) = answer.into_parts();
        let mut whole = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(bytes) = frame?.into_data() else { continue };
            if let Err(refusal) = self.take(bytes.len()).await {
                let (code, status) = refusal.answer();
                head.status = code;
                return Ok(Response::from_parts(head, Body::from(status.to_string().into_bytes())));
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(Response::from_parts(head, Body::from(whole)))
    }

    async fn take(&self, bytes: usize) -> Result<(), Refusal> {
        let all = self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if all > MAX_BYTES {
            return Err(Refusal::TooMuch);
        }
        if all > LARGE {
            let turn = self.turn.get_or_init(|| self.turns.acquire(&self.principal));
            timeout(PATIENCE, turn).await.map_err(|_| Refusal::NoTurn)?;
        }
        Ok(())
    }
}

impl Refusal {
    /// The code and the `Status` that the API server would answer.
    fn answer(&self) -> (StatusCode, Value) {
        let (code, reason, message) = match self {
            Self::TooMuch => {
                let limit = MAX_BYTES / (1024 * 1024);
                let message = format!(
                    "the page needs more than {limit} MiB, which the console does not read; kubectl does"
                );
                (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
            }
            Self::NoTurn => {
                let message = "the console is reading other large answers".to_owned();
                (StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message)
            }
        };
        let status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": code.as_u16(),
            "reason": reason,
            "message": message,
            "details": {"retryAfterSeconds": RETRY_AFTER_SECONDS},
        });
        (code, status)
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    async fn read(reading: &Reading, bytes: usize) -> (StatusCode, Vec<u8>) {
        let answer = reading.read(Response::new(Body::from(vec![b' '; bytes]))).await.unwrap();
        (answer.status(), answer.into_body().collect_bytes().await.unwrap().to_vec())
    }

    #[tokio::test]
    async fn a_request_reads_so_much_in_all_and_is_told_of_the_limit() {
        let reading = Turns::default().reading("jane");
        for _ in 0..4 {
            assert_eq!(read(&reading, MAX_BYTES / 4).await, (StatusCode::OK, vec![b' '; MAX_BYTES / 4]));
        }
        let (status, body) = read(&reading, 1).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        let told: Status = serde_json::from_slice(&body).unwrap();
        assert_eq!(told.code, 413);
        assert!(told.message.contains("16 MiB"), "{}", told.message);
    }

    #[tokio::test(start_paused = true)]
    async fn large_answers_wait_for_their_turn_and_small_ones_do_not() {
        let turns = Turns::default();
        let (large, other) = (turns.reading("jane"), turns.reading("jane"));
        assert_eq!(read(&large, LARGE + 1).await.0, StatusCode::OK);
        assert_eq!(read(&other, LARGE).await.0, StatusCode::OK);
        let (status, body) = read(&other, 1).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        let told: Status = serde_json::from_slice(&body).unwrap();
        assert_eq!(told.details.unwrap().retry_after_seconds, RETRY_AFTER_SECONDS);
        // Another user has a turn of their own, and a third one waits.
        let joe = turns.reading("joe");
        assert_eq!(read(&joe, LARGE + 1).await.0, StatusCode::OK);
        assert_eq!(read(&turns.reading("ann"), LARGE + 1).await.0, StatusCode::TOO_MANY_REQUESTS);
        drop(large);
        assert_eq!(read(&other, 1).await.0, StatusCode::OK);
    }
}
