//! Brokers: fetch the catalog when it is due, and make classes and plans of it.

mod publish;

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::DeleteParams;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource as _, ResourceExt as _};
use tracing::info;

use crate::crd::broker::BrokerStatus;
use crate::crd::condition::{self, Status};
use crate::crd::role::{AuthSecret, Broker as _, Class as _, Plan as _};
use crate::domain::breaker::Trouble;
use crate::domain::broker::{Relist, relist, relist_in_trouble};
use crate::domain::catalog::is_managed;
use crate::domain::plan_reference::PlanReference;
use crate::domain::{self, Note, reason};
use crate::osb;
use crate::reconcilers::broker_access::call_gate::RETRY_BUSY_AFTER;
use crate::reconcilers::broker_access::connections::{BrokerName, Connection};
use crate::reconcilers::clock;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::{During as _, Error};
use crate::reconcilers::identity::namespace;
use crate::reconcilers::kind::Kind;
use crate::reconcilers::scope::{Scope, is_for, owner};
use publish::publish;

/// One pass over a broker of either kind.
pub async fn reconcile<S: Scope>(broker: Arc<S::Broker>, context: Arc<Context>) -> Result<Action, Error> {
    let mut broker = Arc::unwrap_or_clone(broker);
    watch_secret::<S>(&context, &broker);
    if broker.meta().deletion_timestamp.is_some() {
        return remove::<S>(&context, broker).await;
    }
    if broker.status().is_none() && !domain::has_finalizer(broker.meta()) {
        broker = context.api.add_finalizer(&broker).await?;
    }
    let connection = match context.brokers.connect::<S>(&broker).await {
        Ok(connection) => connection,
        Err(Error::Broker(why)) => return unusable::<S>(&context, broker, &why).await,
        Err(error) => return Err(error),
    };
    let trouble = connection.gate.trouble();
    let trouble = trouble.as_ref().map(|(trouble, next)| (trouble, next.as_ref()));
    broker = tell_trouble::<S>(&context, broker, trouble).await?;
    let due = |broker: &S::Broker| {
        let status = broker.status().cloned().unwrap_or_default();
        let known = (
            broker.meta().generation.unwrap_or_default(),
            connection.secret_version.as_str(),
            connection.gate.is_outdated(),
        );
        let now = clock::now();
        let due = relist(broker.common(), &status, known, (&now, context.settings.relist_interval));
        match trouble {
            None => due,
            Some((_, next)) => relist_in_trouble(&due, next, &now),
        }
    };
    let mut relist = due(&broker);
    if relist == Relist::Now {
        // The cache may not have seen yet that it has been fetched.
        broker = context.api.read(&broker).await?;
        relist = due(&broker);
    }
    match relist {
        Relist::OnRequest => Ok(Action::await_change()),
        Relist::At(time) => Ok(clock::wait(Some(&time))),
        Relist::Now => fetch::<S>(&context, broker, &connection).await,
        Relist::Try => {
            // What comes of it is the gate's to know; it wakes this broker again.
            let _ = connection.call(namespace(&broker), osb::Client::catalog).await;
            Ok(Action::requeue(RETRY_BUSY_AFTER))
        }
    }
}

/// Says that the broker is left alone, or no longer.
async fn tell_trouble<S: Scope>(
    context: &Context,
    broker: S::Broker,
    trouble: Option<(&Trouble, Option<&Time>)>,
) -> Result<S::Broker, Error> {
    let mut status = broker.status().cloned().unwrap_or_default();
    domain::broker::tell(&mut status.conditions, trouble, &clock::now());
    status.last_condition_state = condition::summary(&status.conditions);
    let before = broker.status().and_then(|status| condition::find(&status.conditions, condition::AVAILABLE));
    match condition::find(&status.conditions, condition::AVAILABLE) {
        told if told == before => return Ok(broker),
        Some(news) if before.is_none() => {
            let (reason, message) = (news.reason.clone(), news.message.clone());
            context.api.record_event(&broker, Note { warning: true, reason, message }).await;
        }
        Some(_) | None => {}
    }
    write::<S>(context, broker, status).await
}

