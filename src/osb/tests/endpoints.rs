//! Which URL each operation requests, and which responses it accepts as success.

use serde_json::json;

use super::{
    broker::{Broker, answer},
    *,
};

/// An operation. [`run`] summarises its success as `done`, `in progress <operation>` or `document`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Operation {
    Catalog,
    Provision,
    FetchInstance,
    Update,
    Deprovision,
    PollInstance,
    Bind,
    BindSynchronously,
    FetchBinding,
    Unbind,
    PollBinding,
}
use Operation::{
    Bind, BindSynchronously, Catalog as GetCatalog, Deprovision, FetchBinding, FetchInstance, PollBinding,
    PollInstance, Provision, Unbind, Update,
};

const MUTATIONS: [Operation; 6] = [Provision, Update, Deprovision, Bind, BindSynchronously, Unbind];
const READS: [Operation; 5] = [GetCatalog, FetchInstance, PollInstance, FetchBinding, PollBinding];

async fn run(operation: Operation, client: &Client) -> Result<String, Error> {
    fn summary<T>(reply: Reply<T>) -> String {
        match reply {
            Reply::Done(_) => "done".to_owned(),
            Reply::InProgress { operation, .. } => format!("in progress {}", operation.unwrap_or_default()),
        }
    }
    fn document<T>(_: T) -> String {
        "document".to_owned()
    }
    let (provision, update, bind) =
        (ProvisionRequest::default(), UpdateRequest::default(), BindRequest::default());
    match operation {
        GetCatalog => client.catalog().await.map(document),
        Provision => client.provision("i", &provision, None).await.map(summary),
        FetchInstance => client.fetch_instance("i", &plan_query(), None).await.map(document),
        Update => client.update("i", &update, None).await.map(summary),
        Deprovision => client.deprovision("i", &plan_query(), None).await.map(summary),
        PollInstance => client.poll_instance("i", &poll_query(None), None).await.map(document),
        Bind => client.bind("i", "b", &bind, true, None).await.map(summary),
        BindSynchronously => client.bind("i", "b", &bind, false, None).await.map(summary),
        FetchBinding => client.fetch_binding("i", "b", &plan_query(), None).await.map(document),
        Unbind => client.unbind("i", "b", &plan_query(), None).await.map(summary),
        PollBinding => client.poll_binding("i", "b", &poll_query(None), None).await.map(document),
    }
}

async fn outcome(operation: Operation, status: u16, body: &str) -> String {
    let broker = Broker::answering([answer(status, body)]).await;
    let outcome = match run(operation, &broker.client()).await {
        Ok(success) => success,
        Err(Error::Malformed { status: reported, .. }) if reported == status => "malformed".to_owned(),
        Err(Error::Status { status: reported, .. }) if reported == status => "refused".to_owned(),
        Err(other) => panic!("{operation:?} {status} {body}: {other:?}"),
    };
    assert_eq!(broker.requests().len(), 1, "{operation:?} {status} is sent once");
    outcome
}

#[tokio::test]
async fn requests_are_as_the_specification_has_them() {
    let poll = "?plan_id=p&service_id=s";
    let cases = [
        (GetCatalog, "GET /v2/catalog".to_owned()),
        (Provision, "PUT /v2/service_instances/i?accepts_incomplete=true".to_owned()),
        (FetchInstance, "GET /v2/service_instances/i?plan_id=p&service_id=s".to_owned()),
        (Update, "PATCH /v2/service_instances/i?accepts_incomplete=true".to_owned()),
        (Deprovision, "DELETE /v2/service_instances/i?accepts_incomplete=true&plan_id=p&service_id=s".to_owned()),
        (PollInstance, format!("GET /v2/service_instances/i/last_operation{poll}")),
        (Bind, "PUT /v2/service_instances/i/service_bindings/b?accepts_incomplete=true".to_owned()),
        (BindSynchronously, "PUT /v2/service_instances/i/service_bindings/b".to_owned()),
        (FetchBinding, format!("GET /v2/service_instances/i/service_bindings/b{poll}")),
        (
            Unbind,
            "DELETE /v2/service_instances/i/service_bindings/b?accepts_incomplete=true&plan_id=p&service_id=s"
                .to_owned(),
        ),
        (PollBinding, format!("GET /v2/service_instances/i/service_bindings/b/last_operation{poll}")),
    ];
    for (operation, expected) in cases {
        let broker = Broker::answering([answer(500, "")]).await;
        run(operation, &broker.client()).await.unwrap_err();
        assert_eq!(broker.only_request().0, expected);
    }
}

