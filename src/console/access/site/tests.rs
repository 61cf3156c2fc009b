use axum::http::HeaderValue;

use super::*;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

fn site(host: &'static str) -> Site {
    Site::of(&headers(&[("host", host)])).unwrap()
}

#[test]
fn a_request_has_exactly_one_host() {
    assert!(Site::of(&headers(&[])).is_none());
    assert!(Site::of(&headers(&[("host", "a"), ("host", "b")])).is_none());
    assert!(Site::of(&headers(&[("host", "a@b")])).is_none());
    assert!(Site::of(&headers(&[("host", "a b")])).is_none());
}

#[test]
fn a_local_console_has_only_two_names() {
    assert!(site("127.0.0.1:80").is_local_console(80));
    assert!(site("localhost:80").is_local_console(80));
    for host in
        ["localhost", "localhost:81", "127.0.0.1", "127.0.0.1.evil.example:80", "evil.example:80", "[::1]:80"]
    {
        assert!(!site(host).is_local_console(80), "{host}");
    }
}

#[test]
fn only_a_page_of_the_console_sends_its_own_requests() {
    let own =
        |pairs: &[(&'static str, &'static str)]| site("console.example").is_own_request(&headers(pairs));
    assert!(own(&[("sec-fetch-site", "same-origin")]));
    assert!(own(&[("origin", "https://console.example")]));
    assert!(!own(&[]));
    assert!(!own(&[("origin", "null")]));
    assert!(!own(&[("origin", "https://console.example.evil")]));
    assert!(!own(&[("origin", "https://console.example:8443")]));
    for from in ["same-site", "cross-site", "none", ""] {
        // `Origin` does not make good what `Sec-Fetch-Site` says.
        assert!(!own(&[("sec-fetch-site", from), ("origin", "https://console.example")]), "{from}");
    }
}

#[test]
fn a_path_of_the_console_leads_nowhere_else() {
    for path in ["/", "/catalog?q=a%20b&x=1", "/ns/team/instances/db#bindings"] {
        assert_eq!(own_path(path), Some(path));
    }
    for path in [
        "",
        "catalog",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/a b",
        "/é",
        "/\"><script>",
        "\\\\evil",
    ] {
        assert_eq!(own_path(path), None, "{path:?}");
    }
}
