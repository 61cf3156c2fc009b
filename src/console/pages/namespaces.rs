//! The choice of the namespace.

use crate::console::language::Language;
use maud::{Markup, html};

/// The page. `namespaces` is `None` if the user may not list them: then the name is typed.
pub fn page(namespaces: Option<&[String]>, current: &str, language: Language) -> Markup {
    html! {
        h1 { (language.pick("Choose a namespace", "选择名字空间")) }
        form class="filters" method="get" action="/namespaces/choose" {
            div class="field" {
                label for="namespace" { (language.pick("Name", "名称")) }
                input id="namespace" name="namespace" value=(current) required maxlength="63"
                    pattern="[a-z0-9]([\\-a-z0-9]*[a-z0-9])?" autocomplete="off" spellcheck="false"
                    list=[namespaces.map(|_| "namespaces")];
                @if let Some(names) = namespaces {
                    datalist id="namespaces" { @for name in names { option value=(name) {} } }
                }
            }
            button class="button primary" { (language.pick("Open", "打开")) }
        }
        @if let Some(names) = namespaces {
            ul class="names" {
                @for name in names {
                    li {
                        @let is_current = name == current;
                        a href={ "/ns/" (name) "/instances" } aria-current=[is_current.then_some("true")] {
                            (name)
                        }
                    }
                }
            }
        } @else {
            p class="hint" {
                (language.pick("You may not list namespaces, so type the name of yours. It is remembered.",
                    "您无权列出名字空间,请输入名称,系统会记住它。"))
            }
        }
    }
}
