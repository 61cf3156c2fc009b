//! Lines as a user reads them.

use super::*;

fn lines(object: &Object) -> [String; 2] {
    Language::ALL.map(|language| object.state().line(now(), language))
}

fn instance(conditions: &[Value], rest: &Value) -> Object {
    let mut status = json!({"conditions": conditions});
    status.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    Object::new(Kind::Instance, &json!({}), &status)
}

fn binding(conditions: &[Value], rest: &Value) -> Object {
    let mut status = json!({"conditions": conditions});
    status.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    Object::new(Kind::Binding, &json!({}), &status)
}

fn word(object: &Object) -> String {
    object.state().word.text(Language::English)
}

#[test]
fn a_failed_attempt_says_when_the_next_one_is() {
    let ready = condition("Ready", "False", "ProvisionCallFailed");
    let schedule = json!({"operation": {"failures": 3, "nextAttemptTime": "2026-01-01T12:02:00Z"}});
    let object = instance(&[ready], &schedule);
    let [english, chinese] = lines(&object);
    assert_eq!(
        english,
        "Waiting for the next attempt: The broker did not accept the request to create the instance. The \
         operator retries. If the message blames the request, edit the instance. Next attempt in 2 minutes."
    );
    assert_eq!(
        chinese,
        "等待重试：服务代理没有接受创建实例的请求。控制器会重试。如果消息指出请求有误，请编辑该实例。\
         2 分钟后进行下一次尝试。"
    );
    assert_eq!(object.state().failures, 3);
    assert_eq!(object.state().text.as_deref(), Some("What ProvisionCallFailed says"));
}

#[test]
fn a_running_operation_has_the_broker_s_words_and_its_deadline() {
    let mut ready = condition("Ready", "False", "Provisioning");
    ready["message"] = json!("The instance is being provisioned asynchronously (step 2 (of 3))");
    let object = instance(
        &[ready],
        &json!({"asyncOpInProgress": true, "operation": {"deadline": "2026-01-01T13:00:00Z"}}),
    );
    let state = object.state();
    assert_eq!(state.word, Word::Creating);
    assert_eq!(state.detail.as_deref(), Some("step 2 (of 3)"));
    assert_eq!(state.next, Some(Next { step: Step::Deadline, at: "2026-01-01T13:00:00Z".parse().unwrap() }));
    assert!(lines(&object)[0].ends_with("The operation ends in 1 hour at the latest."));
}

#[test]
fn an_orphan_comes_before_the_next_attempt() {
    let ready = condition("Ready", "False", "StartingInstanceOrphanMitigation");
    let rest = json!({
        "operation": {"nextAttemptTime": "2026-01-01T12:02:00Z"},
        "orphans": [{"id": "one", "operation": {"nextAttemptTime": "2026-01-01T12:01:00Z"}}],
    });
    let next = instance(&[ready], &rest).state().next.unwrap();
    assert_eq!(next.at.to_string(), "2026-01-01T12:01:00Z");
}

#[test]
fn of_several_things_the_most_important_one_is_said() {
    let ready = condition("Ready", "True", "ProvisionedSuccessfully");
    let upgrade = condition("UpgradeAvailable", "True", "MaintenanceAvailable");
    let renamed = condition("NameOutdated", "True", "RenamedInCatalog");
    let update = |reason| condition("Updated", "False", reason);
    let all = |first: Value| instance(&[first, renamed.clone(), upgrade.clone(), ready.clone()], &json!({}));
    assert_eq!(word(&all(update("UpdateInstanceCallFailed"))), "Ready – update failed");
    assert_eq!(word(&all(update("UpdatingInstance"))), "Updating");
    assert_eq!(word(&all(update("WaitingForBroker"))), "Ready – update waiting");
    assert_eq!(word(&all(condition("WriteRefused", "True", "RefusedByAPIServer"))), "Ready – write refused");
    assert_eq!(word(&all(condition("Other", "True", "Other"))), "Ready – upgrade available");
    assert_eq!(word(&instance(&[renamed, ready.clone()], &json!({}))), "Ready – renamed in the catalog");
    assert_eq!(word(&instance(&[ready], &json!({}))), "Ready");
}

#[test]
fn deleting_comes_before_paused_and_paused_before_failed() {
    let conditions = json!({"conditions": [
        condition("Paused", "True", "PausedByAnnotation"),
        condition("Ready", "False", "ProvisionCallFailed"),
        condition("Failed", "True", "ClusterServiceBrokerReturnedFailure"),
    ]});
    let object = |metadata| Object::new(Kind::Instance, &metadata, &conditions);
    assert_eq!(word(&object(json!({}))), "Paused");
    assert_eq!(word(&object(json!({"deletionTimestamp": NOW}))), "Deleting – paused");
}

#[test]
fn a_failed_instance_is_not_said_to_be_tried_again() {
    let conditions = [
        condition("Ready", "False", "ProvisionCallFailed"),
        condition("Failed", "True", "ClusterServiceBrokerReturnedFailure"),
    ];
    let [english, _] = lines(&instance(&conditions, &json!({})));
    assert!(english.starts_with("Failed: The broker refused"), "{english}");
    assert!(english.contains("does not retry"), "{english}");
}

