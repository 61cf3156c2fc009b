//! For whom is a request made? The objects in the cluster say so, not the request.
//!
//! A request names a namespace and an object in its `context`, or the record of the instance does. The broker reads
//! that object, checks that it has the ID of the request, and takes the user from its `spec.userInfo`, which an admission
//! policy has written. So a stolen bearer token does not make its holder another user, and an instance cannot be
//! addressed through the object of another namespace.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::BROKER;
use super::error::Error;
use crate::crd::instance::InstanceProperties;
use crate::crd::operation::Orphan;
use crate::crd::reference::UserInfo;
use crate::crd::{ServiceBinding, ServiceBindingStatus, ServiceInstance, ServiceInstanceStatus};
use crate::osb::OriginatingIdentity;
use crate::template::Named;

/// The object that the `context` of a request names, in the member `name_member`.
pub fn named_in(context: Option<&Value>, name_member: &str) -> Result<Named, Error> {
    let member = |name: &str| {
        let value = context.and_then(|context| context.get(name)).and_then(Value::as_str);
        value.filter(|value| !value.is_empty()).map(str::to_owned).ok_or_else(|| {
            Error::BadRequest(format!(
                "context.{name} is missing: this broker serves the platform kubernetes only"
            ))
        })
    };
    Ok(Named { namespace: member("namespace")?, name: member(name_member)? })
}

/// The user who requested an instance that is to be created, changed or read. The object has to want it from this broker: a
/// plan of this service, if one is named.
pub async fn of_instance(
    client: &Client,
    named: &Named,
    id: &str,
    (service_id, plan_id): (&str, Option<&str>),
    claimed: Option<&OriginatingIdentity>,
) -> Result<Option<UserInfo>, Error> {
    let wants = |properties: &InstanceProperties| {
        properties.broker_name == BROKER
            && properties.service_id == service_id
            && plan_id.is_none_or(|plan| properties.plan_id() == plan)
    };
    let is_wanted = |instance: &ServiceInstance| {
        let status = instance.status.as_ref();
        let status = status.filter(|status| status.instance_id == id && !has_orphan(&status.orphans, id));
        let properties = status.and_then(|status| {
            status.in_progress_properties.as_ref().or(status.external_properties.as_ref())
        });
        properties.is_some_and(wants)
    };
    let instance = read(client, named).await?.filter(is_wanted).ok_or_else(|| {
        Error::BadRequest(format!("the ServiceInstance {named} does not have this instance ID for this plan"))
    })?;
    agreeing(instance.spec.user_info, claimed)
}

/// The user on whose behalf an instance is deleted: the deletion itself was authorised by the API server, or the instance
/// is what a failed attempt has left. `None` if the user is not known any more.
pub async fn of_deletion(client: &Client, named: &Named, id: &str) -> Result<Option<UserInfo>, Error> {
    let Some(instance) = read::<ServiceInstance>(client, named).await? else { return Ok(None) };
    let has_id =
        |status: &ServiceInstanceStatus| status.instance_id == id && !has_orphan(&status.orphans, id);
    if instance.metadata.deletion_timestamp.is_none() && instance.status.as_ref().is_some_and(has_id) {
        return Err(Error::BadRequest(format!(
            "the ServiceInstance {named} exists and is not being deleted"
        )));
    }
    Ok(instance.spec.user_info)
}

/// The user whose objects an instance consists of, as far as it still exists.
pub async fn of_objects(client: &Client, named: &Named) -> Result<Option<UserInfo>, Error> {
    Ok(read::<ServiceInstance>(client, named).await?.and_then(|instance| instance.spec.user_info))
}

/// The user who requested a binding to this instance that is to be created or read.
pub async fn of_binding(
    client: &Client,
    named: &Named,
    id: &str,
    instance: &Named,
    claimed: Option<&OriginatingIdentity>,
) -> Result<Option<UserInfo>, Error> {
    let is_wanted = |binding: &ServiceBinding| {
        let status = binding.status.as_ref();
        binding.spec.instance_ref.name == instance.name
            && named.namespace == instance.namespace
            && status.is_some_and(|status| status.binding_id == id || status.successor_id == id)
    };
    let binding = read(client, named).await?.filter(is_wanted).ok_or_else(|| {
        Error::BadRequest(format!(
            "the ServiceBinding {named} does not have this binding ID for this instance"
        ))
    })?;
    agreeing(binding.spec.user_info, claimed)
}

/// Checks that a binding may be deleted: the API server has authorised it, or a rotation has replaced the binding.
pub async fn may_unbind(client: &Client, named: &Named, id: &str) -> Result<(), Error> {
    let Some(binding) = read::<ServiceBinding>(client, named).await? else { return Ok(()) };
    let has_id = |status: &ServiceBindingStatus| status.binding_id == id && !has_orphan(&status.orphans, id);
    if binding.metadata.deletion_timestamp.is_none() && binding.status.as_ref().is_some_and(has_id) {
        return Err(Error::BadRequest(format!("the ServiceBinding {named} exists and is not being deleted")));
    }
    Ok(())
}

async fn read<K>(client: &Client, named: &Named) -> Result<Option<K>, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    Ok(Api::namespaced(client.clone(), &named.namespace).get_opt(&named.name).await?)
}

fn has_orphan(orphans: &[Orphan], id: &str) -> bool {
    orphans.iter().any(|orphan| orphan.id == id)
}

/// The user in the object. The header must not name another one: the object may have changed since the platform read it.
fn agreeing(
    user: Option<UserInfo>,
    claimed: Option<&OriginatingIdentity>,
) -> Result<Option<UserInfo>, Error> {
    let differs = claimed.is_some_and(|claimed| {
        user.as_ref().is_none_or(|user| user.username != claimed.username || user.uid != claimed.uid)
    });
    if differs {
        return Err(Error::Outdated("the request was made for another user than spec.userInfo"));
    }
    Ok(user)
}
