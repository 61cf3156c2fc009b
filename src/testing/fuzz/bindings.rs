//! What does the core decide about any binding, and what does it make of any answer?

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Strategy, any};
use proptest::sample::select;

use super::corpus::{BINDINGS, BOUND};
use super::instances::MAX_WRITES;
use super::mutation::{Json, document};
use super::outcomes::{End, at, end, outage, outage_at, second};
use super::properties::{assert_conditions, assert_stable, one_of_each_type, read_as_stored};
use super::target::{Case, Verdict, case};
use crate::crd::{ServiceBinding, ServiceBindingStatus, ServiceInstance};
use crate::domain::binding::injecting::Obstacle;
use crate::domain::binding::{Observed, Offering, Step, decide, merge_concurrent_status, settle};
use crate::domain::parameters::merge;
use crate::domain::rollout::Usage;

/// What else is known of a binding.
#[derive(Clone, Debug)]
struct Known {
    second: i64,
    offering: (bool, bool, bool),
    validated: bool,
    /// Whether the Secret has the digest of the status, or another one.
    secret: Option<bool>,
    next_poll: Option<i64>,
    may_be_retry: bool,
    is_id_taken: bool,
    usage: Option<(Option<i64>, i64)>,
    collisions: BTreeSet<String>,
    obstacle: Option<Obstacle>,
    outage: Option<(bool, i64)>,
}

fn known() -> BoxedStrategy<Known> {
    let obstacles = select(
        &[Obstacle::Bindings, Obstacle::Variables, Obstacle::ForeignSecret, Obstacle::UnsafeEntries][..],
    );
    let flags = (any::<bool>(), any::<bool>(), 0..8_u8, 0..4_u8);
    let pods = option::of((any::<Option<i64>>(), 0..3_i64));
    let known =
        (second(), any::<(bool, bool, bool)>(), any::<Option<bool>>(), option::weighted(0.3, second()));
    (known, flags, pods, option::weighted(0.1, obstacles), outage())
        .prop_map(
            |(
                (second, offering, secret, next_poll),
                (validated, may_be_retry, taken, collides),
                usage,
                obstacle,
                outage,
            )| Known {
                second,
                offering,
                validated,
                secret,
                next_poll,
                may_be_retry,
                is_id_taken: taken == 0,
                usage,
                collisions: if collides == 0 {
                    BTreeSet::from(["env PATH".to_owned()])
                } else {
                    BTreeSet::new()
                },
                obstacle,
                outage,
            },
        )
        .boxed()
}

impl Known {
    fn observe<'a>(
        &self,
        binding: &'a ServiceBinding,
        instance: Option<&'a ServiceInstance>,
    ) -> Observed<'a> {
        let digest = binding.status.as_ref().map(|status| status.secret_digest.clone()).unwrap_or_default();
        let (bindable, retrievable, rotatable) = self.offering;
        let generation = binding.metadata.generation.unwrap_or_default();
        let usage =
            |(oldest, revision)| Usage { oldest, of: (generation, revision), outdated: BTreeMap::new() };
        let inline = merge([None, None], binding.spec.parameters.as_ref(), &[]);
        Observed {
            binding,
            now: self.now(),
            instance,
            offering: Offering {
                not_bindable: (!bindable).then(|| "plan".to_owned()),
                retrievable,
                rotatable,
                maximum_polling_duration: None,
            },
            parameters: inline.map_err(|error| error.to_string()),
            validated: self.validated,
            secret: self.secret.map(|is_known| if is_known { digest } else { "other".to_owned() }),
            next_poll: self.next_poll.map(at),
            may_be_retry: self.may_be_retry,
            is_id_taken: self.is_id_taken,
            usage: self.usage.map(usage),
            collisions: self.collisions.clone(),
            obstacle: self.obstacle,
            outage: self.outage.map(|outage| outage_at(self.second, outage)),
        }
    }

    fn now(&self) -> Time {
        at(self.second)
    }
}

/// Any binding of any instance, whatever else is known, and any end of the call that it leads to.
pub fn bindings() -> Case {
    let objects = (document(&BINDINGS), option::weighted(0.9, document(&BOUND)));
    case((objects, known(), end()), |((Json(binding), instance), known, end)| {
        let read = |value: Json| serde_json::from_str::<ServiceInstance>(&value.0.to_string());
        let Ok(mut binding) = serde_json::from_str::<ServiceBinding>(&binding.to_string()) else {
            return Verdict::Rejected;
        };
        binding.status.iter_mut().for_each(|status| one_of_each_type(&mut status.conditions));
        let instance = match instance.map(read) {
            None => None,
            Some(Ok(instance)) => Some(instance),
            Some(Err(_)) => return Verdict::Rejected,
        };
        let Some((before, status)) = run(binding, instance.as_ref(), known.clone(), &end) else {
            return Verdict::Accepted;
        };
        let after = ServiceBinding { status: Some(status), ..before };
        run(after, instance.as_ref(), Known { may_be_retry: true, ..known }, &end);
        Verdict::Accepted
    })
}

/// Takes all steps up to a call, and the outcome of the call. Returns the binding before the call, and its status after
/// it; `None` if the binding waits or is gone.
fn run(
    mut binding: ServiceBinding,
    instance: Option<&ServiceInstance>,
    mut known: Known,
    end: &End,
) -> Option<(ServiceBinding, ServiceBindingStatus)> {
    for _ in 0..MAX_WRITES {
        let step = decide(&known.observe(&binding, instance));
        assert_eq!(step, decide(&known.observe(&binding, instance)), "the core is not deterministic");
        match step {
            Step::Wait(until) => {
                assert!(until.is_none_or(|until| until.0 > known.now().0), "it waits for the past");
                return None;
            }
            Step::AwaitBroker | Step::Delete | Step::RemoveFinalizer => return None,
            Step::Resolve(_) => panic!("a binding has no references"),
            Step::Validate(_) => {
                assert!(!known.validated);
                known.validated = true;
            }
            Step::Label(name, is_set) => {
                let labels = binding.metadata.labels.get_or_insert_default();
                let before = labels.remove(name);
                assert_ne!(before.is_some(), is_set, "the label is so already");
                labels.extend(is_set.then(|| (name.to_owned(), "true".to_owned())));
            }
            Step::Write(status) => {
                assert_status(&status);
                binding.status = Some(read_as_stored(&*status));
                (known.may_be_retry, known.is_id_taken) = (false, false);
            }
            Step::Call(call) => {
                let observed = known.observe(&binding, instance);
                let settled = settle(&observed, &call, end.outcome());
                assert_status(&settled.status);
                let again = settle(&observed, &call, end.outcome());
                assert_eq!(settled.status, again.status, "the core is not deterministic");
                let before = binding.status.clone().unwrap_or_default();
                merge_concurrent_status(&observed, &before, &call).iter().for_each(assert_status);
                let status = read_as_stored(&settled.status);
                return (!settled.remove_finalizer).then_some((binding, status));
            }
        }
    }
    panic!("more than {MAX_WRITES} writes follow one another: {:#?}", binding.status)
}

fn assert_status(status: &ServiceBindingStatus) {
    assert_stable(status);
    assert_conditions(&status.conditions, &status.last_condition_state);
}
