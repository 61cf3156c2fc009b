//! The brokers from a platform's view. The tests control the time.

mod conformance;
mod failures;

use std::time::{Duration, Instant};

use serde_json::Value;
use service_catalog::osb::{self, OperationState, SecretObject};

use crate::broker::{Broker, Done, Pace};
use crate::catalog::Catalog;
use crate::error::Error;
use crate::instance::Settings;

const DELAY: Duration = Duration::from_mins(1);
const CUSTOMER: &str = "a customer";

/// The members of an object; `None` for `null`.
fn object(value: Value) -> Option<SecretObject> {
    serde_json::from_value(value).unwrap()
}

/// A broker, and the current time.
struct Fixture {
    broker: Broker,
    now: Instant,
}

impl Fixture {
    fn new(catalog: Catalog) -> Self {
        let broker = Broker::new(catalog.services(), Pace { delay: DELAY, failures: 5 });
        Self { broker, now: Instant::now() }
    }

    fn ids(&self, service: &str) -> (String, String) {
        let service = self.broker.services().iter().find(|offered| offered.offering.name == service);
        let osb::Service { id, plans, .. } = &service.unwrap().offering;
        (id.clone(), plans[0].id.clone())
    }

    fn provision(&mut self, id: &str, service: &str, parameters: Value) -> Result<Done, Error> {
        let (service, plan_id) = self.ids(service);
        let settings = (service.as_str(), Settings { plan_id, parameters: object(parameters) });
        self.broker.provision(id, settings, CUSTOMER.to_owned(), true, self.now)
    }

    fn update(&mut self, id: &str, service: &str, parameters: Value) -> Result<Done, Error> {
        let (service, _) = self.ids(service);
        self.broker.update(id, (&service, None, object(parameters)), true, self.now)
    }

    fn deprovision(&mut self, id: &str) -> Result<Done, Error> {
        self.broker.deprovision(id, true, self.now)
    }

    fn poll(&mut self, id: &str) -> Result<OperationState, Error> {
        self.broker.last_operation(id, self.now).map(|(_, state)| state)
    }

    /// The outcome of an operation: `None` for success, otherwise the status of the failure; 0 if it was accepted
    /// first.
    fn end_of(&mut self, id: &str, begun: Result<Done, Error>) -> Option<u16> {
        match begun {
            Ok(Done::Begun(_)) => self.now += DELAY,
            Ok(_) => return None,
            Err(error) => return Some(error.status().as_u16()),
        }
        match self.poll(id) {
            Ok(OperationState::Failed) => Some(0),
            Ok(OperationState::Succeeded) | Err(Error::Gone) => None,
            Ok(OperationState::InProgress) => panic!("the operation never ends"),
            Err(error) => Some(error.status().as_u16()),
        }
    }

    /// The outcomes of the first seven attempts.
    fn attempts(&mut self, mut attempt: impl FnMut(&mut Self) -> Option<u16>) -> Vec<Option<u16>> {
        (0..7).map(|_| attempt(self)).collect()
    }
}
