//! Applies the objects of an instance or of a binding, and looks whether they are ready.

use serde_json::Value;
use tracing::warn;

use crate::template::{
    Definition, Desired, Entry, Inventory, Plan, Readiness, State, is_of_instance, pod_problem, pod_selector,
    readiness, uid,
};
use crate::template_broker::error::Error;
use crate::template_broker::objects::{Failure, Objects};
use crate::template_broker::records::{Records, Stored};

/// The most refusals that are listed for a user.
const MAX_LISTED: usize = 10;

/// An object, and what the API server calls it.
pub(super) type Located = (Entry, Value);

/// The entries of objects, for an inventory.
pub(super) fn entries(located: &[Located]) -> Vec<Entry> {
    located.iter().map(|(entry, _)| entry.clone()).collect()
}

/// The template of an instance as it was when the instance was ordered.
pub(super) fn definition_of(desired: &Desired) -> Result<Definition, Error> {
    Definition::read(&desired.template).map_err(|problems| {
        Error::BadRequest(format!("the template of the instance is unusable: {problems}"))
    })
}

/// The plan with this ID.
pub(super) fn plan_of<'a>(definition: &'a Definition, plan_id: &str) -> Result<&'a Plan, Error> {
    definition
        .plan(plan_id)
        .ok_or_else(|| Error::BadRequest("the template does not have this plan".to_owned()))
}

/// Asks the API server whether the user may apply all these objects. Nothing is changed.
pub(super) async fn try_all(
    objects: &Objects,
    made: Vec<Value>,
    namespace: &str,
    instance_id: &str,
) -> Result<Vec<Located>, Error> {
    let mut located: Vec<Located> = Vec::new();
    for object in made {
        let known = located.iter().find(|(entry, _)| entry.is_of_kind(&object));
        let entry = match known {
            Some((entry, _)) => {
                Entry::of(&object, &entry.resource, if entry.namespace.is_empty() { "" } else { namespace })
            }
            None => objects.locate(&object, namespace).await?,
        };
        located.push((entry, object));
    }
    let mut refusals = Vec::new();
    for (entry, object) in &located {
        match try_one(objects, entry, object, instance_id).await {
            Ok(true) => {}
            Ok(false) => {
                refusals.push(format!("{entry} exists already; choose another name in the parameters"));
            }
            Err(Failure::Refused { why, .. }) => refusals.push(format!("{entry}: {why}")),
            Err(unavailable) => return Err(unavailable.into()),
        }
    }
    if refusals.is_empty() {
        return Ok(located);
    }
    let more = refusals.len().saturating_sub(MAX_LISTED);
    refusals.truncate(MAX_LISTED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Err(Error::BadRequest(format!("{}{more}", refusals.join("; "))))
}

/// False if the object exists and is not the instance's.
async fn try_one(
    objects: &Objects,
    entry: &Entry,
    object: &Value,
    instance_id: &str,
) -> Result<bool, Failure> {
    if objects.read(entry).await?.is_some_and(|existing| !is_of_instance(&existing, instance_id)) {
        return Ok(false);
    }
    objects.apply(entry, object, true).await.map(|_| true)
}

/// Applies objects, and notes their UIDs. Returns how far the operation is then. It ends if another replica has changed the
/// record, perhaps because the instance is being deleted.
pub(super) async fn apply(
    objects: &Objects,
    located: &[Located],
    inventory: &mut Inventory,
    (records, stored): (&Records, &Stored),
) -> Result<State, Error> {
    for (entry, object) in located {
        if !records.is_current(stored).await? {
            return Err(Error::Concurrency);
        }
        match objects.apply(entry, object, false).await {
            Ok(applied) => inventory.set_uid(entry, uid(&applied)),
            Err(Failure::Refused { why, .. }) => {
                return Ok(State::Failed(format!("{entry}: {why}")));
            }
            Err(Failure::Unavailable(error)) => {
                warn!(error, "the API server is not available; the next poll continues");
                return Ok(State::Working);
            }
        }
    }
    Ok(State::Applied)
}

/// The objects with the names by which they were applied before.
pub(super) fn located(made: Vec<Value>, inventory: &Inventory, namespace: &str) -> Vec<Located> {
    let locate = |object: Value| {
        let in_namespace = Entry::of(&object, "", namespace);
        let of_cluster = Entry { namespace: String::new(), ..in_namespace.clone() };
        let is_it = |entry: &&Entry| entry.is_same_object(&in_namespace) || entry.is_same_object(&of_cluster);
        let known = inventory.entries().iter().find(is_it);
        known.map(|entry| (entry.clone(), object))
    };
    made.into_iter().filter_map(locate).collect()
}

/// Whether all objects are ready. If not, why the first one is not.
pub(super) async fn look(objects: &Objects, located: &[Located]) -> Result<Readiness, Error> {
    for (entry, made) in located {
        // Nothing has to be read of a kind that is ready as soon as it exists.
        if readiness(made) == Readiness::Ready {
            continue;
        }
        match look_at(objects, entry).await {
            Ok(Readiness::Ready) => {}
            Ok(other) => return Ok(other),
            Err(Failure::Refused { why, .. }) => {
                return Ok(Readiness::Failed(format!("{entry}: {why}")));
            }
            Err(unavailable) => return Err(unavailable.into()),
        }
    }
    Ok(Readiness::Ready)
}

async fn look_at(objects: &Objects, entry: &Entry) -> Result<Readiness, Failure> {
    let Some(live) = objects.read(entry).await? else {
        return Ok(Readiness::Failed(format!("{entry} was deleted")));
    };
    Ok(match readiness(&live) {
        Readiness::Waiting(why) => Readiness::Waiting(match problem_of_pods(objects, entry, &live).await {
            Some(problem) => format!("{why}; {problem}"),
            None => why,
        }),
        other => other,
    })
}

/// What is wrong with a pod of a workload. Not every user may read pods.
async fn problem_of_pods(objects: &Objects, entry: &Entry, workload: &Value) -> Option<String> {
    let pods = objects.pods(&entry.namespace, &pod_selector(workload)?).await.ok()?;
    pods.iter().find_map(pod_problem)
}
