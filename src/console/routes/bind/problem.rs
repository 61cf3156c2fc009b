//! What the API server objects to, at the fields of the form.

use crate::console::form::Problem as ParameterProblem;
use crate::console::language::Language;

use super::bind;
use crate::console::answer::failure::Failure;
use crate::console::pages::fields::Problem;
use crate::console::pages::parts::foreign;
use crate::console::routes::creation::NotCreated;
use crate::console::views::parameter_check::pointer_of;

/// The problems of the page, and those of the parameters. A failure that is not about the binding is one of the request.
pub fn of(refused: NotCreated, language: Language) -> Result<(Vec<Problem>, Vec<ParameterProblem>), Failure> {
    let (failure, is_secret) = match refused {
        NotCreated::Object { failure, .. } => (failure, false),
        NotCreated::Secret(failure) => (failure, true),
    };
    match failure {
        Failure::Rejected(_, rejection) if rejection.is_name_taken() => {
            let problem = if is_secret { parameters_taken(language) } else { name_taken(language) };
            Ok((vec![problem], Vec::new()))
        }
        Failure::Rejected(_, rejection) => {
            let causes = rejection.into_causes().into_iter();
            let (of_parameters, others): (Vec<_>, Vec<_>) =
                causes.partition(|(path, _)| pointer_of(path).is_some());
            let of_parameters = of_parameters.into_iter().map(|(path, message)| ParameterProblem {
                pointer: pointer_of(&path).unwrap_or_default(),
                message,
            });
            Ok((others.iter().map(at_field).collect(), of_parameters.collect()))
        }
        Failure::Refused(attempt, said) => {
            Ok((vec![Problem::refused(&attempt, &said, language)], Vec::new()))
        }
        failure => Err(failure),
    }
}

fn at_field((path, message): &(String, String)) -> Problem {
    let is_at = |beginning: &str| path.starts_with(beginning);
    let field = match () {
        () if is_at("metadata.name") => bind::NAME,
        () if is_at("spec.secretName") => bind::SECRET,
        () if is_at("spec.injection.envFrom") => bind::PREFIX,
        () if is_at("spec.podSelector") || is_at("spec.injection") => bind::APPLICATION,
        () => "",
    };
    Problem { field, message: foreign(message) }
}

/// Another binding has the name.
pub fn name_taken(language: Language) -> Problem {
    let english = "A binding of this name exists already. Choose another name.";
    Problem::new(bind::NAME, language.pick(english, "同名的绑定已存在。请选择其他名称。"))
}

fn parameters_taken(language: Language) -> Problem {
    let english =
        "The Secret for the parameters of a binding of this name exists already. Choose another name.";
    Problem::new(
        bind::NAME,
        language.pick(english, "用于存放该名称绑定的参数的 Secret 已存在。请选择其他名称。"),
    )
}

/// Another object has the Secret's name.
pub fn secret_taken(name: &str, language: Language) -> Problem {
    let english =
        format!("A Secret {name} exists already, or another binding writes it. Choose another name.");
    Problem::new(
        bind::SECRET,
        language.pick(english, format!("Secret {name} 已存在,或由其他绑定写入。请选择其他名称。")),
    )
}

/// The application does not exist any more.
pub fn application_gone(language: Language) -> Problem {
    let english = "This application does not exist any more, or you may not list it. Choose another one.";
    Problem::new(bind::APPLICATION, language.pick(english, "该应用已不存在,或您无权列出。请选择其他应用。"))
}
