//! What is said when something goes wrong: what happened, why, and what to do.

use crate::console::language::Language;
use crate::console::state::quoted;
use http::StatusCode;
use maud::{Markup, html};

use super::parts::{copyable, foreign};
use crate::console::access::Stranger;
use crate::console::answer::failure::{Attempt, Failure};
use crate::console::answer::page::Page;
use crate::console::request::form::AGAIN;
use crate::console::request::visit::Visit;

/// What the user can do after a failure.
#[derive(Clone, Copy, Debug)]
pub enum WayOn<'a> {
    /// Go there.
    Back(&'a str),
    /// Ask for the same page again.
    Again(&'a str),
    /// Send the same form again.
    Send {
        /// Where to.
        address: &'a str,
        /// The fields, sealed.
        form: &'a str,
    },
}

/// The page for a failure.
pub fn page(language: Language, failure: &Failure, way_on: WayOn<'_>, visit: Option<&Visit>) -> Page {
    let title = title(failure, language);
    let content = html! {
        h1 { (title) }
        (explanation(failure, language, visit))
        @if *failure != Failure::Stranger(Stranger::NeedsUrl) {
            (go_on(language, way_on, visit))
        }
    };
    Page::outside(title, content).with_status(failure.status())
}

fn go_on(language: Language, way_on: WayOn<'_>, visit: Option<&Visit>) -> Markup {
    let again = language.pick("Try again", "重试");
    let link = |address: &str, text: &str| html! { p { a class="button" href=(address) { (text) } } };
    match way_on {
        WayOn::Back(address) => link(address, language.pick("Back", "返回")),
        WayOn::Again(address) => link(address, again),
        WayOn::Send { address, form } => html! {
            p { (language.pick("This page keeps your request.", "此页面保留了您的请求。")) }
            form method="post" action=(address) {
                @if let Some(visit) = visit { (visit.token_field()) }
                input type="hidden" name=(AGAIN) value=(form);
                button class="button primary" { (again) }
            }
        },
    }
}

/// The page after a link on another site, which goes on by itself.
pub fn arriving(language: Language, address: &str) -> Page {
    let title = language.pick("Opening the console", "正在打开控制台");
    let content = html! {
        h1 { (title) }
        p { a class="button primary" href=(address) { (language.pick("Continue", "继续")) } }
    };
    let page = Page::outside(title, content).with_status(StatusCode::UNAUTHORIZED);
    Page { refresh: Some(address.to_owned()), ..page }
}

fn title(failure: &Failure, language: Language) -> &'static str {
    match failure {
        Failure::NotFound => language.pick("There is no such page or object", "页面或对象不存在"),
        Failure::Malformed => language.pick("The address makes no sense", "地址无效"),
        Failure::NotInstalled => {
            language.pick("The service catalog is not installed in this cluster", "此集群未安装服务目录")
        }
        Failure::WrongMethod => language.pick("This address does not accept that", "此地址不支持该操作"),
        Failure::Refused(..) => language.pick("You may not do this", "您无权执行此操作"),
        Failure::Rejected(..) => {
            language.pick("The API server rejected the change", "API 服务器拒绝了该更改")
        }
        Failure::SignedOut => {
            language.pick("The API server does not know you any more", "API 服务器不再识别您的身份")
        }
        Failure::Stranger(Stranger::NeedsUrl) => {
            language.pick("Open the console from your terminal", "请从终端打开控制台")
        }
        Failure::Stranger(Stranger::NeedsLogin) => language.pick("You are logged out", "您已退出登录"),
        Failure::Stranger(Stranger::NeedsProxy) => language.pick("You are not logged in", "您尚未登录"),
        Failure::Busy(_) => language.pick("The API server is busy", "API 服务器繁忙"),
        Failure::Unreachable | Failure::Stranger(Stranger::Unreachable) => {
            language.pick("The API server does not answer", "API 服务器无响应")
        }
        Failure::Forged => language.pick("The form is out of date", "表单已失效"),
        Failure::ConsoleBusy => language.pick("The console is busy", "控制台繁忙"),
        Failure::TooLarge => language.pick("The form is too large", "表单过大"),
        Failure::PageTooLarge => language.pick("The page would be too large", "页面过大"),
        Failure::Internal => language.pick("The console has a problem", "控制台出现问题"),
    }
}

fn explanation(failure: &Failure, language: Language, visit: Option<&Visit>) -> Markup {
    match failure {
        Failure::Refused(attempt, said) => refusal(attempt, said, language, visit),
        Failure::Rejected(_, rejection) => html! {
            p { (language.pick("Nothing was changed. The API server says:", "未做任何更改。API 服务器的说明:")) }
            p class="said" { (foreign(&rejection.message)) }
        },
        Failure::Busy(Some(seconds)) => html! {
            p {
                (language.pick(
                    format!("It wants to be asked again in {seconds} s."),
                    format!("请在 {seconds} 秒后重试。"),
                ))
            }
        },
        other => html! { p { (advice(other, language)) } },
    }
}

