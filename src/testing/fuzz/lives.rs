//! What does the core decide about any broker, class, plan and alpha object?

use std::fmt::Debug;
use std::time::Duration;

use kube::{Resource, ResourceExt as _};
use proptest::option;
use proptest::prelude::{BoxedStrategy, Strategy, any, prop_oneof};
use proptest::strategy::Just;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::corpus::{ALPHA, BROKERS};
use super::instances::MAX_WRITES;
use super::mutation::{Json, document};
use super::outcomes::{at, error, outage, outage_at, second};
use super::properties::{
    assert_conditions, assert_round_trip, assert_stable, one_of_each_type, read_as_stored,
};
use super::target::{Case, Verdict, case};
use super::words::text;
use crate::crd::alpha::{self, AlphaStatus};
use crate::crd::broker::BrokerStatus;
use crate::crd::names::FINALIZER;
use crate::crd::{ClusterServiceBroker, ServiceBroker, role};
use crate::domain::alpha::{Alpha, Step as AlphaStep, decide as decide_alpha};
use crate::domain::broker::{
    Connection, Failures, Observed, Outage, Outcome, Published, Step, decide, settle,
};
use crate::osb;

/// The end of a fetch, or of the attempt to connect.
#[derive(Clone, Debug)]
enum End {
    Unusable(String, bool),
    NotFetched(osb::Error),
    NotPublished(String),
    Published(String),
}

impl End {
    fn outcome(self) -> Outcome {
        match self {
            Self::Unusable(why, secret_is_terminating) => {
                Outcome::Unusable { why, is_about_credentials: true, secret_is_terminating }
            }
            Self::NotFetched(error) => Outcome::NotFetched(error),
            Self::NotPublished(why) => Outcome::NotPublished(why),
            Self::Published(rejected) => Outcome::Published(Published {
                classes: 1,
                plans: 1,
                changes: 0,
                rejected,
                message: "fetched",
            }),
        }
    }
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug)]
struct Known {
    second: i64,
    secret_version: String,
    is_outdated: bool,
    is_connected: bool,
    outage: Option<(bool, i64)>,
    is_probing: bool,
    is_shared: bool,
    is_suspected: bool,
    end: End,
}

fn known() -> BoxedStrategy<Known> {
    let end = prop_oneof![
        (text(), any::<bool>()).prop_map(|(why, terminating)| End::Unusable(why, terminating)),
        error().prop_map(End::NotFetched),
        text().prop_map(End::NotPublished),
        prop_oneof![Just(String::new()), text()].prop_map(End::Published),
    ];
    let flags = any::<(bool, bool, bool, bool, bool)>();
    (second(), "[0-9]{0,2}", flags, outage(), end)
        .prop_map(|(second, secret_version, flags, outage, end)| {
            let (is_outdated, is_connected, is_probing, is_shared, is_suspected) = flags;
            Known {
                second,
                secret_version,
                is_outdated,
                is_connected,
                outage,
                is_probing,
                is_shared,
                is_suspected,
                end,
            }
        })
        .boxed()
}

impl Known {
    fn observe<'a, B: role::Broker + Resource<DynamicType = ()>>(
        &'a self,
        broker: &'a B,
        is_live: bool,
        failures: Option<&Failures>,
    ) -> Observed<'a> {
        Observed {
            meta: broker.meta(),
            spec: broker.common(),
            status: broker.status(),
            now: at(self.second),
            relist_interval: Duration::from_hours(24),
            is_live,
            instances: Vec::new(),
            connection: self.is_connected.then(|| Connection {
                generation: broker.meta().generation.unwrap_or_default(),
                secret_version: &self.secret_version,
                api_version: osb::ApiVersion::default(),
                is_outdated: self.is_outdated,
                outage: self.outage(),
                is_shared: self.is_shared,
                is_suspected: self.is_suspected,
                failures: failures.cloned(),
            }),
        }
    }

    fn outage(&self) -> Option<Outage> {
        let outage = outage_at(self.second, self.outage?);
        Some(Outage { cause: outage.cause, until: (!self.is_probing).then_some(outage.until) })
    }
}

/// Any broker, whatever else is known, and any end of a fetch.
pub fn brokers() -> Case {
    case((document(&BROKERS), known()), |(Json(object), known)| {
        let text = object.to_string();
        let is_read = match object["kind"].as_str() {
            Some("ServiceBroker") => {
                serde_json::from_str::<ServiceBroker>(&text).map(|broker| live(broker, known))
            }
            _ => serde_json::from_str::<ClusterServiceBroker>(&text).map(|broker| live(broker, known)),
        };
        Verdict::accepted(is_read.is_ok())
    })
}

