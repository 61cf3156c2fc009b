//! Deletes instances: first what uses the data, then the data, then the record.
//!
//! The API server has authorised the deletion of the `ServiceInstance`. If the user who requested it may not delete
//! objects any more, for example because the user has left, the broker does so as the `ServiceAccount` for cleanup, which
//! may only delete what carries the label of an instance.

use tracing::warn;

use super::{Accepted, Broker, Progress};
use crate::crd::reference::UserInfo;
use crate::template::{Entry, Task, is_of_instance, is_terminating, uid};
use crate::template_broker::clock::now;
use crate::template_broker::error::Error;
use crate::template_broker::objects::{Failure, Objects};
use crate::template_broker::records::Stored;
use crate::template_broker::requester;

/// The policy that limits what the `ServiceAccount` for cleanup may delete.
const CLEANUP_POLICY: &str = "template-cleanup.servicecatalog.k8s.io";

impl Broker {
    /// Deletes an instance.
    pub async fn deprovision(&self, id: &str, accepts_incomplete: bool) -> Result<Accepted, Error> {
        if !accepts_incomplete {
            return Err(Error::AsyncRequired);
        }
        let _turn = self.turns.take(id).await;
        let mut stored = self.records.read(id).await?.ok_or(Error::Gone)?;
        let user = requester::of_deletion(&self.own, &stored.record.instance, id).await?;
        let operation = &stored.record.operation;
        if operation.task != Task::Deprovision || !operation.state.is_in_progress() {
            stored.record.operation = operation.next(Task::Deprovision, now());
            self.records.replace(&mut stored).await?;
        }
        let key = stored.record.operation.key();
        self.remove_rest(id, &mut stored, user.as_ref()).await?;
        Ok(Accepted::InProgress(key))
    }

    /// Continues a deletion.
    pub(super) async fn go_on_removing(&self, id: &str, stored: &mut Stored) -> Result<Progress, Error> {
        let user = requester::of_deletion(&self.own, &stored.record.instance, id).await?;
        self.remove_rest(id, stored, user.as_ref()).await
    }

    /// Deletes what is left, in the order of deletion.
    async fn remove_rest(
        &self,
        id: &str,
        stored: &mut Stored,
        user: Option<&UserInfo>,
    ) -> Result<Progress, Error> {
        let remover = self.remover(id, &stored.record.instance.namespace, user)?;
        let bound = stored.record.bindings.values().flat_map(|binding| binding.inventory.deletion_order());
        let order: Vec<Entry> = bound.chain(stored.record.inventory.deletion_order()).cloned().collect();
        let going = remover.remove_all(&order).await?;
        if going.is_empty() {
            self.records.remove(stored).await?;
        }
        Ok(Progress::until_gone(&going))
    }

    /// Deletes objects of an instance as its user, if there is one, or as the `ServiceAccount` for cleanup.
    pub(super) fn remover<'a>(
        &self,
        instance_id: &'a str,
        namespace: &'a str,
        user: Option<&UserInfo>,
    ) -> Result<Remover<'a>, Error> {
        let cleanup = self.objects_of_cleanup()?;
        Ok(Remover { instance_id, namespace, user: self.objects_of(user).ok(), cleanup })
    }
}

/// Deletes the objects of an instance.
pub(super) struct Remover<'a> {
    instance_id: &'a str,
    /// The namespace of the instance.
    namespace: &'a str,
    /// As the user who requested the instance, if there is one.
    user: Option<Objects>,
    /// As the `ServiceAccount` for cleanup, only in the namespace of the instance.
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
                going.push(entry.to_string());
            }
        }
        Ok(going)
    }

    /// Deletes an object, unless it is not the instance's. Returns whether it still exists.
    async fn remove(&self, entry: &Entry) -> Result<bool, Error> {
        let Some(user) = &self.user else { return self.clean_up(entry).await };
        match self.remove_as(user, entry).await {
            Err(Failure::Refused { code: 403, .. }) => self.clean_up(entry).await,
            removed => Ok(removed?),
        }
    }

    async fn remove_as(&self, objects: &Objects, entry: &Entry) -> Result<bool, Failure> {
        let Some(live) = objects.read(entry).await? else { return Ok(false) };
        // The label counts only for an object that was applied, perhaps, just before the broker stopped.
        let is_ours = match &entry.uid {
            Some(known) => known == uid(&live),
            None => is_of_instance(&live, self.instance_id),
        };
        if !is_ours {
            return Ok(false);
        }
        if is_terminating(&live) {
            return Ok(true);
        }
        objects.delete(&Entry { uid: Some(uid(&live).to_owned()), ..entry.clone() }).await
    }

    /// Deletes an object that the user may not delete. One in another namespace stays, and one without the label of an
    /// instance, which the policy protects.
    async fn clean_up(&self, entry: &Entry) -> Result<bool, Error> {
        let removed = if entry.namespace == self.namespace {
            self.remove_as(&self.cleanup, entry).await
        } else {
            Err(Failure::Refused { code: 403, why: CLEANUP_POLICY.to_owned() })
        };
        match removed {
            Err(Failure::Refused { why, .. }) if why.contains(CLEANUP_POLICY) => {
                let Entry { kind, namespace, name, .. } = entry;
                warn!(
                    kind,
                    namespace, name, "an object of a deleted instance stays: its user may not delete it"
                );
                Ok(false)
            }
            removed => Ok(removed?),
        }
    }
}
