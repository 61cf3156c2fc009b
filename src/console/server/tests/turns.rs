use super::*;

#[tokio::test(start_paused = true)]
async fn of_a_user_eight_requests_are_answered_at_once_and_streams_are_none_of_them() {
    let api = Api::default();
    samples::store(&api);
    let mut browser = Browser::logged_in(&api).await;
    let requests = &browser.console.requests;
    let others: Vec<_> = std::iter::from_fn(|| requests.try_acquire("jane")).collect();
    assert_eq!(others.len(), 8);
    assert_eq!(browser.get("/about").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_ne!(browser.get("/events?view=%2Fnowhere").await.status, StatusCode::TOO_MANY_REQUESTS);
    drop(others);
    assert_eq!(browser.get("/about").await.status, StatusCode::OK);
}
