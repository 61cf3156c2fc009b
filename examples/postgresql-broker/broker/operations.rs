//! Operations on instances: the broker saves the intent and then executes it, at once or in the background. It
//! executes the intent of the record, not that of a request. So a crash loses nothing, a request that replaces
//! another one wins, and repeating an operation does no harm.

use std::{sync::Arc, time::Duration};

use service_catalog::osb::OperationState;

use super::{Broker, Progress, home_of};
use crate::{
    catalog,
    error::Error,
    store::{Instance, Locked, Operation, Task},
};

/// The delay before a retry if the broker could not even save the failure.
const RETRY: Duration = Duration::from_secs(5);

impl Broker {
    /// Saves the intent and executes it, in the background if it is asynchronous.
    pub async fn begin(
        self: &Arc<Self>,
        mut instance: Locked,
        mut record: Instance,
        task: Task,
        asynchronous: bool,
        accepts_incomplete: bool,
    ) -> Result<Progress, Error> {
        if asynchronous && !accepts_incomplete {
            return Err(Error::AsyncRequired);
        }
        // A repeated request must get the same key.
        if record.operation.running() != Some(&task) {
            record.operation = Operation::new(task);
        }
        instance.save(&record).await?;
        if asynchronous {
            self.finish_in_background(instance.id);
            return Ok(Progress::Accepted(record.operation.key));
        }
        let result = self.finish(&mut instance).await;
        if result.is_err() {
            self.finish_in_background(instance.id);
        }
        result.map(|()| Progress::Done)
    }

    /// Executes the operation of the instance in the background, if one is in progress, until it ends.
    pub fn finish_in_background(self: &Arc<Self>, id: String) {
        let broker = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(broker.async_delay).await;
            while let Err(error) = broker.lock_and_finish(&id).await {
                tracing::warn!(instance = id, %error, "operation failed, retrying");
                tokio::time::sleep(RETRY).await;
            }
        });
    }

    async fn lock_and_finish(&self, id: &str) -> Result<(), Error> {
        self.finish(&mut Locked::new(&self.server, id).await?).await
    }

    /// Executes the intent in the record and saves the outcome. Without an intent it succeeds.
    async fn finish(&self, instance: &mut Locked) -> Result<(), Error> {
        let Some(mut record) = instance.instance().await? else {
            return Ok(());
        };
        let Some(task) = record.operation.running().cloned() else {
            return Ok(());
        };
        let result = self.perform(instance, &mut record, task).await;
        match &result {
            // The instance is deleted together with its record.
            Ok(()) if !record.provisioned => return Ok(()),
            Ok(()) => record.operation.state = OperationState::Succeeded,
            Err(error) => {
                record.operation.state = OperationState::Failed;
                record.operation.failure = Some(error.to_string());
            }
        }
        instance.save(&record).await?;
        result
    }

    async fn perform(&self, instance: &mut Locked, record: &mut Instance, task: Task) -> Result<(), Error> {
        let home = home_of(record, &instance.id)?;
        let settings = match task {
            Task::Deprovision => {
                let mut roles = instance.binding_roles().await?;
                self.server.retire(&instance.admin, &home, &roles).await?;
                self.server.destroy(&instance.admin, &home).await?;
                roles.extend(home.groups());
                return instance.delete(&roles).await;
            }
            Task::Provision => {
                self.server.create(&instance.admin, &home).await?;
                record.settings.clone()
            }
            Task::Update(settings) => settings,
        };
        let plan = catalog::plan(&settings.service_id, &settings.plan_id)?;
        self.server.configure(&instance.admin, &home, plan, settings.parameters).await?;
        record.provisioned = true;
        record.maintenance_version = plan.maintenance_version.map(str::to_owned);
        record.settings = settings;
        Ok(())
    }
}
