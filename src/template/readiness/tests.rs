#![expect(clippy::needless_pass_by_value, reason = "JSON is written where it is passed")]

use serde_json::{Value, json};

use super::{Readiness, readiness};

fn object(api_version: &str, kind: &str, spec: Value, status: Value) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind, "metadata": {"name": "redis", "generation": 2},
        "spec": spec, "status": status,
    })
}

fn condition(name: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": name, "status": status, "reason": reason, "message": message})
}

fn deployment(conditions: Value) -> Readiness {
    let status = json!({"observedGeneration": 2, "conditions": conditions});
    readiness(&object("apps/v1", "Deployment", json!({"replicas": 1}), status))
}

fn waiting(text: &str) -> Readiness {
    Readiness::Waiting(text.to_owned())
}

fn failed(text: &str) -> Readiness {
    Readiness::Failed(text.to_owned())
}

#[test]
fn a_deployment_is_ready_when_it_is_rolled_out_and_available() {
    let available = condition("Available", "True", "MinimumReplicasAvailable", "");
    let done = condition("Progressing", "True", "NewReplicaSetAvailable", "");
    let updating = condition("Progressing", "True", "ReplicaSetUpdated", "");
    assert_eq!(deployment(json!([available, done])), Readiness::Ready);
    assert_eq!(deployment(json!([available, updating])), waiting("Deployment redis: 0 of 1 ready"));
    assert_eq!(deployment(json!([done])), waiting("Deployment redis: 0 of 1 ready"));
    assert_eq!(deployment(json!(null)), waiting("Deployment redis: 0 of 1 ready"));
}

#[test]
fn a_deployment_that_makes_no_progress_has_failed() {
    let stuck = condition("Progressing", "False", "ProgressDeadlineExceeded", "timed out");
    assert_eq!(deployment(json!([stuck])), failed("Deployment redis: ProgressDeadlineExceeded: timed out"));
    let paused = condition("Progressing", "False", "DeploymentPaused", "");
    assert_eq!(deployment(json!([paused])), waiting("Deployment redis: 0 of 1 ready"));
}

#[test]
fn a_refused_pod_is_told() {
    let failure = condition("ReplicaFailure", "True", "FailedCreate", "exceeded\nquota");
    assert_eq!(
        deployment(json!([failure])),
        waiting("Deployment redis: 0 of 1 ready: FailedCreate: exceeded quota")
    );
}

#[test]
fn a_status_of_an_older_spec_does_not_count() {
    let available = condition("Available", "True", "", "");
    let done = condition("Progressing", "True", "NewReplicaSetAvailable", "");
    let status = json!({"observedGeneration": 1, "conditions": [available, done]});
    let text = "Deployment redis: its controller has not processed the change yet";
    assert_eq!(readiness(&object("apps/v1", "Deployment", json!({}), status)), waiting(text));
}

#[test]
fn a_stateful_set_is_ready_when_all_its_pods_are_and_are_new() {
    let of = |spec: Value, ready: i64, updated: i64| {
        let status = json!({"observedGeneration": 2, "readyReplicas": ready, "updatedReplicas": updated});
        readiness(&object("apps/v1", "StatefulSet", spec, status))
    };
    assert_eq!(of(json!({"replicas": 3}), 3, 3), Readiness::Ready);
    assert_eq!(of(json!({"replicas": 3}), 2, 3), waiting("StatefulSet redis: 2 of 3 ready"));
    assert_eq!(of(json!({"replicas": 3}), 3, 1), waiting("StatefulSet redis: 1 of 3 updated"));
    let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}});
    let partitioned = json!({"replicas": 3, "updateStrategy": strategy});
    assert_eq!(of(partitioned, 3, 1), Readiness::Ready);
    assert_eq!(of(json!({"updateStrategy": {"type": "OnDelete"}}), 1, 0), Readiness::Ready);
}