#[test]
fn a_deletion_says_what_it_waits_for() {
    let object = |reason, status| {
        let status = json!({"conditions": [condition("Ready", status, reason)]});
        word(&Object::new(Kind::Instance, &json!({"deletionTimestamp": NOW}), &status))
    };
    assert_eq!(object("ProvisionedSuccessfully", "True"), "Deleting");
    assert_eq!(object("ProvisionCallFailed", "False"), "Deleting");
    assert_eq!(object("Deprovisioning", "False"), "Deleting");
    assert_eq!(object("ServiceBindingsDeletion", "False"), "Deleting");
    assert_eq!(
        object("DeprovisionBlockedByExistingCredentials", "False"),
        "Deleting – waiting for the bindings"
    );
    assert_eq!(object("DeprovisionCallFailed", "Unknown"), "Deleting – waiting for the next attempt");
    assert_eq!(object("WaitingForBroker", "False"), "Deleting – waiting for the broker");
    let class = "ReferencesNonexistentServiceClass";
    assert_eq!(object(class, "False"), "Deleting");
    assert_eq!(object(class, "Unknown"), "Deleting – waiting for the class");
}

#[test]
fn a_deletion_that_waits_for_orphans_says_why_they_stay() {
    let status = json!({"conditions": [
        condition("OrphanMitigation", "True", "OrphanMitigationFailed"),
        condition("Ready", "False", "DeletionWaitsForOrphanMitigation"),
    ]});
    let state = Object::new(Kind::Instance, &json!({"deletionTimestamp": NOW}), &status).state();
    assert_eq!(state.text.as_deref(), Some("What OrphanMitigationFailed says"));
    assert_eq!(state.word, Word::DeletionWaiting(Wait::Cleanup));
}

#[test]
fn an_object_without_a_report_suggests_after_a_while_that_the_operator_does_not_run() {
    for kind in Kind::ALL {
        let at = |created| Object::new(kind, &json!({"creationTimestamp": created}), &Value::Null);
        let (young, old) = (at("2026-01-01T11:59:50Z"), at("2026-01-01T11:59:00Z"));
        assert_eq!(word(&young), "Waiting for the operator");
        assert_eq!(word(&old), "Waiting for the operator");
        assert!(!lines(&young)[0].contains("may not be running"));
        assert!(lines(&old)[0].contains("may not be running"));
        assert!(lines(&old)[1].contains("可能未运行"));
    }
}

#[test]
fn a_ready_binding_says_which_pods_lack_it() {
    let ready = condition("Ready", "True", "InjectedBindResult");
    let with =
        |type_, status, reason| binding(&[condition(type_, status, reason), ready.clone()], &json!({}));
    assert_eq!(word(&with("RolledOut", "True", "RolledOut")), "Ready");
    assert_eq!(word(&with("RolledOut", "Unknown", "LookingForPods")), "Ready");
    assert_eq!(word(&with("RolledOut", "False", "Rolling")), "Ready – pods are being restarted");
    assert_eq!(word(&with("RolledOut", "False", "StalePods")), "Ready – pods lack the credentials");
    assert_eq!(word(&with("Injected", "False", "Collision")), "Ready – not injected everywhere");
    assert_eq!(word(&with("Injected", "True", "UnsafeVariables")), "Ready – unsafe variables");
    assert_eq!(word(&with("Rotated", "False", "Rotating")), "Ready – rotating credentials");
    assert_eq!(word(&with("Rotated", "False", "RotationFailed")), "Ready – rotation failed");
    assert_eq!(word(&with("Rotated", "False", "RotationWaiting")), "Ready – rotation waiting");
}

#[test]
fn credentials_expire_in_good_time_soon_or_have_expired() {
    let expiring = |rest| binding(&[condition("Ready", "True", "InjectedBindResult")], &rest);
    let at = |hour: u32| format!("2026-01-01T{hour:02}:00:00Z");
    let hours = |issued, expires| json!({"issuedAt": at(issued), "expiresAt": at(expires)});
    let (fresh, late, expired) = (expiring(hours(2, 20)), expiring(hours(1, 13)), expiring(hours(1, 12)));
    assert_eq!(word(&fresh), "Ready");
    assert!(lines(&fresh)[0].ends_with("The credentials expire in 8 hours."));
    assert_eq!(word(&late), "Ready – credentials expire soon");
    assert_eq!(word(&expired), "Credentials expired");
    let renewal = |at| expiring(json!({"renewBefore": at, "expiresAt": "2026-01-02T12:00:00Z"}));
    assert_eq!(word(&renewal("2026-01-01T12:00:00Z")), "Ready – credentials expire soon");
    assert_eq!(word(&renewal("2026-01-01T12:00:01Z")), "Ready");
}

