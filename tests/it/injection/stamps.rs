//! Stamps: the annotation that admission adds to a pod, with the revision of each binding that it has.

use serde_json::{Value, json};

use super::{pod, web};
use crate::namespace::{Namespace, PATIENCE, eventually, namespace, wanted};

/// A pod's revision of a binding.
fn stamp<'a>(pod: &'a Value, binding: &Value) -> Option<&'a str> {
    let uid = binding["metadata"]["uid"].as_str().unwrap();
    pod["metadata"]["annotations"].get(format!("revision.servicecatalog.k8s.io/{uid}"))?.as_str()
}

impl Namespace {
    /// Writes a binding's revision, as the operator does, and waits until new pods get it.
    async fn revise(&self, binding: &Value, revision: i64) {
        let name = binding["metadata"]["name"].as_str().unwrap();
        self.patch_status("ServiceBinding", name, json!({"status": {"revision": revision}})).await.unwrap();
        let revision = revision.to_string();
        eventually("pods have the revision", PATIENCE, async || {
            wanted(self.admitted(&web()).await, |pod| stamp(pod, binding) == Some(&revision))
        })
        .await;
    }
}

#[tokio::test]
async fn a_pod_says_which_revision_of_each_binding_it_has() {
    let namespace = namespace().await;
    let (db, cache) = (namespace.bind("db", json!(null)).await, namespace.bind("cache", json!(null)).await);
    let pod = namespace.admitted(&web()).await;
    assert_eq!((stamp(&pod, &db), stamp(&pod, &cache)), (Some("0"), Some("0")), "nothing is there yet");
    namespace.revise(&db, 3).await;
    namespace.revise(&cache, 12).await;
    let mut annotated = web();
    annotated["metadata"]["annotations"] = json!({"own": "value"});
    let pod = namespace.admitted(&annotated).await;
    assert_eq!((stamp(&pod, &db), stamp(&pod, &cache)), (Some("3"), Some("12")));
    assert_eq!(pod["metadata"]["annotations"]["own"], "value");
}

/// Nothing is injected, but the pod is up to date. Without a stamp it would look stale.
#[tokio::test]
async fn a_pod_in_which_no_container_is_meant_is_stamped_too() {
    let namespace = namespace().await;
    let binding = namespace.bind("db", json!({"containers": ["main"]})).await;
    let mut other = web();
    other["spec"]["containers"][0]["name"] = "other".into();
    assert_eq!(stamp(&namespace.admitted(&other).await, &binding), Some("0"));
    let unselected = namespace.admitted(&pod(json!({"app": "other"}))).await;
    assert_eq!(stamp(&unselected, &binding), None);
}

#[tokio::test]
async fn the_stamp_of_the_pod_that_was_copied_does_not_count() {
    let namespace = namespace().await;
    let binding = namespace.bind("db", json!(null)).await;
    let mut copy = web();
    copy["metadata"]["annotations"] = namespace.admitted(&web()).await["metadata"]["annotations"].clone();
    namespace.revise(&binding, 1).await;
    assert_eq!(stamp(&namespace.admitted(&copy).await, &binding), Some("1"));
}

/// The operator restarts workloads by the stamps of their pods.
#[tokio::test]
async fn nobody_can_make_a_stamp_up() {
    let namespace = namespace().await;
    let binding = namespace.bind("db", json!(null)).await;
    let uid = binding["metadata"]["uid"].as_str().unwrap();
    let forged = json!({format!("revision.servicecatalog.k8s.io/{uid}"): "7",
        "revision.servicecatalog.k8s.io/other": "7", "own": "value"});
    for (labels, own) in [(json!({"app": "web"}), Some("0")), (json!({"app": "other"}), None)] {
        let mut pod = pod(labels);
        pod["metadata"]["name"] = format!("pod-{}", own.unwrap_or("none")).into();
        pod["metadata"]["annotations"] = forged.clone();
        let pod = namespace.create(pod).await.unwrap();
        assert_eq!(stamp(&pod, &binding), own);
        let name = pod["metadata"]["name"].as_str().unwrap();
        for change in [forged.clone(), json!(null)] {
            let change = json!({"metadata": {"annotations": change}});
            let changed = namespace.patch("Pod", name, change).await.unwrap();
            assert_eq!(stamp(&changed, &binding), own, "{changed:#}");
            let other = &changed["metadata"]["annotations"]["revision.servicecatalog.k8s.io/other"];
            assert!(other.is_null(), "{changed:#}");
        }
    }
}

