//! The inputs, with the notes that describe them.

use crate::console::language::Language;
use jiff::civil::Date;
use maud::{Markup, html};
use serde_json::Value;

use super::Renderer;
use super::field::{Need, Shown, blank_choices};
use crate::console::form::content::Entry;
use crate::console::form::model::{Choice, Field, Kind, Text};
use crate::console::form::schema::shortened;

/// How much of a value is shown as a default or as an option, in characters.
const MAX_SHOWN: usize = 200;

/// The number of lines of a box.
const BOX_LINES: usize = 6;

impl Renderer<'_> {
    pub(super) fn text(&self, shown: &Shown<'_>, text: &Text) -> Markup {
        let format = text.format.as_deref();
        let entered = entered(shown);
        let is_long = text.is_long || entered.contains('\n');
        let is_date = format == Some("date") && (entered.is_empty() || is_date(entered));
        let kind = match (shown.field.is_secret, is_date) {
            (true, _) => "password",
            (false, true) => "date",
            (false, false) => "text",
        };
        let mode = match format {
            Some("email" | "idn-email") => Some("email"),
            Some("uri" | "url" | "uri-reference" | "iri") => Some("url"),
            _ => None,
        };
        if is_long { self.textarea(shown, &shown.path.id, entered) } else { self.input(shown, kind, mode) }
    }

    /// A number is a text for the browser, which would round it otherwise.
    pub(super) fn number(&self, shown: &Shown<'_>, is_integer: bool, may_be_negative: bool) -> Markup {
        let kind = if shown.field.is_secret { "password" } else { "text" };
        // The keyboards for numbers of some phones have no minus.
        let mode = match (may_be_negative, is_integer) {
            (true, _) => None,
            (false, true) => Some("numeric"),
            (false, false) => Some("decimal"),
        };
        self.input(shown, kind, mode)
    }

    fn input(&self, shown: &Shown<'_>, kind: &str, mode: Option<&str>) -> Markup {
        let id = &shown.path.id;
        html! {
            input type=(kind) id=(id) name=(id) value=(entered(shown)) placeholder=[placeholder(shown)]
                inputmode=[mode] autocomplete="off" autocapitalize="off" spellcheck="false"
                required[must_enter(shown)] aria-describedby=[self.described_by(shown)]
                aria-invalid=[self.is_invalid(shown)] autofocus[self.has_focus(id)];
        }
    }

    fn textarea(&self, shown: &Shown<'_>, name: &str, text: &str) -> Markup {
        let id = &shown.path.id;
        html! {
            textarea id=(id) name=(name) rows=(BOX_LINES) placeholder=[placeholder(shown)] autocomplete="off"
                autocapitalize="off" spellcheck="false" required[must_enter(shown)]
                aria-describedby=[self.described_by(shown)] aria-invalid=[self.is_invalid(shown)]
                autofocus[self.has_focus(id)] {
                // Browsers drop the first line break.
                "\n" (text)
            }
        }
    }

    /// A box for YAML.
    pub(super) fn yaml(&self, shown: &Shown<'_>) -> Markup {
        let text = match &shown.content.entry {
            Entry::Yaml(text) => text.as_str(),
            _ => "",
        };
        self.labelled(shown, &self.textarea(shown, &shown.path.part("yaml"), text))
    }

    pub(super) fn select(&self, shown: &Shown<'_>, options: &[Choice]) -> Markup {
        let id = &shown.path.id;
        let entered = entered(shown);
        html! {
            select id=(id) name=(id) required[must_enter(shown)] aria-describedby=[self.described_by(shown)]
                aria-invalid=[self.is_invalid(shown)] autofocus[self.has_focus(id)] {
                option value="" { (self.nothing_chosen(shown)) }
                @for option in options {
                    @let value = option.value.to_string();
                    option value=(value) selected[entered == value] lang=[language_of(option)] {
                        (choice_text(option, self.language))
                    }
                }
            }
        }
    }

    pub(super) fn radios(&self, shown: &Shown<'_>, options: &[Choice]) -> Markup {
        let (name, entered) = (&shown.path.id, entered(shown));
        let is_required = must_enter(shown);
        let radio = |part: &str, value: &str, text: &str, lang: Option<&str>| {
            let id = shown.path.part(part);
            html! {
                div.option {
                    input type="radio" id=(id) name=(name) value=(value) checked[entered == value]
                        required[is_required];
                    " "
                    label for=(id) lang=[lang] { (text) }
                }
            }
        };
        html! {
            @if !is_required { (radio("none", "", &self.nothing_chosen(shown), None)) }
            @for (index, option) in options.iter().enumerate() {
                @let text = choice_text(option, self.language);
                (radio(&index.to_string(), &option.value.to_string(), &text, language_of(option)))
            }
        }
    }

    /// The only value that a required field can have. It is sent without the user's doing.
    pub(super) fn constant(&self, shown: &Shown<'_>, options: &[Choice]) -> Markup {
        let id = &shown.path.id;
        html! {
            div.field id=(id) tabindex="-1" role="group" aria-describedby=[self.described_by(shown)] {
                p {
                    (self.label(shown)) ": "
                    @for option in options { code { (choice_text(option, self.language)) } }
                }
                // Whether it was there: a group with nothing else would count as empty.
                input type="hidden" name=(id) value=(entered(shown));
                (self.notes(shown))
            }
        }
    }

    fn nothing_chosen(&self, shown: &Shown<'_>) -> String {
        let default =
            shown.field.fallback().filter(|_| shown.need != Need::Optional || shown.field.default.is_some());
        match default {
            _ if shown.is_stored => self.language.pick("Keep what is stored", "保留已保存的值").to_owned(),
            Some(default) => {
                let default = choice_text(&Choice { value: default.clone(), title: None }, self.language);
                self.language.pick(format!("Default: {default}"), format!("默认值：{default}"))
            }
            None => self.language.pick("Not set", "未设置").to_owned(),
        }
    }

    /// The description, what happens to an empty or secret field, and the problems.
    pub(super) fn notes(&self, shown: &Shown<'_>) -> Markup {
        let notes = self.hints(shown);
        let description = shown.field.description.as_deref();
        html! {
            @if description.is_some() || !notes.is_empty() {
                div.hint id=(shown.path.part("hint")) {
                    @if let Some(description) = description { p lang="en" dir="auto" { (description) } }
                    @for note in notes { p { (note) } }
                }
            }
            @if let Some(problems) = self.problems.get(&shown.path.id) {
                div.error id=(shown.path.part("error")) { @for problem in problems { p { (problem) } } }
            }
        }
    }

    fn hints(&self, shown: &Shown<'_>) -> Vec<String> {
        let language = self.language;
        let field = shown.field;
        let mut hints = Vec::new();
        let is_box = matches!(field.kind, Kind::Any) || matches!(shown.content.entry, Entry::Yaml(_));
        if is_box {
            hints.push(language.pick("YAML or JSON.", "YAML 或 JSON。").to_owned());
        }
        let has_placeholder = placeholder(shown).is_some() || matches!(field.kind, Kind::Choice { .. });
        if let Some(default) = field.default.as_ref().filter(|_| !has_placeholder) {
            let default = shortened(&default.to_string(), MAX_SHOWN);
            hints.push(language.pick(format!("Default: {default}"), format!("默认值：{default}")));
        }
        if shown.is_stored {
            let english = "A value is stored. Leave this empty to keep it.";
            hints.push(language.pick(english, "已保存一个值。留空则保留。").to_owned());
        } else if field.is_secret {
            hints.push(language.pick("Goes to a Secret.", "将存入 Secret。").to_owned());
        }
        if shown.content.is_withheld {
            hints.push(withheld_words(language).to_owned());
        }
        hints
    }

    pub(super) fn described_by(&self, shown: &Shown<'_>) -> Option<String> {
        let has_hint = shown.field.description.is_some() || !self.hints(shown).is_empty();
        let hint = has_hint.then(|| shown.path.part("hint"));
        let error = self.is_invalid(shown).map(|_| shown.path.part("error"));
        let ids: Vec<String> = hint.into_iter().chain(error).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }

    pub(super) fn is_invalid(&self, shown: &Shown<'_>) -> Option<&'static str> {
        self.problems.contains_key(&shown.path.id).then_some("true")
    }

    /// The name of a variant: its title, or the constant that distinguishes it, or its number and kind.
    pub(super) fn variant_name(&self, index: usize, variant: &Field) -> String {
        let constant = variant.parts().into_iter().find_map(|part| match &part.kind {
            Kind::Choice { options, .. } if options.len() == 1 => options.first(),
            _ => None,
        });
        match (&variant.title, constant) {
            (Some(title), _) => title.clone(),
            (None, Some(constant)) => choice_text(constant, self.language),
            (None, None) => format!("{}: {}", index + 1, kind_words(variant, self.language)),
        }
    }
}

