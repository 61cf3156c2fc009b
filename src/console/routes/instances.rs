//! `GET /ns/{namespace}/instances`

use std::collections::{BTreeSet, HashMap};

use crate::console::state::{State, state_of};
use crate::crd::{ServiceBinding, ServiceInstance};
use axum::Extension;
use axum::extract::{Path, Query};
use futures::try_join;
use serde::Deserialize;

use super::permitted::permitted;
use crate::console::answer::failure::Failure;
use crate::console::answer::page::{Page, Section};
use crate::console::kube_api::Selection;
use crate::console::pages::instances::{InstancesPage, Row, page};
use crate::console::request::visit::Visiting;
use crate::console::views::instance::Instance;

/// The query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Filter {
    state: String,
    class: String,
}

/// The instances of a namespace.
pub async fn show(
    Extension(visit): Visiting,
    Path(namespace): Path<String>,
    Query(filter): Query<Filter>,
) -> Result<Page, Failure> {
    let all = Selection::default();
    let (instances, bindings) =
        try_join!(visit.cluster.list::<ServiceInstance>(Some(&namespace), &all), async {
            permitted(visit.cluster.list::<ServiceBinding>(Some(&namespace), &all).await)
        },)?;
    let (now, language) = (visit.now, visit.language());
    let counts = bindings_by_instance(bindings.as_deref());
    let rows = instances.iter().map(|instance| row(instance, state_of(instance, now), counts.as_ref()));
    let mut rows: Vec<Row> = rows.collect();
    let total = rows.len();
    let choices = |of: &dyn Fn(&Row) -> String| {
        rows.iter()
            .map(of)
            .filter(|text| !text.is_empty())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    };
    let states = choices(&|row| row.state.word.text(language));
    let classes = choices(&|row| row.instance.class_name.clone());
    rows.retain(|row| {
        let is = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        is(&filter.state, &row.state.word.text(language)) && is(&filter.class, &row.instance.class_name)
    });
    let content = InstancesPage {
        rows: &rows,
        total,
        namespace: &namespace,
        states: &states,
        classes: &classes,
        state: &filter.state,
        class: &filter.class,
    };
    Ok(Page::new(Section::Instances, language.pick("Instances", "实例"), page(&content, now, language)))
}

/// How many bindings each instance has; `None` if the user may not list them.
pub fn bindings_by_instance(bindings: Option<&[ServiceBinding]>) -> Option<HashMap<&str, usize>> {
    let mut counts = HashMap::new();
    for binding in bindings? {
        *counts.entry(binding.spec.instance_ref.name.as_str()).or_default() += 1;
    }
    Some(counts)
}

/// An instance in a list.
pub fn row(instance: &ServiceInstance, state: State, counts: Option<&HashMap<&str, usize>>) -> Row {
    let instance = Instance::of(instance);
    let bindings = counts.map(|counts| counts.get(instance.name.as_str()).copied().unwrap_or_default());
    Row { instance, state, bindings }
}
