//! Rules for the source that the compiler does not check. Each finding names the file, the line and the remedy.
//!
//! | file | rule |
//! |---|---|
//! | `layers` | a module uses only what the tables of ARCHITECTURE.md allow |
//! | `circles` | modules do not use each other in a circle |
//! | `restricted` | the core has no I/O, no clock and no randomness; `osb` knows no Kubernetes; clocks are read in listed modules only |
//! | `length` | no Rust file is longer than 400 lines |
//!
//! The rest serves them: `tokens` removes code for tests, `module` reads a file, `program` puts the modules together
//! and finds out in which module a name is defined. Code under `#[cfg(test)]` is exempt from every rule but the length.
//!
//! **What counts as a circle.** The child modules of each module must form a graph without circles. A child stands for
//! its whole subtree: if `binding/storage.rs` uses `secrets.rs` and `secrets/own.rs` uses `binding.rs`, then `binding`
//! and `secrets` form a circle. The parent's own code is one more node among its children, with one exception: a
//! *private* child (`mod child;`) is a part of its parent, so the parent may use it, and it may use the parent. A
//! public child (`pub mod child;`) stands alone: either it uses its parent or its parent uses it. Declarations and
//! re-exports (`pub use child::Name;`) use nothing.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

mod circles;
mod layers;
mod length;
mod module;
mod program;
mod restricted;
mod tokens;

use std::fs::read_to_string;
use std::path::PathBuf;

use layers::Layers;
use program::Program;

/// The root of the repository. Cargo sets it; to check another checkout, set it and run the test's program.
fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

fn program() -> Program {
    Program::load(&|file| read_to_string(root().join(file)).ok())
}

/// Fails with all findings.
fn expect_none(findings: &[String]) {
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn modules_use_what_architecture_md_allows() {
    let text = read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    expect_none(&Layers::parse(&text).check(&program()));
}

#[test]
fn no_modules_form_a_circle() {
    expect_none(&circles::check(&program()));
}

#[test]
fn the_core_is_pure_and_osb_knows_no_kubernetes() {
    expect_none(&restricted::check_rooms(&program()));
}

#[test]
fn clocks_are_read_in_listed_modules_only() {
    expect_none(&restricted::check_clocks(&program()));
}

#[test]
fn no_file_is_too_long() {
    expect_none(&length::check(&root(), &["src", "tests", "examples"]));
}
