//! What can be scripted: how a broker misbehaves.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::namespace::PATIENCE;
use crate::wire::Corruption;

/// What goes wrong with a request, or is done to it.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This is answered instead.
    Answer(u16, String),
    /// So it is, and the caller is asked to wait for so many seconds.
    Later(u16, u32),
    /// The connection is closed without an answer.
    Close,
    /// The answer is spoilt on its way; the broker must be on a wire.
    Spoilt(Corruption),
    /// Nothing happens until the test lets it; then it goes on as it should.
    Hold(Gate),
}

/// An answer with a JSON body.
pub fn answer(status: u16, body: &Value) -> Fault {
    Fault::Answer(status, body.to_string())
}

/// An error as the specification has it.
pub fn refusal(status: u16, description: &str) -> Fault {
    answer(status, &json!({"description": description}))
}

/// A place at which a request waits.
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
    /// Returns when a request waits here.
    pub async fn reached(&self) {
        let arrival = timeout(PATIENCE, self.reached.acquire()).await;
        arrival.expect("no request has come to the gate").unwrap().forget();
    }

    /// Lets a request go on.
    pub fn open(&self) {
        self.open.add_permits(1);
    }

    /// Waits here until the gate is opened.
    pub async fn pass(&self) {
        self.reached.add_permits(1);
        self.open.acquire().await.unwrap().forget();
    }
}

/// Whether a fault comes before or after what was asked for has been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// It is not done, or not yet.
    Before,
    /// It is done already.
    After,
}
