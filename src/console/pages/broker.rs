//! A broker: where it is, and how its catalog is fetched.

use crate::console::language::Language;
use crate::console::state::{ConditionLine, Entry, State};
use jiff::Timestamp;
use maud::{Markup, html};

use super::actions::{Offered, toolbar};
use super::parts::{age, breadcrumbs, conditions, foreign, relative_or_none, state_line, timeline};
use crate::console::request::visit::Visit;
use crate::console::views::broker::{Broker, Login};

/// What the page of a broker needs.
pub struct BrokerPage<'a> {
    /// The broker.
    pub broker: &'a Broker,
    /// Its state.
    pub state: &'a State,
    /// What the user may do.
    pub offered: Offered<'a>,
    /// How many classes it has published; `None` if the user may not list them.
    pub classes: Option<usize>,
    /// Its conditions.
    pub conditions: &'a [ConditionLine],
    /// What happened.
    pub timeline: &'a [Entry],
    /// Whether the user may list events.
    pub may_read_events: bool,
}

/// The page.
pub fn page(page: &BrokerPage, visit: &Visit) -> Markup {
    let (language, now, broker) = (visit.language(), page.offered.now, page.broker);
    html! {
        (breadcrumbs(&[("/brokers", language.pick("Brokers", "服务代理"))], language))
        div class="object-head" { div {
            h1 { (broker.name) }
            p class="byline" { (foreign(&broker.url)) }
        } }
        (state_line(page.state, now, language))
        (toolbar(&page.offered, visit))
        (facts(page, now, language))
        (conditions(page.conditions, now, language))
        (timeline(page.timeline, page.may_read_events, now, language))
    }
}

fn facts(page: &BrokerPage, now: Timestamp, language: Language) -> Markup {
    let broker = page.broker;
    html! {
        section class="section" aria-labelledby="facts" {
            h2 id="facts" { (language.pick("Connection and catalog", "连接与目录")) }
            dl class="facts" {
                div {
                    dt { (language.pick("Available in", "可用范围")) }
                    @let everywhere = language.pick("all namespaces", "所有名字空间");
                    dd { (broker.scope.namespace().unwrap_or(everywhere)) }
                }
                div { dt { (language.pick("Login", "登录方式")) } dd { (login(&broker.login, language)) } }
                @if broker.skips_verification {
                    div {
                        dt { "TLS" }
                        dd {
                            span class="state bad" {
                                (language.pick("The certificate is not verified.", "不验证证书。"))
                            }
                        }
                    }
                }
                @if let Some(classes) = page.classes {
                    div {
                        dt { (language.pick("Services", "服务")) }
                        dd { a href={ "/catalog?broker=" (broker.name) } { (classes) } }
                    }
                }
                div {
                    dt { (language.pick("Last fetched", "上次获取")) }
                    dd { (relative_or_none(broker.last_fetch, now, language)) }
                }
                div { dt { (language.pick("Fetched again", "再次获取")) } dd { (interval(broker, language)) } }
                @if !broker.restrictions.is_empty() {
                    div {
                        dt { (language.pick("Restrictions", "限制")) }
                        dd { @for rule in &broker.restrictions { code translate="no" { (rule) } br; } }
                    }
                }
                div { dt { (language.pick("Age", "存在时间")) } dd { (age(broker.created, now, language)) } }
            }
        }
    }
}

fn login(login: &Login, language: Language) -> Markup {
    html! {
        @match login {
            Login::None => (language.pick("none", "无")),
            Login::Basic(secret) => {
                (language.pick("user name and password of Secret ", "用户名和密码,Secret "))
                code translate="no" { (secret) }
            },
            Login::Bearer(secret) => {
                (language.pick("token of Secret ", "令牌,Secret ")) code translate="no" { (secret) }
            },
        }
    }
}

fn interval(broker: &Broker, language: Language) -> Markup {
    html! {
        @if broker.is_manual { (language.pick("only on request", "仅按请求")) }
        @else if broker.interval.is_empty() { (language.pick("as the operator is set", "按控制器的设置")) }
        @else { (language.pick("every ", "每 ")) (broker.interval) }
    }
}