/// Takes all steps until nothing is to be done before a later time.
fn live<B>(mut broker: B, mut known: Known)
where
    B: role::Broker + Resource<DynamicType = ()>,
{
    let (mut is_live, mut failures): (bool, Option<Failures>) = (false, None);
    if let Some(mut status) = broker.status().cloned() {
        one_of_each_type(&mut status.conditions);
        broker.set_status(status);
    }
    for _ in 0..MAX_WRITES {
        let observe = || known.observe(&broker, is_live, failures.as_ref());
        let step = decide(&observe());
        assert_eq!(step, decide(&observe()), "the core is not deterministic");
        let settled = match step {
            Step::Wait(until) => {
                assert!(until.is_none_or(|until| until.0 > at(known.second).0), "it waits for the past");
                return;
            }
            Step::Probe | Step::Finalize => return,
            Step::AddFinalizer => {
                broker.meta_mut().finalizers.get_or_insert_default().push(FINALIZER.to_owned());
                continue;
            }
            Step::ReadLive => {
                assert!(!is_live);
                is_live = true;
                continue;
            }
            Step::Write { status, .. } => {
                assert_status(&status);
                broker.set_status(read_as_stored(&*status));
                continue;
            }
            Step::Connect if matches!(known.end, End::Unusable(..)) => {
                settle(&observe(), known.end.clone().outcome())
            }
            Step::Connect => {
                assert!(!known.is_connected);
                known.is_connected = true;
                continue;
            }
            Step::Fetch if matches!(known.end, End::Unusable(..)) => return,
            Step::Fetch => settle(&observe(), known.end.clone().outcome()),
        };
        assert_status(&settled.status);
        let next_failures = settled.failures;
        if settled.drops_connection || matches!(known.end, End::Unusable(..)) {
            return;
        }
        broker.set_status(read_as_stored(&settled.status));
        (failures, is_live, known.is_outdated) = (next_failures, false, false);
    }
    panic!("more than {MAX_WRITES} steps follow one another: {:#?}", broker.status())
}

fn assert_status(status: &BrokerStatus) {
    assert_stable(status);
    assert_conditions(&status.conditions, &status.last_condition_state);
}

/// Any alpha object, with any child of its name.
pub fn alphas() -> Case {
    let inputs =
        (document(&ALPHA), option::of(document(&super::corpus::OBJECTS)), any::<bool>(), any::<bool>());
    case(inputs, |(Json(object), child, is_own, taken_along)| {
        let child = child.map(|Json(child)| child);
        let is_read = match object["kind"].as_str() {
            Some("Broker") => translate::<alpha::Broker>(&object, child, is_own, taken_along),
            Some("Instance") => translate::<alpha::Instance>(&object, child, is_own, taken_along),
            _ => translate::<alpha::Binding>(&object, child, is_own, taken_along),
        };
        Verdict::accepted(is_read.is_some())
    })
}

/// Takes all steps until nothing is to be done. `None` if there is no such object.
fn translate<A>(object: &Value, child: Option<Value>, is_own: bool, taken_along: bool) -> Option<()>
where
    A: Alpha + Serialize + DeserializeOwned + Clone + PartialEq + Debug,
    A::Child: Serialize + DeserializeOwned + Debug,
{
    let mut alpha: A = serde_json::from_str(&object.to_string()).ok()?;
    let read = |child: Value| serde_json::from_str::<A::Child>(&child.to_string()).ok();
    let mut child = child.and_then(read);
    if let Some(child) = child.as_mut().filter(|_| is_own) {
        child.meta_mut().owner_references = alpha.controller_owner_ref(&()).map(|owner| vec![owner]);
    }
    for _ in 0..MAX_WRITES {
        let step = decide_alpha(&alpha, child.as_ref(), taken_along, &at(0));
        assert_eq!(
            step,
            decide_alpha(&alpha, child.as_ref(), taken_along, &at(0)),
            "the core is not deterministic"
        );
        match step {
            AlphaStep::Wait | AlphaStep::Leave | AlphaStep::RemoveFinalizer | AlphaStep::Delete(_) => {
                return Some(());
            }
            AlphaStep::AddFinalizer => {
                alpha.finalizers_mut().push(FINALIZER.to_owned());
            }
            AlphaStep::Create(new) | AlphaStep::Change(new) => {
                assert_round_trip(&*new);
                assert_eq!(new.name_any(), alpha.name_any());
                child = Some(read_as_stored(&*new));
            }
            AlphaStep::Copy(status) | AlphaStep::Complain(status) => {
                assert_alpha(&status);
                *alpha.status_mut() = Some(read_as_stored(&*status));
            }
        }
    }
    panic!("more than {MAX_WRITES} steps follow one another: {alpha:#?} {child:#?}")
}

fn assert_alpha(status: &AlphaStatus) {
    assert_stable(status);
}
