//! `GET /ns/{namespace}/new?class=…&plan=…` shows the form for a new instance; `POST` shows it again, shows the review,
//! or creates the instance. `drafting` says how the review carries secrets.

mod objects;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::console::form::Submission;
use crate::console::kube_api::attempt;
use crate::crd::{ClusterServicePlan, GROUP, ServiceInstance};
use axum::Extension;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use maud::Markup;

use super::class::class_with_plans;
use super::drafting::{
    Shown, answer, create_form, entered, lacking_right, opened, query_parameter, sealed, secrets_refused,
    unfinished,
};
use crate::console::access::suffix;
use crate::console::answer::failure::{Attempt, Failure};
use crate::console::answer::page::Section;
use crate::console::pages::class::new_instance_address;
use crate::console::pages::instance_form::{CHANGE, CONFIRM, DRAFT, FormPage, SHOWN_PLAN, STEP};
use crate::console::pages::parts::breadcrumbs;
use crate::console::pages::problems::Problems;
use crate::console::request::form::Form;
use crate::console::request::visit::{Visit, Visiting};
use crate::console::views::draft::Draft;
use crate::console::views::new_instance::{MAX_NAME_BYTES, is_valid_name, proposed_name};
use crate::console::views::offering::{Offering, Scope};
use crate::console::views::parameter_check::{Candidate, problems as parameter_problems};
use crate::console::views::plan::Plan;

/// What a new instance can be, for this user.
struct Creation {
    visit: Arc<Visit>,
    namespace: String,
    class: Offering,
    /// The plans that are offered.
    plans: Vec<Plan>,
    lacks_right: Option<Attempt>,
}

/// Shows the form.
pub async fn show(Extension(visit): Visiting, Path(namespace): Path<String>) -> Result<Response, Failure> {
    let Some(creation) = Creation::read(&visit, namespace).await? else {
        return Ok(Redirect::to("/catalog").into_response());
    };
    let suffix = suffix()?;
    let name = proposed_name(&creation.class.external_name, &suffix);
    let wanted = query_parameter(&visit, "plan").unwrap_or_default();
    let is_missing = !wanted.is_empty() && creation.plan(&wanted).is_none();
    let first = creation.plans.first().map(|plan| plan.name.clone()).unwrap_or_default();
    let plan = if wanted.is_empty() || is_missing { first } else { wanted };
    let problems =
        if is_missing || creation.plans.is_empty() { creation.vanished() } else { Problems::default() };
    creation.show_draft(&Draft { name, plan, suffix, ..Draft::default() }, false, problems)
}

/// Reads what was sent, and goes on from there.
pub async fn submit(
    Extension(visit): Visiting,
    Path(namespace): Path<String>,
    Extension(form): Extension<Form>,
) -> Result<Response, Failure> {
    let Some(creation) = Creation::read(&visit, namespace).await? else { return Err(Failure::NotFound) };
    match (form.value(STEP), opened(&visit, &form)) {
        (CONFIRM, Ok(Some(draft))) => creation.create(&draft).await,
        (CHANGE, Ok(Some(draft))) => creation.show_draft(&draft, false, Problems::default()),
        (CONFIRM | CHANGE, Err(lost)) => {
            let plan = creation.plans.first().map(|plan| plan.name.clone()).unwrap_or_default();
            creation.show_draft(&Draft { plan, ..entered(&form)? }, false, lost)
        }
        (_, earlier) => creation.read_form(&form, earlier).await,
    }
}

impl Creation {
    /// Reads the class that the address names; `None` if it names none.
    async fn read(visit: &Arc<Visit>, namespace: String) -> Result<Option<Self>, Failure> {
        let Some(class) = query_parameter(visit, "class") else { return Ok(None) };
        let (scope, name) = class.split_once('/').ok_or(Failure::NotFound)?;
        let scope = Scope::of_segment(scope).ok_or(Failure::NotFound)?;
        if scope.namespace().is_some_and(|place| place != namespace) {
            return Err(Failure::NotFound);
        }
        let (class, plans) = class_with_plans(visit, &scope, name).await?;
        let rights = visit.cluster.rights(&namespace).await;
        let refusal = |attempt| Failure::Refused(attempt, String::new());
        let place = Some(namespace.as_str());
        if !rights.may("create", GROUP, "serviceinstances", "").await {
            return Err(refusal(attempt::<ServiceInstance>("create", place, None)));
        }
        let plans = plans.ok_or_else(|| refusal(attempt::<ClusterServicePlan>("list", place, None)))?;
        let is_offered = |plan: &Plan| !plan.is_withdrawn && !class.is_withdrawn;
        let plans = plans.into_iter().filter(is_offered).collect();
        let lacks_right = lacking_right(&rights, &namespace).await;
        Ok(Some(Self { visit: Arc::clone(visit), namespace, class, plans, lacks_right }))
    }

