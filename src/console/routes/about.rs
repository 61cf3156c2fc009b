//! `GET /about`

use crate::crd::GROUP;
use axum::Extension;

use crate::console::answer::page::{Page, Section};
use crate::console::pages::about::page;
use crate::console::request::visit::Visiting;

/// The rights that are shown: what is written, verb, group and resource.
const RIGHTS: [(&str, &str, &str, &str); 8] = [
    ("list serviceinstances", "list", GROUP, "serviceinstances"),
    ("create serviceinstances", "create", GROUP, "serviceinstances"),
    ("delete serviceinstances", "delete", GROUP, "serviceinstances"),
    ("create servicebindings", "create", GROUP, "servicebindings"),
    ("get secrets", "get", "", "secrets"),
    ("create secrets", "create", "", "secrets"),
    ("list pods", "list", "", "pods"),
    ("create servicebrokers", "create", GROUP, "servicebrokers"),
];

/// The user, their rights, and the console.
pub async fn show(Extension(visit): Visiting) -> Page {
    let rights = visit.cluster.rights(&visit.namespace).await;
    let mut shown = Vec::new();
    for (text, verb, group, resource) in RIGHTS {
        shown.push((text, rights.may(verb, group, resource, "").await));
    }
    let language = visit.language();
    Page::new(Section::About, language.pick("About", "关于"), page(&visit, &shown, language))
}
