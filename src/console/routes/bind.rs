//! `GET /ns/{namespace}/instances/{name}/bind` shows the form for a new binding, `POST` previews or creates it.

mod binding;
mod problem;

use crate::console::form::{
    Existing, FilledForm, Form as Parameters, Problem as ParameterProblem, Submission,
};
use crate::crd::{ServiceBinding, ServiceInstance};
use axum::Extension;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use futures::try_join;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::ResourceExt as _;

use super::act::require;
use super::creation::{Ownership, proposed_name, try_create};
use super::drafting::{opened, sealed, unfinished};
use super::instance::class_and_plan;
use super::permitted::{existing, permitted};
use crate::console::answer::failure::Failure;
use crate::console::answer::page::{Page, Section};
use crate::console::kube_api::{Known, Selection, resource_of};
use crate::console::pages::bind::{self, BUTTON, BindPage, Entered, PREVIEW, Preview, page};
use crate::console::pages::fields::Problem;
use crate::console::pages::instance_form::DRAFT;
use crate::console::request::form::Form;
use crate::console::request::visit::{Visit, Visiting};
use crate::console::state::Action;
use crate::console::views::application::{Application, preview};
use crate::console::views::draft::Draft;
use crate::console::views::instance::Instance;
use crate::console::views::plan::Plan;
use crate::console::views::{binding as binding_view, manifest};
use binding::Desired;

/// What the form depends on.
struct Context {
    namespace: String,
    instance: String,
    plan: Option<Plan>,
    bindings: Vec<ServiceBinding>,
    applications: Vec<Application>,
    /// The resources that the user may not list.
    refused: Vec<String>,
}

/// `namespace` and `name` of the instance.
type Named = Path<(String, String)>;

/// Shows the form.
pub async fn ask(Extension(visit): Visiting, Path((namespace, name)): Named) -> Result<Page, Failure> {
    let object: ServiceInstance = visit.cluster.get(Some(&namespace), &name).await?;
    require(&visit.cluster, &object, Action::Bind).await?;
    let context = Context::read(&visit, namespace, &object).await?;
    let is_free = !context.bindings.iter().any(|binding| {
        binding.metadata.name.as_ref() == Some(&context.instance) || binding.secret_name() == context.instance
    });
    let name = if is_free { context.instance.clone() } else { proposed_name(&context.instance)? };
    let entered = Entered { name, ..Entered::default() };
    let form = context.parameters();
    let form = form.as_ref().map(|form| form.fill(&Existing::default()));
    Ok(context.page(&entered, &Shown { form, ..Shown::default() }, &[], None, &visit))
}

/// Previews or creates the binding.
pub async fn submit(
    Extension(visit): Visiting,
    Path((namespace, name)): Named,
    Extension(fields): Extension<Form>,
) -> Result<Response, Failure> {
    let object: ServiceInstance = visit.cluster.get(Some(&namespace), &name).await?;
    let context = Context::read(&visit, namespace, &object).await?;
    let entered = binding::entered(&fields);
    let form = context.parameters();
    let (draft, mut parameters) = match context.read_parameters(form.as_ref(), &fields, &visit)? {
        Read::Complete(draft, parameters) => (draft, parameters),
        Read::Unfinished(parameters) => {
            return Ok(context.page(&entered, &parameters, &[], None, &visit).into_response());
        }
    };
    let (desired, mut problems) = context.desired(&entered, &draft, visit.language());
    if fields.value(BUTTON) == PREVIEW {
        return context.show_preview(&desired, &entered, &parameters, &problems, &visit).await;
    }
    if problems.is_empty() {
        problems = context.check_names(&desired.binding, &visit).await?;
    }
    if parameters.has_problems() || !problems.is_empty() {
        return Ok(context.refuse(&entered, &parameters, &problems, &visit));
    }
    let secret = desired.secret.map(|secret| (secret, Ownership::OfObject));
    match try_create(&visit.cluster, &desired.binding, secret).await {
        Ok(_) => {
            let address = binding_view::address(&context.namespace, &entered.name);
            Ok(Redirect::to(&address).into_response())
        }
        Err(refused) => {
            let (problems, of_parameters) = problem::of(refused, visit.language())?;
            parameters = parameters.with_problems(of_parameters);
            Ok(context.refuse(&entered, &parameters, &problems, &visit))
        }
    }
}

/// The parameters as a page shows them.
#[derive(Default)]
struct Shown<'a> {
    /// `None` if the plan has no schema for them.
    form: Option<FilledForm<'a>>,
    /// The sealed draft with the secrets that the form does not show.
    sealed: String,
}

impl Shown<'_> {
    fn has_problems(&self) -> bool {
        self.form.as_ref().is_some_and(FilledForm::has_problems)
    }

    fn with_problems(self, problems: Vec<ParameterProblem>) -> Self {
        Self { form: self.form.map(|form| form.with_problems(problems)), ..self }
    }
}

