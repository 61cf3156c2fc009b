//! Where a field is: its JSON pointer, and its id in the page.
//!
//! Names of properties come from brokers and may hold any character. The id keeps ASCII letters and digits, doubles
//! `_`, and writes any other character as `_<hex>_`; `.` separates the names. So ids are unique, and valid in
//! attributes, fragments and entries. Suffixes that begin with `-` name the parts of a field: `parameters.db-blank`.

use std::fmt::Write as _;

/// The place of a field.
#[derive(Clone, Debug)]
pub struct Path {
    pub id: String,
    pub pointer: String,
}

impl Path {
    pub fn root(prefix: &str) -> Self {
        Self { id: prefix.to_owned(), pointer: String::new() }
    }

    /// A property that the schema names.
    pub fn member(&self, name: &str) -> Self {
        self.child(&format!(".{}", encoded(name)), name)
    }

    /// An item of a list.
    pub fn item(&self, index: usize) -> Self {
        self.child(&format!(".{index}"), &index.to_string())
    }

    /// A property that the user names. Its id has the number of its row, so that it does not depend on the name.
    pub fn row(&self, index: usize, key: &str) -> Self {
        self.child(&format!("-{index}"), key)
    }

    /// The chosen one of several variants, which has the same value.
    pub fn variant(&self) -> Self {
        Self { id: self.part("of"), pointer: self.pointer.clone() }
    }

    /// The id of a part: an input, a hint, a button.
    pub fn part(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.id)
    }

    fn child(&self, suffix: &str, name: &str) -> Self {
        Self { id: format!("{}{suffix}", self.id), pointer: pointer_to(&self.pointer, name) }
    }
}

/// The JSON pointer to a member of what `parent` points to.
pub fn pointer_to(parent: &str, name: &str) -> String {
    format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '_' => text.push_str("__"),
            _ if character.is_ascii_alphanumeric() => text.push(character),
            // Writing to a string does not fail.
            _ => _ = write!(text, "_{:x}_", u32::from(character)),
        }
    }
    text
}
