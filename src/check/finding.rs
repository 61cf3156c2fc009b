//! What was found of a part of the installation, and how is it printed?

use std::fmt;

/// A part of the installation, and what was found of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The part, as a user names it to `kubectl`, or in words.
    pub part: String,
    /// What was found.
    pub verdict: Verdict,
}

/// What was found of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it should be.
    Whole,
    /// It is not.
    Wrong {
        /// What is wrong; follows the part's name.
        what: String,
        /// What the reader does.
        repair: String,
    },
    /// It could not be looked at.
    Unknown {
        /// The cause.
        why: String,
    },
}

impl Finding {
    /// A part that is as it should be.
    pub fn whole(part: impl Into<String>) -> Self {
        Self { part: part.into(), verdict: Verdict::Whole }
    }

    /// A part that is not.
    pub fn wrong(part: impl Into<String>, what: impl Into<String>, repair: impl Into<String>) -> Self {
        Self { part: part.into(), verdict: Verdict::Wrong { what: what.into(), repair: repair.into() } }
    }

    /// A part that could not be looked at, because the API server refused to show it or did not answer.
    pub fn unknown(part: impl Into<String>, why: &kube::Error) -> Self {
        let why = match why {
            kube::Error::Api(status) => status.message.clone(),
            other => other.to_string(),
        };
        Self { part: part.into(), verdict: Verdict::Unknown { why } }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = &self.part;
        match &self.verdict {
            Verdict::Whole => write!(f, "ok       {part}"),
            Verdict::Wrong { what, repair } => {
                write!(f, "WRONG    {part} {what}\n         to repair it: {repair}")
            }
            Verdict::Unknown { why } => write!(f, "unknown  {part}: {why}"),
        }
    }
}
