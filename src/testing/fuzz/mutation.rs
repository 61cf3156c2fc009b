//! How does a real document become an unexpected one? First its values are edited, then the bytes of its text.
//!
//! Edits of values reach what is behind the parser; edits of bytes reach the parser. A document without edits is the
//! simplest one, so that a failure shrinks to the edits that it needs.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Strategy, any, prop_oneof};
use proptest::sample::{Index, select};
use proptest::strategy::Just;
use serde_json::{Map, Value};

use super::corpus::NAMES;
use super::words::{number, text};

/// The largest document, in bytes. A larger one is used without its edits.
const MAX_DOCUMENT_BYTES: usize = 128 * 1024;

/// A JSON value, shown as its text.
#[derive(Clone, PartialEq)]
pub struct Json(pub Value);

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_string())
    }
}

/// Bytes, shown as text.
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.escape_ascii().to_string())
    }
}

/// An edit of one value, or of its place in its parent.
#[derive(Clone, Debug)]
enum Edit {
    Replace(Value),
    /// Replaces a text, a number or a flag by another one.
    Vary(String, Value, bool),
    Remove,
    Rename(String),
    Add(String, Value),
    Double,
    Nest(bool, usize),
    Many(usize),
    Append(String),
    /// Replaces it by a value of another document.
    Graft(Index, Index),
}

/// Any JSON value.
pub fn value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        3 => number(),
        5 => text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((name(), inner), 0..4).prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
    .boxed()
}

/// The name of a member: one that some document has, or any text.
pub fn name() -> BoxedStrategy<String> {
    prop_oneof![4 => select(NAMES.as_slice()), 1 => text()].boxed()
}

/// A document of these, with a few edits.
pub fn document(corpus: &'static [Value]) -> BoxedStrategy<Json> {
    let edits = |count| vec((any::<Index>(), edit()), count);
    let edits = prop_oneof![1 => edits(0..1), 4 => edits(1..2), 3 => edits(2..4), 1 => edits(4..8)];
    (any::<Index>(), edits)
        .prop_map(move |(index, edits)| {
            let mut document = index.get(corpus).clone();
            for (at, edit) in edits {
                apply(&mut document, at, edit, corpus);
            }
            let is_small = document.to_string().len() <= MAX_DOCUMENT_BYTES;
            Json(if is_small { document } else { index.get(corpus).clone() })
        })
        .boxed()
}

/// The text of such a document, sometimes with edits of its bytes.
pub fn text_of(corpus: &'static [Value]) -> BoxedStrategy<Bytes> {
    let edits = prop_oneof![3 => Just(Vec::new()), 1 => vec(byte_edit(), 1..4)];
    (document(corpus), edits)
        .prop_map(|(Json(document), edits)| {
            let mut text = document.to_string().into_bytes();
            for edit in edits {
                edit.apply(&mut text);
            }
            Bytes(text)
        })
        .boxed()
}

fn edit() -> BoxedStrategy<Edit> {
    prop_oneof![
        3 => value().prop_map(Edit::Replace),
        8 => (text(), number(), any::<bool>()).prop_map(|(text, number, flag)| Edit::Vary(text, number, flag)),
        3 => Just(Edit::Remove),
        2 => name().prop_map(Edit::Rename),
        3 => (name(), value()).prop_map(|(name, value)| Edit::Add(name, value)),
        2 => Just(Edit::Double),
        1 => (any::<bool>(), 1..200_usize).prop_map(|(as_member, times)| Edit::Nest(as_member, times)),
        1 => (2..200_usize).prop_map(Edit::Many),
        3 => text().prop_map(Edit::Append),
        3 => any::<(Index, Index)>().prop_map(|(document, at)| Edit::Graft(document, at)),
    ]
    .boxed()
}

/// Whether a parent keeps a child as it is.
enum Fate {
    Kept,
    Removed,
    Renamed(String),
    Doubled,
}

fn apply(document: &mut Value, at: Index, edit: Edit, corpus: &[Value]) {
    let edit = match edit {
        Edit::Graft(other, at) => {
            let other = other.get(corpus);
            Edit::Replace(nth(other, &mut at.index(count(other))).cloned().unwrap_or_default())
        }
        edit => edit,
    };
    let mut rest = at.index(count(document));
    if let Some(Fate::Removed) = visit(document, &mut rest, &mut Some(edit)) {
        *document = Value::Null;
    }
}

/// How many values there are.
fn count(value: &Value) -> usize {
    1 + children(value).map(count).sum::<usize>()
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(members) => Box::new(members.values()),
        _ => Box::new(std::iter::empty()),
    }
}

fn nth<'a>(value: &'a Value, rest: &mut usize) -> Option<&'a Value> {
    let Some(less) = rest.checked_sub(1) else { return Some(value) };
    *rest = less;
    children(value).find_map(|child| nth(child, rest))
}

