//! Which templates does the broker offer?
//!
//! Templates are kept as text, and parsed when they are needed: parsed ones take up to fifty times the memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use kube::Client;
use kube::discovery::Discovery;
use serde_json::json;
use uuid::Uuid;

use super::error::Error;
use crate::crd::template::Template;
use crate::osb::{MaintenanceInfo, Service};
use crate::template::{Definition, Images, Platform};

/// A template that is offered.
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
    /// The texts of the templates, by the IDs of their services.
    by_service: BTreeMap<String, Arc<str>>,
    images: Arc<Images>,
    json: String,
    etag: String,
}

/// The templates that are offered now.
pub struct Offers {
    /// Images for templates of OpenShift.
    table: Images,
    catalog: RwLock<Option<Arc<Catalog>>>,
}

/// The kinds that the API server serves, as API version and kind.
pub type ServedKinds = BTreeSet<(String, String)>;

impl Offers {
    /// No templates are known yet.
    pub fn new(table: Images) -> Self {
        Self { table, catalog: RwLock::default() }
    }

    /// Whether the templates were listed.
    pub fn are_known(&self) -> bool {
        self.current().is_some()
    }

    /// The entity tag of the catalog, and the catalog as JSON.
    pub fn catalog(&self) -> Result<(String, String), Error> {
        let catalog = self.current().ok_or(Error::NotReady)?;
        Ok((catalog.etag.clone(), catalog.json.clone()))
    }

    /// The template of a service.
    pub fn find(&self, service_id: &str) -> Result<Offer, Error> {
        // Without a catalog, the broker has just been started: that is no refusal.
        let catalog = self.current().ok_or(Error::NotReady)?;
        let text = catalog
            .by_service
            .get(service_id)
            .ok_or_else(|| Error::BadRequest("no template offers this service (any more)".to_owned()))?;
        let template: Template =
            serde_json::from_str(text).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Offer { definition: Definition::read(&template)?, template })
    }

    /// Images for triggers.
    pub fn images(&self) -> Result<Arc<Images>, Error> {
        let catalog = self.current().ok_or(Error::NotReady)?;
        Ok(Arc::clone(&catalog.images))
    }

    /// Offers the templates with these texts from now on. Of two with one name, the first counts. Returns why others are
    /// left out, by their places, and the entity tag of the catalog.
    pub fn offer(&self, texts: &[Arc<str>], served: &ServedKinds) -> (BTreeMap<usize, String>, String) {
        let is_served =
            |api_version: &str, kind: &str| served.contains(&(api_version.to_owned(), kind.to_owned()));
        let images = if is_served("image.openshift.io/v1", "ImageStream") {
            self.table.beside_image_streams()
        } else {
            self.table.clone()
        };
        let platform = Platform { images: &images, is_served: &is_served };
        let (mut by_service, mut services) = (BTreeMap::new(), BTreeMap::<String, Service>::new());
        let mut left_out = BTreeMap::new();
        for (place, text) in texts.iter().enumerate() {
            let read = serde_json::from_str::<Template>(text).map_err(|error| error.to_string());
            let read = read.and_then(|template| {
                Definition::parse(&template, &platform).map_err(|problems| problems.to_string())
            });
            match read {
                Err(why) => drop(left_out.insert(place, why)),
                Ok(definition) if services.contains_key(&definition.name) => {
                    let why =
                        format!("another template is offered as {}: choose another name", definition.name);
                    left_out.insert(place, why);
                }
                Ok(definition) => {
                    by_service.insert(definition.service_id.clone(), Arc::clone(text));
                    services.insert(definition.name.clone(), definition.service());
                }
            }
        }
        let json = json!({"services": services.into_values().collect::<Vec<_>>()}).to_string();
        let etag = format!("\"{}\"", Uuid::new_v5(&Uuid::NAMESPACE_OID, json.as_bytes()));
        let catalog = Catalog { by_service, images: Arc::new(images), json, etag: etag.clone() };
        *self.catalog.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(catalog));
        (left_out, etag)
    }

    fn current(&self) -> Option<Arc<Catalog>> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Asks the API server which kinds it serves.
pub async fn served_kinds(client: &Client) -> Result<ServedKinds, kube::Error> {
    let discovery = Discovery::new(client.clone()).run_aggregated().await?;
    let mut kinds = ServedKinds::new();
    for group in discovery.groups() {
        for version in group.versions() {
            let resources = group.versioned_resources(version).into_iter();
            kinds.extend(resources.map(|(resource, _)| (resource.api_version, resource.kind)));
        }
    }
    Ok(kinds)
}
