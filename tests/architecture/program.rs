//! All modules, and in which of them each used name is defined.

use std::collections::BTreeMap;

use crate::module::{self, Mention, Module};

/// The crate as its binary names it.
const LIBRARY: &str = "service_catalog";
/// How many re-exports may follow each other.
const REEXPORTS: usize = 16;

/// The library and the binary, as far as they are not tests.
pub struct Program {
    modules: BTreeMap<Vec<String>, Module>,
}

/// A name that the code of a module uses.
pub struct Use<'a> {
    /// Where it is used.
    pub from: &'a Module,
    /// Where in the program it is defined; `None` for other crates.
    pub owner: Option<&'a Module>,
    /// The path under which it is defined, without re-exports; that of a name of the program begins at the root.
    pub path: Vec<String>,
    /// The line in the file of `from`.
    pub line: usize,
    /// Whether it is only exported under another path.
    pub is_reexport: bool,
}

impl Use<'_> {
    /// File, line and name, as findings begin.
    pub fn place(&self) -> String {
        format!("{}:{}", self.from.file, self.line)
    }

    /// The name, to be read.
    pub fn name(&self) -> String {
        self.path.join("::")
    }
}

/// Where a path leads.
struct Target<'a> {
    owner: Option<&'a Module>,
    path: Vec<String>,
}

impl Program {
    /// Reads the library from `src/lib.rs` and the binary from `src/main.rs`. `read` returns the text of a file, if it
    /// exists.
    pub fn load(read: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut program = Self { modules: BTreeMap::new() };
        let mut pending = vec![(Vec::new(), "src/lib.rs".to_owned())];
        if read("src/main.rs").is_some() {
            pending.push((vec!["main".to_owned()], "src/main.rs".to_owned()));
        }
        while let Some((path, file)) = pending.pop() {
            let text =
                read(&file).unwrap_or_else(|| panic!("{file} is missing, or its module has a #[path]"));
            let modules = module::parse(&path, &file, &text);
            let inline: Vec<Vec<String>> = modules.iter().map(|module| module.path.clone()).collect();
            for module in modules {
                let children = module.children.keys().map(|name| below(&module.path, name));
                let files = children.filter(|child| !inline.contains(child));
                pending.extend(files.map(|child| (child.clone(), format!("src/{}.rs", child.join("/")))));
                program.modules.insert(module.path.clone(), module);
            }
        }
        program
    }

    /// All modules, parents first.
    pub fn modules(&self) -> impl Iterator<Item = &Module> {
        self.modules.values()
    }

    /// The module of that path.
    pub fn module(&self, path: &[String]) -> Option<&Module> {
        self.modules.get(path)
    }

    /// The path under which a name is defined.
    pub fn definition(&self, path: &[String]) -> Vec<String> {
        self.modules.get(&[][..]).map_or_else(Vec::new, |root| self.walk(root, path, REEXPORTS).path)
    }

    /// Everything that modules use: what other modules define, and what other crates do.
    pub fn uses(&self) -> Vec<Use<'_>> {
        self.modules()
            .flat_map(|from| from.mentions.iter().map(|mention| self.resolved(from, mention)))
            .collect()
    }

    fn resolved<'a>(&'a self, from: &'a Module, mention: &Mention) -> Use<'a> {
        let Target { owner, path } = self.resolve(from, &mention.path, None, REEXPORTS);
        Use { from, owner, path, line: mention.line, is_reexport: mention.is_reexport }
    }

    /// Where a path leads that stands in the code of `module`. `import` is the name whose import it is.
    fn resolve<'a>(
        &'a self,
        module: &'a Module,
        path: &[String],
        import: Option<&str>,
        depth: usize,
    ) -> Target<'a> {
        let outside = Target { owner: None, path: path.to_vec() };
        let (Some((first, rest)), Some(root)) = (path.split_first(), self.modules.get(&[][..])) else {
            return outside;
        };
        match first.as_str() {
            "crate" | LIBRARY => self.walk(root, rest, depth),
            "self" => self.walk(module, rest, depth),
            "super" => self.walk(module, path, depth),
            name if module.children.contains_key(name) || module.items.contains(name) => {
                self.walk(module, path, depth)
            }
            name if import != Some(name) && module.imports.contains_key(name) => {
                self.walk(module, path, depth)
            }
            _ => outside,
        }
    }

    /// Follows a path down from `module`, and re-exports to where they lead.
    fn walk<'a>(&'a self, module: &'a Module, path: &[String], depth: usize) -> Target<'a> {
        let here = Target { owner: Some(module), path: [module.path.as_slice(), path].concat() };
        let Some((first, rest)) = path.split_first() else {
            return here;
        };
        let child = if first == "super" {
            module.path.split_last().map(|(_, parent)| parent.to_vec())
        } else {
            module.children.contains_key(first).then(|| below(&module.path, first))
        };
        if let Some(next) = child.and_then(|path| self.modules.get(&path)) {
            return self.walk(next, rest, depth);
        }
        match module.imports.get(first) {
            Some(import) if depth > 0 && !module.items.contains(first) => {
                self.resolve(module, &[import, rest].concat(), Some(first), depth - 1)
            }
            _ => here,
        }
    }
}

/// The path of a child.
fn below(parent: &[String], name: &str) -> Vec<String> {
    [parent, &[name.to_owned()]].concat()
}

/// A program of these files.
pub fn example(files: &[(&str, &str)]) -> Program {
    Program::load(&|wanted| {
        files.iter().find(|(file, _)| *file == wanted).map(|(_, text)| (*text).to_owned())
    })
}

#[test]
fn a_name_is_traced_to_the_module_that_defines_it() {
    let program = example(&[
        ("src/lib.rs", "pub mod a; pub mod b;"),
        ("src/main.rs", "use service_catalog::a::Deep;"),
        ("src/a.rs", "mod inner; pub use inner::deep::Deep; pub const A: u8 = 0;"),
        ("src/a/inner.rs", "pub mod deep;"),
        ("src/a/inner/deep.rs", "pub enum Deep { Variant } use super::super::A;"),
        (
            "src/b.rs",
            "use crate::a; use std::fs; fn f() { a::Deep::Variant; fs::read(); x!(crate::a::inner::deep::Y) }",
        ),
    ]);
    let found: Vec<String> = program
        .uses()
        .iter()
        .filter(|used| used.path.len() > 1 || used.owner.is_some())
        .map(|used| {
            let owner = used.owner.map_or("-", |owner| owner.file.as_str());
            format!("{} {} {owner}", used.from.file, used.name())
        })
        .collect();
    assert_eq!(
        found,
        [
            "src/a.rs a::inner::deep::Deep src/a/inner/deep.rs",
            "src/a/inner/deep.rs a::A src/a.rs",
            "src/b.rs a src/a.rs",
            "src/b.rs std::fs -",
            "src/b.rs a::inner::deep::Deep::Variant src/a/inner/deep.rs",
            "src/b.rs std::fs::read -",
            "src/b.rs a::inner::deep::Y src/a/inner/deep.rs",
            "src/main.rs a::inner::deep::Deep src/a/inner/deep.rs",
        ]
    );
}