    fn plan(&self, name: &str) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.name == name)
    }

    fn vanished(&self) -> Problems {
        let english = "The broker does not offer this plan any more. Choose another one.";
        Problems::text(self.visit.language().pick(english, "服务代理不再提供此套餐。请选择其他套餐。"))
    }

    /// Reads the form; shows it again, or the review.
    async fn read_form(
        &self,
        form: &Form,
        earlier: Result<Option<Draft>, Problems>,
    ) -> Result<Response, Failure> {
        let mut draft = entered(form)?;
        if let Ok(Some(earlier)) = &earlier {
            // The same keys of the Secret, which an earlier attempt may have left.
            draft.suffix.clone_from(&earlier.suffix);
        }
        let shown = form.value(SHOWN_PLAN);
        let Some(plan) = self.plan(&draft.plan) else {
            let plan = self.plans.first().map(|plan| plan.name.clone()).unwrap_or_default();
            return self.show_draft(&Draft { plan, ..draft }, true, self.vanished());
        };
        if plan.name != shown {
            return self.show_draft(&draft, true, Problems::default());
        }
        let (earlier, lost) = match earlier {
            Ok(earlier) => (earlier, Problems::default()),
            Err(lost) => (None, lost),
        };
        let parameters = create_form(Some(&self.class), Some(plan));
        let existing = earlier.as_ref().map(Draft::existing).unwrap_or_default();
        let unchanged = if earlier.is_some() { form.value(DRAFT).to_owned() } else { String::new() };
        let (filled, sealed, problems) =
            match parameters.read(form.fields(), &existing, self.visit.language()) {
                Submission::Changed(filled) => (filled, unchanged, lost),
                Submission::Complete(_, parsed) if parsed.problems.is_empty() && lost.is_empty() => {
                    return self.review(&draft.with_parameters(parsed, earlier.as_ref())).await;
                }
                Submission::Complete(filled, parsed) => {
                    let sealed = unfinished(&self.visit, earlier.as_ref(), &parsed)?;
                    (
                        filled.without_stored(&parsed.secrets),
                        sealed,
                        lost.and(self.name_problems(&draft.name)),
                    )
                }
            };
        Ok(self.show_form(Shown { draft: &draft, filled, sealed: &sealed, is_reset: false, problems }))
    }

    /// What is wrong with a draft, as far as the console can tell.
    fn problems_of(&self, draft: &Draft, plan: &Plan) -> Problems {
        let none = std::collections::BTreeSet::new();
        let candidate = Candidate {
            defaults: [&self.class.defaults, &plan.defaults],
            inline: &draft.inline(),
            secrets: &draft.confidential(),
            unknown: &none,
        };
        let parameters = parameter_problems(&candidate, plan.create_schema.as_ref());
        let parameters = Problems { parameters, ..Problems::default() };
        parameters.and(self.name_problems(&draft.name)).and(secrets_refused(draft, self.lacks_right.as_ref()))
    }

    fn name_problems(&self, name: &str) -> Problems {
        if is_valid_name(name) {
            return Problems::default();
        }
        let language = self.visit.language();
        Problems::of_name(language.pick(
            format!(
                "Use lower-case letters, digits, - and ., at most {MAX_NAME_BYTES}, with a letter or digit at both \
                 ends."
            ),
            format!("请使用小写字母、数字、- 和 .,最多 {MAX_NAME_BYTES} 个字符,首尾须为字母或数字。"),
        ))
    }

    /// The form with what a draft has. Its secrets are not shown, but carried along.
    fn show_draft(&self, draft: &Draft, is_reset: bool, problems: Problems) -> Result<Response, Failure> {
        let parameters = create_form(Some(&self.class), self.plan(&draft.plan));
        let filled = parameters.fill(&draft.existing()).with_problems(problems.parameters.clone());
        let is_empty = draft.confidential().is_empty();
        let sealed = if is_empty { String::new() } else { sealed(&self.visit, draft)? };
        Ok(self.show_form(Shown { draft, filled, sealed: &sealed, is_reset, problems }))
    }

    fn show_form(&self, shown: Shown) -> Response {
        let language = self.visit.language();
        let title = language.pick("New instance", "新建实例");
        let Shown { draft, filled, sealed, is_reset, problems } = shown;
        let content = FormPage {
            title,
            breadcrumbs: self.breadcrumbs(),
            class: Some(&self.class),
            plans: &self.plans,
            plan: self.plan(&draft.plan),
            name: &draft.name,
            generation: None,
            keeps_all_in_secret: draft.keeps_all_in_secret,
            lacks_right: self.lacks_right.as_ref(),
            parameters: &filled,
            is_reset,
            problems: &problems,
            draft: sealed,
            action: &self.action(&draft.plan),
            back: &self.class.address(),
        };
        answer(Section::Catalog, &content, &self.visit)
    }

    fn breadcrumbs(&self) -> Markup {
        let language = self.visit.language();
        let above =
            [("/catalog", language.pick("Catalog", "目录")), (&self.class.address(), &self.class.title)];
        breadcrumbs(&above, language)
    }

    fn action(&self, plan: &str) -> String {
        new_instance_address(&self.namespace, &self.class, Some(plan))
    }
}
