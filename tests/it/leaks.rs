//! No secret value leaks: every byte that the operators write is searched, for every encoding of a secret.
//!
//! All secret values of the tests (credentials, passwords, parameters from Secrets) contain [`MARK`]. Each test with a
//! namespace ends with a [`search`] of all logs and metrics of the operators, and of everything that they have sent to
//! the API server except Secrets (statuses, conditions, events …, from its audit log).
//!
//! Seen to fail with the broker's answer in a debug log line, and with its bytes there.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

pub use crate::scripted::MARK;

static LOGS: Mutex<Vec<Log>> = Mutex::new(Vec::new());

struct Log {
    path: PathBuf,
    /// How many bytes have been searched.
    searched: u64,
}

/// Adds a file to the search. It may grow.
pub fn watch(path: PathBuf) {
    let mut logs = LOGS.lock().unwrap_or_else(PoisonError::into_inner);
    if logs.iter().all(|log| log.path != path) {
        logs.push(Log { path, searched: 0 });
    }
}

/// Panics if a secret was written since the last search.
pub fn search() {
    let mut logs = LOGS.lock().unwrap_or_else(PoisonError::into_inner);
    let lines: Vec<(String, String)> =
        logs.iter_mut().map(|log| (log.path.display().to_string(), log.new_lines())).collect();
    drop(logs);
    for (path, text) in lines {
        assert_clean(&path, &text);
    }
}

/// Panics if the text contains a secret.
pub fn assert_clean(what: &str, text: &str) {
    if let Some(line) = FORMS.iter().find_map(|form| text.lines().find(|line| line.contains(form))) {
        panic!("{what} contains a secret:\n{line}");
    }
}

impl Log {
    /// The complete lines since the last call.
    fn new_lines(&mut self) -> String {
        let mut lines = Vec::new();
        let mut file = File::open(&self.path).unwrap();
        file.seek(SeekFrom::Start(self.searched)).unwrap();
        file.read_to_end(&mut lines).unwrap();
        lines.truncate(lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
        self.searched += lines.len() as u64;
        String::from_utf8_lossy(&lines).into_owned()
    }
}

/// The encodings of the mark. It consists of letters and digits, which JSON and URLs do not escape.
static FORMS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let bytes = |format: fn(&u8) -> String, between: &str| {
        MARK.as_bytes().iter().map(format).collect::<Vec<_>>().join(between)
    };
    let mut forms: Vec<String> = (0..3).map(in_base64).collect();
    forms.extend([
        MARK.to_owned(),
        bytes(u8::to_string, ", "),
        bytes(u8::to_string, ","),
        bytes(|byte| format!("{byte:02x}"), ""),
        bytes(|byte| format!("%{byte:02X}"), ""),
        MARK.chars().rev().collect(),
    ]);
    forms
});

/// The part of the mark that is visible in the base64 of a text with `before` bytes (modulo 3) before the mark.
fn in_base64(before: usize) -> String {
    let text = [&"-".repeat(before), MARK].concat();
    let encoded = STANDARD_NO_PAD.encode(&text);
    let first = [0, 2, 3][before];
    // The last character depends on the text after the mark.
    let last = text.len() * 4 / 3;
    encoded[first..last].to_owned()
}

#[test]
fn a_secret_is_found_in_every_form() {
    let secret = format!("a {MARK} b");
    let seen = |text: &str| FORMS.iter().any(|form| text.contains(form));
    for before in ["", "a", "ab", "abc", "{\"password\":\""] {
        for after in ["", "a", "ab", "\"}"] {
            let text = [before, MARK, after].concat();
            assert!(seen(&STANDARD_NO_PAD.encode(&text)), "{text}");
        }
    }
    for text in [
        format!("{secret:?}"),
        format!("{:?}", secret.as_bytes()),
        serde_json::to_string(secret.as_bytes()).unwrap(),
        serde_json::json!({"text": serde_json::json!({ "text": secret }).to_string()}).to_string(),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
    ] {
        assert!(seen(&text), "{text}");
    }
    assert!(!seen("the broker answered with status 500"));
}

#[test]
fn what_is_written_later_is_searched_later() {
    let path = crate::process::directory().join("leaks-of-a-test.log");
    let mut log = Log { path: path.clone(), searched: 0 };
    std::fs::write(&path, "one\ntw").unwrap();
    assert_eq!(log.new_lines(), "one\n");
    std::fs::write(&path, "one\ntwo\n").unwrap();
    assert_eq!((log.new_lines().as_str(), log.new_lines().as_str()), ("two\n", ""));
}
