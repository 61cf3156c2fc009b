//! What was found of a part of the installation, and how is it printed?

use std::error::Error as _;
use std::fmt;

/// A part of the installation, and what was found of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The part, as `kubectl` takes it, or in words.
    pub part: String,
    /// What was found.
    pub state: State,
}

/// What was found of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is as it should be.
    Whole,
    /// It is not.
    Wrong {
        /// What is wrong; follows the part's name.
        what: String,
        /// What the reader does: commands or sentences, a line each. Hints are in parentheses.
        repair: String,
    },
    /// It could not be checked.
    Unknown {
        /// The cause.
        why: String,
    },
}

impl Finding {
    /// A part that is as it should be.
    pub fn whole(part: impl Into<String>) -> Self {
        Self { part: part.into(), state: State::Whole }
    }

    /// A part that is not.
    pub fn wrong(part: impl Into<String>, what: impl Into<String>, repair: impl Into<String>) -> Self {
        Self { part: part.into(), state: State::Wrong { what: what.into(), repair: repair.into() } }
    }

    /// A part that could not be checked.
    pub fn unknown(part: impl Into<String>, why: impl Into<String>) -> Self {
        Self { part: part.into(), state: State::Unknown { why: why.into() } }
    }

    /// A part that the API server did not show.
    pub fn not_shown(part: impl Into<String>, error: &kube::Error) -> Self {
        Self::unknown(part, cause(error))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = &self.part;
        match &self.state {
            State::Whole => write!(f, "ok       {part}"),
            State::Wrong { what, repair } => {
                write!(f, "WRONG    {part} {what}")?;
                repair.lines().try_for_each(|line| match line.strip_prefix('(') {
                    None => write!(f, "\n         > {line}"),
                    Some(hint) => write!(f, "\n           ({hint}"),
                })
            }
            State::Unknown { why } => write!(f, "unknown  {part}: {why}"),
        }
    }
}

/// What the API server says, or why it does not answer.
pub fn cause(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error
        && !status.message.is_empty()
    {
        return status.message.clone();
    }
    let causes = std::iter::successors(error.source(), |&cause| cause.source()).map(ToString::to_string);
    std::iter::once(error.to_string()).chain(causes).collect::<Vec<_>>().join(": ")
}
