//! Documents name only what exists, and the reference pages are complete.

mod names;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::cluster::CHART;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// How large the front page and the map of the code may be, in bytes: who opens them reads them to the end.
const LONGEST: [(&str, u64); 2] = [("README.md", 10_000), ("ARCHITECTURE.md", 16_000)];

/// All files below a directory that end so.
fn files(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { files(&path, ending) } else { vec![path] };
    entries.flat_map(below).filter(|path| path.to_str().unwrap().ends_with(ending)).collect()
}

/// All documents.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(ROOT);
    let mut pages = files(&root.join("docs"), ".md");
    pages.extend(files(&root.join("examples"), ".md"));
    let front = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    pages.extend(front.map(|name| root.join(name)));
    pages
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn page(name: &str) -> String {
    read(&Path::new(ROOT).join(name))
}

/// What is between backquotes, outside of blocks of code.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2))
}

fn assert_quoted<'a>(name: &str, wanted: impl Iterator<Item = &'a str>) {
    let text = page(name);
    let quoted: BTreeSet<&str> = quoted(&text).collect();
    let missing: Vec<&str> = wanted.filter(|word| !quoted.contains(word)).collect();
    assert!(missing.is_empty(), "{name} lacks {missing:#?}");
}

#[test]
fn the_tests_that_the_comparisons_name_exist() {
    let code: Vec<String> = ["src", "tests"]
        .iter()
        .flat_map(|room| files(&Path::new(ROOT).join(room), ".rs"))
        .map(|path| read(&path))
        .collect();
    for (name, least) in [("docs/service-catalog.md", 50), ("docs/servicebinding.md", 10)] {
        let comparison = page(name);
        let rows = comparison.lines().filter(|line| line.starts_with('|'));
        let named: BTreeSet<&str> = rows.filter_map(|row| row.rsplit('|').nth(1)).flat_map(quoted).collect();
        assert!(named.len() > least, "{name} {named:?}");
        let is_missing = |test: &&str| {
            let definition = format!("fn {test}(");
            code.iter().all(|text| !text.contains(&definition))
        };
        let missing: Vec<&str> = named.into_iter().filter(is_missing).collect();
        assert!(missing.is_empty(), "{name} names tests that do not exist: {missing:#?}");
    }
}

#[test]
fn the_files_that_are_linked_exist() {
    for page in pages() {
        let text = read(&page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let file = link.split('#').next().unwrap();
            let is_here = file.contains("://") || page.parent().unwrap().join(file).exists();
            assert!(is_here, "{} links to {link}", page.display());
        }
    }
}

#[test]
fn the_front_pages_are_short() {
    for (name, longest) in LONGEST {
        let length = std::fs::metadata(Path::new(ROOT).join(name)).unwrap().len();
        assert!(length <= longest, "{name} has {length} bytes, more than {longest}");
    }
}

/// The words of `src/domain/reason.rs` and `src/crd/condition.rs`.
#[test]
fn troubleshooting_explains_every_reason_and_condition() {
    let (reasons, conditions) = (page("src/domain/reason.rs"), page("src/crd/condition.rs"));
    let declared = |text: &str, before: &str, after: &str| -> BTreeSet<String> {
        let declared = text.lines().filter_map(|line| line.trim().strip_suffix(after)?.split_once(before));
        let words = declared.map(|(_, word)| word.to_owned());
        words.filter(|word| word.bytes().all(|byte| byte.is_ascii_alphanumeric())).collect()
    };
    let (reasons, conditions) = (declared(&reasons, " = ", ";"), declared(&conditions, " = \"", "\";"));
    assert!(reasons.len() > 80 && conditions.len() > 5, "{reasons:?} {conditions:?}");
    assert_quoted("docs/troubleshooting.md", reasons.iter().chain(&conditions).map(String::as_str));
}

#[test]
fn every_value_of_the_chart_and_every_option_is_explained() {
    let values: Value = serde_saphyr::from_str(&read(&Path::new(CHART).join("values.yaml"))).unwrap();
    let mut paths = Vec::new();
    leaves(&values, "", &mut paths);
    let help_of = |command: &str| {
        let mut process = Command::new(env!("CARGO_BIN_EXE_service-catalog"));
        let output = process.args([command, "--help"]).output().unwrap();
        assert!(output.status.success(), "there is no command {command}");
        String::from_utf8(output.stdout).unwrap()
    };
    let commands = ["run", "template-broker", "console", "check", "crds"];
    let help = commands.map(help_of).concat();
    let is_option = |word: &&str| word.starts_with("--") && *word != "--help";
    let options: BTreeSet<&str> = help.split_whitespace().filter(is_option).collect();
    assert!(paths.len() > 10 && options.len() > 5, "{paths:?} {options:?}");
    assert_quoted("docs/settings.md", paths.iter().map(String::as_str).chain(options));
}

/// The paths of all values that are no maps, as `helm --set` takes them.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value.as_object().filter(|object| !object.is_empty()) {
        Some(object) => {
            for (key, value) in object {
                leaves(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, found);
            }
        }
        None => found.push(path.to_owned()),
    }
}
