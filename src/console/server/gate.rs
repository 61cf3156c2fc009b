//! The gate in front of everything that needs a user. It lets no request through without one, and no change that a page
//! of the console did not ask for. Handlers behind it get a [`Visit`], and for changes a [`Form`].

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use crate::console::access::{Mode, Stranger, Subject, Visitor, cookie, form_token};
use crate::console::answer::failure::Failure;
use crate::console::kube_api::{Cluster, is_namespace};
use crate::console::request::Console;
use crate::console::request::form::{AGAIN, Form, MAX_FORM_BYTES};
use crate::console::request::setting::Setting;
use crate::console::request::visit::Visit;
use crate::console::routes::STREAMS;
use crate::fair_limiter::Permit;

/// The longest form that is sealed, in bytes: sealing makes four bytes of three, and a form has other fields as well.
const MAX_SEALED_BYTES: usize = MAX_FORM_BYTES / 4 * 3 - 1024;
/// The cookie with the namespace that the user looked at last.
pub const NAMESPACE_COOKIE: &str = "namespace";

/// Goes with a failure: the form that could not be dealt with, sealed.
#[derive(Clone)]
pub struct Sealed(pub String);

/// Counts a request until its page is sent.
#[derive(Clone)]
pub struct Counted {
    _present: Arc<Permit>,
    _active: Option<Arc<Permit>>,
}

/// Lets a request through if there is a user, and if a change comes from a page of the console.
pub async fn gate(
    State(console): State<Arc<Console>>,
    Extension(setting): Extension<Setting>,
    request: Request,
    next: Next,
) -> Response {
    let visitor = match console.access.visitor(request.headers(), &setting.site).await {
        Ok(visitor) => visitor,
        Err(stranger) => return Failure::Stranger(stranger).into_response(),
    };
    let counted = match count(&console, &setting, &visitor).await {
        Ok(counted) => counted,
        Err(failure) => return failure.into_response(),
    };
    let subject = Subject::visitor(&visitor);
    // The permit is held until the form has been dealt with.
    let (mut request, _permit) = match checked(&console, &setting, (&visitor, &subject), request).await {
        Ok(checked) => checked,
        Err(failure) => return failure.into_response(),
    };
    let Ok(form_token) = console.access.form_token(&subject) else {
        return Failure::Internal.into_response();
    };
    let session = visitor.session;
    let form = request.extensions().get::<Form>().cloned();
    let visit = Arc::new(visit(&console, setting, (visitor, subject), request.headers(), form_token));
    request.extensions_mut().insert(Arc::clone(&visit));
    let mut response = next.run(request).await;
    if response.extensions().get() == Some(&Failure::SignedOut)
        && let (Mode::Token(_), Some(session)) = (console.access.mode(), session)
    {
        console.access.end(&session);
        return Failure::Stranger(Stranger::NeedsLogin).into_response();
    }
    if response.extensions().get().is_some_and(Failure::may_pass)
        && let Some(sealed) = form.and_then(|form| seal(&visit, &form))
    {
        response.extensions_mut().insert(Sealed(sealed));
    }
    response.extensions_mut().insert(visit);
    response.extensions_mut().insert(counted);
    response
}

/// Counts a request, and waits until it may be dealt with. Streams, which last for minutes, are counted by themselves.
async fn count(console: &Console, setting: &Setting, visitor: &Visitor) -> Result<Counted, Failure> {
    let principal = visitor.user.principal();
    let present = console.requests.enter(principal).ok_or(Failure::ConsoleBusy)?;
    let active = match setting.path.as_str() {
        STREAMS => None,
        _ => Some(console.requests.begin(principal).await.ok_or(Failure::ConsoleBusy)?),
    };
    Ok(Counted { _present: Arc::new(present), _active: active.map(Arc::new) })
}

/// A form that could not be dealt with, so that the user can send it again. `None` if it is too large for that.
fn seal(visit: &Visit, form: &Form) -> Option<String> {
    visit.seal(&form.to_bytes(MAX_SEALED_BYTES)?).ok()
}

/// The request; if it is a change, with its form, and the permit to have it in memory.
async fn checked(
    console: &Console,
    setting: &Setting,
    (visitor, subject): (&Visitor, &Subject),
    request: Request,
) -> Result<(Request, Option<Permit>), Failure> {
    if request.method().is_safe() {
        return Ok((request, None));
    }
    let (mut parts, body) = request.into_parts();
    if !setting.site.is_own_request(&parts.headers) {
        return Err(Failure::Forged);
    }
    let permit = console.forms.acquire(visitor.user.principal()).await;
    let mut form = Form::read(&parts.headers, body, MAX_FORM_BYTES).await?;
    if !console.access.accepts_form(subject, form.value(form_token::FIELD)) {
        return Err(Failure::Forged);
    }
    if !form.value(AGAIN).is_empty() {
        let opened = console.access.open(subject, &setting.path, form.value(AGAIN));
        form = Form::parse(&opened.ok_or(Failure::Forged)?)?;
    }
    parts.extensions.insert(form);
    Ok((Request::from_parts(parts, axum::body::Body::empty()), Some(permit)))
}

fn visit(
    console: &Arc<Console>,
    setting: Setting,
    (visitor, subject): (Visitor, Subject),
    headers: &HeaderMap,
    form_token: String,
) -> Visit {
    let of_path = namespace_of(&setting.path);
    let kept = cookie::read(headers, NAMESPACE_COOKIE).filter(|name| is_namespace(name));
    let own = visitor.user.own_namespace().filter(|name| is_namespace(name));
    let namespace = of_path.or(kept).or(own).unwrap_or(&console.namespace).to_owned();
    let Visitor { user, client, .. } = visitor;
    let reading = console.readings.begin(user.principal());
    Visit {
        setting,
        user,
        cluster: Cluster::new(client.within(&reading)),
        namespace,
        form_token,
        subject,
        now: Timestamp::now(),
        console: Arc::clone(console),
    }
}

/// The namespace that an address is about.
pub fn namespace_of(path: &str) -> Option<&str> {
    let name = path.strip_prefix("/ns/")?.split('/').next()?;
    is_namespace(name).then_some(name)
}
