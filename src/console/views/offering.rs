//! A class of either scope: what is it, and which is its address in the console?

use crate::crd::class::CommonServiceClassSpec;
use crate::crd::{ClusterServiceClass, ServiceClass};
use serde_json::{Map, Value};

use super::icon::{Icon, Icons, Words};
use super::link::Link;
use super::metadata::{Metadata, line};
use crate::console::excerpt::cut;

/// The most tags that are shown.
const MAX_TAGS: usize = 20;

/// Where a class or broker is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// In the cluster, for all namespaces.
    Cluster,
    /// In a namespace.
    Namespace(String),
}

impl Scope {
    /// The part of an address that stands for the scope: `cluster`, or `ns.` and the namespace. No namespace has a dot
    /// in its name, so the two do not collide.
    pub fn segment(&self) -> String {
        match self {
            Self::Cluster => "cluster".to_owned(),
            Self::Namespace(name) => format!("ns.{name}"),
        }
    }

    /// The scope of such a part.
    pub fn of_segment(text: &str) -> Option<Self> {
        match text.strip_prefix("ns.") {
            Some(name) => {
                crate::console::kube_api::is_namespace(name).then(|| Self::Namespace(name.to_owned()))
            }
            None => (text == "cluster").then_some(Self::Cluster),
        }
    }

    /// The namespace.
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Self::Cluster => None,
            Self::Namespace(name) => Some(name),
        }
    }
}

/// A class of either scope.
pub struct Offering {
    /// Where it is.
    pub scope: Scope,
    /// Its Kubernetes name.
    pub name: String,
    /// Its name in the broker's catalog.
    pub external_name: String,
    /// Its name for people.
    pub title: String,
    /// Who provides the service; may be empty.
    pub provider: String,
    /// The broker.
    pub broker: String,
    /// What it is, in a line or two; may be empty.
    pub summary: String,
    /// What it is, at length.
    pub paragraphs: Vec<String>,
    /// Tags, which serve as categories.
    pub tags: Vec<String>,
    /// Whether instances can be bound, unless the plan says otherwise.
    pub bindable: bool,
    /// Whether instances can change to another plan, unless the plan says otherwise.
    pub plan_updatable: bool,
    /// The parameters that a new instance has unless its plan or itself sets them.
    pub defaults: Map<String, Value>,
    /// Whether the broker does not offer it any more.
    pub is_withdrawn: bool,
    /// The picture.
    pub icon: Icon,
    /// The documentation.
    pub documentation: Option<Link>,
    /// Where to get help.
    pub support: Option<Link>,
}

impl Offering {
    /// A cluster-wide class.
    pub fn of_cluster(class: &ClusterServiceClass, icons: &mut Icons) -> Self {
        let broker = &class.spec.cluster_service_broker_name;
        let is_withdrawn = class.status.as_ref().is_some_and(|status| status.removed_from_broker_catalog);
        let name = class.metadata.name.as_deref().unwrap_or_default();
        Self::of(Scope::Cluster, name, broker, &class.spec.common, is_withdrawn, icons)
    }

    /// A class of a namespace.
    pub fn of_namespace(class: &ServiceClass, icons: &mut Icons) -> Self {
        let broker = &class.spec.service_broker_name;
        let is_withdrawn = class.status.as_ref().is_some_and(|status| status.removed_from_broker_catalog);
        let name = class.metadata.name.as_deref().unwrap_or_default();
        let scope = Scope::Namespace(class.metadata.namespace.clone().unwrap_or_default());
        Self::of(scope, name, broker, &class.spec.common, is_withdrawn, icons)
    }

    fn of(
        scope: Scope,
        name: &str,
        broker: &str,
        spec: &CommonServiceClassSpec,
        is_withdrawn: bool,
        icons: &mut Icons,
    ) -> Self {
        let metadata = Metadata::of(spec.external_metadata.as_ref());
        let external_name = cut(&spec.external_name, 200);
        let words = Words { name: &external_name, tags: &spec.tags };
        Self {
            icon: icons.of_class(&metadata, &words),
            title: metadata.display_name().unwrap_or_else(|| external_name.clone()),
            provider: metadata.provider().unwrap_or_default(),
            broker: cut(broker, 253),
            summary: line(&spec.description).unwrap_or_default(),
            paragraphs: metadata.paragraphs(),
            tags: spec
                .tags
                .iter()
                .take(MAX_TAGS)
                .filter_map(|tag| line(tag))
                .map(|tag| cut(&tag, 60))
                .collect(),
            bindable: spec.bindable,
            plan_updatable: spec.plan_updatable,
            defaults: spec.default_provision_parameters.clone().unwrap_or_default(),
            is_withdrawn,
            documentation: metadata.documentation().and_then(Link::to),
            support: metadata.support().and_then(Link::to),
            scope,
            name: name.to_owned(),
            external_name,
        }
    }

    /// The address of its page.
    pub fn address(&self) -> String {
        class_address(&self.scope, &self.name)
    }
}

/// The address of a class's page.
pub fn class_address(scope: &Scope, name: &str) -> String {
    format!("/catalog/{}/{name}", scope.segment())
}
