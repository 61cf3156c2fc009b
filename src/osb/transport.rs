//! How is one request sent: headers, redirects, timeout, size limit? (“API Version Header”, “Request Identity”)

use std::{sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER},
};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use reqwest::{Method, Response};
use tokio::time::{Instant, timeout_at};
use url::Url;
use uuid::Uuid;

use super::{
    ApiVersion, ChosenBy, Config, ConfigError, Error, Redactor, Reservation, address::Resolver,
    answer::Answer, answer_memory::LARGE, error, header, request::Request, retry_after, screen::Screen,
    text::excerpt,
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The number of redirects of a GET that the client follows.
const MAX_REDIRECTS: usize = 3;

/// The length, in characters, to which the target of a redirect is cut in messages.
const MAX_LOCATION_CHARS: usize = 300;

/// The length, in characters, to which the name of a content encoding is cut in messages.
const MAX_ENCODING_CHARS: usize = 50;

/// The upper limit of the configured timeout.
const MAX_TIMEOUT: Duration = Duration::from_hours(24);

/// The transport to one broker.
#[derive(Clone)]
pub(super) struct Transport {
    wire: Wire,
    base: Arc<Url>,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    screen: Screen,
    /// The version of the API that requests declare.
    pub(super) version: ApiVersion,
}

/// How requests reach the broker.
#[derive(Clone)]
enum Wire {
    Http(reqwest::Client),
    #[cfg(test)]
    InProcess(super::in_process::Broker),
}

impl Wire {
    fn new(config: &Config, base: &Url, resolver: Resolver) -> Result<Self, ConfigError> {
        #[cfg(test)]
        if let Some(broker) = super::in_process::find(base) {
            return Ok(Self::InProcess(broker));
        }
        Ok(Self::Http(config.http(base, resolver)?))
    }
}

impl Transport {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        let base = config.base()?;
        // First: nothing else is made of credentials that are too long.
        let authorization = config.authorization()?;
        Ok(Self {
            wire: Wire::new(config, &base, config.resolver(&base)?)?,
            screen: Screen { redactor: config.redactor(&base), chosen_by: config.chosen_by },
            base: Arc::new(base),
            authorization,
            timeout: config.timeout.min(MAX_TIMEOUT),
            version: ApiVersion::default(),
        })
    }

    pub(super) fn redactor(&self) -> &Redactor {
        &self.screen.redactor
    }

    /// Sends a request and reads the response. The timeout covers both, and all redirects, but not the wait for memory.
    pub(super) async fn exchange(
        &self,
        request: &Request<'_>,
        reservation: &Reservation,
    ) -> Result<Answer, Error> {
        match &self.wire {
            Wire::Http(http) => self.exchange_over(http, request, reservation).await,
            #[cfg(test)]
            Wire::InProcess(broker) => self.exchange_with(broker, request).await,
        }
    }

    async fn exchange_over(
        &self,
        http: &reqwest::Client,
        request: &Request<'_>,
        reservation: &Reservation,
    ) -> Result<Answer, Error> {
        let deadline = Instant::now() + self.timeout;
        let mut url = request.url(&self.base);
        let mut followed = 0;
        loop {
            let response = self.send(http, request, &url, deadline).await?;
            if !response.status().is_redirection() {
                return Ok(self.read(response, request.limit, deadline, reservation).await);
            }
            let may_follow = request.method == Method::GET && followed < MAX_REDIRECTS;
            url = self.redirect_target(&url, response.status(), response.headers(), may_follow)?;
            followed += 1;
        }
    }

    /// Sends a request once, and waits for status and headers of the response.
    async fn send(
        &self,
        http: &reqwest::Client,
        request: &Request<'_>,
        url: &Url,
        deadline: Instant,
    ) -> Result<Response, Error> {
        let request_id = Uuid::new_v4();
        let mut message =
            http.request(request.method.clone(), url.clone()).headers(self.headers(request, request_id));
        if let Some(body) = &request.body {
            message = message.body(body.clone());
        }
        let result = match timeout_at(deadline, message.send()).await {
            Ok(result) => result.map_err(|error| self.without_response(request_id, error)),
            Err(_) => Err(Error::NoAnswer { reason: format!("timed out after {:?}", self.timeout) }),
        };
        let status = result.as_ref().map(|response| response.status().as_u16()).ok();
        let error = result.as_ref().err().map(ToString::to_string);
        let (call, path) = (request.name, url.path());
        tracing::debug!(%request_id, call, path, status, error, "broker request finished");
        result
    }

    /// The error for a request without a response. A tenant is not told what an administrator finds in the log.
    fn without_response(&self, request_id: Uuid, error: reqwest::Error) -> Error {
        match self.screen.chosen_by {
            ChosenBy::Administrator => error::without_response(error),
            ChosenBy::Tenant => {
                let told = error::without_response_for_tenant(&error);
                let reason = error::reason(error);
                tracing::debug!(%request_id, reason, "broker request failed");
                told
            }
        }
    }

    fn headers(&self, request: &Request<'_>, request_id: Uuid) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Ok(request_id) = HeaderValue::try_from(request_id.to_string()) {
            headers.insert(header::REQUEST_IDENTITY, request_id);
        }
        if request.body.is_some() {
            headers.insert(CONTENT_TYPE, JSON);
        }
        headers.insert(header::API_VERSION, HeaderValue::from_static(self.version.as_str()));
        headers.insert(ACCEPT, JSON);
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        if let Some(Ok(identity)) = request.identity.map(|identity| identity.header().try_into()) {
            headers.insert(header::ORIGINATING_IDENTITY, identity);
        }
        headers
    }
}

