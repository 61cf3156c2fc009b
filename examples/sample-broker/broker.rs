//! The state of the broker, and the effect of each request on it. The current time is a parameter of each request.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use service_catalog::osb::{OperationState, SecretObject};

use crate::{
    catalog::{Action, Service, Times},
    error::Error,
    instance::{Instance, Operation, Settings},
};

/// The settings for delays and failures.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The duration of an asynchronous operation.
    pub delay: Duration,
    /// How often an operation with a `5x` fault fails.
    pub failures: u32,
}

/// The broker, and its state.
pub struct Broker {
    services: Vec<Service>,
    pace: Pace,
    instances: BTreeMap<String, Instance>,
    /// The failures so far, by customer. Platforms retry with another instance id, so that cannot be the key.
    failed: BTreeMap<(String, Action), u32>,
}

/// The outcome of a request that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Nothing had to be changed.
    Already,
    /// The change is done.
    Now,
    /// The asynchronous operation has begun.
    Begun(Action),
}

impl Broker {
    /// A broker that offers these services.
    pub fn new(services: Vec<Service>, pace: Pace) -> Self {
        Self { services, pace, instances: BTreeMap::new(), failed: BTreeMap::new() }
    }

    /// Its services.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The service that has this plan.
    pub fn offered(&self, service_id: &str, plan_id: &str) -> Result<&Service, Error> {
        let service = self.services.iter().find(|service| service.offering.id == service_id);
        let service = service.filter(|service| service.offering.plans.iter().any(|plan| plan.id == plan_id));
        service.ok_or_else(|| Error::BadRequest("the catalog has no such service_id and plan_id".to_owned()))
    }

    /// Provisions an instance.
    pub fn provision(
        &mut self,
        id: &str,
        (service_id, settings): (&str, Settings),
        customer: String,
        accepts_incomplete: bool,
        now: Instant,
    ) -> Result<Done, Error> {
        let service = self.offered(service_id, &settings.plan_id)?.clone();
        service.admit(accepts_incomplete)?;
        self.catch_up(id, now);
        match self.instances.get(id) {
            Some(there) if there.is_busy_with(Action::Deprovision) => return Err(Error::Concurrency),
            Some(there) if there.service.offering.id != service_id || there.settings != settings => {
                return Err(Error::Conflict("the instance"));
            }
            Some(there) if there.is_busy_with(Action::Provision) => {
                return Ok(Done::Begun(Action::Provision));
            }
            Some(there) if there.provisioned => return Ok(Done::Already),
            // Replace the remains of a failed attempt.
            Some(_) | None => {}
        }
        self.instances.insert(id.to_owned(), Instance::new(service, customer, settings.clone()));
        self.begin(id, Action::Provision, settings, now)
    }

    /// Updates an instance: its plan, its parameters, or both.
    pub fn update(
        &mut self,
        id: &str,
        (service_id, plan_id, parameters): (&str, Option<String>, Option<SecretObject>),
        accepts_incomplete: bool,
        now: Instant,
    ) -> Result<Done, Error> {
        let instance = self.provisioned(id, now)?;
        instance.service.admit(accepts_incomplete)?;
        if instance.service.offering.id != service_id {
            return Err(Error::BadRequest("the instance has another service_id".to_owned()));
        }
        let settings = Settings {
            plan_id: plan_id.unwrap_or_else(|| instance.settings.plan_id.clone()),
            parameters: parameters.or_else(|| instance.settings.parameters.clone()),
        };
        let repeated = instance.is_busy_with(Action::Update) && instance.operation.settings == settings;
        let busy = instance.is_busy();
        self.offered(service_id, &settings.plan_id)?;
        match (repeated, busy) {
            (true, _) => Ok(Done::Begun(Action::Update)),
            (false, true) => Err(Error::Concurrency),
            (false, false) => self.begin(id, Action::Update, settings, now),
        }
    }

    /// Deprovisions an instance with its bindings. An operation in progress is cancelled.
    pub fn deprovision(&mut self, id: &str, accepts_incomplete: bool, now: Instant) -> Result<Done, Error> {
        self.catch_up(id, now);
        let instance = self.instances.get(id).ok_or(Error::Gone)?;
        instance.service.admit(accepts_incomplete)?;
        if instance.is_busy_with(Action::Deprovision) {
            return Ok(Done::Begun(Action::Deprovision));
        }
        let settings = instance.settings.clone();
        self.begin(id, Action::Deprovision, settings, now)
    }