#[tokio::test]
async fn success_is_200_or_201_and_for_mutations_202() {
    let body = r#"{"services": [], "state": "succeeded", "operation": "op"}"#;
    for operation in MUTATIONS {
        for status in [200, 201] {
            // “Deprovisioning” and “Unbinding” do not have 201: nothing says that the object is gone.
            let is_unknown = status == 201 && matches!(operation, Deprovision | Unbind);
            let expected = if is_unknown { "refused" } else { "done" };
            assert_eq!(outcome(operation, status, body).await, expected, "{operation:?} {status}");
        }
        let accepted = if operation == BindSynchronously { "malformed" } else { "in progress op" };
        assert_eq!(outcome(operation, 202, body).await, accepted, "{operation:?}");
    }
    for operation in READS {
        for (status, expected) in [(200, "document"), (201, "document"), (202, "refused")] {
            assert_eq!(outcome(operation, status, body).await, expected, "{operation:?} {status}");
        }
    }
}

#[tokio::test]
async fn every_other_status_is_refused_whatever_the_body() {
    let statuses = [
        203, 204, 206, 400, 401, 403, 404, 408, 409, 410, 412, 415, 422, 425, 429, 500, 501, 502, 503, 504,
        599,
    ];
    for operation in MUTATIONS.into_iter().chain(READS) {
        for status in statuses {
            for body in [r#"{"services": [], "state": "succeeded"}"#, "<html>", "[1]", ""] {
                let body = if status == 204 { "" } else { body };
                assert_eq!(outcome(operation, status, body).await, "refused", "{operation:?} {status}");
            }
        }
    }
}

#[tokio::test]
async fn successes_without_a_usable_body_are_malformed_unless_none_is_needed() {
    let broken = ["{", "[]", "[1]", "null", "\"x\"", "<html>", "{} {}"];
    for operation in MUTATIONS.into_iter().chain(READS) {
        let deletes = matches!(operation, Deprovision | Unbind);
        for body in broken {
            for status in [200, 201] {
                let expected = if deletes && status == 201 { "refused" } else { "malformed" };
                assert_eq!(outcome(operation, status, body).await, expected, "{operation:?} {status} {body}");
            }
        }
        for body in broken.into_iter().filter(|_| MUTATIONS.contains(&operation)) {
            assert_eq!(outcome(operation, 202, body).await, "malformed", "{operation:?} {body}");
        }
        let everything_is_optional = matches!(operation, Provision | Update) || deletes;
        for body in ["", " \n"] {
            let expected = if everything_is_optional { "done" } else { "malformed" };
            assert_eq!(outcome(operation, 200, body).await, expected, "{operation:?} {body:?}");
        }
    }
}

#[tokio::test]
async fn only_members_that_are_needed_can_fail_an_answer() {
    let body = r#"{"operation": {}, "dashboard_url": 1, "endpoints": 1, "volume_mounts": [{}], "metadata": [],
        "syslog_drain_url": {}, "parameters": 1, "description": {}, "state": "succeeded", "services": []}"#;
    for operation in MUTATIONS.into_iter().chain(READS) {
        let expected = if MUTATIONS.contains(&operation) { "done" } else { "document" };
        assert_eq!(outcome(operation, 200, body).await, expected, "{operation:?}");
    }
    for (body, fails) in [
        (r#"{"state": 1, "credentials": {}, "services": []}"#, [PollInstance, PollBinding].as_slice()),
        (r#"{"state": "succeeded", "credentials": "x", "services": []}"#, &[Bind, FetchBinding]),
        (r#"{"state": "succeeded", "credentials": {}, "services": 1}"#, &[GetCatalog]),
    ] {
        for operation in [Provision, Bind, Unbind, GetCatalog, PollInstance, FetchBinding, PollBinding] {
            let is_malformed = outcome(operation, 200, body).await == "malformed";
            assert_eq!(is_malformed, fails.contains(&operation), "{operation:?} {body}");
        }
    }
}

#[tokio::test]
async fn operations_are_optional_and_of_limited_length() {
    let [longest, too_long] = [10_000, 10_001].map(|length| "ä".repeat(length));
    let quoted = |operation: &str| json!({"operation": operation, "other": [1.5]}).to_string();
    let cases = [
        (String::new(), "in progress ".to_owned()),
        ("{}".to_owned(), "in progress ".to_owned()),
        (r#"{"operation": null}"#.to_owned(), "in progress ".to_owned()),
        (quoted(""), "in progress ".to_owned()),
        (r#"{"operation": 5.0}"#.to_owned(), "in progress 5.0".to_owned()),
        (r#"{"operation": ["x"]}"#.to_owned(), "in progress ".to_owned()),
        (quoted("a/b +c%d&e"), "in progress a/b +c%d&e".to_owned()),
        (quoted(&longest), format!("in progress {longest}")),
        (quoted(&too_long), "malformed".to_owned()),
    ];
    for operation in [Provision, Update, Deprovision, Bind, Unbind] {
        for (body, expected) in &cases {
            assert_eq!(outcome(operation, 202, body).await, *expected, "{operation:?}");
        }
    }
}
