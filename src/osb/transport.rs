//! How is one request carried out: headers, redirects, limits? (“API Version Header”, “Request Identity”)

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use reqwest::{Method, Response};
use tokio::time::{Instant, timeout_at};
use url::Url;
use uuid::Uuid;

use super::{API_VERSION, Config, ConfigError, Error, answer::Answer, error, request::Request, retry_after};

const API_VERSION_HEADER: &str = "x-broker-api-version";
const REQUEST_IDENTITY_HEADER: &str = "x-broker-api-request-identity";
const ORIGINATING_IDENTITY_HEADER: &str = "x-broker-api-originating-identity";
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How many redirects of a GET are followed.
const MOST_REDIRECTS: usize = 3;

/// No request takes longer, whatever the configuration says.
const LONGEST_TIMEOUT: Duration = Duration::from_hours(24);

/// The way to one broker.
#[derive(Clone)]
pub(super) struct Transport {
    http: reqwest::Client,
    base: Arc<Url>,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

impl Transport {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        let base = config.base()?;
        Ok(Self {
            http: config.http(&base)?,
            base: Arc::new(base),
            authorization: config.authorization()?,
            timeout: config.timeout.min(LONGEST_TIMEOUT),
        })
    }

    /// Sends a request and reads the answer, within the timeout altogether.
    pub(super) async fn exchange(&self, request: &Request<'_>) -> Result<Answer, Error> {
        let deadline = Instant::now() + self.timeout;
        let mut url = request.url(&self.base);
        let mut followed = 0;
        loop {
            let response = self.send(request, &url, deadline).await?;
            if !response.status().is_redirection() {
                return Ok(read(response, request.limit, deadline).await);
            }
            let may_follow = request.method == Method::GET && followed < MOST_REDIRECTS;
            url = redirection(&url, &response, may_follow)?;
            followed += 1;
        }
    }

    /// Sends a request once, and waits for the head of the answer.
    async fn send(&self, request: &Request<'_>, url: &Url, deadline: Instant) -> Result<Response, Error> {
        let request_id = Uuid::new_v4();
        let mut message = self
            .http
            .request(request.method.clone(), url.clone())
            .headers(self.headers(request))
            .header(REQUEST_IDENTITY_HEADER, request_id.to_string());
        if let Some(body) = &request.body {
            message = message.header(header::CONTENT_TYPE, JSON).body(body.clone());
        }
        let result = match timeout_at(deadline, message.send()).await {
            Ok(result) => result.map_err(error::not_answered),
            Err(_) => Err(Error::NoAnswer { reason: format!("it did not answer within {:?}", self.timeout) }),
        };
        let status = result.as_ref().map(|response| response.status().as_u16()).ok();
        let error = result.as_ref().err().map(ToString::to_string);
        let (call, path) = (request.name, url.path());
        tracing::debug!(%request_id, call, path, status, error, "sent a request to a broker");
        result
    }

    fn headers(&self, request: &Request<'_>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(API_VERSION_HEADER, HeaderValue::from_static(API_VERSION));
        headers.insert(header::ACCEPT, JSON);
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        if let Some(Ok(identity)) = request.identity.map(|identity| identity.header().try_into()) {
            headers.insert(ORIGINATING_IDENTITY_HEADER, identity);
        }
        headers
    }
}

/// Where to go on, if that is allowed and on the same origin.
fn redirection(from: &Url, response: &Response, may_follow: bool) -> Result<Url, Error> {
    let status = response.status().as_u16();
    let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
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

/// Reads an answer to its end, but no further than `limit` bytes and not beyond the deadline.
async fn read(mut response: Response, limit: usize, deadline: Instant) -> Answer {
    let retry_after = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| retry_after::parse(value.to_str().ok()?, Timestamp::now()));
    let mut answer =
        Answer { status: response.status().as_u16(), retry_after, body: Vec::new(), defect: None };
    loop {
        answer.defect = match timeout_at(deadline, response.chunk()).await {
            Ok(Ok(Some(chunk))) if chunk.len() <= limit - answer.body.len() => {
                answer.body.extend_from_slice(&chunk);
                continue;
            }
            Ok(Ok(None)) => None,
            Ok(Ok(Some(_))) => Some(format!("it is longer than the limit of {} MiB", limit >> 20)),
            Ok(Err(error)) => Some(format!("it ended early: {}", error::reason(error))),
            Err(_) => Some("it did not end in time".to_owned()),
        };
        return answer;
    }
}
