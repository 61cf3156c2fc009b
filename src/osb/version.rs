//! Which version of the API does a client declare, and what does that version not know? (“API Version Header”)
//!
//! Brokers of an older version ignore what they do not know, so the newest version serves nearly all of them. Some insist
//! on the version that they were written for, and answer 412 to any other. The client then speaks theirs, without the
//! members, parameters and features that came later.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use super::{Catalog, Error, Plan, Service};

/// A version of the Open Service Broker API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ApiVersion {
    /// 2.13
    V2_13,
    /// 2.14
    V2_14,
    /// 2.15
    V2_15,
    /// 2.16
    V2_16,
    /// 2.17
    #[default]
    V2_17,
}

use ApiVersion::{V2_13, V2_14, V2_15, V2_16, V2_17};

/// All versions that the client speaks.
const ALL: [ApiVersion; 5] = [V2_13, V2_14, V2_15, V2_16, V2_17];

/// Members of request bodies, and the version that introduced each. Earlier ones are not listed.
const MEMBERS: [(&[&str], ApiVersion); 5] = [
    (&["context", "clusterid"], V2_14),
    (&["context", "instance_name"], V2_15),
    (&["context", "binding_name"], V2_15),
    (&["maintenance_info"], V2_15),
    (&["previous_values", "maintenance_info"], V2_15),
];

/// The version that introduced asynchronous bindings, and fetching instances and bindings.
pub(super) const ASYNC_BINDINGS: ApiVersion = V2_14;
/// The version that introduced the ids of service and plan as hints for fetches.
pub(super) const FETCH_HINTS: ApiVersion = V2_16;

