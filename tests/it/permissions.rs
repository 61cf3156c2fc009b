//! What the operator and the users may do by the roles of the chart, and what not.

use serde_json::json;
use service_catalog::crd;

use crate::cluster::{NAMESPACE, cluster};
use crate::namespace::{Namespace, PATIENCE, eventually, namespace, user};

/// Whether a user may do something, according to a `SubjectAccessReview`. A resource is written `group/resource`, a
/// subresource `group/resource/sub`, and a core resource `/resource`.
async fn may(user: &str, verb: &str, resource: &str, namespace: &str, name: &str) -> bool {
    let (group, resource) = resource.split_once('/').unwrap();
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review = json!({"kind": "SubjectAccessReview", "spec": {"user": user, "groups": ["system:authenticated"],
        "resourceAttributes": {"verb": verb, "group": group, "resource": resource, "subresource": subresource,
            "namespace": namespace, "name": name}}});
    let reviewer = Namespace { name: namespace.to_owned(), client: cluster().client().await };
    reviewer.create(review).await.unwrap()["status"]["allowed"] == true
}

#[tokio::test]
async fn the_operator_may_do_its_work_and_nothing_else() {
    let operator = format!("system:serviceaccount:{NAMESPACE}:service-catalog");
    let ours = |kind: &str| format!("servicecatalog.k8s.io/{kind}");
    for kind in ["clusterservicebrokers", "serviceinstances", "servicebindings"] {
        for verb in ["get", "list", "watch", "patch", "update", "create", "delete"] {
            assert!(may(&operator, verb, &ours(kind), "team", "").await, "{verb} {kind}");
        }
        for verb in ["deletecollection", "adopt"] {
            assert!(!may(&operator, verb, &ours(kind), "team", "").await, "{verb} {kind}");
        }
    }
    for kind in ["servicebrokers", "brokers", "instances", "bindings"] {
        for verb in ["get", "list", "watch", "patch", "update"] {
            assert!(may(&operator, verb, &ours(kind), "team", "").await, "{verb} {kind}");
        }
        for verb in ["create", "delete", "deletecollection"] {
            let cascades = (verb, kind) == ("delete", "bindings");
            assert_eq!(may(&operator, verb, &ours(kind), "team", "").await, cascades, "{verb} {kind}");
        }
    }
    for kind in ["clusterserviceclasses", "clusterserviceplans", "serviceclasses", "serviceplans"] {
        for verb in ["get", "list", "watch", "create", "patch", "update", "delete"] {
            assert!(may(&operator, verb, &ours(kind), "team", "").await, "{verb} {kind}");
        }
    }
    for definition in crd::all().iter().filter(|definition| definition.spec.group == crd::GROUP) {
        let status = ours(&format!("{}/status", definition.spec.names.plural));
        assert!(may(&operator, "patch", &status, "team", "").await, "{status}");
    }
    for (allowed, verb, resource, namespace, name) in [
        (true, "get", "/secrets", "team", ""),
        (true, "list", "/secrets", "", ""),
        (true, "watch", "/secrets", "", ""),
        (true, "create", "/secrets", "team", ""),
        (true, "update", "/secrets", "team", ""),
        (false, "patch", "/secrets", "team", ""),
        (true, "delete", "/secrets", "team", ""),
        (false, "deletecollection", "/secrets", "team", ""),
        (true, "get", "/namespaces", "", "team"),
        (true, "watch", "/namespaces", "", ""),
        (true, "patch", "/namespaces", "", "team"),
        (false, "update", "/namespaces", "", "team"),
        (false, "patch", "/namespaces/status", "", "team"),
        (true, "watch", "admissionregistration.k8s.io/mutatingadmissionpolicies", "", ""),
        (false, "delete", "admissionregistration.k8s.io/validatingadmissionpolicybindings", "", ""),
        (false, "get", "/configmaps", "team", ""),
        (true, "get", "/configmaps", NAMESPACE, "cluster-info"),
        (false, "get", "/configmaps", NAMESPACE, "another"),
        (true, "create", "coordination.k8s.io/leases", NAMESPACE, ""),
        (true, "get", "coordination.k8s.io/leases", NAMESPACE, "service-catalog"),
        (true, "update", "coordination.k8s.io/leases", NAMESPACE, "service-catalog"),
        (false, "update", "coordination.k8s.io/leases", NAMESPACE, "another"),
        (false, "create", "coordination.k8s.io/leases", "team", ""),
        (true, "create", "events.k8s.io/events", "team", ""),
        (true, "patch", "events.k8s.io/events", "team", ""),
        (false, "escalate", "rbac.authorization.k8s.io/clusterroles", "", ""),
        (false, "impersonate", "/users", "", ""),
    ] {
        let may = may(&operator, verb, resource, namespace, name).await;
        assert_eq!(may, allowed, "{verb} {resource} in {namespace}");
    }
}

