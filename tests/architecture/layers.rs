//! Which module uses something that its room may not use? ARCHITECTURE.md is the source: each table with the columns
//! `room` … `may use` is a rule for the modules that its first column names.
//!
//! Rooms of one table are siblings: children of the crate, or of one module (`src/reconcilers/….rs`). A room may have
//! several modules (`src/run.rs`, `src/main.rs`; `src/{run,main}.rs`), which may use each other. The last column names in
//! backticks the rooms, or single names of rooms (`leader::Fence`), that may be used; its other text is for readers. Every
//! sibling needs a room. The parent's own code may use all of its rooms, and none of them may use it.

use std::collections::{BTreeMap, BTreeSet};

use crate::module::Module;
use crate::program::{Program, Use};

/// All tables.
pub struct Layers(BTreeMap<Vec<String>, Vec<Room>>);

struct Room {
    /// The names of its modules.
    modules: BTreeSet<String>,
    /// Paths relative to the parent: a room, or a name in one.
    may_use: Vec<Vec<String>>,
}

impl Layers {
    /// Reads the tables of ARCHITECTURE.md.
    pub fn parse(text: &str) -> Self {
        let mut tables: BTreeMap<Vec<String>, Vec<Room>> = BTreeMap::new();
        let mut is_in_table = false;
        for line in text.lines() {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            match cells.as_slice() {
                ["", "room", .., "may use", ""] => is_in_table = true,
                ["", first, .., last, ""] if is_in_table => {
                    let files = quoted(first).into_iter().flat_map(expand);
                    let mut modules = files.filter_map(|file| module_of(&file)).peekable();
                    if let Some((_, parent)) = modules.peek().and_then(|path| path.split_last()) {
                        let parent = parent.to_vec();
                        let modules = modules.filter_map(|path| path.last().cloned()).collect();
                        let path = |name: &str| name.split("::").map(str::to_owned).collect();
                        let may_use = quoted(last).into_iter().map(path).collect();
                        tables.entry(parent).or_default().push(Room { modules, may_use });
                    }
                }
                _ => is_in_table = false,
            }
        }
        Self(tables)
    }

    /// A finding for each use that no table allows, and for each difference between the tables and the modules.
    pub fn check(&self, program: &Program) -> Vec<String> {
        if !self.0.contains_key(&[][..]) {
            return vec!["ARCHITECTURE.md has no table of rooms: | room | … | may use |".to_owned()];
        }
        // A name that a file uses in ten lines is one finding.
        let mut seen = BTreeSet::new();
        let mut uses = program.uses();
        uses.retain(|used| seen.insert((used.from.file.clone(), used.name())));
        let check = |(parent, rooms): (&Vec<String>, &Vec<Room>)| {
            let table = Table { parent, rooms, program };
            let mut findings = table.differences();
            findings.extend(uses.iter().filter_map(|used| table.finding(used)));
            findings
        };
        self.0.iter().flat_map(check).collect()
    }
}

/// The texts between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// `src/{a,b}.rs` is short for `src/a.rs` and `src/b.rs`.
fn expand(files: &str) -> Vec<String> {
    let list = files.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    match list {
        Some((before, (names, after))) => {
            names.split(',').map(|name| format!("{before}{name}{after}")).collect()
        }
        None => vec![files.to_owned()],
    }
}

/// `src/reconcilers/kinds.rs` and `src/reconcilers/kinds/` are the module `reconcilers::kinds`.
fn module_of(file: &str) -> Option<Vec<String>> {
    let path = file.strip_prefix("src/")?;
    let path = path.strip_suffix(".rs").or_else(|| path.strip_suffix('/'))?;
    Some(path.split('/').map(str::to_owned).collect())
}

/// One table, and the program that it is compared with.
struct Table<'a> {
    parent: &'a [String],
    rooms: &'a [Room],
    program: &'a Program,
}

