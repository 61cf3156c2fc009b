//! Where in the page a problem is shown: the field of its JSON pointer, or the nearest one around it.

use std::collections::BTreeMap;

use crate::console::language::Language;

use crate::console::form::FilledForm;
use crate::console::form::PREFIX;
use crate::console::form::content::{Content, Entry};
use crate::console::form::model::{Field, Kind};
use crate::console::form::path::Path;

/// A field that a link can lead to.
pub struct Target {
    pub id: String,
    pub label: String,
}

/// The fields by their JSON pointers.
pub struct Targets(BTreeMap<String, Target>);

impl Targets {
    pub fn of(filled: &FilledForm<'_>, language: Language) -> Self {
        let mut targets = Self(BTreeMap::new());
        let root = &filled.form.root;
        let path = Path::root(PREFIX);
        let label = language.pick("Parameters", "参数");
        targets.add(root, &filled.content, &path, label);
        // Problems of a whole group are in the summary only.
        if matches!(root.kind, Kind::Group { .. }) && !matches!(filled.content.entry, Entry::Yaml(_)) {
            targets.0.remove("");
        }
        targets
    }

    /// The field for a JSON pointer, or the nearest around it.
    pub fn nearest(&self, pointer: &str) -> Option<&Target> {
        let mut pointer = pointer;
        loop {
            if let Some(target) = self.0.get(pointer) {
                return Some(target);
            }
            (pointer, _) = pointer.rsplit_once('/')?;
        }
    }

    fn add(&mut self, field: &Field, content: &Content, path: &Path, label: &str) {
        let target = Target { id: path.id.clone(), label: label.to_owned() };
        self.0.insert(path.pointer.clone(), target);
        let nothing = Content::default();
        match (&field.kind, &content.entry) {
            (_, Entry::Yaml(_)) => {}
            (Kind::List(item), Entry::Items(items)) => {
                for (index, content) in items.iter().enumerate() {
                    self.add(item, content, &path.item(index), &format!("{label} {}", index + 1));
                }
            }
            (Kind::Group { members, rows: extra }, entry) => {
                let (contents, rows) = match entry {
                    Entry::Members(contents, rows) => (contents.as_slice(), rows.as_slice()),
                    _ => (&[][..], &[][..]),
                };
                for (index, member) in members.iter().enumerate() {
                    let content = contents.get(index).unwrap_or(&nothing);
                    let field = &member.field;
                    self.add(field, content, &path.member(&field.name), field.label());
                }
                for (index, row) in rows.iter().enumerate() {
                    let label = if row.key.is_empty() { label } else { &row.key };
                    self.add(&extra.field, &row.content, &path.row(index, &row.key), label);
                }
            }
            (Kind::Variants(variants), Entry::Variant(index, content)) => {
                if let Some(variant) = variants.get(*index) {
                    self.add(variant, content, &path.variant(), label);
                }
            }
            _ => {}
        }
    }
}
