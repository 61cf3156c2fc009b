//! Stores the credentials of a broker in the binding's Secret.

use std::collections::BTreeMap;

use tracing::info;

use super::offering::Described;
use crate::crd::ServiceBinding;
use crate::crd::binding::SecretData;
use crate::domain::Outcome;
use crate::domain::credentials::{self, Meta, secret_data, sources};
use crate::domain::validity::Validity;
use crate::osb::BindResponse;
use crate::raw_json::RawJson;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::{Error, Explained};
use crate::reconcilers::secrets::SecretSlot;

/// What the Secret is made from, besides the credentials.
pub(super) struct Prepared {
    slot: SecretSlot,
    /// The entries of the Secrets to which `spec.secretTransforms` refers, by name.
    found: BTreeMap<String, SecretData>,
}

/// Everything that is needed to write a binding's Secret.
pub(super) struct Storage<'a> {
    pub(super) context: &'a Context,
    pub(super) binding: &'a ServiceBinding,
    pub(super) namespace: &'a str,
    pub(super) described: &'a Described,
}

impl Storage<'_> {
    /// Checks, before the broker is called, that credentials can be stored.
    pub(super) async fn prepare(&self) -> Result<Explained<Prepared>, Error> {
        let slot = self.context.binding_secrets.slot(self.binding).await?;
        if let SecretSlot::Foreign = slot {
            return Ok(Err(self.foreign_secret()));
        }
        let transforms = &self.binding.spec.secret_transforms;
        let names = match sources(transforms, self.namespace) {
            Ok(names) => names,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let mut found = BTreeMap::new();
        for name in names {
            if let Some(entries) = self.context.referenced_secrets.entries(self.namespace, name).await? {
                found.insert(name.to_owned(), entries);
            }
        }
        let checked = credentials::check(transforms, &found, self.namespace);
        Ok(checked.map(|()| Prepared { slot, found }).map_err(|error| error.to_string()))
    }

    /// Writes the credentials to the Secret. If that is impossible, the binding at the broker is unusable.
    pub(super) async fn store(
        &self,
        body: BindResponse,
        prepared: Option<Prepared>,
    ) -> Result<Outcome, Error> {
        let prepared = match prepared {
            Some(prepared) => Ok(prepared),
            None => self.prepare().await?,
        };
        let Prepared { slot, found } = match prepared {
            Ok(prepared) => prepared,
            Err(why) => return Ok(Outcome::Unusable(why)),
        };
        let spec = &self.binding.spec;
        let described = self.described;
        let plan_metadata = described.plan_metadata.as_ref().map(RawJson::value);
        let class_metadata = described.class_metadata.as_ref().map(RawJson::value);
        let meta = Meta {
            namespace: self.namespace,
            type_: &spec.type_,
            provider: &spec.provider,
            service: &described.service,
            tags: &described.tags,
            plan_metadata: plan_metadata.as_ref(),
            class_metadata: class_metadata.as_ref(),
            broker: &described.broker,
        };
        let validity = Validity::of(body.metadata.as_ref());
        let credentials = body.credentials.map(|object| object.0).unwrap_or_default();
        let entries = match secret_data(&credentials, &spec.secret_transforms, &found, &meta) {
            Ok(entries) => entries,
            Err(error) => return Ok(Outcome::Unusable(error.to_string())),
        };
        for warning in &entries.warnings {
            info!(warning, "renamed a key that is not valid in a Secret");
        }
        self.write(slot, entries.data, validity).await
    }

    async fn write(&self, slot: SecretSlot, data: SecretData, validity: Validity) -> Result<Outcome, Error> {
        match self.context.binding_secrets.write(self.binding, slot, data).await {
            Ok(Some(digest)) => Ok(Outcome::Stored { digest, validity }),
            Ok(None) => Ok(Outcome::Unusable(self.foreign_secret())),
            Err(error) => match error.refusal() {
                Some(why) => {
                    let name = self.binding.secret_name();
                    Ok(Outcome::Unusable(format!("the API server rejected the Secret {name:?}: {why}")))
                }
                None => Err(error),
            },
        }
    }

    fn foreign_secret(&self) -> String {
        let name = self.binding.secret_name();
        format!(
            "the Secret {name:?} exists and does not belong to this binding: delete it, or create a binding with \
             another spec.secretName"
        )
    }

    /// Adopts a Secret that the archived service-catalog wrote: labels it, and leaves its entries as they are.
    pub(super) async fn adopt(&self) -> Result<Outcome, Error> {
        match self.context.binding_secrets.slot(self.binding).await? {
            SecretSlot::Ours(secret) => {
                let data = secret.data.clone().unwrap_or_default();
                self.write(SecretSlot::Ours(secret), data, Validity::default()).await
            }
            SecretSlot::Vacant | SecretSlot::Foreign => {
                Ok(Outcome::NotCalled("the Secret was deleted during the adoption".to_owned()))
            }
        }
    }
}
