//! What admission and the operator have recorded in an object: does it survive each way in which clients write objects?

use serde_json::{Value, json};
use service_catalog::crd::names::{ANNOTATION_RESOLVED, FINALIZER};

use super::requester::alice;
use super::{alpha_binding, alpha_instance, binding, broker, instance};
use crate::namespace::{Namespace, PATIENCE, eventually, namespace};

const CLASS_LABEL: &str = "servicecatalog.k8s.io/spec.clusterServiceClassRef.name";

/// A way in which a client writes an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    /// `kubectl replace`, `helm upgrade --force`, `Replace=true` of Argo CD: PUT of the manifest, with the current
    /// resourceVersion.
    Replace,
    /// The same from a client that copies the uid as well.
    ReplaceWithUid,
    /// PUT of the object as it was read, with a label.
    Edit,
    /// Server-side apply of the manifest, with force: `kubectl apply --server-side --force-conflicts`, Terraform.
    Apply,
    /// `svcat deprovision --abandon`: PUT of the object as it was read, without our finalizer.
    Abandon,
    /// A merge patch that removes our finalizer.
    Patch,
}

impl Client {
    const ALL: [Self; 6] =
        [Self::Replace, Self::ReplaceWithUid, Self::Edit, Self::Apply, Self::Abandon, Self::Patch];

    /// Whether the finalizer is still there after the client has written an object that is not being deleted.
    fn keeps_finalizer(self, manifest: &Value) -> bool {
        match self {
            Self::Replace | Self::Edit | Self::Apply => true,
            // Nothing else is recorded in a broker.
            Self::ReplaceWithUid => !manifest["kind"].as_str().unwrap().ends_with("Broker"),
            Self::Abandon | Self::Patch => false,
        }
    }

    /// Writes the object; returns it as it was before and after. The operator may write it meanwhile.
    async fn write(self, namespace: &Namespace, manifest: &Value, stored: &Value) -> [Value; 2] {
        let (kind, name) = names(stored);
        let mut before = stored.clone();
        loop {
            match self.try_write(namespace, manifest, &before).await {
                Ok(after) => return [before, after],
                Err(error) if error.contains("the object has been modified") => {
                    before = namespace.get(kind, name).await.unwrap();
                }
                Err(error) => panic!("{self:?} of {kind}: {error}"),
            }
        }
    }

    async fn try_write(
        self,
        namespace: &Namespace,
        manifest: &Value,
        stored: &Value,
    ) -> Result<Value, String> {
        let (mut sent, mut read) = (manifest.clone(), stored.clone());
        let (kind, name) = names(stored);
        sent["metadata"]["resourceVersion"] = stored["metadata"]["resourceVersion"].clone();
        match self {
            Self::Replace => namespace.replace(sent).await,
            Self::ReplaceWithUid => {
                sent["metadata"]["uid"] = stored["metadata"]["uid"].clone();
                namespace.replace(sent).await
            }
            Self::Edit => {
                read["metadata"]["labels"]["edited"] = "true".into();
                namespace.replace(read).await
            }
            Self::Apply => namespace.apply(manifest.clone()).await,
            Self::Abandon => {
                read["metadata"]["finalizers"] = json!(["example.com/other"]);
                namespace.replace(read).await
            }
            Self::Patch => {
                let abandon = json!({"metadata": {"finalizers": ["example.com/other"]}});
                namespace.patch(kind, name, abandon).await
            }
        }
    }
}

