//! What one side of the API serialises, the other side deserialises: every wire type, in both directions.

use std::fmt::Debug;

use proptest::{collection::vec, option::of, prelude::*};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    super::{answer::Answer, screen::Screen},
    *,
};
use crate::raw_json::RawJson;

/// Whether the value contains a `null` at any depth.
fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}

/// The members of the value as serialised. None of them is or contains a `null`.
fn written(value: &impl Serialize) -> Map<String, Value> {
    let text = serde_json::to_string(value).unwrap();
    let Value::Object(members) = serde_json::from_str(&text).unwrap() else { panic!("no object: {text}") };
    assert!(!members.values().any(has_null), "{text}");
    members
}

/// Asserts that the value survives a round trip, also if a vendor adds a member.
fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let mut members = written(value);
    let read = |members: &Map<String, Value>| {
        serde_json::from_str::<T>(&serde_json::to_string(members).unwrap()).unwrap()
    };
    assert_eq!(read(&members), *value);
    members.insert("example.com/vendor".to_owned(), json_of(r#"{"password": null}"#));
    assert_eq!(read(&members), *value);
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,4}"
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..3)
}

/// Any JSON value except `null`, with numbers that need arbitrary precision.
fn json() -> impl Strategy<Value = Value> {
    let number = any::<(i64, u8)>().prop_map(|(whole, rest)| json_of(&format!("{whole}.{rest}0")));
    let leaf = prop_oneof![any::<bool>().prop_map(Value::from), number, text().prop_map(Value::from)];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec((text(), inner), 0..3).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    vec((text(), json()), 0..3).prop_map(|members| members.into_iter().collect())
}

fn secret() -> impl Strategy<Value = Option<SecretObject>> {
    of(object().prop_map(SecretObject))
}

fn version() -> impl Strategy<Value = Option<MaintenanceInfo>> {
    of(text().prop_map(|version| MaintenanceInfo { version, description: None }))
}

fn schema() -> impl Strategy<Value = Option<InputParametersSchema>> {
    of(of(json()).prop_map(|parameters| InputParametersSchema { parameters: parameters.map(RawJson::from) }))
}

fn schemas() -> impl Strategy<Value = Option<Schemas>> {
    let of_instance =
        (schema(), schema()).prop_map(|(create, update)| ServiceInstanceSchema { create, update });
    let of_binding = schema().prop_map(|create| ServiceBindingSchema { create });
    let schemas = (of(of_instance), of(of_binding));
    of(schemas.prop_map(|(service_instance, service_binding)| Schemas { service_instance, service_binding }))
}

fn plan() -> impl Strategy<Value = Plan> {
    let texts = (text(), text(), text());
    let flags = (any::<bool>(), of(any::<bool>()), of(any::<bool>()), of(any::<bool>()));
    let info =
        (text(), of(text())).prop_map(|(version, description)| MaintenanceInfo { version, description });
    (texts, of(object()), flags, schemas(), of(any::<u64>()), of(info)).prop_map(
        |((id, name, description), metadata, flags, schemas, maximum_polling_duration, maintenance_info)| {
            let (free, bindable, binding_rotatable, plan_updateable) = flags;
            Plan {
                id,
                name,
                description,
                metadata: metadata.map(RawJson::from),
                free,
                bindable,
                binding_rotatable,
                plan_updateable,
                schemas,
                maximum_polling_duration,
                maintenance_info,
            }
        },
    )
}

fn service() -> impl Strategy<Value = Service> {
    let client = (of(text()), of(text())).prop_map(|(id, redirect_uri)| DashboardClient { id, redirect_uri });
    let lists = (texts(), texts(), vec(plan(), 0..3));
    let flags = any::<[bool; 5]>();
    ((text(), text(), text()), lists, flags, of(any::<bool>()), of(object()), of(client)).prop_map(
        |((name, id, description), (tags, requires, plans), flags, binding_rotatable, metadata, client)| {
            Service {
                name,
                id,
                description,
                tags,
                requires,
                bindable: flags[0],
                instances_retrievable: flags[1],
                bindings_retrievable: flags[2],
                allow_context_updates: flags[3],
                metadata: metadata.map(RawJson::from),
                dashboard_client: client,
                plan_updateable: flags[4],
                binding_rotatable,
                plans,
            }
        },
    )
}

