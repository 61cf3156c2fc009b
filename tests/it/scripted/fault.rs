//! The faults that a test can script.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::namespace::PATIENCE;
use crate::wire::Corruption;

/// A fault of a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The broker answers this status and body instead.
    Answer(u16, String),
    /// The broker answers this status, and repeats the secrets that it knows.
    Echo(u16),
    /// The broker answers this status, with this `Retry-After` in seconds.
    Later(u16, u32),
    /// The connection is closed without an answer.
    Close,
    /// The answer is corrupted on the wire; the broker must have one.
    Corrupt(Corruption),
    /// The request waits until the test opens the gate; then it continues without a fault.
    Hold(Gate),
}

/// An answer with a JSON body.
pub fn answer(status: u16, body: &Value) -> Fault {
    Fault::Answer(status, body.to_string())
}

/// An error as in the specification.
pub fn refusal(status: u16, description: &str) -> Fault {
    answer(status, &json!({"description": description}))
}

/// A gate at which a request waits.
#[derive(Clone, Debug)]
pub struct Gate {
    reached: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { reached: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) }
    }
}

impl Gate {
    /// Waits until a request waits here.
    pub async fn reached(&self) {
        let arrival = timeout(PATIENCE, self.reached.acquire()).await;
        arrival.expect("no request has reached the gate").unwrap().forget();
    }

    /// Lets one request continue.
    pub fn open(&self) {
        self.open.add_permits(1);
    }

    /// Waits here until the gate is opened.
    pub async fn pass(&self) {
        self.reached.add_permits(1);
        self.open.acquire().await.unwrap().forget();
    }
}

/// Whether a fault comes before or after the request's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before it: the request is not executed, or not yet.
    Before,
    /// After it: the request is executed already.
    After,
}
