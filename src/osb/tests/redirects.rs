//! Which redirects the client follows.

use axum::response::Response;
use secrecy::SecretString;

use super::{
    broker::{Broker, answer},
    *,
};

fn redirect(status: u16, location: &str) -> Response {
    let mut response = answer(status, "");
    response.headers_mut().insert("location", location.parse().unwrap());
    response
}

fn catalog() -> Response {
    answer(200, r#"{"services": []}"#)
}

fn redirected(status: u16, location: &str) -> Error {
    Error::Redirected { status, location: Some(location.to_owned()) }
}

#[tokio::test]
async fn a_get_is_led_up_to_three_times_on_the_same_origin() {
    for (hops, succeeds) in [(1, true), (3, true), (4, false)] {
        let mut script: Vec<_> =
            [301, 302, 307, 308][..hops].iter().map(|status| redirect(*status, "/elsewhere?a=b")).collect();
        script.push(catalog());
        let broker = Broker::answering(script).await;
        let authentication = Authentication::Bearer { token: SecretString::from("t0ken") };
        let client = Client::new(&Config { authentication, ..config(&broker.url) }).unwrap();

        let result = client.catalog().await;
        if succeeds {
            result.unwrap();
        } else {
            assert_eq!(result.unwrap_err(), redirected(308, &format!("{}/elsewhere", broker.url)));
        }
        let requests = broker.requests();
        assert_eq!(requests.len(), hops.min(3) + 1);
        for (head, _) in &requests[1..] {
            assert_eq!(head.uri, "/elsewhere?a=b");
            assert_eq!(head.headers["authorization"], "Bearer t0ken");
            assert_ne!(
                head.headers["x-broker-api-request-identity"],
                requests[0].0.headers["x-broker-api-request-identity"],
            );
        }
    }
}

#[tokio::test]
async fn credentials_of_the_url_remain_on_the_way() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let broker = Broker::on(listener, [redirect(302, &format!("{origin}/elsewhere")), catalog()]);
    client(&origin.replace("http://", "http://jane:secret@")).catalog().await.unwrap();
    let [first, second] = [0, 1].map(|n| broker.requests()[n].0.headers["authorization"].clone());
    assert_eq!(first, second);
}

#[tokio::test]
async fn no_request_leaves_its_origin() {
    let other = Broker::answering([catalog()]).await;
    let with_secret = other.url.replace("http://", "http://jane:secret@");
    let broker = Broker::answering([redirect(302, &format!("{with_secret}/v2/catalog?token=secret"))]).await;
    let error = broker.client().catalog().await.unwrap_err();
    assert_eq!(error, redirected(302, &format!("{}/v2/catalog", other.url)));
    assert!(other.requests().is_empty());
    assert!(!error.may_have_happened());
}

#[tokio::test]
async fn mutations_are_never_led_elsewhere() {
    for status in [301, 302, 303, 307, 308] {
        let broker = Broker::answering((0..5).map(|_| redirect(status, "/elsewhere"))).await;
        let client = broker.client();
        let expected = redirected(status, &format!("{}/elsewhere", broker.url));
        let errors = [
            client.provision("i", &ProvisionRequest::default(), None).await.unwrap_err(),
            client.update("i", &UpdateRequest::default(), None).await.unwrap_err(),
            client.deprovision("i", &plan_query(), None).await.unwrap_err(),
            client.bind("i", "b", &BindRequest::default(), true, None).await.unwrap_err(),
            client.unbind("i", "b", &plan_query(), None).await.unwrap_err(),
        ];
        assert!(errors.iter().all(|error| *error == expected), "{errors:?}");
        assert_eq!(broker.requests().len(), 5);
    }
}

/// Others may be responsible for what is beside the broker. Fails without `is_below`.
#[tokio::test]
async fn no_request_leaves_the_path_of_the_url() {
    for (location, is_followed) in [
        ("/broker/v2/catalog/", true),
        ("/broker", true),
        ("catalog2", true),
        ("/brokers/v2/catalog", false),
        ("/", false),
        ("../../other", false),
        ("/broker/%2e%2e/other", false),
        ("/broker/..%2fother", false),
        ("/broker/..%5cother", false),
    ] {
        let broker = Broker::answering([redirect(302, location), catalog()]).await;
        let authentication = Authentication::Bearer { token: SecretString::from("t0ken") };
        let url = format!("{}/broker/", broker.url);
        let client = Client::new(&Config { authentication, ..config(&url) }).unwrap();
        assert_eq!(client.catalog().await.is_ok(), is_followed, "{location}");
        assert_eq!(broker.requests().len(), 1 + usize::from(is_followed), "{location}");
    }
}

#[tokio::test]
async fn other_3xx_lead_nowhere() {
    let cases = [
        (redirect(304, "/elsewhere"), true),
        (redirect(300, "/elsewhere"), true),
        (answer(302, ""), false),
        (redirect(302, "http://[nonsense"), false),
    ];
    for (response, has_location) in cases {
        let broker = Broker::answering([response]).await;
        let error = broker.client().catalog().await.unwrap_err();
        assert!(
            matches!(error, Error::Redirected { ref location, .. } if location.is_some() == has_location)
        );
        assert_eq!(broker.requests().len(), 1);
    }
}
