//! How a world goes on when nothing goes wrong: a step, for a while, or until nothing happens any more.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{World, timestamp};
use crate::reconcilers::clock;
use crate::testing::simulation::former::Former;
use crate::testing::simulation::operator::Operator;
use crate::testing::simulation::shown;
use crate::testing::simulation::watches::RESOURCES;

/// The longest time that a request waits for its answer: shorter than every timeout of the operator.
const MAX_LATENCY: Duration = Duration::from_secs(1);
/// If nothing happens for this long, nothing will: every delay of the operator is shorter.
const QUIET: Duration = Duration::from_hours(2);
/// The longest simulated time of a world.
const MAX_DURATION: Duration = Duration::from_hours(24 * 30);
/// The most steps of a world.
const MAX_STEPS: usize = 5_000;

impl World {
    /// Lets time pass until a request arrives; false if none ever will.
    pub async fn wait(&mut self) -> bool {
        let longest = if self.waiting.is_empty() { QUIET } else { MAX_LATENCY };
        self.broken.extend(shown::too_little(&self.api, clock::now().0));
        self.look_for_silence();
        let arrived = timeout(longest, self.inbox.arrival()).await.is_ok();
        if !arrived {
            self.api.now = timestamp();
            self.look_for_silence();
        }
        if self.began.elapsed() > MAX_DURATION {
            self.broken.push("I7: it does not come to rest".to_owned());
            return false;
        }
        self.settle().await;
        arrived || !self.waiting.is_empty()
    }

    /// I13.
    fn look_for_silence(&mut self) {
        if self.waiting.is_empty() && self.is_informed() && Instant::now() >= self.untold_until {
            self.broken.extend(self.silence.too_long(&self.api));
        }
    }

    /// Continues without faults until nothing happens any more.
    pub async fn come_to_rest(&mut self) {
        if self.operator.is_none() {
            self.start();
        }
        self.settle().await;
        while self.broken.is_empty() {
            if !self.go_on() && !self.wait().await {
                if !self.former.as_ref().is_some_and(Former::is_suspended) {
                    // By now it has noticed that it lost leadership, and has exited.
                    self.former = None;
                    return;
                }
                self.resume();
            }
            self.settle().await;
            self.limit_story();
        }
    }

    /// Continues without faults, at most for this long.
    pub async fn go_on_for(&mut self, duration: Duration) {
        let until = Instant::now() + duration;
        self.settle().await;
        while self.broken.is_empty() && Instant::now() < until {
            if !self.go_on() && !self.wait().await {
                return;
            }
            self.settle().await;
            self.limit_story();
        }
    }

    fn limit_story(&mut self) {
        if self.story.len() > MAX_STEPS {
            self.broken.push("I7, I8: it does not come to rest".to_owned());
        }
    }

    /// The next step without faults; false if only time can pass.
    pub fn go_on(&mut self) -> bool {
        if !self.waiting.is_empty() {
            self.answer(0);
            return true;
        }
        let Some(operator) = &mut self.operator else { return false };
        let behind = (0..RESOURCES.len()).find(|watch| operator.is_behind(*watch, &self.api));
        if let Some(resource) = behind {
            operator.deliver(resource, &self.api);
            return true;
        }
        self.broker.catch_up().is_some_and(|what| {
            self.record(format!("broker: has done {what}"));
            true
        })
    }

    /// Whether the operator's caches are up to date.
    pub(super) fn is_informed(&self) -> bool {
        let behind =
            |operator: &Operator| (0..RESOURCES.len()).any(|watch| operator.is_behind(watch, &self.api));
        self.operator.as_ref().is_some_and(|operator| !behind(operator))
    }
}
