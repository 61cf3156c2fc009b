//! A binding: its Secret, the pods that get it, and what can be done.

use crate::console::language::Language;
use crate::console::state::{ConditionLine, Entry, State};
use crate::crd::binding::Restart;
use jiff::Timestamp;
use maud::{Markup, html};

use super::actions::{Offered, toolbar};
use super::instance::{parameters, source_section};
use super::parts::{age, banner, breadcrumbs, conditions, copyable, foreign, relative, state_line, timeline};
use crate::console::request::visit::Visit;
use crate::console::views::binding::{Binding, Consumer, Possession};
use crate::console::views::instance::{self, Parameters};

/// The names of a Secret's entries.
pub enum Keys {
    /// All of them.
    All(Vec<String>),
    /// Those that the operator has recorded; the user may not read the Secret.
    Recorded(Vec<String>),
    /// There is no Secret yet.
    None,
}

/// What the page of a binding needs.
pub struct BindingPage<'a> {
    /// The binding.
    pub binding: &'a Binding,
    /// Its state.
    pub state: &'a State,
    /// What the user may do.
    pub offered: Offered<'a>,
    /// What is in the Secret.
    pub keys: &'a Keys,
    /// The pods that it selects; `None` if it selects none, or if the user may not list pods.
    pub consumers: Option<&'a [Consumer]>,
    /// Its parameters.
    pub parameters: &'a Parameters,
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
pub fn page(page: &BindingPage, visit: &Visit) -> Markup {
    let (language, now, binding) = (visit.language(), page.offered.now, page.binding);
    let list = format!("/ns/{}/instances", binding.namespace);
    let of_instance = instance::address(&binding.namespace, &binding.instance);
    let above = [(list.as_str(), language.pick("Instances", "实例")), (&of_instance, &binding.instance)];
    html! {
        (breadcrumbs(&above, language))
        div class="object-head" {
            div {
                h1 { (binding.name) }
                p class="byline" {
                    (language.pick("Binding of ", "绑定到 ")) a href=(of_instance) { (binding.instance) }
                }
            }
        }
        (state_line(page.state, now, language))
        (toolbar(&page.offered, visit))
        (secret(page, visit))
        (injection(page, language))
        (facts(page, now, language))
        (conditions(page.conditions, now, language))
        (timeline(page.timeline, page.may_read_events, now, language))
        @let command = format!(
            "kubectl get servicebinding {} --namespace {} --output yaml",
            crate::console::state::quoted(&binding.name), crate::console::state::quoted(&binding.namespace)
        );
        (source_section(page.manifest, &command, language))
    }
}

fn secret(page: &BindingPage, visit: &Visit) -> Markup {
    let language = visit.language();
    html! {
        section class="section" aria-labelledby="secret" {
            h2 id="secret" { "Secret " code translate="no" { (page.binding.secret) } }
            @match page.keys {
                Keys::None => p { (language.pick("It does not exist yet.", "尚不存在。")) },
                Keys::Recorded(keys) => {
                    p class="hint" {
                        (language.pick(
                            "Values cannot be revealed, as you lack the right ",
                            "无法显示其值,因为您缺少权限 ",
                        ))
                        code translate="no" { "get secrets" }
                    }
                    ul class="keys" { @for key in keys { li { code translate="no" { (key) } } } }
                },
                Keys::All(keys) => ul class="keys" {
                    @for key in keys { li {
                        code translate="no" { (key) }
                        form method="post" action={ (page.offered.address) "/reveal" } {
                            (visit.token_field())
                            input type="hidden" name="key" value=(key);
                            button class="button small" {
                                (language.pick("Reveal", "显示"))
                                span class="visually-hidden" { ": " (key) }
                            }
                        }
                    } }
                },
            }
        }
    }
}

