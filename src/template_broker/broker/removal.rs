//! Deletes instances: first what uses the data, then the data, then the record.
//!
//! The API server has authorised the deletion of the `ServiceInstance`. If the user who requested it may not delete
//! objects any more, for example because the user has left, the broker does so as the `ServiceAccount` for cleanup, which
//! may only delete what carries the label of an instance.

use super::{Accepted, Broker, Progress};
use crate::crd::reference::UserInfo;
use crate::template::{Entry, Task, is_of_instance, is_terminating, uid};
use crate::template_broker::clock::now;
use crate::template_broker::error::Error;
use crate::template_broker::objects::{Failure, Objects};
use crate::template_broker::records::Stored;
use crate::template_broker::requester;

/// The policy that limits what the `ServiceAccount` for cleanup may delete.
const CLEANUP_POLICY: &str = "'template-cleanup.servicecatalog.k8s.io'";

impl Broker {
    /// Deletes an instance.
    pub async fn deprovision(&self, id: &str, accepts_incomplete: bool) -> Result<Accepted, Error> {
        if !accepts_incomplete {
            return Err(Error::AsyncRequired);
        }
        let mut stored = self.records.read(id).await?.ok_or(Error::Gone)?;
        requester::of_deletion(&self.own, &stored.record.instance, id).await?;
        let operation = &stored.record.operation;
        if operation.task != Task::Deprovision || !operation.state.is_in_progress() {
            stored.record.operation = operation.next(Task::Deprovision, now());
            self.records.replace(&mut stored).await?;
        }
        let key = stored.record.operation.key();
        self.go_on_removing(id, &mut stored).await?;
        Ok(Accepted::InProgress(key))
    }

    /// Deletes what is left, in the order of deletion.
    pub(super) async fn go_on_removing(&self, id: &str, stored: &mut Stored) -> Result<Progress, Error> {
        let user = requester::of_deletion(&self.own, &stored.record.instance, id).await?;
        let remover = self.remover(id, user.as_ref())?;
        let bound = stored.record.bindings.values().flat_map(|binding| binding.inventory.deletion_order());
        let order: Vec<Entry> = bound.chain(stored.record.inventory.deletion_order()).cloned().collect();
        let going = remover.remove_all(&order).await?;
        if going.is_empty() {
            self.records.remove(stored).await?;
            return Ok(Progress::succeeded(String::new()));
        }
        Ok(Progress::in_progress(format!("Waiting until these are gone: {}", going.join(", "))))
    }
}

impl Broker {
    /// Deletes objects of an instance as its user, if there is one, or as the `ServiceAccount` for cleanup.
    pub(super) fn remover<'a>(&self, id: &'a str, user: Option<&UserInfo>) -> Result<Remover<'a>, Error> {
        let cleanup = self.objects_of_cleanup()?;
        Ok(Remover { instance_id: id, user: self.objects_of(user).ok(), cleanup })
    }
}

/// Deletes the objects of an instance.
pub(super) struct Remover<'a> {
    instance_id: &'a str,
    /// As the user who requested the instance, if there is one.
    user: Option<Objects>,
    /// As the `ServiceAccount` for cleanup. It may delete, but not read.
    cleanup: Objects,
}

impl Remover<'_> {
    /// Deletes objects in this order. Returns those that still exist.
    pub(super) async fn remove_all(&self, order: &[Entry]) -> Result<Vec<String>, Error> {
        let mut going = Vec::new();
        for entry in order {
            // Data goes after everything that may still use it.
            if entry.holds_data() && !going.is_empty() {
                break;
            }
            if self.remove(entry).await? {
                going.push(format!("{} {}", entry.kind, entry.name));
            }
        }
        Ok(going)
    }

    /// Deletes an object, unless it is not the instance's any more. Returns whether it still exists.
    async fn remove(&self, entry: &Entry) -> Result<bool, Error> {
        let Some(user) = &self.user else { return self.clean_up(entry).await };
        match self.remove_as(user, entry).await {
            Err(Failure::Refused(status)) if status.code == 403 => self.clean_up(entry).await,
            removed => Ok(removed?),
        }
    }

    async fn remove_as(&self, user: &Objects, entry: &Entry) -> Result<bool, Failure> {
        let Some(live) = user.read(entry).await? else { return Ok(false) };
        if !is_of_instance(&live, self.instance_id) {
            return Ok(false);
        }
        if is_terminating(&live) {
            return Ok(true);
        }
        user.delete(&Entry { uid: Some(uid(&live).to_owned()), ..entry.clone() }).await
    }

    /// A policy refuses to delete what does not carry the label of an instance (any more): such an object stays.
    async fn clean_up(&self, entry: &Entry) -> Result<bool, Error> {
        match self.cleanup.delete(entry).await {
            Err(Failure::Refused(status)) if status.message.contains(CLEANUP_POLICY) => Ok(false),
            removed => Ok(removed?),
        }
    }
}