#[test]
fn a_broker_says_whether_it_is_called_and_when_its_catalog_is_fetched() {
    let broker = |conditions: &[Value], generation: i64| {
        let object = json!({
            "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceBroker",
            "metadata": {"name": "b", "generation": generation, "creationTimestamp": NOW},
            "spec": {"url": "http://broker.example", "relistDuration": "15m"},
            "status": {"conditions": conditions, "reconciledGeneration": 1,
                "lastCatalogRetrievalTime": "2026-01-01T11:50:00Z"},
        });
        Object::read(Kind::Broker, object)
    };
    let ready = condition("Ready", "True", "FetchedCatalog");
    let failed = condition("Ready", "False", "ErrorFetchingCatalog");
    let suspended = condition("Available", "False", "BrokerUnauthorized");
    let rejected = condition("CatalogEntriesRejected", "True", "InvalidCatalogEntries");
    assert_eq!(
        lines(&broker(std::slice::from_ref(&ready), 1)),
        [
            "Ready: The broker's catalog is published. The catalog is fetched again in 5 minutes.",
            "就绪：服务代理的目录已发布。5 分钟后重新获取目录。"
        ]
    );
    assert_eq!(word(&broker(std::slice::from_ref(&ready), 2)), "Fetching the catalog");
    assert_eq!(word(&broker(std::slice::from_ref(&failed), 1)), "Catalog not fetched");
    assert_eq!(word(&broker(&[rejected, ready.clone()], 1)), "Ready – catalog entries rejected");
    assert_eq!(word(&broker(&[suspended.clone(), ready], 1)), "Ready – calls suspended");
    let unauthorised = broker(&[suspended, failed], 1);
    assert_eq!(word(&unauthorised), "Calls suspended");
    assert!(lines(&unauthorised)[0].contains("rejects the credentials"));
}

#[test]
fn a_reason_of_another_version_has_a_line_with_the_operator_s_message() {
    let object = instance(&[condition("Ready", "False", "Brand<New>")], &json!({}));
    let [english, chinese] = lines(&object);
    assert!(english.starts_with("Not ready: The operator reports “Brand<New>”"), "{english}");
    assert!(chinese.starts_with("未就绪：控制器报告了“Brand<New>”"), "{chinese}");
    assert_eq!(object.state().text.as_deref(), Some("What Brand<New> says"));
    let long = "x".repeat(10_000);
    let object = instance(&[condition("Ready", "False", &long)], &json!({}));
    assert!(lines(&object).iter().all(|line| line.len() < 1000));
    assert_eq!(object.state().text.unwrap().chars().count(), 4001);
}

#[test]
fn a_time_of_an_operation_that_the_object_does_not_wait_for_is_left_out() {
    let schedule = json!({"operation": {"deadline": "2026-01-01T13:00:00Z"}});
    assert_eq!(instance(&[condition("Ready", "False", "Provisioning")], &schedule).state().next, None);
    let schedule = json!({"operation": {"nextAttemptTime": "2026-01-01T13:00:00Z"}});
    assert_eq!(instance(&[condition("Ready", "False", "ErrorWithParameters")], &schedule).state().next, None);
}

#[test]
fn a_final_failure_of_service_catalog_0_3_is_not_said_to_be_tried_again() {
    let failed = condition("Failed", "True", "ServiceBindingNeedsOrphanMitigation");
    let [english, _] = lines(&binding(&[failed], &json!({})));
    assert!(english.starts_with("Failed: The last operation failed for good. The operator does not retry"));
}

#[test]
fn a_reason_says_something_else_where_it_means_something_else() {
    let of = |kind, type_: &str, status: &str, reason: &str| {
        let conditions = [condition(type_, status, reason), condition("Ready", "True", "Other")];
        let conditions = if type_ == "Ready" { &conditions[..1] } else { &conditions[..] };
        let object = Object::new(kind, &json!({}), &json!({"conditions": conditions}));
        object.state().line(now(), Language::English)
    };
    for (kind, type_, status, reason, expected) in [
        (Kind::Instance, "Ready", "False", "ErrorWithParameters", "Correct the parameters"),
        (Kind::Binding, "Ready", "False", "ErrorWithParameters", "create another binding"),
        (Kind::Instance, "Ready", "False", "ReferencesNonexistentServiceClass", "No class has this name"),
        (
            Kind::Instance,
            "Ready",
            "Unknown",
            "ReferencesNonexistentServiceClass",
            "keep the service at the broker",
        ),
        (Kind::Binding, "Ready", "False", "ReferencesNonexistentInstance", "when the instance is created"),
        (Kind::Binding, "Ready", "Unknown", "ReferencesNonexistentInstance", "abandon the binding"),
        (Kind::Binding, "Ready", "False", "CredentialsNotReturned", "Restore the Secret"),
        (Kind::Binding, "Rotated", "False", "CredentialsNotReturned", "new credentials at once"),
        (Kind::Binding, "Rotated", "False", "ErrorNonbindableServiceClass", "cannot be bound any more"),
        (Kind::Binding, "Injected", "False", "UnsafeVariables", "requests the credentials again"),
        (Kind::Binding, "Injected", "True", "UnsafeVariables", "Rename the variables"),
        (Kind::Binding, "OrphanMitigation", "True", "ServiceBindingNeedsOrphanMitigation", "were replaced"),
    ] {
        let line = of(kind, type_, status, reason);
        assert!(line.contains(expected), "{line}");
    }
}
