//! The Open Service Broker API (OSB), version 2.17: a client for the platform, and the wire types of both sides.
//!
//! The platform serialises requests and the broker deserialises them; for responses it is the other way round. So each
//! type is both `Serialize` and `Deserialize`. It omits absent members, never writes `null` and ignores unknown
//! members. Together with [`route`], [`header`] and [`gate`], the types are all that a broker in Rust needs of this API.
//! Credentials and parameters are serialised whole, but their `Debug` output is redacted ([`SecretObject`]).
//!
//! The entry point is [`Client`], with one method for each endpoint. It sends a request once, reads the response within
//! limits of time and size, and returns a [`Reply`], a document or an [`Error`]. The methods of the error answer the
//! questions on which the next step depends. The client keeps no state and never retries: the caller decides what to do
//! about a response. This module must not depend on Kubernetes.
//!
//! | file | question |
//! |---|---|
//! | `client` | Which request does an operation send, and which responses does it accept? |
//! | `config` | Where is the broker, and how does the client connect and authenticate? |
//! | `trust` | Which certificates does a CA bundle trust? |
//! | `address` | Which addresses may a client connect to? |
//! | `name_lookups` | How many host names are looked up at once? |
//! | `request` | Which URL and body does a request have? |
//! | `transport` | How is one request sent: headers, redirects, timeout, size limit? |
//! | `answer` | Which responses are successes, and what do they contain? |
//! | `answer_memory` | How many large answers are in memory at once? |
//! | `identity` | On whose behalf is a request made? |
//! | `catalog` | What does a broker offer, and which entries are unusable? |
//! | `instance`, `binding`, `operation` | What do requests and responses look like on the wire? |
//! | `version` | Which version of the API does a client declare, and what does that version not know? |
//! | `route`, `header` | Which paths and headers does the API have? |
//! | `gate` | What does every broker check of a request, and log? |
//! | `error`, `error/response` | What went wrong, what does it mean, and what does an error look like on the wire? |
//! | `json`, `text`, `retry_after` | How are JSON, text and delays from an untrusted broker read safely? |
//! | `lenient` | How is a document read whose optional members may be unusable? |
//! | `screen`, `redaction` | What is shown of a broker's texts, and which parts of them repeat a secret? |
//!
//! Quoted section names are those of the specification, `spec.md` and `profile.md`.

mod address;
mod answer;
mod answer_memory;
mod binding;
mod catalog;
mod client;
mod config;
mod error;
pub mod gate;
pub mod header;
mod identity;
#[cfg(test)]
pub(crate) mod in_process;
mod instance;
mod json;
mod lenient;
mod name_lookups;
mod operation;
mod redaction;
mod request;
mod retry_after;
pub mod route;
mod screen;
mod text;
mod transport;
mod trust;
mod version;

#[cfg(test)]
mod tests;

pub use address::{AllowedAddresses, ChosenBy};
pub use answer_memory::{AnswerMemory, Reservation};
pub use binding::{BindRequest, BindResource, BindResponse, BindingMetadata, Device, Endpoint, VolumeMount};
pub use catalog::{
    Catalog, DashboardClient, InputParametersSchema, MaintenanceInfo, Plan, Rejected, Rejections, Schemas,
    Service, ServiceBindingSchema, ServiceInstanceSchema,
};
pub use client::Client;
pub use config::{
    Authentication, Config, ConfigError, DEFAULT_MAX_CATALOG_PLANS, DEFAULT_TIMEOUT, Observation, Observer,
    install_tls_provider,
};
pub use error::{Error, ErrorResponse};
pub use identity::OriginatingIdentity;
pub use instance::{
    InstanceMetadata, InstanceResponse, PreviousValues, ProvisionRequest, ProvisionResponse, UpdateRequest,
    UpdateResponse,
};
pub use json::SecretObject;
pub use lenient::IgnoredMember;
pub use name_lookups::NameLookups;
pub use operation::{
    AsyncQuery, DeletionResponse, LastOperation, LastOperationQuery, OperationState, PlanQuery, Reply,
};

pub use redaction::{REDACTED, Redactor};
pub use screen::Screened;
pub use text::excerpt;
pub use version::{ApiVersion, UnknownVersion};
