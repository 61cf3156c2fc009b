//! What can be measured of the operator. Names that service-catalog had are kept.

mod census;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Registry;

use crate::osb::Observation;

pub use census::{BrokerCount, Census, Expiration, ObjectCount, OperationCount};

/// A broker.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct BrokerLabels {
    broker: String,
    namespace: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    broker: String,
    method: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReconcileLabels {
    controller: String,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ControllerLabels {
    controller: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WriteLabels {
    method: String,
}

/// All metrics, and how they are written.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    classes: Family<BrokerLabels, Gauge>,
    plans: Family<BrokerLabels, Gauge>,
    requests: Family<RequestLabels, PlainCounter>,
    request_seconds: Family<RequestLabels, Histogram>,
    reconciles: Family<ReconcileLabels, Counter>,
    reconcile_seconds: Family<ControllerLabels, Histogram>,
    writes: Family<WriteLabels, Counter>,
    leads: Gauge,
    census: census::Gauges,
    counting: OnceLock<Counting>,
}

/// A counter that is written under its very name, as dashboards of service-catalog look for it; other counters end in
/// `_total`.
#[derive(Clone, Debug, Default)]
struct PlainCounter(Counter);

impl EncodeMetric for PlainCounter {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&self.0.get())
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for PlainCounter {
    const TYPE: MetricType = MetricType::Unknown;
}

/// Counts what there is.
struct Counting(Box<dyn Fn() -> Census + Send + Sync>);

impl fmt::Debug for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counting")
    }
}

fn seconds() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            classes: Family::default(),
            plans: Family::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            reconciles: Family::default(),
            reconcile_seconds: Family::new_with_constructor(seconds),
            writes: Family::default(),
            leads: Gauge::default(),
            census: census::Gauges::default(),
            counting: OnceLock::new(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        let name = "servicecatalog_broker_service_class_count";
        registry.register(name, "Classes in a broker's catalog", self.classes.clone());
        let name = "servicecatalog_broker_service_plan_count";
        registry.register(name, "Plans in a broker's catalog", self.plans.clone());
        let name = "servicecatalog_osb_request_count";
        registry.register(name, "Requests to brokers, by method and kind of answer", self.requests.clone());
        let name = "servicecatalog_osb_request_seconds";
        registry.register(name, "How long brokers take to answer", self.request_seconds.clone());
        let name = "controller_runtime_reconcile";
        registry.register(name, "Passes over objects, by result", self.reconciles.clone());
        let name = "controller_runtime_reconcile_time_seconds";
        registry.register(name, "How long reconciles take", self.reconcile_seconds.clone());
        let name = "servicecatalog_api_write_count";
        registry.register(name, "Requests to the Kubernetes API that change something", self.writes.clone());
        let name = "servicecatalog_leader";
        registry.register(name, "Whether this replica works (1) or stands by (0)", self.leads.clone());
        self.census.register(registry);
    }

    /// Whenever the metrics are read, what there is is counted so.
    pub fn count_by(&self, count: impl Fn() -> Census + Send + Sync + 'static) {
        // There is one operator in a process.
        let _ = self.counting.set(Counting(Box::new(count)));
    }

    /// As Prometheus reads them.
    pub fn text(&self) -> String {
        if let Some(Counting(count)) = self.counting.get() {
            self.census.set(count());
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// The size of a broker's published catalog.
    pub fn catalog(&self, broker: &str, namespace: Option<&str>, classes: usize, plans: usize) {
        let labels = Self::broker(broker, namespace);
        self.classes.get_or_create(&labels).set(i64::try_from(classes).unwrap_or(i64::MAX));
        self.plans.get_or_create(&labels).set(i64::try_from(plans).unwrap_or(i64::MAX));
    }

    /// A broker is gone.
    pub fn forget_broker(&self, broker: &str, namespace: Option<&str>) {
        let labels = Self::broker(broker, namespace);
        self.classes.remove(&labels);
        self.plans.remove(&labels);
    }

    fn broker(broker: &str, namespace: Option<&str>) -> BrokerLabels {
        BrokerLabels { broker: broker.to_owned(), namespace: namespace.unwrap_or_default().to_owned() }
    }

    /// A broker has answered, or has not.
    pub fn request(&self, broker: &str, observation: &Observation) {
        let Observation { method, status, duration } = *observation;
        let labels = RequestLabels { broker: broker.to_owned(), method, status };
        self.requests.get_or_create(&labels).0.inc();
        self.request_seconds.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    /// The Kubernetes API is asked to change something.
    pub fn write(&self, method: &str) {
        self.writes.get_or_create(&WriteLabels { method: method.to_owned() }).inc();
    }

    /// Whether this replica works.
    pub fn leads(&self, leads: bool) {
        self.leads.set(leads.into());
    }

    /// A pass begins.
    pub fn start_reconcile(self: &Arc<Self>, controller: &str) -> ReconcileTimer {
        ReconcileTimer {
            metrics: Arc::clone(self),
            controller: controller.to_lowercase(),
            began: Instant::now(),
        }
    }
}

/// A pass under way.
pub struct ReconcileTimer {
    metrics: Arc<Metrics>,
    controller: String,
    began: Instant,
}

impl ReconcileTimer {
    /// It is over.
    pub fn end(self, result: &'static str) {
        let took = self.began.elapsed();
        let labels = ControllerLabels { controller: self.controller.clone() };
        self.metrics.reconcile_seconds.get_or_create(&labels).observe(took.as_secs_f64());
        self.metrics.reconciles.get_or_create(&ReconcileLabels { controller: self.controller, result }).inc();
    }
}
