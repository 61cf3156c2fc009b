//! The lifecycle of a binding. It takes one short transaction, so it is never asynchronous.

use std::slice;

use uuid::Uuid;

use super::{Broker, Progress, home_of, same_service};
use crate::{
    catalog::BindingParameters,
    error::Error,
    naming::Identifier,
    postgres::Home,
    store::{self, Binding, Locked},
};

/// A request for a binding.
pub struct NewBinding {
    /// Absent in a rotation.
    pub service_id: Option<String>,
    pub parameters: BindingParameters,
    /// The binding to rotate: its successor gets its parameters.
    pub predecessor: Option<String>,
}

impl NewBinding {
    /// Whether the existing binding matches this request.
    fn is_for(&self, binding: &Binding) -> bool {
        self.predecessor == binding.predecessor
            && (self.predecessor.is_some() || self.parameters == binding.parameters)
    }
}

impl Broker {
    /// Creates a binding.
    pub async fn bind(
        &self,
        instance_id: &str,
        id: &str,
        new: NewBinding,
    ) -> Result<(Progress, Home, Binding), Error> {
        let mut instance = Locked::new(&self.server, instance_id).await?;
        let record = instance.instance().await?.ok_or(Error::NotFound("the instance"))?;
        if let Some(service_id) = &new.service_id {
            same_service(&record, service_id)?;
        }
        if record.operation.running().is_some() {
            return Err(Error::Concurrency);
        }
        if !record.provisioned {
            return Err(Error::Unprocessable("the instance is not provisioned".to_owned()));
        }
        let home = home_of(&record, instance_id)?;
        match instance.binding(id).await? {
            Some(found) if new.is_for(&found) => return Ok((Progress::Unchanged, home, found)),
            Some(_) => return Err(Error::Conflict("the binding")),
            None => {}
        }
        let parameters = match &new.predecessor {
            None => new.parameters,
            Some(predecessor) => match instance.binding(predecessor).await? {
                Some(predecessor) => predecessor.parameters,
                None => {
                    return Err(Error::BadRequest("predecessor_binding_id does not exist".to_owned()));
                }
            },
        };
        let binding = Binding { parameters, predecessor: new.predecessor, password: password() };
        let role = Identifier::of_binding(instance_id, id);
        let sql = home.binding_role(&role, &binding.password, parameters.read_only);
        instance.create_binding(id, &binding, &sql).await?;
        Ok((Progress::Done, home, binding))
    }

    /// Deletes a binding.
    pub async fn unbind(&self, instance_id: &str, id: &str, service_id: &str) -> Result<(), Error> {
        let mut instance = Locked::new(&self.server, instance_id).await?;
        let record = instance.instance().await?.ok_or(Error::Gone)?;
        instance.binding(id).await?.ok_or(Error::Gone)?;
        same_service(&record, service_id)?;
        if record.operation.running().is_some() {
            return Err(Error::Concurrency);
        }
        let role = Identifier::of_binding(instance_id, id);
        let home = home_of(&record, instance_id)?;
        self.server.retire(&instance.admin, &home, slice::from_ref(&role)).await?;
        instance.delete_binding(id, &role).await
    }

    /// The binding, and the place of its instance.
    pub async fn fetch_binding(&self, instance_id: &str, id: &str) -> Result<(Home, Binding), Error> {
        let admin = self.server.admin().await?;
        let record = store::instance(&admin, instance_id).await?.ok_or(Error::NotFound("the instance"))?;
        let binding = store::binding(&admin, instance_id, id).await?.ok_or(Error::NotFound("the binding"))?;
        Ok((home_of(&record, instance_id)?, binding))
    }
}

/// 244 random bits, in characters that need no quoting anywhere.
fn password() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