fn injection(page: &BindingPage, language: Language) -> Markup {
    let binding = page.binding;
    html! {
        section class="section" aria-labelledby="injection" {
            h2 id="injection" { (language.pick("Pods", "Pod")) }
            @if let Some(selector) = &binding.selector {
                dl class="facts" {
                    div {
                        dt { (language.pick("Given to pods with", "提供给 Pod")) }
                        dd { code translate="no" { (selector) } }
                    }
                    div {
                        dt { (language.pick("As files", "文件")) }
                        dd { code translate="no" { "$SERVICE_BINDING_ROOT/" (binding.name) } }
                    }
                    @if !binding.variables.is_empty() || binding.all_variables.is_some() {
                        div {
                            dt { (language.pick("As variables", "环境变量")) }
                            dd {
                                @for (name, key) in &binding.variables {
                                    code translate="no" { (name) } " ← " code translate="no" { (key) } br;
                                }
                                @if let Some(prefix) = &binding.all_variables {
                                    (language.pick("each key, prefix ", "每个键,前缀 "))
                                    code translate="no" { (prefix) }
                                }
                            }
                        }
                    }
                    @if !binding.containers.is_empty() {
                        div {
                            dt { (language.pick("Containers", "容器")) }
                            dd { @for name in &binding.containers { code translate="no" { (name) } " " } }
                        }
                    }
                    div {
                        dt { (language.pick("Restarts", "重启")) }
                        dd { (restarts(binding.restart, language)) }
                    }
                }
                @if let Some(consumers) = page.consumers { (pods(consumers, language)) }
            } @else {
                p {
                    (language.pick(
                        "No pods get the credentials from this binding: it only writes the Secret.",
                        "没有 Pod 从此绑定获得凭据:它仅写入 Secret。",
                    ))
                }
            }
        }
    }
}

fn restarts(restart: Restart, language: Language) -> &'static str {
    match restart {
        Restart::Always => language.pick("whenever pods lack the current credentials", "Pod 缺少当前凭据时"),
        Restart::OnRotation => language.pick("after a rotation", "轮换之后"),
        Restart::Never => language.pick("never", "从不"),
    }
}

fn pods(consumers: &[Consumer], language: Language) -> Markup {
    html! {
        @if consumers.is_empty() {
            p { (language.pick("No pod has these labels now.", "目前没有 Pod 带有这些标签。")) }
        } @else {
            div class="scroll" tabindex="0" role="region" aria-label=(language.pick("Table of the pods", "Pod 表")) {
                table class="objects" {
                    thead { tr {
                        th scope="col" { "Pod" }
                        th scope="col" { (language.pick("Phase", "阶段")) }
                        th scope="col" { (language.pick("Credentials", "凭据")) }
                    } }
                    tbody { @for pod in consumers { tr {
                        th scope="row" { (pod.name) }
                        td { (pod.phase) }
                        td {
                            (possession(pod.possession, language))
                            @if !pod.collision.is_empty() {
                                " · " (language.pick("already defines ", "已定义 ")) (foreign(&pod.collision))
                            }
                        }
                    } } }
                }
            }
        }
    }
}

fn possession(possession: Possession, language: Language) -> Markup {
    let (class, symbol, text) = match possession {
        Possession::Current => ("good", "✓", language.pick("current", "当前")),
        Possession::Former => ("waiting", "◔", language.pick("former", "旧凭据")),
        Possession::None => ("bad", "✕", language.pick("none", "无")),
    };
    html! { span class={ "state " (class) } { span class="symbol" aria-hidden="true" { (symbol) } (text) } }
}

fn facts(page: &BindingPage, now: Timestamp, language: Language) -> Markup {
    let binding = page.binding;
    html! {
        section class="section" aria-labelledby="configuration" {
            h2 id="configuration" { (language.pick("Configuration", "配置")) }
            dl class="facts" {
                @if let Some(issued) = binding.issued {
                    div { dt { (language.pick("Issued", "签发")) } dd { (relative(issued, now, language)) } }
                }
                @if let Some(expires) = binding.expires {
                    div { dt { (language.pick("Expires", "过期")) } dd { (relative(expires, now, language)) } }
                }
                div { dt { (language.pick("Age", "存在时间")) } dd { (age(binding.created, now, language)) } }
            }
            h3 { (language.pick("Parameters", "参数")) }
            (parameters(page.parameters, language))
        }
    }
}

/// The page that shows one value of the Secret. The script hides it again after half a minute.
pub fn revealed(binding: &Binding, key: &str, value: Option<&str>, language: Language) -> Markup {
    let of_instance = instance::address(&binding.namespace, &binding.instance);
    let address = binding.address();
    html! {
        (breadcrumbs(&[(&of_instance, &binding.instance), (&address, &binding.name)], language))
        h1 { (language.pick("Value of ", "值:")) code translate="no" { (key) } }
        @if let Some(value) = value {
            div data-hide-after="30" {
                (copyable(language.pick("Value", "值"), value, language))
            }
            p class="hint" {
                (language.pick(
                    "Leave the page when you have it; with JavaScript it is hidden after 30 seconds.",
                    "使用后请离开此页面;启用 JavaScript 时会在 30 秒后隐藏。",
                ))
            }
        } @else {
            (banner("waiting", &html! { p {
                (language.pick("The value is not text, so it cannot be shown.", "该值不是文本,无法显示。"))
            } }))
        }
        p { a class="button" href=(address) { (language.pick("Hide and go back", "隐藏并返回")) } }
    }
}
