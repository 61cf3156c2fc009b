//! A request: what handlers and pages know about it, and what all requests share.
//!
//! | file | question |
//! |---|---|
//! | `setting` | which language, colours and address? |
//! | `visit` | who is the user, and what may a page ask the API server? |
//! | `form` | what did the user submit? |
//! | `requests`, `streams` | how many requests are dealt with at once, and how many streams of events are open? |

pub mod form;
pub mod requests;
pub mod setting;
pub mod streams;
pub mod visit;

use std::io::Write as _;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use crate::console::access::Access;
use crate::console::access::reading::Readings;
use crate::console::answer::headers::SecurityHeaders;
use crate::fair_limiter::FairLimiter;
use requests::Requests;
use streams::Streams;

/// The most forms that are read at once.
const MAX_FORMS: usize = 8;
/// The most of them of one user.
const MAX_FORMS_OF_USER: usize = 2;

/// What all requests share. Nothing in it was read from the cluster.
pub struct Console {
    /// Who the users are.
    pub access: Access,
    /// The name of the cluster in the page header.
    pub cluster_name: String,
    /// The namespace that is shown first.
    pub namespace: String,
    /// The origins from which browsers may load icons.
    pub image_origins: Vec<String>,
    /// The headers of all answers.
    pub headers: SecurityHeaders,
    /// The pages that are kept up to date.
    pub streams: Streams,
    /// The requests that are dealt with at once. Streams have limits of their own.
    pub requests: Requests,
    /// The forms that are read at once, so that their bytes are few. Users take turns.
    pub forms: Arc<FairLimiter>,
    /// The requests for which much is read.
    pub readings: Readings,
}

impl Console {
    /// A console for these users.
    pub fn new(access: Access, cluster_name: String, namespace: String, image_origins: Vec<String>) -> Self {
        let headers = SecurityHeaders::new(&image_origins);
        Self {
            access,
            cluster_name,
            namespace,
            image_origins,
            headers,
            streams: Streams::default(),
            requests: Requests::default(),
            forms: FairLimiter::with_share(MAX_FORMS, MAX_FORMS_OF_USER),
            readings: Readings::default(),
        }
    }
}

/// Tells the person who started a local console its URL, if the last one was used.
pub fn announce(console: &Console) {
    if let Ok(Some(url)) = console.access.new_url() {
        print_url(&url);
    }
}

/// Prints the URL on the terminal. It is no log: a reader of logs must not get in.
pub fn print_url(url: &SecretString) {
    let text = format!("The console is at {} (this URL works once)\n", url.expose_secret());
    let _ = std::io::stderr().write_all(text.as_bytes());
}
