//! Where does what the broker of a binding gives go?

use std::collections::BTreeMap;

use tracing::info;

use super::execution::Execution;
use crate::crd::binding::SecretData;
use crate::domain::Outcome;
use crate::domain::binding::Validity;
use crate::domain::credentials::{self, Meta, secret_data, sources};
use crate::osb::BindResponse;
use crate::reconcilers::error::Error;
use crate::reconcilers::secrets::{self, Place};

/// What the Secret is made of, besides the credentials.
pub(super) struct Prepared {
    place: Place,
    /// The entries of the Secrets that the transforms name.
    found: BTreeMap<String, SecretData>,
}

impl Execution<'_> {
    /// Looks whether credentials can be stored; else why not.
    pub(super) async fn prepare(&self) -> Result<Result<Prepared, String>, Error> {
        let place = secrets::place(self.context, self.binding).await?;
        if let Place::Taken = place {
            return Ok(Err(self.taken()));
        }
        let transforms = &self.binding.spec.secret_transforms;
        let names = match sources(transforms, self.namespace) {
            Ok(names) => names,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let mut found = BTreeMap::new();
        for name in names {
            if let Some(entries) = secrets::entries(self.context, self.namespace, name).await? {
                found.insert(name.to_owned(), entries);
            }
        }
        let checked = credentials::check(transforms, &found, self.namespace);
        Ok(checked.map(|()| Prepared { place, found }).map_err(|error| error.to_string()))
    }

    /// Writes the credentials to the Secret. If that is impossible, what the broker gave is of no use.
    pub(super) async fn store(
        &self,
        body: BindResponse,
        prepared: Option<Prepared>,
    ) -> Result<Outcome, Error> {
        let prepared = match prepared {
            Some(prepared) => Ok(prepared),
            None => self.prepare().await?,
        };
        let Prepared { place, found } = match prepared {
            Ok(prepared) => prepared,
            Err(why) => return Ok(Outcome::Unusable(why)),
        };
        let spec = &self.binding.spec;
        let described = &self.facts.described;
        let meta = Meta {
            namespace: self.namespace,
            type_: &spec.type_,
            provider: &spec.provider,
            service: &described.service,
            tags: &described.tags,
            plan_metadata: described.plan_metadata.as_ref(),
            class_metadata: described.class_metadata.as_ref(),
            broker: &described.broker,
        };
        let validity = Validity::of(body.metadata.as_ref());
        let credentials = body.credentials.map(|object| object.0).unwrap_or_default();
        let entries = match secret_data(&credentials, &spec.secret_transforms, &found, &meta) {
            Ok(entries) => entries,
            Err(error) => return Ok(Outcome::Unusable(error.to_string())),
        };
        for warning in &entries.warnings {
            info!(warning, "the credentials were changed to fit a Secret");
        }
        self.write(place, entries.data, validity).await
    }

    async fn write(&self, place: Place, data: SecretData, validity: Validity) -> Result<Outcome, Error> {
        Ok(match secrets::write(self.context, self.binding, place, data).await? {
            Some(digest) => Outcome::Stored { digest, validity },
            None => Outcome::Unusable(self.taken()),
        })
    }

    fn taken(&self) -> String {
        let name = self.binding.secret_name();
        format!("the Secret {name:?} exists and is not this binding's: it is left alone")
    }

    /// Puts our label on a Secret that service-catalog wrote; its entries stay as they are.
    pub(super) async fn adopt(&self) -> Result<Outcome, Error> {
        match secrets::place(self.context, self.binding).await? {
            Place::Own(secret) => {
                let data = secret.data.clone().unwrap_or_default();
                self.write(Place::Own(secret), data, Validity::default()).await
            }
            Place::Free | Place::Taken => Ok(Outcome::NotAsked("the Secret is gone".to_owned())),
        }
    }
}
