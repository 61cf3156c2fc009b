//! `service-catalog console`: the web console, a process of its own without rights of its own. The entry point is [`run`].
//!
//! | room | question |
//! |---|---|
//! | `language`, `excerpt`, `state`, `form` | the pure core: in which language, how long, what is the state of an object, which form has a schema? |
//! | `access` | who is the user, and with which client does the console call the API server for them? |
//! | `kube_api` | which typed calls are there, each as the user? |
//! | `answer`, `request` | what do browsers get, and what is known of a request? |
//! | `views`, `pages` | what is shown of an object, and how is it HTML? Pure |
//! | `routes`, `server` | which handler answers which address, and which layers does every request pass? |
//! | `options`, `start` | the command line and the process |

mod access;
mod answer;
mod excerpt;
mod form;
mod kube_api;
pub(crate) mod language;
mod options;
mod pages;
mod request;
mod routes;
mod server;
mod start;
pub(crate) mod state;
#[cfg(test)]
mod testing;
mod views;

pub use options::Options;
pub use start::{Error, run};
