//! Secrets: those that hold credentials of ours, and those of others that objects of ours refer to.
//!
//! Of ours, a digest is kept, so that a change is noticed. Of others nothing is kept: each that is referred to is
//! watched by its name, and a change wakes the object that refers to it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt as _, pin_mut};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use super::context::Context;
use super::error::{During as _, Error};
use super::queue::Queue;
use crate::crd::ServiceBinding;
use crate::crd::binding::SecretData;
use crate::crd::names::{FIELD_MANAGER, LABEL_CREDENTIALS};
use crate::crd::reference::ParametersFromSource;
use crate::domain::credentials::digest;

/// A namespace and a name.
pub type Name = (String, String);

/// The Secrets that hold credentials of ours.
#[derive(Debug)]
pub struct OwnSecrets {
    known: Mutex<HashMap<Name, Own>>,
    /// What a new list has brought so far.
    listed: Mutex<HashSet<Name>>,
    ready: watch::Sender<bool>,
}

#[derive(Clone, Debug)]
struct Own {
    /// The binding's UID.
    binding: String,
    binding_name: String,
    digest: String,
    version: u64,
}

impl Default for OwnSecrets {
    fn default() -> Self {
        Self { known: Mutex::default(), listed: Mutex::default(), ready: watch::Sender::new(false) }
    }
}

impl OwnSecrets {
    /// The digest of the binding's Secret, if there is one that is the binding's.
    pub fn digest(&self, binding: &ServiceBinding) -> Option<String> {
        let name = (binding.namespace().unwrap_or_default(), binding.secret_name().to_owned());
        let own = self.lock().get(&name).cloned()?;
        (Some(own.binding) == binding.uid()).then_some(own.digest)
    }

    /// Returns when all of them are known.
    pub async fn wait_until_ready(&self) {
        // The sender lives as long as we do.
        let _ = self.ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// Follows them for ever; a change wakes the binding.
    pub async fn follow(self: Arc<Self>, client: Client, bindings: Queue<ServiceBinding>) {
        let config = Config::default().labels(LABEL_CREDENTIALS);
        let events = watcher(Api::<Secret>::all(client), config).default_backoff();
        pin_mut!(events);
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => self.apply(event, &bindings),
                Err(error) => warn!(%error, "the watch of Secrets was interrupted and begins anew"),
            }
        }
    }

    /// Takes one event in.
    pub fn apply(&self, event: Event<Secret>, bindings: &Queue<ServiceBinding>) {
        let listed = || self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Init => listed().clear(),
            Event::InitApply(secret) => {
                listed().insert(name(&secret));
                self.saw(&secret, bindings);
            }
            Event::InitDone => {
                let listed = listed();
                for (name, gone) in self.lock().extract_if(|name, _| !listed.contains(name)) {
                    bindings.wake_name(&gone.binding_name, Some(&name.0));
                }
                self.ready.send_replace(true);
            }
            Event::Apply(secret) => self.saw(&secret, bindings),
            Event::Delete(secret) => {
                // One that was made anew may be known already.
                let (name, mut known) = (name(&secret), self.lock());
                if known.get(&name).is_some_and(|own| own.version <= version(&secret)) {
                    known.remove(&name);
                    wake(&secret, bindings);
                }
            }
        }
    }

    fn saw(&self, secret: &Secret, bindings: &Queue<ServiceBinding>) {
        let former = self.lock().get(&name(secret)).cloned();
        if self.know(secret) {
            let former = former.map(|own| own.binding_name);
            let owner = secret.controller().map(|owner| owner.name.clone());
            for binding in former.iter().chain(&owner) {
                bindings.wake_name(binding, secret.namespace().as_deref());
            }
        }
    }

    /// Takes note of a Secret; false if it is not news.
    fn know(&self, secret: &Secret) -> bool {
        let version = version(secret);
        let mut known = self.lock();
        let old = known.get(&name(secret));
        if old.is_some_and(|old| old.version >= version) {
            return false;
        }
        let Some(owner) = secret.controller() else {
            return known.remove(&name(secret)).is_some();
        };
        let own = Own {
            binding: owner.uid.clone(),
            binding_name: owner.name.clone(),
            digest: digest(&data(secret)),
            version,
        };
        known.insert(name(secret), own);
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Name, Own>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

trait Controlled {
    fn controller(&self) -> Option<&OwnerReference>;
}

impl Controlled for Secret {
    fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references().iter().find(|owner| owner.controller == Some(true))
    }
}

