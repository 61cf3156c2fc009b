//! The clock. Everything in the reconcilers reads the time here, so that a simulation can replace it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::runtime::controller::Action;

/// The current time.
pub fn now() -> Time {
    #[cfg(test)]
    if let Some(began) = SIMULATED.get() {
        let passed = jiff::SignedDuration::try_from(began.elapsed()).unwrap();
        let jumped = jiff::SignedDuration::from_secs(JUMPED.get());
        return Time(Timestamp::from_second(1_767_225_600).unwrap() + passed + jumped);
    }
    Time(Timestamp::now())
}

#[cfg(test)]
thread_local! {
    /// When the simulation on this thread began. Its clock starts at the beginning of 2026.
    pub static SIMULATED: std::cell::Cell<Option<tokio::time::Instant>> = const { std::cell::Cell::new(None) };
    /// By how many seconds that clock was set forward or back since.
    pub static JUMPED: std::cell::Cell<i64> = const { std::cell::Cell::new(0) };
}

/// The longest requeue delay: the queue cannot handle delays of years.
const MAX_DELAY: Duration = Duration::from_hours(24);

/// Requeues the object at this time, or waits for a change.
pub fn wait(until: Option<&Time>) -> Action {
    match until {
        None => Action::await_change(),
        Some(time) => {
            // At least 10 ms, so that an object that is due now is not requeued in a busy loop.
            Action::requeue(delay(time).clamp(Duration::from_millis(10), MAX_DELAY))
        }
    }
}

/// The time that is left until then; zero if it is past.
pub fn delay(until: &Time) -> Duration {
    until.0.duration_since(now().0).try_into().unwrap_or_default()
}
