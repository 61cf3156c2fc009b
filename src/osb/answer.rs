//! Which responses are successes, and what do they contain? (“Orphan Mitigation”, “Body” of each endpoint)

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::error::{MAX_DESCRIPTION_CHARS, Refusal};
use super::screen::Screen;
use super::{BindResponse, Catalog, Error, LastOperation, Reply, catalog, json, operation};

/// A broker's response, as far as it could be read.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    /// The media type of the body.
    pub(super) content_type: Option<String>,
    pub(super) body: Vec<u8>,
    /// Why the body is incomplete; `None` if it was read to its end.
    pub(super) defect: Option<String>,
    /// What is shown of its texts.
    pub(super) screen: Screen,
}

impl Answer {
    /// The JSON document in the body of a successful response.
    pub(super) fn document<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.read(json::object)
    }

    /// The catalog, of at most so many plans.
    pub(super) fn catalog(&self, max_plans: usize) -> Result<Catalog, Error> {
        let catalog = self.read(|body| catalog::decode(body, max_plans))?;
        Ok(catalog::screened(catalog, &self.screen))
    }

    /// The body of a successful response, decoded by `decode`.
    fn read<T>(&self, decode: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<T, Error> {
        match self.status {
            200 | 201 => self.decode(decode),
            _ => Err(self.refusal()),
        }
    }

    /// The state of an asynchronous operation, from the response to a poll. Its description is screened as that of an
    /// error is: both become messages of conditions.
    pub(super) fn last_operation(&self) -> Result<LastOperation, Error> {
        let progress: LastOperation = self.document()?;
        let screen = |text: &str| self.screen.line(text, MAX_DESCRIPTION_CHARS);
        let description = progress.description.as_deref().map(screen);
        Ok(LastOperation { retry_after: self.retry_after, description, ..progress })
    }

    /// The reply to a provision or update request. All members of the body are optional, and so is the body.
    pub(super) fn reply<T: DeserializeOwned>(&self) -> Result<Reply<T>, Error> {
        self.sync_or_async(|| self.decode(object_or_empty), || self.decode(object_or_empty))
    }

    /// The reply to a deprovision or unbind request. Only the status counts.
    pub(super) fn deletion(&self) -> Result<Reply<()>, Error> {
        self.sync_or_async(|| Ok(()), || Ok(()))
    }

    /// The reply to a bind request. With a 202 nothing but `operation` is read: it must not carry credentials.
    pub(super) fn binding(&self, accepts_incomplete: bool) -> Result<Reply<BindResponse>, Error> {
        if self.status == 202 && !accepts_incomplete {
            return Err(self.malformed("the request did not set accepts_incomplete=true".to_owned()));
        }
        self.sync_or_async(|| self.decode(json::object), || Ok(BindResponse::default()))
    }

    fn sync_or_async<T>(
        &self,
        done: impl FnOnce() -> Result<T, Error>,
        accepted: impl FnOnce() -> Result<T, Error>,
    ) -> Result<Reply<T>, Error> {
        match self.status {
            200 | 201 => Ok(Reply::Done(done()?)),
            202 => {
                let operation = self.decode(|body| operation::operation(or_empty(body)))?;
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
        let Self { status, retry_after, content_type, body, screen, .. } = self;
        let content_type = content_type.as_deref();
        Error::refusal(&Refusal { status: *status, retry_after: *retry_after, content_type, body }, screen)
    }
}

fn object_or_empty<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    json::object(or_empty(body))
}

/// The body, or an empty JSON object if there is no body.
fn or_empty(body: &[u8]) -> &[u8] {
    if body.trim_ascii().is_empty() { b"{}" } else { body }
}
