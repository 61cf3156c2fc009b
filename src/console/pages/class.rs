//! A class: what it is, its plans side by side, and its instances in the namespace.

use crate::console::language::Language;
use jiff::Timestamp;
use maud::{Markup, html};
use url::form_urlencoded;

use super::instances::{Row, table};
use super::parts::{badge, banner, breadcrumbs, empty, foreign, icon, link};
use crate::console::views::metadata::Cost;
use crate::console::views::offering::Offering;
use crate::console::views::plan::Plan;

/// The plans whose parameters are described, of each as many as a form has: the others' forms describe theirs.
const MAX_TABLES: usize = 20;

/// What the page of a class needs.
pub struct ClassPage<'a> {
    /// The class.
    pub class: &'a Offering,
    /// Its plans.
    pub plans: &'a [Plan],
    /// Whether the user may not list plans.
    pub plans_refused: bool,
    /// Its instances in the namespace.
    pub instances: &'a [Row],
    /// The namespace.
    pub namespace: &'a str,
    /// Whether the user may create instances in the namespace.
    pub may_create: bool,
}

/// The page.
pub fn page(page: &ClassPage, now: Timestamp, language: Language) -> Markup {
    let class = page.class;
    html! {
        (breadcrumbs(&[("/catalog", language.pick("Catalog", "目录"))], language))
        div class="object-head" {
            (icon(&class.icon))
            div {
                h1 { (foreign(&class.title)) }
                p class="byline" {
                    @if !class.provider.is_empty() { (foreign(&class.provider)) " · " }
                    (language.pick("Broker ", "服务代理 ")) (class.broker) " · "
                    code translate="no" { (class.external_name) }
                }
            }
        }
        @if class.is_withdrawn {
            (banner("bad", &html! { p {
                (language.pick(
                    "The broker does not offer this service any more. Its instances go on; there can be no new ones.",
                    "服务代理不再提供此服务。现有实例继续运行,但无法创建新实例。",
                ))
            } }))
        }
        (about(class, language))
        (plans(page, language))
        @for plan in page.plans.iter().take(MAX_TABLES) { (parameters(plan, language)) }
        (instances(page, now, language))
    }
}

fn about(class: &Offering, language: Language) -> Markup {
    html! {
        div class="about-class" {
            @if !class.summary.is_empty() { p class="lead" { (foreign(&class.summary)) } }
            @for paragraph in &class.paragraphs { p { (foreign(paragraph)) } }
            @if !class.tags.is_empty() {
                ul class="tags" aria-label=(language.pick("Tags", "标签")) {
                    @for tag in &class.tags { li { (badge(tag, "")) } }
                }
            }
            @if class.documentation.is_some() || class.support.is_some() {
                p class="links" {
                    @if let Some(address) = &class.documentation {
                        (link(address, language.pick("Documentation", "文档"))) " "
                    }
                    @if let Some(address) = &class.support { (link(address, language.pick("Support", "支持"))) }
                }
            }
        }
    }
}

fn plans(page: &ClassPage, language: Language) -> Markup {
    html! {
        section class="section" aria-labelledby="plans" {
            h2 id="plans" { (language.pick("Plans", "套餐")) }
            @if page.plans_refused {
                p {
                    (language.pick("You lack the right to list plans: ", "您缺少列出套餐的权限:"))
                    code translate="no" { "list clusterserviceplans.servicecatalog.k8s.io" }
                }
            } @else if page.plans.is_empty() {
                (empty(language.pick("No plans", "没有套餐"), &html! { p {
                    (language.pick("The broker offers no plan of this service.", "服务代理未提供此服务的套餐。"))
                } }))
            }
            ul class="plans" {
                @for (index, plan) in page.plans.iter().enumerate() {
                    li class="card plan" {
                        (one(plan, index, language))
                        (create_link(page, plan, language))
                    }
                }
            }
        }
    }
}

