//! How is one request sent: headers, redirects, timeout, size limit? (“API Version Header”, “Request Identity”)

use std::{sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER},
};
use jiff::Timestamp;
use reqwest::{Method, Response};
use tokio::time::{Instant, timeout_at};
use url::Url;
use uuid::Uuid;

use super::{
    API_VERSION, Config, ConfigError, Error, answer::Answer, error, header, request::Request, retry_after,
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The number of redirects of a GET that the client follows.
const MAX_REDIRECTS: usize = 3;

/// The upper limit of the configured timeout.
const MAX_TIMEOUT: Duration = Duration::from_hours(24);

/// The transport to one broker.
#[derive(Clone)]
pub(super) struct Transport {
    wire: Wire,
    base: Arc<Url>,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

/// How requests reach the broker.
#[derive(Clone)]
enum Wire {
    Http(reqwest::Client),
    #[cfg(test)]
    InProcess(super::in_process::Broker),
}

impl Wire {
    fn new(config: &Config, base: &Url) -> Result<Self, ConfigError> {
        #[cfg(test)]
        if let Some(broker) = super::in_process::find(base) {
            return Ok(Self::InProcess(broker));
        }
        Ok(Self::Http(config.http(base)?))
    }
}

impl Transport {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        let base = config.base()?;
        Ok(Self {
            wire: Wire::new(config, &base)?,
            base: Arc::new(base),
            authorization: config.authorization()?,
            timeout: config.timeout.min(MAX_TIMEOUT),
        })
    }

    /// Sends a request and reads the response. The timeout covers both, and all redirects.
    pub(super) async fn exchange(&self, request: &Request<'_>) -> Result<Answer, Error> {
        match &self.wire {
            Wire::Http(http) => self.exchange_over(http, request).await,
            #[cfg(test)]
            Wire::InProcess(broker) => self.exchange_with(broker, request).await,
        }
    }

    async fn exchange_over(&self, http: &reqwest::Client, request: &Request<'_>) -> Result<Answer, Error> {
        let deadline = Instant::now() + self.timeout;
        let mut url = request.url(&self.base);
        let mut followed = 0;
        loop {
            let response = self.send(http, request, &url, deadline).await?;
            if !response.status().is_redirection() {
                return Ok(read(response, request.limit, deadline).await);
            }
            let may_follow = request.method == Method::GET && followed < MAX_REDIRECTS;
            url = redirect_target(&url, &response, may_follow)?;
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
            Ok(result) => result.map_err(error::without_response),
            Err(_) => Err(Error::NoAnswer { reason: format!("timed out after {:?}", self.timeout) }),
        };
        let status = result.as_ref().map(|response| response.status().as_u16()).ok();
        let error = result.as_ref().err().map(ToString::to_string);
        let (call, path) = (request.name, url.path());
        tracing::debug!(%request_id, call, path, status, error, "broker request finished");
        result
    }

    fn headers(&self, request: &Request<'_>, request_id: Uuid) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Ok(request_id) = HeaderValue::try_from(request_id.to_string()) {
            headers.insert(header::REQUEST_IDENTITY, request_id);
        }
        if request.body.is_some() {
            headers.insert(CONTENT_TYPE, JSON);
        }
        headers.insert(header::API_VERSION, HeaderValue::from_static(API_VERSION));
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

#[cfg(test)]
impl Transport {
    async fn exchange_with(
        &self,
        broker: &super::in_process::Broker,
        request: &Request<'_>,
    ) -> Result<Answer, Error> {
        let message =
            http::Request::builder().method(request.method.clone()).uri(request.url(&self.base).as_str());
        let mut message = message.body(request.body.clone().unwrap_or_default()).unwrap();
        *message.headers_mut() = self.headers(request, Uuid::new_v4());
        let answer = broker(message).await?;
        let (head, body) = answer.head_and_body.into_parts();
        let status = head.status.as_u16();
        if head.status.is_redirection() {
            return Err(Error::Redirected { status, location: None });
        }
        let retry_after = requested_delay(&head.headers);
        Ok(Answer { status, retry_after, body: body.to_vec(), defect: answer.defect })
    }
}

/// The delay that the response requests with `Retry-After`.
fn requested_delay(headers: &HeaderMap) -> Option<Duration> {
    retry_after::parse(headers.get(RETRY_AFTER)?.to_str().ok()?, Timestamp::now())
}

/// The target of a redirect. It must be on the same origin, because the request carries credentials.
fn redirect_target(from: &Url, response: &Response, may_follow: bool) -> Result<Url, Error> {
    let status = response.status().as_u16();
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    match location.and_then(|location| from.join(location).ok()) {
        Some(target)
            if may_follow
                && matches!(status, 301 | 302 | 303 | 307 | 308)
                && target.origin() == from.origin() =>
        {
            let mut url = from.clone();
            url.set_path(target.path());
            url.set_query(target.query());
            Ok(url)
        }
        target => Err(Error::Redirected {
            status,
            location: target.map(|target| target.origin().ascii_serialization() + target.path()),
        }),
    }
}

/// Reads a response to its end, but at most `limit` bytes and not beyond the deadline. Whatever is missing becomes the
/// answer's defect: the status counts even without a complete body.
async fn read(mut response: Response, limit: usize, deadline: Instant) -> Answer {
    let retry_after = requested_delay(response.headers());
    let mut answer =
        Answer { status: response.status().as_u16(), retry_after, body: Vec::new(), defect: None };
    loop {
        answer.defect = match timeout_at(deadline, response.chunk()).await {
            Ok(Ok(Some(chunk))) if chunk.len() <= limit - answer.body.len() => {
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
