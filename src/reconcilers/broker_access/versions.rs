//! In which version of the API is a broker called?

use std::sync::{Mutex, PoisonError};

use tracing::info;

use super::call_gate::BrokerReply;
use crate::osb::ApiVersion;

/// What is known of the versions that a broker understands.
#[derive(Debug)]
pub struct Versions {
    /// Whether a user has set the version.
    is_fixed: bool,
    known: Mutex<Known>,
}

/// How many calls in a row have to refuse a version. One refusal may be that of a proxy, and a lower version takes features
/// away.
const REFUSALS: u32 = 3;

#[derive(Clone, Copy, Debug)]
struct Known {
    /// The version in which calls are made.
    current: ApiVersion,
    /// The newest version that the broker has not refused for a call other than that of its catalog.
    newest: ApiVersion,
    /// How many calls in a row have refused it, those of the catalog apart.
    refusals: u32,
}

impl Versions {
    /// The version that a user has set, or else the one that was accepted last.
    pub fn new(fixed: Option<ApiVersion>, accepted: ApiVersion) -> Self {
        let known = match fixed {
            Some(version) => Known { current: version, newest: version, refusals: 0 },
            None => Known { current: accepted, newest: ApiVersion::default(), refusals: 0 },
        };
        Self { is_fixed: fixed.is_some(), known: Mutex::new(known) }
    }

    /// The version in which calls are made.
    pub fn current(&self) -> ApiVersion {
        self.known().current
    }

    /// The version in which a catalog is fetched first, the newest one: a broker that was upgraded, or whose proxy has refused
    /// a request once, is not called in an old version for ever.
    pub fn first(&self) -> ApiVersion {
        self.known().newest
    }

    /// Observes the reply to a fetch of the catalog. Remembers a version that the broker accepts; returns the version to try
    /// next, if it has refused this one.
    pub fn fetched<T>(&self, version: ApiVersion, reply: &BrokerReply<T>) -> Option<ApiVersion> {
        if reply.is_ok() {
            self.change(|known| known.current = version);
        }
        self.after(version, reply)
    }

    /// Observes the reply to a call. Not every broker checks the version of a request for its catalog, so a version that
    /// it refuses here, several times, is not tried again.
    pub fn observe<T>(&self, version: ApiVersion, reply: &BrokerReply<T>) {
        let older = self.after(version, reply);
        self.change(|known| {
            known.refusals = if older.is_some() { known.refusals + 1 } else { 0 };
            if let Some(older) = older.filter(|_| known.refusals >= REFUSALS) {
                *known = Known { current: older, newest: older, refusals: 0 };
            }
        });
    }

    /// The version to try next, if the broker has refused this one.
    fn after<T>(&self, version: ApiVersion, reply: &BrokerReply<T>) -> Option<ApiVersion> {
        let refused = reply.as_ref().err().filter(|_| !self.is_fixed)?;
        let older = version.after(refused)?;
        info!(refused = %version, next = %older, "broker refused the API version");
        Some(older)
    }

    fn known(&self) -> Known {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::osb::Error;

    fn refused() -> Error {
        Error::Status {
            status: 412,
            code: None,
            description: None,
            instance_usable: None,
            update_repeatable: None,
            retry_after: None,
        }
    }

    /// The version in which a broker answers that accepts only these.
    fn negotiate(versions: &Versions, accepted: &[ApiVersion]) -> Option<ApiVersion> {
        let mut version = versions.first();
        loop {
            let reply = if accepted.contains(&version) { Ok(version) } else { Err(refused()) };
            match versions.fetched(version, &reply) {
                Some(older) => version = older,
                None => return reply.ok(),
            }
        }
    }

    #[test]
    fn the_newest_version_that_is_accepted_is_used_until_the_next_fetch() {
        let versions = Versions::new(None, ApiVersion::V2_14);
        assert_eq!(versions.current(), ApiVersion::V2_14, "it was accepted before");
        assert_eq!(negotiate(&versions, &[ApiVersion::V2_13]), Some(ApiVersion::V2_13));
        assert_eq!(versions.current(), ApiVersion::V2_13);
        assert_eq!(negotiate(&versions, &[]), None);
        assert_eq!(versions.current(), ApiVersion::V2_13);
        assert_eq!(negotiate(&versions, &[ApiVersion::V2_17]), Some(ApiVersion::V2_17), "it was upgraded");
    }

    /// Seen to fail when only the fetch of the catalog tells: each fetch brings back the version that is refused.
    #[test]
    fn a_version_that_is_refused_for_another_call_is_not_tried_again() {
        let versions = Versions::new(None, ApiVersion::default());
        let all = [ApiVersion::V2_17, ApiVersion::V2_14];
        assert_eq!(negotiate(&versions, &all), Some(ApiVersion::V2_17));
        for reply in [Err(refused()), Err(refused()), Ok(()), Err(refused()), Err(refused())] {
            versions.observe(versions.current(), &reply);
            assert_eq!(versions.current(), ApiVersion::V2_17, "it may be a proxy that refuses");
        }
        versions.observe::<()>(versions.current(), &Err(refused()));
        assert_eq!(versions.current(), ApiVersion::V2_14);
        assert_eq!(negotiate(&versions, &all), Some(ApiVersion::V2_14));
    }

    #[test]
    fn a_version_that_a_user_has_set_stays() {
        let versions = Versions::new(Some(ApiVersion::V2_16), ApiVersion::V2_13);
        assert_eq!(negotiate(&versions, &[ApiVersion::V2_13]), None);
        versions.observe::<()>(ApiVersion::V2_16, &Err(refused()));
        assert_eq!(versions.current(), ApiVersion::V2_16);
    }
}