fn name(secret: &Secret) -> Name {
    (secret.namespace().unwrap_or_default(), secret.name_any())
}

fn version(secret: &Secret) -> u64 {
    secret.resource_version().and_then(|version| version.parse().ok()).unwrap_or_default()
}

fn data(secret: &Secret) -> SecretData {
    secret.data.clone().unwrap_or_default()
}

fn wake(secret: &Secret, bindings: &Queue<ServiceBinding>) {
    if let Some(owner) = secret.controller() {
        bindings.wake_name(&owner.name, secret.namespace().as_deref());
    }
}

/// The Secret in the place of the binding's.
#[derive(Debug)]
pub enum Place {
    /// There is none.
    Free,
    /// There is one, and it is the binding's.
    Own(Box<Secret>),
    /// There is one, and it is not the binding's.
    Taken,
}

/// Looks at the place of the binding's Secret.
pub async fn place(context: &Context, binding: &ServiceBinding) -> Result<Place, Error> {
    let found =
        api(context, binding).get_opt(binding.secret_name()).await.during("looking for the Secret")?;
    Ok(match found {
        None => Place::Free,
        Some(secret) => {
            let owner = secret.controller().map(|owner| owner.uid.clone());
            if owner.is_some() && owner == binding.uid() {
                Place::Own(Box::new(secret))
            } else {
                Place::Taken
            }
        }
    })
}

/// Writes the binding's Secret: makes it where the place is free, replaces what is the binding's own; returns the
/// digest of its entries. A Secret that somebody else makes in between is not touched, which server-side apply could
/// not promise; then nothing is returned.
pub async fn write(
    context: &Context,
    binding: &ServiceBinding,
    place: Place,
    data: SecretData,
) -> Result<Option<String>, Error> {
    let api = api(context, binding);
    let parameters = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let owner = binding.controller_owner_ref(&());
    // One that blocks is refused until the API server's admission has discovered our kinds, up to half a minute.
    let owner = owner.map(|owner| OwnerReference { block_owner_deletion: Some(false), ..owner });
    let labels = BTreeMap::from([(LABEL_CREDENTIALS.to_owned(), String::new())]);
    let _turn = context.turn(binding).await;
    let written = match place {
        Place::Own(mut secret) => {
            secret.labels_mut().extend(labels);
            secret.data = Some(data);
            api.replace(binding.secret_name(), &parameters, &secret).await.during("replacing the Secret")?
        }
        Place::Taken => return Ok(None),
        Place::Free => {
            let metadata = ObjectMeta {
                name: Some(binding.secret_name().to_owned()),
                namespace: binding.namespace(),
                labels: Some(labels),
                owner_references: owner.map(|owner| vec![owner]),
                ..ObjectMeta::default()
            };
            let type_ = Some(type_(binding));
            let secret = Secret { metadata, data: Some(data), type_, ..Secret::default() };
            match api.create(&parameters, &secret).await {
                Err(kube::Error::Api(status)) if status.is_already_exists() => return Ok(None),
                created => created.during("making the Secret")?,
            }
        }
    };
    context.own_secrets.know(&written);
    Ok(Some(digest(&written.data.unwrap_or_default())))
}

/// As servicebinding.io has it (“Provisioned Service”) where the spec says what it is, else as service-catalog did. It cannot
/// be changed later.
fn type_(binding: &ServiceBinding) -> String {
    match binding.spec.type_.as_str() {
        "" => "Opaque".to_owned(),
        type_ => format!("servicebinding.io/{type_}"),
    }
}

