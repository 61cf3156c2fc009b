//! What browsers get: pages, failures, files, and the headers of all of them.
//!
//! | file | question |
//! |---|---|
//! | `page` | what does a handler say about the page that it answers with? |
//! | `failure` | what went wrong, and which status has that? |
//! | `headers`, `assets` | which headers and files do browsers get? |

pub mod assets;
pub mod failure;
pub mod headers;
pub mod page;
