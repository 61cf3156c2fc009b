//! From the fields of the form to a broker, and to the Secret with which the operator logs in.

use crate::console::language::Language;
use crate::crd::broker::{
    AuthConfig, BrokerAuthInfo, ClusterAuthConfig, ClusterBrokerAuthInfo, CommonServiceBrokerSpec,
};
use crate::crd::reference::{LocalSecretReference, ObjectReference};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use url::Url;

use crate::console::answer::failure::Failure;
use crate::console::excerpt::cut;
use crate::console::kube_api::{is_name, is_namespace};
use crate::console::pages::fields::Problem;
use crate::console::pages::parts::foreign;
use crate::console::pages::register::{self, Entered, Login};
use crate::console::request::form::Form;
use crate::console::routes::creation;
use crate::console::views::offering::Scope;

/// The longest text of a line that is shown again, in characters.
const MAX_TEXT: usize = 2_100;
/// The longest certificates, in bytes. The API server accepts no longer ones.
const MAX_AUTHORITY_BYTES: usize = 64 * 1024;

/// What the user has filled in, without secrets.
pub fn entered(form: &Form) -> Entered {
    let text = |name: &str| cut(form.value(name).trim(), MAX_TEXT);
    let login = Login::ALL.into_iter().find(|login| login.value() == form.value(register::LOGIN));
    Entered {
        name: text(register::NAME),
        url: text(register::URL),
        plain: form.value(register::PLAIN) == "true",
        login: login.unwrap_or_default(),
        username: text(register::USER),
        secret_namespace: text(register::SECRET_NAMESPACE),
        authority: cut(form.value(register::AUTHORITY).trim(), MAX_AUTHORITY_BYTES),
        interval: text(register::INTERVAL),
    }
}

/// What is wrong, as far as the console can tell.
pub fn problems(scope: &Scope, entered: &Entered, form: &Form, language: Language) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !is_name(&entered.name) {
        problems.push(Problem::no_name(register::NAME, language));
    }
    problems.extend(problem_of_url(entered, language));
    let missing = language.pick("Enter a value.", "请输入值。");
    let needed: &[&'static str] = match entered.login {
        Login::None => &[],
        Login::Basic => &[register::USER, register::PASSWORD],
        Login::Bearer => &[register::TOKEN],
    };
    problems.extend(
        needed.iter().filter(|field| form.value(field).is_empty()).map(|field| Problem::new(field, missing)),
    );
    let needs_namespace = *scope == Scope::Cluster && entered.login != Login::None;
    if needs_namespace && !is_namespace(&entered.secret_namespace) {
        let english = "Enter the namespace in which the Secret is created.";
        problems.push(Problem::new(
            register::SECRET_NAMESPACE,
            language.pick(english, "请输入创建 Secret 的名字空间。"),
        ));
    }
    let authority = &entered.authority;
    let is_pem =
        authority.starts_with("-----BEGIN CERTIFICATE-----") && authority.len() <= MAX_AUTHORITY_BYTES;
    if !authority.is_empty() && !is_pem {
        let english = "Enter certificates that begin with -----BEGIN CERTIFICATE-----, at most 64 KiB.";
        let chinese = "请输入以 -----BEGIN CERTIFICATE----- 开头的证书,最多 64 KiB。";
        problems.push(Problem::new(register::AUTHORITY, language.pick(english, chinese)));
    }
    problems
}

fn problem_of_url(entered: &Entered, language: Language) -> Option<Problem> {
    let url = Url::parse(&entered.url).ok();
    let text = match url.as_ref().map(Url::scheme) {
        Some("https") => return None,
        Some("http") if entered.plain => return None,
        Some("http") => language.pick(
            "The operator would send credentials unencrypted. Use https, or allow http below.",
            "控制器将以未加密方式发送凭据。请使用 https,或在下方允许 http。",
        ),
        _ => language.pick("Enter a URL that begins with https://.", "请输入以 https:// 开头的网址。"),
    };
    Some(Problem::new(register::URL, text))
}

