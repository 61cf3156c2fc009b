//! A new broker: where it is, how the operator logs in, and how often it fetches the catalog.

use crate::console::language::Language;
use maud::{Markup, html};

use super::fields::{Field, Problem, summary};
use super::parts::breadcrumbs;
use crate::console::request::visit::Visit;
use crate::console::views::broker::address;
use crate::console::views::offering::Scope;

/// The field with the broker's name.
pub const NAME: &str = "broker-name";
/// The field with the URL.
pub const URL: &str = "url";
/// The box that accepts a URL without encryption.
pub const PLAIN: &str = "plain";
/// The field that says how the operator logs in.
pub const LOGIN: &str = "login";
/// The field with the user name.
pub const USER: &str = "username";
/// The field with the password.
pub const PASSWORD: &str = "password";
/// The field with the token.
pub const TOKEN: &str = "token";
/// The field with the namespace of the Secret.
pub const SECRET_NAMESPACE: &str = "secret-namespace";
/// The field with the certificates.
pub const AUTHORITY: &str = "ca-bundle";
/// The field with the time between two fetches.
pub const INTERVAL: &str = "relist-duration";

/// How the operator logs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Login {
    /// Not at all.
    #[default]
    None,
    /// With user name and password.
    Basic,
    /// With a token.
    Bearer,
}

impl Login {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Basic, Self::Bearer];

    /// The value of the choice.
    pub fn value(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "basic",
            Self::Bearer => "bearer",
        }
    }
}

/// What a user has filled in, without secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entered {
    /// The name.
    pub name: String,
    /// The URL.
    pub url: String,
    /// Whether a URL without encryption is accepted.
    pub plain: bool,
    /// How the operator logs in.
    pub login: Login,
    /// The user name.
    pub username: String,
    /// The namespace of the Secret of a cluster-wide broker.
    pub secret_namespace: String,
    /// Certificates in PEM.
    pub authority: String,
    /// The time between two fetches.
    pub interval: String,
}

/// The page.
pub fn page(scope: &Scope, entered: &Entered, problems: &[Problem], visit: &Visit) -> Markup {
    let language = visit.language();
    let everywhere = language.pick("all namespaces", "所有名字空间");
    html! {
        (breadcrumbs(&[("/brokers", language.pick("Brokers", "服务代理"))], language))
        div class="page-head" {
            h1 { (language.pick("Register a broker", "注册服务代理")) }
            p class="lead" {
                (language.pick("Its services become available in: ", "其服务的可用范围:"))
                (scope.namespace().unwrap_or(everywhere))
            }
        }
        (summary(problems, language))
        form method="post" action=(address(scope, "new")) novalidate {
            (visit.token_field())
            (connection(entered, problems, language))
            (login(scope, entered, problems, language))
            (catalog(entered, problems, language))
            div class="toolbar" {
                button class="button primary" { (language.pick("Register", "注册")) }
                a class="button plain" href="/brokers" { (language.pick("Cancel", "取消")) }
            }
        }
    }
}

fn connection(entered: &Entered, problems: &[Problem], language: Language) -> Markup {
    let name = Field { id: NAME, label: language.pick("Name", "名称"), hint: "" };
    let url = Field {
        id: URL,
        label: "URL",
        hint: language.pick(
            "For example https://broker.example.com. Without /v2, and without user name or password.",
            "例如 https://broker.example.com。不含 /v2,也不含用户名或密码。",
        ),
    };
    let authority = Field {
        id: AUTHORITY,
        label: language.pick("CA certificates (PEM)", "CA 证书(PEM)"),
        hint: language.pick(
            "Only if the broker's certificate is of a private authority.",
            "仅当服务代理的证书由私有机构签发时需要。",
        ),
    };
    html! {
        section class="section" aria-labelledby="connection-title" {
            h2 id="connection-title" { (language.pick("Connection", "连接")) }
            (name.input("text", &entered.name, true, problems))
            (url.input("url", &entered.url, true, problems))
            div class="check" {
                input type="checkbox" id=(PLAIN) name=(PLAIN) value="true" checked[entered.plain];
                label for=(PLAIN) {
                    (language.pick(
                        "Allow http: everybody on the network can read the credentials",
                        "允许 http:网络上的任何人都能读取凭据",
                    ))
                }
            }
            (authority.around(problems, &html! {
                textarea id=(AUTHORITY) name=(AUTHORITY) rows="4" spellcheck="false" autocomplete="off"
                    aria-describedby=[authority.described_by(problems)] aria-invalid=[authority.invalid(problems)] {
                    "\n" (entered.authority)
                }
            }))
        }
    }
}

fn login(scope: &Scope, entered: &Entered, problems: &[Problem], language: Language) -> Markup {
    let again = language.pick("Not shown again.", "不会再次显示。");
    let login = Field {
        id: LOGIN,
        label: language.pick("How the operator logs in", "控制器的登录方式"),
        hint: language.pick("What is entered here goes to a Secret.", "此处输入的内容存入 Secret。"),
    };
    let username = Field { id: USER, label: language.pick("User name", "用户名"), hint: "" };
    let password = Field { id: PASSWORD, label: language.pick("Password", "密码"), hint: again };
    let token = Field { id: TOKEN, label: language.pick("Token", "令牌"), hint: again };
    let namespace = Field {
        id: SECRET_NAMESPACE,
        label: language.pick("Namespace of the Secret", "Secret 的名字空间"),
        hint: "",
    };
    let choices: Vec<(&str, String)> =
        Login::ALL.into_iter().map(|login| (login.value(), login_text(login, language).to_owned())).collect();
    html! {
        section class="section" aria-labelledby="login-title" {
            h2 id="login-title" { (language.pick("Login", "登录")) }
            (login.select(&choices, entered.login.value(), problems))
            (username.input("text", &entered.username, false, problems))
            (password.input("password", "", false, problems))
            (token.input("password", "", false, problems))
            @if *scope == Scope::Cluster {
                (namespace.input("text", &entered.secret_namespace, false, problems))
            }
        }
    }
}

fn login_text(login: Login, language: Language) -> &'static str {
    match login {
        Login::None => language.pick("Not at all", "不登录"),
        Login::Basic => language.pick("With user name and password", "用户名和密码"),
        Login::Bearer => language.pick("With a token", "令牌"),
    }
}

fn catalog(entered: &Entered, problems: &[Problem], language: Language) -> Markup {
    let interval = Field {
        id: INTERVAL,
        label: language.pick("Time between two fetches of the catalog", "两次获取目录的间隔"),
        hint: language.pick(
            "For example 15m or 1h30m. Empty: as the operator is set.",
            "例如 15m 或 1h30m。留空则按控制器的设置。",
        ),
    };
    html! {
        section class="section" aria-labelledby="catalog-title" {
            h2 id="catalog-title" { (language.pick("Catalog", "目录")) }
            (interval.input("text", &entered.interval, false, problems))
        }
    }
}
