use secrecy::ExposeSecret as _;

use super::*;
use crate::console::access::transport::Personal;

const PORT: u16 = 4711;

fn personal(api: &Api) -> Personal {
    let transport = Transport::from_client(api.client());
    Personal {
        client: transport.as_bearer(&TOKEN.to_owned().into()).unwrap(),
        namespace: "team".to_owned(),
        cluster_name: "test-cluster".to_owned(),
        user_name: "jane-of-the-kubeconfig".to_owned(),
    }
}

/// A browser with a local console, and the path with the one-time code.
fn local(api: &Api) -> (Browser, String) {
    let access = Access::local(personal(api), PORT).unwrap();
    let url = access.new_url().unwrap().unwrap();
    let path = url.expose_secret().strip_prefix(&format!("http://127.0.0.1:{PORT}")).unwrap().to_owned();
    let mut browser = Browser::new(access);
    browser.host = format!("127.0.0.1:{PORT}");
    (browser, path)
}

#[tokio::test]
async fn a_local_console_opens_once_with_the_url_that_it_printed() {
    let api = Api::default();
    let (mut browser, start) = local(&api);
    let answer = browser.get("/catalog").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(api.calls().is_empty());
    assert_eq!(browser.get("/start?code=guess").await.header("location"), "/catalog");
    assert!(browser.cookies().is_empty());

    assert_eq!(browser.get(&start).await.header("location"), "/catalog");
    let (name, session) = browser.cookies().iter().next().map(|(n, v)| (n.clone(), v.clone())).unwrap();
    assert_eq!(name, format!("console-session-{PORT}"));
    assert_eq!(browser.get("/about").await.status, StatusCode::OK);

    let mut thief = browser;
    thief.set_cookie(&name, "");
    thief.get(&start).await;
    assert_eq!(thief.get("/about").await.status, StatusCode::UNAUTHORIZED);
    thief.set_cookie(&name, &session);
    assert_eq!(thief.get("/about").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_local_console_answers_only_to_the_names_of_this_machine() {
    let api = Api::default();
    let (mut browser, start) = local(&api);
    browser.get(&start).await;
    api.calls();
    for host in ["rebound.example:4711", "127.0.0.1:80", "localhost", "rebound.example"] {
        browser.host = host.to_owned();
        for address in routes::private().into_iter().chain(["/login".to_owned(), start.clone()]) {
            let answer = browser.get(&address).await;
            assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{host}{address}");
            assert!(!answer.header("content-security-policy").is_empty());
        }
    }
    assert!(api.calls().is_empty());
    browser.host = format!("localhost:{PORT}");
    assert_eq!(browser.get("/about").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_local_console_opens_although_the_api_server_is_away() {
    let api = Api::default();
    api.set_mood(Mood::Away);
    let (mut browser, start) = local(&api);
    browser.get(&start).await;
    let answer = browser.get("/catalog").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains("jane-of-the-kubeconfig"));
}

#[tokio::test]
async fn credentials_that_expire_in_the_kubeconfig_end_no_local_session() {
    let api = Api::default();
    let (mut browser, start) = local(&api);
    browser.get(&start).await;
    api.set_mood(Mood::Forgetful);
    assert_eq!(browser.get("/catalog").await.status, StatusCode::UNAUTHORIZED);
    api.set_mood(Mood::Willing);
    assert_eq!(browser.get("/catalog").await.status, StatusCode::OK);
}

#[tokio::test]
async fn behind_a_proxy_the_token_of_each_request_is_the_user() {
    let api = Api::default();
    samples::store(&api);
    let mut browser =
        Browser::new(Access::new(Mode::ProxyHeader(Transport::from_client(api.client()))).unwrap());
    browser.headers = vec![("authorization", format!("Bearer {TOKEN}"))];
    let token = browser.get("/about").await.form_token();
    assert_eq!(token, "", "there is nothing to log out of");
    assert_eq!(browser.get("/catalog").await.status, StatusCode::OK);
    let answer = browser
        .post_from("/ns/team/bindings/evil", "/ns/team/bindings/evil/reveal", &[("key", "password")])
        .await;
    assert_eq!(answer.status, StatusCode::OK);

    browser.headers = vec![("authorization", "Bearer another".to_owned())];
    assert_eq!(browser.get("/catalog").await.status, StatusCode::UNAUTHORIZED);
    for header in ["Basic amFuZTpqYW5l", "Bearer", "Bearer ", ""] {
        browser.headers = vec![("authorization", header.to_owned())];
        assert_eq!(browser.get("/catalog").await.status, StatusCode::UNAUTHORIZED, "{header}");
    }
}
