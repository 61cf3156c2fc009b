//! Requests and answers: the router, and the layers that every request passes.
//!
//! ```text
//! compression
//!   frame                     the setting of the request; Page or Failure -> HTML; the headers
//!     public routes           login, assets, probes
//!     gate                    no request without a user, no change without a form of ours
//!       private routes        everything else: crate::console::routes
//! ```
//!
//! | file | question |
//! |---|---|
//! | `frame` | how does an answer become HTML? |
//! | `gate` | who is let in? |
//! | `setting` | which language, colours and address? |
//! | `visit`, `form` | what do handlers know of a request? |
//! | `page`, `failure` | what do handlers answer? |
//! | `streams` | how many pages are kept up to date at once? |
//! | `headers`, `assets` | which headers and files do browsers get? |

mod frame;
mod gate;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::http::{Extensions, HeaderMap, StatusCode, Version};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate};

use crate::console::answer::assets;
use crate::console::answer::failure::Failure;
use crate::console::request::Console;
use crate::console::routes;
use frame::Uncompressed;

/// All routes.
pub fn router(console: Arc<Console>) -> Router {
    let private = routes::private()
        .fallback(async || Failure::NotFound)
        .method_not_allowed_fallback(async || Failure::WrongMethod)
        .layer(from_fn_with_state(Arc::clone(&console), gate::gate));
    let predicate = DefaultPredicate::new().and(may_be_compressed);
    let compression = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(predicate);
    routes::public()
        .route(assets::ROUTE, get(assets::serve))
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(async || "ok\n"))
        .merge(private)
        .layer(from_fn_with_state(Arc::clone(&console), frame::frame))
        .layer(compression)
        .with_state(console)
}

/// Everything may be compressed except pages with credentials.
fn may_be_compressed(_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions) -> bool {
    extensions.get::<Uncompressed>().is_none()
}
