//! Property test: injection breaks no pod, and adds everything that does not collide.

mod bound;
mod dice;

use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::namespace::{Namespace, namespace};
use bound::Bound;
use dice::Dice;

const SEED: u64 = 1;
const WORLDS: u64 = 12;
const PODS: usize = 30;

/// Whether `after` still contains everything of `before`, in the same order.
fn is_kept(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            before.iter().all(|(key, before)| after.get(key).is_some_and(|after| is_kept(before, after)))
        }
        (Value::Array(before), Value::Array(after)) => {
            let mut rest = after.iter();
            before.iter().all(|before| rest.any(|after| is_kept(before, after)))
        }
        // The volume of the ServiceAccount token has a random name.
        (Value::String(before), Value::String(after)) if before.starts_with("kube-api-access-") => {
            after.starts_with("kube-api-access-")
        }
        _ => before == after,
    }
}

/// Counts of what happened to pods.
#[derive(Default)]
struct Tally {
    refused: usize,
    complete: usize,
    collided: usize,
}

/// Creates the pod in a namespace without bindings and in one with bindings; returns the differences that are wrong.
async fn examine(plain: &Namespace, bound: (&Namespace, &[Bound]), pod: &Value) -> Result<Tally, String> {
    let (namespace, bindings) = bound;
    let mut tally = Tally::default();
    let Ok(before) = plain.try_create(pod.clone()).await else {
        tally.refused += 1;
        return Ok(tally);
    };
    let after = namespace.try_create(pod.clone()).await?;
    for part in ["/spec", "/metadata/labels", "/metadata/annotations"] {
        let [before, after] = [&before, &after].map(|pod| pod.pointer(part).unwrap_or(&Value::Null));
        if !before.is_null() && !is_kept(before, after) {
            return Err(format!("{part} was {before:#}\nand is {after:#}"));
        }
    }
    // A pod whose annotations are at the size limit gets no further ones.
    let is_full = pod["metadata"]["annotations"]["large"].is_string();
    for binding in bindings.iter().filter(|_| !is_full) {
        let (stamp, reported) =
            (binding.annotation(&after, "revision"), binding.annotation(&after, "collision"));
        if !binding.selects(pod) {
            if let Some(found) = stamp.or(reported) {
                return Err(format!("{} is not for this pod, which says {found}", binding.name));
            }
            continue;
        }
        let mut lacks = binding.lacks(&after);
        let mut reported: Vec<&str> =
            reported.map(|reported| reported.split(", ").collect()).unwrap_or_default();
        lacks.sort_unstable();
        reported.sort_unstable();
        let is_cut = reported.iter().any(|what| what.ends_with('…'));
        if stamp.is_none() || !is_cut && lacks != reported {
            return Err(format!(
                "of {} lacks {lacks:?}, annotated {reported:?}\n{:#}",
                binding.name, after["spec"]
            ));
        }
        if lacks.is_empty() { tally.complete += 1 } else { tally.collided += 1 }
    }
    // A second admission, as after another plugin's change, adds nothing.
    let annotations = &after["metadata"]["annotations"];
    let metadata =
        json!({"name": "again", "labels": after["metadata"]["labels"], "annotations": annotations});
    let again =
        namespace.try_create(json!({"kind": "Pod", "metadata": metadata, "spec": after["spec"]})).await?;
    // A stamp of another pod does not count, and a full pod gets no new one.
    let has_same_annotations = is_full || again["metadata"]["annotations"] == *annotations;
    if again["spec"] != after["spec"] || !has_same_annotations {
        return Err(format!("{after:#}\nonce more injected becomes\n{again:#}"));
    }
    Ok(tally)
}

#[tokio::test]
async fn no_pod_is_worse_off_and_each_gets_all_that_does_not_collide() {
    let plain = namespace().await;
    let mut total = Tally::default();
    for world in 0..WORLDS {
        let mut dice = Dice(SEED << 32 | world);
        let namespace = namespace().await;
        let mut bindings = Vec::new();
        for (name, spec) in dice.bindings() {
            bindings.push(Bound::create(&namespace, name, spec).await);
        }
        let known: Vec<(String, String)> =
            bindings.iter().map(|binding| (binding.uid().to_owned(), binding.secret.clone())).collect();
        let pods: Vec<Value> = (0..PODS).map(|number| dice.pod(number, &known)).collect();
        let examined = pods.iter().map(|pod| async {
            examine(&plain, (&namespace, &bindings), pod).await.unwrap_or_else(|error| {
                let mut shown = pod.clone();
                if shown["metadata"]["annotations"]["large"].is_string() {
                    shown["metadata"]["annotations"]["large"] = "…".into();
                }
                let specs: Value = bindings.iter().map(Bound::shown).collect();
                panic!("world {world}: {error}\nthe pod: {shown:#}\nthe bindings: {specs:#}")
            })
        });
        let tallies: Vec<Tally> = stream::iter(examined).buffer_unordered(8).collect().await;
        for tally in tallies {
            total.refused += tally.refused;
            total.complete += tally.complete;
            total.collided += tally.collided;
        }
    }
    let Tally { refused, complete, collided } = total;
    eprintln!(
        "{refused} pods are refused anyway; bindings are complete in {complete}, collide in {collided}"
    );
    assert!(refused < PODS * 3 && complete > 100 && collided > 100, "{refused} {complete} {collided}");
}
