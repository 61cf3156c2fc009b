//! An upgrade on settled objects: the new version neither writes nor calls a broker.
//!
//! `tests/fixtures/stored/settled.yaml` holds the objects at the end of simulated histories at commit d656287. The
//! broker of this world has no instances: it would answer every call with an error. Seen to fail with a status that is
//! written once more on settled objects.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::sleep;

use super::api::Key;
use super::run;
use super::world::World;
use crate::reconcilers::clock;

const SETTLED: &str = include_str!("../../../tests/fixtures/stored/settled.yaml");

/// The objects of a namespace without an operation in flight.
#[derive(Deserialize)]
struct Settled {
    case: String,
    /// The time at which they were read.
    now: Time,
    instances: Vec<Value>,
    bindings: Vec<Value>,
    secrets: Vec<Value>,
    /// How many bindings wait for an instance: each is told once what happens next.
    #[serde(default)]
    waiting: usize,
}

impl Settled {
    fn objects(&self) -> impl Iterator<Item = (Key, &Value)> {
        let kinds = [
            ("serviceinstances", &self.instances),
            ("servicebindings", &self.bindings),
            ("secrets", &self.secrets),
        ];
        kinds.into_iter().flat_map(|(resource, objects)| {
            let key = |object: &Value| Key::new(resource, object["metadata"]["name"].as_str().unwrap());
            objects.iter().map(move |object| (key(object), object))
        })
    }

    /// Starts an operator on these objects; returns its writes, its broker calls, and the story.
    async fn start(&self) -> (usize, usize, Vec<String>) {
        let mut world = World::new();
        world.crash(|_| false);
        sleep(clock::delay(&self.now) + Duration::from_secs(1)).await;
        for (key, object) in self.objects() {
            world.api.restore(key, object.clone());
        }
        world.start();
        world.come_to_rest().await;
        let found = world.broken.pop();
        world.story.extend(found);
        (world.writes, world.broker.calls, std::mem::take(&mut world.story))
    }
}

#[test]
fn an_operator_leaves_alone_what_an_earlier_version_has_settled() {
    let settled: Vec<Value> = serde_saphyr::from_multiple(SETTLED).unwrap();
    assert!(!settled.is_empty());
    for settled in settled {
        let settled: Settled = serde_json::from_value(settled).unwrap();
        let (writes, calls, story) = run(async { settled.start().await });
        assert_eq!((writes, calls), (settled.waiting, 0), "{}:\n{}", settled.case, story.join("\n"));
    }
}
