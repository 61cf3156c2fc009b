//! Upgrade tests with objects that an earlier version of the operator stored. Parsing them loses nothing, and `decide`
//! answers as that version did: no other broker call, no other write.
//!
//! `tests/fixtures/stored/` holds one object of each distinct shape. They were recorded from the simulation, from the
//! unit tests of this module and from the tests of the takeover at commit d656287, each with the step that `decide`
//! returned. The clock, the caches and the memory are as after a restart: no circuit is open, no poll is scheduled, and
//! an intent may have been executed already.
//!
//! Seen to fail: with a renamed status field, with a status write for a settled object, and with a catalog that is
//! fetched without a reason.

mod brokers;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::parameters::{Parameters, merge};
use super::plan_reference::{References, resolve};
use super::rollout::Usage;
use super::{Step, binding, instance};
use crate::crd::condition::{self, Condition};
use crate::crd::names::LABEL_INJECTS;
use crate::crd::raw::RawObject;
use crate::crd::{ClusterServiceClass, ClusterServicePlan, ServiceBinding, ServiceInstance};

const CATALOG: &str = include_str!("../../tests/fixtures/stored/catalog.yaml");
const INSTANCES: &str = include_str!("../../tests/fixtures/stored/instances.yaml");
const BINDINGS: &str = include_str!("../../tests/fixtures/stored/bindings.yaml");
const BOUND: &str = include_str!("../../tests/fixtures/stored/bound.yaml");

/// A stored object, what else is known, and the expected step.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<K> {
    case: String,
    now: Time,
    object: Value,
    step: String,
    /// Merge patch from the stored status to the written one, without the messages of conditions.
    #[serde(default)]
    patch: Value,
    known: K,
}

/// What else is known of an instance.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownOfInstance {
    /// The names of its bindings.
    bindings: Vec<String>,
}

/// What else is known of a binding.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct KnownOfBinding {
    /// The name of a document in `bound.yaml`.
    instance: Option<String>,
    /// What class and plan offer: `bindable`, `retrievable`, `rotatable`.
    offering: BTreeSet<String>,
    /// The digest of its Secret.
    secret: Option<String>,
    /// Which revisions its pods have, if that is known.
    pods: Option<Pods>,
    collisions: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Pods {
    oldest: Option<i64>,
    of: (i64, i64),
}

/// An instance that bindings refer to.
#[derive(Deserialize)]
struct Bound {
    name: String,
    object: ServiceInstance,
}

fn documents<T: DeserializeOwned>(text: &str) -> Vec<T> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    documents.iter().map(read).collect()
}

fn read<T: DeserializeOwned>(value: &Value) -> T {
    T::deserialize(value).unwrap_or_else(|error| panic!("{error}: {value:#}"))
}

fn of_kind<T: DeserializeOwned>(objects: &[Value], kind: &str) -> Vec<T> {
    objects.iter().filter(|object| object["kind"] == kind).map(read).collect()
}

/// The published classes and plans.
struct Catalog {
    classes: Vec<ClusterServiceClass>,
    plans: Vec<ClusterServicePlan>,
}

impl Catalog {
    fn new() -> Self {
        let objects: Vec<Value> = documents(CATALOG);
        Self {
            classes: of_kind(&objects, "ClusterServiceClass"),
            plans: of_kind(&objects, "ClusterServicePlan"),
        }
    }

    /// The only place that builds the observation of a stored instance.
    fn observe<'a>(
        &self,
        case: &'a Stored<KnownOfInstance>,
        instance: &'a ServiceInstance,
    ) -> instance::Observed<'a> {
        let target = resolve(instance, self.classes.iter(), self.plans.iter());
        let deleting = instance.metadata.deletion_timestamp.is_some();
        let parameters =
            if deleting { Parameters::default() } else { inline(instance.spec.parameters.as_ref()) };
        instance::Observed {
            instance,
            now: case.now.clone(),
            target,
            parameters: Ok(parameters),
            validated: true,
            bindings: &case.known.bindings,
            next_poll: None,
            may_be_retry: true,
            is_id_taken: false,
            outage: None,
        }
    }
}

