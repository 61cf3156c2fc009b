//! The gauges that are computed at each scrape, from a census of the objects in the caches.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::BrokerLabels;

/// The state of all objects at one moment.
#[derive(Debug, Default)]
pub struct Census {
    /// The instances.
    pub instances: ObjectCount,
    /// The bindings.
    pub bindings: ObjectCount,
    /// The bindings whose credentials expire.
    pub expirations: Vec<Expiration>,
    /// The brokers to which the operator has a connection.
    pub brokers: Vec<BrokerCount>,
}

/// The counts of one kind.
#[derive(Debug, Default)]
pub struct ObjectCount {
    /// Orphans: what failed attempts may have left at brokers.
    pub orphans: usize,
    /// Objects whose current operation has failed and is retried.
    pub retrying: usize,
    /// Operations in progress.
    pub operations: Vec<OperationCount>,
}

/// The operations of one type that are in progress.
#[derive(Debug)]
pub struct OperationCount {
    /// The type, such as `Provision`.
    pub operation: String,
    /// Their number.
    pub count: usize,
    /// The age of the oldest.
    pub oldest: Duration,
}

/// When the credentials of a binding expire.
#[derive(Debug)]
pub struct Expiration {
    /// The binding's namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The expiry, in seconds since 1970.
    pub timestamp: i64,
}

/// The state of a broker.
#[derive(Debug)]
pub struct BrokerCount {
    /// Its name.
    pub broker: String,
    /// Its namespace; empty if it is cluster-wide.
    pub namespace: String,
    /// Whether its circuit is closed, so that calls go through.
    pub is_called: bool,
    /// Calls that wait for a permit, because the limit of concurrent calls is reached.
    pub calls_waiting: usize,
    /// Objects that wait for its circuit to close.
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

/// The gauges that a census sets.
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
        registry.register(
            name,
            "Instances or bindings that the operator still has to delete at brokers (orphans)",
            self.orphans.clone(),
        );
        let name = "servicecatalog_objects_retrying";
        registry.register(
            name,
            "Objects whose current operation has failed and is being retried",
            self.retrying.clone(),
        );
        let name = "servicecatalog_operations";
        registry.register(name, "Operations in progress", self.operations.clone());
        let name = "servicecatalog_operation_oldest_seconds";
        registry.register(name, "Age of the oldest operation in progress, in seconds", self.oldest.clone());
        let name = "servicecatalog_binding_expiration_timestamp_seconds";
        registry.register(
            name,
            "Time at which the credentials of a binding expire, in seconds since 1970",
            self.expirations.clone(),
        );
        let name = "servicecatalog_broker_available";
        registry.register(
            name,
            "1 if the circuit breaker of the broker is closed, 0 if it is open or half-open",
            self.available.clone(),
        );
        let name = "servicecatalog_broker_calls_waiting";
        registry.register(
            name,
            "Calls that wait for a permit of the broker, whose limit of concurrent calls is reached",
            self.calls.clone(),
        );
        let name = "servicecatalog_broker_objects_waiting";
        registry.register(
            name,
            "Objects that wait for the circuit breaker of the broker to close",
            self.objects.clone(),
        );
    }

    /// Sets all gauges. Label sets that do not occur in this census disappear.
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
