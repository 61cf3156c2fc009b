use axum::http::StatusCode;
use scraper::Selector;
use serde_json::{Value, json};

use crate::console::testing::{Answer, Api, Browser, lines};

const ADDRESS: &str = "/ns/team/instances/my-db/delete";
const INSTANCE: &str = "/apis/servicecatalog.k8s.io/v1beta1/namespaces/team/serviceinstances/my-db";

async fn start(policy: &str) -> (Api, Browser) {
    let api = Api::default();
    let metadata = json!({"name": "my-db", "namespace": "team", "uid": "1", "resourceVersion": "7",
        "annotations": {"servicecatalog.k8s.io/deletion-policy": policy}});
    let object = json!({"apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance", "metadata": metadata,
        "spec": {"clusterServiceClassExternalName": "db", "clusterServicePlanExternalName": "small"}});
    api.store(INSTANCE, object);
    let browser = Browser::logged_in(&api).await;
    (api, browser)
}

fn commands(page: &Answer) -> String {
    page.html().select(&Selector::parse("pre").unwrap()).next().unwrap().text().collect()
}

/// Seen to fail when `Wait` sets nothing: the instance went with the policy that it had.
#[tokio::test]
async fn the_policy_is_the_chosen_one_whatever_was_set() {
    for (before, chosen, written) in [
        ("Retain", "wait", Some(Value::Null)),
        ("Retain", "retain", None),
        ("", "retain", Some(json!("Retain"))),
        ("", "wait", None),
    ] {
        let (api, mut browser) = start(before).await;
        let answer = browser.post_from(ADDRESS, ADDRESS, &[("policy", chosen)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{before:?} to {chosen:?}");
        let writes = api.writes();
        let (patch, delete) = (format!("PATCH {INSTANCE}"), format!("DELETE {INSTANCE}"));
        let wanted: Vec<&str> = written.iter().map(|_| patch.as_str()).chain([delete.as_str()]).collect();
        assert_eq!(lines(&writes), wanted, "{before:?} to {chosen:?}");
        if let Some(value) = written {
            assert_eq!(
                writes[0].body["metadata"]["annotations"]["servicecatalog.k8s.io/deletion-policy"],
                value
            );
        }
    }
}

#[tokio::test]
async fn each_choice_has_its_commands() {
    let (_, mut browser) = start("").await;
    let delete = "kubectl delete serviceinstances.servicecatalog.k8s.io my-db --namespace team";
    let patch = r#"kubectl patch serviceinstances.servicecatalog.k8s.io my-db --namespace team --type merge --patch '{"metadata":{"annotations":{"servicecatalog.k8s.io/deletion-policy":"Retain"}}}'"#;
    let wanted = format!(
        "# Wait until the bindings are deleted\n{delete}\n\n# Keep the service at the broker\n{patch}\n{delete}"
    );
    assert_eq!(commands(&browser.get(ADDRESS).await), wanted);
}
