//! The page that asks before a deletion: what follows, and what happens to bindings and service.

use crate::console::language::Language;
use crate::console::state::{Consequences, DeletionPolicy};
use maud::{Markup, html};

use super::actions::Offered;
use super::parts::{breadcrumbs, copyable};
use crate::console::request::visit::Visit;

/// The form field with the policy.
pub const POLICY: &str = "policy";
/// The form field with the typed name.
pub const NAME: &str = "name";

/// What the page needs.
pub struct DeletionPage<'a> {
    /// The object.
    pub offered: Offered<'a>,
    /// What follows, for each policy that can be chosen. One entry: there is nothing to choose.
    pub choices: &'a [Consequences],
    /// The policy that is chosen at first.
    pub chosen: DeletionPolicy,
    /// Whether the name has to be typed.
    pub must_type_name: bool,
    /// Whether it was typed wrongly.
    pub is_name_wrong: bool,
    /// The command lines that do the same, for each choice.
    pub commands: &'a [String],
}

/// The value of a policy in the form.
pub fn value(policy: DeletionPolicy) -> &'static str {
    match policy {
        DeletionPolicy::Wait => "wait",
        DeletionPolicy::Cascade => "cascade",
        DeletionPolicy::Retain => "retain",
    }
}

/// The page.
pub fn page(page: &DeletionPage, visit: &Visit) -> Markup {
    let language = visit.language();
    let (name, address) = (page.offered.subject.name(), page.offered.address);
    html! {
        (breadcrumbs(&[(address, name)], language))
        h1 { (language.pick("Delete ", "删除 ")) (name) (language.pick("?", "?")) }
        form method="post" action={ (address) "/delete" } {
            (visit.token_field())
            @match page.choices {
                [only] => (sentences(only, language)),
                choices => fieldset class="choices" {
                    legend { (language.pick("What happens to bindings and service", "绑定和服务的处理方式")) }
                    @for choice in choices { (option(choice, page.chosen, language)) }
                },
            }
            @if page.must_type_name { (name_field(name, page.is_name_wrong, language)) }
            div class="toolbar" {
                button class="button danger" { (language.pick("Delete", "删除")) }
                a class="button" href=(address) { (language.pick("Cancel", "取消")) }
            }
        }
        (copyable(language.pick("The same with kubectl", "等效的 kubectl 命令"), &script(page, language), language))
    }
}

/// The command lines. If there is a choice, a comment names it.
fn script(page: &DeletionPage, language: Language) -> String {
    let named = |(choice, command): (&Consequences, &String)| match page.choices {
        [_] => command.clone(),
        _ => format!("# {}\n{command}", policy_name(choice.policy, language)),
    };
    page.choices.iter().zip(page.commands).map(named).collect::<Vec<_>>().join("\n\n")
}

fn option(choice: &Consequences, chosen: DeletionPolicy, language: Language) -> Markup {
    let value = value(choice.policy);
    html! {
        div class="choice" {
            label {
                input type="radio" name=(POLICY) value=(value) checked[choice.policy == chosen]
                    aria-describedby={ "policy-" (value) };
                (policy_name(choice.policy, language))
            }
            div id={ "policy-" (value) } { (sentences(choice, language)) }
        }
    }
}

fn policy_name(policy: DeletionPolicy, language: Language) -> &'static str {
    match policy {
        DeletionPolicy::Wait => language.pick("Wait until the bindings are deleted", "等待绑定被删除"),
        DeletionPolicy::Cascade => language.pick("Delete the bindings as well", "同时删除绑定"),
        DeletionPolicy::Retain => language.pick("Keep the service at the broker", "在服务代理上保留服务"),
    }
}

fn sentences(consequences: &Consequences, language: Language) -> Markup {
    html! {
        ul class="consequences" { @for sentence in consequences.sentences(language) { li { (sentence) } } }
    }
}

fn name_field(name: &str, is_wrong: bool, language: Language) -> Markup {
    html! {
        div class="field" {
            label for="name" {
                (language.pick("Type the name to confirm: ", "请输入名称以确认:")) strong { (name) }
            }
            input id="name" name=(NAME) required autocomplete="off" spellcheck="false"
                aria-invalid=[is_wrong.then_some("true")]
                aria-describedby=[is_wrong.then_some("name-problem")];
            @if is_wrong {
                p class="problem" id="name-problem" role="alert" {
                    (language.pick("This is not the name.", "名称不正确。"))
                }
            }
        }
    }
}