fn names(object: &Value) -> (&str, &str) {
    (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
}

/// The manifests of all kinds that have the finalizer.
fn manifests(namespace: &Namespace) -> [Value; 7] {
    let mut manifests = [
        broker("ClusterServiceBroker", namespace, json!({})),
        broker("ServiceBroker", namespace, json!({})),
        broker("Broker", namespace, json!({})),
        instance("x", json!({"clusterServiceClassName": "c", "clusterServicePlanName": "p"})),
        binding("x", json!({})),
        alpha_instance("x"),
        alpha_binding("x"),
    ];
    for manifest in &mut manifests {
        manifest["metadata"]["finalizers"] = json!(["example.com/other"]);
    }
    manifests
}

/// Creates an object, and writes what the operator writes.
async fn stored(namespace: &Namespace, manifest: &Value) -> Value {
    let created = namespace.create(manifest.clone()).await.unwrap();
    if manifest["kind"] != "ServiceInstance" {
        return created;
    }
    let patch = json!({
        "metadata": {"labels": {CLASS_LABEL: "c"}, "annotations": {ANNOTATION_RESOLVED: "c/p"}},
        "spec": {"clusterServiceClassRef": {"name": "c"}, "clusterServicePlanRef": {"name": "p"}}
    });
    namespace.as_operator().await.patch("ServiceInstance", "x", patch).await.unwrap()
}

/// Removes the object. Until it is deleted, the operator adds the finalizer to one that it has not seen before.
async fn finish(namespace: &Namespace, object: &Value) {
    let (kind, name) = names(object);
    namespace.delete(kind, name).await.unwrap();
    eventually("it is gone", PATIENCE, async || {
        let _ = namespace.patch(kind, name, json!({"metadata": {"finalizers": null}})).await;
        match namespace.get(kind, name).await {
            Err(error) if error.contains("not found") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

fn has_finalizer(object: &Value) -> bool {
    object["metadata"]["finalizers"]
        .as_array()
        .is_some_and(|finalizers| finalizers.contains(&FINALIZER.into()))
}

/// Seen to fail without the policy: `Replace` loses the finalizer of all kinds, the requester and the references, and is
/// refused for a binding, because it leaves out `spec.secretName`.
#[tokio::test]
async fn what_is_recorded_survives_every_client_unless_it_abandons_the_object() {
    let namespace = namespace().await;
    let alice = namespace.as_user(alice()).await;
    for manifest in manifests(&namespace) {
        for client in Client::ALL {
            let new = stored(&namespace, &manifest).await;
            let [before, after] = client.write(&alice, &manifest, &new).await;
            let what = format!("{client:?} of {}", manifest["kind"]);
            assert_eq!(has_finalizer(&after), client.keeps_finalizer(&manifest), "{what}: {after:#}");
            assert_eq!(after["spec"], before["spec"], "{what}");
            let generation = |object: &Value| object["metadata"]["generation"].clone();
            assert_eq!(generation(&after), generation(&before), "{what}");
            let annotations = |object: &Value| object["metadata"]["annotations"][ANNOTATION_RESOLVED].clone();
            assert_eq!(annotations(&after), annotations(&before), "{what}");
            let label = |object: &Value| object["metadata"]["labels"][CLASS_LABEL].clone();
            assert_eq!(label(&after), label(&before), "{what}");
            finish(&namespace, &after).await;
        }
    }
}

/// A manifest with a change is the change and nothing else.
#[tokio::test]
async fn a_changed_manifest_makes_its_author_the_requester_and_keeps_the_rest() {
    let namespace = namespace().await;
    let alice = namespace.as_user(alice()).await;
    let mut manifest = instance("x", json!({"clusterServiceClassName": "c", "externalID": "given"}));
    let new = stored(&namespace, &manifest).await;
    manifest["spec"] = json!({"clusterServiceClassName": "c", "clusterServicePlanName": "other"});
    let [before, after] = Client::Replace.write(&alice, &manifest, &new).await;
    let mut expected = before["spec"].clone();
    expected["clusterServicePlanName"] = "other".into();
    expected["userInfo"] = after["spec"]["userInfo"].clone();
    assert_eq!(after["spec"], expected);
    assert_eq!(after["spec"]["userInfo"]["username"], "alice");
    assert_eq!(after["metadata"]["annotations"][ANNOTATION_RESOLVED], "c/p", "the operator sees the edit");
    finish(&namespace, &after).await;
}

/// The operator and users may end an object that is being deleted. A manifest from a repository still does not.
#[tokio::test]
async fn a_deletion_is_not_cut_short_by_a_manifest() {
    let namespace = namespace().await;
    for manifest in manifests(&namespace) {
        let created = stored(&namespace, &manifest).await;
        let (kind, name) = names(&created);
        let deleted = namespace.delete(kind, name).await.unwrap();
        // A running operator may already have removed the finalizer.
        let [before, replaced] = Client::Replace.write(&namespace, &manifest, &deleted).await;
        assert_eq!(has_finalizer(&replaced), has_finalizer(&before), "{kind}");
        let [_, ended] = Client::Abandon.write(&namespace, &manifest, &replaced).await;
        assert!(!has_finalizer(&ended), "{kind}");
        namespace.patch(kind, name, json!({"metadata": {"finalizers": null}})).await.unwrap();
        assert!(namespace.get(kind, name).await.unwrap_err().contains("not found"));
    }
}
