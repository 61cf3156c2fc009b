//! A user's action on one object, from its preparation to the clean-up.

use std::fmt;

use serde_json::{Value, json};
use service_catalog::crd::names::ANNOTATION_ROTATE;

use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{BINDING, Broker, INSTANCE, IsolatedEnv, TestEnv, assert_in_step, condition};

/// The part of a scenario that is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A broker is registered.
    Register,
    /// A broker's catalog has changed, and is relisted.
    Relist,
    /// A broker is deleted.
    Unregister,
    /// An instance is created.
    Create,
    /// An instance gets another plan and other parameters.
    Update,
    /// An instance is deleted.
    Delete,
    /// A binding is created.
    Bind,
    /// The credentials of a binding are rotated, and the predecessor is removed.
    Rotate,
    /// A binding is deleted.
    Unbind,
}

pub use Action::{Bind, Create, Delete, Register, Relist, Rotate, Unbind, Unregister, Update};

/// A scenario: the preparation, the tested action, and the clean-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The tested action.
    pub action: Action,
    /// The class of the instance.
    pub class: Class,
}

/// Whether the broker works synchronously.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Synchronous.
    Quick,
    /// Asynchronous, for bindings too.
    Slow,
}

pub use Class::{Quick, Slow};

const BROKER: &str = "ServiceBroker";
/// The numbers of classes and of plans in the catalog.
const OFFERED: [usize; 2] = [2, 4];

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {:?}", self.action, self.class)
    }
}

impl Scenario {
    /// All scenarios.
    pub fn all() -> Vec<Self> {
        let brokers = [Register, Relist, Unregister].map(|action| Self { action, class: Quick });
        let mut all = brokers.to_vec();
        for class in [Quick, Slow] {
            all.extend([Create, Update, Delete, Bind, Rotate, Unbind].map(|action| Self { action, class }));
        }
        all
    }

    /// The numbers of instance ids and binding ids that it uses with one attempt each.
    pub fn ids(self) -> [usize; 2] {
        [1, if self.action == Rotate { 2 } else { 1 }]
    }

    /// Starts the broker that it needs.
    pub fn broker() -> Broker {
        Broker::offering(catalog())
    }

    /// Prepares everything before the action.
    pub async fn prepare(self, isolated: &IsolatedEnv, broker: Broker) -> TestEnv {
        let env = isolated.unregistered(broker).await;
        if self.action == Register {
            return env;
        }
        env.register(json!({})).await;
        env.until_ready(BROKER, "broker").await;
        match self.action {
            Update | Delete | Bind => {
                env.ready_instance(self.spec()).await;
            }
            Rotate | Unbind => {
                let at_once = json!({"rotation": {"gracePeriod": "0s"}});
                env.ready_binding(self.spec(), at_once).await;
            }
            Register | Relist | Unregister | Create => {}
        }
        env
    }

    /// Performs the action, as the user.
    pub async fn begin(self, env: &TestEnv) {
        match self.action {
            Register => env.register(json!({})).await,
            Relist => {
                env.broker.change_catalog(|catalog| {
                    let service = &mut catalog["services"][0];
                    service["description"] = "changed".into();
                    service["plans"][0]["id"] = "new".into();
                    service["plans"][1]["description"] = "changed".into();
                });
                let relist = json!({"spec": {"relistRequests": 1}});
                env.patch(BROKER, "broker", relist).await.unwrap();
            }
            Unregister => {
                env.delete(BROKER, "broker").await.unwrap();
            }
            Create => env.instance("db", self.spec()).await,
            Update => {
                let edit = json!({"spec": {"servicePlanExternalName": self.plan("large"), "parameters": {"size": 2}}});
                env.patch(INSTANCE, "db", edit).await.unwrap();
            }
            Delete => {
                env.delete(INSTANCE, "db").await.unwrap();
            }
            Bind => env.binding("db", json!({})).await,
            Rotate => {
                let request = json!({"metadata": {"annotations": {ANNOTATION_ROTATE: "now"}}});
                env.patch(BINDING, "db", request).await.unwrap();
            }
            Unbind => {
                env.delete(BINDING, "db").await.unwrap();
            }
        }
    }

    /// Waits until the action is complete, and broker and objects agree.
    pub async fn settle(self, env: &TestEnv) {
        match self.action {
            Register | Relist => {
                env.until_ready(BROKER, "broker").await;
                until_offered(env, OFFERED).await;
            }
            Unregister => {
                env.until_gone(BROKER, "broker").await;
                until_offered(env, [0, 0]).await;
            }
            Create | Update => {
                let object = env.until_ready(INSTANCE, "db").await;
                let plan = self.plan(if self.action == Update { "large" } else { "small" });
                assert_eq!(env.broker.instance().plan, plan, "{self}: {object:#}");
            }
            Delete => env.until_gone(INSTANCE, "db").await,
            Bind => {
                env.until_ready(BINDING, "db").await;
            }
            Rotate => {
                let is_over = |object: &Value| {
                    let status = &object["status"];
                    let nothing_else = status["predecessor"].is_null() && status["orphans"].is_null();
                    condition(object, "Rotated=True").is_some() && nothing_else
                };
                env.until(BINDING, "db", is_over).await;
                env.until_ready(BINDING, "db").await;
            }
            Unbind => env.until_gone(BINDING, "db").await,
        }
        assert_in_step(env).await;
    }

    /// Deletes everything, and checks that only the Secret may be left, which the garbage collector removes.
    pub async fn end(self, env: &TestEnv) {
        for (kind, name) in [(BINDING, "db"), (INSTANCE, "db"), (BROKER, "broker")] {
            if env.delete(kind, name).await.is_ok() {
                env.until_gone(kind, name).await;
            }
        }
        until_offered(env, [0, 0]).await;
        assert!(env.broker.instances().is_empty(), "{self}: {:#?}", env.broker.instances());
    }

    fn spec(self) -> Value {
        let class = format!("{:?}", self.class).to_lowercase();
        json!({
            "serviceClassExternalName": class, "servicePlanExternalName": self.plan("small"),
            "parameters": {"size": 1},
        })
    }

    fn plan(self, size: &str) -> String {
        format!("{size}-{:?}", self.class).to_lowercase()
    }
}

async fn until_offered(env: &TestEnv, wanted: [usize; 2]) {
    eventually("the right classes and plans are published", PATIENCE, async || {
        let offered = [env.list("ServiceClass").await, env.list("ServicePlan").await];
        let is_right = offered.each_ref().map(Vec::len) == wanted;
        if is_right { Ok(()) } else { Err(format!("{offered:#?}")) }
    })
    .await;
}

fn catalog() -> Value {
    let service = |name: &str| {
        let plan = |size: &str| json!({"id": format!("{size}-{name}"), "name": format!("{size}-{name}"), "description": size});
        json!({
            "id": name, "name": name, "description": name, "bindable": true, "plan_updateable": true,
            "bindings_retrievable": name == "slow", "binding_rotatable": name == "slow", "plans": [plan("small"), plan("large")],
        })
    };
    json!({"services": [service("quick"), service("slow")]})
}
