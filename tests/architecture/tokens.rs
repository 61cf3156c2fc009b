//! Tokens before they are parsed: removes code for tests, and finds paths in macros and attributes, which `syn` leaves
//! unparsed.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A path as the source writes it, and its line.
pub type Written = (Vec<String>, usize);

/// `tokens` without what `#[cfg(test)]` applies to, at any depth: items, statements, fields, match arms.
pub fn without_tests(tokens: TokenStream) -> TokenStream {
    let mut kept = Vec::new();
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        if is_punct(&token, '#') && matches!(rest.peek(), Some(TokenTree::Group(group)) if is_cfg_test(group))
        {
            rest.next();
            skip_annotated(&mut rest);
            continue;
        }
        kept.push(match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_tests(group.stream()));
                inner.set_span(group.span());
                inner.into()
            }
            other => other,
        });
    }
    kept.into_iter().collect()
}

/// Skips the item that an attribute applies to: up to its block, semicolon or comma.
fn skip_annotated(tokens: &mut impl Iterator<Item = TokenTree>) {
    let mut ends_with_semicolon = None;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                let keyword = ident.to_string();
                let pending = ["pub", "crate", "unsafe", "async"].contains(&keyword.as_str());
                if ends_with_semicolon.is_none() && !pending {
                    ends_with_semicolon =
                        Some(["use", "const", "static", "let", "type"].contains(&keyword.as_str()));
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => return,
            TokenTree::Punct(punct) if punct.as_char() == ',' && ends_with_semicolon != Some(true) => return,
            TokenTree::Group(group)
                if group.delimiter() == Delimiter::Brace && ends_with_semicolon != Some(true) =>
            {
                return;
            }
            _ => {}
        }
    }
}

/// Whether an attribute is a `cfg` with `test`.
fn is_cfg_test(attribute: &Group) -> bool {
    let words = idents(attribute.stream());
    words.first().is_some_and(|word| word == "cfg")
        && words.iter().any(|word| word == "test")
        && !words.iter().any(|word| word == "not")
}

fn idents(tokens: TokenStream) -> Vec<String> {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Ident(ident) => vec![ident.to_string()],
            TokenTree::Group(group) => idents(group.stream()),
            _ => Vec::new(),
        })
        .collect()
}

/// The paths of at least two segments among `tokens`, also those in string literals (`serde(with = "crate::…")`).
pub fn paths(tokens: TokenStream) -> Vec<Written> {
    let mut found = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let (mut line, mut colons) = (0, 0);
    for token in tokens {
        if is_punct(&token, ':') {
            colons += 1;
            continue;
        }
        let continues = colons == 2 && !path.is_empty();
        colons = 0;
        if !continues {
            finish(&mut path, line, &mut found);
        }
        match token {
            TokenTree::Ident(ident) => {
                line = ident.span().start().line;
                path.push(ident.to_string());
            }
            TokenTree::Group(group) => {
                finish(&mut path, line, &mut found);
                found.extend(paths(group.stream()));
            }
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let segments: Vec<String> = text.trim_matches('"').split("::").map(str::to_owned).collect();
                if ["crate", "super", "self"].contains(&segments.first().map_or("", String::as_str)) {
                    found.push((segments, literal.span().start().line));
                }
            }
            TokenTree::Punct(_) => {}
        }
    }
    finish(&mut path, line, &mut found);
    found
}

fn finish(path: &mut Vec<String>, line: usize, found: &mut Vec<Written>) {
    let path = std::mem::take(path);
    if path.len() > 1 {
        found.push((path, line));
    }
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

#[test]
fn code_for_tests_is_removed_at_any_depth() {
    let source = "
        #[cfg(test)] mod tests;
        #[cfg(test)] pub use a::{B, C};
        #[cfg(all(test, unix))] const D: E = E { f: 1 };
        enum G { #[cfg(test)] H(i::J), K }
        fn l() { #[cfg(test)] if m() { n(); } o(match p { #[cfg(test)] Q(r) => s(), T => u }) }
        #[cfg(not(test))] fn v() {}
        #[cfg(test)] impl W { fn x() {} }
    ";
    let left = "
        enum G { K }
        fn l() { o(match p { T => u }) }
        #[cfg(not(test))] fn v() {}
    ";
    let parse = |text: &str| text.parse::<TokenStream>().unwrap();
    assert_eq!(without_tests(parse(source)).to_string(), parse(left).to_string());
}

#[test]
fn paths_are_found_in_what_syn_leaves_unparsed() {
    let tokens = "matches!(x, a::B | crate::c::D { .. }), \n serde(with = \"super::e\"), f: G, h, \"i::j\"";
    let found: Vec<_> =
        paths(tokens.parse().unwrap()).into_iter().map(|(path, line)| (path.join("::"), line)).collect();
    let expected = [("a::B", 1), ("crate::c::D", 1), ("super::e", 2)];
    assert_eq!(found, expected.map(|(path, line)| (path.to_owned(), line)));
}
