//! What is counted only when somebody reads the metrics.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::BrokerLabels;

/// What there is at the moment.
#[derive(Debug, Default)]
pub struct Census {
    /// Of instances.
    pub instances: ObjectCount,
    /// Of bindings.
    pub bindings: ObjectCount,
    /// Bindings whose credentials expire.
    pub expirations: Vec<Expiration>,
    /// Of brokers that were spoken to.
    pub brokers: Vec<BrokerCount>,
}

/// What there is of a kind.
#[derive(Debug, Default)]
pub struct ObjectCount {
    /// What failed attempts may have left at brokers.
    pub orphans: usize,
    /// How many objects try something again.
    pub retrying: usize,
    /// What is under way.
    pub operations: Vec<OperationCount>,
}

/// Operations of a kind that are under way.
#[derive(Debug)]
pub struct OperationCount {
    /// Which, like `Provision`.
    pub operation: String,
    /// How many.
    pub count: usize,
    /// How long the oldest has been.
    pub oldest: Duration,
}

/// When the credentials of a binding expire.
#[derive(Debug)]
pub struct Expiration {
    /// The binding's namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// In seconds since 1970.
    pub timestamp: i64,
}

/// A broker.
#[derive(Debug)]
pub struct BrokerCount {
    /// Its name.
    pub broker: String,
    /// Its namespace; empty if it is cluster-wide.
    pub namespace: String,
    /// Whether it is called, not left alone.
    pub is_called: bool,
    /// How many calls stand in line because it has enough to do.
    pub calls_waiting: usize,
    /// How many objects wait until it is called again.
    pub objects_waiting: usize,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    kind: &'static str,
    operation: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BindingLabels {
    namespace: String,
    name: String,
}

/// The metrics that are set by a census.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    orphans: Family<KindLabels, Gauge>,
    retrying: Family<KindLabels, Gauge>,
    operations: Family<OperationLabels, Gauge>,
    oldest: Family<OperationLabels, Gauge>,
    expirations: Family<BindingLabels, Gauge>,
    available: Family<BrokerLabels, Gauge>,
    calls: Family<BrokerLabels, Gauge>,
    objects: Family<BrokerLabels, Gauge>,
}

impl Gauges {
    pub(super) fn register(&self, registry: &mut Registry) {
        let name = "servicecatalog_orphans";
        registry.register(name, "What failed attempts may have left at brokers", self.orphans.clone());
        let name = "servicecatalog_objects_retrying";
        registry.register(name, "Objects that try something again which has failed", self.retrying.clone());
        let name = "servicecatalog_operations";
        registry.register(name, "Operations that are under way", self.operations.clone());
        let name = "servicecatalog_operation_oldest_seconds";
        registry.register(name, "How long the oldest of them has been under way", self.oldest.clone());
        let name = "servicecatalog_binding_expiration_timestamp_seconds";
        registry.register(name, "When the credentials of a binding expire", self.expirations.clone());
        let name = "servicecatalog_broker_available";
        registry.register(
            name,
            "1 if the broker is called, 0 while it is left alone",
            self.available.clone(),
        );
        let name = "servicecatalog_broker_calls_waiting";
        registry.register(name, "Calls that wait because the broker has enough to do", self.calls.clone());
        let name = "servicecatalog_broker_objects_waiting";
        registry.register(name, "Objects that wait until the broker is called again", self.objects.clone());
    }

    /// What is no more is no longer told.
    pub(super) fn set(&self, census: Census) {
        self.operations.clear();
        self.oldest.clear();
        for (kind, count) in [("ServiceInstance", census.instances), ("ServiceBinding", census.bindings)] {
            let labels = KindLabels { kind };
            self.orphans.get_or_create(&labels).set(number(count.orphans));
            self.retrying.get_or_create(&labels).set(number(count.retrying));
            for OperationCount { operation, count, oldest } in count.operations {
                let labels = OperationLabels { kind, operation };
                self.operations.get_or_create(&labels).set(number(count));
                self.oldest.get_or_create(&labels).set(i64::try_from(oldest.as_secs()).unwrap_or(i64::MAX));
            }
        }
        self.expirations.clear();
        for Expiration { namespace, name, timestamp } in census.expirations {
            self.expirations.get_or_create(&BindingLabels { namespace, name }).set(timestamp);
        }
        [&self.available, &self.calls, &self.objects].into_iter().for_each(Family::clear);
        for BrokerCount { broker, namespace, is_called, calls_waiting, objects_waiting } in census.brokers {
            let labels = BrokerLabels { broker, namespace };
            self.available.get_or_create(&labels).set(is_called.into());
            self.calls.get_or_create(&labels).set(number(calls_waiting));
            self.objects.get_or_create(&labels).set(number(objects_waiting));
        }
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
