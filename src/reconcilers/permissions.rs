//! In which namespaces of its reach does the operator have its permissions?
//!
//! Its Role may be missing in a namespace that was deleted, and an admin of a namespace can change it. A watch there
//! would never list anything, so the caches would never be synced, and no other namespace would be served. The entry
//! points are [`missing`] and [`until_granted`].

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use kube::api::ListParams;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use crate::crd::names::LABEL_CREDENTIALS;
use crate::reconcilers::kind::Kind as _;
use crate::reconcilers::kind_table::kind_table;
use crate::reconcilers::reach::Reach;

/// How often a refusal is tried again. An API server that has just started refuses everything for a few seconds.
const TRIES: usize = 5;
/// The delay until then.
const RETRY_DELAY: Duration = Duration::from_secs(2);
/// How often the operator looks whether it has the missing permissions.
const CHECK_INTERVAL: Duration = Duration::from_mins(10);

/// The namespaces in which the operator lacks a permission to list what it watches.
pub async fn missing(client: &Client, reach: &Reach) -> BTreeSet<String> {
    let mut missing: BTreeSet<String> = reach.parts().into_iter().flatten().collect();
    for attempt in 0..TRIES {
        if attempt > 0 && !missing.is_empty() {
            sleep(RETRY_DELAY).await;
        }
        let refused = missing.into_iter().map(async |namespace| {
            let is_refused = is_refused(client, reach, &namespace).await;
            is_refused.then_some(namespace)
        });
        missing = join_all(refused).await.into_iter().flatten().collect();
    }
    missing
}

/// Returns the first of these namespaces in which the operator has its permissions; never, if there is none.
pub async fn until_granted(client: &Client, reach: &Reach, namespaces: &BTreeSet<String>) -> String {
    loop {
        sleep(CHECK_INTERVAL).await;
        for namespace in namespaces {
            if !is_refused(client, reach, namespace).await {
                return namespace.clone();
            }
        }
    }
}

macro_rules! define {
    ($($name:ident: $kind:ty, $scope:ident, $reconcile:expr;)*) => {
        /// Whether the API server refuses to list one of the watched collections of a namespace.
        async fn is_refused(client: &Client, reach: &Reach, namespace: &str) -> bool {
            $(
                if !<$kind>::parts(reach).is_empty()
                    && is_list_refused(<$kind>::api(client.clone(), Some(namespace)), "").await
                {
                    return true;
                }
            )*
            is_list_refused(Api::<Secret>::namespaced(client.clone(), namespace), LABEL_CREDENTIALS).await
                || is_list_refused(Api::<Pod>::namespaced(client.clone(), namespace), "").await
                || is_forbidden(Api::<Namespace>::all(client.clone()).get_metadata(namespace).await)
        }
    };
}
kind_table!(define);

async fn is_list_refused<K>(api: Api<K>, labels: &str) -> bool
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    is_forbidden(api.list_metadata(&ListParams::default().limit(1).labels(labels)).await)
}

/// Any other failure is for the watch to report and to retry.
fn is_forbidden<T>(answer: kube::Result<T>) -> bool {
    matches!(answer, Err(kube::Error::Api(status)) if status.is_forbidden())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use kube::client::Body;
    use serde_json::json;
    use tokio::time::Instant;

    use super::*;

    /// An API server that refuses everything in these namespaces.
    fn api_server(refused: &[&str]) -> (Client, Arc<Mutex<BTreeSet<String>>>) {
        let refused: Arc<Mutex<BTreeSet<String>>> =
            Arc::new(Mutex::new(refused.iter().map(ToString::to_string).collect()));
        let known = Arc::clone(&refused);
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let namespace = request.uri().path().split("/namespaces/").nth(1).unwrap_or_default();
            let namespace = namespace.split('/').next().unwrap_or_default();
            let (code, body) = if known.lock().unwrap().contains(namespace) {
                (403, json!({"status": "Failure", "reason": "Forbidden", "code": 403, "message": ""}))
            } else {
                (200, json!({"metadata": {}, "items": []}))
            };
            let body = Body::from(body.to_string().into_bytes());
            async move { Ok::<_, std::io::Error>(http::Response::builder().status(code).body(body).unwrap()) }
        });
        (Client::new(service, "default"), refused)
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_that_refuses_is_left_out_and_looked_at_again() {
        let reach = Reach::of(["a", "b", "c"].map(str::to_owned));
        let (client, refused) = api_server(&["a", "c"]);
        let without = names(&["a", "c"]);
        assert_eq!(missing(&client, &reach).await, without);
        let granted = until_granted(&client, &reach, &without);
        tokio::pin!(granted);
        let an_hour = Duration::from_hours(1);
        assert!(tokio::time::timeout(an_hour, granted.as_mut()).await.is_err());
        refused.lock().unwrap().remove("c");
        assert_eq!(granted.await, "c");
    }

    /// Without the retries, such a server would cost every namespace ten minutes.
    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_has_just_started_refuses_for_a_moment() {
        let reach = Reach::of(["a".to_owned()]);
        let (client, refused) = api_server(&["a"]);
        let start = Instant::now();
        let grants = async {
            sleep(RETRY_DELAY + RETRY_DELAY / 2).await;
            refused.lock().unwrap().clear();
        };
        let (missing, ()) = tokio::join!(missing(&client, &reach), grants);
        assert_eq!(missing, names(&[]));
        assert!(start.elapsed() < CHECK_INTERVAL);
    }

    #[tokio::test]
    async fn in_the_whole_cluster_nothing_is_asked() {
        let service = tower::service_fn(|request: http::Request<Body>| async move {
            let _ = request;
            Err::<http::Response<Body>, _>(std::io::Error::other("asked"))
        });
        assert_eq!(missing(&Client::new(service, "default"), &Reach::Cluster).await, names(&[]));
    }
}
