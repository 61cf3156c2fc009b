//! The form for a new instance, and for one that is edited: plan, name, parameters. One page without steps.

use crate::console::form::FilledForm;
use crate::console::language::Language;
use maud::{Markup, html};

use super::class::price;
use super::failure::refusal_sentence;
use super::parts::{foreign, icon};
use super::problems::Problems;
use crate::console::answer::failure::Attempt;
use crate::console::request::visit::Visit;
use crate::console::views::new_instance::MAX_NAME_BYTES;
use crate::console::views::offering::Offering;
use crate::console::views::parameter_secret::secret_name;
use crate::console::views::plan::Plan;

/// The form field with the plan that the user has chosen.
pub const PLAN: &str = "plan";
/// The form field with the plan whose parameters the page shows.
pub const SHOWN_PLAN: &str = "shown-plan";
/// The form field with the name.
pub const NAME: &str = "name";
/// The form field of the checkbox that keeps all parameters in a Secret.
pub const ALL_IN_SECRET: &str = "all-in-secret";
/// The form field with the generation of the edited instance.
pub const GENERATION: &str = "generation";
/// The form field with the sealed draft.
pub const DRAFT: &str = "draft";
/// The form field of the buttons, and their values.
pub const STEP: &str = "step";
/// Shows the parameters of the chosen plan.
pub const SHOW_PLAN: &str = "show-plan";
/// Shows what would be sent.
pub const REVIEW: &str = "review";
/// Sends what was reviewed.
pub const CONFIRM: &str = "confirm";
/// Goes back from the review to the form.
pub const CHANGE: &str = "change";

/// What the page needs.
pub struct FormPage<'a> {
    /// The title of the page.
    pub title: &'a str,
    /// The links to the pages above.
    pub breadcrumbs: Markup,
    /// The class; `None` if the user may not read that of an edited instance.
    pub class: Option<&'a Offering>,
    /// The plans to choose from.
    pub plans: &'a [Plan],
    /// The plan whose parameters are shown.
    pub plan: Option<&'a Plan>,
    /// The name.
    pub name: &'a str,
    /// The generation of an edited instance; `None` for a new one.
    pub generation: Option<i64>,
    /// Whether the user wants all parameters in a Secret.
    pub keeps_all_in_secret: bool,
    /// The right without which no parameter can be kept in a Secret.
    pub lacks_right: Option<&'a Attempt>,
    /// The form of the parameters.
    pub parameters: &'a FilledForm<'a>,
    /// Whether the user has chosen another plan, so that the form has none of the parameters that were entered.
    pub is_reset: bool,
    /// What is wrong.
    pub problems: &'a Problems,
    /// The sealed draft with the secrets that were entered before; may be empty.
    pub draft: &'a str,
    /// Where the form is sent.
    pub action: &'a str,
    /// Where "Cancel" leads.
    pub back: &'a str,
}

/// The hidden field with a sealed draft; nothing if that is empty.
pub fn draft_field(draft: &str) -> Markup {
    html! { @if !draft.is_empty() { input type="hidden" name=(DRAFT) value=(draft); } }
}

/// The page.
pub fn page(page: &FormPage, visit: &Visit) -> Markup {
    let language = visit.language();
    html! {
        (page.breadcrumbs)
        (head(page))
        (page.problems.summary(language))
        (page.parameters.summary(language))
        @if page.is_reset {
            p class="hint-box" role="status" {
                (language.pick(
                    "These are the parameters of the plan that you have chosen.",
                    "以下是您所选套餐的参数。",
                ))
            }
        }
        form method="post" action=(page.action) novalidate {
            (visit.token_field())
            // Enter in a field presses the first submit button.
            button class="visually-hidden" name=(STEP) value=(REVIEW) tabindex="-1" aria-hidden="true" {
                (language.pick("Review", "检查"))
            }
            (draft_field(page.draft))
            @if let Some(generation) = page.generation {
                input type="hidden" name=(GENERATION) value=(generation);
            } @else { (name_section(page, visit)) }
            (plan_section(page, language))
            (parameter_section(page, language))
            div class="toolbar" {
                button class="button primary" name=(STEP) value=(REVIEW) { (language.pick("Review", "检查")) }
                a class="button" href=(page.back) { (language.pick("Cancel", "取消")) }
            }
        }
    }
}

fn head(page: &FormPage) -> Markup {
    html! {
        div class="object-head" {
            @if let Some(class) = page.class { (icon(&class.icon)) }
            div {
                h1 { (page.title) }
                @if let Some(class) = page.class {
                    p class="byline" {
                        (foreign(&class.title))
                        @if !class.summary.is_empty() { " · " (foreign(&class.summary)) }
                    }
                }
            }
        }
    }
}