impl ApiVersion {
    /// As the header has it.
    pub fn as_str(self) -> &'static str {
        match self {
            V2_13 => "2.13",
            V2_14 => "2.14",
            V2_15 => "2.15",
            V2_16 => "2.16",
            V2_17 => "2.17",
        }
    }

    /// The version to try after a broker has refused this one: the newest older one that the error names, or else that of
    /// the archived service-catalog (2.14), which many brokers were written for, and then the oldest. `None` if the error
    /// is another one, or no version is left.
    pub fn after(self, error: &Error) -> Option<Self> {
        if !error.is_unsupported_version() {
            return None;
        }
        let text = error.description().unwrap_or_default();
        let named = ALL.into_iter().rev().find(|version| *version < self && version.is_named_in(text));
        named.or_else(|| [V2_14, V2_13].into_iter().find(|version| *version < self))
    }

    fn is_named_in(self, text: &str) -> bool {
        let is_of_number = |character: char| character.is_ascii_digit() || character == '.';
        text.split(|character| !is_of_number(character)).any(|word| word.trim_matches('.') == self.as_str())
    }

    /// Removes the members of a request body that this version does not know.
    pub(super) fn prune(self, body: &mut Value) {
        for (path, since) in MEMBERS {
            let Some((name, parents)) = path.split_last() else { continue };
            let parent = parents.iter().try_fold(&mut *body, |value, name| value.get_mut(name));
            if let Some(members) = parent.and_then(Value::as_object_mut).filter(|_| self < since) {
                members.remove(*name);
            }
        }
    }

    /// The catalog without the features that this version does not have: the platform uses what a catalog offers.
    pub(super) fn restrict(self, mut catalog: Catalog) -> Catalog {
        for service in &mut catalog.services {
            self.restrict_service(service);
            service.plans.iter_mut().for_each(|plan| self.restrict_plan(plan));
        }
        catalog
    }

    fn restrict_service(self, service: &mut Service) {
        if self < ASYNC_BINDINGS {
            (service.instances_retrievable, service.bindings_retrievable) = (false, false);
        }
        if self < V2_15 {
            service.allow_context_updates = false;
        }
        if self < V2_17 {
            service.binding_rotatable = None;
        }
    }

    fn restrict_plan(self, plan: &mut Plan) {
        if self < V2_15 {
            plan.maintenance_info = None;
        }
        if self < V2_17 {
            plan.binding_rotatable = None;
        }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is none of the versions that the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a version of the Open Service Broker API from 2.13 to 2.17, such as 2.14")]
pub struct UnknownVersion;

impl FromStr for ApiVersion {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        ALL.into_iter().find(|version| version.as_str() == text).ok_or(UnknownVersion)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::osb::MaintenanceInfo;

    fn refused(status: u16, description: &str) -> Error {
        Error::Status {
            status,
            code: None,
            description: Some(description.to_owned()),
            instance_usable: None,
            update_repeatable: None,
            retry_after: None,
        }
    }

    #[test]
    fn a_refused_version_is_followed_by_an_older_one() {
        for (version, status, description, expected) in [
            (V2_17, 412, "", Some(V2_14)),
            (V2_14, 412, "", Some(V2_13)),
            (V2_13, 412, "", None),
            (V2_17, 412, "requires version 2.16.", Some(V2_16)),
            (V2_17, 412, "2.17 is not supported, only 2.13", Some(V2_13)),
            (V2_17, 412, "supported: 2.13, 2.14, 2.15", Some(V2_15)),
            (V2_17, 412, "expected 2.130 or 12.14", Some(V2_14)),
            (V2_14, 412, "expected 2.17", Some(V2_13)),
            (V2_17, 400, "requires version 2.14", None),
        ] {
            assert_eq!(version.after(&refused(status, description)), expected, "{version} {description}");
        }
    }

    #[test]
    fn versions_are_read_as_the_header_has_them() {
        for version in ALL {
            assert_eq!(version.as_str().parse(), Ok(version));
        }
        for text in ["", "2", "2.12", "2.18", "v2.14", "2.14.0", "latest"] {
            assert_eq!(text.parse::<ApiVersion>(), Err(UnknownVersion), "{text}");
        }
    }

    #[test]
    fn requests_have_what_the_version_knows() {
        let body = json!({
            "plan_id": "p", "maintenance_info": {"version": "1"},
            "context": {"platform": "kubernetes", "clusterid": "c", "instance_name": "n"},
            "previous_values": {"plan_id": "o", "maintenance_info": {"version": "0"}},
        });
        let pruned = |version: ApiVersion| {
            let mut body = body.clone();
            version.prune(&mut body);
            body
        };
        assert_eq!(pruned(V2_17), body);
        assert_eq!(pruned(V2_15), body);
        let previous = json!({"plan_id": "o"});
        let context = json!({"platform": "kubernetes", "clusterid": "c"});
        assert_eq!(pruned(V2_14), json!({"plan_id": "p", "context": context, "previous_values": previous}));
        let context = json!({"platform": "kubernetes"});
        assert_eq!(pruned(V2_13), json!({"plan_id": "p", "context": context, "previous_values": previous}));
    }

    #[test]
    fn catalogs_offer_what_the_version_has() {
        let info = Some(MaintenanceInfo { version: "1.0.0".to_owned(), description: None });
        let plan = Plan { maintenance_info: info.clone(), binding_rotatable: Some(true), ..Plan::default() };
        let service = Service { bindings_retrievable: true, plans: vec![plan], ..Service::default() };
        let catalog = Catalog { services: vec![service], ..Catalog::default() };
        for (version, retrievable, maintained, rotatable) in [
            (V2_17, true, true, Some(true)),
            (V2_15, true, true, None),
            (V2_14, true, false, None),
            (V2_13, false, false, None),
        ] {
            let restricted = version.restrict(catalog.clone());
            let service = &restricted.services[0];
            let plan = &service.plans[0];
            assert_eq!(service.bindings_retrievable, retrievable, "{version}");
            assert_eq!((plan.maintenance_info.is_some(), plan.binding_rotatable), (maintained, rotatable));
        }
    }
}
