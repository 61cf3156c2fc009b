//! Which answers are successes, and what do they say? (“Orphan Mitigation”, “Body” of each endpoint)

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{BindResponse, Error, LastOperation, Reply, json, operation};

/// What a broker answered, as far as it could be read.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
    /// Why the body is not complete.
    pub(super) defect: Option<String>,
}

impl Answer {
    /// The document that a successful answer consists of.
    pub(super) fn document<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.read(json::object)
    }

    /// A document read by `decode`.
    pub(super) fn read<T>(&self, decode: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<T, Error> {
        match self.status {
            200 | 201 => self.decode(decode),
            _ => Err(self.refusal()),
        }
    }

    /// The state of an operation.
    pub(super) fn last_operation(&self) -> Result<LastOperation, Error> {
        Ok(LastOperation { retry_after: self.retry_after, ..self.document()? })
    }

    /// The reply to a request to create or to change an instance, where everything is optional.
    pub(super) fn reply<T: DeserializeOwned>(&self) -> Result<Reply<T>, Error> {
        self.done_or_accepted(|| self.decode(object_or_nothing), || self.decode(object_or_nothing))
    }

    /// The reply to a request to delete, where the status says it all.
    pub(super) fn deletion(&self) -> Result<Reply<()>, Error> {
        self.done_or_accepted(|| Ok(()), || Ok(()))
    }

    /// The reply to a request to bind. Credentials must not come with a 202.
    pub(super) fn binding(&self, accepts_incomplete: bool) -> Result<Reply<BindResponse>, Error> {
        if self.status == 202 && !accepts_incomplete {
            return Err(self.malformed("it goes on asynchronously, which was not asked for".to_owned()));
        }
        self.done_or_accepted(|| self.decode(json::object), || Ok(BindResponse::default()))
    }

    fn done_or_accepted<T>(
        &self,
        done: impl FnOnce() -> Result<T, Error>,
        accepted: impl FnOnce() -> Result<T, Error>,
    ) -> Result<Reply<T>, Error> {
        match self.status {
            200 | 201 => Ok(Reply::Done(done()?)),
            202 => {
                let operation = self.decode(|body| operation::operation(or_nothing(body)))?;
                Ok(Reply::InProgress { operation, body: accepted()? })
            }
            _ => Err(self.refusal()),
        }
    }

    fn decode<T>(&self, decode: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<T, Error> {
        match &self.defect {
            Some(defect) => Err(self.malformed(defect.clone())),
            None => decode(&self.body).map_err(|reason| self.malformed(reason)),
        }
    }

    fn malformed(&self, reason: String) -> Error {
        Error::Malformed { status: self.status, reason }
    }

    fn refusal(&self) -> Error {
        Error::refusal(self.status, self.retry_after, &self.body)
    }
}

fn object_or_nothing<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    json::object(or_nothing(body))
}

/// The body, or an object without members in place of no body at all.
fn or_nothing(body: &[u8]) -> &[u8] {
    if body.trim_ascii().is_empty() { b"{}" } else { body }
}
