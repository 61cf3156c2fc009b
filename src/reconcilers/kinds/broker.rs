//! Reconciles brokers: observe, decide, execute, settle, write; step after step, until the next step is to wait. The
//! entry point is [`reconcile`]; [`domain::broker`] decides.

mod publish;

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource as _, ResourceExt as _};
use tracing::info;

use crate::crd::ServiceInstance;
use crate::crd::broker::BrokerStatus;
use crate::crd::role::{AuthSecret, Broker as _};
use crate::domain::broker::{Next, Observed, Outage, Outcome, Settled, Step, decide, settle, write_refused};
use crate::domain::{self, Note};
use crate::reconcilers::broker_access::call_gate::RETRY_BUSY_AFTER;
use crate::reconcilers::broker_access::connections::{BrokerName, Connection};
use crate::reconcilers::clock;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::{Error, Explained};
use crate::reconcilers::identity::{namespace, uid};
use crate::reconcilers::indexes::Need;
use crate::reconcilers::kind::Kind as _;
use crate::reconcilers::scope::Scope;
use crate::reconcilers::secrets::User;
use publish::{is_cache_stale, publish, withdraw};

/// Reconciles a broker of either kind.
pub async fn reconcile<S: Scope>(broker: Arc<S::Broker>, context: Arc<Context>) -> Result<Action, Error> {
    let reconcile = |broker| Reconcile::<S> { context: &context, broker, connection: None, is_live: false };
    let reconciled = reconcile(broker.as_ref().clone()).run().await;
    if let Err(error) = &reconciled
        && error.is_refused()
    {
        report_refusal::<S>(&context, broker.as_ref(), &error.refused()).await;
    }
    reconciled
}

/// Writes the condition `WriteRefused`; an event, if the status is what the API server refuses.
async fn report_refusal<S: Scope>(context: &Context, broker: &S::Broker, why: &str) {
    let written = async {
        let mut broker = context.api.read(broker).await?;
        let mut status = broker.status().cloned().unwrap_or_default();
        write_refused(&mut status, why, &clock::now());
        if broker.status() != Some(&status) {
            broker.set_status(status);
            context.api.write_status(&broker).await?;
        }
        Ok::<(), Error>(())
    };
    if written.await.is_err_and(|error| error.is_refused()) {
        context.api.record_event(broker, Note::refused(why)).await;
    }
}

/// A reconcile of a broker in progress.
struct Reconcile<'a, S: Scope> {
    context: &'a Context,
    /// The newest known version.
    broker: S::Broker,
    /// The connection, made at most once in a reconcile.
    connection: Option<Arc<Connection>>,
    /// Whether `broker` was read from the API server, not from the cache.
    is_live: bool,
}

