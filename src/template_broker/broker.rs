//! What does each request do? An instance is a set of objects that were made from a template.
//!
//! Nothing runs in the background: a request does what it can, and the next poll continues. What is to be done is in the
//! record of the instance, which is written first, so the broker may be killed at any moment.
//!
//! | file | what it answers |
//! |---|---|
//! | `instances` | how is an instance created, changed and shown? |
//! | `applying` | how are objects applied, and are they ready? |
//! | `progress` | how far is an operation? |
//! | `removal` | how is an instance deleted? |
//! | `turns` | which requests wait for each other? |
//! | `bindings` | which credentials does a binding get? |

mod applying;
mod bindings;
mod instances;
mod progress;
mod removal;
mod turns;

use std::sync::Arc;

use http::HeaderMap;
use kube::Client;

use super::acting::{headers_for, headers_of_name, with_headers};
use super::error::Error;
use super::objects::Objects;
use super::offers::Offers;
use super::records::Records;
use crate::crd::reference::UserInfo;
use crate::osb::OperationState;
use crate::template::{Definition, State, Values};
use turns::Turns;

/// As whom the broker acts where no user can.
#[derive(Clone, Debug)]
pub struct StandIns {
    /// The user name of the `ServiceAccount` that stands in for members of `system:masters`.
    pub administrators: Option<String>,
    /// The user name of the `ServiceAccount` that deletes the objects of users who may not do so any more.
    pub cleanup: String,
}

/// The broker.
pub struct Broker {
    own: Client,
    turns: Turns,
    records: Records,
    offers: Arc<Offers>,
    stand_ins: StandIns,
}

/// How a request was accepted.
#[derive(Debug)]
pub enum Accepted {
    /// It was fulfilled before.
    Unchanged,
    /// It is fulfilled.
    Done,
    /// It takes a while; polls carry this.
    InProgress(String),
}

/// How far an operation is.
#[derive(Debug)]
pub struct Progress {
    /// The state.
    pub state: OperationState,
    /// For the user.
    pub description: String,
    /// Whether an instance can be used after a failed update.
    pub is_usable: Option<bool>,
}

impl Progress {
    fn in_progress(description: String) -> Self {
        Self { state: OperationState::InProgress, description, is_usable: None }
    }

    fn succeeded(description: String) -> Self {
        Self { state: OperationState::Succeeded, description, is_usable: None }
    }

    fn failed(description: String) -> Self {
        Self { state: OperationState::Failed, description, is_usable: None }
    }

    /// The progress of an operation in this state. A failure describes itself.
    fn of(state: &State, description: String) -> Self {
        match state {
            State::Succeeded => Self::succeeded(description),
            State::Failed(why) => Self::failed(why.clone()),
            State::Working | State::Applied => Self::in_progress(description),
        }
    }

    /// The progress of a deletion after which these still exist.
    fn until_gone(going: &[String]) -> Self {
        if going.is_empty() {
            return Self::succeeded(String::new());
        }
        Self::in_progress(format!("Waiting until these are gone: {}", going.join(", ")))
    }
}

impl Broker {
    /// A broker that keeps its records in this namespace.
    pub fn new(own: Client, namespace: &str, offers: Arc<Offers>, stand_ins: StandIns) -> Self {
        Self {
            records: Records::new(own.clone(), namespace),
            own,
            turns: Turns::default(),
            offers,
            stand_ins,
        }
    }

    /// Whether the templates are known.
    pub fn is_ready(&self) -> bool {
        self.offers.are_known()
    }

    /// The entity tag of the catalog, and the catalog as JSON.
    pub fn catalog(&self) -> Result<(String, String), Error> {
        self.offers.catalog()
    }

    /// The objects of an instance, as the user who requested it.
    fn objects_of(&self, user: Option<&UserInfo>) -> Result<Objects, Error> {
        Ok(self.objects_with(headers_for(user, self.stand_ins.administrators.as_deref())?))
    }

    /// The same, for an instance of this template with these values.
    fn objects_with_values(
        &self,
        user: Option<&UserInfo>,
        definition: &Definition,
        values: &Values,
    ) -> Result<Objects, Error> {
        Ok(self.objects_of(user)?.hiding(definition.secrets(values)))
    }

    /// The objects of an instance whose user may not delete them any more.
    fn objects_of_cleanup(&self) -> Result<Objects, Error> {
        Ok(self.objects_with(headers_of_name(&self.stand_ins.cleanup)?))
    }

    fn objects_with(&self, headers: HeaderMap) -> Objects {
        Objects::new(with_headers(&self.own, headers), self.own.clone())
    }
}