/// What was sent of the parameters.
enum Read<'a> {
    /// All of it, which may have problems.
    Complete(Draft, Shown<'a>),
    /// The user has pressed one of the parameters' own buttons.
    Unfinished(Shown<'a>),
}

impl Context {
    async fn read(visit: &Visit, namespace: String, object: &ServiceInstance) -> Result<Self, Failure> {
        let cluster = &visit.cluster;
        let resolved = Instance::of(object).resolved;
        let mut refused = Vec::new();
        let all = Selection::default();
        let (offering, bindings, deployments, stateful_sets, daemon_sets) = try_join!(
            class_and_plan(visit, resolved.as_ref()),
            async { permitted(cluster.list::<ServiceBinding>(Some(&namespace), &all).await) },
            async { permitted(cluster.list::<Deployment>(Some(&namespace), &all).await) },
            async { permitted(cluster.list::<StatefulSet>(Some(&namespace), &all).await) },
            async { permitted(cluster.list::<DaemonSet>(Some(&namespace), &all).await) },
        )?;
        let deployments = unless_refused(deployments, &mut refused);
        let stateful_sets = unless_refused(stateful_sets, &mut refused);
        let daemon_sets = unless_refused(daemon_sets, &mut refused);
        let applications = (deployments.iter().filter_map(Application::of_deployment))
            .chain(stateful_sets.iter().filter_map(Application::of_stateful_set))
            .chain(daemon_sets.iter().filter_map(Application::of_daemon_set));
        Ok(Self {
            applications: applications.collect(),
            plan: offering.1,
            bindings: bindings.unwrap_or_default(),
            namespace,
            instance: object.name_any(),
            refused,
        })
    }

    /// The form for the parameters, if the plan has a schema for them.
    fn parameters(&self) -> Option<Parameters> {
        let schema = self.plan.as_ref()?.bind_schema.as_ref()?;
        Some(Parameters::of(Some(schema), None))
    }

    /// Reads the parameters. Secrets that were entered before, and that no page shows, come from the draft that it carried.
    fn read_parameters<'a>(
        &self,
        form: Option<&'a Parameters>,
        fields: &Form,
        visit: &Visit,
    ) -> Result<Read<'a>, Failure> {
        let Some(form) = form else { return Ok(Read::Complete(Draft::default(), Shown::default())) };
        let earlier = opened(visit, fields).map_err(|_| Failure::Forged)?;
        let existing = earlier.as_ref().map(Draft::existing).unwrap_or_default();
        let unchanged = fields.value(DRAFT).to_owned();
        let (filled, parsed) = match form.read(fields.fields(), &existing, visit.language()) {
            Submission::Changed(filled) => {
                return Ok(Read::Unfinished(Shown { form: Some(filled), sealed: unchanged }));
            }
            Submission::Complete(filled, parsed) => (filled, parsed),
        };
        if !parsed.problems.is_empty() {
            let sealed = unfinished(visit, earlier.as_ref(), &parsed)?;
            let form = Some(filled.without_stored(&parsed.secrets));
            let draft = Draft::default().with_parameters(parsed, earlier.as_ref());
            return Ok(Read::Complete(draft, Shown { form, sealed }));
        }
        let draft = Draft::default().with_parameters(parsed, earlier.as_ref());
        let filled = form.fill(&draft.existing()).with_problems(self.unfit(&draft));
        let sealed = if draft.secrets.is_empty() { String::new() } else { sealed(visit, &draft)? };
        Ok(Read::Complete(draft, Shown { form: Some(filled), sealed }))
    }

    /// Whether others have the names. That a Secret has, the operator would say only later.
    async fn check_names(&self, binding: &ServiceBinding, visit: &Visit) -> Result<Vec<Problem>, Failure> {
        let (name, language) = (binding.secret_name(), visit.language());
        if self.bindings.iter().any(|other| other.metadata.name == binding.metadata.name) {
            return Ok(vec![problem::name_taken(language)]);
        }
        let is_of_other = self.bindings.iter().any(|other| other.secret_name() == name);
        let found = existing(visit.cluster.get::<Secret>(Some(&self.namespace), name).await)?;
        let is_taken = is_of_other || found.is_some();
        Ok(is_taken.then(|| problem::secret_taken(name, language)).into_iter().collect())
    }

    async fn show_preview(
        &self,
        desired: &Desired,
        entered: &Entered,
        parameters: &Shown<'_>,
        problems: &[Problem],
        visit: &Visit,
    ) -> Result<Response, Failure> {
        let selector = desired.application.as_ref().and_then(Application::labels).unwrap_or_default();
        let mut pods = Some(Vec::new());
        if !selector.is_empty() {
            let selection = Selection::labels(&*selector);
            let found = permitted(visit.cluster.list::<Pod>(Some(&self.namespace), &selection).await)?;
            pods = found.map(|pods| preview(&entered.name, entered.restart, &pods));
        }
        let shown = Preview {
            pods: pods.as_deref(),
            selector: &selector,
            manifest: &manifest::of(&desired.binding, &[]),
        };
        Ok(self.page(entered, parameters, problems, Some(shown), visit).into_response())
    }

    fn refuse(
        &self,
        entered: &Entered,
        parameters: &Shown<'_>,
        problems: &[Problem],
        visit: &Visit,
    ) -> Response {
        let page = self.page(entered, parameters, problems, None, visit);
        page.with_status(StatusCode::UNPROCESSABLE_ENTITY).into_response()
    }

    fn page(
        &self,
        entered: &Entered,
        parameters: &Shown<'_>,
        problems: &[Problem],
        preview: Option<Preview<'_>>,
        visit: &Visit,
    ) -> Page {
        let content = BindPage {
            namespace: &self.namespace,
            instance: &self.instance,
            entered,
            applications: &self.applications,
            refused: &self.refused,
            parameters: parameters.form.as_ref(),
            draft: &parameters.sealed,
            problems,
            preview,
        };
        let title = visit.language().pick("New binding", "新建绑定");
        Page::new(Section::Instances, title, page(&content, visit))
    }
}

/// The objects; none if the user may not list them.
fn unless_refused<K: Known>(objects: Option<Vec<K>>, refused: &mut Vec<String>) -> Vec<K> {
    objects.unwrap_or_else(|| {
        refused.push(resource_of::<K>());
        Vec::new()
    })
}

#[cfg(test)]
mod tests;
