//! What would be sent, and what follows from that: the page between the form and the change. It shows no secret, and
//! carries what was entered as a sealed draft.

use maud::{Markup, html};

use super::instance_form::{CHANGE, CONFIRM, DRAFT, STEP};
use super::parts::{banner, copyable, foreign};
use crate::console::request::visit::Visit;

/// What the page needs.
pub struct ReviewPage<'a> {
    /// The title of the page.
    pub title: &'a str,
    /// The links to the pages above.
    pub breadcrumbs: Markup,
    /// What follows, a sentence each.
    pub consequences: &'a [Markup],
    /// The objects or changes, with labels, as YAML.
    pub manifests: &'a [(String, String)],
    /// The commands that do the same.
    pub command: &'a str,
    /// The sealed draft.
    pub draft: &'a str,
    /// What the button says.
    pub confirm: &'a str,
    /// Where the form is sent.
    pub action: &'a str,
    /// Where "Cancel" leads.
    pub back: &'a str,
}

/// The page.
pub fn page(page: &ReviewPage, visit: &Visit) -> Markup {
    let language = visit.language();
    html! {
        (page.breadcrumbs)
        h1 { (page.title) }
        (banner("good", &html! { p {
            (language.pick(
                "The API server would accept this. Nothing was changed yet.",
                "API 服务器会接受此更改。目前尚未做任何更改。",
            ))
        } }))
        section class="section" aria-labelledby="consequences" {
            h2 id="consequences" { (language.pick("What follows", "后果")) }
            ul class="consequences" { @for sentence in page.consequences { li { (sentence) } } }
        }
        form method="post" action=(page.action) {
            (visit.token_field())
            input type="hidden" name=(DRAFT) value=(page.draft);
            div class="toolbar" {
                button class="button primary" name=(STEP) value=(CONFIRM) { (page.confirm) }
                button class="button" name=(STEP) value=(CHANGE) { (language.pick("Back to the form", "返回表单")) }
                a class="button" href=(page.back) { (language.pick("Cancel", "取消")) }
            }
        }
        section class="section" aria-labelledby="sent" {
            h2 id="sent" { (language.pick("What is sent", "发送的内容")) }
            @for (label, manifest) in page.manifests {
                h3 { (label) }
                (copyable(label, manifest, language))
            }
            h3 { (language.pick("The same with kubectl", "等效的 kubectl 命令")) }
            (copyable(language.pick("Command", "命令"), page.command, language))
        }
    }
}

/// A sentence with the price of a plan.
pub fn price_sentence(
    plan: &crate::console::views::plan::Plan,
    language: crate::console::language::Language,
) -> Markup {
    html! {
        @if plan.costs.is_empty() && plan.free {
            (language.pick("The plan ", "套餐 ")) (foreign(&plan.title)) (language.pick(" is free.", " 免费。"))
        } @else if plan.costs.is_empty() {
            (language.pick("The plan ", "套餐 ")) (foreign(&plan.title))
            (language.pick(" costs something; the broker does not say how much.", " 收费;服务代理未说明价格。"))
        } @else {
            (language.pick("The plan ", "套餐 ")) (foreign(&plan.title)) (language.pick(" costs ", " 的费用:"))
            (super::class::price(plan, language))
        }
    }
}
