//! What does the spec of a binding ask of the broker, and what blocks it?

use sha2::{Digest as _, Sha256};

use super::{Observed, bound_instance};
use crate::crd::binding::BindingProperties;
use crate::crd::condition;
use crate::crd::names::hex;
use crate::crd::operation::BoundInstance;
use crate::domain::reason;

/// Why the broker cannot be called yet.
pub(super) struct Blocked {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Blocked {
    pub(super) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// The bind request that the spec asks for, unless something blocks it.
pub(super) fn desired(observed: &Observed<'_>) -> Result<BindingProperties, Blocked> {
    let instance = ready_instance(observed)?;
    let parameters = observed
        .parameters
        .as_ref()
        .map_err(|error| Blocked::new(reason::ERROR_WITH_PARAMETERS, error.clone()))?;
    Ok(BindingProperties {
        parameters: parameters.shown(),
        parameter_checksum: parameters.checksum(),
        user_info: observed.binding.spec.user_info.clone(),
        predecessor_id: String::new(),
        instance: Some(instance),
    })
}

/// The instance, if it is ready to be bound.
pub(super) fn ready_instance(observed: &Observed<'_>) -> Result<BoundInstance, Blocked> {
    let name = &observed.binding.spec.instance_ref.name;
    let Some(instance) = observed.instance else {
        let message =
            format!("There is no ServiceInstance {name:?} in the namespace; continues when it is created");
        return Err(Blocked::new(reason::REFERENCES_NONEXISTENT_INSTANCE, message));
    };
    let not_ready = |why: &str| {
        Blocked::new(reason::ERROR_INSTANCE_NOT_READY, format!("The ServiceInstance {name:?} {why}"))
    };
    if instance.metadata.deletion_timestamp.is_some() {
        return Err(not_ready("is being deleted"));
    }
    let status = instance.status.as_ref();
    let ready = status.is_some_and(|status| condition::is_true(&status.conditions, condition::READY));
    let bound = bound_instance(instance)
        .filter(|_| ready)
        .ok_or_else(|| not_ready("is not ready; continues when it is"))?;
    if status.is_some_and(|status| status.async_op_in_progress) {
        return Err(not_ready("has an asynchronous operation in progress; continues when that ends"));
    }
    Ok(bound)
}

/// Blocks a binding whose instance was deleted, and left at the broker, when another one has its name: it stays bound to the
/// instance that the user chose.
pub(super) fn require_same(
    observed: &Observed<'_>,
    bound: &BindingProperties,
    instance: &BoundInstance,
) -> Result<(), Blocked> {
    if bound.instance.as_ref().is_none_or(|bound| bound.id == instance.id) {
        return Ok(());
    }
    let name = &observed.binding.spec.instance_ref.name;
    let why = format!(
        "The ServiceInstance {name:?} is not the one that was bound: it was deleted and created again. Delete the \
         binding and create another"
    );
    Err(Blocked::new(reason::ERROR_INSTANCE_NOT_READY, why))
}

/// Identifies a request by instance and parameters: two requests with the same fingerprint ask the broker for the same.
pub(super) fn fingerprint(properties: &BindingProperties) -> String {
    let instance = properties.instance.as_ref().map_or("", |instance| &instance.id);
    hex(&Sha256::digest([instance, &properties.parameter_checksum].join("\n")))
}
