//! A broker whose answers are as expensive as possible. The first segment of its URL's path says in which way.

use std::convert::Infallible;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use futures::{StreamExt as _, stream};
use http::Method;
use serde_json::json;
use tokio::sync::Barrier;

/// The size limit of a catalog, in bytes.
const CATALOG: usize = 5000 * 2 * 1024;
const MIB: usize = 1024 * 1024;

/// The plan of [`service`].
pub const PLAN: &str = "plan";

/// The number of credentials that are sent at the same time: as many as the operator's calls to a broker.
pub const AT_ONCE: usize = 32;

/// The only service of a broker whose catalog is not hostile.
pub fn service(how: &str) -> String {
    format!("service-of-{how}")
}

/// A hostile catalog.
pub struct Catalog {
    /// The first segment of the path.
    pub name: &'static str,
    body: Bytes,
    /// What the broker object says about it.
    pub told: &'static str,
}

/// The hostile catalogs.
pub static CATALOGS: LazyLock<Vec<Catalog>> = LazyLock::new(|| {
    let one = r#"{"id": "s", "name": "s", "description": "d", "bindable": true, "#;
    let numbers = |size| zeros(&format!(r#"{one} "metadata": {{"a": ["#), "]}}", size);
    let plans = zeros(&format!(r#"{one} "plans": ["#), "]}", CATALOG);
    let nested = || "[".repeat(9 * MIB);
    let largest =
        |count| services(&(0..count).map(|i| offering(&format!("s{i}"), 125 * 1024)).collect::<Vec<_>>());
    let catalog = |name, body: Bytes, told| Catalog { name, body, told };
    vec![
        catalog("numbers", numbers(2 * MIB), "it is larger than 256 KiB"),
        catalog("more-numbers", numbers(CATALOG), "it is larger than 256 KiB"),
        catalog("rejects", zeros("", "", CATALOG), "it has more offerings than the limit of 5000"),
        catalog("rejected-plans", plans, "it has more plans than the limit of 5000"),
        catalog("nested", nested().into(), "it is not a JSON object"),
        catalog(
            "nested-in-an-object",
            format!(r#"{{"services": {}"#, nested()).into(),
            "EOF while parsing a list",
        ),
        catalog("too-long", zeros("", "", CATALOG + MIB), "it is longer than the limit of 10000 KiB"),
        catalog("too-much-for-a-namespace", largest(38), "ErrorSyncingCatalog"),
        catalog("accepted", largest(3), "Successfully fetched catalog entries"),
    ]
});

/// `{"services": [START 0,0,0… END]}`, of this size in bytes.
fn zeros(start: &str, end: &str, size: usize) -> Bytes {
    let (start, end) = (format!(r#"{{"services": [{start}0"#), format!("{end}]}}"));
    let count = (size - start.len() - end.len()) / 2;
    (start + &",0".repeat(count) + &end).into()
}

/// A service with a plan, whose metadata are so many zeros.
fn offering(name: &str, count: usize) -> String {
    let zeros = vec!["0"; count].join(",");
    let plan = json!({"id": format!("{PLAN}-of-{name}"), "name": PLAN, "description": "d"});
    format!(
        r#"{{"id": "{name}-id", "name": "{name}", "description": "d", "bindable": true, "metadata": {{"a": [{zeros}]}},
        "plans": [{plan}]}}"#
    )
}

fn services(services: &[String]) -> Bytes {
    format!(r#"{{"services": [{}]}}"#, services.join(",")).into()
}

/// The broker. Its answers to provisions and binds:
///
/// | segment | answer |
/// |---|---|
/// | `numbers-in-errors` | an error of 4 MiB |
/// | `dripping-errors` | the same, without an end |
/// | `credentials` | 1.5 MiB of credentials, which do not fit into a Secret, once [`AT_ONCE`] are requested |
/// | `secrets` | 600 KiB of credentials, once [`AT_ONCE`] are requested |
///
/// With `dripping` the catalog has no end.
pub fn router() -> Router {
    let together = Arc::new(Barrier::new(AT_ONCE));
    Router::new().fallback(async move |request: Request| {
        let path = request.uri().path().to_owned();
        let (how, path) = path.trim_start_matches('/').split_once('/').unwrap();
        match (how, request.method()) {
            (how, &Method::GET) if path == "v2/catalog" => respond(200, catalog(how)),
            ("numbers-in-errors", &Method::PUT) => respond(500, zeros("", "", 4 * MIB).into()),
            ("dripping-errors", &Method::PUT) => respond(500, endless(zeros("", "", 4 * MIB))),
            ("credentials" | "secrets", &Method::PUT) if path.contains("/service_bindings/") => {
                together.wait().await;
                let size = if how == "secrets" { 600 } else { 1500 };
                respond(201, json!({"credentials": {"a": "x".repeat(size * 1024)}}).to_string().into())
            }
            (_, &Method::PUT) => respond(201, "{}".into()),
            _ => respond(200, "{}".into()),
        }
    })
}

fn catalog(how: &str) -> Body {
    match CATALOGS.iter().find(|catalog| catalog.name == how) {
        Some(hostile) => hostile.body.clone().into(),
        None if how == "dripping" => endless(zeros("", "", CATALOG - MIB)),
        None => services(&[offering(&service(how), 1)]).into(),
    }
}

/// A body that begins so, and does not end.
fn endless(beginning: Bytes) -> Body {
    Body::from_stream(stream::iter([Ok::<_, Infallible>(beginning)]).chain(stream::pending()))
}

fn respond(status: u16, body: Body) -> Response {
    Response::builder().status(status).body(body).unwrap()
}
