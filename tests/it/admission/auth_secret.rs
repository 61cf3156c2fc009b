//! Which users may make the operator send a Secret's credentials to a broker?

use serde_json::{Value, json};

use super::{broker, expect};
use crate::namespace::{Namespace, PATIENCE, eventually, namespace, user};

/// A user who may write brokers of all kinds, instances and bindings, and read the Secret `readable`.
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
        limited.try_create(broker("Broker", namespace, auth("Broker", name, "basic", "readable"))).await
    })
    .await;
    limited
}

fn auth(kind: &str, namespace: &str, how: &str, secret: &str) -> Value {
    let reference = json!({"namespace": namespace, "name": secret});
    match kind {
        "Broker" => json!({"authInfo": {"basicAuthSecret": reference}}),
        "ClusterServiceBroker" => json!({"authInfo": {how: {"secretRef": reference}}}),
        // service-catalog's documents set a namespace, which is ignored.
        _ => json!({"authInfo": {how: {"secretRef": {"namespace": "ignored", "name": secret}}}}),
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
            let all =
                (kind == "ServiceBroker").then_some("is not allowed to get the Secrets of the namespace");
            expect(kind, limited.try_create(broker(json!({}))).await, all);
            expect(kind, limited.try_create(secret("readable")).await, all);
            expect(kind, limited.try_create(secret("other")).await, Some(&forbidden));

            // Without the right to read it, a user may not change the URL either, but may change everything else.
            namespace.create(secret("other")).await.unwrap();
            for (edit, error) in [
                (json!({"spec": {"url": "http://mine"}}), Some(forbidden.as_str())),
                (json!({"metadata": {"labels": {"a": "b"}}}), None),
                (json!({"metadata": {"finalizers": null}}), None),
                (json!({"spec": {"authInfo": null}}), all),
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

/// Otherwise such a user gets the values that instances of other users take from Secrets: they are sent to the new URL.
#[tokio::test]
async fn only_who_may_read_the_secrets_of_a_namespace_can_say_where_its_brokers_are() {
    let namespace = namespace().await;
    let limited = broker_admin(&namespace).await;
    let name = namespace.name.as_str();
    let here = broker("ServiceBroker", &namespace, json!({}));
    namespace.create(here.clone()).await.unwrap();
    let edits = [
        (json!({"url": "http://mine"}), true),
        (json!({"caBundle": "YQ=="}), true),
        (json!({"insecureSkipTLSVerify": true}), true),
        (auth("ServiceBroker", name, "basic", "readable"), true),
        (json!({"relistRequests": 1}), false),
        (json!({"relistDuration": "1h"}), false),
        (json!({"url": "http://broker"}), false),
    ];
    let forbidden = format!("{name} is not allowed to get the Secrets of the namespace {name}");
    for (spec, is_refused) in &edits {
        let edited = limited.try_patch("ServiceBroker", name, json!({"spec": spec})).await;
        expect(&spec.to_string(), edited, is_refused.then_some(forbidden.as_str()));
    }
    // Nor can they delete it, and create it elsewhere.
    expect("a new broker", limited.try_create(here).await, Some(&forbidden));
    let rules = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]);
    let reader = json!({"kind": "Role", "metadata": {"name": "reader"}, "rules": rules});
    namespace.create(reader).await.unwrap();
    let subjects = json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}]);
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"});
    let binding =
        json!({"kind": "RoleBinding", "metadata": {"name": "reader"}, "roleRef": role, "subjects": subjects});
    namespace.create(binding).await.unwrap();
    eventually("the role is in force", PATIENCE, async || {
        limited.try_patch("ServiceBroker", name, json!({"spec": {"url": "http://mine"}})).await
    })
    .await;
}
