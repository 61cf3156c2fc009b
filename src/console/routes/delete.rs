//! Deletions: `GET …/delete` asks and says what follows, `POST …/delete` does it.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::console::state::{Action, Change, Consequences, DeletionPolicy, Subject, consequences_of};
use crate::crd::{ServiceBinding, ServiceInstance};
use axum::Extension;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use futures::try_join;
use k8s_openapi::api::core::v1::Pod;

use super::act::{Acted, require};
use super::permitted::permitted;
use crate::console::answer::failure::Failure;
use crate::console::answer::page::Page;
use crate::console::kube_api::{Cluster, Selection};
use crate::console::pages::actions::Offered;
use crate::console::pages::deletion::{DeletionPage, NAME, POLICY, page, value};
use crate::console::request::form::Form;
use crate::console::request::visit::{Visit, Visiting};
use crate::console::views::{instance, workloads};

/// The policies, in the order in which a page offers them.
const POLICIES: [DeletionPolicy; 3] = [DeletionPolicy::Wait, DeletionPolicy::Cascade, DeletionPolicy::Retain];

/// An object that is to be deleted, and what follows from that.
struct Deletion<K> {
    object: K,
    /// One for each policy that can be chosen.
    choices: Vec<Consequences>,
    must_type_name: bool,
}

/// `namespace` and `name`.
type Named = Path<(String, String)>;

/// Asks before an instance is deleted.
pub async fn ask_instance(
    Extension(visit): Visiting,
    Path((namespace, name)): Named,
) -> Result<Page, Failure> {
    let deletion = of_instance(&visit.cluster, &namespace, &name).await?;
    require(&visit.cluster, &deletion.object, Action::Delete).await?;
    Ok(show(&deletion, DeletionPolicy::of(&deletion.object), false, &visit))
}

/// Deletes an instance. What happens to its bindings and service is set first: the operator may act at once.
pub async fn instance(
    Extension(visit): Visiting,
    Path((namespace, name)): Named,
    Extension(form): Extension<Form>,
) -> Result<Response, Failure> {
    let deletion = of_instance(&visit.cluster, &namespace, &name).await?;
    let current = DeletionPolicy::of(&deletion.object);
    let chosen = POLICIES.into_iter().find(|policy| value(*policy) == form.value(POLICY)).unwrap_or(current);
    if deletion.must_type_name && form.value(NAME) != name {
        return Ok(show(&deletion, chosen, true, &visit).into_response());
    }
    if let Change::Patch(change) = chosen.change()
        && chosen != current
    {
        visit.cluster.patch::<ServiceInstance>(Some(&namespace), &name, &change).await?;
    }
    delete(&visit.cluster, &deletion.object).await?;
    Ok(Redirect::to(&format!("/ns/{namespace}/instances")).into_response())
}

/// Asks before a binding is deleted.
pub async fn ask_binding(
    Extension(visit): Visiting,
    Path((namespace, name)): Named,
) -> Result<Page, Failure> {
    let object: ServiceBinding = visit.cluster.get(Some(&namespace), &name).await?;
    require(&visit.cluster, &object, Action::Delete).await?;
    let pods = permitted(visit.cluster.list::<Pod>(Some(&namespace), &Selection::default()).await)?;
    let consumers = workloads::of(std::slice::from_ref(&object), pods.as_deref().unwrap_or_default());
    let choices = vec![consequences_of(&object, &[], &consumers)];
    let deletion = Deletion { object, choices, must_type_name: false };
    Ok(show(&deletion, DeletionPolicy::Wait, false, &visit))
}

/// Deletes a binding.
pub async fn binding(
    Extension(visit): Visiting,
    Path((namespace, name)): Named,
) -> Result<Redirect, Failure> {
    let object: ServiceBinding = visit.cluster.get(Some(&namespace), &name).await?;
    delete(&visit.cluster, &object).await?;
    Ok(Redirect::to(&instance::address(&namespace, &object.spec.instance_ref.name)))
}

