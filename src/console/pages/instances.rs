//! The instances of a namespace.

use crate::console::language::Language;
use crate::console::state::State;
use jiff::Timestamp;
use maud::{Markup, html};

use super::parts::{age, empty, foreign, icon, state_word};
use crate::console::views::instance::Instance;

/// An instance in a list.
pub struct Row {
    /// The instance.
    pub instance: Instance,
    /// Its state.
    pub state: State,
    /// How many bindings it has; `None` if the user may not list them.
    pub bindings: Option<usize>,
}

/// What is listed.
pub struct InstancesPage<'a> {
    /// The instances that match.
    pub rows: &'a [Row],
    /// How many there are.
    pub total: usize,
    /// The namespace.
    pub namespace: &'a str,
    /// The words of states to choose from.
    pub states: &'a [String],
    /// The classes to choose from.
    pub classes: &'a [String],
    /// The chosen state; empty for all.
    pub state: &'a str,
    /// The chosen class; empty for all.
    pub class: &'a str,
}

/// The page.
pub fn page(page: &InstancesPage, now: Timestamp, language: Language) -> Markup {
    html! {
        div class="page-head" {
            h1 { (language.pick("Instances in ", "实例 – ")) (page.namespace) }
            p {
                a class="button primary" href="/catalog" { (language.pick("Create from the catalog", "从目录创建")) }
            }
        }
        @if page.total == 0 {
            (empty(language.pick("Nothing here yet", "这里还没有内容"), &html! {
                p {
                    (language.pick(
                        "Choose a service in the catalog to create its first instance.",
                        "请在目录中选择服务,创建第一个实例。",
                    ))
                }
                p { a class="button" href="/catalog" { (language.pick("Open the catalog", "打开目录")) } }
            }))
        } @else {
            @if page.total > 1 { (filters(page, language)) }
            @if page.rows.is_empty() {
                p { (language.pick("No instance matches.", "没有匹配的实例。")) }
            } @else {
                (table(page.rows, language.pick("Instances", "实例"), now, language))
            }
        }
    }
}

fn filters(page: &InstancesPage, language: Language) -> Markup {
    let any = language.pick("All", "全部");
    let choice = |name: &str, label: &str, choices: &[String], chosen: &str| {
        html! {
            div class="field" {
                label for=(name) { (label) }
                select id=(name) name=(name) {
                    option value="" { (any) }
                    @for choice in choices { option value=(choice) selected[choice == chosen] { (choice) } }
                }
            }
        }
    };
    html! {
        form class="filters" method="get" {
            (choice("state", language.pick("State", "状态"), page.states, page.state))
            (choice("class", language.pick("Service", "服务"), page.classes, page.class))
            button class="button" { (language.pick("Filter", "筛选")) }
        }
    }
}

/// Instances as a table.
pub fn table(rows: &[Row], caption: &str, now: Timestamp, language: Language) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(caption) {
            table class="objects" {
                caption class="visually-hidden" { (caption) }
                thead { tr {
                    th scope="col" { (language.pick("Name", "名称")) }
                    th scope="col" { (language.pick("Service", "服务")) }
                    th scope="col" { (language.pick("Plan", "套餐")) }
                    th scope="col" { (language.pick("State", "状态")) }
                    th scope="col" class="number" { (language.pick("Bindings", "绑定")) }
                    th scope="col" { (language.pick("Age", "存在时间")) }
                } }
                tbody { @for row in rows { (line(row, now, language)) } }
            }
        }
    }
}

fn line(row: &Row, now: Timestamp, language: Language) -> Markup {
    let instance = &row.instance;
    html! {
        tr {
            th scope="row" { a href=(instance.address()) { (instance.name) } }
            td { span class="with-icon" { (icon(&instance.icon)) (foreign(&instance.class_name)) } }
            td { (foreign(&instance.plan_name)) }
            td { (state_word(&row.state, now, language)) }
            td class="number" { @if let Some(count) = row.bindings { (count) } @else { "–" } }
            td { (age(instance.created, now, language)) }
        }
    }
}