fn one(plan: &Plan, index: usize, language: Language) -> Markup {
    html! {
        h3 id={ "plan-" (index) } { (foreign(&plan.title)) }
        p class="price" { (price(plan, language)) }
        @if !plan.summary.is_empty() { p { (foreign(&plan.summary)) } }
        @if !plan.bullets.is_empty() {
            ul class="bullets" { @for bullet in &plan.bullets { li { (foreign(bullet)) } } }
        }
        p class="badges" {
            @if plan.is_withdrawn { (badge(language.pick("withdrawn", "已撤回"), "bad")) " " }
            @if !plan.bindable { (badge(language.pick("not bindable", "不可绑定"), "")) " " }
            @if plan.updatable { (badge(language.pick("plan can be changed", "可更换套餐"), "")) " " }
            @if !plan.version.is_empty() { (badge(&plan.version, "")) }
        }
    }
}

/// The parameters of a plan, below the cards: a table needs the width of the page.
/// Leads to the form for a new instance of the plan.
fn create_link(page: &ClassPage, plan: &Plan, language: Language) -> Markup {
    let class = page.class;
    let address = new_instance_address(page.namespace, class, Some(&plan.name));
    html! {
        @if page.may_create && !plan.is_withdrawn && !class.is_withdrawn {
            a class="button primary" href=(address) {
                (language.pick("Create", "创建"))
                span class="visually-hidden" { (language.pick(": plan ", ":套餐 ")) (plan.title) }
            }
        }
    }
}

/// The address of the form for a new instance of a class.
pub fn new_instance_address(namespace: &str, class: &Offering, plan: Option<&str>) -> String {
    let address = format!("/ns/{namespace}/new?");
    let start = address.len();
    let mut query = form_urlencoded::Serializer::for_suffix(address, start);
    query.append_pair("class", &format!("{}/{}", class.scope.segment(), class.name));
    if let Some(plan) = plan {
        query.append_pair("plan", plan);
    }
    query.finish()
}

fn parameters(plan: &Plan, language: Language) -> Markup {
    let schema = plan.create_schema.as_ref();
    let rows =
        schema.map(|schema| crate::console::form::parameters_table(schema, language)).unwrap_or_default();
    let title = language.pick(format!("Parameters of {}", plan.title), format!("{} 的参数", plan.title));
    html! {
        @if !rows.is_empty() {
            details class="section" {
                summary { h3 { (foreign(&title)) } }
                div class="scroll" tabindex="0" role="region" aria-label=(title) {
                    (crate::console::form::render_table(&rows, language))
                }
            }
        }
    }
}

/// What a plan costs.
pub fn price(plan: &Plan, language: Language) -> Markup {
    html! {
        @if plan.costs.is_empty() {
            @if plan.free { (language.pick("Free", "免费")) }
            @else { (language.pick("Price on request", "价格另询")) }
        }
        @for cost in &plan.costs { span class="cost" { (amount(cost, language)) } }
    }
}

fn amount(cost: &Cost, language: Language) -> Markup {
    html! {
        strong { (cost.amount) " " (cost.currency) }
        @if let Some(period) = period(&cost.unit, language) { " / " (period) }
        @else if !cost.unit.is_empty() { " / " (foreign(&cost.unit.to_lowercase())) }
    }
}

/// A unit that is a period, which the specification's example calls `MONTHLY`.
fn period(unit: &str, language: Language) -> Option<&'static str> {
    Some(match unit.to_lowercase().as_str() {
        "hour" | "hourly" => language.pick("hour", "小时"),
        "day" | "daily" => language.pick("day", "天"),
        "week" | "weekly" => language.pick("week", "周"),
        "month" | "monthly" => language.pick("month", "月"),
        "year" | "yearly" | "annually" => language.pick("year", "年"),
        _ => return None,
    })
}

fn instances(page: &ClassPage, now: Timestamp, language: Language) -> Markup {
    html! {
        section class="section" aria-labelledby="instances" {
            h2 id="instances" {
                (language.pick("Instances in ", "实例 – ")) (page.namespace)
            }
            @if page.instances.is_empty() {
                p { (language.pick("None of this service yet.", "尚无此服务的实例。")) }
            } @else {
                (table(page.instances, language.pick("Instances of this service", "此服务的实例"), now, language))
            }
        }
    }
}
