//! Which responses are successes, and what do they contain? (“Orphan Mitigation”, “Body” of each endpoint)

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::error::{MAX_DESCRIPTION_CHARS, Refusal};
use super::screen::Screen;
use super::{
    BindResponse, Catalog, DeletionResponse, Error, IgnoredMember, InstanceResponse, LastOperation,
    ProvisionResponse, Reply, UpdateResponse, catalog, json, lenient, operation,
};

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

/// A document of which only some members are needed.
pub(super) trait Document: DeserializeOwned {
    /// The members that must be as specified if they are there.
    const NEEDED: &[&str] = &[];

    /// Remembers the members that are ignored, if a caller has a use for that.
    fn set_ignored(&mut self, _members: Vec<IgnoredMember>) {}
}

impl Document for DeletionResponse {}
impl Document for LastOperation {}
impl Document for InstanceResponse {}

impl Document for BindResponse {
    const NEEDED: &[&str] = &["credentials"];

    fn set_ignored(&mut self, members: Vec<IgnoredMember>) {
        self.ignored = members;
    }
}

impl Document for ProvisionResponse {
    fn set_ignored(&mut self, members: Vec<IgnoredMember>) {
        self.ignored = members;
    }
}

impl Document for UpdateResponse {
    fn set_ignored(&mut self, members: Vec<IgnoredMember>) {
        self.ignored = members;
    }
}

impl Answer {
    /// The JSON document in the body of a successful response.
    pub(super) fn document<T: Document>(&self) -> Result<T, Error> {
        self.read(document)
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
    pub(super) fn reply<T: Document>(&self) -> Result<Reply<T>, Error> {
        self.sync_or_async(|| self.decode(object_or_empty), || self.decode(object_or_empty))
    }

    /// The reply to a deprovision or unbind request. Only a 200 says that the object is gone, with an object or nothing in
    /// its body: a page of a proxy, or an answer that means something else, must not let go what the broker still has.
    pub(super) fn deletion(&self) -> Result<Reply<DeletionResponse>, Error> {
        if self.status == 201 {
            return Err(self.refusal());
        }
        self.reply()
    }

    /// The reply to a bind request. With a 202 nothing but `operation` is read: it must not carry credentials.
    pub(super) fn binding(&self, accepts_incomplete: bool) -> Result<Reply<BindResponse>, Error> {
        if self.status == 202 && !accepts_incomplete {
            return Err(self.malformed("the request did not set accepts_incomplete=true".to_owned()));
        }
        let done = || Ok(BindResponse { is_new: self.status == 201, ..self.decode(document)? });
        self.sync_or_async(done, || Ok(BindResponse::default()))
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

fn document<T: Document>(body: &[u8]) -> Result<T, String> {
    let read = lenient::object::<T>(json::bounded(body)?, T::NEEDED).map_err(|fault| fault.to_string())?;
    let mut document = read.document;
    document.set_ignored(read.ignored);
    Ok(document)
}

fn object_or_empty<T: Document>(body: &[u8]) -> Result<T, String> {
    document(or_empty(body))
}

/// The body, or an empty JSON object if there is no body.
fn or_empty(body: &[u8]) -> &[u8] {
    if body.trim_ascii().is_empty() { b"{}" } else { body }
}
