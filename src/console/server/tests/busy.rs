use super::*;
use crate::console::request::requests::MAX_PRESENT_OF_USER;

#[tokio::test(start_paused = true)]
async fn too_many_requests_of_a_user_are_refused() {
    let api = Api::default();
    samples::store(&api);
    let mut browser = Browser::logged_in(&api).await;
    let console = browser.console.clone();
    let mut active = Vec::new();
    while let Some(permit) = console.requests.begin("jane").await {
        active.push(permit);
    }
    assert_eq!(browser.get("/about").await.status, StatusCode::TOO_MANY_REQUESTS);
    // Streams are counted by themselves.
    assert_eq!(browser.get("/events?view=%2Fnowhere").await.status, StatusCode::NOT_FOUND);
    drop(active);
    let _present: Vec<_> =
        (0..MAX_PRESENT_OF_USER).map(|_| console.requests.enter("jane").unwrap()).collect();
    assert_eq!(browser.get("/about").await.status, StatusCode::TOO_MANY_REQUESTS);
}

/// Seen to fail when the permit ends with the handler: pages that are not read would take memory without end.
#[tokio::test(start_paused = true)]
async fn a_request_counts_until_its_page_is_sent() {
    let api = Api::default();
    samples::store(&api);
    let browser = Browser::logged_in(&api).await;
    // A page of a failure as well.
    let unread = futures::future::join_all(["/about", "/nowhere"].map(|path| browser.stream(path))).await;
    assert!(browser.console.requests.begin("jane").await.is_none());
    drop(unread);
    assert!(browser.console.requests.begin("jane").await.is_some());
}
