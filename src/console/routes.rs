//! The routes: which address is answered by which handler? Handlers are thin: they read with `kube_api`, make views of
//! what they read, and answer with a page.
//!
//! | file | addresses |
//! |---|---|
//! | `login` | `/login`, `/logout`, `/start` |
//! | `catalog`, `class` | `/catalog`, `/catalog/{scope}/{class}` |
//! | `instances`, `instance` | `/ns/{namespace}/instances`, `…/{name}` |
//! | `binding`, `reveal` | `/ns/{namespace}/bindings/{name}`, `…/reveal` |
//! | `bind` | `/ns/{namespace}/instances/{name}/bind` |
//! | `brokers`, `broker` | `/brokers`, `/brokers/{name}`, `/ns/{namespace}/brokers`, `…/{name}` |
//! | `create`, `edit` | `/ns/{namespace}/new`, `/ns/{namespace}/instances/{name}/edit` |
//! | `register` | `/brokers/new`, `/ns/{namespace}/brokers/new` |
//! | `act`, `delete` | what changes an object |
//! | `live` | `/events` |
//! | `namespaces`, `about` | `/namespaces`, `/about` |

mod about;
mod act;
mod bind;
mod binding;
mod broker;
mod brokers;
mod catalog;
mod class;
mod create;
mod creation;
mod delete;
mod drafting;
mod edit;
mod events;
mod instance;
mod instances;
mod live;
mod login;
mod namespaces;
mod permitted;
mod register;
mod reveal;

use std::sync::Arc;

use crate::crd::{ClusterServiceBroker, ServiceBinding, ServiceBroker, ServiceInstance};
use axum::Router;
use axum::response::Redirect;
use axum::routing::{get, post};

use crate::console::request::Console;

/// The address of the streams that keep pages up to date.
pub const STREAMS: &str = "/events";

/// The routes that need no user.
pub fn public() -> Router<Arc<Console>> {
    Router::new().route("/login", get(login::form).post(login::submit)).route("/start", get(login::start))
}

/// The routes that need a user. None of those for GET changes anything.
pub fn private() -> Router<Arc<Console>> {
    Router::new()
        .route("/", get(async || Redirect::to("/catalog")))
        .route("/logout", get(login::ask_logout).post(login::logout))
        .route("/about", get(about::show))
        .route(STREAMS, get(live::stream))
        .route("/namespaces", get(namespaces::show))
        .route("/namespaces/choose", get(namespaces::choose))
        .route("/catalog", get(catalog::show))
        .route("/catalog/{scope}/{class}", get(class::show))
        .route("/brokers", get(brokers::show))
        .route("/ns/{namespace}/brokers", get(brokers::show))
        .route("/ns/{namespace}/instances", get(instances::show))
        .merge(instance_routes())
        .merge(binding_routes())
        .merge(broker_routes())
}

fn instance_routes() -> Router<Arc<Console>> {
    let delete = get(delete::ask_instance).post(delete::instance);
    Router::new()
        .route("/ns/{namespace}/instances/{name}", get(instance::show))
        .route("/ns/{namespace}/new", get(create::show).post(create::submit))
        .route("/ns/{namespace}/instances/{name}/edit", get(edit::show).post(edit::submit))
        .route("/ns/{namespace}/instances/{name}/delete", delete)
        .route("/ns/{namespace}/instances/{name}/bind", get(bind::ask).post(bind::submit))
        .route(
            "/ns/{namespace}/instances/{name}/{action}",
            get(act::ask::<ServiceInstance>).post(act::act::<ServiceInstance>),
        )
}

fn binding_routes() -> Router<Arc<Console>> {
    let delete = get(delete::ask_binding).post(delete::binding);
    Router::new()
        .route("/ns/{namespace}/bindings/{name}", get(binding::show))
        .route("/ns/{namespace}/bindings/{name}/delete", delete)
        .route("/ns/{namespace}/bindings/{name}/reveal", post(reveal::show))
        .route(
            "/ns/{namespace}/bindings/{name}/{action}",
            get(act::ask::<ServiceBinding>).post(act::act::<ServiceBinding>),
        )
}

fn broker_routes() -> Router<Arc<Console>> {
    let delete_in_cluster =
        get(delete::ask_broker::<ClusterServiceBroker>).post(delete::broker::<ClusterServiceBroker>);
    let delete = get(delete::ask_broker::<ServiceBroker>).post(delete::broker::<ServiceBroker>);
    Router::new()
        .route("/brokers/new", get(register::ask_cluster).post(register::submit_cluster))
        .route("/ns/{namespace}/brokers/new", get(register::ask).post(register::submit))
        .route("/brokers/{name}", get(broker::show_cluster))
        .route("/brokers/{name}/delete", delete_in_cluster)
        .route(
            "/brokers/{name}/{action}",
            get(act::ask::<ClusterServiceBroker>).post(act::act::<ClusterServiceBroker>),
        )
        .route("/ns/{namespace}/brokers/{name}", get(broker::show))
        .route("/ns/{namespace}/brokers/{name}/delete", delete)
        .route(
            "/ns/{namespace}/brokers/{name}/{action}",
            get(act::ask::<ServiceBroker>).post(act::act::<ServiceBroker>),
        )
}
