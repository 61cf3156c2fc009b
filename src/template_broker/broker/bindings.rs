//! Which credentials does a binding get? What the objects of the instance expose, and those that exist for this binding
//! only, read as the user who requested the binding.

use serde_json::{Map, Value};

use super::applying::{Located, apply, definition_of, entries, located, look, plan_of, try_all};
use super::progress::end_of;
use super::{Accepted, Broker, Progress};
use crate::osb::{BindRequest, BindResponse, OperationState, OriginatingIdentity, SecretObject};
use crate::template::{
    Binding, Definition, Entry, Inventory, Named, Record, State, Task, credentials, is_exposable,
};
use crate::template_broker::clock::now;
use crate::template_broker::error::Error;
use crate::template_broker::objects::Objects;
use crate::template_broker::records::Stored;
use crate::template_broker::requester;

/// What the platform sends with each poll of a bind, and of an unbind.
const BINDING: &str = "b";
const UNBINDING: &str = "u";
/// The most bindings of an instance: they are in its record.
const MAX_BINDINGS: usize = 1000;

impl Broker {
    /// Creates a binding.
    pub async fn bind(
        &self,
        id: &str,
        binding_id: &str,
        request: BindRequest,
        claimed: Option<OriginatingIdentity>,
        accepts_incomplete: bool,
    ) -> Result<(Accepted, BindResponse), Error> {
        if request.parameters.is_some_and(|parameters| !parameters.0.is_empty()) {
            return Err(Error::BadRequest("bindings to templates have no parameters".to_owned()));
        }
        let object = requester::named_in(request.context.as_ref(), "binding_name")?;
        let _turn = self.turns.take(id).await;
        let mut stored = self.provisioned(id).await?;
        let instance = &stored.record.instance;
        let user = requester::of_binding(&self.own, &object, binding_id, instance, claimed.as_ref()).await?;
        let desired = &stored.record.desired;
        let definition = definition_of(desired)?;
        let objects = self.objects_with_values(user.as_ref(), &definition, &desired.values)?;
        let accepted = match stored.record.bindings.get(binding_id) {
            Some(known) if known.object != object => {
                return Err(Error::Conflict("the binding exists for another ServiceBinding".to_owned()));
            }
            Some(known) if known.is_going => return Err(Error::Concurrency),
            Some(Binding { state: State::Succeeded, .. }) => Accepted::Unchanged,
            Some(_) => Accepted::InProgress(BINDING.to_owned()),
            None if stored.record.bindings.len() >= MAX_BINDINGS => {
                return Err(Error::BadRequest(format!("the instance has {MAX_BINDINGS} bindings already")));
            }
            None if definition.has_binding_objects(plan_of(&definition, &stored.record.desired.plan_id)?) => {
                if !accepts_incomplete {
                    return Err(Error::AsyncRequired);
                }
                self.begin(id, binding_id, object.clone(), &mut stored, &definition, &objects).await?;
                Accepted::InProgress(BINDING.to_owned())
            }
            None => Accepted::Done,
        };
        if let Accepted::InProgress(_) = accepted {
            return Ok((accepted, BindResponse::default()));
        }
        let found = exposed(&stored.record, binding_id, &objects).await?;
        if let Accepted::Done = accepted {
            let new = Binding { state: State::Succeeded, ..Binding::new(object, now()) };
            stored.record.bindings.insert(binding_id.to_owned(), new);
            self.records.replace(&mut stored).await?;
        }
        Ok((accepted, response(found)))
    }

    /// Creates the objects that exist for a binding only.
    async fn begin(
        &self,
        id: &str,
        binding_id: &str,
        object: Named,
        stored: &mut Stored,
        definition: &Definition,
        objects: &Objects,
    ) -> Result<(), Error> {
        let made = self.objects_of_binding(id, binding_id, &stored.record, definition)?;
        let located = try_all(objects, made, &stored.record.instance.namespace, id).await?;
        let inventory = Inventory::default().with(entries(&located));
        let new = Binding { inventory: inventory.clone(), ..Binding::new(object, now()) };
        stored.record.bindings.insert(binding_id.to_owned(), new);
        self.records.replace(stored).await?;
        self.apply_binding(binding_id, stored, objects, &located, inventory).await
    }

    /// Applies the objects of a binding.
    async fn apply_binding(
        &self,
        binding_id: &str,
        stored: &mut Stored,
        objects: &Objects,
        located: &[Located],
        mut inventory: Inventory,
    ) -> Result<(), Error> {
        let state = apply(objects, located, &mut inventory, (&self.records, stored)).await?;
        if let Some(binding) = stored.record.bindings.get_mut(binding_id) {
            (binding.inventory, binding.state) = (inventory, state);
        }
        self.records.replace(stored).await
    }

    fn objects_of_binding(
        &self,
        id: &str,
        binding_id: &str,
        record: &Record,
        definition: &Definition,
    ) -> Result<Vec<Value>, Error> {
        let plan = plan_of(definition, &record.desired.plan_id)?;
        let images = self.offers.images()?;
        Ok(definition.binding_objects(plan, &record.desired.values, id, binding_id, &images)?)
    }

