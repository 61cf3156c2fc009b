//! `spec.relistBehavior`: its default, and clients that leave it out.

use serde_json::{Value, json};

use super::broker;
use crate::namespace::namespace;

#[tokio::test]
async fn the_relist_behavior_is_written_down_and_kept_by_clients_that_do_not_care() {
    let namespace = namespace().await;
    for kind in ["ClusterServiceBroker", "ServiceBroker"] {
        for (given, written) in [
            (Value::Null, "Duration"),
            (json!(""), "Duration"),
            (json!("Duration"), "Duration"),
            (json!("Manual"), "Manual"),
        ] {
            let new = broker(kind, &namespace, json!({"relistBehavior": given}));
            let created = namespace.try_create(new).await.unwrap();
            assert_eq!(created["spec"]["relistBehavior"], written, "{kind} with {given}");
        }
        namespace.create(broker(kind, &namespace, json!({"relistBehavior": "Manual"}))).await.unwrap();
        for (given, written) in
            [(Value::Null, "Manual"), (json!(""), "Manual"), (json!("Duration"), "Duration")]
        {
            let patch = json!({"spec": {"relistBehavior": given}});
            let edited = namespace.try_patch(kind, &namespace.name, patch).await.unwrap();
            assert_eq!(edited["spec"]["relistBehavior"], written, "{kind} with {given}");
        }
        namespace.patch(kind, &namespace.name, json!({"metadata": {"finalizers": null}})).await.unwrap();
        namespace.delete(kind, &namespace.name).await.unwrap();
    }
}
