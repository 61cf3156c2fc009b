//! Which URL and body does a request have? (“URL Properties”, “Characters in IDs”)

use std::fmt::Write;

use bytes::Bytes;
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use super::answer_memory::LARGE;
use super::version::FETCH_HINTS;
use super::{ApiVersion, AsyncQuery, Error, LastOperationQuery, OriginatingIdentity, PlanQuery, route};

/// One request to a broker.
pub(super) struct Request<'a> {
    /// The name of the call in metrics and logs.
    pub(super) name: &'static str,
    pub(super) method: Method,
    /// One of the paths in [`route`].
    route: &'static str,
    /// The ids in the route, percent-encoded. Empty if the route has none.
    instance_id: String,
    binding_id: String,
    query: Vec<(String, String)>,
    pub(super) body: Option<Bytes>,
    pub(super) identity: Option<&'a OriginatingIdentity>,
    /// The size limit of the response body, in bytes.
    pub(super) limit: usize,
}

// Size limits of response bodies, in bytes: brokers must not exhaust the memory, however many there are.
const RESPONSE_LIMIT: usize = LARGE;
/// More than the credentials that fit into a Secret.
const CREDENTIALS_LIMIT: usize = 1536 * 1024;
/// Of a catalog, for each plan that it may have.
const CATALOG_LIMIT_PER_PLAN: usize = 2 * 1024;
/// Of a catalog that may have few plans.
const MIN_CATALOG_LIMIT: usize = 1024 * 1024;

impl<'a> Request<'a> {
    fn new(name: &'static str, method: Method, route: &'static str) -> Self {
        Self {
            name,
            method,
            route,
            instance_id: String::new(),
            binding_id: String::new(),
            query: Vec::new(),
            body: None,
            identity: None,
            limit: RESPONSE_LIMIT,
        }
    }

    /// A catalog of at most so many plans.
    pub(super) fn catalog(max_plans: usize) -> Self {
        let limit = max_plans.saturating_mul(CATALOG_LIMIT_PER_PLAN).max(MIN_CATALOG_LIMIT);
        Self { limit, ..Self::new("GetCatalog", Method::GET, route::CATALOG) }
    }

    pub(super) fn of_instance(name: &'static str, method: Method, id: &str) -> Result<Self, Error> {
        Ok(Self { instance_id: segment(id)?, ..Self::new(name, method, route::INSTANCE) })
    }

    pub(super) fn of_binding(name: &'static str, method: Method, ids: (&str, &str)) -> Result<Self, Error> {
        let (instance_id, binding_id) = (segment(ids.0)?, segment(ids.1)?);
        Ok(Self { instance_id, binding_id, ..Self::new(name, method, route::BINDING) })
    }

    /// The response has credentials, so it may be larger than others.
    pub(super) fn for_credentials(self) -> Self {
        Self { limit: CREDENTIALS_LIMIT, ..self }
    }

    pub(super) fn on_behalf_of(self, identity: Option<&'a OriginatingIdentity>) -> Self {
        Self { identity, ..self }
    }

    /// Adds the members of the body that this version of the API knows.
    pub(super) fn with_body(self, body: &impl Serialize, version: ApiVersion) -> Self {
        let mut body = json!(body);
        version.prune(&mut body);
        Self { body: Some(body.to_string().into()), ..self }
    }

    pub(super) fn accepting_incomplete(self) -> Self {
        self.with_query(&AsyncQuery { accepts_incomplete: true })
    }

    pub(super) fn polling(mut self, query: &LastOperationQuery) -> Self {
        self.route = match self.route {
            route::BINDING => route::BINDING_LAST_OPERATION,
            _ => route::INSTANCE_LAST_OPERATION,
        };
        self.with_query(query)
    }

    /// Adds the ids of service and plan to a request that fetches an object, if this version of the API knows them there.
    pub(super) fn with_hints(self, query: &PlanQuery, version: ApiVersion) -> Self {
        if version < FETCH_HINTS { self } else { self.with_query(query) }
    }

    /// Adds the members of a flat object to the query. Omits empty values: the specification gives them no meaning.
    pub(super) fn with_query(mut self, query: &impl Serialize) -> Self {
        if let Value::Object(members) = json!(query) {
            let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let members = members.into_iter().map(|(name, value)| (name, text(value)));
            self.query.extend(members.filter(|(_, value)| !value.is_empty()));
        }
        self
    }