fn advice(failure: &Failure, language: Language) -> &'static str {
    match failure {
        Failure::NotFound => language.pick(
            "It may have been deleted meanwhile, or you may be in another namespace.",
            "它可能已被删除,或者您处于另一个名字空间。",
        ),
        Failure::NotInstalled => language.pick(
            "Its kinds are missing. An administrator installs it with the Helm chart.",
            "缺少所需的资源类型。管理员可用 Helm chart 安装。",
        ),
        Failure::SignedOut => language.pick(
            "Log in at the cluster again, for example by running kubectl get pods in your terminal. Then try \
             again.",
            "请重新登录集群,例如在终端中运行 kubectl get pods,然后重试。",
        ),
        Failure::Stranger(Stranger::NeedsUrl) => language.pick(
            "The console serves only the person who started it. A new URL has been printed in the terminal \
             where service-catalog console runs, unless one is still waiting there.",
            "控制台仅供启动它的人使用。运行 service-catalog console 的终端中已打印新的网址(除非已有一个尚未使用)。",
        ),
        Failure::Stranger(Stranger::NeedsProxy) => language.pick(
            "The login proxy in front of the console has sent no token that the API server accepts.",
            "控制台前面的登录代理未发送 API 服务器接受的令牌。",
        ),
        Failure::Stranger(Stranger::NeedsLogin) => {
            language.pick("Nothing was changed. Log in and try again.", "未做任何更改。请登录后重试。")
        }
        Failure::ConsoleBusy => language.pick(
            "It answers few requests of a user at once, and one that needs much data. Try again in a moment.",
            "它同时只处理每个用户的少量请求,且一次只处理一个需要大量数据的请求。请稍后重试。",
        ),
        Failure::PageTooLarge => language.pick(
            "It needs more data than the console reads for a page. Choose less of it, or use kubectl.",
            "所需数据超出控制台单个页面的读取上限。请缩小范围,或使用 kubectl。",
        ),
        Failure::Busy(_) | Failure::Unreachable | Failure::Stranger(Stranger::Unreachable) => language.pick(
            "Nothing is lost: services go on running. Try again in a moment.",
            "不会丢失任何内容:服务仍在运行。请稍后重试。",
        ),
        Failure::Forged => language.pick(
            "Nothing was changed. Go back, reload the page and send the form again.",
            "未做任何更改。请返回并重新加载页面,然后再次提交。",
        ),
        Failure::TooLarge => {
            language.pick("A form has at most 1 MiB and 2,100 fields.", "表单最多 1 MiB、2100 个字段。")
        }
        Failure::Malformed | Failure::WrongMethod | Failure::Internal | Failure::Refused(..) | Failure::Rejected(..) => {
            language.pick("Go back and try again.", "请返回重试。")
        }
    }
}

/// Verb and resource, and the command with which an administrator checks the same.
fn refusal(attempt: &Attempt, said: &str, language: Language, visit: Option<&Visit>) -> Markup {
    html! {
        p { (refusal_sentence(attempt, language)) }
        @if !said.is_empty() { p class="said" { (foreign(said)) } }
        @if let Some(visit) = visit {
            (copyable(
                language.pick("Check the right", "检查权限"),
                &check_command(attempt, &visit.user.name),
                language,
            ))
        }
    }
}

/// What the user may not do, with verb and resource.
pub fn refusal_sentence(attempt: &Attempt, language: Language) -> Markup {
    let place = match &attempt.namespace {
        Some(namespace) => {
            language.pick(format!("in the namespace {namespace}"), format!("(名字空间 {namespace})"))
        }
        None => language.pick("in the cluster", "(集群范围)").to_owned(),
    };
    html! {
        (language.pick("You lack the right ", "您缺少权限 "))
        code translate="no" { (attempt.verb) " " (attempt.resource) }
        " " (place) (language.pick(".", "。"))
        " " (language.pick("Ask an administrator for it.", "请向管理员申请。"))
    }
}

fn check_command(attempt: &Attempt, user: &str) -> String {
    let place = attempt.namespace.as_ref().map(|namespace| format!(" --namespace {}", quoted(namespace)));
    format!(
        "kubectl auth can-i {} {}{} --as {}",
        attempt.verb,
        quoted(&attempt.resource),
        place.unwrap_or_default(),
        quoted(user)
    )
}
