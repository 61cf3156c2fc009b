//! A request of a user: what handlers and pages know about it.

use std::sync::Arc;

use crate::console::language::Language;
use jiff::Timestamp;
use maud::{Markup, html};

use super::Console;
use super::setting::Setting;
use crate::console::access::identity::User;
use crate::console::access::{Subject, Unavailable, form_token};
use crate::console::kube_api::Cluster;

/// A request of a user.
pub struct Visit {
    /// Language, colours and address.
    pub setting: Setting,
    /// The user.
    pub user: Arc<User>,
    /// Calls the API server as the user.
    pub cluster: Cluster,
    /// The namespace that the user works in.
    pub namespace: String,
    /// The token for forms of this page.
    pub form_token: String,
    /// What the forms and sealed texts of the user are bound to.
    pub subject: Subject,
    /// When the request came.
    pub now: Timestamp,
    /// What all requests share.
    pub console: Arc<Console>,
}

impl Visit {
    /// The language of the page.
    pub fn language(&self) -> Language {
        self.setting.language
    }

    /// The hidden field without which no form is accepted.
    pub fn token_field(&self) -> Markup {
        html! { input type="hidden" name=(form_token::FIELD) value=(self.form_token); }
    }

    /// A text that this page may carry to the next request for its path, without showing it.
    pub fn seal(&self, text: &[u8]) -> Result<String, Unavailable> {
        self.console.access.seal(&self.subject, &self.setting.path, text)
    }

    /// A text that a page of this path carried.
    pub fn open(&self, sealed: &str) -> Option<Vec<u8>> {
        self.console.access.open(&self.subject, &self.setting.path, sealed)
    }
}

/// How handlers get the visit.
pub type Visiting = axum::Extension<Arc<Visit>>;