    /// The URL of the request below the broker's base URL.
    pub(super) fn url(&self, base: &Url) -> Url {
        let mut url = base.clone();
        let path = self.route.replace("{instance_id}", &self.instance_id);
        let path = path.replace("{binding_id}", &self.binding_id);
        url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
        let query: Vec<String> =
            self.query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        url.set_query((!query.is_empty()).then(|| query.join("&")).as_deref());
        url
    }
}

/// An id as a path segment. An empty id and dot segments are refused, because they would address another resource.
fn segment(id: &str) -> Result<String, Error> {
    match id {
        "" | "." | ".." => Err(Error::InvalidId { id: id.to_owned() }),
        id => Ok(encode(id)),
    }
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use axum::extract::Query;
    use serde::de::DeserializeOwned;

    use super::*;

    fn base(url: &str) -> Url {
        Url::parse(url).unwrap()
    }

    #[test]
    fn the_base_url_may_have_a_path() {
        let cases = [
            ("http://b", "http://b/v2/catalog"),
            ("http://b/", "http://b/v2/catalog"),
            ("http://b:81/one/two", "http://b:81/one/two/v2/catalog"),
            ("https://b/one//", "https://b/one/v2/catalog"),
            ("https://b/a%2Fb", "https://b/a%2Fb/v2/catalog"),
        ];
        for (url, expected) in cases {
            assert_eq!(Request::catalog(10).url(&base(url)).as_str(), expected);
        }
    }

    #[test]
    fn ids_are_encoded_in_paths_and_queries() {
        let id = "aZ09-._~ +/?#%&=:@!'ä";
        let encoded = "aZ09-._~%20%2B%2F%3F%23%25%26%3D%3A%40%21%27%C3%A4";
        let query = LastOperationQuery {
            service_id: id.to_owned(),
            plan_id: String::new(),
            operation: Some(id.to_owned()),
        };
        let request = Request::of_binding("", Method::GET, (id, id)).unwrap().polling(&query);
        assert_eq!(
            request.url(&base("http://b/")).as_str(),
            format!(
                "http://b/v2/service_instances/{encoded}/service_bindings/{encoded}/last_operation\
                 ?operation={encoded}&service_id={encoded}"
            ),
        );
    }

    /// The query as a server parses it.
    fn parsed_query<T: DeserializeOwned>(url: &Url) -> T {
        Query::try_from_uri(&url.as_str().parse().unwrap()).unwrap().0
    }

    #[test]
    fn a_server_reads_the_queries_that_the_client_writes() {
        let id = "aZ09-._~ +/?#%&=:@!'ä";
        let plan = PlanQuery { service_id: id.to_owned(), plan_id: "true".to_owned() };
        let request = Request::of_instance("", Method::DELETE, "i").unwrap();
        let url = request.accepting_incomplete().with_query(&plan).url(&base("http://b"));
        assert_eq!(parsed_query::<AsyncQuery>(&url), AsyncQuery { accepts_incomplete: true });
        assert_eq!(parsed_query::<PlanQuery>(&url), plan);

        let poll = LastOperationQuery {
            service_id: id.to_owned(),
            plan_id: String::new(),
            operation: Some(id.to_owned()),
        };
        let request = Request::of_binding("", Method::GET, ("i", "b")).unwrap().polling(&poll);
        assert_eq!(parsed_query::<LastOperationQuery>(&request.url(&base("http://b"))), poll);
    }

    #[test]
    fn ids_that_would_change_the_path_are_refused() {
        for id in ["", ".", ".."] {
            let refused = Error::InvalidId { id: id.to_owned() };
            assert_eq!(Request::of_instance("", Method::DELETE, id).err(), Some(refused.clone()));
            assert_eq!(Request::of_binding("", Method::DELETE, ("i", id)).err(), Some(refused.clone()));
            assert_eq!(Request::of_binding("", Method::DELETE, (id, "b")).err(), Some(refused));
        }
        let request = Request::of_instance("", Method::GET, "...").unwrap();
        assert_eq!(request.url(&base("http://b")).path(), "/v2/service_instances/...");
    }

    #[test]
    fn no_operation_is_sent_if_the_broker_gave_none() {
        for operation in [None, Some(String::new())] {
            let query = LastOperationQuery { service_id: "s".to_owned(), plan_id: "p".to_owned(), operation };
            let request = Request::of_instance("", Method::GET, "i").unwrap().polling(&query);
            assert_eq!(request.url(&base("http://b")).query(), Some("plan_id=p&service_id=s"));
        }
    }
}
