//! I14: the console says of every object why it is in its state, what happens next and, where the status knows, when.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::api::Api;
use super::explained::next_attempts;
use super::invariants::is;
use super::world::Broken;
use crate::console::language::Language;
use crate::console::state::{Subject, state_of};
use crate::crd::{ClusterServiceBroker, ServiceBinding, ServiceBroker, ServiceInstance};

/// An object of which the console would say too little at this time.
pub fn too_little(api: &Api, now: Timestamp) -> Option<Broken> {
    let each = |kind| api.list(kind).map(|(_, object)| object);
    each("serviceinstances")
        .find_map(|object| fault::<ServiceInstance>(object, api, now))
        .or_else(|| each("servicebindings").find_map(|object| fault::<ServiceBinding>(object, api, now)))
        .or_else(|| each("servicebrokers").find_map(|object| fault::<ServiceBroker>(object, api, now)))
        .or_else(|| {
            each("clusterservicebrokers").find_map(|object| fault::<ClusterServiceBroker>(object, api, now))
        })
}

fn fault<K: DeserializeOwned>(object: &Value, api: &Api, now: Timestamp) -> Option<Broken>
where
    for<'a> &'a K: Into<Subject<'a>>,
{
    let parsed: K = serde_json::from_value(object.clone()).unwrap();
    let state = state_of(&parsed, now);
    let lacks = if !state.is_known() {
        "a reason"
    } else if !state.is_settled() && Language::ALL.iter().any(|language| state.hint(*language).is_empty()) {
        "a next step"
    } else if owes_time(object, &api.now) && state.text.is_some() && state.next.is_none() {
        "the time of the next attempt"
    } else {
        return None;
    };
    Some(format!("I14: {:?} lacks {lacks}: {object}", state.line(now, Language::English)))
}

/// Whether there will be another attempt. Nothing happens to what is paused.
fn owes_time(object: &Value, now: &str) -> bool {
    !is(object, "Paused") && !is(object, "WriteRefused") && next_attempts(object, now).next().is_some()
}
