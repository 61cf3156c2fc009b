//! The generated files match the code. `cargo run -- crds --directory crds` updates them.

use std::collections::BTreeMap;
use std::path::Path;

use service_catalog::crd;

#[test]
fn the_definitions_in_crds_are_those_of_the_code() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    let files: BTreeMap<String, String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    let code: BTreeMap<String, String> = crd::all()
        .iter()
        .map(|definition| (crd::file_name(definition), crd::to_yaml(definition).unwrap()))
        .collect();
    assert_eq!(files.keys().collect::<Vec<_>>(), code.keys().collect::<Vec<_>>());
    for (name, text) in &code {
        assert!(&files[name] == text, "crds/{name} is out of date: run `cargo run -- crds --directory crds`");
    }
}
