//! Is an object ready? An instance is when all its objects are.
//!
//! OpenShift waits only for objects with the annotation `template.alpha.openshift.io/wait-for-ready: "true"`. Here an
//! instance waits for each object whose kind can tell, unless the annotation is `"false"`. A `PersistentVolumeClaim`
//! never counts: with `WaitForFirstConsumer` it is bound only after a pod was scheduled. The entry point is
//! [`readiness()`].

use serde_json::Value;

use super::annotation;
use super::object::{
    annotation as annotation_of, api_version, at, describe, group, kind, list, number, text,
};
use super::pod::pod_problem;
use super::problem::one_line;

#[cfg(test)]
mod tests;

/// Whether an object is ready. The texts are for users and name the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is ready, or its kind cannot tell.
    Ready,
    /// It is not ready yet, for this reason.
    Waiting(String),
    /// It will not become ready, for this reason.
    Failed(String),
}

/// Whether a live object is ready.
pub fn readiness(object: &Value) -> Readiness {
    if annotation_of(object, annotation::WAIT_FOR_READY) == Some("false") {
        return Readiness::Ready;
    }
    match (group(api_version(object)), kind(object)) {
        ("apps", "Deployment") => deployment(object, "NewReplicaSetAvailable"),
        ("apps.openshift.io", "DeploymentConfig") => deployment(object, "NewReplicationControllerAvailable"),
        ("apps", "StatefulSet") => stateful_set(object),
        ("apps", "DaemonSet") => daemon_set(object),
        ("batch", "Job") => job(object),
        ("", "Pod") => pod(object),
        ("build.openshift.io", "Build") => build(object),
        ("route.openshift.io", "Route") => route(object),
        _ => Readiness::Ready,
    }
}

fn waiting(object: &Value, why: &str) -> Readiness {
    Readiness::Waiting(one_line(&format!("{}: {why}", describe(object))))
}

fn failed(object: &Value, why: &str) -> Readiness {
    Readiness::Failed(one_line(&format!("{}: {why}", describe(object))))
}

/// A condition of a status: whether it is `True`, its reason and its message.
struct Condition<'a> {
    is_true: bool,
    reason: &'a str,
    message: &'a str,
}

impl Condition<'_> {
    fn describe(&self) -> String {
        format!("{}: {}", self.reason, self.message)
    }
}

fn condition<'a>(status: &'a Value, wanted: &str) -> Option<Condition<'a>> {
    let found = list(status, &["conditions"]).find(|condition| text(condition, &["type"]) == Some(wanted))?;
    Some(Condition {
        is_true: text(found, &["status"]) == Some("True"),
        reason: text(found, &["reason"]).unwrap_or_default(),
        message: text(found, &["message"]).unwrap_or_default(),
    })
}

fn status(object: &Value) -> &Value {
    at(object, &["status"]).unwrap_or(&Value::Null)
}

/// Whether the status describes the current spec.
fn is_observed(object: &Value) -> bool {
    let observed = number(object, &["status", "observedGeneration"]).unwrap_or(0);
    number(object, &["metadata", "generation"]).is_none_or(|generation| observed >= generation)
}

const NOT_OBSERVED: &str = "its controller has not processed the change yet";

fn deployment(object: &Value, done: &str) -> Readiness {
    if !is_observed(object) {
        return waiting(object, NOT_OBSERVED);
    }
    let status = status(object);
    let progressing = condition(status, "Progressing");
    match &progressing {
        Some(progressing) if !progressing.is_true && progressing.reason != "DeploymentPaused" => {
            return failed(object, &progressing.describe());
        }
        _ => {}
    }
    let is_rolled_out = progressing.is_some_and(|progressing| progressing.reason == done);
    if is_rolled_out && condition(status, "Available").is_some_and(|available| available.is_true) {
        return Readiness::Ready;
    }
    let desired = number(object, &["spec", "replicas"]).unwrap_or(1);
    let mut why = ready_of(number(status, &["readyReplicas"]), desired);
    if let Some(failure) = condition(status, "ReplicaFailure").filter(|failure| failure.is_true) {
        why = format!("{why}: {}", failure.describe());
    }
    waiting(object, &why)
}

