//! What is around every page: masthead, navigation, and the choice of language and colours.

use crate::console::language::Language;
use maud::{DOCTYPE, Markup, html};

use crate::console::access::Mode;
use crate::console::answer::assets;
use crate::console::answer::page::{Page, Section};
use crate::console::request::Console;
use crate::console::request::setting::{Setting, Theme};
use crate::console::request::visit::Visit;
use crate::console::views::live::Live;

/// The page with everything around it.
pub fn render(console: &Console, setting: &Setting, visit: Option<&Visit>, page: &Page) -> Markup {
    let language = setting.language;
    let is_live = visit.is_some() && page.status.is_success() && Live::of(&setting.path).is_some();
    html! {
        (DOCTYPE)
        html lang=(language.tag()) data-theme=(setting.theme.as_str()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(address) = &page.refresh {
                    meta http-equiv="refresh" content=(format!("0; url={address}"));
                }
                title { (page.title) " · " (product(language)) }
                link rel="stylesheet" href=(assets::address("style.css"));
                link rel="icon" type="image/svg+xml" href=(assets::address("mark.svg"));
                script src=(assets::address("script.js")) defer {}
            }
            body data-copied=(language.pick("Copied", "已复制")) {
                a class="skip" href="#main" { (language.pick("Skip to content", "跳到内容")) }
                (masthead(console, setting, visit))
                div class="shell" {
                    @if let Some(visit) = visit { (navigation(visit, page.section)) }
                    main id="main" tabindex="-1" data-live[is_live] { (page.content) }
                }
                @if is_live { (staleness(setting)) }
                p class="visually-hidden" id="announcement" role="status" {}
            }
        }
    }
}

/// Without the script, a page is brought up to date by a link; with it, the page says when it cannot do so by itself.
fn staleness(setting: &Setting) -> Markup {
    let language = setting.language;
    html! {
        noscript { p class="refresh" { a href=(setting.address()) { (language.pick("Refresh", "刷新")) } } }
        p class="refresh" id="stale" hidden {
            (language.pick("This page is not up to date: the console does not answer.", "此页面不是最新的:控制台无响应。"))
        }
    }
}

fn product(language: Language) -> &'static str {
    language.pick("Service Catalog", "服务目录")
}

fn masthead(console: &Console, setting: &Setting, visit: Option<&Visit>) -> Markup {
    let language = setting.language;
    html! {
        header class="masthead" {
            a class="brand" href="/catalog" {
                img src=(assets::address("mark.svg")) alt="" width="28" height="28";
                span { (product(language)) }
            }
            @if let Some(visit) = visit {
                dl class="context" {
                    div { dt { (language.pick("Cluster", "集群")) } dd { (console.cluster_name) } }
                    div {
                        dt { (language.pick("Namespace", "名字空间")) }
                        dd {
                            a href="/namespaces" {
                                (visit.namespace)
                                span class="visually-hidden" { (language.pick(": change", ":更改")) }
                            }
                        }
                    }
                    div { dt { (language.pick("User", "用户")) } dd { (visit.user.name) } }
                }
            }
            (menu(console, setting, visit))
        }
    }
}

fn menu(console: &Console, setting: &Setting, visit: Option<&Visit>) -> Markup {
    let language = setting.language;
    html! {
        details class="menu" {
            summary { (language.pick("Settings", "设置")) }
            div class="menu-panel" {
                h2 id="menu-language" { (language.pick("Language", "语言")) }
                ul aria-labelledby="menu-language" {
                    @for other in Language::ALL {
                        li {
                            a href=(setting.in_language(other)) lang=(other.tag()) hreflang=(other.tag())
                                aria-current=[(other == language).then_some("true")] { (other.name()) }
                        }
                    }
                }
                h2 id="menu-theme" { (language.pick("Colours", "配色")) }
                ul aria-labelledby="menu-theme" {
                    @for theme in Theme::ALL {
                        li {
                            a href=(setting.in_theme(theme))
                                aria-current=[(theme == setting.theme).then_some("true")] {
                                (theme_name(theme, language))
                            }
                        }
                    }
                }
                @let has_session = !matches!(console.access.mode(), Mode::ProxyHeader(_));
                @if let Some(visit) = visit.filter(|_| has_session) {
                    form method="post" action="/logout" {
                        (visit.token_field())
                        button class="button plain" { (language.pick("Log out", "退出登录")) }
                    }
                }
            }
        }
    }
}

fn theme_name(theme: Theme, language: Language) -> &'static str {
    match theme {
        Theme::Auto => language.pick("As the system", "跟随系统"),
        Theme::Light => language.pick("Light", "浅色"),
        Theme::Dark => language.pick("Dark", "深色"),
    }
}

fn navigation(visit: &Visit, current: Option<Section>) -> Markup {
    let language = visit.language();
    let entries = [
        (Section::Catalog, "/catalog".to_owned(), language.pick("Catalog", "目录")),
        (
            Section::Instances,
            format!("/ns/{}/instances", visit.namespace),
            language.pick("Instances", "实例"),
        ),
        (Section::Brokers, "/brokers".to_owned(), language.pick("Brokers", "服务代理")),
        (Section::About, "/about".to_owned(), language.pick("About", "关于")),
    ];
    html! {
        nav class="navigation" aria-label=(language.pick("Main", "主导航")) {
            ul {
                @for (section, address, name) in entries {
                    li {
                        @let is_current = current == Some(section);
                        a href=(address) aria-current=[is_current.then_some("page")] { (name) }
                    }
                }
            }
        }
    }
}
