//! What changes an object with one request: `GET …/{action}` asks, `POST …/{action}` does it.

use std::collections::HashMap;

use crate::console::state::{Action, Change, Offering, Subject, actions_of};
use crate::crd::{ClusterServiceBroker, ServiceBinding, ServiceBroker, ServiceInstance};
use axum::Extension;
use axum::extract::Path;
use axum::response::Redirect;
use jiff::Timestamp;

use crate::console::answer::failure::{Attempt, Failure};
use crate::console::answer::page::{Page, Section};
use crate::console::kube_api::{Cluster, Known, Rights};
use crate::console::pages::actions::{AT, Offered, SEEN, confirmation, counter, of_segment};
use crate::console::request::form::Form;
use crate::console::request::visit::{Visit, Visiting};
use crate::console::views::{binding, broker, instance, offering::Scope};

/// A kind whose objects users act on.
pub trait Acted: Known + Sync + 'static {
    /// The section of its pages.
    const SECTION: Section;

    /// The object for its state.
    fn subject(&self) -> Subject<'_>;

    /// The address of its page.
    fn address(&self) -> String;
}

macro_rules! acted {
    ($($kind:ty: $section:ident, |$namespace:ident, $name:ident| $address:expr;)+) => {
        $(impl Acted for $kind {
            const SECTION: Section = Section::$section;

            fn subject(&self) -> Subject<'_> {
                self.into()
            }

            fn address(&self) -> String {
                let $namespace = self.metadata.namespace.as_deref().unwrap_or_default();
                let $name = self.metadata.name.as_deref().unwrap_or_default();
                $address
            }
        })+
    };
}

acted! {
    ServiceInstance: Instances, |namespace, name| instance::address(namespace, name);
    ServiceBinding: Instances, |namespace, name| binding::address(namespace, name);
    ServiceBroker: Brokers, |namespace, name| broker::address(&Scope::Namespace(namespace.to_owned()), name);
    ClusterServiceBroker: Brokers, |_namespace, name| broker::address(&Scope::Cluster, name);
}

/// The parts of the address: `namespace`, `name` and `action`.
type Parts = Path<HashMap<String, String>>;

/// What the user may do with an object in its state.
pub async fn permitted_actions<K: Acted>(
    cluster: &Cluster,
    object: &K,
    is_bindable: bool,
    now: Timestamp,
) -> Vec<Action> {
    let subject = object.subject();
    let sensible = actions_of(subject, Offering { is_bindable }, now);
    let namespace = object.meta().namespace.as_deref();
    let rights = cluster.rights(namespace.unwrap_or("default")).await;
    let mut permitted = Vec::new();
    for action in sensible {
        if may(&rights, action, subject, namespace).await {
            permitted.push(action);
        }
    }
    permitted
}

async fn may(rights: &Rights, action: Action, subject: Subject<'_>, namespace: Option<&str>) -> bool {
    let right = action.right(subject.kind());
    let name = if right.resource == subject.kind().resource() { subject.name() } else { "" };
    match namespace {
        Some(_) => rights.may(right.verb, right.group, right.resource, name).await,
        None => rights.may_in_cluster(right.verb, right.group, right.resource, name).await,
    }
}

/// Refuses to ask for an action that the user may not take: the answer would be in vain.
pub async fn require<K: Acted>(cluster: &Cluster, object: &K, action: Action) -> Result<(), Failure> {
    let (subject, namespace) = (object.subject(), object.meta().namespace.as_deref());
    if may(&cluster.rights(namespace.unwrap_or("default")).await, action, subject, namespace).await {
        return Ok(());
    }
    let right = action.right(subject.kind());
    let resource = [right.resource, right.group].into_iter().filter(|part| !part.is_empty());
    let attempt = Attempt {
        verb: right.verb,
        resource: resource.collect::<Vec<_>>().join("."),
        namespace: namespace.map(str::to_owned),
        name: Some(subject.name().to_owned()),
    };
    Err(Failure::Refused(attempt, String::new()))
}

/// Asks before an action.
pub async fn ask<K: Acted>(Extension(visit): Visiting, parts: Parts) -> Result<Page, Failure> {
    let (object, action) = read::<K>(&visit, &parts).await?;
    require(&visit.cluster, &object, action).await?;
    let address = object.address();
    let offered = Offered { subject: object.subject(), address: &address, actions: &[], now: visit.now };
    let title = action.label(visit.language());
    Ok(Page::new(K::SECTION, title, confirmation(&offered, action, &visit)))
}

/// Does it, and goes back to the object's page.
pub async fn act<K: Acted>(
    Extension(visit): Visiting,
    parts: Parts,
    Extension(form): Extension<Form>,
) -> Result<Redirect, Failure> {
    let (object, action) = read::<K>(&visit, &parts).await?;
    let subject = object.subject();
    let at = form.value(AT).parse().unwrap_or(visit.now);
    let has_counted = form.value(SEEN).parse::<i64>().is_ok_and(|seen| seen < counter(subject));
    let counts = matches!(action, Action::Upgrade | Action::TryNow | Action::Relist);
    if let Change::Patch(change) = action.change(subject, at)
        && !(counts && has_counted)
    {
        let namespace = object.meta().namespace.as_deref();
        visit.cluster.patch::<K>(namespace, subject.name(), &change).await?;
    }
    Ok(Redirect::to(&object.address()))
}

/// The object and the action of an address. What needs a page of its own, or asks for more, has a route of its own.
async fn read<K: Acted>(visit: &Visit, parts: &Parts) -> Result<(K, Action), Failure> {
    let part = |name: &str| parts.get(name).map(String::as_str);
    let action = part("action").and_then(of_segment).ok_or(Failure::NotFound)?;
    let object: K = visit.cluster.get(part("namespace"), part("name").unwrap_or_default()).await?;
    match action.change(object.subject(), visit.now) {
        Change::Patch(_) => Ok((object, action)),
        Change::Delete | Change::Page => Err(Failure::NotFound),
    }
}
