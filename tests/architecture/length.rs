//! Which files are too long to be read in one go?

use std::fs::{read_dir, read_to_string};
use std::path::Path;

/// The most lines of a Rust file.
const MAX_LINES: usize = 400;

/// A finding for each Rust file below `folders` that is too long. Build output is skipped.
pub fn check(root: &Path, folders: &[&str]) -> Vec<String> {
    folders.iter().flat_map(|folder| check_folder(root, &root.join(folder))).collect()
}

fn check_folder(root: &Path, folder: &Path) -> Vec<String> {
    let mut entries: Vec<_> = read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let mut findings = Vec::new();
    for path in entries {
        if path.is_dir() && !path.ends_with("target") {
            findings.extend(check_folder(root, &path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            findings.extend(finding(&file, &read_to_string(&path).unwrap()));
        }
    }
    findings
}

fn finding(file: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > MAX_LINES).then(|| {
        format!("{file}:{MAX_LINES}: the file has {lines} lines, {MAX_LINES} are allowed: split it by the question it answers")
    })
}

#[test]
fn a_file_of_one_line_more_is_found() {
    assert_eq!(finding("a.rs", &"\n".repeat(MAX_LINES)), None);
    let found = finding("a.rs", &"\n".repeat(MAX_LINES + 1)).unwrap();
    assert!(found.starts_with("a.rs:400: the file has 401 lines"), "{found}");
}
