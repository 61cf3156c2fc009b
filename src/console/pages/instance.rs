//! An instance: how it is, what it consists of, and what can be done.

use crate::console::language::Language;
use crate::console::state::{ConditionLine, Entry, State};
use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::Value;

use super::actions::{Offered, toolbar};
use super::parts::{
    age, breadcrumbs, conditions, copyable, foreign, icon, link, relative_or_none, state_line, state_word,
    timeline,
};
use crate::console::request::visit::Visit;
use crate::console::views::binding::Binding;
use crate::console::views::icon::Icon;
use crate::console::views::instance::{Instance, Parameters};

/// A binding of an instance, in its list.
pub struct BindingRow {
    /// The binding.
    pub binding: Binding,
    /// Its state.
    pub state: State,
}

/// What the page of an instance needs.
pub struct InstancePage<'a> {
    /// The instance.
    pub instance: &'a Instance,
    /// Its class for people, if the user may read it: title and picture.
    pub class: Option<(&'a str, &'a Icon)>,
    /// Its state.
    pub state: &'a State,
    /// What the user may do.
    pub offered: Offered<'a>,
    /// Its bindings; `None` if the user may not list them.
    pub bindings: Option<&'a [BindingRow]>,
    /// Whether its plan can be bound.
    pub is_bindable: bool,
    /// Its parameters.
    pub parameters: &'a Parameters,
    /// The version that its plan offers, and what changes with it; may be empty.
    pub offered_version: (&'a str, &'a str),
    /// Its conditions.
    pub conditions: &'a [ConditionLine],
    /// What happened.
    pub timeline: &'a [Entry],
    /// Whether the user may list events.
    pub may_read_events: bool,
    /// The object as YAML.
    pub manifest: &'a str,
}

/// The page.
pub fn page(page: &InstancePage, visit: &Visit) -> Markup {
    let (language, now) = (visit.language(), page.offered.now);
    let list = format!("/ns/{}/instances", page.instance.namespace);
    html! {
        (breadcrumbs(&[(&list, language.pick("Instances", "实例"))], language))
        (head(page, language))
        (state_line(page.state, now, language))
        (toolbar(&page.offered, visit))
        (bindings(page, now, language))
        (configuration(page, now, language))
        (conditions(page.conditions, now, language))
        (timeline(page.timeline, page.may_read_events, now, language))
        (sources(page, language))
    }
}

fn head(page: &InstancePage, language: Language) -> Markup {
    let instance = page.instance;
    html! {
        div class="object-head" {
            (icon(page.class.map_or(&instance.icon, |(_, icon)| icon)))
            div {
                h1 { (instance.name) }
                p class="byline" {
                    @let title = page.class.map_or(instance.class_name.as_str(), |(title, _)| title);
                    @if let Some(resolved) = &instance.resolved {
                        a href=(resolved.address()) { (foreign(title)) }
                    } @else { (foreign(title)) }
                    @if !instance.plan_name.is_empty() {
                        " · " (language.pick("Plan ", "套餐 ")) (foreign(&instance.plan_name))
                    }
                }
            }
            @if let Some(dashboard) = &instance.dashboard {
                div class="aside" { (link(dashboard, language.pick("Dashboard", "仪表板"))) }
            }
        }
    }
}

fn bindings(page: &InstancePage, now: Timestamp, language: Language) -> Markup {
    html! {
        section class="section" aria-labelledby="bindings" {
            h2 id="bindings" { (language.pick("Bindings", "绑定")) }
            @match page.bindings {
                None => p {
                    (language.pick("You lack the right ", "您缺少权限 "))
                    code translate="no" { "list servicebindings.servicecatalog.k8s.io" }
                },
                Some([]) if !page.is_bindable => p {
                    (language.pick(
                        "This service needs no credentials: it cannot be bound.",
                        "此服务不需要凭据:无法绑定。",
                    ))
                },
                Some([]) => p class="hint-box" {
                    (language.pick(
                        "No application has credentials for this instance yet. A binding requests them and \
                         stores them in a Secret.",
                        "尚无应用拥有此实例的凭据。绑定会请求凭据并将其存入 Secret。",
                    ))
                },
                Some(rows) => (binding_table(rows, now, language)),
            }
        }
    }
}

