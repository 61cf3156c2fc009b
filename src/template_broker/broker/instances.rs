//! Creates, changes and shows instances.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::applying::{Located, definition_of, entries, plan_of, try_all};
use super::progress::Applying;
use super::{Accepted, Broker};
use crate::osb::{
    InstanceResponse, MaintenanceInfo, OriginatingIdentity, ProvisionRequest, SecretObject, UpdateRequest,
};
use crate::template::{
    Definition, Desired, Inputs, Inventory, Named, Operation, Origin, Plan, Record, State, Task, Values,
};
use crate::template_broker::clock::now;
use crate::template_broker::error::Error;
use crate::template_broker::objects::Objects;
use crate::template_broker::offers::Offer;
use crate::template_broker::records::Stored;
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
        let instance = requester::named_in(Some(&request.context), "instance_name")?;
        let _turn = self.turns.take(id).await;
        match self.records.read(id).await? {
            Some(stored) => self.provision_again(id, stored, &instance, request).await,
            None => self.provision_new(id, instance, request, claimed).await,
        }
    }

    /// The platform repeats a request, because it has not got the answer.
    async fn provision_again(
        &self,
        id: &str,
        mut stored: Stored,
        instance: &Named,
        request: ProvisionRequest,
    ) -> Result<Accepted, Error> {
        let record = &stored.record;
        // Not a conflict: after one, the platform would take the other instance for its own.
        if record.instance != *instance {
            return Err(Error::BadRequest("another ServiceInstance has this instance ID".to_owned()));
        }
        let given = parameters(request.parameters);
        let is_same = record.desired.is_same(&request.service_id, &request.plan_id, &given);
        match (&record.operation.state, record.operation.task) {
            _ if !is_same => Err(Error::Conflict("the instance exists with other attributes".to_owned())),
            (State::Succeeded, Task::Provision | Task::Update) => Ok(Accepted::Unchanged),
            (state, Task::Provision) if state.is_in_progress() => {
                self.proceed(id, &mut stored).await?;
                Ok(Accepted::InProgress(stored.record.operation.key()))
            }
            _ => Err(Error::Conflict("another operation has left the instance unfinished".to_owned())),
        }
    }

    async fn provision_new(
        &self,
        id: &str,
        instance: Named,
        request: ProvisionRequest,
        claimed: Option<OriginatingIdentity>,
    ) -> Result<Accepted, Error> {
        let ProvisionRequest { service_id, plan_id, .. } = request;
        let given = parameters(request.parameters);
        let wanted = (service_id.as_str(), Some(plan_id.as_str()));
        let user = requester::of_instance(&self.own, &instance, id, wanted, claimed.as_ref()).await?;
        let offer = self.offers.find(&service_id)?;
        offer.check_version(request.maintenance_info.as_ref())?;
        let definition = &offer.definition;
        let plan = plan_of(definition, &plan_id)?;
        let origin =
            Origin { instance_id: id, instance_name: &instance.name, namespace: &instance.namespace };
        let values = resolve(definition, &Inputs { plan, given: &given, stored: &Values::new(), origin })?;
        let objects = self.objects_with_values(user.as_ref(), definition, &values)?;
        let located = self.prepare(&offer, plan, &values, &origin, &objects).await?;
        let record = Record {
            instance,
            inventory: Inventory::default().with(entries(&located)),
            desired: Desired { service_id, plan_id, template: offer.template.clone(), given, values },
            operation: Operation::provision(now()),
            bindings: BTreeMap::new(),
        };
        let mut stored = self.records.create(id, record).await?;
        // The platform may have given the attempt up meanwhile, and have asked for its deletion before there was a record.
        let Record { instance, desired, .. } = &stored.record;
        let wanted = (desired.service_id.as_str(), Some(desired.plan_id.as_str()));
        if let Err(gone) = requester::of_instance(&self.own, instance, id, wanted, None).await {
            self.records.remove(&stored).await?;
            return Err(gone);
        }
        let (user, objects) = (user.as_ref(), &objects);
        let applying = Applying { instance_id: id, user, objects, plan, located: &located };
        self.apply_all(&mut stored, &applying).await
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
        let _turn = self.turns.take(id).await;
        let mut stored = self.records.read(id).await?.ok_or(Error::NotFound("the instance"))?;
        if stored.record.operation.task == Task::Deprovision {
            return Err(Error::Concurrency);
        }
        // The platform repeats a request whose answer it has not got, or has given up polling.
        if stored.record.operation.state.is_in_progress() {
            self.proceed(id, &mut stored).await?;
        }
        let Record { desired, instance, operation, .. } = &stored.record;
        let given = request.parameters.map_or_else(|| desired.given.clone(), |given| given.0);
        let plan_id = request.plan_id.unwrap_or_else(|| desired.plan_id.clone());
        if operation.state.is_in_progress() {
            let is_same = desired.is_same(&request.service_id, &plan_id, &given);
            return if is_same { Ok(Accepted::InProgress(operation.key())) } else { Err(Error::Concurrency) };
        }
        if desired.service_id != request.service_id {
            return Err(Error::BadRequest("an instance cannot change to another service".to_owned()));
        }
        let wanted = (desired.service_id.as_str(), Some(plan_id.as_str()));
        let user = requester::of_instance(&self.own, instance, id, wanted, claimed.as_ref()).await?;
        let offer = self.offer_for(desired, request.maintenance_info.as_ref())?;
        let definition = &offer.definition;
        let plan = plan_of(definition, &plan_id)?;
        let kept = definition.kept(&desired.values);
        let origin =
            Origin { instance_id: id, instance_name: &instance.name, namespace: &instance.namespace };
        let values = resolve(definition, &Inputs { plan, given: &given, stored: &kept, origin })?;
        let objects = self.objects_with_values(user.as_ref(), definition, &values)?;
        let located = self.prepare(&offer, plan, &values, &origin, &objects).await?;
        let (service_id, template) = (request.service_id, offer.template.clone());
        let record = &mut stored.record;
        record.inventory = record.inventory.with(entries(&located));
        record.desired = Desired { service_id, plan_id, template, given, values };
        record.operation = record.operation.next(Task::Update, now());
        self.records.replace(&mut stored).await?;
        let (user, objects) = (user.as_ref(), &objects);
        let applying = Applying { instance_id: id, user, objects, plan, located: &located };
        self.apply_all(&mut stored, &applying).await
    }

    /// What an instance is.
    pub async fn fetch(&self, id: &str) -> Result<InstanceResponse, Error> {
        let stored = self.records.read(id).await?.ok_or(Error::NotFound("the instance"))?;
        let Record { desired, operation, .. } = stored.record;
        match (operation.task, operation.state) {
            (_, State::Succeeded) | (Task::Update, State::Failed(_)) => {}
            (Task::Provision, _) => return Err(Error::NotFound("the instance")),
            _ => return Err(Error::Concurrency),
        }
        let definition = definition_of(&desired)?;
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
    fn offer_for(&self, desired: &Desired, wanted: Option<&MaintenanceInfo>) -> Result<Offer, Error> {
        let definition = definition_of(desired)?;
        if wanted.is_none_or(|wanted| wanted.version == definition.version) {
            return Ok(Offer { definition, template: desired.template.clone() });
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
        let images = self.offers.images()?;
        let made = offer.definition.objects(plan, values, origin.instance_id, &images)?;
        try_all(objects, made, origin.namespace, origin.instance_id).await
    }
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

fn parameters(given: Option<SecretObject>) -> Map<String, Value> {
    given.map(|given| given.0).unwrap_or_default()
}
