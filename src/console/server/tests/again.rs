use super::*;
use crate::console::testing::offering;

const CREATION: &str = "/ns/team/new?class=cluster/db&plan=small";

async fn send_again(browser: &mut Browser, failed: &Answer, path: &str) -> Answer {
    browser.post(path, &[("form-token", &failed.form_token()), ("again", &failed.field("again"))]).await
}

#[tokio::test]
async fn a_form_that_the_api_server_did_not_get_is_sent_again_with_what_was_entered() {
    for mood in [Mood::Away, Mood::Busy] {
        let api = Api::default();
        offering::store(&api);
        let mut browser = Browser::logged_in(&api).await;
        let token = browser.get(CREATION).await.form_token();
        let fields = [
            ("form-token", token.as_str()),
            ("step", "review"),
            ("name", "my-db"),
            ("plan", "small"),
            ("shown-plan", "small"),
            ("parameters.password", "hunter2"),
        ];
        api.set_mood(mood);
        let mut failed = browser.post(CREATION, &fields).await;
        // It may fail more than once.
        for _ in 0..2 {
            assert!(!failed.status.is_success());
            assert!(!failed.body.contains("hunter2"));
            let elsewhere = send_again(&mut browser, &failed, "/ns/team/instances/evil/pause").await;
            assert_eq!(elsewhere.status, StatusCode::FORBIDDEN);
            failed = send_again(&mut browser, &failed, CREATION).await;
        }
        api.set_mood(Mood::Willing);
        let reviewed = send_again(&mut browser, &failed, CREATION).await;
        assert_eq!(reviewed.status, StatusCode::OK, "{}", reviewed.body);
        assert!(reviewed.body.contains("my-db") && reviewed.body.contains("&lt;redacted&gt;"));
    }
}

#[tokio::test]
async fn what_was_refused_is_not_offered_again() {
    let api = Api::default();
    samples::store(&api);
    let mut browser = Browser::logged_in(&api).await;
    let token = browser.get("/about").await.form_token();
    api.set_mood(Mood::Forbidding);
    let refused = browser.post("/ns/team/instances/evil/pause", &[("form-token", &token)]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.field("again"), "");
}
