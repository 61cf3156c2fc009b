//! Stores the credentials of a broker in the binding's Secret.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::info;

use super::offering::Described;
use crate::crd::ServiceBinding;
use crate::crd::binding::SecretData;
use crate::domain::Outcome;
use crate::domain::credentials::{Additions, Entries, Meta, check, digest, secret_data, sources};
use crate::domain::validity::Validity;
use crate::osb::BindResponse;
use crate::raw_json::RawJson;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::{Error, Explained};
use crate::reconcilers::identity::uid;
use crate::reconcilers::secrets::{Covered, SecretSlot};

/// The entries of the Secrets to which `spec.secretTransforms` refers, by name.
type Sources = BTreeMap<String, SecretData>;

/// Everything that is needed to write a binding's Secret.
pub(super) struct Storage<'a> {
    pub(super) context: &'a Context,
    pub(super) binding: &'a ServiceBinding,
    pub(super) namespace: &'a str,
    pub(super) described: &'a Arc<Described>,
}

/// The prefix of the variables, if the entries become variables of containers.
pub(super) fn env_prefix(binding: &ServiceBinding) -> Option<&str> {
    let env_from = binding.spec.injection.as_ref()?.env_from.as_ref()?;
    Some(&env_from.prefix)
}

impl Storage<'_> {
    /// Checks, before the broker is called, that credentials can be stored. Returns the slot of the Secret.
    ///
    /// What `addKeysFrom` reads is not kept for the time of the call: it is megabytes for each binding that waits.
    pub(super) async fn prepare(&self) -> Result<Explained<SecretSlot>, Error> {
        let slot = self.context.binding_secrets.slot(self.binding).await?;
        if let SecretSlot::Foreign = slot {
            return Ok(Err(self.foreign_secret()));
        }
        if (matches!(slot, SecretSlot::Ours(_)) || self.has_failed())
            && let Some(why) = self.context.binding_secrets.refusal(self.binding, &slot).await?
        {
            return Ok(Err(self.refused(&why)));
        }
        let transforms = self.binding.spec.secret_transforms.clone();
        if transforms.is_empty() {
            return Ok(Ok(slot));
        }
        let turn = self.context.tenant_work.turn(self.namespace).await;
        let sources = match self.sources().await? {
            Ok(sources) => sources,
            Err(why) => return Ok(Err(why)),
        };
        let namespace = self.namespace.to_owned();
        let checked = turn.run(move || check(&transforms, &sources, &namespace));
        Ok(checked.await?.map(|()| slot).map_err(|error| error.to_string()))
    }

    /// Reads the Secrets to which `spec.secretTransforms` refers.
    async fn sources(&self) -> Result<Explained<Sources>, Error> {
        let names = match sources(&self.binding.spec.secret_transforms, self.namespace) {
            Ok(names) => names,
            Err(error) => return Ok(Err(error.to_string())),
        };
        self.context.referenced_secrets.sources(self.namespace, names).await
    }

    /// Writes the credentials to the Secret. If that is impossible, the binding at the broker is unusable. `is_repeated`: a
    /// former answer may have had credentials that this one leaves out.
    pub(super) async fn store(
        &self,
        body: BindResponse,
        slot: Option<SecretSlot>,
        is_repeated: bool,
    ) -> Result<Outcome, Error> {
        let slot = match slot {
            Some(slot) => Ok(slot),
            None => self.prepare().await?,
        };
        let slot = match slot {
            Ok(slot) => slot,
            Err(why) => return Ok(Outcome::Unusable(why)),
        };
        let validity = Validity::of(body.metadata.as_ref(), &body.ignored);
        let has_credentials = body.credentials.as_ref().is_some_and(|credentials| !credentials.0.is_empty());
        let entries = match self.entries(body).await? {
            Ok(entries) => entries,
            Err(why) => return Ok(Outcome::Unusable(why)),
        };
        // Credentials are never replaced by nothing. Some services have none: then the entries are the same as before.
        let known = self.binding.status.as_ref().map(|status| &*status.secret_digest).unwrap_or_default();
        let may_lose = if known.is_empty() { is_repeated } else { digest(&entries.data) != known };
        if !has_credentials && may_lose {
            return Ok(Outcome::NoCredentials);
        }
        for warning in &entries.warnings {
            info!(warning, "changed an entry of the Secret");
        }
        self.write(slot, entries.data, validity).await
    }

    async fn entries(&self, body: BindResponse) -> Result<Explained<Entries>, Error> {
        let turn = self.context.tenant_work.turn(self.namespace).await;
        let sources = match self.sources().await? {
            Ok(sources) => sources,
            Err(why) => return Ok(Err(why)),
        };
        let (binding, described) = (self.binding.clone(), Arc::clone(self.described));
        let namespace = self.namespace.to_owned();
        let entries = move || {
            let spec = &binding.spec;
            let plan_metadata = described.plan_metadata.as_ref().map(RawJson::value);
            let class_metadata = described.class_metadata.as_ref().map(RawJson::value);
            let meta = Meta {
                namespace: &namespace,
                type_: &spec.type_,
                provider: &spec.provider,
                service: &described.service,
                tags: &described.tags,
                plan_metadata: plan_metadata.as_ref(),
                class_metadata: class_metadata.as_ref(),
                broker: &described.broker,
                env_prefix: env_prefix(&binding),
                additions: Additions::of(&binding),
            };
            let credentials = body.credentials.map(|object| object.0).unwrap_or_default();
            secret_data(&credentials, &spec.secret_transforms, &sources, &meta)
                .map_err(|error| error.to_string())
        };
        turn.run(entries).await
    }

    async fn write(&self, slot: SecretSlot, data: SecretData, validity: Validity) -> Result<Outcome, Error> {
        match self.context.binding_secrets.write(self.binding, slot, data).await {
            Ok(Some(Covered { digest, keys })) => Ok(Outcome::Stored { digest, keys, validity }),
            Ok(None) => Ok(Outcome::Unusable(self.foreign_secret())),
            Err(error) => match error.refusal() {
                Some(why) => Ok(Outcome::Unusable(self.refused(why))),
                None => Err(error),
            },
        }
    }

    /// Whether an attempt has failed, perhaps because the API server refused the Secret. A first attempt does without
    /// the dry run, which is a request.
    fn has_failed(&self) -> bool {
        let is_counted = self.binding.status.as_ref().is_some_and(|status| status.operation.is_some());
        is_counted || self.context.failures.get(uid(self.binding)).is_some()
    }

    fn refused(&self, why: &str) -> String {
        format!("the API server rejected the Secret {:?}: {why}", self.binding.secret_name())
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
        let secrets = &self.context.binding_secrets;
        let slot = secrets.slot(self.binding).await?;
        match secrets.read(self.binding).await? {
            Some(data) => self.write(slot, data, Validity::default()).await,
            None => Ok(Outcome::NotCalled("the Secret was deleted during the adoption".to_owned())),
        }
    }
}
