//! Connections to brokers: made from a broker object and its Secret, each with a gate of its own.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Secret;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Resource as _, ResourceExt as _};
use secrecy::SecretString;

use super::context::Context;
use super::error::{During as _, Error};
use super::gate::Gate;
use super::scope::{Cluster, Namespaced, Scope};
use crate::crd::reference::ObjectReference;
use crate::crd::role::{AuthSecret, Broker as _};
use crate::domain::broker::Failures;
use crate::leader::Fence;
use crate::osb::{self, Authentication, Client, Config};

/// A broker that can be spoken to.
pub struct Connection {
    client: Client,
    /// Through which all calls go.
    pub gate: Arc<Gate>,
    fence: Fence,
    /// What it was made from: a changed broker or Secret makes a new one.
    made_from: String,
    /// The generation of the broker's spec that it was made from.
    pub generation: i64,
    /// The version of its Secret; empty without one.
    pub secret_version: String,
    failures: Mutex<Option<Failures>>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("secret_version", &self.secret_version).finish_non_exhaustive()
    }
}

impl Connection {
    /// The fetches of the catalog that failed in a row.
    pub fn failures(&self) -> Option<Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the fetches of the catalog that failed in a row.
    pub fn set_failures(&self, failures: Option<Failures>) {
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner) = failures;
    }

    /// Makes a call for an object of this namespace, when it is its turn, and only while this replica leads.
    /// [`Error::NotNow`] if the broker is not called at the moment.
    pub async fn call<T>(
        &self,
        namespace: &str,
        call: impl AsyncFnOnce(&Client) -> Result<T, osb::Error>,
    ) -> Result<Result<T, osb::Error>, Error> {
        let call = async {
            self.fence.pass().await;
            call(&self.client).await
        };
        self.gate.pass(namespace, call).await
    }
}

/// All connections, by namespace and name of the broker.
#[derive(Debug, Default)]
pub struct Brokers(Mutex<Connections>);

type Connections = HashMap<Name, Arc<Connection>>;

/// The namespace, unless it is cluster-wide, and the name of a broker.
type Name = (Option<String>, String);

impl Brokers {
    /// The connection to the broker of this name; `namespace` is that of its instances.
    pub async fn find(
        context: &Context,
        (namespaced, namespace, name): (bool, &str, &str),
    ) -> Result<Arc<Connection>, Error> {
        let namespace = namespaced.then_some(namespace);
        if let Some(connection) = context.brokers.get(namespace, name) {
            return Ok(connection);
        }
        let missing = || Error::Broker(format!("there is no broker {name:?}"));
        match namespace {
            None => {
                let broker = context.cluster.brokers.get(&ObjectRef::new(name)).ok_or_else(missing)?;
                Self::connect::<Cluster>(context, &broker).await
            }
            Some(namespace) => {
                let reference = ObjectRef::new(name).within(namespace);
                let broker = context.namespaced.brokers.get(&reference).ok_or_else(missing)?;
                Self::connect::<Namespaced>(context, &broker).await
            }
        }
    }

    /// The connection to this broker, as object and Secret are now.
    pub async fn connect<S: Scope>(context: &Context, broker: &S::Broker) -> Result<Arc<Connection>, Error> {
        let (namespace, name) = (broker.namespace(), broker.name_any());
        let (authentication, secret_version) = authentication(context, &broker.auth()).await?;
        let generation = broker.meta().generation.unwrap_or_default();
        let made_from = format!("{}/{generation}/{secret_version}", broker.uid().unwrap_or_default());
        if let Some(connection) = context.brokers.get(namespace.as_deref(), &name)
            && connection.made_from == made_from
        {
            return Ok(connection);
        }
        let spec = broker.common();
        let (metrics, label) = (Arc::clone(&context.metrics), name.clone());
        let config = Config {
            url: spec.url.clone(),
            authentication,
            ca_bundle: spec.ca_bundle.as_ref().map(|bundle| bundle.0.clone()),
            insecure_skip_tls_verify: spec.insecure_skip_tls_verify,
            timeout: context.settings.broker_timeout,
            observer: Some(Arc::new(move |observation| metrics.request(&label, observation))),
        };
        let client = Client::new(&config).map_err(|error| Error::Broker(error.to_string()))?;
        let (queue, object) = (S::catalog(context).queue.clone(), ObjectRef::from_obj(broker));
        let gate = Gate::new(&name, move || queue.wake(object.clone()));
        let fence = context.fence.clone();
        let connection = Arc::new(Connection {
            client,
            gate,
            fence,
            made_from,
            generation,
            secret_version,
            failures: Mutex::default(),
        });
        // What is changed may be mended: it is tried at once.
        if let Some(former) = context.brokers.lock().insert((namespace, name), Arc::clone(&connection)) {
            former.gate.open();
        }
        Ok(connection)
    }

    /// The broker is gone, or cannot be spoken to as it is now.
    pub fn forget(&self, namespace: Option<&str>, name: &str) {
        if let Some(former) = self.lock().remove(&(namespace.map(str::to_owned), name.to_owned())) {
            former.gate.open();
        }
    }

    /// The gate of the broker of this name, if it was spoken to before; `namespace` is that of its instances.
    pub fn gate(&self, (namespaced, namespace, name): (bool, &str, &str)) -> Option<Arc<Gate>> {
        self.get(namespaced.then_some(namespace), name).map(|connection| Arc::clone(&connection.gate))
    }

    /// All connections.
    pub fn all(&self) -> Vec<(Name, Arc<Connection>)> {
        self.lock().iter().map(|(name, connection)| (name.clone(), Arc::clone(connection))).collect()
    }

    fn get(&self, namespace: Option<&str>, name: &str) -> Option<Arc<Connection>> {
        self.lock().get(&(namespace.map(str::to_owned), name.to_owned())).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The credentials, and the version of the Secret that they are from.
async fn authentication(context: &Context, auth: &AuthSecret) -> Result<(Authentication, String), Error> {
    match auth {
        AuthSecret::None => Ok((Authentication::None, String::new())),
        AuthSecret::Basic(reference) => {
            let secret = secret(context, reference).await?;
            let username = entry(&secret, reference, "username")?;
            let password = SecretString::from(entry(&secret, reference, "password")?);
            Ok((Authentication::Basic { username, password }, version(&secret)))
        }
        AuthSecret::Bearer(reference) => {
            let secret = secret(context, reference).await?;
            let token = SecretString::from(entry(&secret, reference, "token")?);
            Ok((Authentication::Bearer { token }, version(&secret)))
        }
    }
}

async fn secret(context: &Context, reference: &ObjectReference) -> Result<Secret, Error> {
    let api = Api::<Secret>::namespaced(context.client.clone(), &reference.namespace);
    let found =
        api.get_opt(&reference.name).await.during("reading the Secret with the broker's credentials")?;
    found.ok_or_else(|| {
        Error::Broker(format!("there is no Secret {}/{}", reference.namespace, reference.name))
    })
}

fn entry(secret: &Secret, reference: &ObjectReference, key: &str) -> Result<String, Error> {
    let ObjectReference { namespace, name } = reference;
    let bytes = secret.data.as_ref().and_then(|data| data.get(key));
    let bytes =
        bytes.ok_or_else(|| Error::Broker(format!("the Secret {namespace}/{name} has no key {key:?}")))?;
    String::from_utf8(bytes.0.clone())
        .map_err(|_| Error::Broker(format!("the key {key:?} of the Secret {namespace}/{name} is not text")))
}

fn version(secret: &Secret) -> String {
    secret.resource_version().unwrap_or_default()
}
