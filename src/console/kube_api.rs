//! The calls to the API server, each as the user of the request.
//!
//! Only typed calls for the kinds of [`kinds`]: there is no way from an address of the console to another path of the
//! API server. Names from addresses are checked before they become part of a path.
//!
//! | file | question |
//! |---|---|
//! | `kinds` | which kinds does the console read and write? |
//! | `changes` | when do objects change? |
//! | `rights` | what may the user do? |

mod changes;
mod kinds;
mod rights;

use std::fmt::Debug;

pub use json_patch::Patch as JsonPatch;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::{ObjectList, Request};
use kube::{Api, Client, ResourceExt as _};
use serde::Serialize;
use serde_json::Value;

pub use changes::Changes;
pub use kinds::{Known, PlanFacts, PlanSummary, ServicePlanSummary, resource_of};
pub use rights::Rights;

use crate::console::access::reading::Summarised;
use crate::console::answer::failure::{Attempt, Failure};
use crate::crd::readable::Readable;

/// How many objects one request lists: few enough for the most bytes that are read for a page (`access/reading`).
const PAGE: u32 = 250;
/// The same for summaries, of which the API server sends the whole objects.
const PAGE_OF_SUMMARIES: u32 = 100;
/// The most objects of a list. What is beyond them is not shown.
const MAX_OBJECTS: usize = 10_000;
/// The field manager of the console's writes.
const FIELD_MANAGER: &str = "service-catalog-console";

/// Which objects of a kind are listed.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// A field selector; empty for all.
    pub fields: String,
    /// A label selector; empty for all.
    pub labels: String,
}

impl Selection {
    /// The objects with these fields.
    pub fn fields(fields: impl Into<String>) -> Self {
        Self { fields: fields.into(), ..Self::default() }
    }

    /// The objects with these labels.
    pub fn labels(labels: impl Into<String>) -> Self {
        Self { labels: labels.into(), ..Self::default() }
    }
}

/// Whether a change is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Real,
    /// The API server only says whether it would accept it: schemas, policies and quota (`dryRun=All`).
    DryRun,
}

/// The API server, as the user of a request. A namespace of `None` means a cluster-wide kind, or all namespaces.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
}

impl Cluster {
    /// With this user's client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads an object.
    pub async fn get<K: Known>(&self, namespace: Option<&str>, name: &str) -> Result<K, Failure> {
        if !is_name(name) {
            return Err(Failure::NotFound);
        }
        let attempt = || attempt::<K>("get", namespace, Some(name));
        let Readable(object) =
            self.api::<K>(namespace)?.get(name).await.map_err(|error| Failure::of(&error, attempt()))?;
        Ok(object)
    }

    /// Lists objects, in several requests.
    pub async fn list<K: Known>(
        &self,
        namespace: Option<&str>,
        selection: &Selection,
    ) -> Result<Vec<K>, Failure> {
        let api = self.api::<K>(namespace)?;
        let page = if K::IS_SUMMARY { PAGE_OF_SUMMARIES } else { PAGE };
        let mut parameters = ListParams::default().limit(page);
        if !selection.fields.is_empty() {
            parameters = parameters.fields(&selection.fields);
        }
        if !selection.labels.is_empty() {
            parameters = parameters.labels(&selection.labels);
        }
        let mut objects = Vec::new();
        loop {
            let list = self.list_page::<K>(api.resource_url(), &parameters).await;
            let list =
                list.map_err(|error| match Failure::of(&error, attempt::<K>("list", namespace, None)) {
                    // A list without objects is empty. It is missing only if the kind is.
                    Failure::NotFound => Failure::NotInstalled,
                    failure => failure,
                })?;
            let next = list.metadata.continue_.filter(|token| !token.is_empty());
            objects.extend(list.items.into_iter().map(|Readable(object)| object));
            match next {
                Some(token) if objects.len() < MAX_OBJECTS => parameters = parameters.continue_token(&token),
                _ => return Ok(objects),
            }
        }
    }

    async fn list_page<K: Known>(
        &self,
        url: &str,
        parameters: &ListParams,
    ) -> Result<ObjectList<Readable<K>>, kube::Error> {
        let mut request = Request::new(url).list(parameters).map_err(kube::Error::BuildRequest)?;
        if K::IS_SUMMARY {
            request.extensions_mut().insert(Summarised);
        }
        self.client.request(request).await
    }

    /// Changes an object by a JSON merge patch.
    pub async fn patch<K: Known>(
        &self,
        namespace: Option<&str>,
        name: &str,
        change: &Value,
    ) -> Result<K, Failure> {
        self.patch_in(namespace, name, change, Mode::Real).await
    }

    /// The same, or only asks whether the API server would accept it.
    pub async fn patch_in<K: Known>(
        &self,
        namespace: Option<&str>,
        name: &str,
        change: &Value,
        mode: Mode,
    ) -> Result<K, Failure> {
        self.send_patch(namespace, name, &Patch::Merge(change), mode).await
    }

    /// Changes an object by a JSON patch (RFC 6902), or only asks whether the API server would accept that. Unlike a
    /// merge patch, it can replace an object in the object as a whole.
    pub async fn patch_by_steps<K: Known>(
        &self,
        namespace: Option<&str>,
        name: &str,
        steps: &JsonPatch,
        mode: Mode,
    ) -> Result<K, Failure> {
        self.send_patch(namespace, name, &Patch::<()>::Json(steps.clone()), mode).await
    }

