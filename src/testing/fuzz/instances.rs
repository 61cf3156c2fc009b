//! What does the core decide about any instance, and what does it make of any answer?

use std::mem::take;
use std::sync::LazyLock;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Strategy, any};

use super::corpus::{CLASSES_AND_PLANS, INSTANCES};
use super::mutation::{Json, document};
use super::outcomes::{End, at, end, outage, outage_at, second};
use super::properties::{assert_conditions, assert_stable, one_of_each_type, read_as_stored};
use super::target::{Case, Verdict, case};
use crate::crd::{ClusterServiceClass, ClusterServicePlan, ServiceInstance, ServiceInstanceStatus};
use crate::domain::instance::{Observed, Step, decide, merge_concurrent_status, settle};
use crate::domain::osb_id::HasOsbIds as _;
use crate::domain::parameters::{Parameters, merge};
use crate::domain::plan_reference::{Unresolved, resolve};

/// How many writes may follow one another while nothing else happens. More would be a loop without an end.
pub const MAX_WRITES: usize = 8;

static CLASSES: LazyLock<Vec<ClusterServiceClass>> = LazyLock::new(|| of_kind("ClusterServiceClass"));
static PLANS: LazyLock<Vec<ClusterServicePlan>> = LazyLock::new(|| of_kind("ClusterServicePlan"));

fn of_kind<T: serde::de::DeserializeOwned>(kind: &str) -> Vec<T> {
    let objects = CLASSES_AND_PLANS.iter().filter(|object| object["kind"] == kind);
    objects.map(|object| serde_json::from_value(object.clone()).unwrap()).collect()
}

/// What else is known of an instance.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug)]
struct Known {
    second: i64,
    parameters: Result<(), String>,
    is_resolved: bool,
    validated: bool,
    bindings: Vec<String>,
    next_poll: Option<i64>,
    may_be_retry: bool,
    is_id_taken: bool,
    outage: Option<(bool, i64)>,
}

fn known() -> BoxedStrategy<Known> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), 0..8_u8, 0..10_u8, 0..10_u8);
    let next_poll = option::weighted(0.3, second());
    (second(), flags, vec("[a-z]{1,5}", 0..3), next_poll, outage())
        .prop_map(
            |(
                second,
                (validated, may_be_retry, has_bindings, taken, unusable, unresolved),
                bindings,
                next_poll,
                outage,
            )| Known {
                second,
                parameters: if unusable == 0 { Err("unusable".to_owned()) } else { Ok(()) },
                is_resolved: unresolved > 0,
                validated,
                bindings: if has_bindings { bindings } else { Vec::new() },
                next_poll,
                may_be_retry,
                is_id_taken: taken == 0,
                outage,
            },
        )
        .boxed()
}

impl Known {
    fn observe<'a>(&'a self, instance: &'a ServiceInstance) -> Observed<'a> {
        let resolved = resolve(instance, CLASSES.iter(), PLANS.iter());
        let unresolved = Unresolved { reason: "Unresolved", message: "the cache is empty".to_owned() };
        let inline =
            || merge([None, None], instance.spec.parameters.as_ref(), &[]).map_err(|error| error.to_string());
        let parameters =
            if instance.metadata.deletion_timestamp.is_some() { Ok(Parameters::default()) } else { inline() };
        Observed {
            instance,
            now: self.now(),
            target: if self.is_resolved { resolved } else { Err(unresolved) },
            parameters: self.parameters.clone().and(parameters),
            validated: self.validated,
            bindings: &self.bindings,
            next_poll: self.next_poll.map(at),
            may_be_retry: self.may_be_retry,
            is_id_taken: self.is_id_taken,
            outage: self.outage.map(|outage| outage_at(self.second, outage)),
        }
    }

    fn now(&self) -> Time {
        at(self.second)
    }
}

