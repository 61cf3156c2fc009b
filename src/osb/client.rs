//! Which request does an operation send, and which responses does it accept?

use std::sync::Arc;
use std::time::Instant;

use reqwest::Method;

use super::{
    AnswerMemory, ApiVersion, BindRequest, BindResponse, Catalog, Config, ConfigError, DeletionResponse,
    Error, InstanceResponse, LastOperation, LastOperationQuery, Observation, Observer, OriginatingIdentity,
    PlanQuery, ProvisionRequest, ProvisionResponse, Redactor, Reply, Reservation, UpdateRequest,
    UpdateResponse, answer::Answer, answer_memory::LARGE, request::Request, transport::Transport,
    version::ASYNC_BINDINGS,
};

/// A client for one broker. Clones share its connection pool.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    max_catalog_plans: usize,
    memory: AnswerMemory,
    /// The memory for the next large answer, if it is used longer than it takes to decode the answer.
    reservation: Option<Arc<Reservation>>,
    observer: Option<Observer>,
}

impl Client {
    /// Creates a client. Sends nothing.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        Ok(Self {
            transport: Transport::new(config)?,
            max_catalog_plans: config.max_catalog_plans,
            memory: config.memory.clone(),
            reservation: None,
            observer: config.observer.clone(),
        })
    }

    /// Memory for one large answer of this broker. It takes nothing before there is such an answer.
    pub fn reserve(&self) -> Arc<Reservation> {
        self.memory.reserve()
    }

    /// A client whose large answers take this memory until the reservation is dropped. Without a reservation, an answer
    /// takes memory until it is decoded.
    #[must_use]
    pub fn reserving(&self, reservation: &Arc<Reservation>) -> Self {
        Self { reservation: Some(Arc::clone(reservation)), ..self.clone() }
    }

    /// A client that speaks this version of the API. A new client speaks the newest.
    #[must_use]
    pub fn speaking(&self, version: ApiVersion) -> Self {
        let mut client = self.clone();
        client.transport.version = version;
        client
    }

    /// Knows the credentials for the broker. The texts of its errors, polls and catalogs are redacted already.
    pub fn redactor(&self) -> &Redactor {
        self.transport.redactor()
    }

    /// Fetches the broker's catalog (“Catalog Management”).
    pub async fn catalog(&self) -> Result<Catalog, Error> {
        let (max_plans, version) = (self.max_catalog_plans, self.transport.version);
        let read = move |answer: &Answer| answer.catalog(max_plans).map(|catalog| version.restrict(catalog));
        self.call(Request::catalog(max_plans), read).await
    }

    /// Creates an instance (“Provisioning”).
    pub async fn provision(
        &self,
        instance_id: &str,
        body: &ProvisionRequest,
        identity: Option<&OriginatingIdentity>,
    ) -> Result<Reply<ProvisionResponse>, Error> {
        let request = Request::of_instance("ProvisionInstance", Method::PUT, instance_id)?
            .on_behalf_of(identity)
            .accepting_incomplete()
            .with_body(body, self.transport.version);
        self.call(request, Answer::reply).await
    }

    /// Fetches an instance. Only for offerings with `instances_retrievable` (“Fetching a Service Instance”).
    pub async fn fetch_instance(
        &self,
        instance_id: &str,
        query: &PlanQuery,
        identity: Option<&OriginatingIdentity>,
    ) -> Result<InstanceResponse, Error> {
        let request = Request::of_instance("GetInstance", Method::GET, instance_id)?
            .on_behalf_of(identity)
            .with_hints(query, self.transport.version);
        self.call(request, Answer::document).await
    }

    /// Updates an instance (“Updating a Service Instance”).
    pub async fn update(
        &self,
        instance_id: &str,
        body: &UpdateRequest,
        identity: Option<&OriginatingIdentity>,
    ) -> Result<Reply<UpdateResponse>, Error> {
        let request = Request::of_instance("UpdateInstance", Method::PATCH, instance_id)?
            .on_behalf_of(identity)
            .accepting_incomplete()
            .with_body(body, self.transport.version);
        self.call(request, Answer::reply).await
    }

    /// Deletes an instance (“Deprovisioning”). If it [is gone](Error::is_gone) already, this returns an error.
    pub async fn deprovision(
        &self,
        instance_id: &str,
        query: &PlanQuery,
        identity: Option<&OriginatingIdentity>,
    ) -> Result<Reply<DeletionResponse>, Error> {
        let request = Request::of_instance("DeprovisionInstance", Method::DELETE, instance_id)?
            .on_behalf_of(identity)
            .accepting_incomplete()
            .with_query(query);
        self.call(request, Answer::deletion).await
    }

    /// Polls an operation on an instance (“Polling Last Operation for Service Instances”).
    pub async fn poll_instance(
        &self,
        instance_id: &str,
        query: &LastOperationQuery,
        identity: Option<&OriginatingIdentity>,
    ) -> Result<LastOperation, Error> {
        let request = Request::of_instance("PollLastOperation", Method::GET, instance_id)?
            .on_behalf_of(identity)
            .polling(query);
        self.call(request, Answer::last_operation).await
    }

    /// Creates a binding, or the successor of a binding (“Binding”, “Binding Rotation”).
    ///
    /// Set `accepts_incomplete` only for offerings with `bindings_retrievable`: the credentials of a binding that the
    /// broker creates asynchronously have to be fetched.
    pub async fn bind(
        &self,
        instance_id: &str,
        binding_id: &str,
        body: &BindRequest,
        accepts_incomplete: bool,
        identity: Option<&OriginatingIdentity>,
    ) -> Result<Reply<BindResponse>, Error> {
        let mut request = Request::of_binding("Bind", Method::PUT, (instance_id, binding_id))?
            .for_credentials()
            .on_behalf_of(identity)
            .with_body(body, self.transport.version);
        if accepts_incomplete {
            request = request.accepting_incomplete();
        }
        self.call(request, move |answer| answer.binding(accepts_incomplete)).await
    }

    /// Fetches a binding. Only for offerings with `bindings_retrievable` (“Fetching a Service Binding”).
    pub async fn fetch_binding(
        &self,
        instance_id: &str,
        binding_id: &str,
        query: &PlanQuery,
        identity: Option<&OriginatingIdentity>,
    ) -> Result<BindResponse, Error> {
        let request = Request::of_binding("GetBinding", Method::GET, (instance_id, binding_id))?
            .for_credentials()
            .on_behalf_of(identity)
            .with_hints(query, self.transport.version);
        self.call(request, Answer::document).await
    }

    /// Deletes a binding (“Unbinding”). If it [is gone](Error::is_gone) already, this returns an error.
    pub async fn unbind(
        &self,
        instance_id: &str,
        binding_id: &str,
        query: &PlanQuery,
        identity: Option<&OriginatingIdentity>,
    ) -> Result<Reply<DeletionResponse>, Error> {
        let mut request =
            Request::of_binding("Unbind", Method::DELETE, (instance_id, binding_id))?.on_behalf_of(identity);
        if self.transport.version >= ASYNC_BINDINGS {
            request = request.accepting_incomplete();
        }
        let request = request.with_query(query);
        self.call(request, Answer::deletion).await
    }

    /// Polls an operation on a binding (“Polling Last Operation for Service Bindings”).
    pub async fn poll_binding(
        &self,
        instance_id: &str,
        binding_id: &str,
        query: &LastOperationQuery,
        identity: Option<&OriginatingIdentity>,
    ) -> Result<LastOperation, Error> {
        let request =
            Request::of_binding("PollBindingLastOperation", Method::GET, (instance_id, binding_id))?
                .on_behalf_of(identity)
                .polling(query);
        self.call(request, Answer::last_operation).await
    }

    async fn call<T: Send + 'static>(
        &self,
        request: Request<'_>,
        read: impl FnOnce(&Answer) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let start = Instant::now();
        let reservation = self.reservation.clone().unwrap_or_else(|| self.reserve());
        let answer = self.transport.exchange(&request, &reservation).await;
        if let Some(observer) = &self.observer {
            let status = answer.as_ref().map_or_else(Error::status, |answer| Some(answer.status));
            observer(&Observation {
                method: request.name,
                status: status_class(status),
                duration: start.elapsed(),
            });
        }
        let answer = answer?;
        if answer.body.len() <= LARGE {
            return read(&answer);
        }
        // Off the async threads: this takes up to a second.
        let decoded = tokio::task::spawn_blocking(move || read(&answer)).await;
        decoded
            .unwrap_or_else(|error| Err(Error::NoAnswer { reason: format!("it was not decoded: {error}") }))
    }
}

/// The class of a status, as a metric label.
fn status_class(status: Option<u16>) -> &'static str {
    match status.map(|status| status / 100) {
        Some(1) => "1xx",
        Some(2) => "2xx",
        Some(3) => "3xx",
        Some(4) => "4xx",
        Some(5) => "5xx",
        _ => "client-error",
    }
}
