//! The one place that asks what time it is.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::runtime::controller::Action;

/// Now, to the microsecond that Kubernetes keeps.
pub fn now() -> Time {
    Time(Timestamp::now())
}

/// Come back then, or when something changes.
pub fn wait(until: Option<&Time>) -> Action {
    match until {
        None => Action::await_change(),
        Some(time) => {
            let delay = Duration::try_from(time.0.duration_since(Timestamp::now())).unwrap_or_default();
            // Kubernetes keeps whole seconds: what is due within the next one is due.
            Action::requeue(delay.max(Duration::from_millis(10)))
        }
    }
}
