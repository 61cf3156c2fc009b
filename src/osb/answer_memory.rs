//! How many large answers are in memory at once?
//!
//! An answer of at most 64 KiB is read as it arrives. A larger one, which is a catalog or credentials, waits for its
//! turn: all brokers together have two in memory, and the brokers of one owner have one. A broker that sends a large answer
//! slowly delays only other large answers.

use std::fmt;
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::fair_limiter::{FairLimiter, Permit};

/// Up to this size, in bytes, an answer is not large.
pub(super) const LARGE: usize = 64 * 1024;

/// How many large answers are in memory at once, at most.
const MAX_LARGE: usize = 2;

/// How many of them are from brokers of the same owner, at most.
const MAX_LARGE_OF_OWNER: usize = 1;

/// The memory for the large answers of the brokers of one owner. Clones share it.
#[derive(Clone)]
pub struct AnswerMemory {
    limiter: Arc<FairLimiter>,
    owner: Arc<str>,
}

impl AnswerMemory {
    /// The share of another owner in the same memory.
    #[must_use]
    pub fn of(&self, owner: &str) -> Self {
        Self { limiter: Arc::clone(&self.limiter), owner: owner.into() }
    }

    /// A reservation that takes nothing yet.
    pub(super) fn reserve(&self) -> Arc<Reservation> {
        Arc::new(Reservation { memory: self.clone(), permit: OnceCell::new() })
    }
}

impl Default for AnswerMemory {
    /// Memory that is shared with no other client.
    fn default() -> Self {
        Self { limiter: FairLimiter::with_share(MAX_LARGE, MAX_LARGE_OF_OWNER), owner: "".into() }
    }
}

/// Memory for one large answer and for what is made of it. It is free again when this is dropped.
pub struct Reservation {
    memory: AnswerMemory,
    permit: OnceCell<Permit>,
}

impl Reservation {
    /// Waits until there is memory for one more large answer, unless this has it already.
    pub(super) async fn take(&self) {
        self.permit.get_or_init(|| self.memory.limiter.acquire(&self.memory.owner)).await;
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation").field("owner", &self.memory.owner).finish_non_exhaustive()
    }
}
