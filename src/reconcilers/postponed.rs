//! When is an object tried again of which the API server has refused a write?
//!
//! The refusal is told in its status, and each change of an object requeues it. So it is left alone until the next attempt
//! is due, unless a user changes it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tokio::time::Instant;

use crate::reconcilers::by_uid::ByUid;

/// The delay after the first failure of a reconcile, or refusal of a write; it doubles with each further one.
pub const MIN_DELAY: Duration = Duration::from_millis(500);
/// The longest delay.
const MAX_DELAY: Duration = Duration::from_mins(5);

/// The delay of a retry, after so many failures in a row before the last one.
pub fn back_off(before: u32) -> Duration {
    MIN_DELAY.saturating_mul(1 << before.min(16)).min(MAX_DELAY)
}

/// The last refusal of each object.
#[derive(Default)]
pub struct Postponed(ByUid<Refusal>);

#[derive(Clone, Copy)]
struct Refusal {
    /// How many there were in a row.
    count: u32,
    retry_at: Instant,
    /// The fingerprint of what was refused.
    of: u64,
}

impl Postponed {
    /// The time until the object is tried again; `None` if that is now.
    pub fn delay(&self, meta: &ObjectMeta) -> Option<Duration> {
        let refusal = self.0.get(uid(meta)).filter(|refusal| refusal.of == fingerprint(meta))?;
        let delay = refusal.retry_at.saturating_duration_since(Instant::now());
        (!delay.is_zero()).then_some(delay)
    }

    /// Postpones the next attempt.
    pub fn postpone(&self, meta: &ObjectMeta) {
        let count = self.0.get(uid(meta)).map_or(0, |refusal| refusal.count);
        let refusal =
            Refusal { count: count + 1, retry_at: Instant::now() + back_off(count), of: fingerprint(meta) };
        self.0.set(uid(meta), Some(refusal));
    }

    /// Forgets the refusals of the object with this UID.
    pub fn forget(&self, uid: &str) {
        self.0.set(uid, None);
    }
}

fn uid(meta: &ObjectMeta) -> &str {
    meta.uid.as_deref().unwrap_or_default()
}

/// What users write: the spec, which the generation counts, and the metadata that are theirs.
fn fingerprint(meta: &ObjectMeta) -> u64 {
    let mut hasher = DefaultHasher::new();
    (meta.generation, &meta.labels, &meta.annotations, &meta.finalizers).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_delay_grows_until_the_object_changes() {
        let mut meta = ObjectMeta { uid: Some("a".into()), generation: Some(1), ..ObjectMeta::default() };
        let postponed = Postponed::default();
        assert_eq!(postponed.delay(&meta), None);
        for delay in [500, 1000, 2000].map(Duration::from_millis) {
            postponed.postpone(&meta);
            assert_eq!(postponed.delay(&meta), Some(delay));
            advance(delay).await;
            assert_eq!(postponed.delay(&meta), None);
        }
        for _ in 0..20 {
            postponed.postpone(&meta);
        }
        assert_eq!(postponed.delay(&meta), Some(MAX_DELAY));
        meta.resource_version = Some("2".into());
        assert_eq!(postponed.delay(&meta), Some(MAX_DELAY), "the status has changed");
        meta.labels.get_or_insert_default().insert("team".into(), "a".into());
        assert_eq!(postponed.delay(&meta), None);
        postponed.forget("a");
        postponed.postpone(&meta);
        assert_eq!(postponed.delay(&meta), Some(MIN_DELAY));
    }
}
