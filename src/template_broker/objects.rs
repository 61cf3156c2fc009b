//! Reads, writes and deletes the objects of an instance, as one user.

use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, Preconditions};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use kube::{Api, Client};
use serde_json::Value;

use super::error::Error;
use super::registration::FIELD_MANAGER;
use crate::osb::Redactor;
use crate::template::{Entry, remove_undeclared};

/// The most pods that are looked at to say why a workload is not ready.
const MAX_PODS: u32 = 20;
/// How often an apply is tried with fewer fields: a message names several.
const MAX_ROUNDS: usize = 20;

/// Why the API server did not do what it was asked for. No text repeats a secret value of the instance.
#[derive(Debug)]
pub enum Failure {
    /// It refused, with a reason for the user.
    Refused {
        /// The status of its answer.
        code: u16,
        /// The reason.
        why: String,
    },
    /// It does not answer, or fails.
    Unavailable(String),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused { why, .. } => Self::BadRequest(why),
            Failure::Unavailable(error) => Self::ApiServer(error),
        }
    }
}

/// Answers that may be others soon: for the broker's own token, an object that has just changed, or too many requests.
const TRANSIENT: [u16; 3] = [401, 409, 429];

/// With these texts the API server refuses objects that cannot be applied, with status 500.
const UNUSABLE: [&str; 2] = ["failed to create typed patch object", "failed to convert new object"];

/// The objects of one instance, as one user.
pub struct Objects {
    /// The client that acts as the user.
    acting: Client,
    /// The broker's own client, for discovery.
    own: Client,
    /// The secret values of the instance: the API server quotes what it refuses.
    secrets: Redactor,
}

impl Objects {
    /// Objects as the user of the client `acting`.
    pub fn new(acting: Client, own: Client) -> Self {
        Self { acting, own, secrets: Redactor::new::<&str>([]) }
    }

    /// The same for an instance with these secret values.
    pub fn hiding<'a>(self, secrets: impl IntoIterator<Item = &'a str>) -> Self {
        Self { secrets: Redactor::new(secrets), ..self }
    }

    fn failure(&self, error: kube::Error) -> Failure {
        match error {
            kube::Error::Api(status) => {
                let is_refusal = (400..500).contains(&status.code) && !TRANSIENT.contains(&status.code)
                    || UNUSABLE.iter().any(|text| status.message.starts_with(text));
                let why = self.secrets.redact(&status.message);
                if is_refusal {
                    Failure::Refused { code: status.code, why }
                } else {
                    Failure::Unavailable(why)
                }
            }
            error => Failure::Unavailable(self.secrets.redact(&error.to_string())),
        }
    }

    /// How the API server calls an object that a template describes. `namespace` is that of the instance.
    pub async fn locate(&self, object: &Value, namespace: &str) -> Result<Entry, Error> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (api_version, kind) = (text("/apiVersion"), text("/kind"));
        let found = pinned_kind(&self.own, &gvk(api_version, kind)).await;
        let (resource, capabilities) = found.map_err(|error| match &error {
            kube::Error::Discovery(_) => unserved(api_version, kind),
            kube::Error::Api(status) if status.is_not_found() => unserved(api_version, kind),
            _ => error.into(),
        })?;
        let namespace = if capabilities.scope == Scope::Namespaced { namespace } else { "" };
        Ok(Entry::of(object, &resource.plural, namespace))
    }

    /// An object as it is now. `None` if it does not exist, or its kind does not any more.
    pub async fn read(&self, entry: &Entry) -> Result<Option<Value>, Failure> {
        let object = self.api(entry).get_opt(&entry.name).await.map_err(|error| self.failure(error))?;
        Ok(object.and_then(|object| serde_json::to_value(object).ok()))
    }

    /// Creates or changes an object by server-side apply, or only asks whether that is allowed. Fields that templates for
    /// OpenShift have and the API server does not know are left out.
    pub async fn apply(&self, entry: &Entry, object: &Value, is_dry_run: bool) -> Result<Value, Failure> {
        let parameters = PatchParams { dry_run: is_dry_run, ..PatchParams::apply(FIELD_MANAGER).force() };
        let (api, mut object) = (self.api(entry), object.clone());
        for _ in 0..MAX_ROUNDS {
            let status = match api.patch(&entry.name, &parameters, &Patch::Apply(&object)).await {
                Ok(applied) => return Ok(serde_json::to_value(applied).unwrap_or_default()),
                Err(kube::Error::Api(status)) => status,
                Err(error) => return Err(self.failure(error)),
            };
            if !remove_undeclared(&mut object, &status.message) {
                return Err(self.failure(kube::Error::Api(status)));
            }
        }
        let why = "the object has too many fields that the API server does not know".to_owned();
        Err(Failure::Refused { code: 400, why })
    }

    /// Deletes an object, and before it what it owns. Returns whether it still exists.
    pub async fn delete(&self, entry: &Entry) -> Result<bool, Failure> {
        let preconditions = Preconditions { uid: entry.uid.clone(), resource_version: None };
        let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::foreground() };
        match self.api(entry).delete(&entry.name, &parameters).await {
            // A conflict: another object has the name now.
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(false),
            result => result.map(|_| true).map_err(|error| self.failure(error)),
        }
    }

    /// Some of the pods with these labels.
    pub async fn pods(&self, namespace: &str, labels: &str) -> Result<Vec<Value>, Failure> {
        let pods = ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&());
        let pods = Api::<DynamicObject>::namespaced_with(self.acting.clone(), namespace, &pods);
        let pods = pods.list(&ListParams::default().labels(labels).limit(MAX_PODS)).await;
        let pods = pods.map_err(|error| self.failure(error))?;
        Ok(pods.items.into_iter().filter_map(|pod| serde_json::to_value(pod).ok()).collect())
    }

    fn api(&self, entry: &Entry) -> Api<DynamicObject> {
        let resource =
            ApiResource::from_gvk_with_plural(&gvk(&entry.api_version, &entry.kind), &entry.resource);
        match entry.namespace.as_str() {
            "" => Api::all_with(self.acting.clone(), &resource),
            namespace => Api::namespaced_with(self.acting.clone(), namespace, &resource),
        }
    }
}

fn gvk(api_version: &str, kind: &str) -> GroupVersionKind {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    GroupVersionKind::gvk(group, version, kind)
}

fn unserved(api_version: &str, kind: &str) -> Error {
    Error::BadRequest(format!("the cluster does not serve the kind {kind} of {api_version}"))
}
