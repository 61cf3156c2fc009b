//! The login form, and what is said after a logout.

use crate::console::language::Language;
use maud::{Markup, html};

use crate::console::access::form_token;

/// What the login form needs.
pub struct LoginForm<'a> {
    /// The token of the form.
    pub form_token: &'a str,
    /// Where the user wanted to go.
    pub next: &'a str,
    /// The name of the cluster.
    pub cluster: &'a str,
    /// Why the last try failed.
    pub problem: Option<Problem>,
}

/// Why a login failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The API server does not accept the token.
    Refused,
    /// The API server cannot be asked.
    Unreachable,
}

/// The login form.
pub fn form(form: &LoginForm, language: Language) -> Markup {
    html! {
        div class="narrow" {
            h1 { (language.pick("Log in", "登录")) }
            p {
                (language.pick("Cluster: ", "集群:")) strong { (form.cluster) }
            }
            @if let Some(problem) = form.problem {
                p class="banner bad" role="alert" id="problem" { (explain(problem, language)) }
            }
            form method="post" action="/login" {
                input type="hidden" name=(form_token::FIELD) value=(form.form_token);
                input type="hidden" name="next" value=(form.next);
                label for="token" { (language.pick("Bearer token", "Bearer 令牌")) }
                input id="token" name="token" type="password" required autocomplete="off" spellcheck="false"
                    aria-describedby="token-hint" autofocus;
                p class="hint" id="token-hint" {
                    (language.pick(
                        "A token that the API server of this cluster accepts. The console keeps it in memory \
                         until you log out, at most 12 hours.",
                        "此集群的 API 服务器接受的令牌。控制台仅将其保存在内存中,直到您退出登录,最长 12 小时。",
                    ))
                }
                button class="button primary" { (language.pick("Log in", "登录")) }
            }
        }
    }
}

fn explain(problem: Problem, language: Language) -> &'static str {
    match problem {
        Problem::Refused => language.pick(
            "The API server does not accept this token: it is wrong or has expired. Use another one.",
            "API 服务器不接受此令牌:令牌错误或已过期。请使用其他令牌。",
        ),
        Problem::Unreachable => language.pick(
            "The API server does not answer, so the token could not be checked. Try again in a moment.",
            "API 服务器无响应,因此无法验证令牌。请稍后重试。",
        ),
    }
}

/// The page that asks before a logout.
pub fn logout(token_field: &Markup, language: Language) -> Markup {
    html! {
        h1 { (language.pick("Log out?", "退出登录?")) }
        form method="post" action="/logout" {
            (token_field)
            button class="button primary" { (language.pick("Log out", "退出登录")) }
        }
    }
}

/// The page after a logout of a local console.
pub fn logged_out(language: Language) -> Markup {
    html! {
        h1 { (language.pick("You are logged out", "您已退出登录")) }
        p {
            (language.pick(
                "A new URL has been printed in the terminal where service-catalog console runs.",
                "运行 service-catalog console 的终端中已打印新的网址。",
            ))
        }
    }
}
