//! Why is a pod not ready? The most telling reason, for users who see neither pods nor events.

use serde_json::Value;

use super::object::{at, describe, list, number, text};
use super::problem::one_line;

/// Reasons of a container that is starting normally.
const STARTING: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// What is wrong with a live pod, for example `Pod redis-0: ImagePullBackOff: Back-off pulling image …`. `None` if it
/// runs, starts, or is being deleted. Messages of terminated containers are left out: they may quote a log.
pub fn pod_problem(pod: &Value) -> Option<String> {
    if at(pod, &["metadata", "deletionTimestamp"]).is_some_and(|time| !time.is_null()) {
        return None;
    }
    let containers = ["initContainerStatuses", "containerStatuses"]
        .into_iter()
        .flat_map(|statuses| list(pod, &["status", statuses]));
    let problem = evicted(pod).or_else(|| unschedulable(pod)).or_else(|| containers_problem(containers))?;
    Some(one_line(&format!("{}: {problem}", describe(pod))))
}

fn evicted(pod: &Value) -> Option<String> {
    let reason =
        text(pod, &["status", "reason"]).filter(|_| text(pod, &["status", "phase"]) == Some("Failed"))?;
    Some(with_message(reason, text(pod, &["status", "message"])))
}

fn unschedulable(pod: &Value) -> Option<String> {
    let condition = list(pod, &["status", "conditions"]).find(|condition| {
        text(condition, &["type"]) == Some("PodScheduled") && text(condition, &["status"]) == Some("False")
    })?;
    Some(with_message(text(condition, &["reason"])?, text(condition, &["message"])))
}

/// The problem of a container that cannot start, else of one that ended with an error.
fn containers_problem<'a>(containers: impl Iterator<Item = &'a Value>) -> Option<String> {
    let mut ended = None;
    for container in containers {
        if let Some(problem) = cannot_start(container) {
            return Some(problem);
        }
        ended = ended.or_else(|| exit(container, at(container, &["state", "terminated"])?));
    }
    ended
}

fn cannot_start(container: &Value) -> Option<String> {
    let waiting = at(container, &["state", "waiting"])?;
    let reason = text(waiting, &["reason"]).filter(|reason| !STARTING.contains(reason))?;
    let last_exit = at(container, &["lastState", "terminated"]).and_then(|state| exit(container, state));
    match last_exit {
        Some(last_exit) if reason == "CrashLoopBackOff" => Some(format!("{reason}: {last_exit}")),
        _ => Some(with_message(reason, text(waiting, &["message"]))),
    }
}

fn exit(container: &Value, terminated: &Value) -> Option<String> {
    let name = text(container, &["name"]).unwrap_or("?");
    let code = number(terminated, &["exitCode"]).filter(|code| *code != 0)?;
    let reason = text(terminated, &["reason"]).filter(|reason| *reason != "Error");
    let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    Some(format!("the container {name} ended with exit code {code}{reason}"))
}

fn with_message(reason: &str, message: Option<&str>) -> String {
    match message {
        Some(message) if !message.is_empty() => format!("{reason}: {message}"),
        _ => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_pass_by_value, reason = "JSON is written where it is passed")]

    use serde_json::json;

    use super::*;

    fn pod(status: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "redis-1"}, "status": status})
    }

    fn container(state: Value, last: Value) -> Value {
        json!({"name": "main", "state": state, "lastState": last})
    }

    fn problem(status: Value) -> Option<String> {
        pod_problem(&pod(status))
    }

    #[test]
    fn a_container_that_cannot_start_tells_why() {
        let waiting =
            |reason: &str, message: &str| json!({"waiting": {"reason": reason, "message": message}});
        let of = |state: Value, last: Value| problem(json!({"containerStatuses": [container(state, last)]}));
        assert_eq!(
            of(waiting("ImagePullBackOff", "Back-off pulling\nimage \"x\""), json!({})).as_deref(),
            Some("Pod redis-1: ImagePullBackOff: Back-off pulling image \"x\"")
        );
        let last = json!({"terminated": {"exitCode": 1, "reason": "Error", "message": "password=hunter2"}});
        assert_eq!(
            of(waiting("CrashLoopBackOff", "back-off 5m0s restarting"), last).as_deref(),
            Some("Pod redis-1: CrashLoopBackOff: the container main ended with exit code 1")
        );
        let last = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        assert_eq!(
            of(json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}), last).as_deref(),
            Some("Pod redis-1: the container main ended with exit code 137 (OOMKilled)")
        );
        assert_eq!(of(waiting("ContainerCreating", ""), json!({})), None);
        assert_eq!(of(json!({"running": {}}), json!({})), None);
    }

    #[test]
    fn init_containers_count() {
        let waiting =
            json!({"waiting": {"reason": "CreateContainerConfigError", "message": "secret \"x\" not found"}});
        let status = json!({
            "initContainerStatuses": [container(waiting, json!({}))],
            "containerStatuses": [container(json!({"waiting": {"reason": "PodInitializing"}}), json!({}))],
        });
        assert_eq!(
            problem(status).as_deref(),
            Some("Pod redis-1: CreateContainerConfigError: secret \"x\" not found")
        );
    }

    #[test]
    fn a_pod_without_a_node_tells_why() {
        let condition = json!({
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes",
        });
        assert_eq!(
            problem(json!({"conditions": [condition]})).as_deref(),
            Some("Pod redis-1: Unschedulable: 0/1 nodes")
        );
        let status = json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"});
        assert_eq!(problem(status).as_deref(), Some("Pod redis-1: Evicted: low on memory"));
    }

    #[test]
    fn a_pod_that_is_being_deleted_has_no_problem() {
        let mut pod = pod(json!({"phase": "Failed", "reason": "Evicted"}));
        pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(pod_problem(&pod), None);
    }
}
