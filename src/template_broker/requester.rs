//! For whom is a request made? The objects in the cluster say so, not the request.
//!
//! A request names a namespace and an object in its `context`, or the record of the instance does. The broker reads
//! that object, checks that it has the ID of the request, and takes the user from its `spec.userInfo`, which an admission
//! policy has written. So a stolen bearer token does not make its holder another user, and an instance cannot be
//! addressed through the object of another namespace.

use kube::{Api, Client};
use serde_json::Value;

use super::error::Error;
use crate::crd::reference::UserInfo;
use crate::crd::{ServiceBinding, ServiceInstance};
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

/// The user who requested an instance that is to be created, changed or read.
pub async fn of_instance(
    client: &Client,
    named: &Named,
    id: &str,
    claimed: Option<&OriginatingIdentity>,
) -> Result<Option<UserInfo>, Error> {
    let instance = read_instance(client, named).await?;
    let instance = instance.filter(|instance| has_id(instance, id)).ok_or_else(|| {
        Error::BadRequest(format!("the ServiceInstance {named} does not have this instance ID"))
    })?;
    agreeing(instance.spec.user_info, claimed)
}

/// The user on whose behalf an instance is deleted: the deletion itself was authorised by the API server, or the instance
/// is what a failed attempt has left. `None` if the user is not known any more.
pub async fn of_deletion(client: &Client, named: &Named, id: &str) -> Result<Option<UserInfo>, Error> {
    let Some(instance) = read_instance(client, named).await? else { return Ok(None) };
    let is_in_use =
        instance.metadata.deletion_timestamp.is_none() && !is_orphan(&instance, id) && has_id(&instance, id);
    if is_in_use {
        return Err(Error::BadRequest(format!(
            "the ServiceInstance {named} exists and is not being deleted"
        )));
    }
    Ok(instance.spec.user_info)
}

async fn read_instance(client: &Client, named: &Named) -> Result<Option<ServiceInstance>, Error> {
    Ok(Api::namespaced(client.clone(), &named.namespace).get_opt(&named.name).await?)
}

/// The user who requested a binding that is to be created or read.
pub async fn of_binding(
    client: &Client,
    named: &Named,
    id: &str,
    claimed: Option<&OriginatingIdentity>,
) -> Result<Option<UserInfo>, Error> {
    let bindings = Api::<ServiceBinding>::namespaced(client.clone(), &named.namespace);
    let binding = bindings.get_opt(&named.name).await?;
    let has_id = |binding: &ServiceBinding| {
        let status = binding.status.as_ref();
        status.is_some_and(|status| status.binding_id == id || status.successor_id == id)
    };
    let binding = binding.filter(has_id).ok_or_else(|| {
        Error::BadRequest(format!("the ServiceBinding {named} does not have this binding ID"))
    })?;
    agreeing(binding.spec.user_info, claimed)
}

fn has_id(instance: &ServiceInstance, id: &str) -> bool {
    instance.status.as_ref().is_some_and(|status| status.instance_id == id) || is_orphan(instance, id)
}

fn is_orphan(instance: &ServiceInstance, id: &str) -> bool {
    instance.status.as_ref().is_some_and(|status| status.orphans.iter().any(|orphan| orphan.id == id))
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
