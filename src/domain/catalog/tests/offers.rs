//! Catalogs, as brokers send them.

use serde_json::json;

use crate::osb;

pub fn service(id: &str, plans: &[&str]) -> osb::Service {
    let text = json!({"id": id, "name": format!("{id}-name"), "description": "d", "bindable": true});
    let plan = |plan: &&str| {
        let text = json!({"id": plan, "name": format!("{plan}-name"), "description": "d"});
        serde_json::from_value(text).unwrap()
    };
    let plans = plans.iter().map(plan).collect();
    osb::Service { plans, ..serde_json::from_value(text).unwrap() }
}

pub fn catalog(services: &[(&str, &[&str])]) -> osb::Catalog {
    let services = services.iter().map(|(id, plans)| service(id, plans)).collect();
    osb::Catalog { services, rejected: osb::Rejections::default() }
}

pub fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

pub fn rich_service() -> osb::Service {
    let text = json!({
        "id": "mysql-ID", "name": "mysql", "description": "a database", "bindable": true, "tags": ["sql"],
        "requires": ["syslog_drain"], "bindings_retrievable": true, "plan_updateable": true,
        "metadata": {"displayName": "MySQL"}, "dashboard_client": {"id": "c", "redirect_uri": "r"},
    });
    let plan = json!({
        "id": "small", "name": "S", "description": "small one", "metadata": {"costs": [{"amount": 9.90}]},
        "free": false, "bindable": false, "plan_updateable": true, "maximum_polling_duration": 600,
        "schemas": {
            "service_instance": {"create": {"parameters": {"c": 1}}, "update": {"parameters": {"u": 1}}},
            "service_binding": {"create": {"parameters": {"b": 1}}},
        },
    });
    osb::Service {
        plans: vec![serde_json::from_value(plan).unwrap()],
        ..serde_json::from_value(text).unwrap()
    }
}

pub fn rich_catalog() -> osb::Catalog {
    osb::Catalog { services: vec![rich_service()], rejected: osb::Rejections::default() }
}