/// The only place that builds the observation of a stored binding.
fn observe_binding<'a>(
    case: &Stored<KnownOfBinding>,
    binding: &'a ServiceBinding,
    instances: &'a BTreeMap<String, ServiceInstance>,
) -> binding::Observed<'a> {
    let known = &case.known;
    let offers = |what: &str| known.offering.contains(what);
    binding::Observed {
        obstacle: None,
        binding,
        now: case.now.clone(),
        instance: known.instance.as_ref().map(|name| &instances[name]),
        offering: binding::Offering {
            not_bindable: (!offers("bindable")).then(|| "plan \"small\" of class \"database\"".to_owned()),
            retrievable: offers("retrievable"),
            rotatable: offers("rotatable"),
            maximum_polling_duration: None,
        },
        parameters: Ok(inline(binding.spec.parameters.as_ref())),
        validated: true,
        secret: known.secret.clone(),
        next_poll: None,
        may_be_retry: true,
        is_id_taken: false,
        usage: known.pods.as_ref().map(|pods| Usage {
            oldest: pods.oldest,
            of: pods.of,
            outdated: BTreeMap::new(),
        }),
        collisions: known.collisions.clone(),
        outage: None,
    }
}

fn inline(parameters: Option<&RawObject>) -> Parameters {
    merge([None, None], parameters, &[]).unwrap()
}

/// The step in words, and the status patch of a write.
fn describe<S: Serialize, C>(
    step: &Step<S, C>,
    stored: &Value,
    call: impl Fn(&C) -> String,
) -> (String, Value) {
    let words = match step {
        Step::Wait(None) => "wait".to_owned(),
        Step::Wait(Some(until)) => format!("wait until {}", until.0),
        Step::AwaitBroker => "await broker".to_owned(),
        Step::Resolve(references) => {
            let named = |name: &str| references.spec.get(name).cloned().flatten().map(|found| found.name);
            let (class, plan) = (named("clusterServiceClassRef"), named("clusterServicePlanRef"));
            format!("resolve class {} and plan {}", class.unwrap_or_default(), plan.unwrap_or_default())
        }
        Step::Validate(purpose) => format!("validate {purpose:?}"),
        Step::Label(label, _) => format!("label {label}"),
        Step::Write(status) => {
            let written = serde_json::to_value(status).unwrap();
            return (
                "write".to_owned(),
                patch(&without_messages(stored.clone()), &without_messages(written)),
            );
        }
        Step::Call(step) => format!("call {}", call(step)),
        Step::Delete => "delete".to_owned(),
        Step::RemoveFinalizer => "remove the finalizer".to_owned(),
    };
    (words, Value::Null)
}

fn describe_instance(instance: &ServiceInstance, step: &instance::Step) -> (String, Value) {
    let stored = serde_json::to_value(instance.status.clone().unwrap_or_default()).unwrap();
    describe(step, &stored, |call| {
        let instance::Call { verb, instance_id, service_id, plan_id, broker, .. } = call;
        let details = match verb {
            instance::Verb::Update { parameters, maintenance_info } => {
                format!(": parameters {parameters}, maintenance_info {maintenance_info}")
            }
            instance::Verb::Poll(operation) | instance::Verb::PollMitigation(operation) => {
                format!(": operation {operation:?}")
            }
            _ => String::new(),
        };
        format!("{} {instance_id} of {service_id}/{plan_id} at {broker}{details}", verb.name())
    })
}

fn describe_binding(binding: &ServiceBinding, step: &binding::Step) -> (String, Value) {
    let stored = serde_json::to_value(binding.status.clone().unwrap_or_default()).unwrap();
    describe(step, &stored, |call| {
        let binding::Call { verb, binding_id, instance } = call;
        let details = match verb {
            binding::Verb::Poll(operation) | binding::Verb::PollMitigation(operation) => {
                format!(": operation {operation:?}")
            }
            _ => String::new(),
        };
        let (id, service, plan) = (&instance.id, &instance.service_id, &instance.plan_id);
        let broker = &instance.broker_name;
        format!("{} {binding_id} of {id} of {service}/{plan} at {broker}{details}", verb.name())
    })
}

fn without_messages(mut status: Value) -> Value {
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        condition.as_object_mut().unwrap().remove("message");
    }
    status
}

/// The merge patch from one value to the other (RFC 7386).
fn patch(before: &Value, after: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (before, after) else { return after.clone() };
    let changed = new.iter().filter(|(name, value)| old.get(*name) != Some(value));
    let changed = changed.map(|(name, value)| {
        (name.clone(), old.get(name).map_or_else(|| value.clone(), |old| patch(old, value)))
    });
    let removed = old.keys().filter(|name| !new.contains_key(*name)).map(|name| (name.clone(), Value::Null));
    Value::Object(changed.chain(removed).collect())
}

