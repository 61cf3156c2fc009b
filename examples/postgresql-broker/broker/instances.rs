//! The lifecycle of an instance.

use std::sync::Arc;

use super::{Broker, Progress, plan_of, same_service};
use crate::{
    catalog::{self, InstanceParameters, Plan},
    error::Error,
    store::{self, Instance, Locked, Operation, Settings, Task},
};

/// A change of an instance; absent fields stay unchanged.
pub struct Change {
    pub service_id: String,
    pub plan_id: Option<String>,
    pub parameters: Option<InstanceParameters>,
    /// Present if the plan's setup should be upgraded.
    pub maintenance_version: Option<String>,
}

impl Broker {
    /// Provisions an instance.
    pub async fn provision(
        self: &Arc<Self>,
        id: &str,
        settings: Settings,
        accepts_incomplete: bool,
    ) -> Result<Progress, Error> {
        let plan = catalog::plan(&settings.service_id, &settings.plan_id)?;
        plan.check(settings.parameters)?;
        let instance = Locked::new(&self.server, id).await?;
        let record = match instance.instance().await? {
            None => Instance {
                settings,
                provisioned: false,
                maintenance_version: None,
                operation: Operation::new(Task::Provision),
            },
            Some(found) if found.settings != settings => return Err(Error::Conflict("the instance")),
            Some(found) if found.provisioned => return Ok(Progress::Unchanged),
            Some(found) if found.operation.running() == Some(&Task::Deprovision) => {
                return Err(Error::Concurrency);
            }
            Some(unfinished) => unfinished,
        };
        self.begin(instance, record, Task::Provision, plan.asynchronous, accepts_incomplete).await
    }

    /// Updates an instance.
    pub async fn update(
        self: &Arc<Self>,
        id: &str,
        change: Change,
        accepts_incomplete: bool,
    ) -> Result<Progress, Error> {
        let instance = Locked::new(&self.server, id).await?;
        let record = instance.instance().await?.ok_or(Error::NotFound("the instance"))?;
        same_service(&record, &change.service_id)?;
        let plan = plan_of(&record)?;
        let (target, settings) = changed(plan, &record.settings, &change)?;
        let same = settings == record.settings
            && (change.maintenance_version.is_none()
                || change.maintenance_version == record.maintenance_version);
        let task = Task::Update(settings);
        match record.operation.running() {
            Some(running) if *running != task => return Err(Error::Concurrency),
            None if !record.provisioned => {
                return Err(Error::Unprocessable("the instance is not provisioned".to_owned()));
            }
            None if same => return Ok(Progress::Unchanged),
            _ => {}
        }
        let asynchronous = plan.asynchronous || target.asynchronous;
        self.begin(instance, record, task, asynchronous, accepts_incomplete).await
    }

    /// Deprovisions an instance, even while it is being provisioned.
    pub async fn deprovision(
        self: &Arc<Self>,
        id: &str,
        service_id: &str,
        accepts_incomplete: bool,
    ) -> Result<Progress, Error> {
        let instance = Locked::new(&self.server, id).await?;
        let mut record = instance.instance().await?.ok_or(Error::Gone)?;
        same_service(&record, service_id)?;
        if let Some(Task::Update(_)) = record.operation.running() {
            return Err(Error::Concurrency);
        }
        let plan = plan_of(&record)?;
        record.provisioned = false;
        self.begin(instance, record, Task::Deprovision, plan.asynchronous, accepts_incomplete).await
    }

    /// The instance, if it is provisioned and no operation is in progress.
    pub async fn fetch(&self, id: &str) -> Result<Instance, Error> {
        let record = store::instance(&self.server.admin().await?, id).await?;
        match record {
            Some(record) if record.provisioned && record.operation.running().is_none() => Ok(record),
            Some(record) if record.provisioned => Err(Error::Concurrency),
            _ => Err(Error::NotFound("the instance")),
        }
    }

    /// The instance with its last operation. There is one operation at a time, so the key matters only when the
    /// instance is gone.
    pub async fn last_operation(&self, id: &str, key: Option<&str>) -> Result<Instance, Error> {
        match store::instance(&self.server.admin().await?, id).await? {
            Some(record) => Ok(record),
            None if key.is_some_and(|key| key.starts_with(store::DEPROVISION)) => Err(Error::Gone),
            None => Err(Error::NotFound("the instance")),
        }
    }
}

/// The settings after a change, and their plan.
fn changed(
    plan: &'static Plan,
    settings: &Settings,
    change: &Change,
) -> Result<(&'static Plan, Settings), Error> {
    let target = match &change.plan_id {
        Some(plan_id) => catalog::plan(&settings.service_id, plan_id)?,
        None => plan,
    };
    if target != plan && !plan.updateable {
        return Err(Error::Unprocessable("instances of this plan cannot change their plan".to_owned()));
    }
    target.check_maintenance(change.maintenance_version.as_deref())?;
    let requested = change.parameters.unwrap_or_default();
    let parameters = InstanceParameters {
        connection_limit: requested.connection_limit.or(settings.parameters.connection_limit),
    };
    target.check(parameters)?;
    let settings =
        Settings { service_id: settings.service_id.clone(), plan_id: target.id.to_owned(), parameters };
    Ok((target, settings))
}

#[cfg(test)]
mod tests {
    use super::{Change, changed};
    use crate::{
        catalog::{InstanceParameters, LARGE, Plan, SHARED, SMALL},
        error::Error,
        store::Settings,
    };

    fn settings(plan: &Plan, connection_limit: Option<u32>) -> Settings {
        let parameters = InstanceParameters { connection_limit };
        Settings { service_id: plan.service_id.to_owned(), plan_id: plan.id.to_owned(), parameters }
    }

    fn change(plan_id: Option<&str>, connection_limit: Option<u32>, version: Option<&str>) -> Change {
        Change {
            service_id: String::new(),
            plan_id: plan_id.map(str::to_owned),
            parameters: Some(InstanceParameters { connection_limit }),
            maintenance_version: version.map(str::to_owned),
        }
    }

    #[test]
    fn a_change_keeps_what_it_does_not_mention() {
        let before = settings(&SMALL, Some(30));
        let cases = [
            (change(None, None, None), settings(&SMALL, Some(30))),
            (change(None, Some(40), None), settings(&SMALL, Some(40))),
            (change(Some(LARGE.id), None, Some("1.1.0")), settings(&LARGE, Some(30))),
            (change(Some(LARGE.id), Some(500), None), settings(&LARGE, Some(500))),
        ];
        for (change, expected) in cases {
            assert_eq!(changed(&SMALL, &before, &change).unwrap().1, expected);
        }
    }

    #[test]
    fn a_change_that_no_plan_can_satisfy_is_refused() {
        let refuse = |plan, limit, change| changed(plan, &settings(plan, limit), &change).unwrap_err();
        assert!(matches!(refuse(&SMALL, None, change(Some(SHARED.id), None, None)), Error::BadRequest(_)));
        assert!(matches!(refuse(&SMALL, None, change(None, Some(101), None)), Error::BadRequest(_)));
        assert!(matches!(
            refuse(&LARGE, Some(500), change(Some(SMALL.id), None, None)),
            Error::BadRequest(_)
        ));
        for (plan, version) in [(&LARGE, "1.0.0"), (&SMALL, "1.1.0")] {
            let refused = refuse(plan, None, change(None, None, Some(version)));
            assert!(matches!(refused, Error::MaintenanceInfoConflict));
        }
    }
}
