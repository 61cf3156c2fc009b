//! What the pages to create and to edit an instance, and to bind it, share: drafts, rights, and texts.
//!
//! Between the form and the change is a page for review, and no page may show a secret. So the review carries what was
//! entered as a sealed [`Draft`]: nothing has to be entered twice, the server keeps nothing, and what was reviewed is
//! what is sent. When a form is shown again after that, the secrets that were entered count as stored.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use k8s_openapi::api::core::v1::Secret;
use maud::{Markup, html};
use url::form_urlencoded;

use crate::console::access::suffix;
use crate::console::answer::failure::{Attempt, Failure};
use crate::console::answer::page::{Page, Section};
use crate::console::form::{FilledForm, Parsed};
use crate::console::kube_api::{Rights, attempt};
use crate::console::pages::instance_form::{ALL_IN_SECRET, DRAFT, FormPage, NAME, PLAN, page};
use crate::console::pages::problems::Problems;
use crate::console::request::form::Form;
use crate::console::request::visit::Visit;
use crate::console::views::draft::Draft;
use crate::console::views::offering::Offering;
use crate::console::views::parameter_check::form_schema;
use crate::console::views::plan::Plan;

/// A form as it is shown.
pub struct Shown<'a> {
    /// What was entered, except the parameters.
    pub draft: &'a Draft,
    /// The parameters.
    pub filled: FilledForm<'a>,
    /// The sealed draft with the secrets that the form does not show.
    pub sealed: &'a str,
    /// Whether another plan was chosen, so that the form has none of the parameters that were entered.
    pub is_reset: bool,
    /// What is wrong.
    pub problems: Problems,
}

/// The page with a form. Its status says whether something is wrong.
pub fn answer(section: Section, content: &FormPage, visit: &Visit) -> Response {
    let is_fine = content.problems.is_empty() && !content.parameters.has_problems();
    let status = if is_fine { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Page::new(section, content.title, page(content, visit)).with_status(status).into_response()
}

/// A parameter of a query.
pub fn query_parameter(visit: &Visit, name: &str) -> Option<String> {
    let query = visit.setting.query.as_bytes();
    form_urlencoded::parse(query).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The draft that a page carried. `Err`: it carried one that does not open any more.
pub fn opened(visit: &Visit, form: &Form) -> Result<Option<Draft>, Problems> {
    let sealed = form.value(DRAFT);
    if sealed.is_empty() {
        return Ok(None);
    }
    let draft = visit.open(sealed).and_then(|text| serde_json::from_slice(&text).ok());
    let english =
        "The console was restarted meanwhile, or you have logged in again. Enter the parameters once more.";
    let chinese = "控制台已重新启动,或者您已重新登录。请重新输入参数。";
    draft.map(Some).ok_or_else(|| Problems::text(visit.language().pick(english, chinese)))
}

/// The draft as a page carries it.
pub fn sealed(visit: &Visit, draft: &Draft) -> Result<String, Failure> {
    let text = serde_json::to_vec(draft).map_err(|_| Failure::Internal)?;
    Ok(visit.seal(&text)?)
}

/// The draft of a new object whose form is shown again because of a problem. Secrets that were entered now have to be
/// entered again; those that they replace are not sent instead.
pub fn unfinished(visit: &Visit, earlier: Option<&Draft>, parsed: &Parsed) -> Result<String, Failure> {
    match earlier {
        Some(earlier) => sealed(visit, &earlier.clone().without(&parsed.secrets)),
        None => Ok(String::new()),
    }
}

/// The draft with what the form says, except the parameters.
pub fn entered(form: &Form) -> Result<Draft, Failure> {
    Ok(Draft {
        name: form.value(NAME).trim().to_owned(),
        plan: form.value(PLAN).to_owned(),
        keeps_all_in_secret: !form.value(ALL_IN_SECRET).is_empty(),
        suffix: suffix()?,
        ..Draft::default()
    })
}

/// The right without which the user cannot keep parameters in a Secret: it is created, or changed, and then owned by
/// the instance.
pub async fn lacking_right(rights: &Rights, namespace: &str) -> Option<Attempt> {
    for verb in ["create", "patch"] {
        if !rights.may(verb, "", "secrets", "").await {
            return Some(attempt::<Secret>(verb, Some(namespace), None));
        }
    }
    None
}

/// The form for the parameters of a new instance.
pub fn create_form(class: Option<&Offering>, plan: Option<&Plan>) -> crate::console::form::Form {
    let schema = plan.and_then(|plan| {
        let none = serde_json::Map::new();
        let defaults = [class.map_or(&none, |class| &class.defaults), &plan.defaults];
        plan.create_schema.as_ref().map(|schema| form_schema(schema, defaults))
    });
    crate::console::form::Form::of(schema.as_ref(), plan.and_then(|plan| plan.create_hints.as_ref()))
}

/// The problem that secrets were entered, but may not be kept.
pub fn secrets_refused(draft: &Draft, lacks_right: Option<&Attempt>) -> Problems {
    use crate::console::pages::problems::Whole;
    let refused = lacks_right.filter(|_| !draft.confidential().is_empty());
    Problems { whole: refused.cloned().map(Whole::Refused).into_iter().collect(), ..Problems::default() }
}

/// A sentence about parameters that go to a Secret.
pub fn secret_sentence(names: &[String], secret: &str, visit: &Visit) -> Markup {
    let language = visit.language();
    html! {
        (language.pick("Parameters that go to the Secret ", "保存到 Secret 的参数(")) code translate="no" { (secret) }
        (language.pick(", which is deleted together with the instance: ", ",随实例一起删除):"))
        (name_list(names))
    }
}

/// Names in a row.
pub fn name_list(names: &[String]) -> Markup {
    html! {
        @for (index, name) in names.iter().enumerate() {
            @if index > 0 { ", " }
            code translate="no" { (name) }
        }
    }
}
