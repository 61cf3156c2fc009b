//! Which modules use I/O, clocks, randomness or Kubernetes without permission?

use crate::program::{Program, Use};

/// Names that some rooms must not use.
struct Restriction {
    /// The modules, with everything below each.
    rooms: &'static [&'static str],
    /// Paths, each with everything below it. Those that begin with `…` match at the end of any path.
    names: &'static [&'static str],
    /// Why, and what to do.
    reason: &'static str,
}

/// The rooms of the pure core.
const PURE: &[&str] = &[
    "console::excerpt",
    "console::form",
    "console::language",
    "console::pages",
    "console::state",
    "console::views",
    "crd",
    "domain",
    "template",
];

const RESTRICTIONS: &[Restriction] = &[
    Restriction {
        rooms: PURE,
        names: CLOCKS,
        reason: "the core has no clock: take the time as a parameter, as `now`",
    },
    Restriction {
        rooms: PURE,
        names: &["…::Uuid::new_v4", "…::Uuid::now_v7", "rand", "getrandom", "fastrand", "…::RandomState"],
        reason: "the core has no randomness: derive the value from its input, or take it as a parameter",
    },
    Restriction {
        rooms: PURE,
        names: &[
            "axum",
            "futures",
            "hyper",
            "kube::Api",
            "kube::Client",
            "kube::api",
            "kube::client",
            "kube::config",
            "kube::runtime",
            "osb::client",
            "reqwest",
            "rustls",
            "std::env",
            "std::fs",
            "std::io::stderr",
            "std::io::stdin",
            "std::io::stdout",
            "std::net",
            "std::os",
            "std::process",
            "std::sync::Mutex",
            "std::sync::RwLock",
            "std::thread",
            "tokio",
            "tokio_util",
            "tower",
            "tracing",
        ],
        reason: "the core does no I/O and waits for nothing: return a step, and let a reconciler carry it out",
    },
    Restriction {
        rooms: &["osb"],
        names: &["kube", "k8s_openapi"],
        reason: "the client of brokers knows nothing of Kubernetes: translate in domain or reconcilers",
    },
];

/// The clocks. A deadline or a duration needs a monotonic clock. A time that is written, or compared with a written
/// one, needs the wall clock.
const CLOCKS: &[&str] = &[
    "…::Instant::now",
    "…::SystemTime::now",
    "…::Timestamp::now",
    "…::Utc::now",
    "…::Local::now",
    "…::Zoned::now",
];

/// The modules that read a clock, which one, and why.
const CLOCK_READERS: &[(&str, &str, &str)] = &[
    (
        "template_broker::clock",
        "Timestamp",
        "when operations begin, and when the certificate has to be renewed",
    ),
    ("check::leader", "Instant", "how long a renewal of the lease is awaited"),
    ("console::access", "Timestamp", "how long the token of a login is valid"),
    ("console::access::sessions", "Instant", "how long a session has not been used"),
    ("console::server::gate", "Timestamp", "the one `now` of a request and its page"),
    ("osb::gate", "Instant", "how long a request took, for the log"),
    ("leader", "Instant", "how long the lease was seen unchanged, on this machine's clock"),
    ("leader", "Timestamp", "the times that are written into the Lease"),
    ("leader::fence", "Instant", "whether this replica may still act"),
    ("metrics", "Instant", "how long a reconciliation took"),
    ("osb::client", "Instant", "how long a request took"),
    ("osb::transport", "Instant", "the deadline of a request"),
    ("osb::transport", "Timestamp", "how long until the date in Retry-After"),
    (
        "reconcilers::clock",
        "Timestamp",
        "the one `now` of everything that is decided and written; simulated in tests",
    ),
    ("reconcilers::policies", "Instant", "how long a change of the policies has lasted"),
    ("reconcilers::postponed", "Instant", "the delay until an object is tried again"),
    ("reconcilers::rollouts::namespace_watcher", "Instant", "the delay between two checks of the pods"),
];

/// A finding for each name that a room may not use.
pub fn check_rooms(program: &Program) -> Vec<String> {
    let uses = program.uses();
    RESTRICTIONS
        .iter()
        .flat_map(|restriction| {
            let is_restricted = |used: &&Use| {
                let is_in = |room: &&str| is_below(&used.from.path, room);
                restriction.rooms.iter().any(is_in)
                    && restriction.names.iter().any(|name| is_named(used, name))
            };
            let finding =
                |used: &Use| format!("{}: uses {}: {}", used.place(), used.name(), restriction.reason);
            uses.iter().filter(is_restricted).map(finding).collect::<Vec<_>>()
        })
        .collect()
}

/// A finding for each clock that is read where the list has no reason for it, and for each reason that is not needed.
pub fn check_clocks(program: &Program) -> Vec<String> {
    check_readers(program, CLOCK_READERS)
}