    /// How far a binding is.
    pub async fn last_binding_operation(&self, id: &str, binding_id: &str) -> Result<Progress, Error> {
        let _turn = self.turns.take(id).await;
        let mut stored = self.records.read(id).await?.ok_or(Error::Gone)?;
        let binding = stored.record.bindings.get(binding_id).ok_or(Error::Gone)?.clone();
        if binding.is_going {
            return self.go_on_unbinding(id, binding_id, &mut stored).await;
        }
        if binding.state.is_in_progress() {
            self.go_on_binding(id, binding_id, &binding, &mut stored).await?;
        }
        let binding = stored.record.bindings.get(binding_id).ok_or(Error::Gone)?;
        let waiting = "Waiting until the objects of the binding are ready";
        let waiting = if binding.state.is_in_progress() { waiting } else { "" };
        Ok(Progress::of(&binding.state, waiting.to_owned()))
    }

    async fn go_on_binding(
        &self,
        id: &str,
        binding_id: &str,
        binding: &Binding,
        stored: &mut Stored,
    ) -> Result<(), Error> {
        let Record { desired, instance, .. } = &stored.record;
        let user = requester::of_binding(&self.own, &binding.object, binding_id, instance, None).await?;
        let definition = definition_of(desired)?;
        let objects = self.objects_with_values(user.as_ref(), &definition, &desired.values)?;
        let made = self.objects_of_binding(id, binding_id, &stored.record, &definition)?;
        let located = located(made, &binding.inventory, &instance.namespace);
        if binding.state == State::Working {
            let inventory = binding.inventory.clone();
            return self.apply_binding(binding_id, stored, &objects, &located, inventory).await;
        }
        let plan = plan_of(&definition, &desired.plan_id)?;
        let Some(end) = end_of(look(&objects, &located).await?, binding.began, plan) else { return Ok(()) };
        if let Some(binding) = stored.record.bindings.get_mut(binding_id) {
            binding.state = end;
        }
        self.records.replace(stored).await
    }

    /// The credentials of a binding as they are now.
    pub async fn fetch_binding(&self, id: &str, binding_id: &str) -> Result<BindResponse, Error> {
        let stored = self.provisioned(id).await?;
        let binding = stored.record.bindings.get(binding_id);
        let binding = binding.filter(|binding| binding.state == State::Succeeded && !binding.is_going);
        let binding = binding.ok_or(Error::NotFound("the binding"))?;
        let instance = &stored.record.instance;
        let user = requester::of_binding(&self.own, &binding.object, binding_id, instance, None).await?;
        let objects = self.objects_of(user.as_ref())?;
        Ok(response(exposed(&stored.record, binding_id, &objects).await?))
    }

    /// Deletes the objects of a binding, and forgets it. Credentials that belong to the instance remain valid.
    pub async fn unbind(
        &self,
        id: &str,
        binding_id: &str,
        accepts_incomplete: bool,
    ) -> Result<Accepted, Error> {
        let _turn = self.turns.take(id).await;
        let mut stored = self.records.read(id).await?.ok_or(Error::Gone)?;
        let binding = stored.record.bindings.get_mut(binding_id).ok_or(Error::Gone)?;
        requester::may_unbind(&self.own, &binding.object, binding_id).await?;
        if !binding.inventory.entries().is_empty() && !binding.is_going {
            if !accepts_incomplete {
                return Err(Error::AsyncRequired);
            }
            binding.is_going = true;
            self.records.replace(&mut stored).await?;
        }
        match self.go_on_unbinding(id, binding_id, &mut stored).await?.state {
            OperationState::Succeeded => Ok(Accepted::Done),
            _ => Ok(Accepted::InProgress(UNBINDING.to_owned())),
        }
    }

    async fn go_on_unbinding(
        &self,
        id: &str,
        binding_id: &str,
        stored: &mut Stored,
    ) -> Result<Progress, Error> {
        let Record { bindings, instance, .. } = &stored.record;
        let binding = bindings.get(binding_id).ok_or(Error::Gone)?;
        let order: Vec<Entry> = binding.inventory.deletion_order().into_iter().cloned().collect();
        let user = requester::of_objects(&self.own, instance).await?;
        let going = self.remover(id, &instance.namespace, user.as_ref())?.remove_all(&order).await?;
        if going.is_empty() {
            stored.record.bindings.remove(binding_id);
            self.records.replace(stored).await?;
        }
        Ok(Progress::until_gone(&going))
    }

    /// The record of an instance that can be bound.
    async fn provisioned(&self, id: &str) -> Result<Stored, Error> {
        let stored = self.records.read(id).await?.ok_or(Error::NotFound("the instance"))?;
        let operation = &stored.record.operation;
        let is_provisioned = match (operation.task, &operation.state) {
            (Task::Provision, state) => *state == State::Succeeded,
            (Task::Update, state) => !state.is_in_progress(),
            (Task::Deprovision, _) => false,
        };
        if is_provisioned { Ok(stored) } else { Err(Error::Concurrency) }
    }
}

/// What the objects of an instance and of a binding expose.
async fn exposed(record: &Record, binding_id: &str, objects: &Objects) -> Result<Map<String, Value>, Error> {
    let of_binding = record.bindings.get(binding_id).map(|binding| binding.inventory.entries());
    let mut live = Vec::new();
    for entry in record.inventory.entries().iter().chain(of_binding.unwrap_or_default()) {
        if is_exposable(&entry.api_version, &entry.kind) {
            live.extend(objects.read(entry).await?);
        }
    }
    credentials(&live).map_err(Error::from)
}

fn response(credentials: Map<String, Value>) -> BindResponse {
    BindResponse { credentials: Some(SecretObject(credentials)), ..BindResponse::default() }
}