/// Edits the value at this place; `None` if the place is not inside of this value.
fn visit(value: &mut Value, rest: &mut usize, edit: &mut Option<Edit>) -> Option<Fate> {
    let Some(less) = rest.checked_sub(1) else { return edit.take().map(|edit| change(value, edit)) };
    *rest = less;
    match value {
        Value::Array(items) => {
            let mut fates =
                items.iter_mut().enumerate().filter_map(|(at, item)| Some((at, visit(item, rest, edit)?)));
            let (at, fate) = fates.next()?;
            match fate {
                Fate::Removed => drop(items.remove(at)),
                Fate::Doubled => items.insert(at, items[at].clone()),
                Fate::Kept | Fate::Renamed(_) => {}
            }
        }
        Value::Object(members) => {
            let mut fates = members
                .iter_mut()
                .filter_map(|(name, member)| Some((name.clone(), visit(member, rest, edit)?)));
            let (name, fate) = fates.next()?;
            match fate {
                Fate::Removed => drop(members.remove(&name)),
                Fate::Doubled => drop(members.insert(format!("{name}2"), members[&name].clone())),
                Fate::Renamed(new) => {
                    let member = members.remove(&name).unwrap_or_default();
                    members.insert(new, member);
                }
                Fate::Kept => {}
            }
        }
        _ => return None,
    }
    Some(Fate::Kept)
}

fn change(value: &mut Value, edit: Edit) -> Fate {
    match edit {
        Edit::Remove => return Fate::Removed,
        Edit::Rename(name) => return Fate::Renamed(name),
        Edit::Double => return Fate::Doubled,
        Edit::Replace(new) => *value = new,
        Edit::Vary(text, number, flag) => match value {
            Value::String(before) => *before = text,
            Value::Number(_) => *value = number,
            Value::Bool(before) => *before = flag,
            Value::Null | Value::Array(_) | Value::Object(_) => {}
        },
        Edit::Add(name, new) => match value {
            Value::Array(items) => items.push(new),
            Value::Object(members) => drop(members.insert(name, new)),
            other => *other = new,
        },
        Edit::Nest(as_member, times) => {
            for _ in 0..times {
                let inner = value.take();
                *value = if as_member {
                    Map::from_iter([("a".to_owned(), inner)]).into()
                } else {
                    vec![inner].into()
                };
            }
        }
        Edit::Many(times) => *value = vec![value.take(); times].into(),
        Edit::Append(text) => match value {
            Value::String(before) => before.push_str(&text),
            other => *other = text.into(),
        },
        Edit::Graft(..) => {}
    }
    Fate::Kept
}

/// An edit of the bytes of a text.
#[derive(Clone, Debug)]
enum ByteEdit {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Copy(Index, usize, Index),
    Cut(Index),
}

impl ByteEdit {
    fn apply(self, text: &mut Vec<u8>) {
        let place = |at: Index, text: &[u8]| at.index(text.len() + 1);
        let range = |at: Index, length: usize, text: &[u8]| {
            let start = at.index(text.len() + 1);
            start..text.len().min(start + length)
        };
        match self {
            Self::Set(at, byte) => {
                let at = place(at, text);
                text.get_mut(at).into_iter().for_each(|old| *old = byte);
            }
            Self::Insert(at, bytes) => {
                let at = place(at, text);
                drop(text.splice(at..at, bytes));
            }
            Self::Remove(at, length) => {
                let range = range(at, length, text);
                drop(text.drain(range));
            }
            Self::Copy(from, length, to) => {
                let copied = text[range(from, length, text)].to_vec();
                let to = place(to, text);
                drop(text.splice(to..to, copied));
            }
            Self::Cut(at) => text.truncate(place(at, text)),
        }
    }
}

/// What parsers may stumble over: half of a character, a number beyond all limits, depth without an end.
const BYTES: &[&[u8]] = &[
    b"\\ud800",
    b"\\u0000",
    b"\xff",
    b"\xed\xa0\x80",
    b"1e999999999",
    b"[[[[[[[[",
    b"{\"a\":",
    b"\xef\xbb\xbf",
];

fn byte_edit() -> BoxedStrategy<ByteEdit> {
    let bytes = prop_oneof![
        2 => text().prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 1..4),
        2 => select(BYTES)
            .prop_map(<[u8]>::to_vec),
    ];
    prop_oneof![
        2 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| ByteEdit::Set(at, byte)),
        2 => (any::<Index>(), bytes).prop_map(|(at, bytes)| ByteEdit::Insert(at, bytes)),
        1 => (any::<Index>(), 1..30_usize).prop_map(|(at, length)| ByteEdit::Remove(at, length)),
        2 => (any::<Index>(), 1..60_usize, any::<Index>()).prop_map(|(from, length, to)| ByteEdit::Copy(from, length, to)),
        1 => any::<Index>().prop_map(ByteEdit::Cut),
    ]
    .boxed()
}
