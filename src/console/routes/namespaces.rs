//! `GET /namespaces`, `GET /namespaces/choose`

use axum::Extension;
use axum::extract::Query;
use axum::response::Redirect;
use k8s_openapi::api::core::v1::Namespace;
use serde::Deserialize;

use super::permitted::permitted;
use crate::console::answer::failure::Failure;
use crate::console::answer::page::Page;
use crate::console::kube_api::{Selection, is_namespace};
use crate::console::pages::namespaces::page;
use crate::console::request::visit::Visiting;

/// The namespaces to choose from.
pub async fn show(Extension(visit): Visiting) -> Result<Page, Failure> {
    let namespaces = permitted(visit.cluster.list::<Namespace>(None, &Selection::default()).await)?;
    let names: Option<Vec<String>> = namespaces
        .map(|namespaces| namespaces.into_iter().filter_map(|namespace| namespace.metadata.name).collect());
    let language = visit.language();
    let content = page(names.as_deref(), &visit.namespace, language);
    Ok(Page::outside(language.pick("Namespaces", "名字空间"), content))
}

/// The choice.
#[derive(Deserialize)]
pub struct Choice {
    namespace: String,
}

/// Goes to the instances of a namespace, whose page remembers it.
pub async fn choose(Query(choice): Query<Choice>) -> Result<Redirect, Failure> {
    let name = choice.namespace.trim();
    if !is_namespace(name) {
        return Err(Failure::NotFound);
    }
    Ok(Redirect::to(&format!("/ns/{name}/instances")))
}
