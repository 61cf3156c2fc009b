use serde_json::json;

use super::*;
use crate::osb::{
    DashboardClient, InputParametersSchema, MaintenanceInfo, Rejections, Schemas, ServiceBindingSchema,
    ServiceInstanceSchema,
};

const MAX_PLANS: usize = 10;

fn catalog(services: &Value) -> Catalog {
    decode(json!({"services": services}).to_string().as_bytes(), MAX_PLANS).unwrap()
}

fn plan(name: &str) -> Value {
    json!({"id": format!("{name}-id"), "name": name, "description": "d"})
}

fn service(name: &str, plans: &[Value]) -> Value {
    json!({"id": format!("{name}-id"), "name": name, "description": "d", "bindable": true, "plans": plans})
}

/// `base` with some members replaced.
fn with(mut base: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    base.as_object_mut().unwrap().extend(changes);
    base
}

fn without(mut base: Value, member: &str) -> Value {
    base.as_object_mut().unwrap().remove(member).unwrap();
    base
}

fn names(catalog: &Catalog) -> Vec<String> {
    let of_service = |service: &Service| {
        let plans: Vec<&str> = service.plans.iter().map(|plan| plan.name.as_str()).collect();
        format!("{}: {}", service.name, plans.join(" "))
    };
    catalog.services.iter().map(of_service).collect()
}

fn rejections(catalog: &Catalog) -> Vec<String> {
    catalog
        .rejected
        .described()
        .iter()
        .map(|rejected| format!("{}: {}", rejected.what, rejected.why))
        .collect()
}

#[test]
fn every_field_of_an_offering_is_read() {
    let service = with(
        service("mysql", &[plan("small")]),
        json!({
            "tags": ["mysql"], "requires": ["volume_mount"], "instances_retrievable": true,
            "bindings_retrievable": true, "allow_context_updates": true, "metadata": {"displayName": "MySQL"},
            "dashboard_client": {"id": "dash", "secret": "hunter2", "redirect_uri": "http://dash"},
            "plan_updateable": true, "binding_rotatable": false, "vendor": {"x": 1},
        }),
    );
    let catalog = catalog(&json!([service]));
    let expected = Service {
        name: "mysql".to_owned(),
        id: "mysql-id".to_owned(),
        description: "d".to_owned(),
        tags: vec!["mysql".to_owned()],
        requires: vec!["volume_mount".to_owned()],
        bindable: true,
        instances_retrievable: true,
        bindings_retrievable: true,
        allow_context_updates: true,
        metadata: Some(json!({"displayName": "MySQL"}).into()),
        dashboard_client: Some(DashboardClient {
            id: Some("dash".to_owned()),
            redirect_uri: Some("http://dash".to_owned()),
        }),
        plan_updateable: true,
        binding_rotatable: Some(false),
        plans: catalog.services[0].plans.clone(),
    };
    assert_eq!(catalog, Catalog { services: vec![expected], rejected: Rejections::default() });
    assert!(!format!("{catalog:?}").contains("hunter2"));
}

#[test]
fn every_field_of_a_plan_is_read() {
    let parameters = json!({"$schema": "http://json-schema.org/draft-04/schema#", "maximum": 1.5});
    let metadata = json!({"costs": [{"amount": {"usd": 99.10}, "unit": "MONTHLY"}]});
    let schema = InputParametersSchema { parameters: Some(parameters.clone().into()) };
    let plan = with(
        plan("small"),
        json!({
            "metadata": metadata, "free": false, "bindable": false, "binding_rotatable": true,
            "plan_updateable": false, "maximum_polling_duration": 3600,
            "schemas": {
                "service_instance": {"create": {"parameters": parameters}, "update": {}},
                "service_binding": {"create": {"parameters": parameters}},
            },
            "maintenance_info": {"version": "2.1.1+abc", "description": "faster"},
        }),
    );
    let expected = Plan {
        id: "small-id".to_owned(),
        name: "small".to_owned(),
        description: "d".to_owned(),
        metadata: Some(metadata.into()),
        free: false,
        bindable: Some(false),
        binding_rotatable: Some(true),
        plan_updateable: Some(false),
        schemas: Some(Schemas {
            service_instance: Some(ServiceInstanceSchema {
                create: Some(schema.clone()),
                update: Some(InputParametersSchema::default()),
            }),
            service_binding: Some(ServiceBindingSchema { create: Some(schema) }),
        }),
        maximum_polling_duration: Some(3600),
        maintenance_info: Some(MaintenanceInfo {
            version: "2.1.1+abc".to_owned(),
            description: Some("faster".to_owned()),
        }),
    };
    assert_eq!(catalog(&json!([service("s", &[plan])])).services[0].plans, [expected]);
}

