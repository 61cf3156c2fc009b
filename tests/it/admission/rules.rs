//! The validation rules of the CRDs: required and immutable fields.

use serde_json::{Value, json};

use super::{binding, broker, expect, instance};
use crate::namespace::{PATIENCE, eventually, namespace};

#[tokio::test]
async fn an_instance_names_one_class_and_a_plan_in_the_same_way() {
    let namespace = namespace().await;
    let both = Some("instances can only refer to a cluster or namespaced class or plan type, but not both");
    let one = Some("exactly one class must be set");
    let same = Some("the plan must be named in the same way as the class");
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
        // Left out, it stays.
        (json!({"externalID": null}), None),
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

/// An injection that would make the API server reject pods is rejected here.
#[tokio::test]
async fn a_binding_that_cannot_be_injected_is_refused() {
    let namespace = namespace().await;
    let operators =
        Some("operator must be In or NotIn, with values, or Exists or DoesNotExist, without values");
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

/// Clients written in Go send every field of their structs, even empty ones. An object without its class, plan or
/// broker, and an invalid object that an older version has stored, must stay editable too.
#[tokio::test]
async fn an_object_can_always_be_labelled_and_let_go() {
    let namespace = namespace().await;
    let spec = json!({"clusterServiceClassExternalName": "gone", "clusterServiceClassRef": {"name": "gone"},
        "clusterServicePlanRef": {"name": "gone"}, "externalID": "id"});
    let both = [instance("db", spec), binding("db", json!({"instanceRef": {"name": "gone"}}))];
    for mut object in both {
        // The operator of other tests must not remove its finalizer.
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

/// The URL is in lists, in logs and in backups.
#[tokio::test]
async fn the_url_of_a_broker_has_no_credentials() {
    let namespace = namespace().await;
    let why = Some("store them in a Secret and refer to it in spec.authInfo");
    for (url, error) in [
        ("https://user:password@broker", why),
        ("https://token@broker/v", why),
        ("http://broker/a@b", None),
        ("http://broker", None),
    ] {
        for kind in ["ServiceBroker", "ClusterServiceBroker", "Broker"] {
            let spec = json!({"url": url});
            let object = json!({"kind": kind, "metadata": {"name": namespace.name}, "spec": spec});
            expect(&format!("{kind} {url}"), namespace.try_create(object).await, error);
        }
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
