//! Streams as browsers open them, with an API server whose watches report what a test tells them.

use axum::body::BodyDataStream;
use axum::http::StatusCode;
use futures::StreamExt as _;

use crate::console::access::sessions::MAX_IDLE;
use crate::console::request::streams::MAX_OF_SESSION;
use crate::console::testing::{Api, Browser, Mood, samples};

const INSTANCE: &str = "/events?view=%2Fns%2Fteam%2Finstances%2Fevil";

/// The next event; `None` at the end. Heartbeats are left out.
async fn next(stream: &mut BodyDataStream) -> Option<String> {
    loop {
        let bytes = stream.next().await?.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        if !text.starts_with(':') {
            return Some(text);
        }
    }
}

#[tokio::test]
async fn a_change_is_reported_without_data_as_the_user_and_for_that_view_only() {
    let api = Api::default();
    samples::store(&api);
    let browser = Browser::logged_in(&api).await;
    let (status, mut stream) = browser.stream(INSTANCE).await;
    assert_eq!(status, StatusCode::OK);
    for type_ in ["BOOKMARK", "MODIFIED"] {
        api.report(type_);
    }
    let event = next(&mut stream).await.unwrap();
    assert!(event.contains("event: changed") && !event.contains("evil"), "{event}");
    let calls = api.calls();
    let watches: Vec<_> = calls.iter().filter(|call| call.query.contains("watch=")).collect();
    assert_eq!(watches.len(), 2);
    assert!(watches[0].query.contains("metadata.name%3Devil"), "{}", watches[0].query);
    assert!(watches[1].query.contains("spec.instanceRef.name%3Devil"), "{}", watches[1].query);
    assert!(calls.iter().all(|call| call.line.contains("/namespaces/team/service")));
    assert!(calls.iter().all(|call| call.authorization.ends_with(crate::console::testing::TOKEN)));
}

#[tokio::test]
async fn a_stream_ends_with_its_watch_so_that_the_browser_opens_another() {
    let api = Api::default();
    let browser = Browser::logged_in(&api).await;
    let (_, mut stream) = browser.stream("/events?view=/brokers").await;
    api.end_watches();
    assert_eq!(next(&mut stream).await, None);
}

#[tokio::test]
async fn a_stream_ends_with_the_session() {
    let api = Api::default();
    let mut browser = Browser::logged_in(&api).await;
    let (_, mut stream) = browser.stream(INSTANCE).await;
    browser.post_from("/about", "/logout", &[]).await;
    assert_eq!(next(&mut stream).await, None);
}

#[tokio::test(start_paused = true)]
async fn an_open_page_does_not_keep_a_session_alive() {
    let api = Api::default();
    let mut browser = Browser::logged_in(&api).await;
    let (_, mut stream) = browser.stream(INSTANCE).await;
    browser.headers = vec![("sec-fetch-dest", "empty".to_owned())];
    tokio::time::advance(MAX_IDLE / 2).await;
    assert_eq!(browser.get("/about").await.status, StatusCode::OK);
    tokio::time::advance(MAX_IDLE / 2).await;
    assert_eq!(next(&mut stream).await, None);
    assert_eq!(browser.get("/about").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_has_few_streams_and_gets_one_back_when_it_closes() {
    let api = Api::default();
    let browser = Browser::logged_in(&api).await;
    let mut streams = Vec::new();
    for _ in 0..MAX_OF_SESSION {
        streams.push(browser.stream(INSTANCE).await.1);
    }
    assert_eq!(browser.stream(INSTANCE).await.0, StatusCode::TOO_MANY_REQUESTS);
    streams.pop();
    assert_eq!(browser.stream(INSTANCE).await.0, StatusCode::OK);
}

#[tokio::test]
async fn only_a_page_of_the_console_opens_a_stream_and_only_for_such_a_page() {
    let api = Api::default();
    let mut browser = Browser::logged_in(&api).await;
    for view in
        ["/api/v1/secrets", "/about", "/ns/team/instances/..", "https://evil.example/ns/team/instances", ""]
    {
        assert_eq!(browser.stream(&format!("/events?view={view}")).await.0, StatusCode::NOT_FOUND, "{view}");
    }
    for site in ["cross-site", "same-site", "none", ""] {
        browser.fetch_site = site;
        assert_eq!(browser.stream(INSTANCE).await.0, StatusCode::FORBIDDEN, "{site}");
    }
    assert!(api.calls().is_empty());
}

#[tokio::test]
async fn who_may_not_watch_gets_no_stream() {
    let api = Api::default();
    let browser = Browser::logged_in(&api).await;
    api.set_mood(Mood::Forbidding);
    assert_eq!(browser.stream(INSTANCE).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn only_pages_that_show_objects_say_that_they_are_live() {
    let api = Api::default();
    samples::store(&api);
    let mut browser = Browser::logged_in(&api).await;
    for (address, is_live) in [
        ("/ns/team/instances", true),
        ("/ns/team/instances/evil", true),
        ("/catalog?q=x", true),
        ("/about", false),
        ("/ns/team/instances/evil/delete", false),
        ("/ns/team/instances/missing", false),
    ] {
        assert_eq!(browser.get(address).await.body.contains("data-live"), is_live, "{address}");
    }
}
