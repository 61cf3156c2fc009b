//! `GET /brokers`, `GET /ns/{namespace}/brokers`

use std::collections::HashMap;

use crate::console::state::state_of;
use crate::crd::{ClusterServiceBroker, GROUP, ServiceBroker};
use axum::Extension;
use axum::extract::Path;
use futures::join;

use crate::console::answer::failure::{Attempt, Failure};
use crate::console::answer::page::{Page, Section};
use crate::console::kube_api::Selection;
use crate::console::pages::brokers::{BrokersPage, Row, page};
use crate::console::request::visit::{Visit, Visiting};
use crate::console::views::broker::Broker;
use crate::console::views::offering::Scope;

/// The brokers of the cluster and of the namespace.
pub async fn show(
    Extension(visit): Visiting,
    Path(parts): Path<HashMap<String, String>>,
) -> Result<Page, Failure> {
    let namespace = parts.get("namespace").unwrap_or(&visit.namespace);
    let all = Selection::default();
    let (in_cluster, own) = join!(
        visit.cluster.list::<ClusterServiceBroker>(None, &all),
        visit.cluster.list::<ServiceBroker>(Some(namespace), &all),
    );
    let mut refused = Vec::new();
    let (in_cluster, own) = (unless_refused(in_cluster, &mut refused)?, unless_refused(own, &mut refused)?);
    let (now, language) = (visit.now, visit.language());
    let in_cluster = in_cluster
        .iter()
        .map(|broker| Row { broker: Broker::of_cluster(broker), state: state_of(broker, now) });
    let own =
        own.iter().map(|broker| Row { broker: Broker::of_namespace(broker), state: state_of(broker, now) });
    let rows: Vec<Row> = in_cluster.chain(own).collect();
    let forms = permitted_forms(&visit, namespace).await;
    let content = BrokersPage { rows: &rows, refused: &refused, namespace, forms: &forms };
    Ok(Page::new(Section::Brokers, language.pick("Brokers", "服务代理"), page(&content, now, language)))
}

/// Where the user may register a broker.
async fn permitted_forms(visit: &Visit, namespace: &str) -> Vec<Scope> {
    let rights = visit.cluster.rights(namespace).await;
    let mut forms = Vec::new();
    if rights.may_in_cluster("create", GROUP, "clusterservicebrokers", "").await {
        forms.push(Scope::Cluster);
    }
    if rights.may("create", GROUP, "servicebrokers", "").await {
        forms.push(Scope::Namespace(namespace.to_owned()));
    }
    forms
}

fn unless_refused<K>(result: Result<Vec<K>, Failure>, refused: &mut Vec<Attempt>) -> Result<Vec<K>, Failure> {
    match result {
        Err(Failure::Refused(attempt, _)) => {
            refused.push(attempt);
            Ok(Vec::new())
        }
        result => result,
    }
}