#[tokio::test]
async fn the_operator_sees_pods_and_restarts_workloads_and_nothing_else() {
    let operator = format!("system:serviceaccount:{NAMESPACE}:service-catalog");
    for (allowed, verb, resource, namespace) in [
        (false, "delete", "/pods", "team"),
        (false, "get", "/pods", "team"),
        (false, "patch", "/pods", "team"),
        (true, "list", "/pods", ""),
        (true, "watch", "/pods", ""),
        (false, "create", "/pods/eviction", "team"),
        (true, "patch", "apps/daemonsets", "team"),
        (false, "create", "apps/deployments", "team"),
        (false, "delete", "apps/deployments", "team"),
        (false, "list", "apps/deployments", ""),
        (false, "update", "apps/deployments", "team"),
        (true, "get", "apps/deployments", "team"),
        (true, "patch", "apps/deployments", "team"),
        (false, "patch", "apps/replicasets", "team"),
        (true, "get", "apps/replicasets", "team"),
        (true, "patch", "apps/statefulsets", "team"),
        (false, "get", "batch/jobs", "team"),
    ] {
        assert_eq!(may(&operator, verb, resource, namespace, "").await, allowed, "{verb} {resource}");
    }
}

#[tokio::test]
async fn the_roles_of_the_cluster_include_ours() {
    let namespace = namespace().await;
    for role in ["view", "edit", "admin"] {
        let binding = json!({
            "kind": "RoleBinding", "metadata": {"name": role},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": role}],
        });
        namespace.create(binding).await.unwrap();
    }
    // A controller aggregates them.
    let admin = namespace.as_user(user("admin")).await;
    eventually("the roles are aggregated", PATIENCE, async || {
        admin.get("ServiceBroker", "x").await.map_or_else(
            |message| if message.contains("not found") { Ok(()) } else { Err(message) },
            |_| Ok(()),
        )
    })
    .await;
    for (role, verb, kind, allowed) in [
        ("view", "list", "serviceinstances", true),
        ("view", "get", "servicebrokers", true),
        ("view", "list", "serviceclasses", true),
        ("view", "create", "serviceinstances", false),
        ("edit", "list", "servicebindings", true),
        ("edit", "create", "serviceinstances", true),
        ("edit", "delete", "servicebindings", true),
        ("view", "list", "instances", true),
        ("view", "create", "bindings", false),
        ("edit", "create", "instances", true),
        ("edit", "delete", "bindings", true),
        ("edit", "create", "servicebrokers", false),
        ("edit", "create", "brokers", false),
        ("edit", "patch", "serviceinstances/status", false),
        ("edit", "adopt", "serviceinstances", false),
        ("admin", "adopt", "servicebindings", false),
        ("admin", "create", "serviceinstances", true),
        ("admin", "create", "servicebrokers", true),
        ("admin", "delete", "serviceclasses", false),
        ("admin", "create", "clusterservicebrokers", false),
        ("admin", "create", "brokers", false),
    ] {
        let resource = format!("servicecatalog.k8s.io/{kind}");
        assert_eq!(
            may(role, verb, &resource, &namespace.name, "").await,
            allowed,
            "{role} may {verb} {kind}"
        );
    }
}

/// Other systems select these objects by label.
#[tokio::test]
async fn implementations_of_service_binding_may_read_bindings() {
    let namespace = namespace().await;
    let role = namespace.get("ClusterRole", "service-catalog-provisioned-service").await.unwrap();
    assert_eq!(role["metadata"]["labels"]["servicebinding.io/controller"], "true");
    let rules = json!([{"apiGroups": ["servicecatalog.k8s.io"], "resources": ["servicebindings"],
        "verbs": ["get", "list", "watch"]}]);
    assert_eq!(role["rules"], rules);
    let label = "--selector=servicebinding.io/provisioned-service=true";
    let found = cluster().kubectl(&["get", "crd", label, "--output=name"]);
    let definition = "customresourcedefinition.apiextensions.k8s.io/servicebindings.servicecatalog.k8s.io\n";
    assert_eq!(String::from_utf8(found.stdout).unwrap(), definition);
}
