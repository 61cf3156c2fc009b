//! Who is the user, according to the API server?

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::Api;
use kube::api::PostParams;

use super::reading::Readings;
use super::transport::UserClient;

/// The group of users who have not authenticated.
const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The prefix of the user names of `ServiceAccount`s, followed by namespace and name.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// A user, as the API server knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user name.
    pub name: String,
    /// The unique id; empty if the authenticator has none.
    pub uid: String,
    /// The groups.
    pub groups: Vec<String>,
}

impl User {
    /// Whom the limits of the console count. Who may create `ServiceAccount`s in a namespace can be any number of users, so all
    /// of a namespace are one.
    pub fn principal(&self) -> &str {
        let of_namespace = self.own_namespace().map(|name| SERVICE_ACCOUNT.len() + name.len());
        of_namespace.and_then(|length| self.name.get(..length)).unwrap_or(&self.name)
    }

    /// The namespace of a `ServiceAccount`: the one that it probably works in.
    pub fn own_namespace(&self) -> Option<&str> {
        Some(self.name.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')?.0)
    }
}

/// The user as whom this client calls the API server; `None` if that is an anonymous one. The API server may accept
/// anonymous requests, and a console that took them for a login would have a user whom it did not authenticate.
pub async fn review(client: &UserClient) -> Result<Option<User>, kube::Error> {
    let api = Api::<SelfSubjectReview>::all(client.within(&Readings::default().begin("")));
    let answer = api.create(&PostParams::default(), &SelfSubjectReview::default()).await?;
    let info = answer.status.and_then(|status| status.user_info).unwrap_or_default();
    let user = User {
        name: info.username.unwrap_or_default(),
        uid: info.uid.unwrap_or_default(),
        groups: info.groups.unwrap_or_default(),
    };
    let is_known = !user.name.is_empty() && !user.groups.iter().any(|group| group == UNAUTHENTICATED);
    Ok(is_known.then_some(user))
}
