//! The Secrets that contain the credentials of bindings. The operator keeps only a digest of each, to detect drift.
//!
//! **Only metadata are watched.** Anybody who may write Secrets can give them the label, and 1 MiB of data. The data of a
//! Secret are read when a reconcile asks for the digest, and only if the Secret belongs to that binding; a few at a time,
//! in turn between namespaces.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{Config, Event};
use kube::{Api, Resource, ResourceExt as _};
use tracing::warn;

use super::ownership::{self, SecretSlot, belongs_to, is_owned_by, owner};
use crate::crd::ServiceBinding;
use crate::crd::binding::SecretData;
use crate::crd::names::{FIELD_MANAGER, LABEL_CREDENTIALS};
use crate::domain::MAX_OWNER_BYTES;
use crate::domain::credentials::digest;
use crate::domain::parameters::secrets_of;
use crate::fair_limiter::FairLimiter;
use crate::reconcilers::error::{During as _, Error};
use crate::reconcilers::identity::{NamespacedName, namespace};
use crate::reconcilers::kube_api::{KubeApi, exactly};
use crate::reconcilers::queue::Queue;
use crate::reconcilers::reach::{Part, Unlisted, covers};
use crate::reconcilers::watch as watches;

/// How many Secrets are read at once, at most. Each may take a few MiB while it is decoded.
const MAX_READS: usize = 4;
/// The names of entries are kept in the status of the binding up to this size together, in bytes.
const MAX_KEYS_BYTES: usize = 1024;

/// The Secrets that contain the credentials of bindings.
pub struct BindingSecrets {
    api: Arc<KubeApi>,
    reads: Arc<FairLimiter>,
    bindings: Queue<ServiceBinding>,
    known: Mutex<HashMap<NamespacedName, Known>>,
    /// The Secrets of the lists in progress, while watches restart.
    listed: Mutex<HashSet<NamespacedName>>,
    parts: Vec<Part>,
    unlisted: Unlisted,
}

/// The entries of a Secret that the operator has written.
pub struct Covered {
    /// Their digest.
    pub digest: String,
    /// Their names; none if they are too many for the status of the binding.
    pub keys: Vec<String>,
}

impl Covered {
    fn of(data: &SecretData) -> Self {
        let size: usize = data.keys().map(String::len).sum();
        let keys = if size > MAX_KEYS_BYTES { Vec::new() } else { data.keys().cloned().collect() };
        Self { digest: digest(data), keys }
    }
}

