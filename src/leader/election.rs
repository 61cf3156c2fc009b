//! What does a candidate do next? Decided from the lease as it was read, and from how long it was seen so.
//!
//! Times are this process' own, of a clock that nobody sets. What other machines have written into the lease is never
//! compared with it.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use tokio::time::Instant;

use super::lease::{Identity, holder};
use super::{LEASE_DURATION, RENEW_INTERVAL, STANDBY_POLL};

/// What a candidate knows.
#[derive(Debug, Default)]
pub struct Known {
    lease: Option<Lease>,
    /// Since when the lease has been seen as it is.
    since: Option<Instant>,
    /// When the request began by which this process took the lease or renewed it last. Nothing until it leads.
    held: Option<Instant>,
}

/// What is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Nobody has the lease, or who has it is surely not working any more: take it. Or it is this process' own, and it
    /// is time to say so again.
    Claim,
    /// Nothing before then.
    Wait(Instant),
    /// This process has led, and the lease is its own no more.
    Lost,
}

impl Known {
    /// The lease as it was last seen.
    pub fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// Who has the lease.
    pub fn holder(&self) -> Option<&str> {
        self.lease.as_ref().and_then(holder)
    }

    /// Whether this process has led, and has not seen that another one does.
    pub fn leads(&self) -> bool {
        self.held.is_some()
    }

    /// The lease was read.
    pub fn saw(&mut self, lease: Option<Lease>, now: Instant) {
        let version = |lease: &Option<Lease>| lease.as_ref()?.metadata.resource_version.clone();
        if self.since.is_none() || version(&lease) != version(&self.lease) {
            self.since = Some(now);
        }
        self.lease = lease;
    }

    /// This process has taken or renewed the lease, by a request that began then.
    pub fn wrote(&mut self, lease: Lease, began: Instant, now: Instant) {
        self.saw(Some(lease), now);
        self.held = Some(began);
    }

    /// What is next.
    pub fn next(&self, me: &Identity, now: Instant) -> Move {
        match (self.holder(), self.held) {
            (Some(holder), held) if me.is(holder) => held
                .map(|began| began + RENEW_INTERVAL)
                .filter(|due| now < *due)
                .map_or(Move::Claim, Move::Wait),
            (_, Some(_)) => Move::Lost,
            (Some(holder), None) if !me.succeeds(holder) => {
                let over = self.since.unwrap_or(now) + self.duration();
                if now < over { Move::Wait(over.min(now + STANDBY_POLL)) } else { Move::Claim }
            }
            (_, None) => Move::Claim,
        }
    }

