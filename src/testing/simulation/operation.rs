//! Which operations of a user can go wrong, and what has to be there before?

use std::sync::LazyLock;

use serde_json::json;

use super::api::Key;
use super::fault::{Effect, Fault, Seen};
use super::half::Half;
use super::operator::Waiting;
use super::request::Endpoint;
use super::world::World;
use super::{invariants, users};

/// The operation that something goes wrong with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Provision,
    Update,
    Deprovision,
    /// Orphan mitigation after a failed provision.
    Mitigate,
    Bind,
    /// A user deletes the Secret: the operator requests the credentials again.
    Repair,
    /// A user requests a rotation.
    Rotate,
    Unbind,
    /// Orphan mitigation after a failed bind.
    MitigateBinding,
}

use Operation::{Bind, Deprovision, Mitigate, MitigateBinding, Provision, Repair, Rotate, Unbind, Update};

/// A class and plan that work synchronously, and some that work asynchronously.
pub const PLANS: [(&str, &str); 2] = [("database", "small"), ("cache", "cache-slow")];

/// A synchronous class and plan with `binding_rotatable`. Of `PLANS`, only the asynchronous ones have it.
pub const ROTATABLE: (&str, &str) = ("database", "large");

/// An operation on an object of a plan.
#[derive(Clone, Copy)]
pub struct Setup {
    pub operation: Operation,
    /// The class and the plan.
    pub plan: (&'static str, &'static str),
    /// Whether the user gives the id of the object that is created.
    pub gives_id: bool,
}

impl std::fmt::Display for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let given = if self.gives_id { " with a given id" } else { "" };
        write!(f, "{:?} of {}{given}", self.operation, self.plan.1)
    }
}

impl Setup {
    /// Brings the world to the moment before the operation.
    pub async fn prepare(self, world: &mut World) {
        if self.operation == Provision {
            return;
        }
        users::create_instance_of(&mut world.api, "one", self.class_and_plan(), &json!({"size": 1}));
        if self.operation == Mitigate {
            orphan(world, Endpoint::Provision).await;
            return;
        }
        world.come_to_rest().await;
        if matches!(self.operation, Repair | Rotate | Unbind | MitigateBinding) {
            users::create_binding(&mut world.api, "one");
            if self.operation == MitigateBinding {
                orphan(world, Endpoint::Bind).await;
                return;
            }
            world.come_to_rest().await;
        }
    }

    fn class_and_plan(self) -> (Half, &'static str, &'static str) {
        (Half::Cluster, self.plan.0, self.plan.1)
    }

    /// Starts the operation, as a user.
    pub fn begin(self, world: &mut World) {
        let api = &mut world.api;
        let instance = Key::new("serviceinstances", "one");
        match self.operation {
            Provision => {
                let (class_and_plan, id) = (self.class_and_plan(), self.external_id());
                users::create_instance_with(api, "one", class_and_plan, &json!({"size": 1}), id);
            }
            Update => drop(api.edit(&instance, &json!({"spec": {"parameters": {"size": 2}}}))),
            Deprovision => drop(api.delete(&instance)),
            Bind => users::create_binding_with(api, "one", self.external_id()),
            Repair => {
                api.delete(&Key::new("secrets", "one"));
                world.record("the user deletes the Secret");
            }
            Rotate => drop(users::rotate(api, "one")),
            Unbind => drop(api.delete(&Key::new("servicebindings", "one"))),
            Mitigate | MitigateBinding => {}
        }
    }

    fn external_id(self) -> &'static str {
        if self.gives_id { "given-id" } else { "" }
    }
}

/// Lets the users delete everything. Then nothing may be left.
pub async fn delete_everything(world: &mut World) {
    users::clean_up(&mut world.api);
    world.record("the users delete everything");
    world.come_to_rest().await;
    if world.broken.is_empty() {
        world.broken.extend(invariants::at_rest(&world.api, &world.broker));
        world.broken.extend(invariants::nothing_is_left(&world.api));
    }
}

/// Continues until a call of this endpoint waits at the broker, and moves it to the front.
pub async fn until(world: &mut World, endpoint: Endpoint) -> Option<()> {
    loop {
        world.settle().await;
        let here = |waiting: &Waiting| matches!(waiting, Waiting::Broker(request, _) if request.endpoint == endpoint);
        if let Some(index) = world.waiting.iter().position(here) {
            world.waiting.swap(0, index);
            return Some(());
        }
        if !world.broken.is_empty() || (!world.go_on() && !world.wait().await) {
            return None;
        }
    }
}

/// A creating call fails after its effect.
async fn orphan(world: &mut World, endpoint: Endpoint) {
    static FAILURE: LazyLock<Fault> = LazyLock::new(|| Fault {
        name: "500 after the effect".to_owned(),
        effect: Effect::Before,
        seen: Seen::Answer(500, String::new(), None),
    });
    if until(world, endpoint).await.is_some() {
        world.inject(0, &FAILURE);
    }
}