impl<S: Scope> Reconcile<'_, S> {
    async fn run(mut self) -> Result<Action, Error> {
        let (context, meta) = (self.context, self.broker.meta());
        if meta.deletion_timestamp.is_some() && !domain::has_finalizer(meta) {
            context.referenced_secrets.forget(uid(&self.broker));
        }
        loop {
            let outcome = match decide(&self.observe()) {
                Step::Wait(until) => return Ok(clock::wait(until.as_ref())),
                Step::AddFinalizer => {
                    self.broker = context.api.add_finalizer(&self.broker).await?;
                    continue;
                }
                Step::Connect => match self.connect().await? {
                    Some(unusable) => unusable,
                    None => continue,
                },
                Step::Write { status, note } => {
                    if let Some(note) = note {
                        context.api.record_event(&self.broker, note).await;
                    }
                    self.write(*status).await?;
                    continue;
                }
                Step::ReadLive => {
                    self.broker = context.api.read(&self.broker).await?;
                    self.is_live = true;
                    continue;
                }
                Step::Fetch => match self.fetch().await {
                    Err(Error::NotNow) => return Ok(Action::requeue(RETRY_BUSY_AFTER)),
                    outcome => outcome?,
                },
                Step::Probe => {
                    // The call gate records the result, and requeues this broker if the circuit changes.
                    if let Some(connection) = &self.connection {
                        let _ = connection.fetch_catalog(namespace(&self.broker)).await;
                    }
                    return Ok(Action::requeue(RETRY_BUSY_AFTER));
                }
                Step::Finalize => return self.finalize().await,
            };
            let settled = settle(&self.observe(), outcome);
            return self.apply(settled).await;
        }
    }

    fn observe(&self) -> Observed<'_> {
        let (broker, context) = (&self.broker, self.context);
        let is_deleted = broker.meta().deletion_timestamp.is_some();
        Observed {
            meta: broker.meta(),
            spec: broker.common(),
            status: broker.status(),
            now: clock::now(),
            relist_interval: context.settings.relist_interval,
            is_live: self.is_live,
            instances: if is_deleted { self.instances() } else { Vec::new() },
            connection: self.connection.as_ref().map(|connection| domain::broker::Connection {
                generation: connection.generation,
                secret_version: &connection.secret_version,
                api_version: connection.api_version(),
                is_outdated: connection.gate.is_outdated(),
                outage: connection.gate.outage_cause().map(|(cause, until)| Outage { cause, until }),
                is_shared: connection.gate.is_shared(),
                is_suspected: connection.gate.is_suspected(),
                failures: connection.failures(),
            }),
        }
    }

    /// The instances for which the broker may have something.
    fn instances(&self) -> Vec<Arc<ServiceInstance>> {
        let need = Need::Broker(self.broker.meta().namespace.clone(), self.broker.name_any());
        self.context.instances_with(&need)
    }

    /// Makes the connection to the broker; the outcome if that is impossible.
    async fn connect(&mut self) -> Result<Option<Outcome>, Error> {
        if let Err(why) = refer_to_secret::<S>(self.context, &self.broker) {
            let is_about_credentials = true;
            return Ok(Some(Outcome::Unusable { why, is_about_credentials, secret_is_terminating: false }));
        }
        match self.context.brokers.connect::<S>(&self.broker).await {
            Ok(connection) => {
                self.connection = Some(connection);
                Ok(None)
            }
            Err(error @ (Error::Broker(_) | Error::Credentials(_) | Error::Missing(_))) => {
                Ok(Some(Outcome::Unusable {
                    why: error.to_string(),
                    is_about_credentials: !matches!(error, Error::Broker(_)),
                    secret_is_terminating: is_secret_terminating(self.context, &self.broker.auth()),
                }))
            }
            Err(error) => Err(error),
        }
    }

    /// Fetches and publishes the catalog. [`Error::NotNow`] also while the cache is stale, that is, lacks what was
    /// published last.
    async fn fetch(&self) -> Result<Outcome, Error> {
        if is_cache_stale::<S>(self.context, &self.broker) {
            return Err(Error::NotNow);
        }
        let gate = &self.connection.as_ref().ok_or(Error::NotNow)?.gate;
        let was_outdated = gate.is_outdated();
        // Reset it first: the broker may report an outdated catalog again during the fetch.
        gate.set_outdated(false);
        let outcome = self.fetch_and_publish().await;
        if was_outdated && outcome.is_err() {
            gate.set_outdated(true);
        }
        outcome
    }

    async fn fetch_and_publish(&self) -> Result<Outcome, Error> {
        let connection = self.connection.as_ref().ok_or(Error::NotNow)?;
        let _permit = match self.broker.namespace() {
            Some(namespace) => Some(self.context.catalogs.acquire(&namespace).await),
            None => None,
        };
        match connection.fetch_catalog(namespace(&self.broker)).await? {
            Ok(catalog) => publish::<S>(self.context, &self.broker, connection, &catalog).await,
            Err(error) => Ok(Outcome::NotFetched(error)),
        }
    }

    async fn apply(mut self, settled: Settled) -> Result<Action, Error> {
        let (context, name, namespace) = (self.context, self.broker.name_any(), self.broker.namespace());
        if settled.drops_connection {
            context.brokers.forget(&BrokerName::of(&self.broker));
        }
        if let Some(connection) = &self.connection {
            connection.set_failures(settled.failures);
        }
        if let Some(published) = settled.published {
            let (classes, plans, changes) = (published.classes, published.plans, published.changes);
            context.metrics.catalog(&name, namespace.as_deref(), classes, plans);
            info!(classes, plans, changes, "published catalog");
        }
        self.write(settled.status).await?;
        if let Some(note) = settled.note {
            context.api.record_event(&self.broker, note).await;
        }
        match settled.next {
            Next::AwaitChange => Ok(Action::await_change()),
            Next::Retry(why) => Err(Error::Broker(why)),
        }
    }

    async fn write(&mut self, status: BrokerStatus) -> Result<(), Error> {
        if self.broker.status() != Some(&status) {
            self.broker.set_status(status);
            self.broker = self.context.api.write_status(&self.broker).await?;
        }
        Ok(())
    }

    /// Deletes what belongs to the broker, then lets it go. Not while an instance is being reconciled that may need it:
    /// its intent may be on its way. Later reconciles see that the broker is being deleted.
    async fn finalize(&self) -> Result<Action, Error> {
        let context = self.context;
        if context.brokers_in_use.all().contains(&BrokerName::of(&self.broker)) {
            return Ok(Action::requeue(RETRY_BUSY_AFTER));
        }
        withdraw::<S>(context, &self.broker).await?;
        context.referenced_secrets.forget(uid(&self.broker));
        context.api.remove_finalizer(&self.broker).await?;
        Ok(Action::await_change())
    }
}

/// Lets changes of the Secret with the broker's credentials requeue the broker.
fn refer_to_secret<S: Scope>(context: &Context, broker: &S::Broker) -> Explained<()> {
    let used = match broker.auth() {
        AuthSecret::Basic(secret) | AuthSecret::Bearer(secret) => {
            BTreeSet::from([(secret.namespace.clone(), secret.name.clone())])
        }
        AuthSecret::None => BTreeSet::new(),
    };
    let (queue, object) = (S::Broker::queue(&context.queues).clone(), ObjectRef::from_obj(broker));
    let user = User { uid: uid(broker), namespace: broker.meta().namespace.as_deref() };
    context.referenced_secrets.refer(user, &used, move || queue.requeue(object.clone()))
}

/// Whether the namespace of the credentials' Secret is being deleted.
fn is_secret_terminating(context: &Context, auth: &AuthSecret) -> bool {
    let (AuthSecret::Basic(secret) | AuthSecret::Bearer(secret)) = auth else { return false };
    context.caches.is_terminating(&secret.namespace)
}
