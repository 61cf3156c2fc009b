//! What the API server itself checks and fills in: the rules of the definitions, and the admission policies.

mod added_secret;
mod fixed_plan;
mod own_restart;
mod own_secret;
mod relist;
mod restrictions;

use std::collections::HashMap;

use kube::config::AuthInfo;
use serde_json::{Value, json};
use service_catalog::crd::names::{FINALIZER, LABEL_INJECTS};

use crate::cluster::NAMESPACE;
use crate::namespace::{Namespace, PATIENCE, eventually, namespace, user};

fn instance(name: &str, spec: Value) -> Value {
    json!({"kind": "ServiceInstance", "metadata": {"name": name}, "spec": spec})
}

fn binding(name: &str, spec: Value) -> Value {
    let mut binding = json!({"kind": "ServiceBinding", "metadata": {"name": name}, "spec": spec});
    if binding["spec"]["instanceRef"].is_null() {
        binding["spec"]["instanceRef"] = json!({"name": "instance"});
    }
    binding
}

fn alpha_instance(name: &str) -> Value {
    json!({"kind": "Instance", "metadata": {"name": name}, "spec": {"serviceClassName": "c"}})
}

fn alpha_binding(name: &str) -> Value {
    json!({"kind": "Binding", "metadata": {"name": name}, "spec": {"instanceRef": {"name": "i"}}})
}

/// A broker of any kind. Cluster-wide ones share their names, so these contain the test's.
fn broker(kind: &str, namespace: &Namespace, spec: Value) -> Value {
    let mut broker = json!({"kind": kind, "metadata": {"name": namespace.name}, "spec": spec});
    if broker["spec"]["url"].is_null() {
        broker["spec"]["url"] = "http://broker".into();
    }
    broker
}

/// Compares what the API server answers with what it should: nothing, or an error that says so.
fn expect(case: &str, answer: Result<Value, String>, error: Option<&str>) {
    match (answer, error) {
        (Ok(_), None) => {}
        (Ok(object), Some(error)) => panic!("{case}: accepted, should be refused with {error:?}: {object:#}"),
        (Err(message), None) => panic!("{case}: {message}"),
        (Err(message), Some(error)) => assert!(message.contains(error), "{case}: {message}"),
    }
}

#[tokio::test]
async fn an_instance_names_one_class_and_a_plan_in_the_same_way() {
    let namespace = namespace().await;
    let both = Some("instances can only refer to a cluster or namespaced class or plan type, but not both");
    let one = Some("exactly one class must be set");
    let same = Some("the plan must be named as the class is");
    for scope in ["cluster", ""] {
        let field = |name: &str| match scope {
            "" => name[..1].to_lowercase() + &name[1..],
            scope => format!("{scope}{name}"),
        };
        for flavour in ["ExternalName", "ExternalID", "Name"] {
            let class = field(&format!("ServiceClass{flavour}"));
            let plan = field(&format!("ServicePlan{flavour}"));
            let try_create = async |spec| namespace.try_create(instance("x", spec)).await;
            expect(&class, try_create(json!({&class: "c"})).await, None);
            expect(&class, try_create(json!({&class: "c", &plan: "p"})).await, None);
            expect(&class, try_create(json!({&class: "c", &plan: ""})).await, None);
            expect(&plan, try_create(json!({&plan: "p"})).await, one);
            expect(&class, try_create(json!({&class: "", &plan: "p"})).await, one);
            for other in ["ExternalName", "ExternalID", "Name"].into_iter().filter(|other| *other != flavour)
            {
                let (other_class, other_plan) =
                    (field(&format!("ServiceClass{other}")), field(&format!("ServicePlan{other}")));
                expect(&class, try_create(json!({&class: "c", &other_class: "c"})).await, one);
                expect(&class, try_create(json!({&class: "c", &other_plan: "p"})).await, same);
            }
        }
    }
    let mixed = json!({"clusterServiceClassName": "c", "servicePlanName": "p"});
    expect("both scopes", namespace.try_create(instance("x", mixed)).await, both);
    let mixed = json!({"clusterServiceClassName": "c", "serviceClassName": "c"});
    expect("both scopes", namespace.try_create(instance("x", mixed)).await, both);
    expect("nothing", namespace.try_create(instance("x", json!({}))).await, one);
}

