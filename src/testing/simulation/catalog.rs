//! The catalog of the simulated broker, its changes, and the objects that are published for it.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::api::Api;
use super::choices::Choices;
use super::half::{BROKER, HALVES, Half};
use super::world::World;
use super::{platform, run};

/// The usual catalog: a database whose bindings cannot be fetched, and a cache whose bindings can. Plans whose id ends
/// in `slow` work asynchronously. The bindings of the large database can be rotated, and so can those of the cache
/// unless it is small.
pub fn offered() -> Value {
    let plan = |id: &str| json!({"id": id, "name": id, "description": id});
    let rotatable = |id: &str, rotatable: bool| json!({"id": id, "name": id, "description": id, "binding_rotatable": rotatable});
    json!({"services": [
        {"id": "database", "name": "database", "description": "d", "bindable": true, "plan_updateable": true,
            "plans": [plan("small"), rotatable("large", true), plan("slow")]},
        {"id": "cache", "name": "cache", "description": "c", "bindable": true, "plan_updateable": true,
            "bindings_retrievable": true, "binding_rotatable": true,
            "plans": [rotatable("cache-small", false), plan("cache-slow")]},
    ]})
}

/// Changes the catalog as the broker's operator does; returns the change in words.
pub fn change(catalog: &mut Value, choices: &mut Choices) -> &'static str {
    let former = std::mem::replace(catalog, offered());
    let services = &mut catalog["services"];
    match choices.below(14) {
        0 => "offers its usual catalog",
        1 => withdraw(services, "cache", "withdraws the cache"),
        2 => withdraw(&mut services[0]["plans"], "large", "withdraws the plan large"),
        3 => {
            services[0]["plans"][0]["name"] = "tiny".into();
            "renames the plan small"
        }
        4 => {
            services[0]["name"] = "store".into();
            "renames the database"
        }
        5 => {
            *services = json!([]);
            "offers nothing"
        }
        6 => {
            services[1]["description"] = "quick".into();
            services[0]["plans"][2]["free"] = false.into();
            "changes the cache's description, and makes the plan slow cost money"
        }
        7 => {
            add(services);
            "adds a queue"
        }
        8 => {
            add_invalid(services);
            "adds invalid entries"
        }
        9 => {
            (services[0]["plans"][0]["name"], services[0]["plans"][1]["name"]) =
                ("large".into(), "small".into());
            "swaps the names of the plans small and large"
        }
        10 => {
            services[0]["plans"][0]["name"] = "legacy".into();
            services[0]["plans"].as_array_mut().unwrap().push(plan("newer", "small"));
            "renames the plan small, and gives its name to another one"
        }
        11 => {
            services[0]["plans"][0] = plan("newest", "small");
            "gives the plan small another id"
        }
        12 => {
            let moved = services[0]["plans"].as_array_mut().unwrap().remove(0);
            services[1]["plans"].as_array_mut().unwrap().push(moved);
            "moves the plan small to the cache"
        }
        _ => {
            *catalog = former;
            change_much(catalog);
            "withdraws, renames and adds entries, some of them invalid"
        }
    }
}

fn plan(id: &str, name: &str) -> Value {
    json!({"id": id, "name": name, "description": id})
}

/// Makes one change of each kind.
pub fn change_much(catalog: &mut Value) {
    *catalog = offered();
    let services = &mut catalog["services"];
    withdraw(&mut services[0]["plans"], "large", "");
    services[0]["plans"][0]["name"] = "tiny".into();
    services[0]["description"] = "new".into();
    withdraw(services, "cache", "");
    add(services);
    add_invalid(services);
}

fn withdraw(entries: &mut Value, id: &str, what: &'static str) -> &'static str {
    if let Some(entries) = entries.as_array_mut() {
        entries.retain(|entry| entry["id"] != id);
    }
    what
}

fn add(services: &mut Value) {
    let queue = json!({"id": "queue", "name": "queue", "description": "q", "plans": [
        {"id": "queue-small", "name": "small", "description": "s"},
    ]});
    services.as_array_mut().unwrap().push(queue);
}

/// Adds a service without plans, a service with the id of another one, and a plan without a name.
fn add_invalid(services: &mut Value) {
    services[0]["plans"].as_array_mut().unwrap().push(json!({"id": "nameless", "description": "n"}));
    services.as_array_mut().unwrap().extend([
        json!({"id": "hollow", "name": "hollow", "description": "h", "plans": []}),
        json!({"id": "database", "name": "double", "description": "d", "plans": [
            {"id": "double", "name": "double", "description": "d"},
        ]}),
    ]);
}

/// The objects after both brokers were registered and their catalogs published, with users' own entries beside them.
pub fn published() -> Api {
    static PUBLISHED: LazyLock<Api> = LazyLock::new(|| {
        // The simulated clock is thread-local, so a second one needs another thread.
        let operator = std::thread::spawn(|| run(publish()));
        operator.join().unwrap()
    });
    PUBLISHED.clone()
}

async fn publish() -> Api {
    let mut world = World::without_brokers();
    for half in HALVES {
        make_entries(&mut world.api, half);
        platform::register_openly(&mut world, half);
    }
    world.come_to_rest().await;
    assert!(world.broken.is_empty(), "{}\n{}", world.story.join("\n"), world.broken.join("\n"));
    let mut api = std::mem::take(&mut world.api);
    api.log.clear();
    api
}

/// A user creates a class and a plan beside the broker's, with the ids of a service and a plan of the broker.
pub fn make_entries(api: &mut Api, half: Half) {
    let mut create = |kind: &str, of: &str, spec: &mut Value| {
        spec[half.member("BrokerName")] = BROKER.into();
        let key = half.key(of, MADE_BY_USERS);
        api.create(key, half.object(kind, spec));
    };
    create(
        "Class",
        "classes",
        &mut json!({
            "externalName": "mine", "externalID": "database", "description": "d", "bindable": true,
            "planUpdatable": true, "defaultProvisionParameters": {"size": 3},
        }),
    );
    let mut plan = json!({"externalName": "mine", "externalID": "small", "description": "d", "free": true});
    plan[half.member("ClassRef")] = json!({"name": MADE_BY_USERS});
    create("Plan", "plans", &mut plan);
}

/// The name of the users' own class and plan.
pub const MADE_BY_USERS: &str = "mine";
