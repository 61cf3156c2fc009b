//! Who is the user of a request, and with which client does the console call the API server for them?
//!
//! The console has no rights of its own. [`Access::visitor`] is the only way to a client, and it needs a user:
//!
//! | mode | the user | the client |
//! |---|---|---|
//! | local | opened the one-time URL; has a session | that of the kubeconfig |
//! | token | entered a bearer token; has a session | with that token, in the session |
//! | proxy header | sent by a proxy with each request | with the token of the request; nothing is kept |
//!
//! | file | question |
//! |---|---|
//! | `transport` | how is the API server reached? |
//! | `reading` | how much of its answers is in memory at once? |
//! | `identity` | who is the user, according to the API server? |
//! | `sessions`, `token_expiry` | who is logged in, and for how long? |
//! | `one_time_code` | who may open a local console? |
//! | `form_token`, `site` | does a request come from a page of the console? |
//! | `seal` | how does a browser carry what a page must not show? |
//! | `cookie`, `random` | how do browsers keep secrets, and where do these come from? |

pub mod cookie;
pub mod form_token;
pub mod identity;
mod one_time_code;
mod random;
pub mod reading;
mod seal;
pub mod sessions;
pub mod site;
mod token_expiry;
pub mod transport;

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::watch;

use form_token::FormKey;
use identity::{User, review};
use one_time_code::OneTimeCode;
use random::digest;
pub use random::{SecretDigest, Unavailable, secret, suffix};
use seal::SealKey;
use sessions::{Login, MAX_AGE, Sessions};
use site::Site;
use transport::{Personal, Transport, UserClient};

/// The purpose of the cookie with the session's id.
pub const SESSION_COOKIE: &str = "session";
/// The purpose of the cookie that ties the login form to the browser.
pub const LOGIN_COOKIE: &str = "login";

/// The longest bearer token that is accepted, in bytes.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// How users are known.
pub struct Access {
    mode: Mode,
    sessions: Sessions,
    form_key: FormKey,
    seal_key: SealKey,
}

/// The modes.
pub enum Mode {
    /// For the person who started the console.
    Local(Local),
    /// For users with a bearer token.
    Token(Transport),
    /// For users whom the proxy lets through.
    ProxyHeader(Transport),
}

/// The local mode.
pub struct Local {
    personal: Personal,
    code: OneTimeCode,
    port: u16,
}

/// The user of a request.
pub struct Visitor {
    /// The user.
    pub user: Arc<User>,
    /// Calls the API server as the user.
    pub client: UserClient,
    /// The session; `None` behind a proxy.
    pub session: Option<SecretDigest>,
}

/// Why a request has no user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// Local mode: the browser was not opened with the one-time URL, or the session has ended.
    NeedsUrl,
    /// Token mode: not logged in, or the session has ended.
    NeedsLogin,
    /// The request comes without the proxy's token, or the API server does not accept it.
    NeedsProxy,
    /// The API server could not be asked who the user is.
    Unreachable,
}

impl Access {
    /// For the person of this kubeconfig. The console listens on the loopback address at `port`.
    pub fn local(personal: Personal, port: u16) -> Result<Self, Unavailable> {
        Self::new(Mode::Local(Local { personal, code: OneTimeCode::default(), port }))
    }

    /// For several users.
    pub fn new(mode: Mode) -> Result<Self, Unavailable> {
        Ok(Self { mode, sessions: Sessions::default(), form_key: FormKey::new()?, seal_key: SealKey::new()? })
    }

    /// The mode.
    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// Whether the console answers to this name at all.
    pub fn serves(&self, site: &Site) -> bool {
        match &self.mode {
            Mode::Local(local) => site.is_local_console(local.port),
            Mode::Token(_) | Mode::ProxyHeader(_) => true,
        }
    }

    /// The user of a request with these headers.
    pub async fn visitor(&self, headers: &HeaderMap, site: &Site) -> Result<Visitor, Stranger> {
        let stranger = match &self.mode {
            Mode::Local(_) => Stranger::NeedsUrl,
            Mode::Token(_) => Stranger::NeedsLogin,
            Mode::ProxyHeader(transport) => return bearer_visitor(transport, headers).await,
        };
        let id = session_of(headers, site).ok_or(stranger)?;
        // A page that keeps itself up to date must not keep the session of an absent user alive.
        let found = if is_by_script(headers) { self.sessions.peek(&id) } else { self.sessions.find(&id) };
        let Login { user, client } = found.ok_or(stranger)?;
        Ok(Visitor { user, client, session: Some(id) })
    }

    /// Starts a session for the user of a bearer token; returns the value of its cookie. `Ok(None)`: the API server
    /// does not know the token.
    pub async fn log_in(&self, token: SecretString) -> Result<Option<SecretString>, LoginError> {
        let Mode::Token(transport) = &self.mode else { return Ok(None) };
        let Some(login) = login(transport, &token).await? else { return Ok(None) };
        let lifetime = token_expiry::remaining(token.expose_secret(), jiff::Timestamp::now());
        Ok(Some(self.sessions.start(login, lifetime.unwrap_or(MAX_AGE))?))
    }