#[test]
fn a_daemon_set_is_ready_on_all_its_nodes() {
    let of = |ready: i64, updated: i64| {
        let status = json!({
            "observedGeneration": 2, "desiredNumberScheduled": 2, "numberReady": ready,
            "updatedNumberScheduled": updated,
        });
        readiness(&object("apps/v1", "DaemonSet", json!({}), status))
    };
    assert_eq!(of(2, 2), Readiness::Ready);
    assert_eq!(of(1, 2), waiting("DaemonSet redis: 1 of 2 ready"));
    assert_eq!(of(2, 0), waiting("DaemonSet redis: 0 of 2 updated"));
}

#[test]
fn a_job_is_ready_when_it_is_complete() {
    let of = |status: Value| readiness(&object("batch/v1", "Job", json!({}), status));
    assert_eq!(of(json!({"conditions": [condition("Complete", "True", "", "")]})), Readiness::Ready);
    assert_eq!(of(json!({"failed": 2})), waiting("Job redis: not completed, 2 failed pods"));
    assert_eq!(of(json!({})), waiting("Job redis: not completed"));
    let failure = condition("Failed", "True", "BackoffLimitExceeded", "Job has reached the limit");
    assert_eq!(
        of(json!({"conditions": [failure]})),
        failed("Job redis: BackoffLimitExceeded: Job has reached the limit")
    );
}

#[test]
fn a_pod_is_ready_when_it_says_so() {
    let of = |status: Value| readiness(&object("v1", "Pod", json!({}), status));
    assert_eq!(of(json!({"conditions": [condition("Ready", "True", "", "")]})), Readiness::Ready);
    assert_eq!(of(json!({"phase": "Succeeded"})), Readiness::Ready);
    assert_eq!(of(json!({"phase": "Failed"})), failed("Pod redis: failed"));
    assert_eq!(of(json!({"phase": "Failed", "reason": "Evicted"})), failed("Pod redis: Evicted"));
    assert_eq!(of(json!({"phase": "Pending"})), waiting("Pod redis: not ready"));
}

#[test]
fn openshifts_kinds_are_known() {
    let route = |status: &str| {
        let ingress = json!({"conditions": [condition("Admitted", status, "HostAlreadyClaimed", "taken")]});
        readiness(&object("route.openshift.io/v1", "Route", json!({}), json!({"ingress": [ingress]})))
    };
    assert_eq!(route("True"), Readiness::Ready);
    assert_eq!(route("False"), waiting("Route redis: not admitted: HostAlreadyClaimed: taken"));
    let build = |phase: &str| {
        readiness(&object("build.openshift.io/v1", "Build", json!({}), json!({"phase": phase})))
    };
    assert_eq!(build("Complete"), Readiness::Ready);
    assert_eq!(build("Failed"), failed("Build redis: Failed"));
    assert_eq!(build("Running"), waiting("Build redis: not completed"));
    let conditions = [
        condition("Available", "True", "", ""),
        condition("Progressing", "True", "NewReplicationControllerAvailable", ""),
    ];
    let status = json!({"observedGeneration": 2, "conditions": conditions});
    assert_eq!(
        readiness(&object("apps.openshift.io/v1", "DeploymentConfig", json!({}), status)),
        Readiness::Ready
    );
}

#[test]
fn other_kinds_and_excluded_objects_are_ready() {
    for (api_version, kind) in
        [("v1", "PersistentVolumeClaim"), ("v1", "Service"), ("example.com/v1", "Deployment")]
    {
        let pending = json!({"phase": "Pending"});
        assert_eq!(readiness(&object(api_version, kind, json!({}), pending)), Readiness::Ready);
    }
    let mut excluded = object("apps/v1", "Deployment", json!({}), json!({}));
    excluded["metadata"]["annotations"] = json!({"template.alpha.openshift.io/wait-for-ready": "false"});
    assert_eq!(readiness(&excluded), Readiness::Ready);
    assert_eq!(readiness(&json!("garbage")), Readiness::Ready);
}