/// The operator watches pods with the label, and reports what they say of a binding.
#[tokio::test]
async fn nobody_can_make_a_collision_up() {
    const LABEL: &str = "servicecatalog.k8s.io/collides";
    let namespace = namespace().await;
    let binding = namespace.bind("db", json!(null)).await;
    let key = format!("collision.servicecatalog.k8s.io/{}", binding["metadata"]["uid"].as_str().unwrap());
    let forged = json!({"metadata": {"labels": {LABEL: "true"}, "annotations": {key.clone(): "main: X"}}});
    let taken = json!({"volumeMounts": [{"name": "own", "mountPath": "/bindings/db"}]});
    for (name, container, says) in [("free", json!({}), None), ("taken", taken, Some("main: /bindings/db"))] {
        let mut pod = web();
        pod["metadata"]["name"] = name.into();
        pod["metadata"]["labels"][LABEL] = "true".into();
        pod["metadata"]["annotations"] = forged["metadata"]["annotations"].clone();
        pod["spec"]["volumes"] = json!([{"name": "own", "emptyDir": {}}]);
        pod["spec"]["containers"][0].as_object_mut().unwrap().extend(container.as_object().unwrap().clone());
        namespace.create(pod).await.unwrap();
        let removed = json!({"metadata": {"labels": {LABEL: null}, "annotations": {key.clone(): null}}});
        for change in [json!({}), forged.clone(), removed] {
            let pod = namespace.patch("Pod", name, change).await.unwrap();
            let metadata = &pod["metadata"];
            assert_eq!(metadata["annotations"].get(&key).and_then(Value::as_str), says, "{pod:#}");
            assert_eq!(metadata["labels"].get(LABEL).is_some(), says.is_some(), "{pod:#}");
        }
    }
}

/// The annotations of an object may have 256 KiB together.
#[tokio::test]
async fn a_pod_full_of_annotations_is_accepted_without_a_stamp() {
    let namespace = namespace().await;
    let binding = namespace.bind("db", json!(null)).await;
    let large = json!({"large": "x".repeat(256 * 1024 - "large".len())});
    let wide = "ä".repeat(128 * 1024 - "wide".len());
    let many: Value = (0..20_000).map(|i| (format!("many-{i}"), Value::from("x"))).collect();
    for annotations in [large, json!({"wide": wide}), many] {
        let mut pod = web();
        pod["metadata"]["annotations"] = annotations;
        let pod = namespace.admitted(&pod).await;
        assert!(super::has_volume(&pod, &binding));
        assert_eq!(stamp(&pod, &binding), None);
    }
}

/// To look at so many annotations costs too much, so the operator ignores the stamps of such a pod. They do not outlive
/// that.
#[tokio::test]
async fn a_stamp_made_up_among_many_annotations_goes_with_them() {
    let namespace = namespace().await;
    let many = |value: Value| -> Value { (0..501).map(|i| (format!("many-{i}"), value.clone())).collect() };
    let forged = "revision.servicecatalog.k8s.io/other";
    let mut pod = pod(json!({"app": "other"}));
    pod["metadata"]["annotations"] = many("x".into());
    pod["metadata"]["annotations"][forged] = "7".into();
    namespace.create(pod).await.unwrap();
    let few = json!({"metadata": {"annotations": many(json!(null))}});
    let changed = namespace.patch("Pod", "pod", few).await.unwrap();
    assert!(changed["metadata"]["annotations"][forged].is_null(), "{changed:#}");
}
