//! No part of the installation that is missing keeps an unrelated pod from starting, in whatever order parts go. A pod
//! of a namespace with bindings is held rather than started without its credentials.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::web;
use crate::cluster::{Cluster, as_created};
use crate::namespace::{Namespace, eventually, namespace_of};
use crate::process::directory;

/// How long the API server is watched after each start. The errors that it makes of a missing parameter kind begin with
/// the first request and last for half a minute.
const WATCHED: Duration = Duration::from_secs(2);

/// What can go missing, by the kinds of its objects.
const PARTS: [&str; 3] = [
    "customresourcedefinitions",
    "mutatingadmissionpolicies,validatingadmissionpolicies",
    "mutatingadmissionpolicybindings,validatingadmissionpolicybindings",
];

/// Every set of missing parts, each reached from the one before by one change: it does not matter for admission in which
/// order parts went.
const SETS: [[bool; 3]; 7] = [
    [true, false, false],
    [true, true, false],
    [false, true, false],
    [false, true, true],
    [true, true, true],
    [true, false, true],
    [false, false, true],
];

struct Installation {
    cluster: Cluster,
}

impl Installation {
    fn file(part: usize) -> String {
        directory().join(format!("part-{part}.yaml")).to_str().unwrap().to_owned()
    }

    /// Writes the objects of a part to a file.
    fn save(&self, part: usize) {
        let mut list: Value =
            serde_json::from_slice(&self.cluster.kubectl(&["get", PARTS[part], "--output=json"]).stdout)
                .unwrap();
        for object in list["items"].as_array_mut().unwrap() {
            as_created(object);
        }
        assert!(!list["items"].as_array().unwrap().is_empty(), "{}", PARTS[part]);
        std::fs::write(Self::file(part), list.to_string()).unwrap();
    }

    async fn set_missing(&self, part: usize, is_missing: bool) {
        let file = Self::file(part);
        if !is_missing {
            self.cluster.must_kubectl(&["create", "--filename", &file]);
            return;
        }
        self.cluster.must_kubectl(&["delete", "--wait=false", "--filename", &file]);
        // After a restart the API server sometimes forgets to finalize a CRD whose storage was being set up, until the CRD
        // changes.
        let mut touched = 0;
        eventually("the part is gone", Duration::from_mins(3), async || {
            let left = ["get", "--ignore-not-found", "--output=name", "--filename", &file];
            let left = String::from_utf8_lossy(&self.cluster.kubectl(&left).stdout).into_owned();
            if left.is_empty() {
                return Ok(());
            }
            touched += 1;
            let touch = format!("touched={touched}");
            self.cluster.kubectl(&["annotate", "--overwrite", "--filename", &file, &touch]);
            Err(left)
        })
        .await;
    }

    /// Restarts the API server; returns the first refusal of a pod in each namespace.
    async fn refusals(&self, namespaces: &mut [Namespace]) -> Vec<Option<String>> {
        self.cluster.stop_api_server();
        self.cluster.start_api_server();
        let client = self.cluster.client().await;
        let mut refusals = vec![None; namespaces.len()];
        let began = Instant::now();
        while began.elapsed() < WATCHED {
            for (namespace, refusal) in namespaces.iter_mut().zip(&mut refusals) {
                namespace.client = client.clone();
                if let Err(error) = namespace.try_create(web()).await {
                    refusal.get_or_insert(error);
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        refusals
    }
}

/// Seen to fail with `failurePolicy: Fail` in the policy `injection-unmarked`.
#[tokio::test]
async fn an_unrelated_pod_starts_whatever_is_missing() {
    let installation = Installation { cluster: Cluster::with_chart("parts") };
    let mut namespaces =
        [namespace_of(&installation.cluster).await, namespace_of(&installation.cluster).await];
    let marked = json!({"metadata": {"labels": {"servicecatalog.k8s.io/injects": "true"}}});
    let name = namespaces[1].name.clone();
    namespaces[1].patch("Namespace", &name, marked).await.unwrap();
    (0..PARTS.len()).for_each(|part| installation.save(part));
    installation.cluster.must_kubectl(&["delete", "clusterrole,clusterrolebinding", "service-catalog"]);
    let mut missing = [false; 3];
    for set in SETS {
        for part in 0..PARTS.len() {
            if set[part] != missing[part] {
                installation.set_missing(part, set[part]).await;
            }
        }
        missing = set;
        let refusals = installation.refusals(&mut namespaces).await;
        assert_eq!(refusals[0], None, "missing: {missing:?}");
        if missing == [true, false, false] {
            let held = refusals[1].as_deref().unwrap_or_default();
            assert!(held.contains("injection.servicecatalog.k8s.io"), "{held}");
        }
    }
}