/// The Secret with the credentials is watched as long as the broker names it.
fn watch_secret<S: Scope>(context: &Context, broker: &S::Broker) {
    let deleting = broker.meta().deletion_timestamp.is_some();
    let used = match broker.auth() {
        AuthSecret::Basic(secret) | AuthSecret::Bearer(secret) if !deleting => {
            BTreeSet::from([(secret.namespace, secret.name)])
        }
        AuthSecret::Basic(_) | AuthSecret::Bearer(_) | AuthSecret::None => BTreeSet::new(),
    };
    let (queue, object) = (S::Broker::queue(&context.queues).clone(), ObjectRef::from_obj(broker));
    let user = format!("broker/{}/{}", namespace(broker), broker.name_any());
    context.referenced_secrets.refer(&user, &used, move || queue.requeue(object.clone()));
}

async fn fetch<S: Scope>(
    context: &Context,
    broker: S::Broker,
    connection: &Connection,
) -> Result<Action, Error> {
    connection.gate.renew();
    let catalog = match connection.call(namespace(&broker), osb::Client::catalog).await {
        Err(Error::NotNow) => return Ok(Action::requeue(RETRY_BUSY_AFTER)),
        Err(error) => return Err(error),
        Ok(Ok(catalog)) => catalog,
        Ok(Err(error)) => {
            let why = format!("Error fetching catalog. Error getting broker catalog: {error}");
            return failed::<S>(context, broker, reason::ERROR_FETCHING_CATALOG, &why).await;
        }
    };
    let published = match publish::<S>(context, &broker, &catalog).await {
        Ok(published) => published,
        Err(Error::Broker(why)) => {
            return failed::<S>(context, broker, reason::ERROR_SYNCING_CATALOG, &why).await;
        }
        Err(error) => return Err(error),
    };
    let (name, namespace) = (broker.name_any(), broker.namespace());
    context.metrics.catalog(&name, namespace.as_deref(), published.classes, published.plans);
    info!(
        classes = published.classes,
        plans = published.plans,
        changes = published.changes,
        "the catalog is published"
    );
    let now = clock::now();
    let mut status = BrokerStatus {
        reconciled_generation: broker.meta().generation.unwrap_or_default(),
        last_catalog_retrieval_time: Some(now.clone()),
        auth_secret_version: connection.secret_version.clone(),
        operation_start_time: None,
        ..broker.status().cloned().unwrap_or_default()
    };
    if published.rejected.is_empty() {
        condition::remove(&mut status.conditions, condition::CATALOG_REJECTED);
    } else {
        let (type_, reason) = (condition::CATALOG_REJECTED, reason::INVALID_CATALOG_ENTRIES);
        condition::set(&mut status.conditions, type_, Status::True, reason, &published.rejected, &now);
    }
    report(&mut status, (Status::True, reason::FETCHED_CATALOG, published.message), &now);
    write::<S>(context, broker, status).await?;
    // The status that was just written wakes this broker, which then waits for its next time.
    Ok(Action::await_change())
}

fn report(status: &mut BrokerStatus, (is, reason, message): (Status, &str, &str), now: &Time) {
    condition::set(&mut status.conditions, condition::READY, is, reason, message, now);
    status.last_condition_state = condition::summary(&status.conditions);
}

async fn write<S: Scope>(
    context: &Context,
    mut broker: S::Broker,
    status: BrokerStatus,
) -> Result<S::Broker, Error> {
    if broker.status() == Some(&status) {
        return Ok(broker);
    }
    broker.set_status(status);
    context.api.write_status(&broker).await
}

/// The broker object or its Secret has to be put right. A namespace that is being deleted loses its Secrets first: its
/// instances still need the connection, to be removed at the broker.
async fn unusable<S: Scope>(context: &Context, broker: S::Broker, why: &str) -> Result<Action, Error> {
    if !is_secret_going(context, &broker.auth()) {
        context.brokers.forget(&BrokerName::of(&broker));
    }
    let why = format!("Error getting broker auth credentials: {why}");
    failed::<S>(context, broker, reason::ERROR_GETTING_AUTH_CREDENTIALS, &why).await
}

/// Whether the namespace of the Secret is being deleted.
fn is_secret_going(context: &Context, auth: &AuthSecret) -> bool {
    let (AuthSecret::Basic(secret) | AuthSecret::Bearer(secret)) = auth else { return false };
    context.caches.is_terminating(&secret.namespace)
}

