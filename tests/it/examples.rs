//! The API server accepts the examples as they are.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cluster::cluster;
use crate::namespace::namespace;
use crate::process::text;

/// Tested in `chart/gitops.rs`.
fn is_of_gitops_tool(path: &Path) -> bool {
    ["argo-cd", "flux"].iter().any(|tool| path.parent().is_some_and(|parent| parent.ends_with(tool)))
}

fn manifests(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (directories, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    // Values of the chart are no objects, and the control plane has not the kinds of other tools.
    let is_manifest = |path: &PathBuf| {
        let is_foreign = path.ends_with("demo/values.yaml") || is_of_gitops_tool(path);
        path.extension().is_some_and(|extension| extension == "yaml") && !is_foreign
    };
    let deeper = directories.iter().flat_map(|directory| manifests(directory));
    files.into_iter().filter(is_manifest).chain(deeper).collect()
}

/// A server-side dry run: CRDs and admission policies apply, and nothing is stored.
#[tokio::test]
async fn every_example_applies() {
    let namespace = namespace().await;
    let manifests = manifests(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples"));
    assert!(!manifests.is_empty(), "there are no examples");
    for manifest in manifests {
        let objects: Vec<Value> =
            serde_saphyr::from_multiple(&std::fs::read_to_string(&manifest).unwrap()).unwrap();
        for place in objects.iter().filter_map(|object| object["metadata"]["namespace"].as_str()) {
            // Another example may have created it already.
            let _ = namespace.create(json!({"kind": "Namespace", "metadata": {"name": place}})).await;
        }
        let file = manifest.to_str().unwrap();
        let output = cluster().kubectl(&["apply", "--dry-run=server", "-f", file]);
        assert!(output.status.success(), "{file}: {}", text(&output));
    }
}
