//! Which modules use each other in a circle? The head of `main.rs` defines what counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::module::Module;
use crate::program::{Program, Use};

/// The name of the node that is the parent's own code.
const OWN_CODE: &str = "(own code)";

/// From one node to another, the names that make the edge.
type Graph = BTreeMap<String, BTreeMap<String, Names>>;
/// By file and name, the first line that uses it.
type Names = BTreeMap<(String, String), usize>;

/// A finding for each circle, with all its edges. Those that need the fewest names come first: it is cheapest to cut
/// there.
pub fn check(program: &Program) -> Vec<String> {
    let uses = program.uses();
    let parents = program.modules().filter(|module| !module.children.is_empty());
    parents
        .flat_map(|parent| {
            let graph = graph(parent, &uses);
            circles(&graph).into_iter().map(move |circle| describe(parent, &graph, &circle))
        })
        .collect()
}

fn graph(parent: &Module, uses: &[Use]) -> Graph {
    let mut graph = Graph::new();
    for used in uses {
        let Some((owner, from)) = used.owner.zip(node(parent, used.from)) else {
            continue;
        };
        let Some(to) = node(parent, owner) else {
            continue;
        };
        let is_of_own_child =
            from == OWN_CODE && (used.is_reexport || parent.children.get(to) == Some(&true));
        if from != to && !is_of_own_child {
            let names = graph.entry(from.to_owned()).or_default().entry(to.to_owned()).or_default();
            let item = used.path.iter().take(owner.path.len() + 1).map(String::as_str);
            let key = (used.from.file.clone(), item.collect::<Vec<_>>().join("::"));
            let line = names.entry(key).or_insert(used.line);
            *line = used.line.min(*line);
        }
    }
    graph
}

/// The child of `parent` in whose subtree a module is; `None` outside of `parent`.
fn node<'a>(parent: &Module, module: &'a Module) -> Option<&'a str> {
    let below = module.path.strip_prefix(parent.path.as_slice())?;
    Some(below.first().map_or(OWN_CODE, String::as_str))
}

/// The sets of nodes that all reach each other.
fn circles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<String>> =
        graph.keys().map(|node| (node, reachable(graph, node))).collect();
    let mut circles = Vec::new();
    for (node, others) in &reached {
        let circle: BTreeSet<String> = others
            .iter()
            .filter(|other| reached.get(other).is_some_and(|back| back.contains(*node)))
            .cloned()
            .collect();
        if !circle.is_empty() && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

/// The nodes that can be reached from `start` over at least one edge.
fn reachable(graph: &Graph, start: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut pending = vec![start];
    while let Some(node) = pending.pop() {
        for next in graph.get(node).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(next.clone()) {
                pending.push(next);
            }
        }
    }
    reached
}

fn describe(parent: &Module, graph: &Graph, circle: &BTreeSet<String>) -> String {
    let mut edges: Vec<(&String, &String, &Names)> = graph
        .iter()
        .filter(|(from, _)| circle.contains(*from))
        .flat_map(|(from, all)| all.iter().map(move |(to, names)| (from, to, names)))
        .filter(|(_, to, _)| circle.contains(*to))
        .collect();
    edges.sort_by_key(|(.., names)| names.len());
    let members: Vec<&str> = circle.iter().map(String::as_str).collect();
    let mut text = format!(
        "{}: {} form a circle. Move what one of them needs of another to a module below both, or pass it in:",
        parent.file,
        members.join(", ")
    );
    for (from, to, names) in edges {
        let _ = write!(text, "\n  {from} → {to}");
        for ((file, name), line) in names {
            let _ = write!(text, "\n    {file}:{line} {name}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::program::example;

    #[test]
    fn siblings_in_a_circle_are_found_through_their_children() {
        let program = example(&[
            ("src/lib.rs", "mod a; mod b; mod c; mod d;"),
            ("src/a.rs", "mod x; pub struct A;"),
            ("src/a/x.rs", "use crate::b::y::Y;"),
            ("src/b.rs", "pub mod y;"),
            ("src/b/y.rs", "pub struct Y;\nuse crate::c::C;"),
            ("src/c.rs", "pub struct C(crate::a::A);"),
            ("src/d.rs", "use crate::a::A;"),
        ]);
        let findings = check(&program);
        let [finding] = findings.as_slice() else { panic!("{findings:?}") };
        assert!(finding.starts_with("src/lib.rs: a, b, c form a circle."), "{finding}");
        let edges = [
            "  a → b\n    src/a/x.rs:1 b::y::Y",
            "  b → c\n    src/b/y.rs:2 c::C",
            "  c → a\n    src/c.rs:1 a::A",
        ];
        assert!(finding.ends_with(&edges.join("\n")), "{finding}");
    }

    #[test]
    fn a_private_child_and_its_parent_are_one() {
        let program = example(&[
            ("src/lib.rs", "mod a;"),
            ("src/a.rs", "mod x; pub use x::X; fn f(x: x::X) {} pub struct A;"),
            ("src/a/x.rs", "pub struct X(super::A);"),
        ]);
        assert_eq!(check(&program), Vec::<String>::new());
    }

    #[test]
    fn a_public_child_and_its_parent_are_two() {
        let files = |parent| {
            [("src/lib.rs", "mod a;"), ("src/a.rs", parent), ("src/a/x.rs", "pub struct X(super::A);")]
        };
        assert_eq!(check(&example(&files("pub mod x; pub use x::X; pub struct A;"))), Vec::<String>::new());
        let findings = check(&example(&files("pub mod x; pub use x::X; pub struct A; fn f(x: X) {}")));
        let [finding] = findings.as_slice() else { panic!("{findings:?}") };
        assert!(finding.starts_with("src/a.rs: (own code), x form a circle."), "{finding}");
    }

    #[test]
    fn tests_form_no_circle() {
        let program = example(&[
            ("src/lib.rs", "mod a; mod b;"),
            ("src/a.rs", "pub struct A; #[cfg(test)] mod tests { use crate::b::B; }"),
            ("src/b.rs", "pub struct B(crate::a::A);"),
        ]);
        assert_eq!(check(&program), Vec::<String>::new());
    }
}
