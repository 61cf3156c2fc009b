//! Takes the census for a scrape of the metrics. It counts what is in the caches and connections, so no counter has to
//! be kept in step with them.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;

use crate::crd::operation::{Orphan, Schedule};
use crate::domain::schedule::elapsed;
use crate::metrics::{BrokerCount, Census, Expiration, ObjectCount, OperationCount};
use crate::reconcilers::broker_access::connections::Connections;
use crate::reconcilers::caches::Caches;
use crate::reconcilers::clock;
use crate::reconcilers::identity;

/// Counts objects, operations and calls.
pub fn census(caches: &Caches, brokers: &Connections) -> Census {
    let (mut instances, mut bindings) = (Count::default(), Count::default());
    let mut expirations = Vec::new();
    let now = clock::now();
    for instance in caches.instances.state() {
        let Some(status) = &instance.status else { continue };
        instances.progress(&status.orphans, status.operation.as_ref());
        let operation = status.current_operation.map(|operation| format!("{operation:?}"));
        instances.operation(operation, status.operation_start_time.as_ref(), &now);
    }
    for binding in caches.bindings.state() {
        let Some(status) = &binding.status else { continue };
        bindings.progress(&status.orphans, status.operation.as_ref());
        let operation = status.current_operation.map(|operation| format!("{operation:?}"));
        bindings.operation(operation, status.operation_start_time.as_ref(), &now);
        expirations.extend(status.expires_at.as_ref().map(|expires_at| Expiration {
            namespace: identity::namespace(binding.as_ref()).to_owned(),
            name: binding.name_any(),
            timestamp: expires_at.0.as_second(),
        }));
    }
    let brokers = brokers.all().into_iter().map(|(broker, connection)| BrokerCount {
        namespace: broker.namespace.unwrap_or_default(),
        broker: broker.name,
        is_called: connection.gate.outage_cause().is_none(),
        calls_waiting: connection.gate.calls_waiting(),
        objects_waiting: connection.gate.objects_waiting(),
    });
    let brokers = brokers.collect();
    Census { instances: instances.finish(), bindings: bindings.finish(), expirations, brokers }
}

#[derive(Default)]
struct Count {
    orphans: usize,
    retrying: usize,
    /// The number of operations of each type, and the age of the oldest.
    operations: BTreeMap<String, (usize, Duration)>,
}

impl Count {
    fn progress(&mut self, orphans: &[Orphan], schedule: Option<&Schedule>) {
        self.orphans += orphans.len();
        self.retrying += usize::from(schedule.is_some_and(|schedule| schedule.failures > 0));
    }

    fn operation(&mut self, operation: Option<String>, began: Option<&Time>, now: &Time) {
        if let Some(operation) = operation {
            let (count, oldest) = self.operations.entry(operation).or_default();
            *count += 1;
            *oldest = began.map_or(Duration::ZERO, |began| elapsed(began, now)).max(*oldest);
        }
    }

    fn finish(self) -> ObjectCount {
        let operations = self.operations.into_iter();
        let operations =
            operations.map(|(operation, (count, oldest))| OperationCount { operation, count, oldest });
        ObjectCount { orphans: self.orphans, retrying: self.retrying, operations: operations.collect() }
    }
}
