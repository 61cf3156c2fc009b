//! Which request does an operation send, and which responses does it accept?

use std::time::Instant;

use reqwest::Method;

use super::{
    BindRequest, BindResponse, Catalog, Config, ConfigError, Error, InstanceResponse, LastOperation,
    LastOperationQuery, Observation, Observer, OriginatingIdentity, PlanQuery, ProvisionRequest,
    ProvisionResponse, Redactor, Reply, UpdateRequest, UpdateResponse, answer::Answer, request::Request,
    transport::Transport,
};

/// A client for one broker. Clones share its connection pool.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    max_catalog_plans: usize,
    observer: Option<Observer>,
}

impl Client {
    /// Creates a client. Sends nothing.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let (max_catalog_plans, observer) = (config.max_catalog_plans, config.observer.clone());
        Ok(Self { transport: Transport::new(config)?, max_catalog_plans, observer })
    }

    /// Knows the credentials for the broker. The texts of its errors, polls and catalogs are redacted already.
    pub fn redactor(&self) -> &Redactor {
        self.transport.redactor()
    }

    /// Fetches the broker's catalog (“Catalog Management”).
    pub async fn catalog(&self) -> Result<Catalog, Error> {
        let max_plans = self.max_catalog_plans;
        self.call(Request::catalog(max_plans), |answer| answer.catalog(max_plans)).await
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
            .with_body(body);
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
            .with_query(query);
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
            .with_body(body);
        self.call(request, Answer::reply).await
    }

    /// Deletes an instance (“Deprovisioning”). If it [is gone](Error::is_gone) already, this returns an error.
    pub async fn deprovision(
        &self,
        instance_id: &str,
        query: &PlanQuery,
        identity: Option<&OriginatingIdentity>,
    ) -> Result<Reply<()>, Error> {
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
            .with_body(body);
        if accepts_incomplete {
            request = request.accepting_incomplete();
        }
        self.call(request, |answer| answer.binding(accepts_incomplete)).await
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
            .with_query(query);
        self.call(request, Answer::document).await
    }

    /// Deletes a binding (“Unbinding”). If it [is gone](Error::is_gone) already, this returns an error.
    pub async fn unbind(
        &self,
        instance_id: &str,
        binding_id: &str,
        query: &PlanQuery,
        identity: Option<&OriginatingIdentity>,
    ) -> Result<Reply<()>, Error> {
        let request = Request::of_binding("Unbind", Method::DELETE, (instance_id, binding_id))?
            .on_behalf_of(identity)
            .accepting_incomplete()
            .with_query(query);
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

    async fn call<T>(
        &self,
        request: Request<'_>,
        read: impl FnOnce(&Answer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let start = Instant::now();
        let answer = self.transport.exchange(&request).await;
        if let Some(observer) = &self.observer {
            let status = answer.as_ref().map_or_else(Error::status, |answer| Some(answer.status));
            observer(&Observation {
                method: request.name,
                status: status_class(status),
                duration: start.elapsed(),
            });
        }
        read(&answer?)
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