/// The Secret with which the operator logs in, if it does.
pub fn secret(entered: &Entered, form: &Form, namespace: &str) -> Option<Secret> {
    let entry = |key: &str, value: &str| (key.to_owned(), ByteString(value.as_bytes().to_vec()));
    let entries = match entered.login {
        Login::None => return None,
        Login::Basic => {
            let password = entry("password", form.value(register::PASSWORD));
            [entry("username", &entered.username), password].into()
        }
        // A line end at the end of a token was copied with it. No header can carry it.
        Login::Bearer => [entry("token", form.value(register::TOKEN).trim())].into(),
    };
    Some(creation::secret(namespace, &secret_name(entered), entries))
}

fn secret_name(entered: &Entered) -> String {
    format!("{}-credentials", entered.name)
}

/// What brokers of both scopes have in common.
pub fn common(entered: &Entered) -> CommonServiceBrokerSpec {
    let authority = entered.authority.as_bytes().to_vec();
    CommonServiceBrokerSpec {
        url: entered.url.clone(),
        ca_bundle: (!authority.is_empty()).then_some(ByteString(authority)),
        relist_duration: (!entered.interval.is_empty()).then(|| entered.interval.clone()),
        ..CommonServiceBrokerSpec::default()
    }
}

/// The login of a cluster-wide broker.
pub fn cluster_login(entered: &Entered, secret: &Secret) -> ClusterBrokerAuthInfo {
    let reference =
        ObjectReference { namespace: secret.namespace().unwrap_or_default(), name: secret.name_any() };
    let config = Some(ClusterAuthConfig { secret_ref: Some(reference) });
    match entered.login {
        Login::Basic => ClusterBrokerAuthInfo { basic: config, bearer: None },
        Login::None | Login::Bearer => ClusterBrokerAuthInfo { basic: None, bearer: config },
    }
}

/// The login of a broker of a namespace.
pub fn login(entered: &Entered, secret: &Secret) -> BrokerAuthInfo {
    let reference = LocalSecretReference { namespace: String::new(), name: secret.name_any() };
    let config = Some(AuthConfig { secret_ref: Some(reference) });
    match entered.login {
        Login::Basic => BrokerAuthInfo { basic: config, bearer: None },
        Login::None | Login::Bearer => BrokerAuthInfo { basic: None, bearer: config },
    }
}

/// What the API server objects to. A failure that is not about the broker is one of the request.
pub fn refusal(
    failure: Failure,
    is_secret: bool,
    entered: &Entered,
    language: Language,
) -> Result<Vec<Problem>, Failure> {
    match failure {
        Failure::Rejected(_, rejection) if rejection.is_name_taken() && is_secret => {
            let secret = secret_name(entered);
            let english = format!("A Secret {secret} exists already. Choose another name or namespace.");
            let chinese = format!("Secret {secret} 已存在。请选择其他名称或名字空间。");
            Ok(vec![Problem::new(register::NAME, language.pick(english, chinese))])
        }
        Failure::Rejected(_, rejection) if rejection.is_name_taken() => {
            let english = "A broker of this name exists already. Choose another name.";
            Ok(vec![Problem::new(
                register::NAME,
                language.pick(english, "同名的服务代理已存在。请选择其他名称。"),
            )])
        }
        Failure::Rejected(_, rejection) => Ok(rejection.into_causes().iter().map(at_field).collect()),
        Failure::Refused(attempt, said) => Ok(vec![Problem::refused(&attempt, &said, language)]),
        // The namespace of the Secret, as nothing else is looked up.
        Failure::NotFound if is_secret => {
            let english = "There is no such namespace.";
            Ok(vec![Problem::new(register::SECRET_NAMESPACE, language.pick(english, "名字空间不存在。"))])
        }
        failure => Err(failure),
    }
}

fn at_field((path, message): &(String, String)) -> Problem {
    let is_at = |beginning: &str| path.starts_with(beginning);
    let field = match () {
        () if is_at("metadata.name") => register::NAME,
        () if is_at("spec.url") => register::URL,
        () if is_at("spec.caBundle") => register::AUTHORITY,
        () if is_at("spec.relistDuration") => register::INTERVAL,
        () if is_at("spec.authInfo") => register::LOGIN,
        () => "",
    };
    Problem { field, message: foreign(message) }
}