#[tokio::test]
async fn the_class_of_an_instance_is_fixed_and_its_plan_is_not() {
    let namespace = namespace().await;
    let spec = json!({"clusterServiceClassExternalName": "c", "clusterServicePlanExternalName": "p", "externalID": "i"});
    namespace.create(instance("x", spec)).await.unwrap();
    let class = Some("the class is immutable");
    for (spec, error) in [
        (json!({"clusterServicePlanExternalName": "q"}), None),
        (json!({"clusterServicePlanExternalName": null}), None),
        (json!({"parameters": {"a": [1, {"b": null}]}}), None),
        (json!({"clusterServiceClassExternalName": "d"}), class),
        (
            json!({"clusterServiceClassExternalName": null, "clusterServiceClassName": "c",
            "clusterServicePlanExternalName": null}),
            class,
        ),
        (json!({"externalID": "j"}), Some("externalID is immutable")),
        (json!({"externalID": null}), Some("externalID is immutable")),
        (json!({"updateRequests": -1}), Some("updateRequests")),
    ] {
        let case = spec.to_string();
        expect(&case, namespace.try_patch("ServiceInstance", "x", json!({"spec": spec})).await, error);
    }
}

#[tokio::test]
async fn what_the_broker_gets_of_a_binding_is_fixed_and_the_rest_is_not() {
    let namespace = namespace().await;
    namespace.create(binding("x", json!({"parameters": {"a": 1}, "secretName": "s"}))).await.unwrap();
    for (spec, error) in [
        (json!({"podSelector": {"matchLabels": {"app": "web"}}, "injection": {"optional": true}}), None),
        (json!({"secretTransforms": [{"removeKey": {"key": "a"}}], "type": "postgresql"}), None),
        (json!({"externalID": ""}), None),
        (json!({"parametersFrom": []}), None),
        (json!({"parametersFrom": null}), None),
        (json!({"instanceRef": {"name": "other"}}), Some("instanceRef is immutable")),
        (json!({"parameters": {"a": 2}}), Some("parameters is immutable")),
        (json!({"parameters": null}), Some("parameters is immutable")),
        (
            json!({"parametersFrom": [{"secretKeyRef": {"name": "s", "key": "k"}}]}),
            Some("parametersFrom is immutable"),
        ),
        (json!({"secretName": "t"}), Some("secretName is immutable")),
        (json!({"externalID": "e"}), Some("externalID is immutable")),
    ] {
        let case = spec.to_string();
        expect(&case, namespace.try_patch("ServiceBinding", "x", json!({"spec": spec})).await, error);
    }
}

