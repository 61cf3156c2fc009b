//! What does an expression of kubectl's `JSONPath` find? `redis://{.spec.clusterIP}:{.spec.ports[0].port}`.
//!
//! kubectl's dialect is older than RFC 9535 and differs in its filters (`?(.name=="x")`), escapes (`.tls\.crt`) and
//! constants, so it has its own parser here. The differences to kubectl: an index beyond the end and a step into the
//! wrong type find nothing instead of failing, `['a.b']` is one member, and `range` is not supported. Authors of
//! templates write the expressions, so each visited value is counted, and the evaluation stops at a limit.
//!
//! The entry points are [`Text`], for text with expressions in braces, and [`Path`], for one expression.

mod evaluate;
mod parse;
#[cfg(test)]
mod tests;

use serde_json::Value;

/// Text with expressions in braces.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Literal(String),
    Expression(Path),
}

/// The steps of an expression, each of which starts at what the one before found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// A member of objects.
    Member(String),
    /// All members or elements.
    All,
    /// An element of lists. A negative index counts from the end.
    Element(i64),
    /// Every n-th element from the first up to the last, exclusive.
    Slice { first: Option<i64>, last: Option<i64>, every: usize },
    /// The value itself and all lists and objects within it.
    Descendants,
    /// The elements that satisfy a condition.
    Filter(Filter),
    /// What each of the steps finds, in their order.
    Union(Vec<Step>),
    /// A constant, which replaces what was found before.
    Constant(Value),
}

/// The condition that the left side finds something, or one value that compares with one of the right side.
#[derive(Clone, Debug, PartialEq)]
struct Filter {
    left: Path,
    comparison: Option<(Operator, Path)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a text has become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rendered {
    /// The text. An expression that finds nothing adds nothing.
    pub(super) text: String,
    /// Whether there are expressions, and none of them found anything.
    pub(super) found_nothing: bool,
}

/// An evaluation visits more values, or its result is longer, than is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMuch;
