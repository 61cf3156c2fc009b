//! `GET /ns/{namespace}/instances/{name}/edit` shows the form for another plan and other parameters; `POST` shows it
//! again, shows the review, or changes the instance. `drafting` says how the review carries secrets.
//!
//! The change is a JSON patch: a merge patch could not replace a parameter that is an object. It is made only if the
//! spec is the one that the user has seen, by its generation. The resource version would be too strict: it changes
//! whenever the operator writes the status.

mod change;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::console::form::{Existing, Form as ParameterForm, Submission, pointer_to};
use crate::console::kube_api::attempt;
use crate::crd::{GROUP, ServiceInstance};
use axum::Extension;
use axum::extract::Path;
use axum::response::Response;
use maud::Markup;
use serde_json::Map;

use super::class::class_with_plans;
use super::drafting::{Shown, answer, create_form, entered, lacking_right, opened, sealed, secrets_refused};
use super::permitted::existing;
use crate::console::answer::failure::{Attempt, Failure};
use crate::console::answer::page::Section;
use crate::console::pages::instance_form::{CHANGE, CONFIRM, DRAFT, FormPage, GENERATION, SHOWN_PLAN, STEP};
use crate::console::pages::parts::breadcrumbs;
use crate::console::pages::problems::Problems;
use crate::console::request::form::Form;
use crate::console::request::visit::{Visit, Visiting};
use crate::console::views::draft::Draft;
use crate::console::views::edited_instance::Edited;
use crate::console::views::instance::{self, Instance};
use crate::console::views::offering::Offering;
use crate::console::views::parameter_check::{Candidate, problems as parameter_problems};
use crate::console::views::plan::Plan;

/// An instance, and what it can become, for this user.
struct Editing {
    visit: Arc<Visit>,
    namespace: String,
    name: String,
    object: ServiceInstance,
    /// `None` if there is no such class any more, or if the user may not read it.
    class: Option<Offering>,
    /// The plans to choose from, the current one included.
    plans: Vec<Plan>,
    /// The Kubernetes name of the current plan; empty if the operator has not found it yet.
    current: String,
    lacks_right: Option<Attempt>,
}

