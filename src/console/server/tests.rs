//! Every route × whatever may be wrong with a request.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use scraper::{ElementRef, Selector};

use crate::console::access::{Access, Mode, transport::Transport};
use crate::console::testing::{Answer, Api, Browser, HOST, Mood, TOKEN, routes, samples};

mod again;
mod busy;
mod login;
mod modes;

/// What every answer carries.
fn assert_headers(answer: &Answer, what: &str) {
    let policy = answer.header("content-security-policy");
    for directive in [
        "default-src 'none'",
        "script-src 'self';",
        "style-src 'self';",
        "img-src 'self' data: https://icons.example;",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(directive), "{what}: {policy}");
    }
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(answer.header("referrer-policy"), "same-origin", "{what}");
    assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{what}");
    assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{what}");
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000", "{what}");
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    assert_eq!(answer.header("access-control-allow-origin"), "", "{what}");
}

#[tokio::test]
async fn without_a_session_no_route_reaches_the_api_server() {
    let api = Api::default();
    let mut browser = Browser::with_login(&api);
    for address in routes::private() {
        let answer = browser.get(&address).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{address}");
        assert!(answer.header("location").starts_with("/login?next="), "{address}");
        assert_headers(&answer, &address);
        let answer = browser.post(&address, &[]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{address}");
        assert_headers(&answer, &address);
    }
    assert!(api.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_expired_session_is_none() {
    let api = Api::default();
    let mut browser = Browser::logged_in(&api).await;
    assert_eq!(browser.get("/about").await.status, StatusCode::OK);
    tokio::time::advance(crate::console::access::sessions::MAX_IDLE).await;
    api.calls();
    for address in routes::private() {
        assert_eq!(browser.get(&address).await.status, StatusCode::SEE_OTHER, "{address}");
    }
    assert!(api.calls().is_empty());
}

#[tokio::test]
async fn a_session_that_the_api_server_does_not_accept_any_more_ends() {
    let api = Api::default();
    let mut browser = Browser::logged_in(&api).await;
    api.set_mood(Mood::Forgetful);
    let answer = browser.get("/ns/team/instances?class=a%20b").await;
    assert_eq!(answer.header("location"), "/login?next=%2Fns%2Fteam%2Finstances%3Fclass%3Da%2520b");
    api.set_mood(Mood::Willing);
    api.calls();
    assert_eq!(browser.get("/catalog").await.status, StatusCode::SEE_OTHER);
    assert!(api.calls().is_empty());
}

#[tokio::test]
async fn a_form_of_another_site_or_without_its_token_changes_nothing() {
    let api = Api::default();
    samples::store(&api);
    let mut browser = Browser::logged_in(&api).await;
    let token = browser.get("/about").await.form_token();
    let mut other = Browser::logged_in(&api).await;
    let foreign = other.get("/about").await.form_token();
    api.calls();
    for address in routes::private() {
        for (site, token) in [
            ("cross-site", token.as_str()),
            ("same-site", &token),
            ("none", &token),
            ("", &token),
            ("same-origin", ""),
            ("same-origin", "AAAA"),
            ("same-origin", &foreign),
        ] {
            browser.fetch_site = site;
            let answer = browser.post(&address, &[("form-token", token), ("key", "password")]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{address} from {site:?}");
            assert_headers(&answer, &address);
        }
    }
    assert!(api.calls().is_empty());
}

#[tokio::test]
async fn an_old_browser_proves_by_origin_that_a_form_is_the_consoles() {
    let api = Api::default();
    samples::store(&api);
    let mut browser = Browser::logged_in(&api).await;
    browser.fetch_site = "";
    browser.headers = vec![("origin", format!("https://{HOST}"))];
    let address = "/ns/team/instances/evil";
    let answer = browser.post_from(address, &format!("{address}/pause"), &[]).await;
    // The scripted API server knows no PATCH of an object that is not stored.
    assert_ne!(answer.status, StatusCode::FORBIDDEN);
    browser.headers = vec![("origin", "https://evil.example".to_owned())];
    let answer = browser.post_from(address, &format!("{address}/pause"), &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_get_changes_nothing() {
    let api = Api::default();
    samples::store(&api);
    let mut browser = Browser::logged_in(&api).await;
    for address in routes::private() {
        browser.get(&address).await;
    }
    let is_review = |line: &str| line.contains("/selfsubject");
    for call in api.calls() {
        assert!(call.line.starts_with("GET ") || is_review(&call.line), "{}", call.line);
    }
}

#[tokio::test]
async fn every_call_to_the_api_server_is_made_as_the_user() {
    let api = Api::default();
    samples::store(&api);
    let mut browser = Browser::logged_in(&api).await;
    for address in routes::private() {
        browser.get(&address).await;
        browser.post_from("/about", &address, &[]).await;
        if address == "/logout" {
            browser.log_in(TOKEN, "/").await;
        }
    }
    let calls = api.calls();
    assert!(calls.len() > 50);
    for call in calls {
        assert_eq!(call.authorization, format!("Bearer {TOKEN}"), "{}", call.line);
    }
}

#[tokio::test]
async fn a_refusal_names_verb_and_resource() {
    let api = Api::default();
    samples::store(&api);
    let mut browser = Browser::logged_in(&api).await;
    api.set_mood(Mood::Forbidding);
    for (address, right) in [
        ("/ns/team/instances", "list serviceinstances.servicecatalog.k8s.io"),
        ("/ns/team/instances/evil", "get serviceinstances.servicecatalog.k8s.io"),
        ("/ns/team/bindings/evil", "get servicebindings.servicecatalog.k8s.io"),
        ("/brokers/evil", "get clusterservicebrokers.servicecatalog.k8s.io"),
        ("/catalog/cluster/evil", "get clusterserviceclasses.servicecatalog.k8s.io"),
    ] {
        let answer = browser.get(address).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{address}");
        assert!(answer.body.contains(right), "{address}: {}", answer.body);
    }
    for (address, right) in [
        ("/catalog", "list clusterserviceclasses.servicecatalog.k8s.io"),
        ("/brokers", "list clusterservicebrokers.servicecatalog.k8s.io"),
    ] {
        let answer = browser.get(address).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}");
        assert!(answer.body.contains(right), "{address}: {}", answer.body);
    }
}

#[tokio::test]
async fn actions_are_offered_only_to_those_who_may() {
    let api = Api::default();
    samples::store(&api);
    let mut browser = Browser::logged_in(&api).await;
    let address = "/ns/team/instances/evil";
    assert!(browser.get(address).await.body.contains("/ns/team/instances/evil/delete"));
    api.set_mood(Mood::Forbidding);
    let body = browser.get("/about").await.body;
    assert!(!body.contains("✓"), "{body}");
}

#[tokio::test]
async fn an_api_server_that_is_busy_or_away_is_no_dead_end() {
    let api = Api::default();
    let mut browser = Browser::logged_in(&api).await;
    api.set_mood(Mood::Busy);
    let answer = browser.get("/ns/team/instances").await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "7"));
    api.set_mood(Mood::Away);
    let answer = browser.get("/ns/team/instances").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains("href=\"/ns/team/instances\""));
}

#[tokio::test]
async fn unknown_addresses_methods_and_names_are_answered_with_pages() {
    let api = Api::default();
    let mut browser = Browser::logged_in(&api).await;
    for address in ["/nowhere", "/catalog/other/x", "/ns/team/instances/missing", "/ns/TEAM/instances/x"] {
        let answer = browser.get(address).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{address}");
        assert_headers(&answer, address);
    }
    for (address, status) in [
        ("/ns/team/bindings/evil/reveal", StatusCode::METHOD_NOT_ALLOWED),
        ("/catalog?q=a&q=b", StatusCode::BAD_REQUEST),
        ("/ns/%ff/instances", StatusCode::BAD_REQUEST),
    ] {
        let answer = browser.get(address).await;
        assert_eq!((answer.status, answer.body.contains("<h1>")), (status, true), "{address}");
        assert_headers(&answer, address);
    }
}

#[tokio::test]
async fn no_address_leads_to_another_path_of_the_api_server() {
    let api = Api::default();
    api.store("/api/v1/namespaces/team/secrets/x", serde_json::json!({}));
    let mut browser = Browser::logged_in(&api).await;
    for name in ["..%2F..%2Fsecrets%2Fx", "%2e%2e", "a%3Fwatch=1", "a%23", "a%2Fstatus"] {
        let answer = browser.get(&format!("/ns/team/instances/{name}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{name}");
        let answer = browser.get(&format!("/ns/{name}/instances")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{name}");
    }
    assert!(api.calls().is_empty());
}

/// Users may nest parameters as they like, and the API server describes them, as deeply, in `managedFields`.
#[tokio::test]
async fn an_object_of_any_depth_spoils_no_page() {
    let api = Api::default();
    let deep = (0..200).fold(serde_json::json!(1), |inner, _| serde_json::json!({"f:a": inner}));
    let metadata = serde_json::json!({"name": "deep", "namespace": "team", "uid": "1", "resourceVersion": "1",
        "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {"f:parameters": deep}}}]});
    let spec = serde_json::json!({"clusterServiceClassExternalName": "db", "clusterServicePlanExternalName": "small",
        "parameters": {"a": deep}});
    let path = "/apis/servicecatalog.k8s.io/v1beta1/namespaces/team/serviceinstances/deep";
    let object = serde_json::json!({"apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance",
        "metadata": metadata, "spec": spec});
    api.store(path, object);
    let mut browser = Browser::logged_in(&api).await;
    for address in ["/ns/team/instances", "/ns/team/instances/deep", "/ns/team/instances/deep/delete"] {
        let answer = browser.get(address).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}");
        assert!(answer.body.contains("deep"), "{address}");
    }
    let (status, _) = browser.stream("/events?view=/ns/team/instances").await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_form_without_a_session_is_small() {
    let api = Api::default();
    let mut browser = Browser::with_login(&api);
    let token = browser.get("/login").await.form_token();
    let long = "x".repeat(crate::console::request::form::MAX_LOGIN_BYTES);
    let answer = browser.post("/login", &[("form-token", &token), ("token", &long)]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_form_has_a_size() {
    let api = Api::default();
    let mut browser = Browser::logged_in(&api).await;
    let token = browser.get("/about").await.form_token();
    let large = "x".repeat(crate::console::request::form::MAX_FORM_BYTES);
    let answer = browser.post("/logout", &[("form-token", &token), ("x", &large)]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let mut many = vec![("form-token", token.as_str())];
    many.resize(crate::console::request::form::MAX_FORM_FIELDS + 1, ("x", ""));
    let answer = browser.post("/logout", &many).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn assets_are_kept_for_ever_and_need_no_session() {
    let api = Api::default();
    let mut browser = Browser::with_login(&api);
    for name in ["style.css", "script.js", "mark.svg"] {
        let answer = browser.get(&super::assets::address(name)).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.header("cache-control").contains("immutable"), "{name}");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
    }
    assert_eq!(browser.get("/assets/old/style.css").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_are_compressed_unless_they_show_a_credential() {
    let api = Api::default();
    samples::store(&api);
    let mut browser = Browser::logged_in(&api).await;
    let token = browser.get("/about").await.form_token();
    browser.headers = vec![("accept-encoding", "gzip".to_owned())];
    assert_eq!(browser.get("/catalog").await.header("content-encoding"), "gzip");
    let fields = [("form-token", token.as_str()), ("key", "password")];
    let answer = browser.post("/ns/team/bindings/evil/reveal", &fields).await;
    assert_eq!((answer.status, answer.header("content-encoding")), (StatusCode::OK, ""));
    assert_headers(&answer, "reveal");
}

/// With everything that the page needs, which the browser then keeps.
#[tokio::test]
async fn the_first_view_of_many_services_is_small() {
    let api = Api::default();
    samples::store_many(&api);
    for path in ["/catalog", "/ns/team/instances"] {
        let mut browser = Browser::logged_in(&api).await;
        let page = browser.get(path).await;
        browser.headers = vec![("accept-encoding", "gzip".to_owned())];
        let mut size = browser.get(path).await.size;
        let parts = page.html();
        let sources = Selector::parse("link[href], script[src], img[src]").unwrap();
        let of = |part: ElementRef<'_>| part.attr("href").or_else(|| part.attr("src")).unwrap().to_owned();
        let sources: BTreeSet<String> = parts.select(&sources).map(of).collect();
        for source in &sources {
            let part = browser.get(source).await;
            assert_eq!(part.status, StatusCode::OK, "{source}");
            size += part.size;
        }
        eprintln!("{path}: {size} bytes, {} of them HTML before compression", page.size);
        assert!(page.size > 100_000, "all are there");
        assert!(size <= 60_000, "{path} with {sources:?}: {size} bytes");
    }
}

#[tokio::test]
async fn a_console_of_a_proxy_knows_no_sessions() {
    let api = Api::default();
    samples::store(&api);
    let access = Access::new(Mode::ProxyHeader(Transport::from_client(api.client()))).unwrap();
    let mut browser = Browser::new(access);
    for address in routes::private() {
        let answer = browser.get(&address).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{address}");
        assert_headers(&answer, &address);
    }
    assert!(api.calls().is_empty());
}
