//! How much work may the transforms of one binding cost?
//!
//! Users write the transforms and brokers send the data, so both are hostile input. The work is counted, not timed: the
//! result does not depend on the machine, and an unchanged retry fails in the same way.

/// The work of all transforms of a binding, in visited values: some tens of milliseconds. A template over ordinary
/// credentials costs some hundreds.
pub(super) const MAX_WORK: usize = 1_000_000;

/// How many bytes of text are read or copied at the cost of one visited value.
const TEXT_PER_WORK: usize = 64;

/// What is left to spend.
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
}

/// The budget does not suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exhausted;

impl Budget {
    /// A budget of [`MAX_WORK`].
    pub(super) fn new() -> Self {
        Self { left: MAX_WORK }
    }

    /// How much was spent.
    #[cfg(test)]
    pub(super) fn spent(&self) -> usize {
        MAX_WORK - self.left
    }

    /// Charges work, before it is done.
    pub(super) fn spend(&mut self, work: usize) -> Result<(), Exhausted> {
        self.left = self.left.checked_sub(work).ok_or(Exhausted)?;
        Ok(())
    }

    /// Charges the reading or copying of this many bytes.
    pub(super) fn spend_text(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.spend(Self::of_text(bytes))
    }

    /// The work of reading or copying this many bytes.
    pub(super) fn of_text(bytes: usize) -> usize {
        bytes / TEXT_PER_WORK
    }
}
