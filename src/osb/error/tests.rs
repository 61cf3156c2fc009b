use super::*;

fn refusal(status: u16, body: &str) -> Error {
    refusal_of(status, None, body.as_bytes())
}

fn refusal_of(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Error {
    refusal_for(ChosenBy::Administrator, None, status, retry_after, body)
}

fn refusal_for(
    chosen_by: ChosenBy,
    content_type: Option<&str>,
    status: u16,
    retry_after: Option<Duration>,
    body: &[u8],
) -> Error {
    let screen = Screen { redactor: Redactor::new(["hunter2-hunter2"]), chosen_by };
    Error::refusal(&Refusal { status, retry_after, content_type, body }, &screen)
}

/// Fails with the excerpt that an administrator is shown.
#[test]
fn a_tenant_is_shown_the_errors_of_brokers_only() {
    let withheld = "the body is not an error as Open Service Broker API specifies it, and is not shown";
    for (body, expected) in [
        (r#"{"error": "Busy", "description": "d"}"#, Some("d")),
        (r#"{"Description": "d"}"#, Some("d")),
        (r#"{"error": "Busy"}"#, None),
        (r#"{"kind": "Status", "message": "system:anonymous"}"#, Some(withheld)),
        (r#"{"description": {"secret": 1}}"#, Some(withheld)),
        ("<html>intranet</html>", Some(withheld)),
        ("", None),
        (" {} ", None),
    ] {
        let error = refusal_for(ChosenBy::Tenant, None, 403, None, body.as_bytes());
        assert_eq!(error.description(), expected, "{body}");
    }
    let error = refusal_for(ChosenBy::Tenant, Some("text/html"), 403, None, b"<p>");
    assert_eq!(error.description().unwrap(), format!("{withheld} (content type text/html)"));
    let error = refusal_for(ChosenBy::Tenant, Some("hunter2-hunter2"), 403, None, b"<p>");
    assert_eq!(error.description().unwrap(), format!("{withheld} (content type <redacted>)"));
}

#[test]
fn questions_about_the_status() {
    type Question = fn(&Error) -> bool;
    let questions: [(&[u16], Question); 5] = [
        (&[410], Error::is_gone),
        (&[404], Error::is_not_found),
        (&[409], Error::is_conflict),
        (&[401, 403], Error::is_unauthorized),
        (&[412], Error::is_unsupported_version),
    ];
    for status in 100..600 {
        for (yes, question) in questions {
            assert_eq!(question(&refusal(status, "")), yes.contains(&status), "{status}");
        }
    }
}

#[test]
fn codes_count_only_as_the_error_of_a_422() {
    type Question = fn(&Error) -> bool;
    let questions: [(&str, Question); 4] = [
        ("ConcurrencyError", Error::is_concurrency_error),
        ("AsyncRequired", Error::is_async_required),
        ("RequiresApp", Error::requires_app),
        ("MaintenanceInfoConflict", Error::is_maintenance_info_conflict),
    ];
    for (code, _) in questions {
        for (wanted, question) in questions {
            let body = format!(r#"{{"error": "{code}", "description": "words"}}"#);
            assert_eq!(question(&refusal(422, &body)), code == wanted);
            assert!(!question(&refusal(400, &body)));
            assert!(!question(&refusal(422, &format!(r#"{{"description": "{wanted}"}}"#))));
            assert!(!question(&refusal(422, &body.to_lowercase())));
        }
    }
}

#[test]
fn what_may_have_happened() {
    let network = "x".to_owned();
    let cases = [
        (Error::InvalidId { id: "..".to_owned() }, false),
        (Error::Unreachable { reason: network.clone() }, false),
        (Error::NoAnswer { reason: network.clone() }, true),
        (Error::Redirected { status: 307, location: None }, false),
        (Error::Malformed { status: 200, reason: network.clone() }, true),
        (Error::Malformed { status: 201, reason: network.clone() }, true),
        (Error::Malformed { status: 202, reason: network }, true),
        (refusal(101, ""), true),
        (refusal(204, ""), true),
        (refusal(400, ""), false),
        (refusal(408, ""), false),
        (refusal(422, ""), false),
        (refusal(499, ""), false),
        (refusal(500, ""), true),
        (refusal(599, ""), true),
    ];
    for (error, expected) in cases {
        assert_eq!(error.may_have_happened(), expected, "{error:?}");
    }
}

#[test]
fn bodies_of_every_kind_become_a_sentence() {
    let cases = [
        (422, r#"{"error": "ConcurrencyError", "description": "busy"}"#, " ConcurrencyError: busy"),
        (422, r#"{"error": "AsyncRequired"}"#, " AsyncRequired"),
        (400, r#"{"description": "no\nsuch\tplan"}"#, ": no such plan"),
        (412, r#"{"Description": "wrong version"}"#, ": wrong version"),
        (409, "{}", ""),
        (409, " { } ", ": { }"),
        (500, "", ""),
        (500, "null", ": null"),
        (400, r#"{"message": "other convention"}"#, r#": {"message": "other convention"}"#),
        (400, r#"{"error": {"code": 1}, "description": 2}"#, r#": {"error": {"code": 1}, "description": 2}"#),
        (401, "Not Authorized\n", ": Not Authorized"),
        (502, "<html>\n<h1>502 Bad Gateway</h1></html>", ": 502 Bad Gateway"),
        (500, "\u{0}\u{1b}[31mred", ": [31mred"),
    ];
    for (status, body, expected) in cases {
        assert_eq!(
            refusal(status, body).to_string(),
            format!("the broker answered with status {status}{expected}")
        );
    }
    let error = refusal_of(500, None, b"\xff\xfe ok");
    assert_eq!(error.description(), Some("\u{fffd}\u{fffd} ok"));
}

/// The body of an unexpected success may hold credentials. Fails if the body is read regardless of the status.
#[test]
fn nothing_of_an_unexpected_success_is_repeated() {
    for status in [203, 204, 206, 226] {
        for body in
            [r#"{"credentials": {"password": "hunter2"}}"#, r#"{"description": "hunter2"}"#, "hunter2"]
        {
            assert_eq!(
                refusal(status, body).to_string(),
                format!("the broker answered with status {status}")
            );
        }
    }
}

#[test]
fn long_texts_are_cut_between_characters() {
    let long = "ä".repeat(10_000);
    let described = refusal(400, &format!(r#"{{"description": "{long}"}}"#));
    assert_eq!(described.description().unwrap(), format!("{}…", "ä".repeat(500)));
    assert_eq!(refusal(400, &long).description().unwrap(), format!("{}…", "ä".repeat(200)));
}

/// Fails with the texts cut before they are redacted.
#[test]
fn the_credentials_are_not_repeated() {
    let before = "x".repeat(MAX_DESCRIPTION_CHARS - 4);
    for (body, expected) in [
        (r#"{"error": "hunter2-hunter2", "description": "d"}"#.to_owned(), " <redacted>: d".to_owned()),
        (r#"{"description": "no hunter2\u002dhunter2"}"#.to_owned(), ": no <redacted>".to_owned()),
        (format!(r#"{{"description": "{before}hunter2-hunter2"}}"#), format!(": {before}<red…")),
        ("no hunter2-hunter2".to_owned(), ": no <redacted>".to_owned()),
        ("<p>hunter2-hunter2</p><p>no</p>".to_owned(), ": no".to_owned()),
        (
            r#"["hunter2\-hunter2 hunter2-hunter2"]"#.to_owned(),
            r#": ["hunter2\-hunter2 <redacted>"]"#.to_owned(),
        ),
    ] {
        assert_eq!(refusal(400, &body).to_string(), format!("the broker answered with status 400{expected}"));
    }
}

/// The codes of the specification decide what happens next.
#[test]
fn other_secrets_are_redacted_later() {
    let error =
        |code: &str| refusal(422, &format!(r#"{{"error": "{code}", "description": "no parameter-1"}}"#));
    let redacted = error("parameter-1").redacted(&Redactor::new(["parameter-1"]));
    assert_eq!(redacted.to_string(), "the broker answered with status 422 <redacted>: no <redacted>");
    let unknown = error("ConcurrencyError").redacted(&Redactor::of_unknown());
    assert!(unknown.is_concurrency_error());
    assert_eq!(unknown.description(), Some("<redacted>"));
}

#[test]
fn flags_and_delays_are_kept() {
    let delay = Some(Duration::from_secs(7));
    let body = br#"{"instance_usable": false, "update_repeatable": true, "description": "d"}"#;
    let error = refusal_of(500, delay, body);
    assert_eq!(error.instance_usable(), Some(false));
    assert_eq!(error.update_repeatable(), Some(true));
    assert_eq!(error.retry_after(), delay);
    assert_eq!(error.description(), Some("d"));

    let error = refusal_of(500, None, br#"{"instance_usable": "no", "update_repeatable": null}"#);
    assert_eq!((error.instance_usable(), error.update_repeatable(), error.retry_after()), (None, None, None));
    let error = Error::NoAnswer { reason: String::new() };
    assert_eq!((error.instance_usable(), error.status(), error.description()), (None, None, None));
}

#[test]
fn redirects_and_malformed_answers_are_explained() {
    let error = Error::Redirected { status: 302, location: Some("http://b/x".to_owned()) };
    assert_eq!(
        error.to_string(),
        "the broker answered with status 302: the redirect to http://b/x is not followed"
    );
    let error = Error::Redirected { status: 304, location: None };
    assert_eq!(error.to_string(), "the broker answered with status 304: the redirect is not followed");
    let error = Error::Malformed { status: 201, reason: "it is not a JSON object".to_owned() };
    assert_eq!(
        error.to_string(),
        "the broker answered with status 201, but the response is malformed: it is not a JSON object",
    );
}
