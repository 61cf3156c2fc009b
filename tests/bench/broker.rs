//! A broker that answers at once or, at another URL, never. The URL contains the size of its catalog.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::{Path, State};
use axum::http::{Method, StatusCode, Uri};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use service_catalog::osb::{Catalog, Plan, Service};
use tokio::net::TcpListener;

/// A running broker.
pub struct Broker {
    address: SocketAddr,
    calls: Arc<Calls>,
}

/// The numbers of calls, without those for catalogs.
#[derive(Default)]
struct Calls {
    answered: AtomicU32,
    hanging: AtomicU32,
}

impl Broker {
    /// Starts a broker.
    pub async fn start() -> Self {
        let calls = Arc::new(Calls::default());
        let router = Router::new()
            .route("/{classes}/{plans}/v2/catalog", get(async |Path(size)| Json(catalog(size))))
            .route("/hanging/{classes}/{plans}/v2/catalog", get(async |Path(size)| Json(catalog(size))))
            .fallback(answer)
            .with_state(Arc::clone(&calls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { address, calls }
    }

    /// Its URL with a catalog of so many classes, with so many plans each.
    pub fn url(&self, classes: u32, plans: u32) -> String {
        format!("http://{}/{classes}/{plans}", self.address)
    }

    /// Its URL with the same catalog, where it answers no other request.
    pub fn hanging_url(&self, classes: u32, plans: u32) -> String {
        format!("http://{}/hanging/{classes}/{plans}", self.address)
    }

    /// The number of calls that it does not answer.
    pub fn hanging(&self) -> u32 {
        self.calls.hanging.load(Ordering::Relaxed)
    }

    /// The number of calls that it has answered.
    pub fn calls(&self) -> u32 {
        self.calls.answered.load(Ordering::Relaxed)
    }
}

async fn answer(State(calls): State<Arc<Calls>>, method: Method, uri: Uri) -> (StatusCode, Json<Value>) {
    if uri.path().starts_with("/hanging/") {
        calls.hanging.fetch_add(1, Ordering::Relaxed);
        return std::future::pending().await;
    }
    calls.answered.fetch_add(1, Ordering::Relaxed);
    match method {
        Method::PUT if uri.path().contains("/service_bindings/") => {
            let credentials =
                json!({"host": "db.example.com", "port": 5432, "username": "user", "password": "secret"});
            (StatusCode::CREATED, Json(json!({"credentials": credentials})))
        }
        Method::PUT => (StatusCode::CREATED, Json(json!({}))),
        _ => (StatusCode::OK, Json(json!({}))),
    }
}

fn catalog((classes, plans): (u32, u32)) -> Catalog {
    let plan = |class, plan| Plan {
        id: format!("plan-id-{classes}-{class}-{plan}"),
        name: format!("plan-{plan}"),
        description: "A plan that is described in about as many words as plans usually are".to_owned(),
        metadata: Some(
            json!({"displayName": format!("Plan {plan}"), "bullets": ["One thing", "Another thing"]}).into(),
        ),
        ..Plan::default()
    };
    let class = |class| Service {
        id: format!("class-id-{classes}-{class}"),
        name: format!("class-{classes}-{class}"),
        description: "A service that is described in about as many words as services usually are".to_owned(),
        bindable: true,
        plans: (0..plans).map(|number| plan(class, number)).collect(),
        ..Service::default()
    };
    Catalog { services: (0..classes).map(class).collect(), ..Catalog::default() }
}
