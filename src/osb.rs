//! The Open Service Broker API, version 2.17: the client of a platform, and the wire types of both sides.
//!
//! Requests, answers and queries are types that a platform writes and a broker reads, or the other way round: each
//! is `Serialize` and `Deserialize`, leaves out what is absent, never writes `null`, and ignores unknown members.
//! With [`route`] and [`header`] they are what a broker in Rust needs of this API. Those that hold credentials or
//! parameters are written whole, but show nothing of them to a log ([`SecretObject`]).
//!
//! [`Client`] has one method for each endpoint of a broker. It sends a request once, reads the answer within
//! limits of time and size, and says precisely what happened: a [`Reply`], a document, or an [`Error`] that can
//! be asked the questions on which the next step depends. It keeps no state and retries nothing; what to do about
//! an answer is decided elsewhere. Nothing here knows of Kubernetes.
//!
//! | file | what it answers |
//! |---|---|
//! | `client` | which request does an operation make, which answers does it accept? |
//! | `config` | where is the broker and how is it spoken to? |
//! | `request` | which URL and which body make a request? |
//! | `transport` | how is one request carried out: headers, redirects, limits? |
//! | `answer` | which answers are successes, and what do they say? |
//! | `identity` | on whose behalf is a request made? |
//! | `catalog` | what does a broker offer, and which of it cannot be used? |
//! | `instance`, `binding`, `operation` | what do requests and answers look like on the wire? |
//! | `route`, `header` | which paths and headers does the API have? |
//! | `error` | what went wrong, and what does it mean? `error/response`: how does a broker say so? |
//! | `json`, `text`, `retry_after` | how is what brokers write read safely? |
//!
//! Section names in the documentation are those of the specification, `spec.md` and `profile.md`.

mod answer;
mod binding;
mod catalog;
mod client;
mod config;
mod error;
pub mod header;
mod identity;
#[cfg(test)]
pub(crate) mod in_process;
mod instance;
mod json;
mod operation;
mod request;
mod retry_after;
pub mod route;
mod text;
mod transport;

#[cfg(test)]
mod tests;

pub use binding::{BindRequest, BindResource, BindResponse, BindingMetadata, Device, Endpoint, VolumeMount};
pub use catalog::{
    Catalog, DashboardClient, InputParametersSchema, MaintenanceInfo, Plan, Rejected, Schemas, Service,
    ServiceBindingSchema, ServiceInstanceSchema,
};
pub use client::Client;
pub use config::{
    Authentication, Config, ConfigError, DEFAULT_TIMEOUT, Observation, Observer, install_tls_provider,
};
pub use error::{Error, ErrorResponse};
pub use identity::OriginatingIdentity;
pub use instance::{
    InstanceMetadata, InstanceResponse, PreviousValues, ProvisionRequest, ProvisionResponse, UpdateRequest,
    UpdateResponse,
};
pub use json::SecretObject;
pub use operation::{
    AsyncQuery, DeletionResponse, LastOperation, LastOperationQuery, OperationState, PlanQuery, Reply,
};

/// The version of the API that every request announces (“API Version Header”).
pub const API_VERSION: &str = "2.17";