    /// For how long its holder has the lease without renewing it.
    fn duration(&self) -> Duration {
        let seconds = self.lease.as_ref().and_then(|lease| lease.spec.as_ref()?.lease_duration_seconds);
        let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
        seconds.map_or(LEASE_DURATION, Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    use super::super::lease::{held, released};
    use super::*;

    struct Scene {
        start: Instant,
        me: Identity,
        known: Known,
    }

    fn scene(lease: Option<Lease>) -> Scene {
        let start = Instant::now();
        let mut known = Known::default();
        known.saw(lease, start);
        Scene { start, me: Identity::new(Some("me")), known }
    }

    impl Scene {
        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        /// What is done when so many seconds have passed.
        fn after(&self, seconds: u64) -> Move {
            self.known.next(&self.me, self.at(seconds))
        }

        fn hold(&mut self, version: u32, began: u64, done: u64) {
            let lease = versioned(held(None, &self.me, jiff::Timestamp::UNIX_EPOCH), version);
            self.known.wrote(lease, self.at(began), self.at(done));
        }
    }

    fn versioned(mut lease: Lease, version: u32) -> Lease {
        lease.metadata.resource_version = Some(version.to_string());
        lease
    }

    fn of(pod: &str, version: u32) -> Lease {
        versioned(held(None, &Identity::new(Some(pod)), jiff::Timestamp::UNIX_EPOCH), version)
    }

    #[test]
    fn a_lease_that_nobody_has_is_taken_at_once() {
        assert_eq!(scene(None).after(0), Move::Claim);
        let free = released(&of("other", 1), jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(scene(Some(free)).after(0), Move::Claim);
        let mut empty = of("other", 1);
        empty.spec = None;
        assert_eq!(scene(Some(empty)).after(0), Move::Claim);
    }

    #[test]
    fn what_an_earlier_process_of_the_same_pod_has_left_is_taken_at_once() {
        assert_eq!(scene(Some(of("me", 1))).after(0), Move::Claim);
    }

    /// Seen to fail when `since` is left as it is in `saw`, and when the duration is that of the code alone.
    #[test]
    fn the_lease_of_another_is_taken_when_it_was_seen_unchanged_for_its_whole_duration() {
        let mut scene = scene(Some(of("other", 1)));
        assert_eq!(scene.after(0), Move::Wait(scene.start + STANDBY_POLL));
        scene.known.saw(Some(of("other", 1)), scene.at(14));
        assert_eq!(scene.after(14), Move::Wait(scene.at(15)));
        assert_eq!(scene.after(15), Move::Claim);
        scene.known.saw(Some(of("other", 2)), scene.at(15));
        assert_eq!(scene.after(29), Move::Wait(scene.at(30)));
        assert_eq!(scene.after(30), Move::Claim);
        let mut long = of("other", 3);
        long.spec.get_or_insert_default().lease_duration_seconds = Some(60);
        scene.known.saw(Some(long), scene.at(30));
        assert!(matches!(scene.after(89), Move::Wait(_)));
        assert_eq!(scene.after(90), Move::Claim);
    }

    /// What is written in the lease is of other clocks.
    #[test]
    fn times_in_the_lease_do_not_matter() {
        for second in [0, 1_000_000_000, 100_000_000_000] {
            let mut lease = of("other", 1);
            let time = MicroTime(jiff::Timestamp::from_second(second).unwrap());
            lease.spec.get_or_insert_default().renew_time = Some(time);
            let scene = scene(Some(lease));
            assert!(matches!(scene.after(14), Move::Wait(_)), "{second}");
            assert_eq!(scene.after(15), Move::Claim, "{second}");
        }
    }

    #[test]
    fn a_lease_of_its_own_is_renewed_in_time_counted_from_when_the_request_began() {
        let mut scene = scene(None);
        scene.hold(1, 0, 3);
        assert_eq!(scene.after(3), Move::Wait(scene.at(5)));
        assert_eq!(scene.after(5), Move::Claim);
        // Somebody has added a label, or the answer to a renewal was lost.
        let lease = versioned(scene.known.lease().unwrap().clone(), 2);
        scene.known.saw(Some(lease), scene.at(5));
        assert_eq!(scene.after(5), Move::Claim);
    }

    #[test]
    fn a_lease_that_was_taken_without_an_answer_is_renewed_before_it_counts() {
        let mut scene = scene(None);
        let lease = versioned(held(None, &scene.me, jiff::Timestamp::UNIX_EPOCH), 1);
        scene.known.saw(Some(lease), scene.at(1));
        assert!(!scene.known.leads());
        assert_eq!(scene.after(1), Move::Claim);
    }

    #[test]
    fn a_lease_that_another_has_taken_is_lost_whatever_becomes_of_it() {
        let free = released(&of("other", 9), jiff::Timestamp::UNIX_EPOCH);
        for lease in [Some(of("other", 9)), Some(of("me", 9)), Some(free), None] {
            let mut scene = scene(None);
            scene.hold(1, 0, 0);
            scene.known.saw(lease.clone(), scene.at(60));
            assert_eq!(scene.after(60), Move::Lost, "{lease:?}");
        }
    }

    /// Renewing in vain long after its time means only that nobody else was there.
    #[test]
    fn a_lease_that_ran_out_and_that_nobody_took_is_renewed() {
        let mut scene = scene(None);
        scene.hold(1, 0, 0);
        assert_eq!(scene.after(3600), Move::Claim);
    }
}