/// Tells why there is no (new) catalog, and has it tried again. The last good one stays.
async fn failed<S: Scope>(
    context: &Context,
    broker: S::Broker,
    reason: &'static str,
    why: &str,
) -> Result<Action, Error> {
    let now = clock::now();
    let why = &format!(
        "{why}; it is tried again, with pauses that grow to five minutes, and when something changes"
    );
    let mut status = broker.status().cloned().unwrap_or_default();
    status.operation_start_time.get_or_insert_with(|| now.clone());
    let condition =
        if reason == reason::ERROR_SYNCING_CATALOG { reason } else { reason::ERROR_FETCHING_CATALOG };
    report(&mut status, (Status::False, condition, why), &now);
    let news = broker.status().is_none_or(|old| old.conditions != status.conditions);
    let broker = write::<S>(context, broker, status).await?;
    if news {
        context
            .api
            .record_event(&broker, Note { warning: true, reason: reason.to_owned(), message: why.to_owned() })
            .await;
    }
    Err(Error::Broker(why.to_owned()))
}

/// A broker goes when no instance needs it any more; its classes and plans go with it. What users made stays theirs.
async fn remove<S: Scope>(context: &Context, broker: S::Broker) -> Result<Action, Error> {
    if !domain::has_finalizer(broker.meta()) {
        return Ok(Action::await_change());
    }
    let users = instances_of::<S>(context, &broker);
    if !users.is_empty() {
        let shown = users.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        let message = format!(
            "{} instances must be deleted first: {shown}{}",
            users.len(),
            if users.len() > 5 { ", …" } else { "" }
        );
        let mut status = broker.status().cloned().unwrap_or_default();
        report(&mut status, (Status::False, reason::DELETION_BLOCKED_BY_INSTANCES, &message), &clock::now());
        write::<S>(context, broker, status).await?;
        return Ok(Action::await_change());
    }
    let name = broker.name_any();
    let owner = owner(&broker);
    for plan in S::Plan::cache(&context.caches).state() {
        let is_managed = is_managed(plan.as_ref(), &plan.common().external_id, &owner);
        if is_managed && plan.broker_name() == name && is_for::<S>(plan.as_ref(), &broker) {
            delete(context, plan.as_ref()).await?;
        }
    }
    for class in S::Class::cache(&context.caches).state() {
        let is_managed = is_managed(class.as_ref(), &class.common().external_id, &owner);
        if is_managed && class.broker_name() == name && is_for::<S>(class.as_ref(), &broker) {
            delete(context, class.as_ref()).await?;
        }
    }
    context.metrics.forget_broker(&name, broker.namespace().as_deref());
    context.brokers.forget(&BrokerName::of(&broker));
    context.remove_finalizer(&broker).await?;
    Ok(Action::await_change())
}

async fn delete<K: Kind>(context: &Context, entry: &K) -> Result<(), Error> {
    let _permit = context.api.permit(namespace(entry)).await;
    let deleted = entry.api_of(&context.api.client).delete(&entry.name_any(), &DeleteParams::default()).await;
    match deleted.during("deleting a class or plan") {
        Err(error) if !error.is_not_found() => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The instances that the broker holds, or may hold.
fn instances_of<S: Scope>(context: &Context, broker: &S::Broker) -> Vec<String> {
    let name = broker.name_any();
    let uses = |instance: &crate::crd::ServiceInstance| {
        let status = instance.status.as_ref()?;
        let properties = status.external_properties.as_ref().or(status.in_progress_properties.as_ref());
        let asked = properties.map(|properties| properties.broker_name.as_str());
        let left = status.orphans.iter().map(|orphan| orphan.broker_name.as_str());
        asked.into_iter().chain(left).any(|broker| broker == name).then_some(())
    };
    let mut users: Vec<String> = context
        .caches
        .instances
        .state()
        .iter()
        .filter(|instance| PlanReference::of(&instance.spec).namespaced == S::NAMESPACED)
        .filter(|instance| is_for::<S>(broker, instance.as_ref()))
        .filter(|instance| uses(instance.as_ref()).is_some())
        .map(|instance| format!("{}/{}", namespace(instance.as_ref()), instance.name_any()))
        .collect();
    users.sort();
    users
}
