//! As whom does the template broker call the API server?
//!
//! Objects of an instance are written, read and deleted as the user who requested it, by impersonation (KEP-5284): the
//! API server decides what that user may do, and its audit log names the user. The broker's own permissions do not count
//! then. It may impersonate only for the verbs and kinds that its `ClusterRole` lists.

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Request};
use kube::Client;
use kube::client::Body;
use tower::service_fn;

use crate::crd::reference::UserInfo;

const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");
const IMPERSONATE_UID: HeaderName = HeaderName::from_static("impersonate-uid");
const IMPERSONATE_GROUP: HeaderName = HeaderName::from_static("impersonate-group");

/// The group whose members the API server does not allow to be impersonated with constraints.
const SYSTEM_MASTERS: &str = "system:masters";

/// Why the broker cannot act for a user.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The object has no requester: it was created before the admission policies were installed.
    #[error(
        "the object records no user who requested it; change its spec, so that spec.userInfo is recorded"
    )]
    NoRequester,
    /// A header cannot hold the name of the user or of a group as it is: the API server trims what it reads.
    #[error(
        "the name of the user, or of one of the user's groups, is empty, begins or ends with a space, or contains a \
         control character"
    )]
    Name,
    /// Members of `system:masters` need a `ServiceAccount` that stands in for them.
    #[error(
        "the API server does not allow the template broker to impersonate members of the group system:masters; request \
         the instance as another user, or set the chart's templateBroker.administratorsRole"
    )]
    Administrator,
}

/// The headers of a request that is made for this user. `administrators` is the user name of the `ServiceAccount` that
/// stands in for members of `system:masters`.
pub fn headers_for(user: Option<&UserInfo>, administrators: Option<&str>) -> Result<HeaderMap, Refused> {
    let user = user.filter(|user| !user.username.is_empty()).ok_or(Refused::NoRequester)?;
    if user.groups.iter().any(|group| group == SYSTEM_MASTERS) {
        return headers_of_name(administrators.ok_or(Refused::Administrator)?);
    }
    let mut headers = headers_of_name(&user.username)?;
    // Of these users the API server knows the groups itself, and accepts no others.
    if ["system:serviceaccount:", "system:node:"].iter().any(|prefix| user.username.starts_with(prefix)) {
        return Ok(headers);
    }
    if !user.uid.is_empty() {
        headers.insert(IMPERSONATE_UID, value(&user.uid)?);
    }
    for group in &user.groups {
        headers.append(IMPERSONATE_GROUP, value(group)?);
    }
    Ok(headers)
}

/// The headers of a request that is made for a user whose groups the API server knows.
pub fn headers_of_name(username: &str) -> Result<HeaderMap, Refused> {
    Ok(HeaderMap::from_iter([(IMPERSONATE_USER, value(username)?)]))
}

fn value(text: &str) -> Result<HeaderValue, Refused> {
    if text.is_empty() || text.trim() != text {
        return Err(Refused::Name);
    }
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| Refused::Name)
}

/// A client whose requests all have these headers.
pub fn with_headers(client: &Client, headers: HeaderMap) -> Client {
    let namespace = client.default_namespace().to_owned();
    let client = client.clone();
    let send = service_fn(move |mut request: Request<Body>| {
        request.headers_mut().extend(headers.clone());
        let client = client.clone();
        async move { client.send(request).await }
    });
    Client::new(send, namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, groups: &[&str]) -> UserInfo {
        UserInfo {
            username: name.to_owned(),
            uid: "7".to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..UserInfo::default()
        }
    }

    fn headers(user: &UserInfo, administrators: Option<&str>) -> Result<Vec<String>, Refused> {
        let headers = headers_for(Some(user), administrators)?;
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
        };
        Ok(headers.iter().map(text).collect())
    }

    #[test]
    fn a_user_is_sent_with_uid_and_groups() {
        let sent = headers(&user("jäne", &["devs", "system:authenticated"]), None).unwrap();
        assert_eq!(
            sent,
            [
                "impersonate-user: jäne",
                "impersonate-uid: 7",
                "impersonate-group: devs",
                "impersonate-group: system:authenticated"
            ]
        );
    }

    #[test]
    fn of_service_accounts_and_nodes_only_the_name_is_sent() {
        for name in ["system:serviceaccount:gitops:argo", "system:node:one"] {
            assert_eq!(headers(&user(name, &["devs"]), None).unwrap(), [format!("impersonate-user: {name}")]);
        }
    }

    #[test]
    fn a_service_account_stands_in_for_administrators_of_the_cluster() {
        let admin = user("admin", &["devs", "system:masters"]);
        assert_eq!(headers(&admin, None), Err(Refused::Administrator));
        assert_eq!(headers(&admin, Some("stand-in")).unwrap(), ["impersonate-user: stand-in"]);
    }

    #[test]
    fn without_a_name_nothing_is_sent() {
        assert_eq!(headers_for(None, Some("stand-in")), Err(Refused::NoRequester));
        assert_eq!(headers(&user("", &["system:masters"]), Some("stand-in")), Err(Refused::NoRequester));
        for name in ["two\nlines", " jane", "jane ", "jane\t", "jane\u{a0}"] {
            assert_eq!(headers(&user(name, &[]), None), Err(Refused::Name), "{name:?}");
            assert_eq!(headers(&user("jane", &[name]), None), Err(Refused::Name), "{name:?}");
        }
        assert_eq!(headers(&user("jane", &[""]), None), Err(Refused::Name));
    }
}
