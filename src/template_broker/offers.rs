//! Which templates does the broker offer? Those of the chart, which are files, and those in some namespaces, which are
//! watched. Of two with the same name, the one in the cluster counts.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use kube::Client;
use kube::discovery::Discovery;
use serde_json::json;
use tracing::{info, warn};
use uuid::Uuid;

use super::error::Error;
use crate::crd::template::Template;
use crate::osb::{MaintenanceInfo, Service};
use crate::template::{Definition, Images, Platform};

/// The most templates that are offered. A plan's schemas and texts are in the catalog, which the operator limits.
const MAX_TEMPLATES: usize = 1000;

/// A template that is offered.
#[derive(Clone)]
pub struct Offer {
    /// The template, parsed.
    pub definition: Definition,
    /// The template.
    pub template: Template,
}

impl Offer {
    /// Checks that the platform has seen this version of the template in the catalog.
    pub fn check_version(&self, wanted: Option<&MaintenanceInfo>) -> Result<(), Error> {
        match wanted {
            Some(wanted) if wanted.version != self.definition.version => Err(Error::MaintenanceInfoConflict),
            _ => Ok(()),
        }
    }
}

/// All that is offered.
#[derive(Default)]
struct Catalog {
    by_service: BTreeMap<String, Arc<Offer>>,
    json: String,
    etag: String,
}

/// The templates that are offered now.
pub struct Offers {
    /// Images for templates of OpenShift.
    table: Images,
    catalog: RwLock<Option<Arc<Catalog>>>,
}

impl Offers {
    /// No templates are known yet.
    pub fn new(table: Images) -> Self {
        Self { table, catalog: RwLock::default() }
    }

    /// Whether the templates were listed.
    pub fn are_known(&self) -> bool {
        self.current().is_some()
    }

    /// The catalog as JSON, and its entity tag.
    pub fn catalog(&self) -> (String, String) {
        self.current().map(|catalog| (catalog.etag.clone(), catalog.json.clone())).unwrap_or_default()
    }

    /// The template of a service.
    pub fn find(&self, service_id: &str) -> Result<Arc<Offer>, Error> {
        let offer = self.current().and_then(|catalog| catalog.by_service.get(service_id).cloned());
        offer.ok_or_else(|| Error::BadRequest("no template offers this service (any more)".to_owned()))
    }

    /// Images for triggers.
    pub fn images(&self) -> &Images {
        &self.table
    }

    /// A template that was offered before, for example that of an instance.
    pub fn read(&self, template: &Template) -> Result<Definition, Error> {
        let platform = Platform { images: Some(self.images()), is_served: &|_, _| true };
        let read = Definition::parse(template, &platform);
        read.map_err(|problems| {
            Error::BadRequest(format!("the template of the instance is unusable: {problems}"))
        })
    }

    /// Offers these templates from now on. Unusable ones are left out, and returned with the reasons. Returns the entity tag
    /// as well.
    pub fn offer(
        &self,
        templates: Vec<Template>,
        is_served: &dyn Fn(&str, &str) -> bool,
    ) -> (String, Vec<(Template, String)>) {
        let platform = Platform { images: Some(self.images()), is_served };
        let (mut by_service, mut services) = (BTreeMap::new(), BTreeMap::<String, Service>::new());
        let mut rejected = Vec::new();
        for template in templates {
            match Definition::parse(&template, &platform) {
                Err(problems) => rejected.push((template, problems.to_string())),
                Ok(_) if by_service.len() >= MAX_TEMPLATES => {
                    rejected.push((template, format!("there are more than {MAX_TEMPLATES} templates")));
                }
                // The later ones are those in the cluster.
                Ok(definition) => {
                    let former = services.insert(definition.name.clone(), definition.service());
                    if let Some(former) = former {
                        by_service.remove(&former.id);
                    }
                    by_service
                        .insert(definition.service_id.clone(), Arc::new(Offer { definition, template }));
                }
            }
        }
        let json = json!({"services": services.into_values().collect::<Vec<_>>()}).to_string();
        let etag = format!("\"{}\"", Uuid::new_v5(&Uuid::NAMESPACE_OID, json.as_bytes()));
        let catalog = Catalog { by_service, json, etag: etag.clone() };
        *self.catalog.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(catalog));
        (etag, rejected)
    }

    fn current(&self) -> Option<Arc<Catalog>> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Asks the API server which kinds it serves. Returns a predicate of API version and kind.
pub async fn served_kinds(client: &Client) -> Result<impl Fn(&str, &str) -> bool + use<>, kube::Error> {
    let discovery = Discovery::new(client.clone()).run_aggregated().await?;
    let mut kinds = std::collections::BTreeSet::new();
    for group in discovery.groups() {
        for version in group.versions() {
            kinds.extend(
                group.versioned_resources(version).into_iter().map(|(it, _)| (it.api_version, it.kind)),
            );
        }
    }
    info!(kinds = kinds.len(), "read the kinds that the API server serves");
    Ok(move |api_version: &str, kind: &str| kinds.contains(&(api_version.to_owned(), kind.to_owned())))
}

/// Logs what is left out.
pub fn log_rejected(rejected: &[(Template, String)]) {
    for (template, why) in rejected {
        warn!(
            template = template.metadata.name,
            namespace = template.metadata.namespace,
            why,
            "left a template out of the catalog"
        );
    }
}
