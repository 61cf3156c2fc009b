//! What does a candidate do next? [`Known::next`] decides from the lease as it was last read, and from how long this
//! process has seen it unchanged.
//!
//! All times come from the monotonic clock of this process. The timestamps in the lease are never compared with it:
//! other machines wrote them, and their clocks may be wrong.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use tokio::time::Instant;

use super::lease::{Identity, holder};
use super::{LEASE_DURATION, RENEW_INTERVAL, STANDBY_POLL};

/// What a candidate knows about the lease.
#[derive(Debug, Default)]
pub struct Known {
    lease: Option<Lease>,
    /// Since when this process has seen this version of the lease.
    unchanged_since: Option<Instant>,
    /// The beginning of the request that last acquired or renewed the lease; `None` until this process leads.
    renewed_at: Option<Instant>,
}

/// The next move of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Write the lease: it has no holder, its holder is surely not acting any more, or this process holds it and a
    /// renewal is due.
    Claim,
    /// Nothing until then.
    Wait(Instant),
    /// This process has led, and does not hold the lease any more.
    Lost,
}

impl Known {
    /// The lease as it was last read.
    pub fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// The holder of the lease.
    pub fn holder(&self) -> Option<&str> {
        self.lease.as_ref().and_then(holder)
    }

    /// Whether this process is the leader as far as it knows. Whether it may act is the fence's question.
    pub fn leads(&self) -> bool {
        self.renewed_at.is_some()
    }

    /// Takes note of the lease as it was read, or of its absence.
    pub fn observe(&mut self, lease: Option<Lease>, now: Instant) {
        let version = |lease: &Option<Lease>| lease.as_ref()?.metadata.resource_version.clone();
        if self.unchanged_since.is_none() || version(&lease) != version(&self.lease) {
            self.unchanged_since = Some(now);
        }
        self.lease = lease;
    }

    /// Takes note that this process has acquired or renewed the lease, with a request that began at `began`.
    pub fn renewed(&mut self, lease: Lease, began: Instant, now: Instant) {
        self.observe(Some(lease), now);
        self.renewed_at = Some(began);
    }

    /// The next move.
    pub fn next(&self, me: &Identity, now: Instant) -> Move {
        match (self.holder(), self.renewed_at) {
            (Some(holder), renewed_at) if me.is(holder) => renewed_at
                .map(|began| began + RENEW_INTERVAL)
                .filter(|due| now < *due)
                .map_or(Move::Claim, Move::Wait),
            (_, Some(_)) => Move::Lost,
            (Some(holder), None) if !me.succeeds(holder) => {
                let expiry = self.unchanged_since.unwrap_or(now) + self.duration();
                if now < expiry { Move::Wait(expiry.min(now + STANDBY_POLL)) } else { Move::Claim }
            }
            (_, None) => Move::Claim,
        }
    }

    /// How long the lease is valid without a renewal, as its holder wrote it.
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

    struct Scenario {
        start: Instant,
        me: Identity,
        known: Known,
    }

    fn scenario(lease: Option<Lease>) -> Scenario {
        let start = Instant::now();
        let mut known = Known::default();
        known.observe(lease, start);
        Scenario { start, me: Identity::new(Some("me")), known }
    }

    impl Scenario {
        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        /// The move after this many seconds.
        fn after(&self, seconds: u64) -> Move {
            self.known.next(&self.me, self.at(seconds))
        }

        fn renew(&mut self, version: u32, began: u64, ended: u64) {
            let lease = versioned(held(None, &self.me, jiff::Timestamp::UNIX_EPOCH), version);
            self.known.renewed(lease, self.at(began), self.at(ended));
        }
    }

    fn versioned(mut lease: Lease, version: u32) -> Lease {
        lease.metadata.resource_version = Some(version.to_string());
        lease
    }

    fn held_by(pod: &str, version: u32) -> Lease {
        versioned(held(None, &Identity::new(Some(pod)), jiff::Timestamp::UNIX_EPOCH), version)
    }

