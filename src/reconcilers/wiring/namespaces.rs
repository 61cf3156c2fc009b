//! The metadata of namespaces: their UIDs, and which of them are being deleted.
//!
//! In the whole cluster they are watched. If the operator works only in a few, it reads them from time to time: a Role
//! cannot allow a watch of namespaces. That is late for a deletion. Nothing depends on it there: the policy
//! `watched-namespace` refuses to delete a namespace in which something needs the operator, because its permissions go
//! with the namespace.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::Event;
use tracing::warn;

use super::feed::Feed;
use crate::reconcilers::kube_api::KubeApi;
use crate::reconcilers::reach::Reach;

/// How often the metadata of each namespace are read, if they cannot be watched.
const READ_INTERVAL: Duration = Duration::from_mins(1);

/// The same after a failure.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Keeps the cache of namespaces up to date, forever.
pub async fn follow(mut feed: Feed<PartialObjectMeta<Namespace>>, api: Arc<KubeApi>, reach: Reach) {
    let Reach::Namespaces(names) = reach else {
        return feed.follow(&api.refused, |_| Api::all(api.client.clone())).await;
    };
    let namespaces = Api::<Namespace>::all(api.client.clone());
    let mut read = BTreeSet::new();
    loop {
        let mut next = READ_INTERVAL;
        for name in &names {
            match namespaces.get_metadata(name).await {
                Ok(found) => {
                    for event in [Event::Init, Event::InitApply(found), Event::InitDone] {
                        feed.apply_in(Some(name), event);
                    }
                    read.insert(name);
                    api.refused.grant(name, "Namespace");
                }
                Err(error) => {
                    warn!(namespace = name, %error, "failed to read the namespace; retrying");
                    next = RETRY_INTERVAL;
                    if matches!(&error, kube::Error::Api(status) if status.is_forbidden()) {
                        api.refused.refuse(name, "Namespace");
                        if read.insert(name) {
                            feed.apply_in(Some(name), Event::Init);
                            feed.apply_in(Some(name), Event::InitDone);
                        }
                    }
                }
            }
        }
        tokio::time::sleep(next).await;
    }
}