fn name_section(page: &FormPage, visit: &Visit) -> Markup {
    let language = visit.language();
    let is_wrong = !page.problems.name.is_empty();
    html! {
        section class="section" aria-labelledby="name-title" {
            h2 id="name-title" { (language.pick("Name", "名称")) }
            div class="field grow" {
                label for="name" { (language.pick("Name of the instance", "实例名称")) }
                input id="name" name=(NAME) value=(page.name) required maxlength=(MAX_NAME_BYTES) autocomplete="off"
                    autocapitalize="none" spellcheck="false" aria-invalid=[is_wrong.then_some("true")]
                    aria-describedby=(if is_wrong { "name-problem name-hint" } else { "name-hint" });
                @if is_wrong {
                    div id="name-problem" {
                        @for problem in &page.problems.name { p class="problem" { (problem) } }
                    }
                }
                p class="hint" id="name-hint" {
                    (language.pick(
                        "Lower-case letters, digits, - and . in the namespace ",
                        "小写字母、数字、- 和 .;名字空间:",
                    ))
                    strong { (visit.namespace) }
                }
            }
        }
    }
}

fn plan_section(page: &FormPage, language: Language) -> Markup {
    let shown = page.plan.map_or("", |plan| &plan.name);
    html! {
        section class="section" aria-labelledby="plan-title" {
            h2 id="plan-title" { (language.pick("Plan", "套餐")) }
            input type="hidden" name=(SHOWN_PLAN) value=(shown);
            @match page.plans {
                [] => p {
                    (language.pick("The plan of this instance cannot be changed.", "此实例的套餐无法更改。"))
                },
                [only] if only.name == shown => {
                    input type="hidden" name=(PLAN) value=(only.name);
                    p { strong { (foreign(&only.title)) } }
                    (about(only, language))
                },
                plans => {
                    fieldset class="choices" {
                        legend class="visually-hidden" { (language.pick("Plan", "套餐")) }
                        @for (index, plan) in plans.iter().enumerate() {
                            (option(plan, index, plan.name == shown, language))
                        }
                    }
                    div class="toolbar" {
                        button class="button" name=(STEP) value=(SHOW_PLAN) formnovalidate {
                            (language.pick("Show this plan's parameters", "显示此套餐的参数"))
                        }
                    }
                    p class="hint" {
                        (language.pick(
                            "Each plan has its own parameters. With another plan you enter them again.",
                            "每个套餐有各自的参数。更换套餐后需重新输入。",
                        ))
                    }
                },
            }
        }
    }
}

fn option(plan: &Plan, index: usize, is_chosen: bool, language: Language) -> Markup {
    let id = format!("about-plan-{index}");
    html! {
        div class="choice" {
            label {
                input type="radio" name=(PLAN) value=(plan.name) checked[is_chosen] required aria-describedby=(id);
                (foreign(&plan.title))
            }
            div id=(id) { (about(plan, language)) }
        }
    }
}

fn about(plan: &Plan, language: Language) -> Markup {
    html! {
        p class="price" { (price(plan, language)) }
        @if !plan.summary.is_empty() { p class="hint" { (foreign(&plan.summary)) } }
    }
}

fn parameter_section(page: &FormPage, language: Language) -> Markup {
    html! {
        section class="section" aria-labelledby="parameters-title" {
            h2 id="parameters-title" { (language.pick("Parameters", "参数")) }
            (page.parameters.render(language))
            @if let Some(attempt) = page.lacks_right {
                p class="hint-box" {
                    (language.pick(
                        "Parameters cannot be kept in a Secret, so you cannot enter passwords here. ",
                        "参数无法保存在 Secret 中,因此无法在此输入密码。",
                    ))
                    (refusal_sentence(attempt, language))
                }
            } @else {
                label class="check" {
                    input type="checkbox" name=(ALL_IN_SECRET) value="yes" checked[page.keeps_all_in_secret]
                        aria-describedby="all-in-secret-hint";
                    (language.pick("Keep all parameters in a Secret", "将所有参数保存在 Secret 中"))
                }
                p class="hint" id="all-in-secret-hint" {
                    @let secret = secret_name(page.name);
                    (language.pick(
                        format!("Passwords and the like go to the Secret {secret} anyway. Whoever may read the \
                            instance sees the others, unless you keep all of them there."),
                        format!("密码等始终保存在 Secret {secret} 中。可读取实例的人能看到其他参数,除非全部保存在该处。"),
                    ))
                }
            }
        }
    }
}
