//! Which answers may a broker give, and what does the client make of them? The answers reach the client as those of the
//! simulation do, without a socket.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes as Body;
use futures::FutureExt as _;
use http::HeaderValue;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use proptest::option;
use proptest::prelude::{BoxedStrategy, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::strategy::Just;

use super::corpus::ANSWERS;
use super::mutation::{Bytes, text_of};
use super::properties::{assert_message, assert_round_trip};
use super::target::{Case, Verdict, case};
use super::words::{SECRET, text};
use crate::osb::{
    AnswerMemory, Authentication, BindRequest, BindResponse, ChosenBy, Client, Config, DEFAULT_TIMEOUT,
    Error, LastOperationQuery, NameLookups, PlanQuery, ProvisionRequest, Reply, Screened, UpdateRequest,
    in_process,
};

const BASE: &str = "http://broker.test/base";
/// The longest message of an error, in characters: 500 of a description, 100 of a code, and what explains them.
const MAX_ERROR_CHARS: usize = 750;

/// What a broker answers.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<String>,
    pub content_type: Option<String>,
    pub location: Option<String>,
    pub body: Bytes,
    pub defect: Option<String>,
    pub chosen_by: ChosenBy,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, retry_after, content_type, location, body, defect, chosen_by } = self;
        write!(f, "{status} to {chosen_by:?}, defect: {defect:?}, Retry-After: {retry_after:?}, ")?;
        write!(f, "Content-Type: {content_type:?}, Location: {location:?}\n{body:?}")
    }
}

impl Answer {
    fn response(&self) -> in_process::Response {
        let mut response = http::Response::new(Body::from(self.body.0.clone()));
        *response.status_mut() = self.status.try_into().unwrap();
        let headers = [
            (RETRY_AFTER, &self.retry_after),
            (CONTENT_TYPE, &self.content_type),
            (LOCATION, &self.location),
        ];
        for (name, value) in headers {
            let value = value.as_ref().and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
            response.headers_mut().extend(value.map(|value| (name, value)));
        }
        in_process::Response { head_and_body: response, defect: self.defect.clone() }
    }

    /// A client of a broker that answers every request so, and the URLs of its requests.
    pub fn client(&self, max_catalog_plans: usize) -> (Client, Arc<Mutex<Vec<String>>>) {
        let (answer, requests) = (self.clone(), Arc::<Mutex<Vec<String>>>::default());
        let seen = Arc::clone(&requests);
        let broker = move |request: http::Request<Body>| {
            seen.lock().unwrap().push(request.uri().to_string());
            let response = answer.response();
            async move { Ok(response) }.boxed()
        };
        in_process::register(BASE, Arc::new(broker));
        let authentication = Authentication::Basic { username: "user".to_owned(), password: SECRET.into() };
        let chosen_by = self.chosen_by;
        let config = Config { chosen_by, authentication, max_catalog_plans, ..config(BASE) };
        (Client::new(&config).unwrap(), requests)
    }
}

/// The configuration of a client without credentials.
pub fn config(url: &str) -> Config {
    Config {
        url: url.to_owned(),
        chosen_by: ChosenBy::Tenant,
        allowed_addresses: Arc::default(),
        authentication: Authentication::None,
        ca_bundle: None,
        insecure_skip_tls_verify: false,
        timeout: DEFAULT_TIMEOUT,
        max_catalog_plans: 1,
        memory: AnswerMemory::default(),
        lookups: NameLookups::default(),
        observer: None,
    }
}

/// An answer with such a body.
pub fn answer(body: BoxedStrategy<Bytes>) -> BoxedStrategy<Answer> {
    let success = select(&[200_u16, 200, 201, 202][..]);
    let failure = select(&[301_u16, 307, 400, 401, 404, 408, 409, 410, 412, 422, 429, 500, 503][..]);
    let status = prop_oneof![4 => success, 3 => failure, 1 => 100_u16..1000];
    let location = prop_oneof![
        2 => text(),
        1 => text().prop_map(|path| format!("/base/{path}")),
        1 => text().prop_map(|path| format!("{BASE}/{path}")),
    ];
    let defect = prop_oneof![9 => Just(None), 1 => Just(Some("it ended early".to_owned()))];
    let chosen_by = select(&[ChosenBy::Tenant, ChosenBy::Administrator][..]);
    let headers = (option::of(delay()), option::of(text()), option::of(location));
    (status, headers, body, defect, chosen_by)
        .prop_map(|(status, (retry_after, content_type, location), body, defect, chosen_by)| Answer {
            status,
            retry_after,
            content_type,
            location,
            body,
            defect,
            chosen_by,
        })
        .boxed()
}

/// A value of `Retry-After`.
fn delay() -> BoxedStrategy<String> {
    let date =
        (0..9_u8, any::<u16>()).prop_map(|(day, year)| format!("Sun, {day:02} Nov {year} 08:49:37 GMT"));
    prop_oneof![2 => any::<u64>().prop_map(|seconds| seconds.to_string()), 1 => date, 2 => text()].boxed()
}

/// A request of the client.
#[derive(Clone, Copy, Debug)]
enum Call {
    Provision,
    FetchInstance,
    Update,
    Deprovision,
    PollInstance,
    Bind(bool),
    FetchBinding,
    Unbind,
    PollBinding,
}

