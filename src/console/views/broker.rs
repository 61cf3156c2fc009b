//! A broker of either scope: where is it, how does the operator log in, and how is its catalog fetched?

use crate::crd::broker::{CommonServiceBrokerSpec, RelistBehavior};
use crate::crd::{BrokerStatus, ClusterServiceBroker, ServiceBroker};

use super::offering::Scope;
use crate::console::excerpt::cut;

/// How the operator logs in at a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// Not at all.
    None,
    /// With a user name and a password of this Secret.
    Basic(String),
    /// With a token of this Secret.
    Bearer(String),
}

/// What there is to say about a broker beside its state.
pub struct Broker {
    /// Where it is.
    pub scope: Scope,
    /// Its name.
    pub name: String,
    /// Its URL.
    pub url: String,
    /// How the operator logs in.
    pub login: Login,
    /// Whether its certificate is not verified.
    pub skips_verification: bool,
    /// Whether the catalog is fetched only on request.
    pub is_manual: bool,
    /// The time between two fetches, as the broker object has it; may be empty.
    pub interval: String,
    /// When the catalog was last fetched.
    pub last_fetch: Option<jiff::Timestamp>,
    /// Restrictions of the catalog.
    pub restrictions: Vec<String>,
    /// When it was created.
    pub created: Option<jiff::Timestamp>,
}

impl Broker {
    /// A cluster-wide broker.
    pub fn of_cluster(broker: &ClusterServiceBroker) -> Self {
        let auth = broker.spec.auth_info.as_ref();
        let secret = |config: &crate::crd::broker::ClusterAuthConfig| {
            let reference = config.secret_ref.clone().unwrap_or_default();
            format!("{}/{}", reference.namespace, reference.name)
        };
        let basic = auth.and_then(|auth| auth.basic.as_ref()).map(|config| Login::Basic(secret(config)));
        let bearer = auth.and_then(|auth| auth.bearer.as_ref()).map(|config| Login::Bearer(secret(config)));
        let login = basic.or(bearer).unwrap_or(Login::None);
        Self::of(Scope::Cluster, &broker.metadata, &broker.spec.common, broker.status.as_ref(), login)
    }

    /// A broker of a namespace.
    pub fn of_namespace(broker: &ServiceBroker) -> Self {
        let auth = broker.spec.auth_info.as_ref();
        let secret =
            |config: &crate::crd::broker::AuthConfig| config.secret_ref.clone().unwrap_or_default().name;
        let basic = auth.and_then(|auth| auth.basic.as_ref()).map(|config| Login::Basic(secret(config)));
        let bearer = auth.and_then(|auth| auth.bearer.as_ref()).map(|config| Login::Bearer(secret(config)));
        let login = basic.or(bearer).unwrap_or(Login::None);
        let scope = Scope::Namespace(broker.metadata.namespace.clone().unwrap_or_default());
        Self::of(scope, &broker.metadata, &broker.spec.common, broker.status.as_ref(), login)
    }

    fn of(
        scope: Scope,
        metadata: &kube::core::ObjectMeta,
        spec: &CommonServiceBrokerSpec,
        status: Option<&BrokerStatus>,
        login: Login,
    ) -> Self {
        let restrictions = spec.catalog_restrictions.clone().unwrap_or_default();
        let restrictions = restrictions.service_class.into_iter().chain(restrictions.service_plan);
        Self {
            scope,
            name: metadata.name.clone().unwrap_or_default(),
            url: cut(&spec.url, 2048),
            login,
            skips_verification: spec.insecure_skip_tls_verify,
            is_manual: spec.relist_behavior == Some(RelistBehavior::Manual),
            interval: cut(spec.relist_duration.as_deref().unwrap_or_default(), 64),
            last_fetch: status
                .and_then(|status| status.last_catalog_retrieval_time.as_ref())
                .map(|time| time.0),
            restrictions: restrictions.collect(),
            created: metadata.creation_timestamp.as_ref().map(|time| time.0),
        }
    }

    /// The address of its page.
    pub fn address(&self) -> String {
        address(&self.scope, &self.name)
    }
}

/// The address of a broker's page.
pub fn address(scope: &Scope, name: &str) -> String {
    match scope {
        Scope::Cluster => format!("/brokers/{name}"),
        Scope::Namespace(namespace) => format!("/ns/{namespace}/brokers/{name}"),
    }
}
