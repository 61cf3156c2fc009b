//! Creates, changes and shows instances.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::applying::{Located, try_all};
use super::{Accepted, Broker};
use crate::osb::{
    InstanceResponse, MaintenanceInfo, OriginatingIdentity, ProvisionRequest, SecretObject, UpdateRequest,
};
use crate::template::{
    Definition, Desired, Entry, Inputs, Inventory, Operation, Origin, Plan, Record, State, Task, Values,
};
use crate::template_broker::clock::now;
use crate::template_broker::error::Error;
use crate::template_broker::objects::Objects;
use crate::template_broker::offers::Offer;
use crate::template_broker::requester;

impl Broker {
    /// Creates an instance.
    pub async fn provision(
        &self,
        id: &str,
        request: ProvisionRequest,
        claimed: Option<OriginatingIdentity>,
        accepts_incomplete: bool,
    ) -> Result<Accepted, Error> {
        if !accepts_incomplete {
            return Err(Error::AsyncRequired);
        }
        let given = parameters(request.parameters);
        let instance = requester::named_in(Some(&request.context), "instance_name")?;
        if let Some(mut stored) = self.records.read(id).await? {
            let record = &stored.record;
            let is_same = record.instance == instance
                && record.desired.is_same(&request.service_id, &request.plan_id, &given);
            return match (&record.operation.state, record.operation.task) {
                _ if !is_same => Err(Error::Conflict("the instance exists with other attributes".to_owned())),
                (State::Succeeded, _) => Ok(Accepted::Unchanged),
                (state, Task::Provision) if state.is_in_progress() => {
                    self.proceed(id, &mut stored).await?;
                    Ok(Accepted::InProgress(stored.record.operation.key()))
                }
                _ => Err(Error::Conflict("another operation has left the instance unfinished".to_owned())),
            };
        }
        let user = requester::of_instance(&self.own, &instance, id, claimed.as_ref()).await?;
        let objects = self.objects_of(user.as_ref())?;
        let offer = self.offers.find(&request.service_id)?;
        offer.check_version(request.maintenance_info.as_ref())?;
        let definition = &offer.definition;
        let plan = plan_of(definition, &request.plan_id)?;
        let origin =
            Origin { instance_id: id, instance_name: &instance.name, namespace: &instance.namespace };
        let values = resolve(definition, &Inputs { plan, given: &given, stored: &Values::new(), origin })?;
        let located = self.prepare(&offer, plan, &values, &origin, &objects).await?;
        let record = Record {
            instance,
            desired: Desired {
                service_id: request.service_id,
                plan_id: request.plan_id,
                template: offer.template.clone(),
                given,
                values,
            },
            inventory: Inventory::default().with(entries(&located)),
            operation: Operation::provision(now()),
            bindings: BTreeMap::new(),
        };
        let mut stored = self.records.create(id, record).await?;
        self.apply_all(&mut stored, &objects, &located).await?;
        Ok(Accepted::InProgress(stored.record.operation.key()))
    }

    /// Changes parameters, plan or version of an instance.
    pub async fn update(
        &self,
        id: &str,
        request: UpdateRequest,
        claimed: Option<OriginatingIdentity>,
        accepts_incomplete: bool,
    ) -> Result<Accepted, Error> {
        if !accepts_incomplete {
            return Err(Error::AsyncRequired);
        }
        let mut stored = self.records.read(id).await?.ok_or(Error::NotFound("the instance"))?;
        let record = &stored.record;
        if record.operation.state.is_in_progress() {
            return Err(Error::Concurrency);
        }
        if record.desired.service_id != request.service_id {
            return Err(Error::BadRequest("an instance cannot change to another service".to_owned()));
        }
        let user = requester::of_instance(&self.own, &record.instance, id, claimed.as_ref()).await?;
        let objects = self.objects_of(user.as_ref())?;
        let offer = self.offer_for(&record.desired, request.maintenance_info.as_ref())?;
        let definition = &offer.definition;
        let desired = &record.desired;
        let given = request.parameters.map_or_else(|| desired.given.clone(), |given| given.0);
        let plan_id = request.plan_id.unwrap_or_else(|| desired.plan_id.clone());
        let plan = plan_of(definition, &plan_id)?;
        let stored_values = definition.kept(&desired.values);
        let origin = Origin {
            instance_id: id,
            instance_name: &record.instance.name,
            namespace: &record.instance.namespace,
        };
        let values = resolve(definition, &Inputs { plan, given: &given, stored: &stored_values, origin })?;
        let located = self.prepare(&offer, plan, &values, &origin, &objects).await?;
        let service_id = request.service_id;
        let template = offer.template.clone();
        let record = &mut stored.record;
        record.inventory = record.inventory.with(entries(&located));
        record.desired = Desired { service_id, plan_id, template, given, values };
        record.operation = record.operation.next(Task::Update, now());
        self.records.replace(&mut stored).await?;
        self.apply_all(&mut stored, &objects, &located).await?;
        Ok(Accepted::InProgress(stored.record.operation.key()))
    }

