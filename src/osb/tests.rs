//! The client against scripted brokers.

mod addresses;
mod broker;
mod documents;
mod endpoints;
mod headers;
mod hostile;
mod memory;
mod observations;
mod redirects;
mod round_trips;
mod texts;
mod tls;
mod versions;

use std::{sync::Arc, time::Duration};

use super::*;

fn config(url: &str) -> Config {
    Config {
        url: url.to_owned(),
        chosen_by: ChosenBy::Administrator,
        allowed_addresses: Arc::default(),
        authentication: Authentication::None,
        ca_bundle: None,
        insecure_skip_tls_verify: false,
        max_catalog_plans: 100,
        memory: AnswerMemory::default(),
        lookups: NameLookups::default(),
        timeout: Duration::from_secs(20),
        observer: None,
    }
}

fn client(url: &str) -> Client {
    Client::new(&config(url)).unwrap()
}

fn plan_query() -> PlanQuery {
    PlanQuery { service_id: "s".to_owned(), plan_id: "p".to_owned() }
}

fn poll_query(operation: Option<&str>) -> LastOperationQuery {
    LastOperationQuery {
        service_id: "s".to_owned(),
        plan_id: "p".to_owned(),
        operation: operation.map(str::to_owned),
    }
}
