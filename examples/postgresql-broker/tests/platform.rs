//! A platform: it runs the broker, sends it requests over HTTP, and uses the credentials like an application.

use std::{
    sync::{Arc, Once},
    time::{Duration, Instant},
};

use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use super::{application::Credentials, server::Postgres};
use crate::{
    api,
    broker::{Address, Broker},
    catalog::{LARGE, Plan},
    postgres::Server,
};

/// A delay so long that no operation begins before the broker is restarted.
pub const NEVER: Duration = Duration::from_hours(1);
const DEADLINE: Duration = Duration::from_mins(1);

pub struct Platform {
    pub postgres: Arc<Postgres>,
    pub url: String,
    pub http: reqwest::Client,
    broker: Option<Runtime>,
}

impl Platform {
    /// A platform with a server, and a broker that delays asynchronous work for this long.
    pub async fn new(async_delay: Duration) -> Self {
        static CRYPTOGRAPHY: Once = Once::new();
        // The client needs a crypto provider even if it does not use TLS.
        CRYPTOGRAPHY.call_once(|| {
            let provider = rustls::crypto::ring::default_provider();
            provider.install_default().unwrap();
        });
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let postgres = Arc::new(Postgres::start().await);
        let mut platform = Self { postgres, url: String::new(), http, broker: None };
        platform.restart(async_delay).await;
        platform
    }

    /// A platform with another broker on the same server.
    pub async fn beside(&self) -> Self {
        let (postgres, http) = (Arc::clone(&self.postgres), self.http.clone());
        let mut platform = Self { postgres, url: String::new(), http, broker: None };
        platform.restart(Duration::ZERO).await;
        platform
    }

    /// Kills the broker at whatever point, and starts another one.
    pub async fn restart(&mut self, async_delay: Duration) {
        self.kill();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let public = Address { host: "127.0.0.1".to_owned(), port: self.postgres.port() };
        let broker = Arc::new(Broker::new(Server::new(self.postgres.config()), public, async_delay));
        let started = runtime.spawn(async move {
            broker.start().await.unwrap();
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let router = api::router(broker, api::Credentials::new("user", "password"));
            tokio::spawn(async { axum::serve(listener, router).await });
            address
        });
        self.url = format!("http://{}", started.await.unwrap());
        self.broker = Some(runtime);
    }

    /// Stops every task of the broker at once and closes its connections.
    pub fn kill(&mut self) {
        if let Some(runtime) = self.broker.take() {
            runtime.shutdown_background();
        }
    }

    /// Sends a request to an address below `/v2/service_instances`.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.try_send(method, path, body).await.unwrap()
    }

    /// Like [`Platform::send`], with a broker that may be killed meanwhile.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<Answer> {
        let request = self.http.request(method, format!("{}/v2/service_instances/{path}", self.url));
        let request = request.basic_auth("user", Some("password")).header("X-Broker-API-Version", "2.17");
        let request = match body {
            Some(body) => request.header("Content-Type", "application/json").body(body.to_string()),
            None => request,
        };
        Answer::read(request.send().await?).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// Deletes an instance or a binding of the plan.
    pub async fn delete(&self, path: &str, plan: &Plan) -> Answer {
        self.send(Method::DELETE, &deletion(path, plan), None).await
    }

    /// Provisions an instance synchronously.
    pub async fn provision(&self, path: &str, plan: &Plan) {
        let answer = self.put(path, &instance(plan, &json!({}))).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    /// Creates a binding and returns its credentials.
    pub async fn bind(&self, path: &str, plan: &Plan, parameters: &Value) -> Credentials {
        let answer = self.put(path, &binding(plan, parameters)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        Credentials(answer.body["credentials"].clone())
    }

    /// Polls until the operation has ended, in success or failure.
    pub async fn poll(&self, instance: &str, operation: &str) -> Answer {
        let path = format!("{instance}/last_operation?operation={operation}&plan_id={}", LARGE.id);
        let begin = Instant::now();
        loop {
            let answer = self.get(&path).await;
            if answer.body["state"] != "in progress" {
                return answer;
            }
            assert!(begin.elapsed() < DEADLINE, "the operation never ended: {}", answer.body);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The broker's answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    async fn read(response: Response) -> reqwest::Result<Self> {
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok(Self { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }

    /// The key of the operation that this answer started.
    pub fn operation(&self) -> String {
        assert_eq!(self.status, 202, "{}", self.body);
        self.body["operation"].as_str().unwrap().to_owned()
    }

    /// The status and, if present, the error code.
    pub fn error(&self) -> (u16, Option<&str>) {
        (self.status, self.body["error"].as_str())
    }
}

/// The address of a deletion.
pub fn deletion(path: &str, plan: &Plan) -> String {
    format!("{path}?service_id={}&plan_id={}&accepts_incomplete=true", plan.service_id, plan.id)
}

/// The body of a provision request.
pub fn instance(plan: &Plan, parameters: &Value) -> Value {
    json!({
        "service_id": plan.service_id,
        "plan_id": plan.id,
        "organization_guid": "organization",
        "space_guid": "space",
        "context": { "platform": "kubernetes", "namespace": "default" },
        "parameters": parameters,
    })
}

/// The body of a bind request.
pub fn binding(plan: &Plan, parameters: &Value) -> Value {
    json!({ "service_id": plan.service_id, "plan_id": plan.id, "parameters": parameters })
}