#[test]
fn absent_and_null_fields_have_the_defaults_of_the_specification() {
    let nulls = [
        "description",
        "tags",
        "requires",
        "bindable",
        "instances_retrievable",
        "bindings_retrievable",
        "allow_context_updates",
        "metadata",
        "dashboard_client",
        "plan_updateable",
        "binding_rotatable",
        "free",
        "schemas",
        "maximum_polling_duration",
        "maintenance_info",
    ]
    .map(|name| (name.to_owned(), Value::Null));
    let nulls = Value::Object(nulls.into_iter().collect());
    let bare = json!({"id": "p-id", "name": "p"});
    for plan in [bare.clone(), with(bare, nulls.clone())] {
        let bare = json!({"id": "s-id", "name": "s", "plans": [plan]});
        for service in [bare.clone(), with(bare, nulls.clone())] {
            let catalog = catalog(&json!([service]));
            assert_eq!(rejections(&catalog), [""; 0]);
            let service = &catalog.services[0];
            assert!(service.plans[0].free);
            assert_eq!(service.plans[0].bindable, None);
            assert_eq!(
                *service,
                Service {
                    id: "s-id".to_owned(),
                    name: "s".to_owned(),
                    plans: service.plans.clone(),
                    ..Service::default()
                },
            );
        }
    }
}

fn assert_offering_is_left_out(bad: &Value, expected: &str) {
    let catalog =
        catalog(&json!([service("good", &[plan("small")]), bad, service("other", &[plan("large")])]));
    assert_eq!(rejections(&catalog), [expected]);
    assert_eq!(names(&catalog), ["good: small", "other: large"]);
}

