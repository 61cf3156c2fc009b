//! Reads a page as a browser does: which entries it submits, and whether ids and references are right.

use std::collections::BTreeSet;

use maud::html;
use scraper::{ElementRef, Html, Selector};

use super::ENGLISH;
use crate::console::form::FilledForm;

/// A page with the form.
#[derive(Clone, Debug)]
pub struct Page {
    pub html: String,
    /// What the browser submits.
    pub entries: Vec<(String, String)>,
    /// The values of the form's own buttons.
    pub buttons: Vec<String>,
}

impl Page {
    /// The page, with all ids and references checked.
    pub fn of(filled: &FilledForm<'_>) -> Self {
        let markup = html! { (filled.summary(ENGLISH)) form { (filled.render(ENGLISH)) } };
        let html = markup.into_string();
        let document = Html::parse_fragment(&html);
        check(&document);
        let buttons = document
            .select(&selector("button[name]"))
            .filter_map(|button| button.attr("value").map(str::to_owned))
            .collect();
        let entries = document.select(&selector("input, select, textarea")).filter_map(entry).collect();
        Self { html, entries, buttons }
    }

    /// The page after the user has entered something.
    pub fn with(&self, entries: &[(&str, &str)]) -> Self {
        let mut page = self.clone();
        for (name, value) in entries {
            assert!(page.html.contains(&format!("name=\"{name}\"")), "no input {name} in {}", page.html);
            page.entries.retain(|(existing, _)| existing != name);
            page.entries.push(((*name).to_owned(), (*value).to_owned()));
        }
        page
    }

    pub fn entry(&self, name: &str) -> Option<&str> {
        self.entries.iter().find(|(existing, _)| existing == name).map(|(_, value)| value.as_str())
    }

    /// How many elements there are.
    pub fn count(&self, css: &str) -> usize {
        Html::parse_fragment(&self.html).select(&selector(css)).count()
    }

    /// The text of the first such element.
    pub fn text(&self, css: &str) -> String {
        let document = Html::parse_fragment(&self.html);
        document.select(&selector(css)).next().map(|element| element.text().collect()).unwrap_or_default()
    }
}

fn selector(css: &str) -> Selector {
    Selector::parse(css).unwrap()
}

/// What a browser sends for a control.
fn entry(control: ElementRef<'_>) -> Option<(String, String)> {
    let name = control.attr("name")?.to_owned();
    let value = match control.value().name() {
        "select" => {
            let options: Vec<_> = control.select(&selector("option")).collect();
            let selected = options.iter().find(|option| option.attr("selected").is_some());
            selected.or_else(|| options.first())?.attr("value")?.to_owned()
        }
        "textarea" => control.text().collect::<String>().replace('\n', "\r\n"),
        _ => match control.attr("type") {
            Some("radio") if control.attr("checked").is_none() => return None,
            Some("hidden") => control.attr("value").unwrap_or_default().to_owned(),
            _ => control.attr("value").unwrap_or_default().replace(['\r', '\n'], ""),
        },
    };
    Some((name, value))
}

/// Ids are unique and valid, and every reference leads to one.
fn check(document: &Html) {
    let mut ids = BTreeSet::new();
    for element in document.select(&selector("[id]")) {
        let id = element.attr("id").unwrap();
        assert!(
            !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)),
            "id {id:?}"
        );
        assert!(ids.insert(id.to_owned()), "the id {id} occurs twice");
    }
    for attribute in ["for", "aria-describedby", "aria-labelledby"] {
        for element in document.select(&selector(&format!("[{attribute}]"))) {
            for id in element.attr(attribute).unwrap().split(' ') {
                assert!(ids.contains(id), "{attribute}={id} leads nowhere");
            }
        }
    }
    for link in document.select(&selector("a[href]")) {
        let id = link.attr("href").unwrap().strip_prefix('#').expect("a link to a field");
        assert!(ids.contains(id), "the link to {id} leads nowhere");
    }
    let labelled: BTreeSet<&str> =
        document.select(&selector("label")).filter_map(|label| label.attr("for")).collect();
    for control in document.select(&selector("input:not([type=hidden]), select, textarea")) {
        assert!(labelled.contains(control.attr("id").unwrap()), "no label for {:?}", control.attr("id"));
    }
    for forbidden in ["[style]", "[onclick]", "script", "style"] {
        assert_eq!(document.select(&selector(forbidden)).count(), 0, "{forbidden}");
    }
}
