//! How long a healthy broker's instances take, alone and beside a broker that hangs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, pin_mut};
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Client, ResourceExt as _};
use service_catalog::crd::ServiceInstance;
use tokio::sync::oneshot;

use crate::load::{each, instance, is_ready};
use crate::{BenchEnv, catalog};

/// The namespace of these instances.
pub const NAMESPACE: &str = "neighbours";
/// The number of timed instances, and of those in flight at once: few, so that they do not wait for each other.
const TIMED: u32 = 1000;
const AT_ONCE: usize = 4;
/// The number of instances at the broker that hangs, and how many calls a namespace may have in flight to it.
const HANGING: u32 = 200;
const CALLS: u32 = 16;
/// The timeout of one instance.
const PATIENCE: Duration = Duration::from_mins(1);

/// The measured times.
pub struct Neighbour {
    /// The time within which 99 of 100 instances are ready.
    pub alone: Duration,
    /// The same beside a broker that hangs.
    pub beside: Duration,
}

impl Neighbour {
    /// The number of timed instances.
    pub const TIMED: u32 = TIMED;
    /// The number of instances at the broker that hangs.
    pub const HANGING: u32 = HANGING;
}

/// Measures, after a round of warm-up.
pub async fn measure(env: &BenchEnv) -> Neighbour {
    let waiting = Waiting::follow(&env.user);
    let p99 = async |name| p99(&env.user, &waiting, name, TIMED).await;
    p99("warm").await;
    let alone = p99("alone").await;
    catalog::publish(&env.user, "hanging", &env.broker.hanging_url(2, 1)).await;
    each(HANGING, AT_ONCE, async |number| {
        instance(NAMESPACE, &format!("hanging-{number}"), "class-2-0").send(&env.user).await;
    })
    .await;
    while env.broker.hanging() < CALLS {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Neighbour { alone, beside: p99("beside").await }
}

/// The time within which 99 of 100 of so many instances are ready.
pub async fn p99(client: &Client, waiting: &Waiting, name: &str, count: u32) -> Duration {
    let times: Mutex<Vec<Duration>> = Mutex::default();
    each(count, AT_ONCE, async |number| {
        let name = format!("{name}-{number}");
        let ready = waiting.until_ready(&name);
        let began = Instant::now();
        instance(NAMESPACE, &name, "class-1-0").send(client).await;
        tokio::time::timeout(PATIENCE, ready).await.expect("an instance did not become ready").unwrap();
        times.lock().unwrap().push(began.elapsed());
    })
    .await;
    let mut times = times.into_inner().unwrap();
    times.sort();
    times[times.len() * 99 / 100]
}

/// The tasks that wait for an instance to be ready, by its name.
#[derive(Clone, Default)]
pub struct Waiting(Arc<Mutex<HashMap<String, oneshot::Sender<()>>>>);

impl Waiting {
    /// Follows the instances of [`NAMESPACE`].
    pub fn follow(client: &Client) -> Self {
        let waiting = Self::default();
        let resource = ApiResource::erase::<ServiceInstance>(&());
        let api = Api::<DynamicObject>::namespaced_with(client.clone(), NAMESPACE, &resource);
        let watched = waiting.clone();
        tokio::spawn(async move {
            let events = watcher(api, Config::default());
            pin_mut!(events);
            while let Some(event) = events.next().await {
                if let Event::InitApply(object) | Event::Apply(object) = event.unwrap()
                    && is_ready(&object)
                    && let Some(sender) = watched.0.lock().unwrap().remove(&object.name_any())
                {
                    let _ = sender.send(());
                }
            }
        });
        waiting
    }

    fn until_ready(&self, name: &str) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.0.lock().unwrap().insert(name.to_owned(), sender);
        receiver
    }
}
