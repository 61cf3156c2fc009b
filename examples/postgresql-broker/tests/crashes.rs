//! The broker is killed in the middle of every operation, and the platform, which got no answer, repeats the
//! request.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    application::Credentials,
    platform::{Platform, binding, deletion, instance},
};
use crate::catalog::{Plan, SHARED, SMALL};

/// The time in ms from a request to the kill: from before the broker receives it to after it has answered.
const LIFETIMES: [u64; 6] = [0, 5, 20, 60, 150, 400];

async fn survives(plan: &Plan) {
    let mut platform = Platform::new(Duration::ZERO).await;
    for lifetime in LIFETIMES {
        let path = format!("{lifetime}");
        let bound = format!("{path}/service_bindings/b");
        let request = binding(plan, &json!({}));
        interrupt(&mut platform, lifetime, Method::PUT, &path, Some(&instance(plan, &json!({})))).await;
        interrupt(&mut platform, lifetime, Method::PUT, &bound, Some(&request)).await;

        let credentials = Credentials(platform.put(&bound, &request).await.body["credentials"].clone());
        credentials.connect().await.unwrap().run("CREATE TABLE t AS SELECT 1").await;

        interrupt(&mut platform, lifetime, Method::DELETE, &deletion(&bound, plan), None).await;
        assert!(credentials.connect().await.is_err());
        interrupt(&mut platform, lifetime, Method::DELETE, &deletion(&path, plan), None).await;
        assert_eq!(platform.postgres.leftovers().await, "", "after {lifetime} ms");
    }
}

/// Sends a request, kills the broker, and repeats the request at another one until it succeeds.
async fn interrupt(platform: &mut Platform, lifetime: u64, method: Method, path: &str, body: Option<&Value>) {
    let request = platform.try_send(method.clone(), path, body);
    let _ = tokio::time::timeout(Duration::from_millis(lifetime), request).await;
    platform.restart(Duration::ZERO).await;
    let answer = platform.send(method.clone(), path, body).await;
    let fulfilled: &[u16] = if method == Method::PUT { &[200, 201] } else { &[200, 410] };
    assert!(fulfilled.contains(&answer.status), "{method} {path} after {lifetime} ms: {answer:?}");
}

#[tokio::test]
async fn a_database_survives_a_broker_that_is_killed_anywhere() {
    survives(&SMALL).await;
}

#[tokio::test]
async fn a_schema_survives_a_broker_that_is_killed_anywhere() {
    survives(&SHARED).await;
}

#[tokio::test]
async fn two_brokers_can_share_the_work() {
    let one = Platform::new(Duration::ZERO).await;
    let two = one.beside().await;
    let (both, request) = ([&one, &two], instance(&SMALL, &json!({})));
    let requests = (0..8).map(|n| both[n % 2].put("one", &request));
    let answers = futures::future::join_all(requests).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 201]);
}
