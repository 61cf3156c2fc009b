//! Login and logout.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::console::access::site::own_path;
use crate::console::access::{
    LOGIN_COOKIE, Mode, SESSION_COOKIE, Stranger, Subject, cookie, form_token, secret,
};
use crate::console::answer::failure::Failure;
use crate::console::answer::page::Page;
use crate::console::pages::login::{self, LoginForm, Problem};
use crate::console::request::Console;
use crate::console::request::announce;
use crate::console::request::form::{Form, MAX_LOGIN_BYTES};
use crate::console::request::setting::Setting;
use crate::console::request::visit::Visiting;

/// Where to go after the login.
#[derive(Deserialize)]
pub struct Destination {
    #[serde(default)]
    next: String,
}

/// The one-time code of a local console.
#[derive(Deserialize)]
pub struct Start {
    #[serde(default)]
    code: String,
}

/// `GET /login`: the form. Its token is bound to a cookie that only this browser has.
pub async fn form(
    State(console): State<Arc<Console>>,
    Extension(setting): Extension<Setting>,
    Query(destination): Query<Destination>,
) -> Result<Response, Failure> {
    if !matches!(console.access.mode(), Mode::Token(_)) {
        return Ok(Redirect::to("/catalog").into_response());
    }
    show(&console, &setting, &destination.next, None)
}

fn show(
    console: &Console,
    setting: &Setting,
    next: &str,
    problem: Option<Problem>,
) -> Result<Response, Failure> {
    let browser = secret()?;
    let form_token = console.access.form_token(&Subject::login(browser.expose_secret()))?;
    let next = own_path(next).unwrap_or("/catalog");
    let form = LoginForm { form_token: &form_token, next, cluster: &console.cluster_name, problem };
    let language = setting.language;
    let page = Page::outside(language.pick("Log in", "登录"), login::form(&form, language));
    let page = match problem {
        Some(Problem::Refused) => page.with_status(StatusCode::UNAUTHORIZED),
        Some(Problem::Unreachable) => page.with_status(StatusCode::SERVICE_UNAVAILABLE),
        None => page,
    };
    let cookie = cookie::set_secret(&setting.site, LOGIN_COOKIE, browser.expose_secret());
    with_cookies(page.into_response(), [cookie])
}

/// `POST /login`: starts a session with the token.
pub async fn submit(
    State(console): State<Arc<Console>>,
    Extension(setting): Extension<Setting>,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    if !setting.site.is_own_request(&parts.headers) {
        return Err(Failure::Forged);
    }
    let browser = cookie::read(&parts.headers, &cookie::secret_name(&setting.site, LOGIN_COOKIE));
    let subject = Subject::login(browser.ok_or(Failure::Forged)?);
    let form = Form::read(&parts.headers, body, MAX_LOGIN_BYTES).await?;
    if !console.access.accepts_form(&subject, form.value(form_token::FIELD)) {
        return Err(Failure::Forged);
    }
    let token: SecretString = form.value("token").trim().to_owned().into();
    let session = match console.access.log_in(token).await {
        Ok(Some(session)) => session,
        Ok(None) => return show(&console, &setting, form.value("next"), Some(Problem::Refused)),
        Err(_) => return show(&console, &setting, form.value("next"), Some(Problem::Unreachable)),
    };
    // This ends the session that the browser had before.
    console.access.log_out(&parts.headers, &setting.site);
    let next = own_path(form.value("next")).unwrap_or("/catalog");
    let cookies = [
        cookie::set_secret(&setting.site, SESSION_COOKIE, session.expose_secret()),
        cookie::remove_secret(&setting.site, LOGIN_COOKIE),
    ];
    with_cookies(Redirect::to(next).into_response(), cookies)
}

/// `GET /start`: exchanges the one-time code of a local console for a session. A code that was used is no reason to end
/// the session that it has started: people reload pages.
pub async fn start(
    State(console): State<Arc<Console>>,
    Extension(setting): Extension<Setting>,
    Query(start): Query<Start>,
) -> Result<Response, Failure> {
    match console.access.redeem(&start.code).await? {
        Some(session) => {
            let cookie = cookie::set_secret(&setting.site, SESSION_COOKIE, session.expose_secret());
            with_cookies(Redirect::to("/catalog").into_response(), [cookie])
        }
        None if matches!(console.access.mode(), Mode::Local(_)) => {
            Ok(Redirect::to("/catalog").into_response())
        }
        None => Err(Failure::NotFound),
    }
}

/// `GET /logout`: asks, as a GET changes nothing.
pub async fn ask_logout(Extension(visit): Visiting) -> Page {
    let language = visit.language();
    Page::outside(language.pick("Log out", "退出登录"), login::logout(&visit.token_field(), language))
}

/// `POST /logout`: ends the session.
pub async fn logout(State(console): State<Arc<Console>>, request: Request) -> Result<Response, Failure> {
    let setting = request.extensions().get::<Setting>().ok_or(Failure::Internal)?;
    console.access.log_out(request.headers(), &setting.site);
    let answer = match console.access.mode() {
        Mode::Local(_) => {
            announce(&console);
            let language = setting.language;
            let title = language.pick("You are logged out", "您已退出登录");
            Page::outside(title, login::logged_out(language)).into_response()
        }
        Mode::Token(_) => Redirect::to("/login").into_response(),
        Mode::ProxyHeader(_) => return Err(Failure::Stranger(Stranger::NeedsProxy)),
    };
    with_cookies(answer, [cookie::remove_secret(&setting.site, SESSION_COOKIE)])
}

fn with_cookies(
    mut response: Response,
    cookies: impl IntoIterator<Item = Option<HeaderValue>>,
) -> Result<Response, Failure> {
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie.ok_or(Failure::Internal)?);
    }
    Ok(response)
}
