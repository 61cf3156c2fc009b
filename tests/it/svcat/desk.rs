//! The environment of the `svcat` tests: a namespace, and a broker.

use std::ops::Deref;

use serde_json::{Value, json};

use super::client::{Scope, Svcat, shown};
use crate::namespace::namespace;
use crate::operator::operator;
use crate::scripted::{BINDING, Broker, INSTANCE, TestEnv};

/// A namespace, and a broker whose class names are unique to the test.
pub struct Desk {
    env: TestEnv,
    /// The scope of the broker.
    pub scope: Scope,
    /// The prefix of its classes' names, which are their ids as well.
    offer: String,
}

impl Deref for Desk {
    type Target = TestEnv;
    fn deref(&self) -> &TestEnv {
        &self.env
    }
}

impl Desk {
    /// A desk with an unregistered broker.
    pub async fn new(scope: Scope) -> Self {
        operator();
        let namespace = namespace().await;
        let offer = format!("svcat-{}", namespace.name.rsplit('-').next().unwrap());
        let broker = Broker::offering(catalog(&offer));
        Self { env: TestEnv::new(namespace, broker), scope, offer }
    }

    /// A desk with a registered broker.
    pub async fn registered(scope: Scope) -> Self {
        let desk = Self::new(scope).await;
        desk.svcat().register(scope, &desk.name, json!({"url": desk.broker.url})).await.unwrap();
        let broker = desk.svcat().wait(&scope.kind("Broker"), &desk.name).await;
        assert_eq!(shown(&broker), "Ready");
        desk
    }

    /// The `svcat` of this namespace.
    pub fn svcat(&self) -> Svcat<'_> {
        Svcat(&self.env)
    }

    /// The class with the plans `small`, `large` and `slow`.
    pub fn database(&self) -> String {
        format!("{}-database", self.offer)
    }

    /// The class with one plan.
    pub fn queue(&self) -> String {
        format!("{}-queue", self.offer)
    }

    /// Provisions `db` with the plan `small`, and waits.
    pub async fn provisioned(&self) -> Value {
        self.svcat().provision("db", (&self.database(), Some("small")), json!({})).await.unwrap();
        let instance = self.svcat().wait(INSTANCE, "db").await;
        assert_eq!(shown(&instance), "Ready", "{instance:#}");
        instance
    }

    /// Binds `db`, and waits.
    pub async fn bound(&self) -> Value {
        self.svcat().bind("db", "db", json!({})).await.unwrap();
        let binding = self.svcat().wait(BINDING, "db").await;
        assert_eq!(shown(&binding), "Ready", "{binding:#}");
        binding
    }

    /// Removes the cluster-wide objects, which would disturb other tests.
    pub async fn leave(&self) {
        self.svcat().deregister(self.scope, &self.name).await;
    }
}

fn catalog(prefix: &str) -> Value {
    let service = |name: &str, plans: &[&str]| {
        let plan =
            |plan: &&str| json!({"id": format!("{prefix}-{name}-{plan}"), "name": plan, "description": plan});
        let (id, plans): (_, Vec<_>) = (format!("{prefix}-{name}"), plans.iter().map(plan).collect());
        json!({
            "id": id, "name": id, "description": name, "bindable": true, "plan_updateable": true,
            "plans": plans,
        })
    };
    json!({"services": [service("database", &["small", "large", "slow"]), service("queue", &["only"])]})
}
