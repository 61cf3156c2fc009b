//! What is written into the lease? The same as by Kubernetes' own components, so that people and tools can read it.

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use uuid::Uuid;

use super::LEASE_DURATION;

/// The name of the lease, in the operator's namespace.
pub const NAME: &str = "service-catalog";

/// The identity of a process, unique, from which one can tell whether two processes ran in the same pod.
#[derive(Clone, Debug)]
pub struct Identity {
    pod: Option<String>,
    /// The `holderIdentity` that it writes.
    pub holder: String,
}

impl Identity {
    /// A new identity: `POD_UUID`, as Kubernetes' own components have it; without a pod, only the UUID.
    pub fn new(pod: Option<&str>) -> Self {
        let unique = Uuid::new_v4();
        let holder = pod.map_or_else(|| unique.to_string(), |pod| format!("{pod}_{unique}"));
        Self { pod: pod.map(str::to_owned), holder }
    }

    /// Whether this process is the holder.
    pub fn is(&self, holder: &str) -> bool {
        self.holder == holder
    }

    /// Whether the holder was an earlier process in the same pod. That one is dead, because the kubelet has started
    /// this one. A name that is not a pod's, such as a host's, would prove nothing.
    pub fn succeeds(&self, holder: &str) -> bool {
        // The name of a pod contains no underscore.
        let pod = holder.rsplit_once('_').map(|(pod, _)| pod);
        pod.is_some() && pod == self.pod.as_deref() && !self.is(holder)
    }
}

/// The lease after this process has renewed or acquired it. `before` is the lease as it was read; with its
/// resourceVersion, a write fails if another client wrote first (optimistic concurrency).
pub fn held(before: Option<&Lease>, by: &Identity, now: Timestamp) -> Lease {
    let mut lease = before.cloned().unwrap_or_else(|| Lease {
        metadata: ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() },
        spec: None,
    });
    let is_renewal = holder(&lease).is_some_and(|holder| by.is(holder));
    let spec = lease.spec.get_or_insert_default();
    if !is_renewal {
        let transitions = before.map_or(0, |_| spec.lease_transitions.unwrap_or_default().saturating_add(1));
        spec.lease_transitions = Some(transitions);
        spec.holder_identity = Some(by.holder.clone());
        spec.acquire_time = Some(MicroTime(now));
    }
    spec.lease_duration_seconds = i32::try_from(LEASE_DURATION.as_secs()).ok();
    spec.renew_time = Some(MicroTime(now));
    lease
}

/// The lease after its holder has released it: a standby can take it without waiting.
pub fn released(before: &Lease, now: Timestamp) -> Lease {
    let mut lease = before.clone();
    let spec = lease.spec.get_or_insert_default();
    spec.holder_identity = Some(String::new());
    spec.renew_time = Some(MicroTime(now));
    lease
}

/// The holder of a lease; `None` if it was released.
pub fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn only_a_process_of_the_same_pod_succeeds_another() {
        let me = Identity::new(Some("catalog-1"));
        assert!(me.is(&me.holder) && !me.succeeds(&me.holder));
        assert!(me.succeeds(&Identity::new(Some("catalog-1")).holder));
        assert!(!me.succeeds(&Identity::new(Some("catalog-2")).holder));
        assert!(!me.succeeds("catalog-1"));
        let without_pod = Identity::new(None);
        assert!(!without_pod.succeeds(&Identity::new(None).holder));
        assert!(!without_pod.succeeds("_"));
    }

    #[test]
    fn a_lease_has_its_holder_its_times_and_the_number_of_its_transitions() {
        let (one, two) = (Identity::new(Some("one")), Identity::new(Some("two")));
        let mut lease = held(None, &one, at(100));
        lease.metadata.resource_version = Some("7".to_owned());
        let spec = |lease: &Lease| {
            let spec = lease.spec.clone().unwrap();
            let time = |time: Option<MicroTime>| time.unwrap().0.as_second();
            assert_eq!(spec.lease_duration_seconds, Some(15));
            (time(spec.acquire_time), time(spec.renew_time), spec.lease_transitions.unwrap())
        };
        assert_eq!((holder(&lease), spec(&lease)), (Some(&*one.holder), (100, 100, 0)));
        lease = held(Some(&lease), &one, at(105));
        assert_eq!((holder(&lease), spec(&lease)), (Some(&*one.holder), (100, 105, 0)));
        lease = released(&lease, at(107));
        assert_eq!((holder(&lease), spec(&lease)), (None, (100, 107, 0)));
        lease = held(Some(&lease), &two, at(108));
        assert_eq!((holder(&lease), spec(&lease)), (Some(&*two.holder), (108, 108, 1)));
        assert_eq!(
            lease.metadata.resource_version.as_deref(),
            Some("7"),
            "the write is conditional on the resourceVersion"
        );
    }
}
