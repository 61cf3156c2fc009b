//! From the fields of the form to a binding, and to the Secret with its secret parameters.

use crate::console::form::Problem as ParameterProblem;
use crate::console::language::Language;
use crate::crd::binding::{EnvFrom, Injection, Restart};
use crate::crd::raw::RawObject;
use crate::crd::reference::{LocalObjectReference, ParametersFromSource, SecretKeyReference};
use crate::crd::{ServiceBinding, ServiceBindingSpec};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Map, json};

use super::{Context, bind, problem};
use crate::console::excerpt::cut;
use crate::console::kube_api::is_name;
use crate::console::pages::bind::{Entered, restart_value};
use crate::console::pages::fields::Problem;
use crate::console::request::form::Form;
use crate::console::routes::creation::secret;
use crate::console::views::application::Application;
use crate::console::views::draft::Draft;
use crate::console::views::parameter_check::{self, Candidate};

/// The entry of the Secret with the secret parameters.
const PARAMETERS_KEY: &str = "parameters";
/// The longest name or prefix that is shown again, in characters.
const MAX_TEXT: usize = 300;

/// What is to be created.
pub struct Desired {
    /// The binding.
    pub binding: ServiceBinding,
    /// The Secret with its secret parameters, if there are any.
    pub secret: Option<Secret>,
    /// The application that gets the credentials.
    pub application: Option<Application>,
}

/// What the user has filled in.
pub fn entered(fields: &Form) -> Entered {
    let text = |name: &str| cut(fields.value(name).trim(), MAX_TEXT);
    let restarts = [Restart::Always, Restart::OnRotation, Restart::Never];
    let chosen = restarts.into_iter().find(|each| restart_value(*each) == fields.value(bind::RESTART));
    Entered {
        name: text(bind::NAME),
        secret: text(bind::SECRET),
        application: text(bind::APPLICATION),
        variables: fields.value(bind::VARIABLES) == "true",
        prefix: text(bind::PREFIX),
        restart: chosen.unwrap_or_default(),
    }
}

impl Context {
    /// Why the parameters do not conform to the plan's schema.
    pub fn unfit(&self, draft: &Draft) -> Vec<ParameterProblem> {
        let none = Map::new();
        let candidate = Candidate {
            defaults: [&none, &none],
            inline: &draft.parameters,
            secrets: &draft.secrets,
            unknown: &draft.kept,
        };
        parameter_check::problems(&candidate, self.plan.as_ref().and_then(|plan| plan.bind_schema.as_ref()))
    }

    /// What is to be created, and what is wrong with the fields.
    pub fn desired(&self, entered: &Entered, draft: &Draft, language: Language) -> (Desired, Vec<Problem>) {
        let mut problems = Vec::new();
        if !is_name(&entered.name) {
            problems.push(Problem::no_name(bind::NAME, language));
        }
        if !entered.secret.is_empty() && !is_name(&entered.secret) {
            problems.push(Problem::no_name(bind::SECRET, language));
        }
        let chosen = self.applications.iter().find(|each| each.id() == entered.application).cloned();
        if chosen.is_none() && !entered.application.is_empty() {
            problems.push(problem::application_gone(language));
        }
        let secret_name = format!("{}-parameters", entered.name);
        let secret = (!draft.secrets.is_empty()).then(|| {
            let text = ByteString(json!(draft.secrets).to_string().into_bytes());
            secret(&self.namespace, &secret_name, [(PARAMETERS_KEY.to_owned(), text)].into())
        });
        let source = ParametersFromSource {
            secret_key_ref: Some(SecretKeyReference { name: secret_name, key: PARAMETERS_KEY.to_owned() }),
        };
        let spec = ServiceBindingSpec {
            instance_ref: LocalObjectReference { name: self.instance.clone() },
            parameters: (!draft.parameters.is_empty()).then(|| RawObject::from(&draft.parameters)),
            parameters_from: secret.iter().map(|_| source.clone()).collect(),
            secret_name: entered.secret.clone(),
            pod_selector: chosen.as_ref().map(|application| application.selector.clone()),
            injection: chosen.as_ref().and_then(|_| injection(entered)),
            ..ServiceBindingSpec::default()
        };
        let mut binding = ServiceBinding::new(&entered.name, spec);
        binding.metadata.namespace = Some(self.namespace.clone());
        (Desired { binding, secret, application: chosen }, problems)
    }
}

/// `None` where all is as the operator does it anyway.
fn injection(entered: &Entered) -> Option<Injection> {
    let injection = Injection {
        env_from: entered.variables.then(|| EnvFrom { prefix: entered.prefix.clone() }),
        restart: (entered.restart != Restart::default()).then_some(entered.restart),
        ..Injection::default()
    };
    (injection != Injection::default()).then_some(injection)
}
