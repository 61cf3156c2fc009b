//! How far is an operation? A poll continues it: it applies what is missing, and looks whether all objects are ready.

use jiff::Timestamp;

use super::applying::{Located, apply, definition_of, entries, located, look, plan_of};
use super::{Accepted, Broker, Progress};
use crate::crd::reference::UserInfo;
use crate::template::{Entry, Plan, Readiness, Record, State, Task, is_overdue, readiness};
use crate::template_broker::clock::now;
use crate::template_broker::error::Error;
use crate::template_broker::objects::Objects;
use crate::template_broker::records::Stored;
use crate::template_broker::requester;

/// What is applied for an instance, and as whom.
pub(super) struct Applying<'a> {
    pub(super) instance_id: &'a str,
    pub(super) user: Option<&'a UserInfo>,
    pub(super) objects: &'a Objects,
    pub(super) plan: &'a Plan,
    pub(super) located: &'a [Located],
}

impl Broker {
    /// How far the last operation of an instance is.
    pub async fn last_operation(&self, id: &str, key: Option<&str>) -> Result<Progress, Error> {
        let _turn = self.turns.take(id).await;
        let mut stored = self.records.read(id).await?.ok_or(Error::Gone)?;
        let operation = &stored.record.operation;
        if key.is_some_and(|key| key != operation.key()) {
            return Err(Error::BadRequest("the instance has had another operation since".to_owned()));
        }
        let task = operation.task;
        let progress = match &operation.state {
            over @ (State::Succeeded | State::Failed(_)) => Progress::of(over, String::new()),
            _ if task == Task::Deprovision => self.go_on_removing(id, &mut stored).await?,
            _ => self.proceed(id, &mut stored).await?,
        };
        Ok(Progress { is_usable: (task == Task::Update).then_some(true), ..progress })
    }

    /// Continues a provision or an update.
    pub(super) async fn proceed(&self, id: &str, stored: &mut Stored) -> Result<Progress, Error> {
        let record = &stored.record;
        let service = (record.desired.service_id.as_str(), None);
        let user = requester::of_instance(&self.own, &record.instance, id, service, None).await?;
        let definition = definition_of(&record.desired)?;
        let objects = self.objects_with_values(user.as_ref(), &definition, &record.desired.values)?;
        let plan = plan_of(&definition, &record.desired.plan_id)?;
        let made = definition.objects(plan, &record.desired.values, id, &*self.offers.images()?)?;
        let located = located(made, &record.inventory, &record.instance.namespace);
        let applying =
            Applying { instance_id: id, user: user.as_ref(), objects: &objects, plan, located: &located };
        if record.operation.state == State::Working {
            self.apply_all(stored, &applying).await?;
        }
        let seen = match &stored.record.operation.state {
            State::Applied => look(&objects, &located).await?,
            _ => Readiness::Waiting("Applying the objects".to_owned()),
        };
        let waiting = if let Readiness::Waiting(why) = &seen { why.clone() } else { String::new() };
        if stored.record.operation.state.is_in_progress() {
            self.conclude(stored, &applying, seen).await?;
        }
        let state = &stored.record.operation.state;
        let message = || definition.message(&stored.record.desired.values);
        Ok(Progress::of(state, if *state == State::Succeeded { message() } else { waiting }))
    }

    /// Applies all objects of an instance. If none of them has to become ready, the operation ends at once.
    pub(super) async fn apply_all(
        &self,
        stored: &mut Stored,
        applying: &Applying<'_>,
    ) -> Result<Accepted, Error> {
        let Applying { objects, located, .. } = applying;
        let mut inventory = stored.record.inventory.clone();
        let state = apply(objects, located, &mut inventory, (&self.records, stored)).await?;
        let is_over =
            state == State::Applied && located.iter().all(|(_, made)| readiness(made) == Readiness::Ready);
        (stored.record.inventory, stored.record.operation.state) = (inventory, state);
        if is_over {
            self.conclude(stored, applying, Readiness::Ready).await?;
            return Ok(Accepted::Done);
        }
        self.records.replace(stored).await?;
        Ok(Accepted::InProgress(stored.record.operation.key()))
    }

    /// Writes the end of an operation whose objects are ready, have failed, or take too long.
    async fn conclude(
        &self,
        stored: &mut Stored,
        applying: &Applying<'_>,
        seen: Readiness,
    ) -> Result<(), Error> {
        let Some(end) = end_of(seen, stored.record.operation.began, applying.plan) else { return Ok(()) };
        if end == State::Succeeded {
            self.prune(stored, applying).await?;
        }
        stored.record.operation.state = end;
        self.records.replace(stored).await
    }

    /// Deletes what the instance has from an earlier version, and does not have any more. Nothing waits until it is gone.
    async fn prune(&self, stored: &mut Stored, applying: &Applying<'_>) -> Result<(), Error> {
        let Applying { instance_id, user, located, .. } = applying;
        let Record { instance, inventory, .. } = &mut stored.record;
        let pruned: Vec<Entry> = inventory.pruned_by(&entries(located)).into_iter().cloned().collect();
        if pruned.is_empty() {
            return Ok(());
        }
        self.remover(instance_id, &instance.namespace, *user)?.remove_all(&pruned).await?;
        for entry in &pruned {
            inventory.remove(entry);
        }
        Ok(())
    }
}

/// How an operation ends whose objects look like this; `None` if it goes on.
pub(super) fn end_of(seen: Readiness, began: Timestamp, plan: &Plan) -> Option<State> {
    match seen {
        Readiness::Ready => Some(State::Succeeded),
        Readiness::Failed(why) => Some(State::Failed(why)),
        Readiness::Waiting(why) => is_overdue(began, plan.maximum_polling_duration, now())
            .then(|| State::Failed(format!("{why}. It was not ready in time"))),
    }
}
