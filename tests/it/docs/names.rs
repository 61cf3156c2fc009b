//! Every path and every symbol between backquotes in a document exists.

use std::path::Path;

use super::{ROOT, files, pages, quoted, read};

/// Where a path may begin: at the root, or beside the page.
const ROOMS: [&str; 10] =
    ["src/", "tests/", "docs/", "charts/", "crds/", "examples/", "hack/", ".ci/", "target/", "Makefile"];

/// Text in which a symbol counts as defined.
const CODE: [(&str, &str); 6] = [
    ("src", ".rs"),
    ("tests", ".rs"),
    ("tests", ".sh"),
    ("examples", ".rs"),
    ("examples", ".yaml"),
    ("charts", ""),
];

fn code() -> String {
    let all = CODE.iter().flat_map(|(room, ending)| files(&Path::new(ROOT).join(room), ending));
    let texts = all.filter_map(|path| std::fs::read_to_string(path).ok());
    texts.collect::<Vec<_>>().join("\n")
}

/// `src/{a,b}.rs` is two paths.
fn expanded(path: &str) -> Vec<String> {
    let Some((head, (middle, tail))) =
        path.split_once('{').and_then(|(head, rest)| Some((head, rest.split_once('}')?)))
    else {
        return vec![path.to_owned()];
    };
    middle.split(',').map(|choice| format!("{head}{}{tail}", choice.trim())).collect()
}

fn is_path(token: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./{},".contains(letter);
    ROOMS.iter().any(|room| token.starts_with(room)) && token.chars().all(is_plain)
}

fn exists(path: &str) -> bool {
    // What tests and builds leave behind.
    path.starts_with("target/") || Path::new(ROOT).join(path).exists()
}

/// A Rust path, or the name of a type: `domain::instance::decide`, `CallGate`.
fn is_symbol(token: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    let is_camel = || {
        token.starts_with(|first: char| first.is_ascii_uppercase())
            && token.contains(|letter: char| letter.is_ascii_lowercase())
            && is_word(token)
    };
    (token.contains("::") && token.split("::").all(is_word)) || is_camel()
}

fn is_known(symbol: &str, code: &str) -> bool {
    let name = symbol.rsplit("::").next().unwrap_or(symbol);
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    code.match_indices(name)
        .any(|(at, _)| !code[..at].ends_with(is_part) && !code[at + name.len()..].starts_with(is_part))
}

#[test]
fn what_documents_name_exists() {
    let code = code();
    let mut missing = Vec::new();
    for page in pages() {
        let text = read(&page);
        for token in quoted(&text) {
            let is_missing = if is_path(token) {
                expanded(token).iter().any(|path| !exists(path))
            } else {
                is_symbol(token) && !is_known(token, &code)
            };
            if is_missing {
                missing.push(format!("{}: {token}", page.strip_prefix(ROOT).unwrap().display()));
            }
        }
    }
    assert!(missing.is_empty(), "documents name what does not exist: {missing:#?}");
}