fn binding_table(rows: &[BindingRow], now: Timestamp, language: Language) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(language.pick("Table of the bindings", "绑定表")) {
            table class="objects" {
                thead { tr {
                    th scope="col" { (language.pick("Name", "名称")) }
                    th scope="col" { (language.pick("State", "状态")) }
                    th scope="col" { "Secret" }
                    th scope="col" { (language.pick("Given to", "提供给")) }
                    th scope="col" { (language.pick("Expires", "过期")) }
                    th scope="col" { (language.pick("Age", "存在时间")) }
                } }
                tbody {
                    @for BindingRow { binding, state } in rows {
                        tr {
                            th scope="row" { a href=(binding.address()) { (binding.name) } }
                            td { (state_word(state, now, language)) }
                            td { code translate="no" { (binding.secret) } }
                            td {
                                @if let Some(selector) = &binding.selector {
                                    (language.pick("Pods with ", "Pod:")) code translate="no" { (selector) }
                                } @else { (language.pick("Secret only", "仅 Secret")) }
                            }
                            td { (relative_or_none(binding.expires, now, language)) }
                            td { (age(binding.created, now, language)) }
                        }
                    }
                }
            }
        }
    }
}

fn configuration(page: &InstancePage, now: Timestamp, language: Language) -> Markup {
    let instance = page.instance;
    let (offered, notes) = page.offered_version;
    html! {
        section class="section" aria-labelledby="configuration" {
            h2 id="configuration" { (language.pick("Configuration", "配置")) }
            dl class="facts" {
                div { dt { (language.pick("Plan", "套餐")) } dd { (foreign(&instance.plan_name)) } }
                @if !instance.version.is_empty() || !offered.is_empty() {
                    div {
                        dt { (language.pick("Version", "版本")) }
                        dd {
                            (foreign(if instance.version.is_empty() { "–" } else { &instance.version }))
                            @if !offered.is_empty() && offered != instance.version {
                                " → " strong { (foreign(offered)) } " "
                                (language.pick("(available)", "(可升级)"))
                                @if !notes.is_empty() { br; (foreign(notes)) }
                            }
                        }
                    }
                }
                @if !instance.requester.is_empty() {
                    div { dt { (language.pick("Last changed by", "最后更改者")) } dd { (instance.requester) } }
                }
                div { dt { (language.pick("Age", "存在时间")) } dd { (age(instance.created, now, language)) } }
            }
            h3 { (language.pick("Parameters", "参数")) }
            (parameters(page.parameters, language))
        }
    }
}

/// The parameters of an instance or a binding.
pub fn parameters(parameters: &Parameters, language: Language) -> Markup {
    html! {
        @if parameters.is_empty() {
            p { (language.pick("None: the broker's defaults apply.", "无:使用服务代理的默认值。")) }
        }
        @if parameters.is_too_large {
            p { (language.pick("They are too large to be shown.", "参数过大,无法显示。")) }
        }
        @if !parameters.visible.is_empty() {
            @let text = crate::console::form::to_text(&Value::Object(parameters.visible.clone()));
            (copyable(language.pick("Parameters", "参数"), &text, language))
        }
        @if !parameters.hidden.is_empty() || !parameters.sources.is_empty() {
            ul class="plain" {
                @for name in &parameters.hidden {
                    li { code translate="no" { (name) } ": " (language.pick("hidden", "已隐藏")) }
                }
                @for (secret, key) in &parameters.sources {
                    li {
                        (language.pick("from Secret ", "来自 Secret ")) code translate="no" { (secret) }
                        (language.pick(", key ", ",键 ")) code translate="no" { (key) }
                    }
                }
            }
        }
    }
}

fn sources(page: &InstancePage, language: Language) -> Markup {
    let Instance { name, namespace, .. } = page.instance;
    let read = format!(
        "kubectl get serviceinstance {} --namespace {} --output yaml",
        crate::console::state::quoted(name),
        crate::console::state::quoted(namespace)
    );
    source_section(page.manifest, &read, language)
}

/// An object as YAML, and the command that reads it.
pub fn source_section(manifest: &str, command: &str, language: Language) -> Markup {
    html! {
        details class="section" id="yaml" {
            summary { h2 { (language.pick("YAML and kubectl", "YAML 和 kubectl")) } }
            (copyable(language.pick("Command", "命令"), command, language))
            (copyable("YAML", manifest, language))
        }
    }
}