fn instance_metadata() -> impl Strategy<Value = Option<InstanceMetadata>> {
    of((object(), object()).prop_map(|(labels, attributes)| InstanceMetadata { labels, attributes }))
}

fn provision_response() -> impl Strategy<Value = ProvisionResponse> {
    (of(text()), instance_metadata()).prop_map(|(dashboard_url, metadata)| ProvisionResponse {
        dashboard_url,
        metadata,
        ignored: Vec::new(),
    })
}

fn context() -> impl Strategy<Value = Option<Value>> {
    of(object().prop_map(Value::from))
}

fn bind_request() -> impl Strategy<Value = BindRequest> {
    let resource = (of(text()), of(text())).prop_map(|(app_guid, route)| BindResource { app_guid, route });
    let ids = (text(), text(), of(text()), of(text()));
    (ids, context(), of(resource), secret()).prop_map(|(ids, context, bind_resource, parameters)| {
        let (service_id, plan_id, app_guid, predecessor_binding_id) = ids;
        BindRequest {
            service_id,
            plan_id,
            context,
            app_guid,
            bind_resource,
            parameters,
            predecessor_binding_id,
        }
    })
}

fn volume_mount() -> impl Strategy<Value = VolumeMount> {
    let device = (text(), secret()).prop_map(|(volume_id, mount_config)| Device { volume_id, mount_config });
    ([text(), text(), text(), text()], device).prop_map(
        |([driver, container_dir, mode, device_type], device)| VolumeMount {
            driver,
            container_dir,
            mode,
            device_type,
            device,
        },
    )
}

fn bind_response() -> impl Strategy<Value = BindResponse> {
    let metadata = (of(text()), of(text()))
        .prop_map(|(expires_at, renew_before)| BindingMetadata { expires_at, renew_before });
    let endpoint =
        (text(), texts(), of(text())).prop_map(|(host, ports, protocol)| Endpoint { host, ports, protocol });
    let urls = (of(text()), of(text()));
    let lists = (vec(volume_mount(), 0..3), vec(endpoint, 0..3));
    (of(metadata), secret(), urls, lists, secret()).prop_map(
        |(metadata, credentials, (syslog_drain_url, route_service_url), lists, parameters)| BindResponse {
            metadata,
            credentials,
            syslog_drain_url,
            route_service_url,
            volume_mounts: lists.0,
            endpoints: lists.1,
            parameters,
            is_new: false,
            ignored: Vec::new(),
        },
    )
}

