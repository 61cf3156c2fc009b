use std::time::Duration;

use super::Metrics;
use crate::osb::Observation;

const PAGE: &str = include_str!("../../docs/metrics.md");
const CODE: [&str; 2] = [include_str!("../metrics.rs"), include_str!("census.rs")];

/// Every metric of the code is explained, and every metric that the page explains is in the code. The names are compared
/// without the `_total` that the encoder appends to those of counters.
#[test]
fn the_page_explains_all_metrics_and_no_other() {
    let is_metric =
        |text: &&str| text.starts_with("servicecatalog_") || text.starts_with("controller_runtime_");
    let literals = CODE.into_iter().flat_map(|code| code.split('"').skip(1).step_by(2));
    let registered: Vec<&str> = literals.filter(is_metric).collect();
    assert!(registered.len() > 8, "{registered:?}");
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let explained: Vec<&str> =
        rows.filter(|name| name.contains('_')).map(|name| name.trim_end_matches("_total")).collect();
    let missing: Vec<&&str> = registered.iter().filter(|name| !explained.contains(name)).collect();
    assert!(missing.is_empty(), "docs/metrics.md does not explain {missing:?}");
    let unknown: Vec<&&str> = explained.iter().filter(|name| !registered.contains(name)).collect();
    assert!(unknown.is_empty(), "docs/metrics.md explains {unknown:?}, which are not registered");
}

#[test]
fn the_metrics_of_a_broker_end_with_it() {
    let metrics = Metrics::default();
    let observation = Observation { method: "Bind", status: "2xx", duration: Duration::from_millis(1) };
    let report = |namespace| {
        metrics.request("database", namespace, &observation);
        metrics.catalog("database", namespace, 1, 1);
    };
    for namespace in [None, Some("shop")] {
        metrics.add_broker("database", namespace);
        report(namespace);
    }
    metrics.forget_broker("database", Some("shop"));
    // Seen to fail without the list of known brokers: a call in flight revives the metrics.
    report(Some("shop"));
    let text = metrics.text();
    assert!(!text.contains(r#"namespace="shop""#), "{text}");
    let others =
        r#"servicecatalog_osb_request_count{broker="database",namespace="",method="Bind",status="2xx"} 1"#;
    assert!(text.contains(others), "{text}");
}