impl Transport {
    /// The target of a redirect. It must be on the same origin and below the base URL, because the request carries
    /// credentials, and because others may be responsible for what is beside the broker.
    fn redirect_target(
        &self,
        from: &Url,
        status: StatusCode,
        headers: &HeaderMap,
        may_follow: bool,
    ) -> Result<Url, Error> {
        let status = status.as_u16();
        let location = headers.get(LOCATION).and_then(|location| location.to_str().ok());
        match location.and_then(|location| from.join(location).ok()) {
            Some(target)
                if may_follow
                    && matches!(status, 301 | 302 | 303 | 307 | 308)
                    && target.origin() == from.origin()
                    && is_below(&self.base, &target) =>
            {
                let mut url = from.clone();
                url.set_path(target.path());
                url.set_query(target.query());
                Ok(url)
            }
            target => Err(Error::Redirected {
                status,
                location: target.filter(|target| self.may_tell(target)).map(|target| {
                    let location = target.origin().ascii_serialization() + target.path();
                    self.screen.line(&location, MAX_LOCATION_CHARS)
                }),
            }),
        }
    }

    /// Whether the target of a redirect may be told. A tenant knows only the host that is in the URL.
    fn may_tell(&self, target: &Url) -> bool {
        self.screen.chosen_by == ChosenBy::Administrator || target.host() == self.base.host()
    }

    /// Reads a response to its end, but at most `limit` bytes and not beyond the deadline. Whatever is missing becomes the
    /// answer's defect: the status counts even without a complete body.
    async fn read(
        &self,
        mut response: Response,
        limit: usize,
        mut deadline: Instant,
        reservation: &Reservation,
    ) -> Answer {
        let retry_after = requested_delay(response.headers());
        let (status, screen) = (response.status().as_u16(), self.screen.clone());
        let content_type = media_type(response.headers());
        let defect = unknown_encoding(response.headers());
        let mut answer = Answer { status, retry_after, content_type, body: Vec::new(), defect, screen };
        if answer.defect.is_some() {
            return answer;
        }
        loop {
            answer.defect = match timeout_at(deadline, response.chunk()).await {
                Ok(Ok(Some(chunk))) if chunk.len() <= limit - answer.body.len() => {
                    if answer.body.len() + chunk.len() > LARGE {
                        let start = Instant::now();
                        reservation.take().await;
                        deadline += start.elapsed();
                    }
                    answer.body.extend_from_slice(&chunk);
                    continue;
                }
                Ok(Ok(None)) => None,
                Ok(Ok(Some(_))) => Some(format!("it is longer than the limit of {} KiB", limit / 1024)),
                Ok(Err(error)) => Some(format!("it ended early: {}", error::reason(error))),
                Err(_) => Some("it did not end in time".to_owned()),
            };
            return answer;
        }
    }
}

#[cfg(test)]
impl Transport {
    async fn exchange_with(
        &self,
        broker: &super::in_process::Broker,
        request: &Request<'_>,
    ) -> Result<Answer, Error> {
        let mut url = request.url(&self.base);
        let mut followed = 0;
        loop {
            let message = http::Request::builder().method(request.method.clone()).uri(url.as_str());
            let message = message.body(request.body.clone().unwrap_or_default());
            // A broker may redirect to an address of any length.
            let mut message = message.map_err(|error| Error::Unreachable { reason: error.to_string() })?;
            *message.headers_mut() = self.headers(request, Uuid::new_v4());
            let answer = broker(message).await?;
            let (head, body) = answer.head_and_body.into_parts();
            if head.status.is_redirection() {
                let may_follow = request.method == Method::GET && followed < MAX_REDIRECTS;
                url = self.redirect_target(&url, head.status, &head.headers, may_follow)?;
                followed += 1;
                continue;
            }
            return Ok(Answer {
                status: head.status.as_u16(),
                retry_after: requested_delay(&head.headers),
                content_type: media_type(&head.headers),
                body: body.to_vec(),
                defect: answer.defect,
                screen: self.screen.clone(),
            });
        }
    }
}

/// The delay that the response requests with `Retry-After`.
fn requested_delay(headers: &HeaderMap) -> Option<Duration> {
    retry_after::parse(headers.get(RETRY_AFTER)?.to_str().ok()?, Timestamp::now())
}

/// Why a body cannot be read that is still encoded: the HTTP client has removed the encodings that it knows.
fn unknown_encoding(headers: &HeaderMap) -> Option<String> {
    let encoding = headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity")?;
    let encoding = excerpt(encoding.to_str().unwrap_or_default(), MAX_ENCODING_CHARS);
    Some(format!("its content encoding {encoding:?} is not supported: the operator accepts gzip"))
}

/// The type of the response's body, such as `text/html`, without parameters.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let media_type = headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').next()?.trim();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/.+-".contains(&byte);
    (media_type.len() <= 100 && media_type.bytes().all(is_plain)).then(|| media_type.to_owned())
}

/// Whether a URL of the same origin is below the base URL. Dots that a server may decode do not lead out of it.
fn is_below(base: &Url, target: &Url) -> bool {
    let rest = target.path().strip_prefix(base.path().trim_end_matches('/'));
    let decoded: Vec<u8> = percent_decode_str(target.path()).collect();
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        && decoded.split(|byte| matches!(byte, b'/' | b'\\')).all(|segment| segment != b"..")
}