/// The parts of a broker's address: `name`, and `namespace` unless it is cluster-wide.
type BrokerParts = Path<HashMap<String, String>>;

/// Asks before a broker is deleted.
pub async fn ask_broker<K: Acted>(Extension(visit): Visiting, parts: BrokerParts) -> Result<Page, Failure> {
    let object = read_broker::<K>(&visit.cluster, &parts).await?;
    require(&visit.cluster, &object, Action::Delete).await?;
    let choices = vec![consequences_of(object.subject(), &[], &[])];
    let deletion = Deletion { object, choices, must_type_name: false };
    Ok(show(&deletion, DeletionPolicy::Wait, false, &visit))
}

/// Deletes a broker.
pub async fn broker<K: Acted>(Extension(visit): Visiting, parts: BrokerParts) -> Result<Redirect, Failure> {
    let object = read_broker::<K>(&visit.cluster, &parts).await?;
    delete(&visit.cluster, &object).await?;
    Ok(Redirect::to("/brokers"))
}

async fn read_broker<K: Acted>(cluster: &Cluster, parts: &BrokerParts) -> Result<K, Failure> {
    let name = parts.get("name").map(String::as_str).unwrap_or_default();
    cluster.get(parts.get("namespace").map(String::as_str), name).await
}

async fn of_instance(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Result<Deletion<ServiceInstance>, Failure> {
    let of_instance = Selection::fields(format!("spec.instanceRef.name={name}"));
    let (object, bindings, pods) = try_join!(
        cluster.get::<ServiceInstance>(Some(namespace), name),
        async { permitted(cluster.list::<ServiceBinding>(Some(namespace), &of_instance).await) },
        async { permitted(cluster.list::<Pod>(Some(namespace), &Selection::default()).await) },
    )?;
    let bindings = bindings.unwrap_or_default();
    let consumers = workloads::of(&bindings, pods.as_deref().unwrap_or_default());
    let consequences = consequences_of(&object, &bindings, &consumers);
    // Without bindings, there is nothing to wait for.
    let is_choice = |policy: &DeletionPolicy| !bindings.is_empty() || *policy != DeletionPolicy::Cascade;
    let choices = POLICIES.into_iter().filter(is_choice);
    let choices = choices.map(|policy| Consequences { policy, ..consequences.clone() }).collect();
    Ok(Deletion { object, choices, must_type_name: !bindings.is_empty() })
}

fn show<K: Acted>(
    deletion: &Deletion<K>,
    chosen: DeletionPolicy,
    is_name_wrong: bool,
    visit: &Visit,
) -> Page {
    let (subject, address, now) = (deletion.object.subject(), deletion.object.address(), visit.now);
    let commands: Vec<String> =
        deletion.choices.iter().map(|choice| commands(subject, choice.policy)).collect();
    let content = DeletionPage {
        offered: Offered { subject, address: &address, actions: &[], now },
        choices: &deletion.choices,
        chosen,
        must_type_name: deletion.must_type_name,
        is_name_wrong,
        commands: &commands,
    };
    let language = visit.language();
    Page::new(K::SECTION, language.pick("Delete", "删除"), page(&content, visit))
}

/// The command lines of a choice.
fn commands(subject: Subject<'_>, policy: DeletionPolicy) -> String {
    let is_new = DeletionPolicy::of(subject) != policy;
    let changes = is_new.then(|| policy.change()).into_iter().chain([Change::Delete]);
    changes.filter_map(|change| change.kubectl(subject)).collect::<Vec<_>>().join("\n")
}

async fn delete<K: Acted>(cluster: &Cluster, object: &K) -> Result<(), Failure> {
    let metadata = object.meta();
    let uid = metadata.uid.as_deref().unwrap_or_default();
    cluster
        .delete::<K>(metadata.namespace.as_deref(), metadata.name.as_deref().unwrap_or_default(), uid)
        .await
}