/// Whether nothing that is stored is lost or changed. An absent field may be written with its default.
fn is_kept(stored: &Value, again: &Value) -> bool {
    match (stored, again) {
        (Value::Object(stored), Value::Object(again)) => {
            stored.iter().all(|(name, value)| is_kept(value, again.get(name).unwrap_or(&Value::Null)))
                && again.iter().all(|(name, value)| stored.contains_key(name) || is_default(value))
        }
        (Value::Array(stored), Value::Array(again)) => {
            stored.len() == again.len()
                && stored.iter().zip(again).all(|(stored, again)| is_kept(stored, again))
        }
        _ => stored == again,
    }
}

fn is_default(value: &Value) -> bool {
    [json!(""), json!(0), json!(false), json!([])].contains(value)
}

/// Whether the object is ready, with no operation in flight.
fn is_settled(object: &Value) -> bool {
    let (meta, status) = (&object["metadata"], &object["status"]);
    let conditions: Vec<Condition> = serde_json::from_value(status["conditions"].clone()).unwrap_or_default();
    let in_flight = ["currentOperation", "orphans", "predecessor", "successorID", "updateUncertain"];
    matches!(&*conditions, [ready] if ready.type_ == condition::READY && ready.status == "True")
        && in_flight.iter().all(|name| status[*name].is_null())
        && status["observedGeneration"] == meta["generation"]
        && [&meta["deletionTimestamp"], &meta["annotations"]].iter().all(|it| it.is_null())
}

/// Compares a case with what the current version makes of it; returns the difference, if any.
fn check<K>(
    case: &Stored<K>,
    again: &Value,
    (step, patch): &(String, Value),
    settled: bool,
) -> Option<String> {
    let Stored { case: name, object, .. } = case;
    if !is_kept(&object["status"], again) {
        return Some(format!("{name}: {:#}\nis read as {again:#}", object["status"]));
    }
    if settled && !step.starts_with("wait") {
        return Some(format!("{name}: settled, but now {step} {patch:#}"));
    }
    let as_before = (step, patch) == (&case.step, &case.patch);
    (!as_before).then(|| format!("{name}: {} {:#}\nnow is {step} {patch:#}", case.step, case.patch))
}

fn assert_none_broken(kind: &str, broken: &[String], count: usize) {
    assert!(count > 0, "no {kind}");
    assert!(broken.is_empty(), "{} of {count} {kind}:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn stored_instances_are_read_and_go_on_as_before() {
    let catalog = Catalog::new();
    let cases: Vec<Stored<KnownOfInstance>> = documents(INSTANCES);
    let wrong = |case: &Stored<KnownOfInstance>| {
        let mut instance: ServiceInstance = read(&case.object);
        let mut step = instance::decide(&catalog.observe(case, &instance));
        // That version did not record the id of an attempt in the spec.
        if let Step::Resolve(References { external_id: Some(id), .. }) = &step
            && !case.step.starts_with("resolve")
        {
            instance.spec.external_id.clone_from(id);
            step = instance::decide(&catalog.observe(case, &instance));
        }
        let step = describe_instance(&instance, &step);
        // An object of service-catalog has no `instanceID` yet, and is written once to adopt it.
        let settled = is_settled(&case.object) && !case.object["status"]["instanceID"].is_null();
        check(case, &serde_json::to_value(&instance.status).unwrap(), &step, settled)
    };
    let broken: Vec<String> = cases.iter().filter_map(wrong).collect();
    assert_none_broken("instances", &broken, cases.len());
}

/// With the label that an admission policy gave to each binding that injects. The objects were recorded without policies.
fn as_admitted(mut binding: ServiceBinding) -> ServiceBinding {
    if binding::injecting::wants_to(&binding) {
        let labels = binding.metadata.labels.get_or_insert_default();
        labels.insert(LABEL_INJECTS.to_owned(), "true".to_owned());
    }
    binding
}

#[test]
fn stored_bindings_are_read_and_go_on_as_before() {
    let bound: Vec<Bound> = documents(BOUND);
    let instances = bound.into_iter().map(|Bound { name, object }| (name, object)).collect();
    let cases: Vec<Stored<KnownOfBinding>> = documents(BINDINGS);
    let wrong = |case: &Stored<KnownOfBinding>| {
        let binding = as_admitted(read(&case.object));
        let step = binding::decide(&observe_binding(case, &binding, &instances));
        let digest = case.object["status"]["secretDigest"].as_str();
        let settled = is_settled(&case.object) && digest.is_some() && digest == case.known.secret.as_deref();
        let again = serde_json::to_value(&binding.status).unwrap();
        check(case, &again, &describe_binding(&binding, &step), settled)
    };
    let broken: Vec<String> = cases.iter().filter_map(wrong).collect();
    assert_none_broken("bindings", &broken, cases.len());
}