fn entered<'a>(shown: &Shown<'a>) -> &'a str {
    match &shown.content.entry {
        Entry::Text(text) => text,
        _ => "",
    }
}

/// Whether the browser may insist on an entry: only where sending nothing is surely wrong.
fn must_enter(shown: &Shown<'_>) -> bool {
    shown.need == Need::Required
        && !shown.is_stored
        && shown.field.fallback().is_none()
        && blank_choices(shown).is_empty()
}

/// The default in the place of an entry. Secrets, and fields without text, have none.
fn placeholder(shown: &Shown<'_>) -> Option<String> {
    let is_shown = matches!(shown.field.kind, Kind::Text(_) | Kind::Number { .. })
        && !matches!(shown.content.entry, Entry::Yaml(_))
        && !shown.field.is_secret
        && !shown.is_stored;
    match shown.field.default.as_ref().filter(|_| is_shown)? {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(shortened(text, MAX_SHOWN)),
        default => Some(shortened(&default.to_string(), MAX_SHOWN)),
    }
}

pub fn withheld_words(language: Language) -> &'static str {
    let english = "Enter secret values again: the page does not repeat them.";
    language.pick(english, "请重新输入机密值：页面不会回显。")
}

/// The language of a value to choose, if its text comes from the schema.
fn language_of(option: &Choice) -> Option<&'static str> {
    option.title.as_ref().map(|_| "en")
}