    /// The action and state of the last operation on an instance.
    pub fn last_operation(&mut self, id: &str, now: Instant) -> Result<(Action, OperationState), Error> {
        self.catch_up(id, now);
        let instance = self.instances.get(id).ok_or(Error::Gone)?;
        let (service, customer) = (instance.service.clone(), instance.customer.clone());
        let (action, state) = (instance.operation.action, instance.state());
        match self.next_failure(&service, customer, Action::Poll) {
            Some(status) => Err(Error::Scripted(status)),
            None => Ok((action, state)),
        }
    }

    /// The service and the settings of an instance.
    pub fn instance(&mut self, id: &str, now: Instant) -> Result<(&str, &Settings), Error> {
        let instance = self.provisioned(id, now)?;
        Ok((&instance.service.offering.id, &instance.settings))
    }

    /// Creates a binding.
    pub fn bind(
        &mut self,
        id: &str,
        binding: &str,
        parameters: Option<SecretObject>,
        now: Instant,
    ) -> Result<(Done, SecretObject), Error> {
        let instance = self.provisioned(id, now)?;
        match instance.bindings.get(binding) {
            Some(known) if *known == parameters => return Ok((Done::Already, instance.credentials())),
            Some(_) => return Err(Error::Conflict("the binding")),
            None if instance.is_busy() => return Err(Error::Concurrency),
            None => {}
        }
        instance.bindings.insert(binding.to_owned(), parameters);
        Ok((Done::Now, instance.credentials()))
    }

    /// The parameters of a binding, and its credentials.
    pub fn binding(
        &mut self,
        id: &str,
        binding: &str,
        now: Instant,
    ) -> Result<(Option<SecretObject>, SecretObject), Error> {
        let instance = self.provisioned(id, now)?;
        let parameters = instance.bindings.get(binding).ok_or(Error::NotFound("the binding"))?;
        Ok((parameters.clone(), instance.credentials()))
    }

    /// Deletes a binding.
    pub fn unbind(&mut self, id: &str, binding: &str, now: Instant) -> Result<(), Error> {
        self.catch_up(id, now);
        let instance = self.instances.get_mut(id).ok_or(Error::Gone)?;
        instance.bindings.remove(binding).map(drop).ok_or(Error::Gone)
    }

    /// Begins an operation, and also ends it if it is synchronous.
    fn begin(&mut self, id: &str, action: Action, settings: Settings, now: Instant) -> Result<Done, Error> {
        let instance = self.instances.get(id).ok_or(Error::Gone)?;
        let (service, customer) = (instance.service.clone(), instance.customer.clone());
        let fault = self.next_failure(&service, customer, action);
        let until = if service.asynchronous { now + self.pace.delay } else { now };
        if let Some(instance) = self.instances.get_mut(id) {
            instance.operation = Operation { action, settings, until: Some(until), fails: fault.is_some() };
        }
        if service.asynchronous {
            return Ok(Done::Begun(action));
        }
        self.catch_up(id, now);
        let Some(status) = fault else {
            return Ok(Done::Now);
        };
        // A refused provision leaves nothing. Any other failure leaves an orphan, as with real brokers.
        if action == Action::Provision && status.is_client_error() {
            self.instances.remove(id);
        }
        Err(Error::Scripted(status))
    }

    /// Ends an operation whose time has come. After the removal of a provisioned instance, its customer's `5x` faults
    /// start again.
    fn catch_up(&mut self, id: &str, now: Instant) {
        if !self.instances.get_mut(id).is_some_and(|instance| instance.catch_up(now)) {
            return;
        }
        if let Some(Instance { provisioned: true, customer, .. }) = self.instances.remove(id) {
            self.failed.retain(|(failed, _), _| *failed != customer);
        }
    }

    /// The status with which this action fails now, if it does; counts the attempt.
    fn next_failure(&mut self, service: &Service, customer: String, action: Action) -> Option<StatusCode> {
        let fault = service.fault(action)?;
        let times = self.failed.entry((customer, action)).or_default();
        let fails = match fault.times {
            Times::Always => true,
            Times::AtFirst => *times < self.pace.failures,
        };
        *times = times.saturating_add(1);
        fails.then_some(fault.status)
    }

    fn provisioned(&mut self, id: &str, now: Instant) -> Result<&mut Instance, Error> {
        self.catch_up(id, now);
        let instance = self.instances.get_mut(id).filter(|instance| instance.provisioned);
        instance.ok_or(Error::NotFound("the instance"))
    }
}
