//! A field with its label, hints and problems, and the fields inside it.

use maud::{Markup, html};

use super::Renderer;
use crate::console::form::PREFIX;
use crate::console::form::content::{Blank, Content, Entry, Row};
use crate::console::form::model::{Field, Kind, Member, Rows};
use crate::console::form::path::Path;

/// Whether a value has to be entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Optional,
    /// Always.
    Required,
    /// Because the item or the variant around it was added or chosen.
    RequiredInPart,
    /// Only if the group around it is sent.
    RequiredInGroup,
    /// It is an item of a list, or a chosen variant.
    Part,
    /// The value of a row.
    Named,
}

impl Need {
    pub fn is_required(self) -> bool {
        matches!(self, Self::Required | Self::RequiredInPart | Self::RequiredInGroup)
    }
}

/// A field with what is filled in, at its place.
#[derive(Clone)]
pub struct Shown<'a> {
    pub field: &'a Field,
    pub content: &'a Content,
    pub path: &'a Path,
    pub label: String,
    pub need: Need,
    /// A value exists that is not shown, and is kept if nothing is entered.
    pub is_stored: bool,
}

impl Renderer<'_> {
    pub(super) fn field(&self, shown: &Shown<'_>) -> Markup {
        match (&shown.field.kind, &shown.content.entry) {
            (Kind::Any, _) | (_, Entry::Yaml(_)) => self.yaml(shown),
            (Kind::Text(text), _) => self.labelled(shown, &self.text(shown, text)),
            (Kind::Number { is_integer, may_be_negative }, _) => {
                self.labelled(shown, &self.number(shown, *is_integer, *may_be_negative))
            }
            (Kind::Choice { options, .. }, _) if options.len() == 1 && shown.need.is_required() => {
                self.constant(shown, options)
            }
            (Kind::Choice { options, is_select: true }, _) => {
                self.labelled(shown, &self.select(shown, options))
            }
            (Kind::Choice { options, .. }, _) => self.fieldset(shown, "field", &self.radios(shown, options)),
            (Kind::List(item), _) => self.fieldset(shown, "fields", &self.list(shown, item)),
            (Kind::Group { .. }, _) => self.fieldset(shown, "fields", &self.group(shown)),
            (Kind::Variants(variants), _) => self.fieldset(shown, "fields", &self.variants(shown, variants)),
        }
    }

    /// A control with a label.
    pub(super) fn labelled(&self, shown: &Shown<'_>, control: &Markup) -> Markup {
        html! {
            div.field {
                label for=(shown.path.id) { (self.label(shown)) }
                (self.notes(shown))
                (control)
                (self.blank(shown))
            }
        }
    }

    /// Several controls with a legend.
    fn fieldset(&self, shown: &Shown<'_>, class: &str, controls: &Markup) -> Markup {
        let id = &shown.path.id;
        let is_choice = matches!(shown.field.kind, Kind::Choice { .. });
        html! {
            fieldset class=(class) id=(id) tabindex="-1" role=[is_choice.then_some("radiogroup")]
                aria-describedby=[self.described_by(shown)]
                aria-invalid=[self.is_invalid(shown).filter(|_| is_choice)]
                autofocus[self.has_focus(id)] {
                legend { (self.label(shown)) }
                (self.notes(shown))
                (controls)
                (self.blank(shown))
            }
        }
    }

    /// The label, the name of the parameter if it differs, and in words whether it is required.
    pub(super) fn label(&self, shown: &Shown<'_>) -> Markup {
        let required = match shown.need {
            _ if shown.is_stored || shown.field.fallback().is_some() => None,
            Need::Required | Need::RequiredInPart => Some(self.language.pick("required", "必填")),
            Need::RequiredInGroup => {
                Some(self.language.pick("required if the group is set", "设置本组时必填"))
            }
            Need::Optional | Need::Part | Need::Named => None,
        };
        let has_title = shown.field.title.is_some() && shown.label == shown.field.label();
        html! {
            span dir="auto" lang=[has_title.then_some("en")] { (shown.label) }
            @if has_title && !shown.field.name.is_empty() { " " code { (shown.field.name) } }
            @if let Some(required) = required { " " span.required { "(" (required) ")" } }
        }
    }

    /// The members of a group and its rows, without a fieldset around them.
    pub(super) fn group(&self, shown: &Shown<'_>) -> Markup {
        let Kind::Group { members, rows: extra } = &shown.field.kind else { return html! {} };
        let (contents, rows) = match &shown.content.entry {
            Entry::Members(contents, rows) => (contents.as_slice(), rows.as_slice()),
            _ => (&[][..], &[][..]),
        };
        let nothing = Content::default();
        let members = members.iter().enumerate();
        let members: Vec<_> =
            members.map(|(index, member)| (member, contents.get(index).unwrap_or(&nothing))).collect();
        let sections = members.chunk_by(|(one, _), (next, _)| one.section == next.section);
        html! {
            @if members.is_empty() && !extra.are_offered && rows.is_empty() {
                p.hint { (self.language.pick("There are no parameters.", "没有参数。")) }
            }
            @for section in sections {
                @let inner = self.members(shown, section);
                @match section.first().and_then(|(member, _)| member.section.as_deref()) {
                    Some(title) => fieldset.section { legend lang="en" dir="auto" { (title) } (inner) },
                    None => (inner),
                }
            }
            @if extra.are_offered || !rows.is_empty() { (self.rows(shown, extra, rows)) }
        }
    }

    fn members(&self, shown: &Shown<'_>, members: &[(&Member, &Content)]) -> Markup {
        let required = match shown.need {
            _ if shown.is_stored => Need::RequiredInGroup,
            Need::Required => Need::Required,
            Need::Part | Need::Named | Need::RequiredInPart => Need::RequiredInPart,
            Need::Optional | Need::RequiredInGroup => Need::RequiredInGroup,
        };
        html! {
            @for (member, content) in members {
                @let path = shown.path.member(&member.field.name);
                @let is_top = shown.path.pointer.is_empty();
                (self.field(&Shown {
                    field: &member.field,
                    content,
                    path: &path,
                    label: member.field.label().to_owned(),
                    need: if member.is_required { required } else { Need::Optional },
                    is_stored: is_top && self.filled.hidden.contains(&member.field.name),
                }))
            }
        }
    }

    fn rows(&self, shown: &Shown<'_>, extra: &Rows, rows: &[Row]) -> Markup {
        let path = shown.path;
        let words = self.language.pick(["Name", "Value"], ["名称", "值"]);
        html! {
            (count(path, rows.len()))
            @for (index, row) in rows.iter().enumerate() {
                @let row_path = path.row(index, &row.key);
                @let key = row_path.part("key");
                div.row {
                    div.field {
                        label for=(key) { (words[0]) }
                        input type="text" id=(key) name=(key) value=(row.key) autocomplete="off"
                            spellcheck="false" autofocus[self.has_focus(&row_path.id)];
                    }
                    (self.field(&Shown {
                        field: &extra.field,
                        content: &row.content,
                        path: &row_path,
                        label: words[1].to_owned(),
                        need: Need::Named,
                        is_stored: false,
                    }))
                    (Self::button("remove", &row_path.id, self.language.pick("Remove", "删除"), &row.key))
                }
            }
            @if extra.are_offered { (self.add(shown)) }
        }
    }

    fn list(&self, shown: &Shown<'_>, item: &Field) -> Markup {
        let items = match &shown.content.entry {
            Entry::Items(items) => items.as_slice(),
            _ => &[],
        };
        let words = self.language.pick(["Move up", "Move down", "Remove"], ["上移", "下移", "删除"]);
        html! {
            (count(shown.path, items.len()))
            @for (index, content) in items.iter().enumerate() {
                @let path = shown.path.item(index);
                @let label = format!("{} {}", shown.label, index + 1);
                div.item {
                    (self.field(&Shown {
                        field: item,
                        content,
                        path: &path,
                        label: label.clone(),
                        need: Need::Part,
                        is_stored: false,
                    }))
                    div.buttons {
                        @if index > 0 { (Self::button("up", &path.id, words[0], &label)) }
                        @if index + 1 < items.len() { (Self::button("down", &path.id, words[1], &label)) }
                        (Self::button("remove", &path.id, words[2], &label))
                    }
                }
            }
            (self.add(shown))
        }
    }

    fn variants(&self, shown: &Shown<'_>, variants: &[Field]) -> Markup {
        let (chosen, content) = match &shown.content.entry {
            Entry::Variant(index, content) => (Some(*index), Some(&**content)),
            _ => (None, None),
        };
        let id = shown.path.part("variant");
        let path = shown.path.variant();
        html! {
            div.field {
                label for=(id) { (self.language.pick("Variant", "类型")) }
                select id=(id) name=(id) {
                    option value="" { (self.language.pick("Not set", "未设置")) }
                    @for (index, variant) in variants.iter().enumerate() {
                        option value=(index) selected[chosen == Some(index)] {
                            (self.variant_name(index, variant))
                        }
                    }
                }
                input type="hidden" name=(shown.path.part("shown")) value=[chosen];
                (Self::button("choose", "", self.language.pick("Show fields", "显示字段"), &shown.label))
            }
            @if let (Some(content), Some(field)) = (content, chosen.and_then(|index| variants.get(index))) {
                (self.field(&Shown {
                    field,
                    content,
                    path: &path,
                    label: field.title.clone().unwrap_or_else(|| shown.label.clone()),
                    need: Need::Part,
                    is_stored: false,
                }))
            }
        }
    }

    /// The choice of what is sent if nothing is entered, where there is one.
    fn blank(&self, shown: &Shown<'_>) -> Markup {
        let id = shown.path.part("blank");
        let choices = blank_choices(shown);
        let default = match (shown.is_stored, shown.need) {
            (true, _) => self.language.pick("Keep what is stored", "保留已保存的值"),
            (_, need) if need.is_required() && shown.field.fallback().is_some() => {
                self.language.pick("Send the default", "发送默认值")
            }
            _ => self.language.pick("Send nothing", "不发送"),
        };
        html! {
            @if !choices.is_empty() {
                div.blank {
                    label for=(id) { (self.language.pick("If left empty", "留空时")) }
                    select id=(id) name=(id) {
                        option value="" { (default) }
                        @for (blank, name) in choices {
                            option value=(name) selected[shown.content.blank == blank] {
                                (self.blank_words(blank))
                            }
                        }
                    }
                }
            }
        }
    }

    fn blank_words(&self, blank: Blank) -> &'static str {
        match blank {
            Blank::Default => self.language.pick("Send nothing", "不发送"),
            Blank::Unset => self.language.pick("Remove what is stored", "删除已保存的值"),
            Blank::Empty => self.language.pick("Send it empty", "发送空值"),
            Blank::Null => self.language.pick("Send null", "发送 null"),
        }
    }

    fn add(&self, shown: &Shown<'_>) -> Markup {
        let path = shown.path;
        let id = path.part("add");
        html! {
            button type="submit" formnovalidate id=(id) name=(Self::action()) value={ "add " (path.id) }
                aria-label={ (self.language.pick("Add", "添加")) " " (shown.label) }
                autofocus[self.has_focus(&id)] {
                (self.language.pick("Add", "添加"))
            }
        }
    }

    fn button(verb: &str, id: &str, words: &str, object: &str) -> Markup {
        html! {
            button type="submit" formnovalidate name=(Self::action()) value=(format!("{verb} {id}").trim_end())
                aria-label={ (words) " " (object) } { (words) }
        }
    }

    fn action() -> String {
        format!("{PREFIX}-action")
    }
}

/// What can be chosen to be sent if nothing is entered.
pub fn blank_choices(shown: &Shown<'_>) -> Vec<(Blank, &'static str)> {
    let (field, current) = (shown.field, shown.content.blank);
    let has_entry = matches!(shown.content.entry, Entry::Yaml(_) | Entry::Variant(..));
    let is_choice = matches!(field.kind, Kind::Choice { .. });
    let is_needed = |blank: &Blank| match blank {
        Blank::Default => false,
        Blank::Unset => shown.is_stored && !matches!(shown.need, Need::Required),
        Blank::Empty => field.offers_empty() || current == Blank::Empty,
        Blank::Null => field.is_nullable && !is_choice || current == Blank::Null,
    };
    let choices = Blank::CHOICES.into_iter();
    choices.filter(|(blank, _)| is_needed(blank) && (!has_entry || *blank == Blank::Unset)).collect()
}

/// How many items or rows there are, for the reader of the entries.
fn count(path: &Path, count: usize) -> Markup {
    html! { input type="hidden" name=(path.part("count")) value=(count); }
}