    async fn send_patch<K: Known, P: Serialize + Debug + Sync>(
        &self,
        namespace: Option<&str>,
        name: &str,
        patch: &Patch<P>,
        mode: Mode,
    ) -> Result<K, Failure> {
        if !is_name(name) {
            return Err(Failure::NotFound);
        }
        let field_manager = Some(FIELD_MANAGER.to_owned());
        let dry_run = mode == Mode::DryRun;
        let parameters = PatchParams { field_manager, dry_run, ..PatchParams::default() };
        let result = self.api::<K>(namespace)?.patch(name, &parameters, patch).await;
        let result = result.map(|Readable(object)| object);
        result.map_err(|error| Failure::of(&error, attempt::<K>("patch", namespace, Some(name))))
    }

    /// Creates an object.
    pub async fn create<K: Known>(&self, object: &K) -> Result<K, Failure> {
        self.create_in(object, Mode::Real).await
    }

    /// Creates an object, or only asks whether the API server would accept it.
    pub async fn create_in<K: Known>(&self, object: &K, mode: Mode) -> Result<K, Failure> {
        let namespace = object.namespace();
        let parameters =
            PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), dry_run: mode == Mode::DryRun };
        let result =
            self.api::<K>(namespace.as_deref())?.create(&parameters, &Readable(object.clone())).await;
        result.map(|Readable(object)| object).map_err(|error| {
            Failure::of(&error, attempt::<K>("create", namespace.as_deref(), object.meta().name.as_deref()))
        })
    }

    /// Deletes an object, if it is still the one with this UID: another may have its name meanwhile.
    pub async fn delete<K: Known>(
        &self,
        namespace: Option<&str>,
        name: &str,
        uid: &str,
    ) -> Result<(), Failure> {
        if !is_name(name) {
            return Err(Failure::NotFound);
        }
        let same = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        let parameters = DeleteParams::default().preconditions(same);
        let result = self.api::<K>(namespace)?.delete(name, &parameters).await;
        result.map(drop).map_err(|error| Failure::of(&error, attempt::<K>("delete", namespace, Some(name))))
    }

    /// What the user may do in a namespace.
    pub async fn rights(&self, namespace: &str) -> Rights {
        Rights::read(&self.client, namespace).await
    }

    fn api<K: Known>(&self, namespace: Option<&str>) -> Result<Api<Readable<K>>, Failure> {
        match namespace {
            Some(name) if !is_namespace(name) => Err(Failure::NotFound),
            namespace => Ok(K::api(self.client.clone(), namespace)),
        }
    }
}

/// What the console tries, or would try, with objects of this kind.
pub fn attempt<K: Known>(verb: &'static str, namespace: Option<&str>, name: Option<&str>) -> Attempt {
    Attempt {
        verb,
        resource: resource_of::<K>(),
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
    }
}

/// Whether an object can have this name. kube makes it a part of the path as it is, so `..` or a slash would lead to
/// other objects and kinds.
pub fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    let is_edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    name.len() <= 253
        && name.bytes().all(is_allowed)
        && is_edge(name.bytes().next())
        && is_edge(name.bytes().next_back())
}

/// Whether a namespace can have this name.
pub fn is_namespace(name: &str) -> bool {
    is_name(name) && name.len() <= 63 && !name.contains('.')
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::http::Response;
    use kube::client::Body;
    use secrecy::SecretString;
    use serde_json::json;
    use tower::service_fn;

    use super::*;
    use crate::console::access::reading::Readings;
    use crate::console::access::transport::Transport;
    use crate::crd::ClusterServicePlan;

    /// An API server with four pages of plans, each of 3 MiB.
    fn with_many_plans() -> Cluster {
        let send = service_fn(async |request: http::Request<Body>| {
            let query = request.uri().query().unwrap_or_default();
            let number =
                (1..4).find(|number| query.contains(&format!("continue=page-{number}"))).unwrap_or(0);
            let next = if number < 3 { format!("page-{}", number + 1) } else { String::new() };
            let spec = json!({
                "clusterServiceBrokerName": "b", "externalID": "i", "externalName": "n", "description": "d",
                "clusterServiceClassRef": {"name": "c"},
                "instanceCreateParameterSchema": {"description": "x".repeat(3 * 1024 * 1024)},
            });
            let plan = json!({"metadata": {"name": format!("plan-{number}")}, "spec": spec});
            let list = json!({"metadata": {"continue": next}, "items": [plan]});
            Ok::<_, Infallible>(Response::new(Body::from(list.to_string().into_bytes())))
        });
        let user = Transport::from_client(Client::new(send, "default")).as_bearer(&SecretString::from("t"));
        Cluster::new(user.unwrap().within(&Readings::default().begin("jane")))
    }

    #[tokio::test]
    async fn plans_are_summarised_beyond_what_a_page_may_read() {
        let summaries = with_many_plans().list::<PlanSummary>(None, &Selection::default()).await.unwrap();
        assert_eq!(summaries.len(), 4);
        assert_eq!(summaries[3].spec.cluster_service_class_ref.name, "c");
        let whole = with_many_plans().list::<ClusterServicePlan>(None, &Selection::default()).await;
        assert!(matches!(whole, Err(Failure::PageTooLarge)), "{whole:?}");
    }

    #[test]
    fn a_name_can_lead_to_no_other_path_of_the_api_server() {
        for name in ["a", "my-db", "a.b.c", "0z2fz"] {
            assert!(is_name(name), "{name}");
        }
        for name in
            ["", ".", "..", "a/b", "../secrets", "a%2fb", "a?x=1", "a#b", "A", "ü", "-a", "a-", "a b", "a\n"]
        {
            assert!(!is_name(name), "{name}");
        }
        assert!(!is_name(&"a".repeat(254)));
        assert!(is_namespace("team-1") && !is_namespace("team.1") && !is_namespace(&"a".repeat(64)));
    }
}