#[test]
fn an_offering_without_identifiers_is_left_out_alone() {
    let bad = service("bad", &[plan("big")]);
    let wrong = "services[1]: services[1].name: expected a string";
    let cases = [
        (json!("x"), "services[1]: it is not an object"),
        (json!(["bad-id", "bad"]), "services[1]: it is not an object"),
        (without(bad.clone(), "id"), r#"service "bad": services[1].id is missing"#),
        (without(bad.clone(), "name"), "services[1]: services[1].name is missing"),
        (with(bad.clone(), json!({"id": ""})), r#"service "bad": its id is empty"#),
        (with(bad.clone(), json!({"name": ""})), "services[1]: its name is empty"),
        (with(bad, json!({"name": 5})), wrong),
    ];
    for (bad, expected) in cases {
        assert_offering_is_left_out(&bad, expected);
    }
}

#[test]
fn an_offering_with_wrong_or_taken_values_is_left_out_alone() {
    let taken = "is already taken by an earlier entry";
    let cases = [
        (json!({"plans": null}), r#"service "bad": its plans are not a list"#.to_owned()),
        (json!({"plans": {}}), r#"service "bad": its plans are not a list"#.to_owned()),
        (json!({"plans": []}), r#"service "bad": it has no usable plan"#.to_owned()),
        (json!({"id": "good-id"}), format!(r#"service "bad": its id {taken}"#)),
        (json!({"name": "good"}), format!(r#"service "good": its name {taken}"#)),
    ];
    for (change, expected) in cases {
        assert_offering_is_left_out(&with(service("bad", &[plan("big")]), change), &expected);
    }
    let bad = without(service("bad", &[]), "plans");
    assert_offering_is_left_out(&bad, r#"service "bad": its plans are not a list"#);
}

#[test]
fn an_unusable_plan_is_left_out_alone() {
    let bad = plan("bad");
    let cases = [
        (json!(null), r#"plans[1] of service "s": it is not an object"#.to_owned()),
        (
            without(bad.clone(), "id"),
            r#"plan "bad" of service "s": services[1].plans[1].id is missing"#.to_owned(),
        ),
        (
            without(bad.clone(), "name"),
            r#"plans[1] of service "s": services[1].plans[1].name is missing"#.to_owned(),
        ),
        (
            with(bad.clone(), json!({"name": "first"})),
            r#"plan "first" of service "s": its name is already taken by an earlier entry"#.to_owned(),
        ),
        (
            with(bad, json!({"id": "elsewhere-id"})),
            r#"plan "bad" of service "s": its id is already taken by an earlier entry"#.to_owned(),
        ),
    ];
    for (bad, expected) in cases {
        let elsewhere = service("e", &[plan("elsewhere")]);
        let catalog = catalog(&json!([elsewhere, service("s", &[plan("first"), bad, plan("last")])]));
        assert_eq!(rejections(&catalog), [expected]);
        assert_eq!(names(&catalog), ["e: elsewhere", "s: first last"]);
    }
}

/// What the platform can do without must not take away what users need.
#[test]
fn an_unusable_member_is_ignored_and_named() {
    for (member, value, fault) in [
        ("metadata", json!([]), "metadata: expected an object"),
        ("schemas", json!([]), "schemas: expected an object"),
        (
            "schemas",
            json!({"service_instance": {"create": 1}}),
            "schemas.service_instance.create: expected an object",
        ),
        ("free", json!("no"), "free: expected true or false"),
        ("bindable", json!("yes"), "bindable: expected true or false"),
        ("maximum_polling_duration", json!(-1), "maximum_polling_duration: expected a whole number"),
        ("maximum_polling_duration", json!(1.5), "maximum_polling_duration: expected a whole number"),
        ("maintenance_info", json!({}), "maintenance_info.version is missing"),
        ("maintenance_info", json!({"version": 2}), "maintenance_info.version: expected a string"),
        ("description", json!({}), "description: expected a string"),
    ] {
        let catalog = catalog(&json!([service("s", &[plan("p"), with(plan("q"), json!({member: value}))])]));
        let expected =
            format!(r#"plan "q" of service "s": services[0].plans[1].{fault}; the member is ignored"#);
        assert_eq!(rejections(&catalog), [expected]);
        assert_eq!(names(&catalog), ["s: p q"]);
    }
    for (member, value, fault) in [
        ("tags", json!(["a", 1]), "tags: expected a string"),
        ("requires", json!({}), "requires: expected a list"),
        ("metadata", json!("m"), "metadata: expected an object"),
        ("dashboard_client", json!([]), "dashboard_client: expected an object"),
        ("bindable", json!(1), "bindable: expected true or false"),
    ] {
        let catalog = catalog(&json!([with(service("s", &[plan("p")]), json!({member: value}))]));
        let expected = format!(r#"service "s": services[0].{fault}; the member is ignored"#);
        assert_eq!(rejections(&catalog), [expected]);
        assert_eq!(names(&catalog), ["s: p"]);
    }
}

#[test]
fn durations_are_read_as_brokers_write_them() {
    for (duration, expected) in [("3600", 3600), ("3600.0", 3600), (r#""3600""#, 3600), ("0", 0)] {
        let text = format!(
            r#"{{"services": [{{"id": "s", "name": "s", "plans": [
            {{"id": "p", "name": "p", "maximum_polling_duration": {duration}}}]}}]}}"#
        );
        let catalog = decode(text.as_bytes(), MAX_PLANS).unwrap();
        assert_eq!(catalog.services[0].plans[0].maximum_polling_duration, Some(expected), "{duration}");
        assert_eq!(rejections(&catalog), [""; 0]);
    }
}

#[test]
fn a_byte_order_mark_and_a_repeated_member_change_nothing() {
    let text =
        r#"{"services": [{"id": "s", "name": "old", "name": "s", "plans": [{"id": "p", "name": "p"}]}]}"#;
    let catalog = decode(format!("\u{feff}{text}").as_bytes(), MAX_PLANS).unwrap();
    assert_eq!(names(&catalog), ["s: p"]);
}

#[test]
fn an_offering_left_without_plans_is_left_out_and_takes_no_name() {
    let catalog = catalog(&json!([service("s", &[json!({})]), service("s", &[plan("p")])]));
    assert_eq!(names(&catalog), ["s: p"]);
    assert_eq!(
        rejections(&catalog),
        [
            r#"plans[0] of service "s": services[0].plans[0].id is missing"#,
            r#"service "s": it has no usable plan"#
        ],
    );
}

#[test]
fn offerings_may_share_plan_names_and_names_differ_by_case() {
    let shared = with(plan("p"), json!({"id": "other"}));
    let catalog = catalog(&json!([service("s", &[plan("p"), plan("P")]), service("S", &[shared])]));
    assert_eq!(rejections(&catalog), [""; 0]);
    assert_eq!(names(&catalog), ["s: p P", "S: p"]);
}

#[test]
fn a_catalog_may_be_empty_but_has_to_be_one() {
    assert_eq!(catalog(&json!([])), Catalog::default());
    for body in ["", "{}", "[]", "null", r#"{"services": null}"#, r#"{"services": {}}"#, "{\"services\": []"]
    {
        assert!(decode(body.as_bytes(), MAX_PLANS).is_err(), "{body}");
    }
}

#[test]
fn a_catalog_has_at_most_so_many_plans_and_offerings() {
    let many = |count: usize| (0..count).map(|index| plan(&index.to_string())).collect::<Vec<_>>();
    let decoded = |services: &Value| decode(json!({"services": services}).to_string().as_bytes(), MAX_PLANS);
    assert_eq!(decoded(&json!([service("s", &many(MAX_PLANS))])).unwrap().services[0].plans.len(), MAX_PLANS);
    let excess = "it has more plans than the limit of 10";
    for services in [
        json!([service("s", &many(MAX_PLANS + 1))]),
        json!([service("s", &many(MAX_PLANS)), service("t", &[plan("t")])]),
        json!([service("s", &vec![json!(0); MAX_PLANS + 1])]),
    ] {
        assert_eq!(decoded(&services).unwrap_err(), excess);
    }
    assert_eq!(
        decoded(&vec![json!(0); MAX_PLANS + 1].into()).unwrap_err(),
        "it has more offerings than the limit of 10"
    );
}

#[test]
fn an_entry_has_a_limited_size() {
    let filler = "x".repeat(MAX_ENTRY_BYTES);
    let large = with(service("large", &[plan("p")]), json!({"metadata": {"filler": filler}}));
    assert_offering_is_left_out(&large, r#"service "large": it is larger than 256 KiB"#);
    let large = with(plan("large"), json!({"metadata": {"filler": filler}}));
    let catalog = catalog(&json!([service("s", &[plan("p"), large])]));
    assert_eq!(rejections(&catalog), [r#"plan "large" of service "s": it is larger than 256 KiB"#]);
    assert_eq!(names(&catalog), ["s: p"]);
}

#[test]
fn an_offering_may_have_as_many_plans_as_the_catalog() {
    let plans: Vec<Value> = (0..MAX_PLANS)
        .map(|index| with(plan(&index.to_string()), json!({"metadata": {"filler": "x".repeat(100_000)}})))
        .collect();
    let catalog = catalog(&json!([service("s", &plans)]));
    assert_eq!(catalog.services[0].plans.len(), MAX_PLANS, "the limit of an entry is that without its plans");
}

#[test]
fn metadata_is_read_to_the_depth_that_all_readers_manage() {
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    let text = format!(
        r#"{{"services": [{{"id": "s", "name": "s", "metadata": {{"deep": {deep}}}, "plans": [{}]}}]}}"#,
        plan("p")
    );
    let catalog = decode(text.as_bytes(), MAX_PLANS).unwrap();
    assert_eq!(rejections(&catalog), [r#"service "s": it is nested more deeply than 64 levels"#]);
}

/// A class that was made of a deeper entry could be written, but not be read again.
#[test]
fn an_entry_that_is_nested_too_deeply_is_left_out() {
    let nested = |depth: usize| (1..depth).fold(json!({}), |inner, _| json!({"a": inner}));
    let deep_plan = with(plan("deep"), json!({"metadata": nested(64)}));
    let deep_service = with(service("deep", &[plan("a")]), json!({"metadata": nested(64)}));
    let usable = with(plan("usable"), json!({"metadata": nested(63)}));
    let catalog = catalog(&json!([service("one", &[deep_plan, usable]), deep_service]));
    assert_eq!(names(&catalog), ["one: usable"]);
    let why = "it is nested more deeply than 64 levels";
    let expected = [format!("plan \"deep\" of service \"one\": {why}"), format!("service \"deep\": {why}")];
    assert_eq!(rejections(&catalog), expected);
}