    /// What an instance is.
    pub async fn fetch(&self, id: &str) -> Result<InstanceResponse, Error> {
        let stored = self.records.read(id).await?.ok_or(Error::NotFound("the instance"))?;
        let Record { desired, operation, .. } = stored.record;
        match (operation.task, operation.state.is_in_progress()) {
            (Task::Provision, true) => return Err(Error::NotFound("the instance")),
            (_, true) => return Err(Error::Concurrency),
            (_, false) => {}
        }
        let definition = self.offers.read(&desired.template)?;
        let plan = plan_of(&definition, &desired.plan_id)?;
        let parameters = definition.shown_parameters(plan, &desired.values);
        Ok(InstanceResponse {
            parameters: Some(SecretObject(parameters)),
            maintenance_info: Some(MaintenanceInfo {
                version: definition.version.clone(),
                description: None,
            }),
            service_id: Some(desired.service_id),
            plan_id: Some(desired.plan_id),
            ..InstanceResponse::default()
        })
    }

    /// The template that an update uses: the one of the instance, unless the user upgrades to the current one.
    fn offer_for(&self, desired: &Desired, wanted: Option<&MaintenanceInfo>) -> Result<Arc<Offer>, Error> {
        let definition = self.offers.read(&desired.template)?;
        if wanted.is_none_or(|wanted| wanted.version == definition.version) {
            return Ok(Arc::new(Offer { definition, template: desired.template.clone() }));
        }
        let offer = self.offers.find(&desired.service_id)?;
        offer.check_version(wanted)?;
        Ok(offer)
    }

    /// Makes the objects of an instance, and asks the API server whether the user may apply them all.
    async fn prepare(
        &self,
        offer: &Offer,
        plan: &Plan,
        values: &Values,
        origin: &Origin<'_>,
        objects: &Objects,
    ) -> Result<Vec<Located>, Error> {
        let made = offer.definition.objects(plan, values, origin.instance_id, Some(self.offers.images()));
        try_all(objects, made?, origin.namespace, origin.instance_id).await
    }
}

pub(super) fn entries(located: &[Located]) -> Vec<Entry> {
    located.iter().map(|(entry, _)| entry.clone()).collect()
}

/// The values of all parameters, with random ones from the operating system.
fn resolve(definition: &Definition, inputs: &Inputs<'_>) -> Result<Values, Error> {
    let mut failed = false;
    let mut random = |bytes: &mut [u8]| failed |= getrandom::fill(bytes).is_err();
    let values = definition.resolve(inputs, &mut random)?;
    if failed {
        return Err(Error::Internal("the operating system has no random bytes".to_owned()));
    }
    Ok(values)
}

pub(super) fn plan_of<'a>(definition: &'a Definition, plan_id: &str) -> Result<&'a Plan, Error> {
    definition
        .plan(plan_id)
        .ok_or_else(|| Error::BadRequest("the template does not have this plan".to_owned()))
}

fn parameters(given: Option<SecretObject>) -> Map<String, Value> {
    given.map(|given| given.0).unwrap_or_default()
}
