//! Which users may make the operator send a Secret's credentials to a broker?

use serde_json::{Value, json};

use super::{broker, expect};
use crate::namespace::{Namespace, PATIENCE, eventually, namespace, user};

/// A user who may write brokers of both kinds, instances and bindings, and read the Secret `readable`.
pub(super) async fn broker_admin(namespace: &Namespace) -> Namespace {
    let name = &namespace.name;
    let subjects = json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}]);
    let reference = |kind: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name});
    for object in [
        json!({"kind": "ClusterRole", "metadata": {"name": name}, "rules": [{"apiGroups": ["servicecatalog.k8s.io"],
            "resources": ["clusterservicebrokers", "servicebrokers", "brokers", "serviceinstances", "servicebindings"],
            "verbs": ["*"]}]}),
        json!({"kind": "ClusterRoleBinding", "metadata": {"name": name}, "roleRef": reference("ClusterRole"),
            "subjects": subjects}),
        json!({"kind": "Role", "metadata": {"name": name}, "rules": [{"apiGroups": [""], "resources": ["secrets"],
            "resourceNames": ["readable", "readable-1", "readable-2"], "verbs": ["get"]}]}),
        json!({"kind": "RoleBinding", "metadata": {"name": name}, "roleRef": reference("Role"), "subjects": subjects}),
    ] {
        namespace.create(object).await.unwrap();
    }
    let limited = namespace.as_user(user(name)).await;
    // The RBAC authorizer has caches.
    eventually("the roles are in force", PATIENCE, async || {
        limited
            .try_create(broker("ServiceBroker", namespace, auth("ServiceBroker", name, "basic", "readable")))
            .await
    })
    .await;
    limited
}

fn auth(kind: &str, namespace: &str, how: &str, secret: &str) -> Value {
    let reference = json!({"namespace": namespace, "name": secret});
    match kind {
        "Broker" => json!({"authInfo": {"basicAuthSecret": reference}}),
        "ClusterServiceBroker" => json!({"authInfo": {how: {"secretRef": reference}}}),
        _ => json!({"authInfo": {how: {"secretRef": {"name": secret}}}}),
    }
}

#[tokio::test]
async fn only_who_may_read_a_secret_can_point_a_broker_at_it() {
    let namespace = namespace().await;
    let limited = broker_admin(&namespace).await;
    let name = &namespace.name;
    for kind in ["ClusterServiceBroker", "ServiceBroker", "Broker"] {
        for how in ["basic", "bearer"] {
            let broker = |spec: Value| {
                let mut broker = broker(kind, &namespace, spec);
                broker["metadata"]["name"] = format!("{name}-{how}").into();
                broker
            };
            let secret = |secret: &str| broker(auth(kind, name, how, secret));
            let forbidden = format!(
                "{name} is not allowed to get Secret {name}/other, which spec.authInfo references: request that \
                 permission, or use another Secret"
            );
            expect(kind, limited.try_create(broker(json!({}))).await, None);
            expect(kind, limited.try_create(secret("readable")).await, None);
            expect(kind, limited.try_create(secret("other")).await, Some(&forbidden));

            // Without the right to read it, a user may not change the URL either, but may change everything else.
            namespace.create(secret("other")).await.unwrap();
            for (edit, error) in [
                (json!({"spec": {"url": "http://mine"}}), Some(forbidden.as_str())),
                (json!({"metadata": {"labels": {"a": "b"}}}), None),
                (json!({"metadata": {"finalizers": null}}), None),
                (json!({"spec": {"authInfo": null}}), None),
            ] {
                let case = format!("{kind} {edit}");
                expect(&case, limited.try_patch(kind, &format!("{name}-{how}"), edit).await, error);
            }
        }
    }
    // Access to one Secret does not grant access to another.
    let mut both = auth("ServiceBroker", name, "basic", "readable");
    both["authInfo"]["bearer"] = json!({"secretRef": {"name": "other"}});
    let refused = limited.try_create(broker("ServiceBroker", &namespace, both)).await;
    expect("both", refused, Some(&format!("is not allowed to get Secret {name}/readable and {name}/other")));
    // The same name in another namespace.
    for kind in ["ClusterServiceBroker", "Broker"] {
        let elsewhere = auth(kind, "default", "basic", "readable");
        let refused = limited.try_create(broker(kind, &namespace, elsewhere)).await;
        expect("elsewhere", refused, Some("is not allowed to get Secret default/readable"));
    }
}
