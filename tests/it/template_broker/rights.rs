//! No user gets more than they have.

use serde_json::json;

use super::process::{desk_of, give, give_of};
use crate::few_namespaces;
use crate::scripted::INSTANCE;

/// A user who may create instances, but not the objects that they consist of.
#[tokio::test]
async fn what_a_user_may_not_is_told_and_nothing_is_created() {
    if few_namespaces::is_mode() {
        return;
    }
    let desk = desk_of("").await;
    let role = json!({"kind": "Role", "metadata": {"name": "orders"}, "rules": [
        {"apiGroups": ["servicecatalog.k8s.io"], "resources": ["*"], "verbs": ["*"]},
    ]});
    desk.env.create(role).await.unwrap();
    give_of(&desk.env, "jane", ("Role", "orders")).await;
    let spec =
        json!({"clusterServiceClassExternalName": "redis", "clusterServicePlanExternalName": "ephemeral"});
    desk.order("db", spec).await;
    let message =
        desk.env.until_says(INSTANCE, "db", "Failed=True ClusterServiceBrokerReturnedFailure").await;
    assert!(
        message.contains("cannot get resource") && message.contains(&format!("jane@{}", desk.env.name)),
        "{message}"
    );
    assert!(desk.env.list("Deployment").await.is_empty());

    // With the role, a change of the instance is enough.
    give(&desk.env, "jane", "edit").await;
    desk.user.patch(INSTANCE, "db", json!({"spec": {"updateRequests": 1}})).await.unwrap();
    desk.until_progress("db", "Deployment db").await;
    desk.run_pods().await;
    desk.env.until_ready(INSTANCE, "db").await;

    // The user leaves: the deletion still ends.
    desk.env.delete("RoleBinding", "jane-edit").await.unwrap();
    desk.env.delete(INSTANCE, "db").await.unwrap();
    desk.until_deleted("db").await;
    desk.nothing_is_left().await;
}