    /// Starts the session of a local console; returns the value of its cookie. `Ok(None)`: the code is wrong or used.
    pub async fn redeem(&self, code: &str) -> Result<Option<SecretString>, Unavailable> {
        let Mode::Local(Local { personal, code: right, .. }) = &self.mode else { return Ok(None) };
        if !right.redeem(code) {
            return Ok(None);
        }
        // Without the API server, the pages say what is wrong. They need a session, too.
        let known = review(&personal.client).await.ok().flatten();
        let user = known.unwrap_or_else(|| User {
            name: personal.user_name.clone(),
            uid: String::new(),
            groups: Vec::new(),
        });
        let login = Login { user: Arc::new(user), client: personal.client.clone() };
        Ok(Some(self.sessions.start(login, MAX_AGE)?))
    }

    /// The URL that opens a local console, if the last one was used.
    pub fn new_url(&self) -> Result<Option<SecretString>, Unavailable> {
        let Mode::Local(Local { code, port, .. }) = &self.mode else { return Ok(None) };
        let code = code.renew()?;
        Ok(code.map(|code| format!("http://127.0.0.1:{port}/start?code={}", code.expose_secret()).into()))
    }

    /// Ends the session of a request with these headers.
    pub fn log_out(&self, headers: &HeaderMap, site: &Site) {
        if let Some(id) = session_of(headers, site) {
            self.sessions.end(&id);
        }
    }

    /// A receiver whose sender is dropped when the session of a request with these headers ends; `None` if it has ended.
    pub fn session_end(&self, headers: &HeaderMap, site: &Site) -> Option<watch::Receiver<()>> {
        self.sessions.end_of(&session_of(headers, site)?)
    }

    /// Ends a session, for example because the API server does not accept its token any more.
    pub fn end(&self, session: &SecretDigest) {
        self.sessions.end(session);
    }

    /// A token for the forms of this subject.
    pub fn form_token(&self, subject: &Subject) -> Result<String, Unavailable> {
        self.form_key.token(&subject.0)
    }

    /// Whether a form of this subject carries its token.
    pub fn accepts_form(&self, subject: &Subject, token: &str) -> bool {
        self.form_key.accepts(&subject.0, token)
    }

    /// Seals a text for a page of this subject.
    pub fn seal(&self, subject: &Subject, page: &str, text: &[u8]) -> Result<String, Unavailable> {
        self.seal_key.seal(&subject.on_page(page), text)
    }

    /// Opens a text that was sealed for this page and subject.
    pub fn open(&self, subject: &Subject, page: &str, sealed: &str) -> Option<Vec<u8>> {
        self.seal_key.open(&subject.on_page(page), sealed)
    }
}

/// What a form token is bound to. Each kind begins with another letter, so that none can stand for another.
pub struct Subject(Vec<u8>);

impl Subject {
    /// A visitor: the session, or behind a proxy the user's id and name.
    pub fn visitor(visitor: &Visitor) -> Self {
        Self(match &visitor.session {
            Some(session) => [b"s", session.as_slice()].concat(),
            None => format!("u{}\n{}", visitor.user.uid, visitor.user.name).into_bytes(),
        })
    }

    /// A browser that is about to log in, by its cookie.
    pub fn login(cookie: &str) -> Self {
        Self([b"l", digest(cookie).as_slice()].concat())
    }

    /// The bytes, to count by.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The subject together with a page. A page is a path, so that it has no line break, and the two cannot shift.
    fn on_page(&self, page: &str) -> Vec<u8> {
        [self.0.as_slice(), b"\n", page.as_bytes()].concat()
    }
}

/// Why a login failed, other than for its token.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The API server could not be asked.
    #[error(transparent)]
    ApiServer(#[from] kube::Error),
    /// There are no random numbers.
    #[error(transparent)]
    Random(#[from] Unavailable),
}

async fn bearer_visitor(transport: &Transport, headers: &HeaderMap) -> Result<Visitor, Stranger> {
    let token = bearer(headers).ok_or(Stranger::NeedsProxy)?;
    let login = login(transport, &token).await.map_err(|_| Stranger::Unreachable)?;
    let Login { user, client } = login.ok_or(Stranger::NeedsProxy)?;
    Ok(Visitor { user, client, session: None })
}

async fn login(transport: &Transport, token: &SecretString) -> Result<Option<Login>, kube::Error> {
    if token.expose_secret().len() > MAX_TOKEN_BYTES {
        return Ok(None);
    }
    let Some(client) = transport.as_bearer(token) else { return Ok(None) };
    match review(&client).await {
        Ok(user) => Ok(user.map(|user| Login { user: Arc::new(user), client })),
        Err(kube::Error::Api(status)) if status.code == 401 => Ok(None),
        Err(error) => Err(error),
    }
}

fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned().into())
}

/// Whether a script of a page made the request, and not the user. Browsers send this header, which scripts cannot change.
fn is_by_script(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-dest").is_some_and(|destination| destination == "empty")
}

fn session_of(headers: &HeaderMap, site: &Site) -> Option<SecretDigest> {
    cookie::read(headers, &cookie::secret_name(site, SESSION_COOKIE)).map(digest)
}