/// The digest of the entries with these names; of all without any.
fn digest_of(data: &SecretData, keys: &[String]) -> String {
    if keys.is_empty() {
        return digest(data);
    }
    let covered = data.iter().filter(|(key, _)| keys.contains(key));
    digest(&covered.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// What is kept of a Secret.
#[derive(Clone)]
struct Known {
    /// The binding's UID.
    binding: String,
    binding_name: String,
    /// The digest of this version; `None` if its data were not read yet.
    digest: Option<String>,
    version: u64,
}

impl BindingSecrets {
    /// No Secret is known yet. A change requeues the binding.
    pub fn new(api: Arc<KubeApi>, bindings: Queue<ServiceBinding>, parts: Vec<Part>) -> Self {
        let unlisted = Unlisted::new(parts.clone());
        Self {
            api,
            reads: FairLimiter::new(MAX_READS),
            bindings,
            known: Mutex::default(),
            listed: Mutex::default(),
            parts,
            unlisted,
        }
    }

    /// What is known of the binding's own Secret, if the watch has delivered one.
    fn known(&self, binding: &ServiceBinding) -> Option<Known> {
        let name = (namespace(binding).to_owned(), binding.secret_name().to_owned());
        self.lock().get(&name).filter(|known| is_owned_by(&known.binding, binding)).cloned()
    }

    /// Whether the watch has delivered the binding's own Secret.
    pub fn exists(&self, binding: &ServiceBinding) -> bool {
        self.known(binding).is_some()
    }

    /// The digest of the binding's own Secret, if the watch has delivered one. Reads the Secret if this version was not
    /// read before.
    pub async fn digest(&self, binding: &ServiceBinding) -> Result<Option<String>, Error> {
        match self.known(binding) {
            None => Ok(None),
            Some(Known { digest: Some(digest), .. }) => Ok(Some(digest)),
            Some(_) => {
                let found = self.find(binding).await?.filter(|secret| belongs_to(secret, binding));
                let keys = binding.status.as_ref().map(|status| &*status.secret_keys).unwrap_or_default();
                Ok(found.map(|secret| {
                    let digest = digest_of(secret.data.as_ref().unwrap_or(&SecretData::new()), keys);
                    self.remember(&secret, Some(&digest));
                    digest
                }))
            }
        }
    }

    /// Tells whether the Secret with the name of the binding's belongs to the binding. Reads its metadata only.
    pub async fn slot(&self, binding: &ServiceBinding) -> Result<SecretSlot, Error> {
        let found = self.collection(binding).get_metadata_opt(binding.secret_name()).await;
        Ok(SecretSlot::of(binding, found.during("reading the metadata of the Secret")?))
    }

    /// Reads the entries of the binding's own Secret; `None` if there is none.
    pub async fn read(&self, binding: &ServiceBinding) -> Result<Option<SecretData>, Error> {
        let SecretSlot::Ours(_) = self.slot(binding).await? else { return Ok(None) };
        let found = self.find(binding).await?.filter(|secret| belongs_to(secret, binding));
        Ok(found.map(|secret| secret.data.unwrap_or_default()))
    }

    async fn find(&self, binding: &ServiceBinding) -> Result<Option<Secret>, Error> {
        let _permit = self.reads.acquire(namespace(binding)).await;
        self.collection(binding).get_opt(binding.secret_name()).await.during("reading the Secret")
    }

    /// Creates or replaces the binding's Secret; returns the digest of its entries. If the slot is foreign, or another
    /// client creates a Secret there meanwhile, it returns `None` and touches no Secret. Server-side apply could not
    /// guarantee that.
    pub async fn write(
        &self,
        binding: &ServiceBinding,
        slot: SecretSlot,
        data: SecretData,
    ) -> Result<Option<Covered>, Error> {
        let api = self.collection(binding);
        let parameters =
            PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let metadata = ownership::metadata(binding);
        let former = match slot {
            SecretSlot::Vacant => None,
            SecretSlot::Ours(_) => self.find(binding).await?,
            SecretSlot::Foreign => return Ok(None),
        };
        let written = match former {
            Some(mut secret) if belongs_to(&secret, binding) => {
                secret.labels_mut().extend(metadata.labels.unwrap_or_default());
                secret.data = Some(data);
                api.replace(binding.secret_name(), &parameters, &secret)
                    .await
                    .during("replacing the Secret")?
            }
            Some(_) => return Ok(None),
            None => {
                let type_ = Some(type_(binding));
                let secret = Secret { metadata, data: Some(data), type_, ..Secret::default() };
                match api.create(&parameters, &secret).await {
                    Err(kube::Error::Api(status)) if status.is_already_exists() => return Ok(None),
                    created => created.during("creating the Secret")?,
                }
            }
        };
        let covered = Covered::of(written.data.as_ref().unwrap_or(&SecretData::new()));
        self.remember(&written, Some(&covered.digest));
        Ok(Some(covered))
    }

    /// Why the API server would refuse a write to the Secret, so that no broker is called in vain. A dry run: quotas,
    /// policies and immutability count, and nothing is stored.
    pub async fn refusal(
        &self,
        binding: &ServiceBinding,
        slot: &SecretSlot,
    ) -> Result<Option<String>, Error> {
        let api = self.collection(binding);
        let parameters = PostParams { dry_run: true, field_manager: Some(FIELD_MANAGER.to_owned()) };
        let data = Some([("dry-run".to_owned(), ByteString::default())].into());
        let former = match slot {
            SecretSlot::Ours(_) => self.find(binding).await?,
            SecretSlot::Vacant | SecretSlot::Foreign => None,
        };
        let tried = if let Some(secret) = former {
            let secret = Secret { data, ..secret };
            let replaced = api.replace(binding.secret_name(), &parameters, &secret).await;
            replaced.during("trying to replace the Secret")
        } else {
            let (metadata, type_) = (ownership::metadata(binding), Some(type_(binding)));
            let secret = Secret { metadata, data, type_, ..Secret::default() };
            api.create(&parameters, &secret).await.during("trying to create the Secret")
        };
        match tried {
            Ok(_) => Ok(None),
            Err(error) => match error.refusal() {
                Some(why) => Ok(Some(why.to_owned())),
                None => Err(error),
            },
        }
    }

    /// Deletes the binding's own Secret, if there is one.
    pub async fn delete(&self, binding: &ServiceBinding) -> Result<(), Error> {
        if !self.exists(binding) {
            return Ok(());
        }
        let SecretSlot::Ours(secret) = self.slot(binding).await? else { return Ok(()) };
        let deleted = self.collection(binding).delete(binding.secret_name(), &exactly(secret.as_ref())).await;
        match deleted.during("deleting the Secret") {
            Err(error) if !error.is_not_found() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The values in the binding's own Secret; `None` if there is none, or it cannot be read.
    pub async fn values(&self, binding: &ServiceBinding) -> Option<Vec<Vec<u8>>> {
        match self.read(binding).await {
            Ok(entries) => {
                let entries = entries?.into_iter().map(|(key, value)| (key, value.0));
                Some(secrets_of(&entries.collect::<Vec<_>>()))
            }
            Err(error) => {
                warn!(%error, "cannot read the Secret of the binding; the broker's text is not shown");
                None
            }
        }
    }

    fn collection(&self, binding: &ServiceBinding) -> Api<Secret> {
        Api::namespaced(self.api.client.clone(), namespace(binding))
    }

    /// Returns once all of them are listed.
    pub async fn wait_until_ready(&self) {
        self.unlisted.wait_until_empty().await;
    }

    /// Watches them forever; a change requeues the binding.
    pub async fn follow(self: Arc<Self>) {
        let client = &self.api.client;
        let watch = |part: Option<&str>| {
            let secrets: Api<PartialObjectMeta<Secret>> = match part {
                Some(namespace) => Api::namespaced(client.clone(), namespace),
                None => Api::all(client.clone()),
            };
            watches::watch(secrets, Config::default().labels(LABEL_CREDENTIALS))
        };
        watches::follow(self.parts.clone(), &self.api.refused, watch, |part, event| {
            self.apply_in(part, event);
        })
        .await;
    }

    /// Applies an event of the watch of the whole cluster.
    #[cfg(test)]
    pub fn apply(&self, event: Event<PartialObjectMeta<Secret>>) {
        self.apply_in(None, event);
    }

    fn apply_in(&self, part: Option<&str>, event: Event<PartialObjectMeta<Secret>>) {
        let listed = || self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Init => listed().retain(|(namespace, _)| !covers(part, namespace)),
            Event::InitApply(secret) => {
                if owner(&secret).is_some() {
                    listed().insert(name(&secret));
                }
                self.observe(&secret);
            }
            Event::InitDone => {
                let listed = listed();
                let is_gone = |name: &NamespacedName| covers(part, &name.0) && !listed.contains(name);
                for (name, gone) in self.lock().extract_if(|name, _| is_gone(name)) {
                    self.bindings.requeue_name(&gone.binding_name, Some(&name.0));
                }
                self.unlisted.remove(part);
            }
            Event::Apply(secret) => self.observe(&secret),
            Event::Delete(secret) => {
                // A newer Secret of the same name may be known already, from the operator's own write.
                let (name, mut known) = (name(&secret), self.lock());
                if known.get(&name).is_some_and(|known| known.version <= version(&secret)) {
                    known.remove(&name);
                    if let Some(owner) = owner(&secret) {
                        self.bindings.requeue_name(&owner.name, secret.namespace().as_deref());
                    }
                }
            }
        }
    }

    fn observe(&self, secret: &PartialObjectMeta<Secret>) {
        let former = self.lock().get(&name(secret)).cloned();
        if self.remember(secret, None) {
            let former = former.map(|known| known.binding_name);
            let owner = owner(secret).map(|owner| owner.name.clone());
            for binding in former.iter().chain(&owner) {
                self.bindings.requeue_name(binding, secret.namespace().as_deref());
            }
        }
    }

    /// Remembers a Secret, unless this version or a newer one is known; whether that changed anything. The digest is that
    /// of its data, if they were read.
    fn remember(&self, secret: &impl Resource, digest: Option<&str>) -> bool {
        let version = version(secret);
        let mut known = self.lock();
        match known.get_mut(&name(secret)) {
            Some(old) if old.version > version => return false,
            Some(old) if old.version == version => {
                old.digest = old.digest.take().or_else(|| digest.map(str::to_owned));
                return false;
            }
            Some(_) | None => {}
        }
        let owner = owner(secret).filter(|owner| owner.uid.len().max(owner.name.len()) <= MAX_OWNER_BYTES);
        let Some(owner) = owner else {
            return known.remove(&name(secret)).is_some();
        };
        let entry = Known {
            binding: owner.uid.clone(),
            binding_name: owner.name.clone(),
            digest: digest.map(str::to_owned),
            version,
        };
        known.insert(name(secret), entry);
        true
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NamespacedName, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(secret: &impl Resource) -> NamespacedName {
    (namespace(secret).to_owned(), secret.name_any())
}

fn version(secret: &impl Resource) -> u64 {
    secret.resource_version().and_then(|version| version.parse().ok()).unwrap_or_default()
}

/// The type of a new Secret. With `spec.type` it is as servicebinding.io has it (“Provisioned Service”), else `Opaque`
/// as in the archived service-catalog. It is immutable.
fn type_(binding: &ServiceBinding) -> String {
    match binding.spec.type_.as_str() {
        "" => "Opaque".to_owned(),
        type_ => format!("servicebinding.io/{type_}"),
    }
}
