//! The outermost layer: knows the setting of each request, and turns a [`Page`] or a [`Failure`] into HTML.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use url::form_urlencoded;

use super::gate::{Counted, NAMESPACE_COOKIE, Sealed, namespace_of};
use crate::console::access::site::{Site, comes_from_elsewhere, own_path};
use crate::console::access::{Stranger, cookie};
use crate::console::answer::failure::Failure;
use crate::console::answer::page::Page;
use crate::console::pages;
use crate::console::pages::failure::WayOn;
use crate::console::request::setting::Setting;
use crate::console::request::visit::Visit;
use crate::console::request::{Console, announce};

/// The type of a page.
const HTML: &str = "text/html; charset=utf-8";
/// The longest page, in bytes: it is in memory until the browser has it.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Marks a response that must not be compressed.
#[derive(Clone)]
pub struct Uncompressed;

/// What of a request decides how it is answered when there is no user.
struct Origin {
    is_safe: bool,
    is_document: bool,
    is_from_elsewhere: bool,
    came_from: Option<String>,
}

/// Answers with HTML.
pub async fn frame(State(console): State<Arc<Console>>, mut request: Request, next: Next) -> Response {
    let setting = Setting::of(&request).filter(|setting| console.access.serves(&setting.site));
    let Some(setting) = setting else {
        let text = "The console does not answer to this name: open the URL that it printed.\n";
        return secured(&console, (StatusCode::MISDIRECTED_REQUEST, text).into_response(), false);
    };
    let is_encrypted = !setting.site.is_loopback();
    let origin = Origin::of(request.method(), request.headers(), &setting.site);
    request.extensions_mut().insert(setting.clone());
    let mut response = next.run(request).await;
    let visit = response.extensions_mut().remove::<Arc<Visit>>();
    let counted = response.extensions_mut().remove::<Counted>();
    let answer = Answer { console: &console, setting: &setting, visit: visit.as_deref(), counted };
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        let sealed = response.extensions_mut().remove::<Sealed>();
        response = answer.failure(&failure, sealed.as_ref(), &origin);
    } else if let Some(page) = response.extensions_mut().remove::<Page>() {
        response = answer.page(&page, response);
    } else if response.status().is_client_error() {
        // An extractor has refused the request, with a text for programs.
        response = answer.failure(&Failure::Malformed, None, &origin);
    }
    add_preferences(&setting, visit.as_deref(), &mut response);
    secured(&console, response, is_encrypted)
}

/// A page as it is sent. It counts until its last byte is.
struct Sent {
    html: String,
    _counted: Option<Counted>,
}

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        self.html.as_bytes()
    }
}

fn secured(console: &Console, mut response: Response, is_encrypted: bool) -> Response {
    console.headers.add(response.headers_mut(), is_encrypted);
    response
}

/// What the answer to a request is made with.
struct Answer<'a> {
    console: &'a Console,
    setting: &'a Setting,
    visit: Option<&'a Visit>,
    counted: Option<Counted>,
}

impl Answer<'_> {
    /// The answer to a page keeps the headers that the handler has set, for example cookies.
    fn page(&self, page: &Page, mut response: Response) -> Response {
        let Self { console, setting, visit, counted } = self;
        if page.is_secret {
            response.extensions_mut().insert(Uncompressed);
        }
        let html = pages::layout::render(console, setting, *visit, page).into_string();
        if html.len() > MAX_PAGE_BYTES {
            return self.failure_page(&Failure::PageTooLarge, WayOn::Back("/catalog"));
        }
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(HTML));
        *response.body_mut() = Body::from(Bytes::from_owner(Sent { html, _counted: counted.clone() }));
        response
    }

    fn failure_page(&self, failure: &Failure, way_on: WayOn<'_>) -> Response {
        let page = pages::failure::page(self.setting.language, failure, way_on, self.visit);
        self.page(&page, page.status.into_response())
    }

    fn failure(&self, failure: &Failure, sealed: Option<&Sealed>, origin: &Origin) -> Response {
        let address = self.setting.address();
        let is_stranger = matches!(failure, Failure::Stranger(Stranger::NeedsUrl | Stranger::NeedsLogin));
        if is_stranger && origin.is_safe && origin.is_from_elsewhere {
            // `SameSite=Strict`: after a link on another site, browsers send no cookie. From this page, they do.
            let page = pages::failure::arriving(self.setting.language, &address);
            return self.page(&page, page.status.into_response());
        }
        if *failure == Failure::Stranger(Stranger::NeedsLogin) && origin.is_safe && origin.is_document {
            let next: String = form_urlencoded::byte_serialize(address.as_bytes()).collect();
            return Redirect::to(&format!("/login?next={next}")).into_response();
        }
        if *failure == Failure::Stranger(Stranger::NeedsUrl) {
            announce(self.console);
        }
        let way_on = match sealed {
            Some(Sealed(form)) => WayOn::Send { address: &address, form },
            None if origin.is_safe && failure.may_pass() => WayOn::Again(&address),
            None => {
                let came_from =
                    origin.came_from.as_deref().filter(|path| !origin.is_safe || *path != address);
                WayOn::Back(came_from.unwrap_or("/catalog"))
            }
        };
        let mut response = self.failure_page(failure, way_on);
        if let Failure::Busy(Some(seconds)) = failure {
            response.headers_mut().insert(header::RETRY_AFTER, (*seconds).into());
        }
        response
    }
}

impl Origin {
    fn of(method: &Method, headers: &HeaderMap, site: &Site) -> Self {
        let referrer = headers.get(header::REFERER).and_then(|value| value.to_str().ok());
        let came_from = referrer.and_then(|text| {
            let after_scheme = text.split_once("://")?.1;
            let path = after_scheme.strip_prefix(site.as_str())?;
            own_path(path).map(str::to_owned)
        });
        Self {
            is_safe: method.is_safe(),
            is_document: headers.get("sec-fetch-dest").is_none_or(|dest| dest == "document"),
            is_from_elsewhere: comes_from_elsewhere(headers),
            came_from,
        }
    }
}

fn add_preferences(setting: &Setting, visit: Option<&Visit>, response: &mut Response) {
    let namespace = visit.and_then(|_| namespace_of(&setting.path));
    let namespace = namespace.and_then(|name| cookie::set_preference(&setting.site, NAMESPACE_COOKIE, name));
    for cookie in setting.cookies.iter().cloned().chain(namespace) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