/// What is injected must not make a pod that the API server refuses, so it is refused here.
#[tokio::test]
async fn a_binding_that_cannot_be_injected_is_refused() {
    let namespace = namespace().await;
    let operators = Some("the operators are In and NotIn, which need values, and Exists and DoesNotExist");
    for (spec, error) in [
        (
            json!({"podSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}}),
            None,
        ),
        (json!({"podSelector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}), None),
        (json!({"podSelector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}), operators),
        (json!({"podSelector": {"matchExpressions": [{"key": "a", "operator": "NotIn"}]}}), operators),
        (
            json!({"podSelector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}}),
            operators,
        ),
        (json!({"podSelector": null, "injection": null}), None),
        (
            json!({"injection": {"env": [{"name": "A", "key": "a"}, {"name": "B", "key": ".a"}], "envFrom": {}}}),
            None,
        ),
        (
            json!({"injection": {"env": [{"name": "A", "key": "a"}, {"name": "A", "key": "b"}]}}),
            Some("Duplicate value"),
        ),
        (json!({"injection": {"env": [{"name": "A=B", "key": "a"}]}}), Some("spec.injection.env[0].name")),
        (json!({"injection": {"env": [{"name": "", "key": "a"}]}}), Some("spec.injection.env[0].name")),
        (json!({"injection": {"env": [{"name": "A", "key": "../a"}]}}), Some("spec.injection.env[0].key")),
        (json!({"injection": {"env": [{"name": "A", "key": ".."}]}}), Some("spec.injection.env[0].key")),
        (json!({"injection": {"envFrom": {"prefix": "1 "}}}), Some("spec.injection.envFrom.prefix")),
        (json!({"secretName": "Not A Name"}), Some("spec.secretName")),
    ] {
        let case = spec.to_string();
        expect(&case, namespace.try_create(binding("x", spec)).await, error);
    }
}

#[tokio::test]
async fn a_broker_says_how_it_is_reached() {
    let namespace = namespace().await;
    let secret = Some("an auth secret is required");
    for kind in ["ClusterServiceBroker", "ServiceBroker"] {
        for (spec, error) in [
            (json!({"relistBehavior": "Manual"}), None),
            (json!({"relistBehavior": "Never"}), Some("spec.relistBehavior")),
            (json!({"relistDuration": "1h30m"}), None),
            (json!({"relistDuration": "0s"}), Some("relistDuration must be a duration greater than zero")),
            (json!({"relistDuration": "-1m"}), Some("relistDuration must be a duration greater than zero")),
            (json!({"relistDuration": "daily"}), Some("relistDuration must be a duration greater than zero")),
            (json!({"relistRequests": -1}), Some("spec.relistRequests")),
            (json!({"insecureSkipTLSVerify": true}), None),
            (json!({"caBundle": "YQ=="}), None),
            (json!({"caBundle": "not base64!"}), Some("spec.caBundle")),
            (
                json!({"insecureSkipTLSVerify": true, "caBundle": "YQ=="}),
                Some("caBundle cannot be used when insecureSkipTLSVerify is true"),
            ),
            (json!({"authInfo": {}}), Some("auth config is required")),
            (json!({"authInfo": null}), None),
            (json!({"authInfo": {"basic": {}}}), secret),
            (json!({"authInfo": {"bearer": {"secretRef": null}}}), secret),
            (json!({"authInfo": {"basic": {"secretRef": {}}}}), Some("secretRef needs a")),
        ] {
            let case = format!("{kind} {spec}");
            expect(&case, namespace.try_create(broker(kind, &namespace, spec)).await, error);
        }
        let without = json!({"kind": kind, "metadata": {"name": "x"}, "spec": {}});
        expect(kind, namespace.try_create(without).await, Some("spec.url"));
    }
}

#[tokio::test]
async fn a_catalog_entry_says_what_and_whose_it_is() {
    let namespace = namespace().await;
    for (kind, spec, error) in [
        ("ClusterServiceClass", json!({"clusterServiceBrokerName": "b"}), None),
        ("ClusterServiceClass", json!({}), Some("clusterServiceBrokerName is required")),
        ("ServiceClass", json!({"serviceBrokerName": "b"}), None),
        ("ServiceClass", json!({"serviceBrokerName": ""}), Some("serviceBrokerName is required")),
        (
            "ClusterServicePlan",
            json!({"clusterServiceBrokerName": "b", "clusterServiceClassRef": {"name": "c"}}),
            None,
        ),
        (
            "ClusterServicePlan",
            json!({"clusterServiceBrokerName": "b", "clusterServiceClassRef": {}}),
            Some("an owning serviceclass is required"),
        ),
        ("ServicePlan", json!({"serviceBrokerName": "b", "serviceClassRef": {"name": "c"}}), None),
        ("ServicePlan", json!({"serviceBrokerName": "b"}), Some("an owning serviceclass is required")),
    ] {
        let case = format!("{kind} {spec}");
        let mut object = json!({"kind": kind, "metadata": {"name": "x"}, "spec": spec});
        object["spec"]["externalID"] = "id".into();
        expect(&case, namespace.try_create(object.clone()).await, Some("externalName is required"));
        object["spec"]["externalName"] = "name".into();
        expect(&case, namespace.try_create(object.clone()).await, error);
        object["spec"]["externalID"] = "".into();
        expect(&case, namespace.try_create(object).await, Some("externalID is required"));
    }
}

/// Clients written in Go send every field of their structs, also those they know nothing of.
/// Whatever has become of class, plan and broker, and however wrong an object is that an older version has stored.
#[tokio::test]
async fn an_object_can_always_be_labelled_and_let_go() {
    let namespace = namespace().await;
    let spec = json!({"clusterServiceClassExternalName": "gone", "clusterServiceClassRef": {"name": "gone"},
        "clusterServicePlanRef": {"name": "gone"}, "externalID": "id"});
    let both = [instance("db", spec), binding("db", json!({"instanceRef": {"name": "gone"}}))];
    for mut object in both {
        // The operator of other tests is not to let it go.
        object["metadata"]["annotations"] = json!({"servicecatalog.k8s.io/paused": "true"});
        namespace.create(object).await.unwrap();
    }
    let stuck = json!({"status": {"deprovisionStatus": "Failed", "currentOperation": "Deprovision", "conditions": []}});
    namespace.patch_status("ServiceInstance", "db", stuck).await.unwrap();
    for kind in ["ServiceInstance", "ServiceBinding"] {
        namespace.delete(kind, "db").await.unwrap();
        let edit = json!({"metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}}});
        let edited = namespace.patch(kind, "db", edit).await.unwrap();
        assert!(!edited["metadata"]["deletionTimestamp"].is_null(), "{edited:#}");
        let mut abandoned = edited;
        abandoned["metadata"]["finalizers"] = json!([]);
        namespace.replace(abandoned).await.unwrap();
        assert!(namespace.get(kind, "db").await.unwrap_err().contains("not found"));
    }
}

#[tokio::test]
async fn zero_values_of_go_clients_are_accepted() {
    let namespace = namespace().await;
    let broker_status = json!({"conditions": null, "reconciledGeneration": 0, "lastConditionState": ""});
    let objects = [
        json!({"kind": "ClusterServiceBroker", "spec": {"url": "http://b", "relistBehavior": "", "relistRequests": 0},
            "status": broker_status}),
        json!({"kind": "ServiceBroker", "spec": {"url": "http://b", "relistBehavior": "", "relistRequests": 0},
            "status": broker_status}),
        json!({"kind": "ClusterServiceClass", "spec": {"clusterServiceBrokerName": "b", "externalName": "n",
            "externalID": "i", "description": "", "bindable": false, "bindingRetrievable": false, "planUpdatable": false},
            "status": {"removedFromBrokerCatalog": false}}),
        json!({"kind": "ServicePlan", "spec": {"serviceBrokerName": "b", "serviceClassRef": {"name": "c"},
            "externalName": "n", "externalID": "i", "description": "", "free": false},
            "status": {"removedFromBrokerCatalog": false}}),
        json!({"kind": "ServiceInstance",
            "spec": {"clusterServiceClassExternalName": "c", "externalID": "", "updateRequests": 0},
            "status": {"conditions": null, "asyncOpInProgress": false, "orphanMitigationInProgress": false,
                "currentOperation": "", "reconciledGeneration": 0, "observedGeneration": 0, "provisionStatus": "",
                "deprovisionStatus": "", "lastConditionState": "", "userSpecifiedPlanName": "",
                "userSpecifiedClassName": ""}}),
        json!({"kind": "ServiceBinding",
            "spec": {"instanceRef": {"name": "i"}, "externalID": "", "secretTransforms": [{"addKey":
                {"key": "x", "value": null, "stringValue": null, "jsonPathExpression": "{.a}"}}]},
            "status": {"conditions": null, "asyncOpInProgress": false, "currentOperation": "",
                "reconciledGeneration": 0, "orphanMitigationInProgress": false, "unbindStatus": "",
                "lastConditionState": ""}}),
    ];
    for mut object in objects {
        let kind = object["kind"].as_str().unwrap().to_owned();
        object["metadata"] = json!({"name": namespace.name, "creationTimestamp": null});
        let status = object["status"].clone();
        namespace.create(object).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
        eventually("it is replaced between two writes of the operator", PATIENCE, async || {
            let mut object = namespace.get(&kind, &namespace.name).await?;
            object["status"] = status.clone();
            object["metadata"]["creationTimestamp"] = Value::Null;
            if kind.ends_with("Broker") {
                object["spec"]["relistRequests"] = 0.into();
            }
            namespace.replace(object).await
        })
        .await;
    }
}

#[tokio::test]
async fn what_stands_for_something_at_a_broker_gets_the_finalizer() {
    let namespace = namespace().await;
    for object in [
        broker("ClusterServiceBroker", &namespace, json!({})),
        broker("ServiceBroker", &namespace, json!({})),
        instance("x", json!({"serviceClassName": "c"})),
        binding("x", json!({})),
        broker("Broker", &namespace, json!({})),
        alpha_instance("x"),
        alpha_binding("x"),
    ] {
        let kind = object["kind"].as_str().unwrap().to_owned();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        for (given, kept) in [
            (json!(null), json!([FINALIZER])),
            (json!([]), json!([FINALIZER])),
            (json!(["example.com/mine"]), json!(["example.com/mine", FINALIZER])),
            (json!([FINALIZER, "example.com/mine"]), json!([FINALIZER, "example.com/mine"])),
        ] {
            let mut object = object.clone();
            object["metadata"]["finalizers"] = given;
            assert_eq!(namespace.try_create(object).await.unwrap()["metadata"]["finalizers"], kept, "{kind}");
        }
        namespace.create(object).await.unwrap();
        // This is how an object is abandoned. No update puts the finalizer back.
        let abandon = json!({"metadata": {"finalizers": null, "labels": {"a": "b"}}});
        let abandoned = namespace.try_patch(&kind, &name, abandon).await.unwrap();
        assert_eq!(abandoned["metadata"]["finalizers"], Value::Null, "{kind}");
    }
}

/// Somebody with all that can be said of a user, who may do everything.
fn alice() -> AuthInfo {
    AuthInfo {
        impersonate: Some("alice".to_owned()),
        impersonate_uid: Some("42".to_owned()),
        impersonate_groups: Some(vec!["team".to_owned(), "system:masters".to_owned()]),
        impersonate_user_extra: Some(HashMap::from([(
            "scopes".to_owned(),
            vec!["a".to_owned(), "b".to_owned()],
        )])),
        ..AuthInfo::default()
    }
}

fn alice_as_brokers_see_her() -> Value {
    json!({"username": "alice", "uid": "42", "groups": ["team", "system:masters", "system:authenticated"],
        "extra": {"scopes": ["a", "b"]}})
}

fn admin_as_brokers_see_them() -> Value {
    json!({"username": "admin", "uid": "admin", "groups": ["system:masters", "system:authenticated"], "extra": {}})
}

#[tokio::test]
async fn who_creates_something_is_written_down_whatever_they_say() {
    let namespace = namespace().await;
    let alice = namespace.as_user(alice()).await;
    let forged = json!({"username": "forged", "groups": ["system:masters"]});
    let objects = [
        instance("x", json!({"serviceClassName": "c"})),
        binding("x", json!({})),
        alpha_instance("x"),
        alpha_binding("x"),
    ];
    for object in objects {
        let mut claim = object.clone();
        claim["spec"]["userInfo"] = forged.clone();
        for object in [object, claim] {
            let created = alice.try_create(object).await.unwrap();
            assert_eq!(created["spec"]["userInfo"], alice_as_brokers_see_her());
        }
    }
    // Who has no uid and no extra has empty ones.
    let mut bob = user("bob");
    bob.impersonate_groups = Some(vec!["system:masters".to_owned()]);
    let created = namespace.as_user(bob).await.try_create(binding("x", json!({}))).await.unwrap();
    let seen = json!({"username": "bob", "uid": "", "groups": ["system:masters", "system:authenticated"], "extra": {}});
    assert_eq!(created["spec"]["userInfo"], seen);
}

#[tokio::test]
async fn who_changes_an_instance_is_written_down_unless_it_is_the_operator() {
    let namespace = namespace().await;
    let alice = namespace.as_user(alice()).await;
    let mut operator = user(&format!("system:serviceaccount:{NAMESPACE}:service-catalog"));
    operator.impersonate_groups = Some(vec!["system:authenticated".to_owned()]);
    let operator = namespace.as_user(operator).await;
    namespace.create(instance("x", json!({"clusterServiceClassName": "c"}))).await.unwrap();

    // Metadata are not the spec.
    let labelled =
        alice.patch("ServiceInstance", "x", json!({"metadata": {"labels": {"a": "b"}}})).await.unwrap();
    assert_eq!(labelled["spec"]["userInfo"], admin_as_brokers_see_them());
    // Nor is what the operator finds.
    let found = json!({"spec": {"clusterServiceClassRef": {"name": "c"}}});
    let found = operator.patch("ServiceInstance", "x", found).await.unwrap();
    assert_eq!(found["spec"]["clusterServiceClassRef"]["name"], "c");
    assert_eq!(found["spec"]["userInfo"], admin_as_brokers_see_them());

    namespace.create(alpha_instance("x")).await.unwrap();
    for kind in ["ServiceInstance", "Instance"] {
        for edit in [
            json!({"parameters": {"a": 1}}),
            json!({"userInfo": {"username": "forged"}}),
            json!({"userInfo": null}),
        ] {
            let edited = alice.try_patch(kind, "x", json!({"spec": edit})).await.unwrap();
            assert_eq!(edited["spec"]["userInfo"], alice_as_brokers_see_her(), "{kind}");
        }
    }
}

/// What stands behind an object of the alpha API is that object's author's.
#[tokio::test]
async fn the_operator_creates_things_on_behalf_of_others_and_never_on_its_own() {
    let namespace = namespace().await;
    let mut operator = user(&format!("system:serviceaccount:{NAMESPACE}:service-catalog"));
    operator.impersonate_groups = Some(vec!["system:authenticated".to_owned()]);
    let operator = namespace.as_user(operator).await;
    for object in [instance("x", json!({"clusterServiceClassName": "c"})), binding("x", json!({}))] {
        let nobody = operator.try_create(object.clone()).await.unwrap();
        assert_eq!(nobody["spec"].get("userInfo"), None);
        let mut for_alice = object;
        for_alice["spec"]["userInfo"] = alice_as_brokers_see_her();
        let for_alice = operator.try_create(for_alice).await.unwrap();
        assert_eq!(for_alice["spec"]["userInfo"], alice_as_brokers_see_her());
    }
}

#[tokio::test]
async fn a_binding_stays_with_who_created_it() {
    let namespace = namespace().await;
    namespace.create(binding("x", json!({}))).await.unwrap();
    namespace.create(alpha_binding("x")).await.unwrap();
    let alice = namespace.as_user(alice()).await;
    for (kind, edit) in
        [("ServiceBinding", json!({"type": "mysql"})), ("Binding", json!({"labels": {"a": "b"}}))]
    {
        for edit in [edit, json!({"userInfo": {"username": "forged"}}), json!({"userInfo": null})] {
            let edited = alice.try_patch(kind, "x", json!({"spec": edit})).await.unwrap();
            assert_eq!(edited["spec"]["userInfo"], admin_as_brokers_see_them(), "{kind}");
        }
    }
}

#[tokio::test]
async fn a_counter_is_kept_by_clients_that_do_not_care_and_never_goes_down() {
    let namespace = namespace().await;
    let counters = [
        ("relistRequests", broker("ClusterServiceBroker", &namespace, json!({"relistRequests": 3}))),
        ("relistRequests", broker("ServiceBroker", &namespace, json!({"relistRequests": 3}))),
        ("updateRequests", instance("x", json!({"serviceClassName": "c", "updateRequests": 3}))),
    ];
    for (counter, object) in counters {
        let kind = object["kind"].as_str().unwrap().to_owned();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let created = namespace.create(object).await.unwrap();
        for (value, result) in [(json!(0), 3), (json!(null), 3), (json!(3), 3), (json!(4), 4)] {
            let edited = namespace.try_patch(&kind, &name, json!({"spec": {counter: value}})).await.unwrap();
            assert_eq!(edited["spec"][counter], result, "{kind} with {value}");
        }
        let lower = namespace.try_patch(&kind, &name, json!({"spec": {counter: 2}})).await;
        assert!(lower.as_ref().is_err_and(|error| error.contains(counter)), "{kind}: {lower:?}");
        // It is no change by itself, so it does not make the requester the one who changed the instance.
        let alice = namespace.as_user(alice()).await;
        let reset = alice.patch(&kind, &name, json!({"spec": {counter: 0}})).await.unwrap();
        assert_eq!(reset["metadata"]["generation"], created["metadata"]["generation"], "{kind}");
    }
}

#[tokio::test]
async fn the_secret_of_a_binding_has_its_name_unless_it_says_otherwise() {
    let namespace = namespace().await;
    for (given, name) in [(json!(null), "x"), (json!(""), "x"), (json!("other"), "other")] {
        let created = namespace.try_create(binding("x", json!({"secretName": given}))).await.unwrap();
        assert_eq!(created["spec"]["secretName"], name);
    }
    // The name is generated after admission.
    let mut generated = binding("", json!({}));
    generated["metadata"] = json!({"generateName": "x-"});
    let created = namespace.try_create(generated).await.unwrap();
    assert_eq!(created["spec"].get("secretName"), None);
}

#[tokio::test]
async fn bindings_that_inject_are_labelled_and_no_others() {
    let namespace = namespace().await;
    let selects = json!({"matchLabels": {"app": "web"}});
    let label = |object: &Value| object["metadata"]["labels"][LABEL_INJECTS].clone();
    for (selector, labelled) in [
        (json!(null), Value::Null),
        (json!({}), Value::Null),
        (json!({"matchLabels": {}, "matchExpressions": []}), Value::Null),
        (json!({"matchExpressions": [{"key": "a", "operator": "Exists"}]}), json!("true")),
        (selects.clone(), json!("true")),
    ] {
        for labels in [json!(null), json!({"a": "b"}), json!({LABEL_INJECTS: "true", "a": "b"})] {
            let mut object = binding("x", json!({"podSelector": selector}));
            object["metadata"]["labels"] = labels.clone();
            let created = namespace.try_create(object).await.unwrap();
            assert_eq!(label(&created), labelled, "{selector} with {labels}");
            assert_eq!(created["metadata"]["labels"]["a"], labels["a"], "{selector} with {labels}");
        }
    }
    namespace.create(binding("x", json!({}))).await.unwrap();
    let patch = async |patch: Value| label(&namespace.patch("ServiceBinding", "x", patch).await.unwrap());
    assert_eq!(patch(json!({"spec": {"podSelector": selects}})).await, "true");
    assert_eq!(patch(json!({"metadata": {"labels": null}})).await, "true");
    assert_eq!(patch(json!({"spec": {"podSelector": null}})).await, Value::Null);
    assert_eq!(patch(json!({"metadata": {"labels": {LABEL_INJECTS: "true"}}})).await, Value::Null);
}

/// Somebody who may write brokers of both kinds and bindings, and read the Secret `readable`.
async fn broker_admin(namespace: &Namespace) -> Namespace {
    let name = &namespace.name;
    let subjects = json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}]);
    let reference = |kind: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name});
    for object in [
        json!({"kind": "ClusterRole", "metadata": {"name": name}, "rules": [{"apiGroups": ["servicecatalog.k8s.io"],
            "resources": ["clusterservicebrokers", "servicebrokers", "brokers", "servicebindings"], "verbs": ["*"]}]}),
        json!({"kind": "ClusterRoleBinding", "metadata": {"name": name}, "roleRef": reference("ClusterRole"),
            "subjects": subjects}),
        json!({"kind": "Role", "metadata": {"name": name}, "rules": [{"apiGroups": [""], "resources": ["secrets"],
            "resourceNames": ["readable"], "verbs": ["get"]}]}),
        json!({"kind": "RoleBinding", "metadata": {"name": name}, "roleRef": reference("Role"), "subjects": subjects}),
    ] {
        namespace.create(object).await.unwrap();
    }
    let limited = namespace.as_user(user(name)).await;
    // RBAC has caches, too.
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
            let forbidden =
                format!("{name} may not read Secret {name}/other, which the broker's authInfo names");
            expect(kind, limited.try_create(broker(json!({}))).await, None);
            expect(kind, limited.try_create(secret("readable")).await, None);
            expect(kind, limited.try_create(secret("other")).await, Some(&forbidden));

            // Who may not read it may not send it elsewhere either, but may do everything else.
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
    // One that can be read does not help another that cannot.
    let mut both = auth("ServiceBroker", name, "basic", "readable");
    both["authInfo"]["bearer"] = json!({"secretRef": {"name": "other"}});
    let refused = limited.try_create(broker("ServiceBroker", &namespace, both)).await;
    expect("both", refused, Some(&format!("may not read Secret {name}/readable and {name}/other")));
    // The same name in a namespace that is not theirs.
    for kind in ["ClusterServiceBroker", "Broker"] {
        let elsewhere = auth(kind, "default", "basic", "readable");
        let refused = limited.try_create(broker(kind, &namespace, elsewhere)).await;
        expect("elsewhere", refused, Some("may not read Secret default/readable"));
    }
}
