//! The brokers that the user may see.

use crate::console::language::Language;
use crate::console::state::State;
use jiff::Timestamp;
use maud::{Markup, html};

use super::failure::refusal_sentence;
use super::parts::{banner, empty, foreign, relative_or_none, state_word};
use crate::console::answer::failure::Attempt;
use crate::console::views::broker::{Broker, address};
use crate::console::views::offering::Scope;

/// A broker in a list.
pub struct Row {
    /// The broker.
    pub broker: Broker,
    /// Its state.
    pub state: State,
}

/// What is listed.
pub struct BrokersPage<'a> {
    /// Cluster-wide brokers and those of the namespace.
    pub rows: &'a [Row],
    /// What the user may not list.
    pub refused: &'a [Attempt],
    /// The namespace.
    pub namespace: &'a str,
    /// Where the user may register brokers: the addresses of the forms.
    pub forms: &'a [Scope],
}

/// The page.
pub fn page(page: &BrokersPage, now: Timestamp, language: Language) -> Markup {
    html! {
        div class="page-head" {
            h1 { (language.pick("Brokers", "服务代理")) }
            p class="lead" {
                (language.pick("Where the services of the catalog come from: in the cluster, and in ",
                    "目录中服务的来源:集群范围,以及名字空间 "))
                (page.namespace) (language.pick(".", "。"))
            }
        }
        @for attempt in page.refused {
            (banner("waiting", &html! { p { (refusal_sentence(attempt, language)) } }))
        }
        @if !page.forms.is_empty() {
            div class="toolbar" {
                @for scope in page.forms {
                    a class="button" href={ (address(scope, "new")) } {
                        @match scope {
                            Scope::Cluster => (language.pick("Register for all namespaces", "为所有名字空间注册")),
                            Scope::Namespace(name) => (language.pick(
                                format!("Register for {name} only"),
                                format!("仅为 {name} 注册"),
                            )),
                        }
                    }
                }
            }
        }
        @if page.rows.is_empty() && page.refused.is_empty() {
            (empty(language.pick("No broker yet", "尚无服务代理"), &html! {
                p { a class="button" href="/catalog" { (language.pick("How to register one", "如何注册")) } }
            }))
        } @else if !page.rows.is_empty() {
            (table(page.rows, now, language))
        }
    }
}

fn table(rows: &[Row], now: Timestamp, language: Language) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(language.pick("Brokers", "服务代理")) {
            table class="objects" {
                thead { tr {
                    th scope="col" { (language.pick("Name", "名称")) }
                    th scope="col" { (language.pick("For", "范围")) }
                    th scope="col" { (language.pick("State", "状态")) }
                    th scope="col" { "URL" }
                    th scope="col" { (language.pick("Last fetched", "上次获取")) }
                } }
                tbody {
                    @for Row { broker, state } in rows {
                        tr {
                            th scope="row" { a href=(broker.address()) { (broker.name) } }
                            @let everywhere = language.pick("all namespaces", "所有名字空间");
                            td { (broker.scope.namespace().unwrap_or(everywhere)) }
                            td { (state_word(state, now, language)) }
                            td { (foreign(&broker.url)) }
                            td { (relative_or_none(broker.last_fetch, now, language)) }
                        }
                    }
                }
            }
        }
    }
}