fn state() -> impl Strategy<Value = OperationState> {
    prop::sample::select(vec![OperationState::InProgress, OperationState::Succeeded, OperationState::Failed])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn catalogs_survive_the_wire(services in vec(service(), 0..3)) {
        survives(&Catalog { services, rejected: Rejections::default() });
    }

    #[test]
    fn requests_about_instances_survive_the_wire(
        [service_id, plan_id, organization_guid, space_guid] in [text(), text(), text(), text()],
        context in context(),
        parameters in secret(),
        [info, former_info] in [version(), version()],
        [plan, former_plan, organization_id, space_id] in [of(text()), of(text()), of(text()), of(text())],
        has_former in any::<bool>(),
    ) {
        survives(&UpdateRequest {
            service_id: service_id.clone(),
            plan_id: plan,
            parameters: parameters.clone(),
            context: context.clone(),
            previous_values: has_former.then(|| PreviousValues {
                service_id: Some(service_id.clone()),
                plan_id: former_plan,
                organization_id,
                space_id,
                maintenance_info: former_info,
            }),
            maintenance_info: info.clone(),
        });
        survives(&ProvisionRequest {
            service_id,
            plan_id,
            context: context.unwrap_or_default(),
            organization_guid,
            space_guid,
            parameters,
            maintenance_info: info,
        });
    }

    #[test]
    fn answers_about_instances_survive_the_wire(
        answer in provision_response(),
        [service_id, plan_id] in [of(text()), of(text())],
        parameters in secret(),
        maintenance_info in version(),
    ) {
        survives(&answer);
        let ProvisionResponse { dashboard_url, metadata, ignored } = answer;
        survives(&UpdateResponse { dashboard_url: dashboard_url.clone(), metadata: metadata.clone(), ignored });
        survives(&InstanceResponse {
            service_id, plan_id, dashboard_url, parameters, maintenance_info, metadata,
        });
        survives(&DeletionResponse {});
    }

    #[test]
    fn requests_and_answers_about_bindings_survive_the_wire(
        request in bind_request(), answer in bind_response(),
    ) {
        survives(&request);
        survives(&answer);
    }

    #[test]
    fn polls_and_errors_survive_the_wire(
        state in state(),
        [error, description] in [of(text()), of(text())],
        [instance_usable, update_repeatable] in [of(any::<bool>()), of(any::<bool>())],
    ) {
        survives(&LastOperation {
            state, description: description.clone(), instance_usable, update_repeatable, retry_after: None,
        });
        survives(&ErrorResponse { error, description, instance_usable, update_repeatable });
    }

    #[test]
    fn queries_and_identities_survive_the_wire(
        [service_id, plan_id, uid] in [text(), text(), text()],
        operation in of(text()),
        accepts_incomplete in any::<bool>(),
        groups in texts(),
        extra in prop::collection::btree_map(text(), texts(), 0..3),
    ) {
        survives(&AsyncQuery { accepts_incomplete });
        survives(&PlanQuery { service_id: service_id.clone(), plan_id: plan_id.clone() });
        survives(&OriginatingIdentity { username: plan_id.clone(), uid, groups, extra });
        survives(&LastOperationQuery { service_id, plan_id, operation });
    }

    /// The status, which a broker sets separately, tells the client the variant of the reply.
    #[test]
    fn replies_are_read_as_they_were_written(
        body in provision_response(), operation in of("\\PC{1,4}"), is_done in any::<bool>(),
    ) {
        let (status, reply) =
            if is_done { (201, Reply::Done(body)) } else { (202, Reply::InProgress { operation, body }) };
        let body = serde_json::to_vec(&written(&reply)).unwrap();
        let screen = Screen { redactor: Redactor::new(["secret"]), chosen_by: ChosenBy::Tenant };
        let answer = Answer { status, retry_after: None, content_type: None, body, defect: None, screen };
        prop_assert_eq!(answer.reply(), Ok(reply));
    }
}

#[test]
fn what_is_absent_or_the_default_is_not_written() {
    let names = |value: Map<String, Value>| value.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let cases = [
        (written(&Catalog::default()), "services"),
        (written(&Service::default()), "bindable description id name plans"),
        (written(&Plan::default()), "description free id name"),
        (written(&ProvisionRequest::default()), "organization_guid plan_id service_id space_guid"),
        (written(&UpdateRequest::default()), "service_id"),
        (written(&BindRequest::default()), ""),
        (written(&ProvisionResponse::default()), ""),
        (written(&InstanceMetadata::default()), ""),
        (written(&InstanceResponse::default()), ""),
        (written(&BindResponse::default()), ""),
        (written(&ErrorResponse::default()), ""),
        (written(&PlanQuery::default()), ""),
        (written(&AsyncQuery::default()), ""),
        (written(&OriginatingIdentity::default()), "extra groups uid username"),
        (written(&Reply::InProgress { operation: None, body: DeletionResponse {} }), ""),
    ];
    for (members, expected) in cases {
        assert_eq!(names(members).join(" "), expected);
    }
}

#[test]
fn credentials_are_written_for_the_platform_and_not_for_the_log() {
    let credentials = json_of(r#"{"credentials": {"password": "hunter2"}}"#);
    let response: BindResponse = serde_json::from_value(credentials.clone()).unwrap();
    let reply = Reply::Done(response);
    assert_eq!(serde_json::to_value(&reply).unwrap(), credentials);
    assert!(!format!("{reply:?}").contains("hunter2"));
}