const CALLS: &[Call] = &[
    Call::Provision,
    Call::FetchInstance,
    Call::Update,
    Call::Deprovision,
    Call::PollInstance,
    Call::Bind(true),
    Call::Bind(false),
    Call::FetchBinding,
    Call::Unbind,
    Call::PollBinding,
];

/// Any answer to any request but that for a catalog.
pub fn answers() -> Case {
    case((select(CALLS), answer(text_of(&ANSWERS))), |(call, answer)| {
        let (client, requests) = answer.client(10);
        let result = make(call, &client);
        if let Err(error) = &result {
            assert_error(error, &answer);
        }
        requests.lock().unwrap().iter().for_each(|url| assert_below_base(url));
        Verdict::accepted(result.is_ok())
    })
}

/// Makes the call, and checks a success.
fn make(call: Call, client: &Client) -> Result<(), Error> {
    let (plan, poll) = (PlanQuery::default(), LastOperationQuery::default());
    match call {
        Call::Provision => done(client.provision("i", &ProvisionRequest::default(), None)).map(|reply| {
            assert_reply(&reply);
            let (Reply::Done(body) | Reply::InProgress { body, .. }) = reply;
            body.dashboard_url.into_iter().for_each(assert_dashboard);
        }),
        Call::Update => done(client.update("i", &UpdateRequest::default(), None)).map(|reply| {
            assert_reply(&reply);
            let (Reply::Done(body) | Reply::InProgress { body, .. }) = reply;
            body.dashboard_url.into_iter().for_each(assert_dashboard);
        }),
        Call::FetchInstance => {
            done(client.fetch_instance("i", &plan, None)).map(|instance| assert_round_trip(&instance))
        }
        Call::Deprovision => done(client.deprovision("i", &plan, None)).map(|reply| assert_reply(&reply)),
        Call::Unbind => done(client.unbind("i", "b", &plan, None)).map(|reply| assert_reply(&reply)),
        Call::Bind(accepts_incomplete) => {
            let request = BindRequest::default();
            done(client.bind("i", "b", &request, accepts_incomplete, None)).map(|reply| {
                assert_reply(&reply);
                assert!(accepts_incomplete || matches!(reply, Reply::Done(_)));
                let (Reply::Done(body) | Reply::InProgress { body, .. }) = reply;
                assert_round_trip(&BindResponse { is_new: false, ignored: Vec::new(), ..body });
            })
        }
        Call::FetchBinding => done(client.fetch_binding("i", "b", &plan, None)).map(|binding| {
            assert_round_trip(&BindResponse { is_new: false, ignored: Vec::new(), ..binding });
        }),
        Call::PollInstance => done(client.poll_instance("i", &poll, None)).map(|last| {
            assert_message(last.description.as_deref().unwrap_or_default(), 501);
            assert_delay(last.retry_after);
        }),
        Call::PollBinding => done(client.poll_binding("i", "b", &poll, None)).map(|last| {
            assert_message(last.description.as_deref().unwrap_or_default(), 501);
            assert_delay(last.retry_after);
        }),
    }
}

/// The result of a call, in simulated time.
pub fn done<T>(call: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(call)
}

fn assert_reply<T>(reply: &Reply<T>) {
    if let Reply::InProgress { operation: Some(operation), .. } = reply {
        assert!((1..=10_000).contains(&operation.chars().count()), "{operation}");
    }
}

fn assert_delay(delay: Option<Duration>) {
    let range = Duration::from_secs(1)..=Duration::from_hours(1);
    assert!(delay.is_none_or(|delay| range.contains(&delay)), "{delay:?}");
}

fn assert_dashboard(url: String) {
    if let Some(Screened::Stored(url)) = Screened::dashboard_url(url) {
        let parsed = url::Url::parse(&url).unwrap();
        assert!(
            url.len() <= 2048 && ["http", "https"].contains(&parsed.scheme()) && parsed.password().is_none()
        );
        assert!(!url.contains(char::is_whitespace), "{url:?}");
    }
}

/// An error of the client has a message that anybody may read. Its answers to the questions on which the next step
/// depends follow from the status.
pub fn assert_error(error: &Error, answer: &Answer) {
    assert_message(&error.to_string(), MAX_ERROR_CHARS);
    assert_delay(error.retry_after());
    assert!(error.status().is_none_or(|status| status == answer.status));
    assert_eq!(error.is_gone(), answer.status == 410 && matches!(error, Error::Status { .. }));
    let is_json = serde_json::from_slice::<serde_json::Map<_, serde_json::Value>>(&answer.body.0).is_ok();
    if answer.chosen_by == ChosenBy::Tenant && !is_json {
        let told = error.description().unwrap_or_default();
        assert!(told.is_empty() || told.starts_with("the body is not an error"), "a tenant is told {told:?}");
    }
}

/// The request went to the broker: to no other host, and to nothing beside it.
fn assert_below_base(url: &str) {
    let url = url::Url::parse(url).unwrap();
    assert_eq!(url.host_str(), Some("broker.test"), "{url}");
    let path = percent_encoding::percent_decode_str(url.path()).decode_utf8_lossy().into_owned();
    assert!(path.starts_with("/base"), "{url}");
    assert!(path.split(['/', '\\']).all(|segment| segment != ".."), "{url}");
}
