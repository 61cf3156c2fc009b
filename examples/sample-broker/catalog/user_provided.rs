//! The catalog of user-provided services, with the ids of service-catalog's broker.

use service_catalog::osb::Plan;

use super::{Service, offering, schemas};

/// Its services.
pub fn services() -> Vec<Service> {
    vec![
        service(
            "user-provided-service",
            "4f6e6cf6-ffdd-425f-a2c7-3c9258ad2468",
            "A user provided service",
            vec![
                plan("default", "86064792-7ea2-467b-af93-ac9694d96d52"),
                Plan {
                    free: false,
                    description: "Premium plan".to_owned(),
                    ..plan("premium", "cc0d7529-18e8-416d-8946-6f7456acd589")
                },
            ],
        ),
        service(
            "user-provided-service-single-plan",
            "5f6e6cf6-ffdd-425f-a2c7-3c9258ad2468",
            "A user provided service with only one plan, which need not be named",
            vec![plan("default", "96064792-7ea2-467b-af93-ac9694d96d52")],
        ),
        service(
            "user-provided-service-with-schemas",
            "8a6229d4-239e-4790-ba1f-8367004d0473",
            "A user provided service that says which parameters it takes",
            vec![Plan {
                schemas: Some(schemas()),
                ..plan("default", "4dbcd97c-c9d2-4c6b-9503-4401a789b558")
            }],
        ),
    ]
}

fn service(name: &str, id: &str, description: &str, plans: Vec<Plan>) -> Service {
    let offering = offering(id.to_owned(), name, description.to_owned(), plans);
    Service { offering, asynchronous: false, faults: &[] }
}

fn plan(name: &str, id: &str) -> Plan {
    let description = "Sample plan description".to_owned();
    Plan { id: id.to_owned(), name: name.to_owned(), description, ..Plan::default() }
}
