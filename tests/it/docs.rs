//! The documentation names tests and files. They exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// All files below a directory that end so.
fn files(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { files(&path, ending) } else { vec![path] };
    entries.flat_map(below).filter(|path| path.to_str().unwrap().ends_with(ending)).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// What is between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_tests_that_the_comparisons_name_exist() {
    let code: Vec<String> = ["src", "tests"]
        .iter()
        .flat_map(|room| files(&Path::new(ROOT).join(room), ".rs"))
        .map(|path| read(&path))
        .collect();
    for (page, least) in [("docs/service-catalog.md", 50), ("docs/servicebinding.md", 10)] {
        let comparison = read(&Path::new(ROOT).join(page));
        let rows = comparison.lines().filter(|line| line.starts_with('|'));
        let named: BTreeSet<&str> = rows.filter_map(|row| row.rsplit('|').nth(1)).flat_map(quoted).collect();
        assert!(named.len() > least, "{page} {named:?}");
        let is_missing = |test: &&str| {
            let definition = format!("fn {test}(");
            code.iter().all(|text| !text.contains(&definition))
        };
        let missing: Vec<&str> = named.into_iter().filter(is_missing).collect();
        assert!(missing.is_empty(), "{page} names tests that do not exist: {missing:#?}");
    }
}

#[test]
fn the_files_that_are_linked_exist() {
    let root = Path::new(ROOT);
    let mut pages = files(&root.join("docs"), ".md");
    pages.extend(files(&root.join("examples"), ".md"));
    pages.extend(
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root.join(name)),
    );
    for page in pages {
        let text = read(&page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let file = link.split('#').next().unwrap();
            let is_here = file.contains("://") || page.parent().unwrap().join(file).exists();
            assert!(is_here, "{} links to {link}", page.display());
        }
    }
}
