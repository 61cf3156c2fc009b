//! The paths of the endpoints below a broker's base URL, in the syntax of `axum`'s router. The client replaces
//! `{instance_id}` and `{binding_id}` with percent-encoded ids.

/// “Catalog Management”.
pub const CATALOG: &str = "/v2/catalog";
/// “Provisioning”, “Fetching a Service Instance”, “Updating a Service Instance”, “Deprovisioning”.
pub const INSTANCE: &str = "/v2/service_instances/{instance_id}";
/// “Polling Last Operation for Service Instances”.
pub const INSTANCE_LAST_OPERATION: &str = "/v2/service_instances/{instance_id}/last_operation";
/// “Binding”, “Binding Rotation”, “Fetching a Service Binding”, “Unbinding”.
pub const BINDING: &str = "/v2/service_instances/{instance_id}/service_bindings/{binding_id}";
/// “Polling Last Operation for Service Bindings”.
pub const BINDING_LAST_OPERATION: &str =
    "/v2/service_instances/{instance_id}/service_bindings/{binding_id}/last_operation";
