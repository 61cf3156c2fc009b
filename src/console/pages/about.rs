//! Who am I, and what is this?

use crate::console::language::Language;
use maud::{Markup, html};

use super::parts::copyable;
use crate::console::request::visit::Visit;

/// What the user may do in the namespace: a sentence for each right, and whether they have it.
pub type RightsShown<'a> = &'a [(&'static str, bool)];

/// The page.
pub fn page(visit: &Visit, rights: RightsShown, language: Language) -> Markup {
    html! {
        h1 { (language.pick("About", "关于")) }
        section class="section" aria-labelledby="you" {
            h2 id="you" { (language.pick("You", "您")) }
            dl class="facts" {
                div { dt { (language.pick("User", "用户")) } dd { (visit.user.name) } }
                @if !visit.user.groups.is_empty() {
                    div {
                        dt { (language.pick("Groups", "用户组")) }
                        dd {
                            @for group in visit.user.groups.iter().take(50) { code translate="no" { (group) } " " }
                        }
                    }
                }
                div { dt { (language.pick("Cluster", "集群")) } dd { (visit.console.cluster_name) } }
                div { dt { (language.pick("Namespace", "名字空间")) } dd { (visit.namespace) } }
            }
            h3 { (language.pick("Your rights in this namespace", "您在此名字空间的权限")) }
            ul class="plain" {
                @for (right, is_granted) in rights {
                    li {
                        span class={ "state " (if *is_granted { "good" } else { "neutral" }) } {
                            span class="symbol" aria-hidden="true" { (if *is_granted { "✓" } else { "–" }) }
                            @let (yes, no) = language.pick(("yes: ", "no: "), ("有:", "无:"));
                            span class="visually-hidden" { (if *is_granted { yes } else { no }) }
                            code translate="no" { (right) }
                        }
                    }
                }
            }
        }
        section class="section" aria-labelledby="console" {
            h2 id="console" { (language.pick("This console", "此控制台")) }
            p { (language.pick("Version ", "版本 ")) (env!("CARGO_PKG_VERSION")) }
            p {
                (language.pick(
                    "The console has no rights of its own: every request to the cluster is made as you.",
                    "控制台自身没有任何权限:对集群的每个请求都以您的身份发出。",
                ))
            }
            (copyable(language.pick("Who am I?", "我是谁?"), "kubectl auth whoami", language))
        }
    }
}