/// Deletes the binding's Secret, if there is one that is its own.
pub async fn delete(context: &Context, binding: &ServiceBinding) -> Result<(), Error> {
    if context.own_secrets.digest(binding).is_none() {
        return Ok(());
    }
    let Place::Own(secret) = place(context, binding).await? else {
        return Ok(());
    };
    let seen = Preconditions { uid: secret.uid(), resource_version: secret.resource_version() };
    let parameters = DeleteParams { preconditions: Some(seen), ..DeleteParams::default() };
    let _turn = context.turn(binding).await;
    let deleted = api(context, binding).delete(binding.secret_name(), &parameters).await;
    match deleted.during("deleting the Secret") {
        Err(error) if !error.is_not_found() => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn api(context: &Context, binding: &ServiceBinding) -> Api<Secret> {
    Api::namespaced(context.client.clone(), &binding.namespace().unwrap_or_default())
}

/// The entries of another Secret of the namespace, if there is one.
pub async fn entries(context: &Context, namespace: &str, name: &str) -> Result<Option<SecretData>, Error> {
    let api = Api::<Secret>::namespaced(context.client.clone(), namespace);
    Ok(api.get_opt(name).await.during("reading a Secret")?.map(|secret| data(&secret)))
}

/// The values that `parametersFrom` names, or what is missing.
pub async fn parameters(
    context: &Context,
    namespace: &str,
    sources: &[ParametersFromSource],
) -> Result<Result<Vec<(String, Vec<u8>)>, String>, Error> {
    let mut values = Vec::new();
    for reference in sources.iter().filter_map(|source| source.secret_key_ref.as_ref()) {
        let (name, key) = (&reference.name, &reference.key);
        let Some(secret) = entries(context, namespace, name).await? else {
            return Ok(Err(format!("parametersFrom names the Secret {name:?}, which does not exist")));
        };
        let Some(ByteString(value)) = secret.get(key).cloned() else {
            return Ok(Err(format!(
                "parametersFrom names the key {key:?} of the Secret {name:?}, which it does not have"
            )));
        };
        values.push((format!("key {key:?} of Secret {name:?}"), value));
    }
    Ok(Ok(values))
}

/// Wakes the object that refers to a Secret.
type Wake = Arc<dyn Fn() + Send + Sync>;

/// The Secrets of others that objects of ours refer to.
pub struct UsedSecrets {
    client: Client,
    watches: Mutex<HashMap<Name, Watch>>,
}

struct Watch {
    users: Arc<Mutex<HashMap<String, Wake>>>,
    _task: AbortOnDropHandle<()>,
}

impl fmt::Debug for UsedSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UsedSecrets")
    }
}

impl UsedSecrets {
    /// None yet.
    pub fn new(client: Client) -> Self {
        Self { client, watches: Mutex::default() }
    }

    /// The object `user` refers to exactly these Secrets from now on, and is woken when one changes.
    pub fn refer(&self, user: &str, secrets: &BTreeSet<Name>, wake: impl Fn() + Send + Sync + 'static) {
        let wake: Wake = Arc::new(wake);
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        for name in secrets {
            let watch = watches.entry(name.clone()).or_insert_with(|| self.watch(name));
            watch
                .users
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(user.to_owned(), Arc::clone(&wake));
        }
        watches.retain(|name, watch| {
            let mut users = watch.users.lock().unwrap_or_else(PoisonError::into_inner);
            if !secrets.contains(name) {
                users.remove(user);
            }
            !users.is_empty()
        });
    }

    fn watch(&self, (namespace, name): &Name) -> Watch {
        let users: Arc<Mutex<HashMap<String, Wake>>> = Arc::default();
        let told = Arc::clone(&users);
        let api = Api::<PartialObjectMeta<Secret>>::namespaced(self.client.clone(), namespace);
        let config = Config::default().fields(&format!("metadata.name={name}"));
        let task = tokio::spawn(async move {
            let touched = watcher(api, config).default_backoff().touched_objects();
            pin_mut!(touched);
            while let Some(event) = touched.next().await {
                match event {
                    Ok(_) => {
                        told.lock().unwrap_or_else(PoisonError::into_inner).values().for_each(|wake| wake());
                    }
                    Err(error) => warn!(%error, "the watch of a Secret was interrupted and begins anew"),
                }
            }
        });
        Watch { users, _task: AbortOnDropHandle::new(task) }
    }
}

/// The names of the Secrets that `parametersFrom` refers to.
pub fn referred(namespace: &str, sources: &[ParametersFromSource]) -> BTreeSet<Name> {
    let keys = sources.iter().filter_map(|source| source.secret_key_ref.as_ref());
    keys.map(|reference| (namespace.to_owned(), reference.name.clone())).collect()
}
