//! What several pages have in common. Texts of brokers and of the API server are shown by [`foreign`].

use crate::console::language::Language;
use crate::console::state::{ConditionLine, Entry, State, time};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::console::answer::assets;
use crate::console::views::icon::{Icon, Picture};
use crate::console::views::link::Link;

/// A text of a broker, the operator or the API server, as it is: marked as English, in the direction of its letters.
pub fn foreign(text: &str) -> Markup {
    html! { span class="foreign" lang="en" dir="auto" { (text) } }
}

/// The picture of a class. It is decoration: the name stands beside it.
pub fn icon(icon: &Icon) -> Markup {
    match &icon.picture {
        Picture::Image(address) => html! {
            span class="icon image" {
                img src=(address) alt="" loading="lazy" decoding="async" referrerpolicy="no-referrer";
            }
        },
        Picture::BuiltIn(file) => html! {
            span class={ "icon tone-" (icon.tone) } { img src=(assets::address(file)) alt=""; }
        },
        Picture::Monogram(letter) => html! {
            span class={ "icon tone-" (icon.tone) } aria-hidden="true" { (letter) }
        },
    }
}

/// A link that leads away, with its host.
pub fn link(link: &Link, text: &str) -> Markup {
    html! {
        a class="external" href=(link.address) rel="noopener noreferrer" {
            (text) " " span class="host" { "(" (link.host) ")" }
        }
    }
}

/// A small remark at a name.
pub fn badge(text: &str, class: &str) -> Markup {
    html! { span class={ "badge " (class) } { (text) } }
}

/// Symbol and word of a state. `title` has the rest.
pub fn state_word(state: &State, now: Timestamp, language: Language) -> Markup {
    html! {
        span class={ "state " (state.word.tone().class()) } title=(state.line(now, language)) {
            span class="symbol" aria-hidden="true" { (state.word.symbol()) }
            span { (state.word.text(language)) }
        }
    }
}

/// The state of an object: word, why, what happens next and when, and what the operator says.
pub fn state_line(state: &State, now: Timestamp, language: Language) -> Markup {
    let hint = state.hint(language);
    html! {
        section class={ "state-line " (state.word.tone().class()) } aria-label=(language.pick("State", "状态"))
            data-state=(state.word.text(language)) {
            p class="state-head" {
                (state_word(state, now, language))
                @if let Some(since) = state.since {
                    " "
                    span class="since" {
                        (language.pick("for ", "已 ")) (age(Some(since), now, language))
                    }
                }
            }
            p {
                (state.sentence(language))
                @if !hint.is_empty() { " " (hint) }
                @if let Some(next) = state.next { " " (next.text(now, language)) }
                @if state.failures > 1 {
                    " " (language.pick(
                        format!("{} attempts have failed.", state.failures),
                        format!("已失败 {} 次。", state.failures),
                    ))
                }
            }
            @if let Some(text) = &state.text { p class="said" { (foreign(text)) } }
        }
    }
}

/// A time as the distance from now.
pub fn relative(at: Timestamp, now: Timestamp, language: Language) -> Markup {
    let exact = time::machine_readable(at);
    html! { time datetime=(exact) title=(exact) { (time::relative(at, now, language)) } }
}

/// A time as the distance from now, if there is one.
pub fn relative_or_none(at: Option<Timestamp>, now: Timestamp, language: Language) -> Markup {
    html! { @if let Some(at) = at { (relative(at, now, language)) } @else { "–" } }
}

/// How old something is.
pub fn age(created: Option<Timestamp>, now: Timestamp, language: Language) -> Markup {
    html! {
        @if let Some(created) = created {
            @let exact = time::machine_readable(created);
            time datetime=(exact) title=(exact) { (time::age(created, now, language)) }
        } @else { "–" }
    }
}

/// Text to copy, such as a command or a manifest. `label` says what it is.
pub fn copyable(label: &str, text: &str, language: Language) -> Markup {
    html! {
        div class="copyable" {
            pre tabindex="0" role="region" aria-label=(label) { code translate="no" { (text) } }
            button type="button" class="button small" data-copy hidden {
                (language.pick("Copy", "复制")) span class="visually-hidden" { ": " (label) }
            }
        }
    }
}

/// What a page shows in the place of a list without entries.
pub fn empty(title: &str, content: &Markup) -> Markup {
    html! { div class="empty" { h2 { (title) } (content) } }
}

/// Something that needs attention but does not keep the page from being shown.
pub fn banner(class: &str, content: &Markup) -> Markup {
    html! { div class={ "banner " (class) } { (content) } }
}

/// The conditions of an object.
pub fn conditions(lines: &[ConditionLine], now: Timestamp, language: Language) -> Markup {
    html! {
        @if !lines.is_empty() {
            details class="section" id="conditions" {
                summary { h2 { (language.pick("Conditions", "状况")) } }
                div class="scroll" tabindex="0" role="region" aria-label=(language.pick("Table of the conditions", "状况表")) {
                    table {
                        thead { tr {
                            th scope="col" { (language.pick("Condition", "状况")) }
                            th scope="col" { (language.pick("Holds", "成立")) }
                            th scope="col" { (language.pick("Why", "原因")) }
                            th scope="col" { (language.pick("Since", "自")) }
                        } }
                        tbody {
                            @for line in lines { (condition(line, now, language)) }
                        }
                    }
                }
            }
        }
    }
}

fn condition(line: &ConditionLine, now: Timestamp, language: Language) -> Markup {
    html! {
        tr {
            th scope="row" { (line.title(language)) br; code translate="no" { (line.type_) } }
            td { span class={ "state " (line.tone().class()) } { (line.answer(language)) } }
            td {
                (line.sentence(language)) " " code translate="no" { (line.reason) }
                @if let Some(text) = &line.text { br; (foreign(text)) }
            }
            td { @if let Some(since) = line.since { (relative(since, now, language)) } }
        }
    }
}

/// What happened, newest first.
pub fn timeline(entries: &[Entry], may_read_events: bool, now: Timestamp, language: Language) -> Markup {
    html! {
        section class="section" aria-labelledby="timeline-title" {
            h2 id="timeline-title" { (language.pick("What happened", "历史")) }
            @if !may_read_events {
                p class="hint" {
                    (language.pick(
                        "You may not list events, so only conditions are shown.",
                        "您无权列出事件,因此仅显示状况。",
                    ))
                }
            }
            @if entries.is_empty() { p { (language.pick("Nothing yet.", "暂无记录。")) } }
            ol class="timeline" {
                @for entry in entries {
                    li class=(entry.tone.class()) {
                        (relative(entry.at, now, language)) " "
                        span { (entry.sentence(language)) }
                        @if entry.count > 1 { " " span class="count" { "×" (entry.count) } }
                        @if let Some(text) = &entry.text { p class="said" { (foreign(text)) } }
                    }
                }
            }
        }
    }
}

/// Where a page is: the pages above it.
pub fn breadcrumbs(above: &[(&str, &str)], language: Language) -> Markup {
    html! {
        nav class="breadcrumbs" aria-label=(language.pick("Breadcrumbs", "路径")) {
            ol { @for (address, name) in above { li { a href=(address) { (name) } } } }
        }
    }
}