    #[test]
    fn a_lease_without_a_holder_is_taken_at_once() {
        assert_eq!(scenario(None).after(0), Move::Claim);
        let free = released(&held_by("other", 1), jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(scenario(Some(free)).after(0), Move::Claim);
        let mut empty = held_by("other", 1);
        empty.spec = None;
        assert_eq!(scenario(Some(empty)).after(0), Move::Claim);
    }

    #[test]
    fn the_lease_of_an_earlier_process_of_the_same_pod_is_taken_at_once() {
        assert_eq!(scenario(Some(held_by("me", 1))).after(0), Move::Claim);
    }

    /// Seen to fail when `observe` does not update `unchanged_since`, and when the duration in the lease is ignored.
    #[test]
    fn the_lease_of_another_is_taken_when_it_was_seen_unchanged_for_its_whole_duration() {
        let mut scenario = scenario(Some(held_by("other", 1)));
        assert_eq!(scenario.after(0), Move::Wait(scenario.start + STANDBY_POLL));
        scenario.known.observe(Some(held_by("other", 1)), scenario.at(14));
        assert_eq!(scenario.after(14), Move::Wait(scenario.at(15)));
        assert_eq!(scenario.after(15), Move::Claim);
        scenario.known.observe(Some(held_by("other", 2)), scenario.at(15));
        assert_eq!(scenario.after(29), Move::Wait(scenario.at(30)));
        assert_eq!(scenario.after(30), Move::Claim);
        let mut long = held_by("other", 3);
        long.spec.get_or_insert_default().lease_duration_seconds = Some(60);
        scenario.known.observe(Some(long), scenario.at(30));
        assert!(matches!(scenario.after(89), Move::Wait(_)));
        assert_eq!(scenario.after(90), Move::Claim);
    }

    /// They come from other clocks.
    #[test]
    fn times_in_the_lease_do_not_matter() {
        for second in [0, 1_000_000_000, 100_000_000_000] {
            let mut lease = held_by("other", 1);
            let time = MicroTime(jiff::Timestamp::from_second(second).unwrap());
            lease.spec.get_or_insert_default().renew_time = Some(time);
            let scenario = scenario(Some(lease));
            assert!(matches!(scenario.after(14), Move::Wait(_)), "{second}");
            assert_eq!(scenario.after(15), Move::Claim, "{second}");
        }
    }

    #[test]
    fn a_lease_of_its_own_is_renewed_in_time_counted_from_when_the_request_began() {
        let mut scenario = scenario(None);
        scenario.renew(1, 0, 3);
        assert_eq!(scenario.after(3), Move::Wait(scenario.at(5)));
        assert_eq!(scenario.after(5), Move::Claim);
        // Another client has added a label, or the response to a renewal was lost.
        let lease = versioned(scenario.known.lease().unwrap().clone(), 2);
        scenario.known.observe(Some(lease), scenario.at(5));
        assert_eq!(scenario.after(5), Move::Claim);
    }

    #[test]
    fn a_lease_that_was_taken_without_an_answer_is_renewed_before_it_counts() {
        let mut scenario = scenario(None);
        let lease = versioned(held(None, &scenario.me, jiff::Timestamp::UNIX_EPOCH), 1);
        scenario.known.observe(Some(lease), scenario.at(1));
        assert!(!scenario.known.leads());
        assert_eq!(scenario.after(1), Move::Claim);
    }

    #[test]
    fn a_lease_that_another_has_taken_is_lost_whatever_becomes_of_it() {
        let free = released(&held_by("other", 9), jiff::Timestamp::UNIX_EPOCH);
        for lease in [Some(held_by("other", 9)), Some(held_by("me", 9)), Some(free), None] {
            let mut scenario = scenario(None);
            scenario.renew(1, 0, 0);
            scenario.known.observe(lease.clone(), scenario.at(60));
            assert_eq!(scenario.after(60), Move::Lost, "{lease:?}");
        }
    }

    /// A late renewal succeeds only if no other replica has taken the lease.
    #[test]
    fn an_expired_lease_that_no_other_replica_took_is_renewed() {
        let mut scenario = scenario(None);
        scenario.renew(1, 0, 0);
        assert_eq!(scenario.after(3600), Move::Claim);
    }
}