impl Table<'_> {
    fn room_of(&self, module: &str) -> Option<&Room> {
        self.rooms.iter().find(|room| room.modules.contains(module))
    }

    /// Modules without a room, rooms without a module, and rooms that are allowed but do not exist.
    fn differences(&self) -> Vec<String> {
        let path = |name: &String| [self.parent, std::slice::from_ref(name)].concat();
        let mut findings = Vec::new();
        for module in self.program.modules() {
            let name = module.path.split_last().filter(|(_, parent)| *parent == self.parent);
            if name.is_some_and(|(name, _)| self.room_of(name).is_none()) {
                findings.push(format!(
                    "{}:1: the module {} is in no room: add it to the table in ARCHITECTURE.md",
                    module.file,
                    module.path.join("::")
                ));
            }
        }
        for name in self.rooms.iter().flat_map(|room| &room.modules) {
            let parent = self.program.module(self.parent);
            if self.program.module(&path(name)).is_none()
                && parent.is_none_or(|parent| !parent.test_children.contains(name))
            {
                findings.push(format!(
                    "ARCHITECTURE.md: the table has the module {}, which does not exist: correct the table",
                    path(name).join("::")
                ));
            }
        }
        for allowed in self.rooms.iter().flat_map(|room| &room.may_use) {
            if allowed.first().is_none_or(|name| self.room_of(name).is_none()) {
                findings.push(format!(
                    "ARCHITECTURE.md: the table allows to use {}, which is no room: correct the table",
                    allowed.join("::")
                ));
            }
        }
        findings
    }

    fn finding(&self, used: &Use) -> Option<String> {
        let owner = used.owner?;
        let (from, to) = (self.child(used.from)?, self.child(owner)?);
        if to.is_empty() && !from.is_empty() {
            return (!self.parent.is_empty()).then(|| {
                format!(
                    "{}: uses {} of {}, which puts the rooms together: move it into a room",
                    used.place(),
                    used.name(),
                    owner.file
                )
            });
        }
        let (user, room) = (self.room_of(from)?, self.room_of(to)?);
        let allows = |path: &Vec<String>| match path.as_slice() {
            [name] => room.modules.contains(name),
            _ => used.path.starts_with(&self.program.definition(&[self.parent, path].concat())),
        };
        if std::ptr::eq(user, room) || user.may_use.iter().any(allows) {
            return None;
        }
        let allowed: Vec<String> = user.may_use.iter().map(|path| path.join("::")).collect();
        Some(format!(
            "{}: {from} uses {}, but may only use: {}. Turn the dependency round, or pass the value in (table in ARCHITECTURE.md)",
            used.place(),
            used.name(),
            if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") }
        ))
    }

    /// The child of the parent in whose subtree a module is; empty for the parent itself, `None` outside of it.
    fn child<'a>(&self, module: &'a Module) -> Option<&'a str> {
        let below = module.path.strip_prefix(self.parent)?;
        Some(below.first().map_or("", String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::Layers;
    use crate::program::{Program, example};

    const TABLES: &str = "
| room | holds | may use |
|---|---|---|
| `src/low.rs`, `src/low/` | types | – |
| `src/{high,main}.rs`, `src/high/` | the rest | `low`, the gate of `side::Gate` (not more) |
| `src/side.rs` | aside | types of `low` |
| `charts/` | no module | – |
| `src/testing.rs` | tests only | everything |

| room | may use |
|---|---|
| `src/high/a.rs` | `b` |
| `src/high/b.rs` | – |

| a table | of something else |
|---|---|
| `src/other.rs` | `nothing` |
";

    fn program(low: &str, high: &str, a: &str, b: &str) -> Program {
        example(&[
            ("src/lib.rs", "pub mod low; pub mod high; pub mod side; #[cfg(test)] mod testing;"),
            ("src/main.rs", "use service_catalog::{high, low};"),
            ("src/low.rs", low),
            ("src/side.rs", "mod gate; pub use gate::Gate; pub struct Other;"),
            ("src/side/gate.rs", "pub struct Gate;"),
            ("src/high.rs", high),
            ("src/high/a.rs", a),
            ("src/high/b.rs", b),
        ])
    }

    fn assert_found(program: &Program, expected: &[&str]) {
        let findings = Layers::parse(TABLES).check(program);
        assert_eq!(findings.len(), expected.len(), "{findings:#?}");
        for (finding, expected) in findings.iter().zip(expected) {
            assert!(finding.starts_with(expected), "{finding}\n{expected}");
        }
    }

    #[test]
    fn what_the_tables_allow_is_no_finding() {
        let high = "mod a; mod b; use a::A; use crate::low::Low; use crate::side::Gate;";
        assert_found(&program("pub struct Low;", high, "pub struct A; use super::b;", ""), &[]);
    }

    #[test]
    fn a_use_that_the_tables_do_not_allow_is_found() {
        let high = "mod a; mod b; pub struct High;\nuse crate::side::{Gate, Other};";
        assert_found(
            &program(
                "\nfn f() -> crate::high::High {}",
                high,
                "pub struct A;",
                "\n\nuse super::{a::A, High};",
            ),
            &[
                "src/high.rs:2: high uses side::Other, but may only use: low, side::Gate.",
                "src/low.rs:2: low uses high::High, but may only use: nothing.",
                "src/high/b.rs:3: b uses high::a::A, but may only use: nothing.",
                "src/high/b.rs:3: uses high::High of src/high.rs, which puts the rooms together",
            ],
        );
    }

    #[test]
    fn tables_and_modules_cannot_differ() {
        let program = program("", "mod a; mod c { }", "", "");
        assert_found(
            &program,
            &[
                "src/high.rs:1: the module high::c is in no room",
                "ARCHITECTURE.md: the table has the module high::b, which does not exist",
            ],
        );
        let findings = Layers::parse("").check(&program);
        assert_eq!(findings, ["ARCHITECTURE.md has no table of rooms: | room | … | may use |"]);
    }
}