fn check_readers(program: &Program, readers: &[(&str, &str, &str)]) -> Vec<String> {
    let uses = program.uses();
    let read: Vec<(String, &str, &Use)> = uses
        .iter()
        .filter(|used| CLOCKS.iter().any(|clock| is_named(used, clock)))
        .map(|used| {
            let clock = used.path.iter().rev().nth(1).map_or("", String::as_str);
            (used.from.path.join("::"), clock, used)
        })
        .collect();
    let is_listed =
        |module: &str, clock: &str| readers.iter().any(|(name, kind, _)| (*name, *kind) == (module, clock));
    let unlisted = read.iter().filter(|(module, clock, _)| !is_listed(module, clock)).map(|(_, _, used)| {
        format!(
            "{}: reads {}: use reconcilers::clock::now, or add the module with its reason to CLOCK_READERS",
            used.place(),
            used.name()
        )
    });
    let is_read = |name: &str, kind: &str| {
        read.iter().any(|(module, clock, _)| (module.as_str(), *clock) == (name, kind))
    };
    let needless = readers.iter().filter(|(name, kind, _)| !is_read(name, kind)).map(|(name, kind, _)| {
        format!("{}: {name} does not read {kind}: remove its line from CLOCK_READERS", file!())
    });
    unlisted.chain(needless).collect()
}

/// Whether what is used is `name` or below it.
fn is_named(used: &Use, name: &str) -> bool {
    match name.strip_prefix("…::") {
        Some(end) => {
            (0..used.path.len()).any(|start| used.path.get(start..).is_some_and(|path| is_below(path, end)))
        }
        None => is_below(&used.path, name),
    }
}

/// Whether a path is `parent`, or below it.
fn is_below(path: &[String], parent: &str) -> bool {
    let parent: Vec<&str> = parent.split("::").collect();
    path.len() >= parent.len() && path.iter().zip(&parent).all(|(part, wanted)| part == wanted)
}

#[cfg(test)]
mod tests {
    use super::{check_readers, check_rooms};
    use crate::program::{Program, example};

    fn program(file: &str, text: &str) -> Program {
        let files = ["domain", "osb", "reconcilers"].map(|room| (format!("src/{room}.rs"), room));
        let mut sources = vec![("src/lib.rs", "pub mod domain; pub mod osb; pub mod reconcilers;")];
        sources.extend(files.iter().map(|(name, _)| (name.as_str(), if name == file { text } else { "" })));
        example(&sources)
    }

    #[test]
    fn whatever_makes_the_core_impure_is_found() {
        for (text, name) in [
            ("use jiff::Timestamp; fn f() { x.unwrap_or_else(Timestamp::now) }", "jiff::Timestamp::now"),
            ("fn f() { std::time::SystemTime::now(); }", "std::time::SystemTime::now"),
            ("use std::time; fn f() { vec![time::Instant::now()] }", "std::time::Instant::now"),
            ("use uuid::Uuid; fn f() { Uuid::new_v4() }", "uuid::Uuid::new_v4"),
            ("use tokio::sync::watch;", "tokio::sync::watch"),
            ("use kube::{Api as A, ResourceExt};", "kube::Api"),
            ("use kube::runtime::controller::Action;", "kube::runtime::controller::Action"),
            ("fn f() { std::fs::read(x); }", "std::fs::read"),
            ("fn f(c: reqwest::Client) {}", "reqwest::Client"),
        ] {
            let findings = check_rooms(&program("src/domain.rs", text));
            let expected = format!("src/domain.rs:1: uses {name}: the core ");
            assert!(findings.iter().any(|finding| finding.starts_with(&expected)), "{expected} {findings:?}");
            assert_eq!(check_rooms(&program("src/reconcilers.rs", text)), Vec::<String>::new());
        }
    }

    #[test]
    fn what_is_pure_may_be_used() {
        let text = "use jiff::Timestamp; use kube::{Resource, ResourceExt}; use std::time::Duration; fn f(t: Timestamp) {}
            #[cfg(test)] mod tests { use tokio::test; fn f() { super::Timestamp::now() } }";
        assert_eq!(check_rooms(&program("src/domain.rs", text)), Vec::<String>::new());
    }

    #[test]
    fn kubernetes_in_the_client_of_brokers_is_found() {
        let findings = check_rooms(&program("src/osb.rs", "use kube::ResourceExt;"));
        assert_eq!(findings.len(), 1, "{findings:?}");
    }

    #[test]
    fn clocks_and_the_list_of_their_readers_cannot_differ() {
        let text = "use std::time::Instant; fn f() { Instant::now(); jiff::Timestamp::now(); }";
        let program = program("src/osb.rs", text);
        let listed = [("osb", "Instant", ""), ("osb", "Timestamp", "")];
        assert_eq!(check_readers(&program, &listed), Vec::<String>::new());
        let findings = check_readers(&program, &[("osb", "Instant", ""), ("domain", "Instant", "")]);
        let [unlisted, needless] = findings.as_slice() else { panic!("{findings:?}") };
        assert!(unlisted.starts_with("src/osb.rs:1: reads jiff::Timestamp::now"), "{unlisted}");
        assert!(needless.contains("domain does not read Instant"), "{needless}");
    }
}
