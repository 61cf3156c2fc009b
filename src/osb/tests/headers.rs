//! The headers of requests.

use std::collections::{BTreeMap, HashSet};

use axum::http::{HeaderMap, Method};
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    broker::{Broker, answer},
    *,
};

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    assert!(headers.get_all(name).iter().count() <= 1, "{name} is sent twice");
    headers.get(name).map(|value| value.to_str().unwrap())
}

/// Makes one call of each kind.
async fn call_everything(client: &Client, identity: Option<&OriginatingIdentity>) {
    client.catalog().await.unwrap_err();
    client.provision("i", &ProvisionRequest::default(), identity).await.unwrap_err();
    client.fetch_instance("i", &plan_query(), identity).await.unwrap_err();
    client.update("i", &UpdateRequest::default(), identity).await.unwrap_err();
    client.deprovision("i", &plan_query(), identity).await.unwrap_err();
    client.poll_instance("i", &poll_query(None), identity).await.unwrap_err();
    client.bind("i", "b", &BindRequest::default(), true, identity).await.unwrap_err();
    client.fetch_binding("i", "b", &plan_query(), identity).await.unwrap_err();
    client.unbind("i", "b", &plan_query(), identity).await.unwrap_err();
    client.poll_binding("i", "b", &poll_query(None), identity).await.unwrap_err();
}

#[tokio::test]
async fn every_request_has_the_headers_that_the_specification_demands() {
    let broker = Broker::answering((0..10).map(|_| answer(500, ""))).await;
    let jane = OriginatingIdentity {
        username: "jane".to_owned(),
        uid: "c2dd".to_owned(),
        groups: vec!["admin".to_owned()],
        extra: BTreeMap::from([("mydata".to_owned(), vec!["data1".to_owned()])]),
    };
    call_everything(&broker.client(), Some(&jane)).await;

    let requests = broker.requests();
    assert_eq!(requests.len(), 10);
    for (head, body) in &requests {
        assert_eq!(header(&head.headers, "x-broker-api-version"), Some("2.17"));
        assert_eq!(header(&head.headers, "accept"), Some("application/json"));
        assert_eq!(header(&head.headers, "authorization"), None);
        let has_body = matches!(head.method, Method::PUT | Method::PATCH);
        assert_eq!(header(&head.headers, "content-type"), has_body.then_some("application/json"));
        assert_eq!(!body.is_empty(), has_body);
    }
    for (head, _) in &requests[1..] {
        let identity = header(&head.headers, "x-broker-api-originating-identity").unwrap();
        let value = STANDARD.decode(identity.strip_prefix("kubernetes ").unwrap()).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&value).unwrap(),
            json!({"username": "jane", "uid": "c2dd", "groups": ["admin"], "extra": {"mydata": ["data1"]}}),
        );
    }
    assert_eq!(header(&requests[0].0.headers, "x-broker-api-originating-identity"), None);
}

#[tokio::test]
async fn every_request_has_an_identity_of_its_own() {
    let broker = Broker::answering((0..10).map(|_| answer(500, ""))).await;
    call_everything(&broker.client(), None).await;
    let ids: HashSet<Uuid> = broker
        .requests()
        .iter()
        .map(|(head, _)| header(&head.headers, "x-broker-api-request-identity").unwrap().parse().unwrap())
        .collect();
    assert_eq!(ids.len(), 10);
    assert!(ids.iter().all(|id| id.get_version_num() == 4));
    assert!(
        broker
            .requests()
            .iter()
            .all(|(head, _)| !head.headers.contains_key("x-broker-api-originating-identity"))
    );
}

#[tokio::test]
async fn credentials_are_sent_as_configured() {
    let basic = Authentication::Basic { username: "jäne".to_owned(), password: SecretString::from("a:b") };
    let bearer = Authentication::Bearer { token: SecretString::from("t0ken") };
    let cases = [
        ("", Authentication::None, None),
        ("", basic.clone(), Some(format!("Basic {}", STANDARD.encode("jäne:a:b")))),
        ("", bearer.clone(), Some("Bearer t0ken".to_owned())),
        ("url:p%40ss@", Authentication::None, Some(format!("Basic {}", STANDARD.encode("url:p@ss")))),
        ("url:p%40ss@", bearer, Some("Bearer t0ken".to_owned())),
        ("url:p%40ss@", basic, Some(format!("Basic {}", STANDARD.encode("jäne:a:b")))),
    ];
    for (userinfo, authentication, expected) in cases {
        let broker = Broker::answering([answer(200, r#"{"services": []}"#)]).await;
        let url = broker.url.replace("http://", &format!("http://{userinfo}"));
        let client = Client::new(&Config { authentication, ..config(&url) }).unwrap();
        client.catalog().await.unwrap();
        assert_eq!(header(&broker.requests()[0].0.headers, "authorization"), expected.as_deref());
    }
}
