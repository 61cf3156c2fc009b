//! Tests only: the addresses of all routes, from the source of `routes.rs`, so that no route is left out of a test.

/// The addresses of all routes that need a user, with the names of [`samples`](super::samples).
pub fn private() -> Vec<String> {
    let source = include_str!("../routes.rs");
    let public = ["/login", "/start"];
    let patterns = source.split(".route(").skip(1).filter_map(|rest| rest.split('"').nth(1));
    let addresses: Vec<String> = patterns.filter(|pattern| !public.contains(pattern)).map(filled).collect();
    assert!(addresses.len() > 20, "{addresses:?}");
    addresses
}

fn filled(pattern: &str) -> String {
    let action = if pattern.contains("brokers") { "relist" } else { "pause" };
    [
        ("{namespace}", "team"),
        ("{name}", "evil"),
        ("{scope}", "cluster"),
        ("{class}", "evil"),
        ("{action}", action),
    ]
    .iter()
    .fold(pattern.to_owned(), |address, (part, value)| address.replace(part, value))
}
