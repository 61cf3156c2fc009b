//! What does a handler say about the page that it answers with? The layer `frame` adds everything around it.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::Markup;

/// The entry of the navigation that a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Classes and plans.
    Catalog,
    /// Instances and bindings of a namespace.
    Instances,
    /// Brokers.
    Brokers,
    /// The console itself.
    About,
}

/// A page without the frame that all pages have.
#[derive(Clone)]
pub struct Page {
    /// The status of the answer.
    pub status: StatusCode,
    /// The title of the window, without the console's name.
    pub title: String,
    /// The entry of the navigation that is marked.
    pub section: Option<Section>,
    /// What is in `<main>`, with exactly one `<h1>`.
    pub content: Markup,
    /// Where a page that only waits goes by itself.
    pub refresh: Option<String>,
    /// Whether the page shows a credential. It is then not compressed: see `access/form_token`.
    pub is_secret: bool,
}

impl Page {
    /// A page of this section.
    pub fn new(section: Section, title: impl Into<String>, content: Markup) -> Self {
        Self { section: Some(section), ..Self::outside(title, content) }
    }

    /// A page that belongs to no section.
    pub fn outside(title: impl Into<String>, content: Markup) -> Self {
        Self {
            status: StatusCode::OK,
            title: title.into(),
            section: None,
            content,
            refresh: None,
            is_secret: false,
        }
    }

    /// The page with this status.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