/// Any instance, whatever else is known, and any end of the call that it leads to.
pub fn instances() -> Case {
    case((document(&INSTANCES), known(), end()), |(Json(object), known, end)| {
        let Ok(mut instance) = serde_json::from_str::<ServiceInstance>(&object.to_string()) else {
            return Verdict::Rejected;
        };
        instance.status.iter_mut().for_each(|status| one_of_each_type(&mut status.conditions));
        let Some((before, status)) = run(instance, known.clone(), &end) else { return Verdict::Accepted };
        // What the outcome leaves is a status from which the operator goes on.
        let after = ServiceInstance { status: Some(status), ..before };
        run(after, Known { may_be_retry: true, ..known }, &end);
        Verdict::Accepted
    })
}

/// Takes all steps up to a call, and the outcome of the call. Returns the instance before the call, and its status after
/// it; `None` if the instance waits or is gone.
fn run(
    mut instance: ServiceInstance,
    mut known: Known,
    end: &End,
) -> Option<(ServiceInstance, ServiceInstanceStatus)> {
    for _ in 0..MAX_WRITES {
        let step = decide(&known.observe(&instance));
        assert_eq!(step, decide(&known.observe(&instance)), "the core is not deterministic");
        match step {
            Step::Wait(until) => {
                // A time that has come would be a busy loop.
                assert!(until.is_none_or(|until| until.0 > known.now().0), "it waits for the past");
                return None;
            }
            Step::AwaitBroker | Step::Delete | Step::RemoveFinalizer => return None,
            Step::Resolve(references) => {
                let spec = &mut instance.spec;
                for (name, reference) in references.spec {
                    *match name {
                        "clusterServiceClassRef" => &mut spec.cluster_service_class_ref,
                        "clusterServicePlanRef" => &mut spec.cluster_service_plan_ref,
                        "serviceClassRef" => &mut spec.service_class_ref,
                        _ => &mut spec.service_plan_ref,
                    } = reference;
                }
                spec.external_id = references.external_id.unwrap_or_else(|| take(&mut spec.external_id));
                let labels = references.labels.into_iter().map(|(name, value)| (name.to_owned(), value));
                instance.metadata.labels.get_or_insert_default().extend(labels);
                let annotations =
                    references.annotations.into_iter().map(|(name, value)| (name.to_owned(), value));
                instance.metadata.annotations.get_or_insert_default().extend(annotations);
            }
            Step::Validate(_) => {
                assert!(!known.validated);
                known.validated = true;
            }
            Step::Label(name, is_set) => {
                assert!(is_set, "only bindings lose labels");
                instance.metadata.labels.get_or_insert_default().insert(name.to_owned(), "true".to_owned());
            }
            Step::Write(status) => {
                assert_status(&status);
                instance.status = Some(read_as_stored(&*status));
                // Another object has one id, and not all of them.
                (known.may_be_retry, known.is_id_taken) = (false, false);
            }
            Step::Call(call) => {
                let observed = known.observe(&instance);
                let settled = settle(&observed, &call, end.outcome());
                assert_status(&settled.status);
                let again = settle(&observed, &call, end.outcome());
                assert_eq!(settled.status, again.status, "the core is not deterministic");
                let before = instance.status.clone().unwrap_or_default();
                merge_concurrent_status(&observed, &before, &call).iter().for_each(assert_status);
                let status = read_as_stored(&settled.status);
                return (!settled.remove_finalizer).then_some((instance, status));
            }
        }
    }
    panic!("more than {MAX_WRITES} writes follow one another: {:#?}", instance.status)
}

fn assert_status(status: &ServiceInstanceStatus) {
    assert_stable(status);
    assert_conditions(&status.conditions, &status.last_condition_state);
    let instance = ServiceInstance::new("", crate::crd::ServiceInstanceSpec::default());
    let ids = instance.ids_of(status);
    assert!(ids.iter().all(|(id, _)| !id.is_empty()), "{ids:?}");
}
