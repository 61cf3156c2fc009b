//! The one place that asks what time it is.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::runtime::controller::Action;

/// Now, to the microsecond that Kubernetes keeps.
pub fn now() -> Time {
    #[cfg(test)]
    if let Some(began) = SIMULATED.get() {
        let passed = jiff::SignedDuration::try_from(began.elapsed()).unwrap();
        return Time(Timestamp::from_second(1_767_225_600).unwrap() + passed);
    }
    Time(Timestamp::now())
}

#[cfg(test)]
thread_local! {
    /// When a simulation on this thread began: at the beginning of 2026.
    pub static SIMULATED: std::cell::Cell<Option<tokio::time::Instant>> = const { std::cell::Cell::new(None) };
}

/// The longest anything is waited for: the queue does not know of years.
const LONGEST: Duration = Duration::from_hours(24);

/// Come back then, or when something changes.
pub fn wait(until: Option<&Time>) -> Action {
    match until {
        None => Action::await_change(),
        Some(time) => {
            // Kubernetes keeps whole seconds: what is due within the next one is due.
            Action::requeue(delay(time).clamp(Duration::from_millis(10), LONGEST))
        }
    }
}

/// How long it is until then; nothing if it is past.
pub fn delay(until: &Time) -> Duration {
    until.0.duration_since(now().0).try_into().unwrap_or_default()
}
