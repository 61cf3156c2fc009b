//! The platform teams and the operators of the brokers: they register, restrict, relist and remove brokers, and change
//! credentials and catalogs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::catalog;
use super::choices::Choices;
use super::door::USERNAME;
use super::half::{HALVES, Half};
use super::truth::MARK;
use super::world::World;

/// Catalog restrictions: the list, and the requirement.
pub const RESTRICTIONS: [(&str, &str); 3] = [
    ("serviceClass", "spec.externalName in (database)"),
    ("servicePlan", "spec.externalName notin (large)"),
    ("servicePlan", "spec.free=true"),
];

/// Does one thing; returns it in words.
pub fn act(world: &mut World, choices: &mut Choices) -> String {
    let half = HALVES[choices.below(HALVES.len())];
    let of = half.kind("Broker");
    if world.api.get(&half.broker()).is_none() {
        register(world, half);
        return format!("the platform registers the {of}");
    }
    world.broker.door_mut(half).disturb(2);
    match choices.pick(&[4, 6, 3, 2, 4, 1]) {
        0 => {
            relist(world, half);
            format!("the platform relists the {of}")
        }
        1 => {
            let what = catalog::change(&mut world.broker.door_mut(half).catalog, choices);
            if choices.below(3) > 0 {
                relist(world, half);
            }
            format!("the broker behind the {of} {what}")
        }
        2 => restrict(world, half, choices),
        3 => {
            world.api.delete(&half.broker());
            format!("the platform deletes the {of}")
        }
        4 => change_secret(world, half, choices),
        _ => {
            world.api.edit(&half.broker(), &json!({"spec": {"relistDuration": "5h"}}));
            format!("the platform sets the relist duration of the {of} to five hours")
        }
    }
}

/// Registers the broker of a half, with credentials if it is the namespaced one.
pub fn register(world: &mut World, half: Half) {
    register_openly(world, half);
    give_secret(world, half);
}

/// Registers the broker of a half without credentials.
pub fn register_openly(world: &mut World, half: Half) {
    world.broker.door_mut(half).disturb(2);
    world.api.create(half.broker(), half.object("Broker", &json!({"url": half.url()})));
}

/// Requests a relist.
pub fn relist(world: &mut World, half: Half) {
    let broker = world.api.get(&half.broker());
    let requests = broker.and_then(|broker| broker["spec"]["relistRequests"].as_i64()).unwrap_or_default();
    world.api.edit(&half.broker(), &json!({"spec": {"relistRequests": requests + 1}}));
}

fn restrict(world: &mut World, half: Half, choices: &mut Choices) -> String {
    let restrictions = match choices.below(RESTRICTIONS.len() + 1) {
        0 => Value::Null,
        chosen => {
            let (list, requirement) = RESTRICTIONS[chosen - 1];
            json!({"serviceClass": null, "servicePlan": null, list: [requirement]})
        }
    };
    world.api.edit(&half.broker(), &json!({"spec": {"catalogRestrictions": null}}));
    world.api.edit(&half.broker(), &json!({"spec": {"catalogRestrictions": restrictions}}));
    format!("the platform restricts the {}: {restrictions}", half.kind("Broker"))
}

/// Changes, breaks, deletes or repairs the Secret of a broker.
fn change_secret(world: &mut World, half: Half, choices: &mut Choices) -> String {
    let Some(secret) = half.secret() else {
        relist(world, half);
        return format!("the platform relists the {}", half.kind("Broker"));
    };
    if world.broker.door(half).password.is_none() {
        give_secret(world, half);
        return "the broker requires credentials, and the platform provides them".to_owned();
    }
    match choices.below(5) {
        0 => {
            give_secret(world, half);
            "the platform repairs the credentials for the broker".to_owned()
        }
        1 => {
            world.broker.door_mut(half).password = Some(password(world));
            "the broker requires other credentials".to_owned()
        }
        2 => {
            world.broker.door_mut(half).password = Some(password(world));
            give_secret(world, half);
            "the credentials for the broker are replaced".to_owned()
        }
        3 => {
            world.api.edit(&secret, &json!({"data": {"password": null}}));
            "the platform removes the password from the credentials for the broker".to_owned()
        }
        _ => {
            world.api.delete(&secret);
            "the platform deletes the credentials for the broker".to_owned()
        }
    }
}

fn password(world: &World) -> String {
    format!("{MARK}-{}", world.api.version())
}

/// The broker requires credentials, and its object refers to a Secret that holds them.
pub fn give_secret(world: &mut World, half: Half) {
    let Some(key) = half.secret() else { return };
    let reference = json!({"basic": {"secretRef": {"name": key.name}}});
    world.api.edit(&half.broker(), &json!({"spec": {"authInfo": reference}}));
    let password = world.broker.door(half).password.clone().unwrap_or_else(|| password(world));
    world.broker.door_mut(half).password = Some(password.clone());
    let data = json!({"username": STANDARD.encode(USERNAME), "password": STANDARD.encode(password)});
    if world.api.get(&key).is_some() {
        world.api.edit(&key, &json!({"data": data}));
    } else {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {}, "data": data});
        world.api.create(key, secret);
    }
}

/// Whether the operator lacks credentials that the broker accepts, so that it keeps retrying.
pub fn is_locked_out(world: &World, half: Half) -> bool {
    let Some(key) = half.secret() else { return false };
    let held = world.api.get(&key).and_then(|secret| secret["data"]["password"].as_str());
    held.map(str::to_owned) != world.broker.door(half).password.as_ref().map(|wanted| STANDARD.encode(wanted))
}

/// Repairs credentials, catalog and restrictions, and registers the brokers that were removed.
pub fn repair(world: &mut World) {
    for half in HALVES {
        if world.broker.door(half).password.is_some() {
            give_secret(world, half);
        }
        world.broker.door_mut(half).catalog = catalog::offered();
        world.broker.door_mut(half).disturb(2);
        if world.api.get(&half.broker()).is_none() {
            register(world, half);
        } else {
            world.api.edit(&half.broker(), &json!({"spec": {"catalogRestrictions": null}}));
            relist(world, half);
        }
    }
}

/// Registers the brokers that were removed.
pub fn register_missing(world: &mut World) {
    for half in HALVES {
        if world.broken.is_empty() && world.api.get(&half.broker()).is_none() {
            register(world, half);
        }
    }
}

/// The platform removes its brokers.
pub fn clean_up(world: &mut World) {
    for half in HALVES {
        world.broker.door_mut(half).disturb(1);
        world.api.delete(&half.broker());
    }
}
