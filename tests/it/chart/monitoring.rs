//! Alerts and dashboard name metrics that exist, and each alert says what to do.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{only, rendered, rendered_with};

const ALERTS: &str = include_str!("../../../charts/service-catalog/files/alerts.yaml");
const DASHBOARD: &str = include_str!("../../../charts/service-catalog/files/dashboard.json");
const SCHEMA: &str = include_str!("../../../charts/service-catalog/values.schema.json");
const METRICS: &str = include_str!("../../../docs/metrics.md");
const TROUBLESHOOTING: &str = include_str!("../../../docs/troubleshooting.md");
const RUNBOOK: &str = "https://github.com/service-catalog/service-catalog/blob/main/docs/troubleshooting.md#";

fn alerts() -> Vec<Value> {
    let file: Value = serde_saphyr::from_str(ALERTS).unwrap();
    file["groups"][0]["rules"].as_array().unwrap().clone()
}

fn name(alert: &Value) -> &str {
    alert["alert"].as_str().unwrap()
}

/// The names of metrics in a text.
fn metrics(text: &str) -> BTreeSet<&str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter: char| !is_part(letter));
    words
        .filter(|word| word.starts_with("servicecatalog_") || word.starts_with("controller_runtime_"))
        .collect()
}

/// The series of a histogram have the name of the metric and an ending.
fn is_documented(metric: &str) -> bool {
    let is_row = |name: &str| METRICS.contains(&format!("\n| `{name}` |"));
    let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| metric.strip_suffix(end));
    is_row(metric) || histogram.is_some_and(is_row)
}

#[test]
fn alerts_and_dashboard_name_metrics_that_exist() {
    for (file, text, least) in [("alerts.yaml", ALERTS, 8), ("dashboard.json", DASHBOARD, 15)] {
        let named = metrics(text);
        assert!(named.len() >= least, "{file}: {named:?}");
        let unknown: Vec<&&str> = named.iter().filter(|metric| !is_documented(metric)).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}, which docs/metrics.md does not explain");
    }
}

#[test]
fn every_alert_says_what_happened_and_what_to_do() {
    for alert in alerts() {
        let name = name(&alert);
        for field in ["/expr", "/for", "/labels/severity", "/annotations/summary", "/annotations/description"]
        {
            assert!(alert.pointer(field).is_some_and(Value::is_string), "{name} lacks {field}");
        }
        let runbook = format!("{RUNBOOK}{}", name.to_lowercase());
        assert_eq!(alert["annotations"]["runbook_url"], runbook.as_str());
        assert!(TROUBLESHOOTING.contains(&format!("\n### {name}\n")), "docs/troubleshooting.md lacks {name}");
        assert!(
            METRICS.contains(&format!("\n| [{name}](troubleshooting.md#")),
            "docs/metrics.md lacks {name}"
        );
    }
}

/// Otherwise a change of an alert would be refused, or be accepted and do nothing.
#[test]
fn the_schema_knows_the_alerts() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let known = &schema["properties"]["prometheusRule"]["properties"]["alerts"]["propertyNames"]["enum"];
    let alerts = alerts();
    assert_eq!(known, &json!(alerts.iter().map(name).collect::<Vec<_>>()));
}

/// Prometheus has templates of its own between braces, which Helm must not take for its.
#[test]
fn the_rule_has_the_alerts_of_the_file_with_the_changes_of_the_values() {
    let plain = rendered(&["--set", "prometheusRule.enabled=true"]);
    assert_eq!(only(&plain, "PrometheusRule")["spec"]["groups"][0]["rules"], json!(alerts()));
    let changed = rendered_with(&json!({"prometheusRule": {
        "enabled": true, "alertLabels": {"team": "platform", "severity": "none"},
        "alerts": {
            "ServiceObjectsRetry": {"for": "4h", "labels": {"team": "shop"}},
            "ServiceOrphansRemain": {"enabled": false},
        },
    }}));
    let rules = only(&changed, "PrometheusRule")["spec"]["groups"][0]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), alerts().len() - 1);
    let find = |wanted: &str| rules.iter().find(|rule| rule["alert"] == wanted);
    assert!(find("ServiceOrphansRemain").is_none());
    let retry = find("ServiceObjectsRetry").unwrap();
    assert_eq!(retry["for"], "4h");
    assert_eq!(retry["labels"], json!({"team": "shop", "severity": "none"}));
    assert!(retry["enabled"].is_null() && retry["expr"].is_string());
    assert_eq!(find("ServiceOperationStuck").unwrap()["labels"]["team"], "platform");
}

#[test]
fn the_monitors_select_the_port_of_the_metrics() {
    for (kind, values, endpoints) in [
        ("ServiceMonitor", "serviceMonitor.enabled=true", "endpoints"),
        ("PodMonitor", "podMonitor.enabled=true", "podMetricsEndpoints"),
    ] {
        let objects = rendered(&["--set", values]);
        let spec = &only(&objects, kind)["spec"];
        // Otherwise the labels namespace and name of the metrics would be renamed, and alerts lack them.
        assert_eq!(spec[endpoints], json!([{"port": "http", "honorLabels": true}]));
        let deployment = only(&objects, "Deployment");
        assert_eq!(spec["selector"], deployment["spec"]["selector"]);
        let service = only(&objects, "Service");
        assert_eq!(service["spec"]["ports"][0]["name"], "http");
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["ports"][0]["name"], "http");
    }
}

#[test]
fn the_dashboard_reaches_grafana_as_it_is() {
    let objects = rendered(&["--set", "grafanaDashboard.enabled=true"]);
    let is_dashboard = |object: &&Value| object["metadata"]["labels"]["grafana_dashboard"] == "1";
    let map = objects.iter().find(is_dashboard).expect("the sidecar finds it by its label");
    let text = map["data"]["service-catalog.json"].as_str().unwrap();
    let [shown, file] = [text, DASHBOARD].map(|text| serde_json::from_str::<Value>(text).unwrap());
    assert_eq!(shown, file);
}
