use super::*;

const COOKIE: &str = "__Host-console-session";

#[tokio::test]
async fn a_session_begins_with_the_right_token_and_a_cookie_that_only_this_host_gets() {
    let api = Api::default();
    let mut browser = Browser::with_login(&api);
    let answer = browser.log_in("token-of-a-stranger", "/about").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(!answer.body.contains("token-of-a-stranger"), "the token is repeated");
    assert!(!browser.cookies().contains_key(COOKIE));

    let answer = browser.log_in(TOKEN, "/about").await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/about"));
    let cookies: Vec<_> =
        answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let session = cookies.iter().find(|cookie| cookie.starts_with(COOKIE)).unwrap();
    assert!(session.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"), "{session}");
    assert!(session.len() > COOKIE.len() + 43 && !session.contains(TOKEN));
    assert!(browser.get("/about").await.body.contains("jane"));
}

#[tokio::test]
async fn an_empty_token_is_no_login_although_the_api_server_might_accept_anonymous_requests() {
    let api = Api::default();
    let mut browser = Browser::with_login(&api);
    for token in ["", "  ", "a b", "a\r\nX: y", "é"] {
        let answer = browser.log_in(token, "/").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{token:?}");
    }
    assert!(api.calls().is_empty());
}

#[tokio::test]
async fn a_login_makes_a_new_session_and_a_logout_wipes_it() {
    let api = Api::default();
    let mut browser = Browser::with_login(&api);
    browser.set_cookie(COOKIE, "chosen-by-an-attacker");
    browser.log_in(TOKEN, "/").await;
    let first = browser.cookies()[COOKIE].clone();
    assert_ne!(first, "chosen-by-an-attacker");
    browser.log_in(TOKEN, "/").await;
    let second = browser.cookies()[COOKIE].clone();
    assert_ne!(first, second);

    browser.set_cookie(COOKIE, &first);
    assert_eq!(browser.get("/about").await.status, StatusCode::SEE_OTHER, "the first session has ended");
    browser.set_cookie(COOKIE, &second);
    let answer = browser.post_from("/about", "/logout", &[]).await;
    assert_eq!(answer.header("location"), "/login");
    assert!(!browser.cookies().contains_key(COOKIE));
    browser.set_cookie(COOKIE, &second);
    assert_eq!(browser.get("/about").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_login_leads_only_to_pages_of_the_console() {
    let api = Api::default();
    let mut browser = Browser::with_login(&api);
    for next in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", ""] {
        assert_eq!(browser.log_in(TOKEN, next).await.header("location"), "/catalog", "{next}");
    }
}

#[tokio::test]
async fn a_login_form_of_another_browser_or_site_is_refused() {
    let api = Api::default();
    let (mut browser, mut attacker) = (Browser::with_login(&api), Browser::with_login(&api));
    let stolen = attacker.get("/login").await.form_token();
    browser.get("/login").await;
    let fields = [("form-token", stolen.as_str()), ("token", TOKEN)];
    assert_eq!(browser.post("/login", &fields).await.status, StatusCode::FORBIDDEN);
    let own = browser.get("/login").await.form_token();
    browser.fetch_site = "cross-site";
    let fields = [("form-token", own.as_str()), ("token", TOKEN)];
    assert_eq!(browser.post("/login", &fields).await.status, StatusCode::FORBIDDEN);
    assert!(api.calls().is_empty());
}

#[tokio::test]
async fn a_link_on_another_site_leads_to_a_page_that_goes_on_by_itself() {
    let api = Api::default();
    let mut browser = Browser::with_login(&api);
    browser.fetch_site = "cross-site";
    let answer = browser.get("/ns/team/instances").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.body.contains(r#"http-equiv="refresh" content="0; url=/ns/team/instances""#));
    let answer = browser.get("//evil.example/").await;
    assert!(!answer.body.contains("evil.example"), "{}", answer.body);
}
