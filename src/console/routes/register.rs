//! `GET /brokers/new` and `GET /ns/{namespace}/brokers/new` show the form for a new broker, `POST` registers it.

mod broker;

use crate::crd::broker::{ClusterServiceBrokerSpec, ServiceBrokerSpec};
use crate::crd::{ClusterServiceBroker, ServiceBroker};
use axum::Extension;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;

use super::creation::{NotCreated, Ownership, try_create};
use crate::console::answer::failure::Failure;
use crate::console::answer::page::{Page, Section};
use crate::console::kube_api::{Known, is_namespace};
use crate::console::pages::fields::Problem;
use crate::console::pages::register::{Entered, page};
use crate::console::request::form::Form;
use crate::console::request::visit::{Visit, Visiting};
use crate::console::views::broker::address;
use crate::console::views::offering::Scope;

/// Shows the form for a cluster-wide broker.
pub async fn ask_cluster(Extension(visit): Visiting) -> Page {
    let entered = Entered { secret_namespace: visit.namespace.clone(), ..Entered::default() };
    show(&Scope::Cluster, &entered, &[], &visit)
}

/// Shows the form for a broker of a namespace.
pub async fn ask(Extension(visit): Visiting, Path(namespace): Path<String>) -> Result<Page, Failure> {
    Ok(show(&scope(namespace)?, &Entered::default(), &[], &visit))
}

/// Registers a cluster-wide broker.
pub async fn submit_cluster(
    Extension(visit): Visiting,
    Extension(form): Extension<Form>,
) -> Result<Response, Failure> {
    let entered = broker::entered(&form);
    let secret = broker::secret(&entered, &form, &entered.secret_namespace);
    let auth_info = secret.as_ref().map(|secret| broker::cluster_login(&entered, secret));
    let spec = ClusterServiceBrokerSpec { common: broker::common(&entered), auth_info };
    let object = ClusterServiceBroker::new(&entered.name, spec);
    register(&Scope::Cluster, &entered, &form, (object, secret), &visit).await
}

/// Registers a broker of a namespace.
pub async fn submit(
    Extension(visit): Visiting,
    Path(namespace): Path<String>,
    Extension(form): Extension<Form>,
) -> Result<Response, Failure> {
    let scope = scope(namespace.clone())?;
    let entered = broker::entered(&form);
    let secret = broker::secret(&entered, &form, &namespace);
    let auth_info = secret.as_ref().map(|secret| broker::login(&entered, secret));
    let spec = ServiceBrokerSpec { common: broker::common(&entered), auth_info };
    let mut object = ServiceBroker::new(&entered.name, spec);
    object.metadata.namespace = Some(namespace);
    register(&scope, &entered, &form, (object, secret), &visit).await
}

async fn register<K: Known>(
    scope: &Scope,
    entered: &Entered,
    form: &Form,
    (object, secret): (K, Option<Secret>),
    visit: &Visit,
) -> Result<Response, Failure> {
    let language = visit.language();
    let problems = broker::problems(scope, entered, form, language);
    if !problems.is_empty() {
        return Ok(refuse(show(scope, entered, &problems, visit)));
    }
    // Its user deletes the Secret: the operator needs it until the broker's last instance is gone.
    let secret = secret.map(|secret| (secret, Ownership::OfUser));
    let refused = match try_create(&visit.cluster, &object, secret).await {
        Ok(created) => return Ok(Redirect::to(&address(scope, &created.name_any())).into_response()),
        Err(refused) => refused,
    };
    let is_secret = matches!(refused, NotCreated::Secret(_));
    let (NotCreated::Object { failure, .. } | NotCreated::Secret(failure)) = refused;
    let problems = broker::refusal(failure, is_secret, entered, language)?;
    Ok(refuse(show(scope, entered, &problems, visit)))
}

fn scope(namespace: String) -> Result<Scope, Failure> {
    if is_namespace(&namespace) { Ok(Scope::Namespace(namespace)) } else { Err(Failure::NotFound) }
}

fn refuse(page: Page) -> Response {
    page.with_status(StatusCode::UNPROCESSABLE_ENTITY).into_response()
}

fn show(scope: &Scope, entered: &Entered, problems: &[Problem], visit: &Visit) -> Page {
    let title = visit.language().pick("Register a broker", "注册服务代理");
    Page::new(Section::Brokers, title, page(scope, entered, problems, visit))
}

#[cfg(test)]
mod tests;