/// How a value to choose is shown.
pub fn choice_text(option: &Choice, language: Language) -> String {
    match (&option.title, &option.value) {
        (Some(title), _) => title.clone(),
        (None, Value::Bool(true)) => language.pick("Yes", "是").to_owned(),
        (None, Value::Bool(false)) => language.pick("No", "否").to_owned(),
        (None, Value::String(text)) if text.is_empty() => {
            language.pick("(empty text)", "（空文本）").to_owned()
        }
        (None, Value::String(text)) => shortened(text, MAX_SHOWN),
        (None, value) => shortened(&value.to_string(), MAX_SHOWN),
    }
}

/// The type of a field in words.
pub fn kind_words(field: &Field, language: Language) -> String {
    let words = match &field.kind {
        Kind::Text(text) if text.format.is_some() => {
            let format = text.format.as_deref().unwrap_or_default();
            return language.pick(format!("text ({format})"), format!("文本（{format}）"));
        }
        Kind::Text(_) => language.pick("text", "文本"),
        Kind::Number { is_integer: true, .. } => language.pick("whole number", "整数"),
        Kind::Number { .. } => language.pick("number", "数字"),
        Kind::Choice { options, .. } if options.iter().all(|option| option.value.is_boolean()) => {
            language.pick("yes or no", "是或否")
        }
        Kind::Choice { options, .. } => {
            let values: Vec<String> = options.iter().map(|option| choice_text(option, language)).collect();
            let values = shortened(&values.join(language.pick(", ", "、")), MAX_SHOWN);
            return language.pick(format!("one of: {values}"), format!("可选值：{values}"));
        }
        Kind::List(item) => {
            let item = kind_words(item, language);
            return language.pick(format!("list of: {item}"), format!("列表，每项为：{item}"));
        }
        Kind::Group { members, .. } if members.is_empty() => language.pick("names with values", "名称和值"),
        Kind::Group { .. } => language.pick("group", "组"),
        Kind::Variants(_) => language.pick("one of several variants", "多种类型之一"),
        Kind::Any => language.pick("YAML or JSON", "YAML 或 JSON"),
    };
    words.to_owned()
}

/// Whether an input for dates can show a text. It empties others.
fn is_date(text: &str) -> bool {
    text.parse::<Date>().is_ok_and(|date| date.to_string() == text)
}