/// Shows the form.
pub async fn show(
    Extension(visit): Visiting,
    Path((namespace, name)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let editing = Editing::read(&visit, namespace, name).await?;
    let parameters = editing.parameter_form(&editing.current);
    let edited = editing.edited(&parameters);
    let filled = parameters.fill(&edited.existing);
    let draft = Draft {
        plan: editing.current.clone(),
        // As before: the instance has parameters, but none in its spec.
        keeps_all_in_secret: edited.inline.is_empty() && edited.sources.has_own(),
        generation: edited.generation,
        ..Draft::default()
    };
    let problems = Problems::default();
    Ok(editing.show_form(Shown { draft: &draft, filled, sealed: "", is_reset: false, problems }))
}

/// Reads what was sent, and goes on from there.
pub async fn submit(
    Extension(visit): Visiting,
    Path((namespace, name)): Path<(String, String)>,
    Extension(form): Extension<Form>,
) -> Result<Response, Failure> {
    let editing = Editing::read(&visit, namespace, name).await?;
    match (form.value(STEP), opened(&visit, &form)) {
        (CONFIRM, Ok(Some(draft))) => editing.change(&draft).await,
        (CHANGE, Ok(Some(draft))) => editing.show_draft(&draft, Problems::default()),
        (_, earlier) => editing.read_form(&form, earlier).await,
    }
}

impl Editing {
    async fn read(visit: &Arc<Visit>, namespace: String, name: String) -> Result<Self, Failure> {
        let object: ServiceInstance = visit.cluster.get(Some(&namespace), &name).await?;
        let rights = visit.cluster.rights(&namespace).await;
        if !rights.may("patch", GROUP, "serviceinstances", &name).await {
            let attempt = attempt::<ServiceInstance>("patch", Some(&namespace), Some(&name));
            return Err(Failure::Refused(attempt, String::new()));
        }
        let resolved = Instance::of(&object).resolved;
        let found = match &resolved {
            Some(resolved) => existing(class_with_plans(visit, &resolved.scope, &resolved.class).await)?,
            None => None,
        };
        let (class, plans) = found.map_or((None, None), |(class, plans)| (Some(class), plans));
        let current = resolved.map(|resolved| resolved.plan).unwrap_or_default();
        let mut plans = plans.unwrap_or_default();
        let is_fixed = plans.iter().any(|plan| plan.name == current && !plan.updatable);
        plans.retain(|plan| plan.name == current || !plan.is_withdrawn && !is_fixed);
        let lacks_right = lacking_right(&rights, &namespace).await;
        let visit = Arc::clone(visit);
        Ok(Self { visit, namespace, name, object, class, plans, current, lacks_right })
    }

    fn plan(&self, name: &str) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.name == name)
    }

    /// The form of a plan. A plan without a schema for changes gets a box for YAML.
    fn parameter_form(&self, plan: &str) -> ParameterForm {
        let plan = self.plan(plan);
        let schema = plan.and_then(|plan| plan.update_schema.as_ref());
        ParameterForm::of(schema, plan.and_then(|plan| plan.update_hints.as_ref()))
    }

    /// What the form of a plan may show. A parameter that is secret when the instance is created is so later.
    fn edited(&self, parameters: &ParameterForm) -> Edited {
        let of_creation = create_form(self.class.as_ref(), self.plan(&self.current));
        Edited::of(&self.object, &[parameters, &of_creation])
    }

    /// What the form is filled in with: the draft, or else the instance. It has the names of all parameters whose
    /// values are not shown.
    fn existing(edited: &Edited, draft: Option<&Draft>) -> Existing {
        draft.map_or_else(|| edited.existing.clone(), Draft::existing)
    }

    /// Reads the form; shows it again, or the review.
    async fn read_form(
        &self,
        form: &Form,
        earlier: Result<Option<Draft>, Problems>,
    ) -> Result<Response, Failure> {
        let mut draft = entered(form)?;
        draft.name.clone_from(&self.name);
        draft.generation = form.value(GENERATION).parse().unwrap_or_default();
        if self.plan(&draft.plan).is_none() {
            draft.plan.clone_from(&self.current);
        }
        let parameters = self.parameter_form(&draft.plan);
        let edited = self.edited(&parameters);
        if draft.plan != form.value(SHOWN_PLAN) {
            let filled = parameters.fill(&edited.existing);
            let problems = Problems::default();
            return Ok(self.show_form(Shown { draft: &draft, filled, sealed: "", is_reset: true, problems }));
        }
        let (earlier, lost) = match earlier {
            Ok(earlier) => (earlier, Problems::default()),
            Err(lost) => (None, lost),
        };
        let existing = Self::existing(&edited, earlier.as_ref());
        let sealed = if earlier.is_some() { form.value(DRAFT) } else { "" };
        let (filled, problems) = match parameters.read(form.fields(), &existing, self.visit.language()) {
            Submission::Complete(_, parsed) if parsed.problems.is_empty() && lost.is_empty() => {
                return self.review(&draft.with_parameters(parsed, earlier.as_ref())).await;
            }
            Submission::Changed(filled) | Submission::Complete(filled, _) => (filled, lost),
        };
        Ok(self.show_form(Shown { draft: &draft, filled, sealed, is_reset: false, problems }))
    }

    /// What is wrong with a draft, as far as the console can tell.
    fn problems_of(&self, draft: &Draft, edited: &Edited) -> Problems {
        let defaults =
            self.object.status.as_ref().and_then(|status| status.default_provision_parameters.as_ref());
        let none = Map::new();
        let candidate = Candidate {
            defaults: [&none, defaults.unwrap_or(&none)],
            inline: &edited.inline_after(draft),
            secrets: &draft.confidential(),
            unknown: &edited.unknown(draft),
        };
        let schema = self.plan(&draft.plan).and_then(|plan| plan.update_schema.as_ref());
        let mut parameters = parameter_problems(&candidate, schema);
        let language = self.visit.language();
        parameters.extend(edited.out_of_reach(draft).into_iter().map(|name| {
            crate::console::form::Problem {
            pointer: pointer_to("", &name),
            message: language
                .pick(
                    "This parameter comes from a Secret that the console did not create. Change it there.",
                    "此参数来自并非由控制台创建的 Secret。请在该处修改。",
                )
                .to_owned(),
        }
        }));
        let parameters = Problems { parameters, ..Problems::default() };
        parameters.and(secrets_refused(draft, self.lacks_right.as_ref()))
    }

    /// The instance has changed since the user has seen it.
    fn outdated(&self, draft: &Draft) -> Result<Response, Failure> {
        let draft =
            Draft { generation: self.object.metadata.generation.unwrap_or_default(), ..draft.clone() };
        let english = "The instance has changed meanwhile. Your entries are still here: compare them with the \
                       instance, then review them again.";
        let chinese = "该实例已被更改。您输入的内容仍然保留:请与实例对照后重新检查。";
        self.show_draft(&draft, Problems::text(self.visit.language().pick(english, chinese)))
    }

    /// The form with what a draft has. Its secrets are not shown, but carried along.
    fn show_draft(&self, draft: &Draft, problems: Problems) -> Result<Response, Failure> {
        let parameters = self.parameter_form(&draft.plan);
        let filled = parameters.fill(&draft.existing()).with_problems(problems.parameters.clone());
        let sealed = sealed(&self.visit, draft)?;
        Ok(self.show_form(Shown { draft, filled, sealed: &sealed, is_reset: false, problems }))
    }

    fn show_form(&self, shown: Shown) -> Response {
        let language = self.visit.language();
        let Shown { draft, filled, sealed, is_reset, problems } = shown;
        let title = language.pick(format!("Edit {}", self.name), format!("编辑 {}", self.name));
        let content = FormPage {
            title: &title,
            breadcrumbs: self.breadcrumbs(),
            class: self.class.as_ref(),
            plans: &self.plans,
            plan: self.plan(&draft.plan),
            name: &self.name,
            generation: Some(draft.generation),
            keeps_all_in_secret: draft.keeps_all_in_secret,
            lacks_right: self.lacks_right.as_ref(),
            parameters: &filled,
            is_reset,
            problems: &problems,
            draft: sealed,
            action: &self.action(),
            back: &self.address(),
        };
        answer(Section::Instances, &content, &self.visit)
    }

    fn breadcrumbs(&self) -> Markup {
        let language = self.visit.language();
        let list = format!("/ns/{}/instances", self.namespace);
        breadcrumbs(&[(&list, language.pick("Instances", "实例")), (&self.address(), &self.name)], language)
    }

    fn address(&self) -> String {
        instance::address(&self.namespace, &self.name)
    }

    fn action(&self) -> String {
        format!("{}/edit", self.address())
    }
}
