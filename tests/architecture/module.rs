//! One module: what it declares and defines, and which names its code uses.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, Macro, Path, UseTree, Visibility};

use crate::tokens::{paths, without_tests};

/// A module of the library, or the binary's `main`.
#[derive(Debug, Default)]
pub struct Module {
    /// Its path from the root of the crate, which is empty.
    pub path: Vec<String>,
    /// Its file, from the root of the repository.
    pub file: String,
    /// The child modules, by name, and whether they are private.
    pub children: BTreeMap<String, bool>,
    /// The child modules that only tests have.
    pub test_children: BTreeSet<String>,
    /// The names that it defines.
    pub items: BTreeSet<String>,
    /// The names that it imports, and their paths as written.
    pub imports: BTreeMap<String, Vec<String>>,
    /// The names that its code uses.
    pub mentions: Vec<Mention>,
}

/// A name in the code of a module.
#[derive(Debug)]
pub struct Mention {
    /// The path as written.
    pub path: Vec<String>,
    /// The line.
    pub line: usize,
    /// Whether it is only exported under another path.
    pub is_reexport: bool,
}

/// Reads the module at `path`, and the modules that stand inside its file.
pub fn parse(path: &[String], file: &str, text: &str) -> Vec<Module> {
    let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
    let declared = declared(tokens.clone());
    let parsed: syn::File =
        syn::parse2(without_tests(tokens)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut modules = Vec::new();
    let module = Module { path: path.to_vec(), file: file.to_owned(), ..Module::default() };
    read(module, &parsed.items, &mut modules);
    if let Some(module) = modules.first_mut() {
        module.test_children =
            declared.into_iter().filter(|name| !module.children.contains_key(name)).collect();
    }
    modules
}

/// The names after `mod` at the top level.
fn declared(tokens: TokenStream) -> Vec<String> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let names = tokens.windows(2).filter_map(|pair| match pair {
        [TokenTree::Ident(keyword), TokenTree::Ident(name)] if keyword == "mod" => Some(name.to_string()),
        _ => None,
    });
    names.collect()
}

fn read(module: Module, items: &[Item], modules: &mut Vec<Module>) {
    let mut reader = Reader { module, inner: Vec::new() };
    reader.module.items.extend(items.iter().filter_map(name));
    for item in items {
        reader.visit_item(item);
    }
    modules.push(reader.module);
    for (module, items) in reader.inner {
        read(module, items, modules);
    }
}

struct Reader<'a> {
    module: Module,
    inner: Vec<(Module, &'a [Item])>,
}

impl Reader<'_> {
    fn mention(&mut self, path: Vec<String>, line: usize) {
        self.module.mentions.push(Mention { path, line, is_reexport: false });
    }

    /// Takes the leaves of `use` with the path that leads to them.
    fn import(&mut self, tree: &UseTree, prefix: &[String], is_reexport: bool) {
        let (name, alias) = match tree {
            UseTree::Path(path) => {
                let prefix = [prefix, &[path.ident.to_string()]].concat();
                return self.import(&path.tree, &prefix, is_reexport);
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import(tree, prefix, is_reexport));
            }
            UseTree::Glob(glob) => {
                let line = glob.star_token.spans.map(|span| span.start().line).into_iter().next();
                return self.mention(prefix.to_vec(), line.unwrap_or_default());
            }
            UseTree::Name(name) => (&name.ident, &name.ident),
            UseTree::Rename(rename) => (&rename.ident, &rename.rename),
        };
        let mut path = prefix.to_vec();
        let mut alias = alias.to_string();
        if name == "self" {
            alias = if alias == "self" { prefix.last().cloned().unwrap_or_default() } else { alias };
        } else {
            path.push(name.to_string());
        }
        if alias != "_" {
            self.module.imports.insert(alias, path.clone());
        }
        self.module.mentions.push(Mention { path, line: name.span().start().line, is_reexport });
    }
}

impl<'a> Visit<'a> for Reader<'a> {
    fn visit_item(&mut self, item: &'a Item) {
        let Item::Mod(declared) = item else {
            return visit::visit_item(self, item);
        };
        let name = declared.ident.to_string();
        let is_private = matches!(declared.vis, Visibility::Inherited);
        if let Some((_, items)) = &declared.content {
            let path = [self.module.path.as_slice(), std::slice::from_ref(&name)].concat();
            let module = Module { path, file: self.module.file.clone(), ..Module::default() };
            self.inner.push((module, items));
        }
        self.module.children.insert(name, is_private);
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        self.import(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'a Path) {
        if let Some(first) = path.segments.first() {
            let line = first.ident.span().start().line;
            self.mention(path.segments.iter().map(|segment| segment.ident.to_string()).collect(), line);
        }
        visit::visit_path(self, path);
    }

    /// `pub(in path)` uses nothing.
    fn visit_visibility(&mut self, _: &'a Visibility) {}

    fn visit_macro(&mut self, call: &'a Macro) {
        self.visit_path(&call.path);
        for (path, line) in paths(call.tokens.clone()) {
            self.mention(path, line);
        }
    }

    fn visit_attribute(&mut self, attribute: &'a Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            for (path, line) in paths(list.tokens.clone()) {
                self.mention(path, line);
            }
        }
    }
}

/// The name that an item defines in its module.
fn name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

#[test]
fn a_module_knows_its_names_imports_and_uses() {
    let text = "
        mod inner { pub fn f() -> super::A { g() } }
        pub mod other;
        use crate::a::{self, B as C, d::*};
        pub use other::E;
        #[cfg(test)] mod tests;
        #[cfg(test)] use crate::hidden::F;
        struct A(pub(super) crate::h::I);
        fn f() { use std::fs; info!(x = j::K); }
    ";
    let modules = parse(&["m".to_owned()], "src/m.rs", text);
    let [module, inner] = modules.as_slice() else { panic!("{modules:?}") };
    assert_eq!(module.children, [("inner".to_owned(), true), ("other".to_owned(), false)].into());
    assert_eq!(module.test_children, ["tests".to_owned()].into());
    assert_eq!(module.items, ["A".to_owned(), "f".to_owned()].into());
    let imports: Vec<_> =
        module.imports.iter().map(|(name, path)| format!("{name}={}", path.join("::"))).collect();
    assert_eq!(imports, ["C=crate::a::B", "E=other::E", "a=crate::a", "fs=std::fs"]);
    let mentions: Vec<_> = module
        .mentions
        .iter()
        .map(|mention| format!("{}:{}", mention.line, mention.path.join("::")))
        .collect();
    assert_eq!(
        mentions,
        [
            "4:crate::a",
            "4:crate::a::B",
            "4:crate::a::d",
            "5:other::E",
            "8:crate::h::I",
            "9:std::fs",
            "9:info",
            "9:j::K"
        ]
    );
    assert!(module.mentions.iter().all(|mention| mention.is_reexport == (mention.line == 5)));
    assert_eq!((inner.path.join("::"), inner.mentions.len()), ("m::inner".to_owned(), 2));
}