fn ready_of(ready: Option<i64>, desired: i64) -> String {
    format!("{} of {desired} ready", ready.unwrap_or(0))
}

fn stateful_set(object: &Value) -> Readiness {
    if !is_observed(object) {
        return waiting(object, NOT_OBSERVED);
    }
    let desired = number(object, &["spec", "replicas"]).unwrap_or(1);
    let strategy = ["spec", "updateStrategy"];
    let partition = number(object, &[&strategy[..], &["rollingUpdate", "partition"]].concat()).unwrap_or(0);
    let to_update = match text(object, &[&strategy[..], &["type"]].concat()) {
        Some("OnDelete") => 0,
        _ => desired - partition,
    };
    rollout(
        object,
        desired,
        number(object, &["status", "readyReplicas"]),
        (number(object, &["status", "updatedReplicas"]), to_update),
    )
}

fn daemon_set(object: &Value) -> Readiness {
    if !is_observed(object) {
        return waiting(object, NOT_OBSERVED);
    }
    let desired = number(object, &["status", "desiredNumberScheduled"]).unwrap_or(0);
    let to_update = match text(object, &["spec", "updateStrategy", "type"]) {
        Some("OnDelete") => 0,
        _ => desired,
    };
    rollout(
        object,
        desired,
        number(object, &["status", "numberReady"]),
        (number(object, &["status", "updatedNumberScheduled"]), to_update),
    )
}

fn rollout(object: &Value, desired: i64, ready: Option<i64>, updated: (Option<i64>, i64)) -> Readiness {
    let (updated, to_update) = updated;
    if ready.unwrap_or(0) < desired {
        return waiting(object, &ready_of(ready, desired));
    }
    let updated = updated.unwrap_or(0);
    if updated < to_update {
        return waiting(object, &format!("{updated} of {to_update} updated"));
    }
    Readiness::Ready
}

fn job(object: &Value) -> Readiness {
    let status = status(object);
    if condition(status, "Complete").is_some_and(|complete| complete.is_true) {
        return Readiness::Ready;
    }
    if let Some(failure) = condition(status, "Failed").filter(|failure| failure.is_true) {
        return failed(object, &failure.describe());
    }
    match number(status, &["failed"]).unwrap_or(0) {
        0 => waiting(object, "not completed"),
        attempts => waiting(object, &format!("not completed, {attempts} failed pods")),
    }
}

fn pod(object: &Value) -> Readiness {
    let status = status(object);
    let is_ready = condition(status, "Ready").is_some_and(|ready| ready.is_true);
    let problem = pod_problem(object);
    match text(status, &["phase"]) {
        Some("Succeeded") => Readiness::Ready,
        Some("Failed") => problem.map_or_else(|| failed(object, "failed"), Readiness::Failed),
        _ if is_ready => Readiness::Ready,
        _ => problem.map_or_else(|| waiting(object, "not ready"), Readiness::Waiting),
    }
}

fn build(object: &Value) -> Readiness {
    match text(object, &["status", "phase"]).unwrap_or_default() {
        "Complete" => Readiness::Ready,
        phase @ ("Failed" | "Error" | "Cancelled") => failed(object, phase),
        _ => waiting(object, "not completed"),
    }
}

fn route(object: &Value) -> Readiness {
    let admitted = list(object, &["status", "ingress"]).filter_map(|ingress| condition(ingress, "Admitted"));
    match admitted.reduce(|first, next| if first.is_true { first } else { next }) {
        Some(admitted) if admitted.is_true => Readiness::Ready,
        Some(refused) => waiting(object, &format!("not admitted: {}", refused.describe())),
        None => waiting(object, "not admitted"),
    }
}
