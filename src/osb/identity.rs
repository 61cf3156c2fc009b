//! On whose behalf is a request made? (“Originating Identity”, and “Originating Identity Header” of the profile)

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::json::{self, null_is_absent};

/// The limit of the header, in bytes. Servers commonly limit all headers together to 8 KiB.
const MAX_HEADER_BYTES: usize = 6 * 1024;

/// The platform's name, with which the header begins.
const PLATFORM: &str = "kubernetes";

/// The user on whose behalf a request is made (profile, “Originating Identity Header”, platform `kubernetes`).
///
/// All four members are serialised even if they are empty. Some platforms omit empty ones: all but `username` may be
/// absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginatingIdentity {
    /// The name that identifies the user.
    pub username: String,
    /// A unique id of the user, which outlives a change of name.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub uid: String,
    /// The groups that the user belongs to.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub groups: Vec<String>,
    /// Additional information from the authenticator.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub extra: BTreeMap<String, Vec<String>>,
}

impl OriginatingIdentity {
    /// The value of `X-Broker-API-Originating-Identity`. If it is too long for common servers, `extra` and then
    /// `groups` are sent empty and named in an additional member, `truncated`.
    pub(super) fn header(&self) -> String {
        let mut content = HeaderContent { identity: self.clone(), truncated: Vec::new() };
        if encode(&content).len() > MAX_HEADER_BYTES {
            content.identity.extra.clear();
            content.truncated.push("extra");
        }
        if encode(&content).len() > MAX_HEADER_BYTES {
            content.identity.groups.clear();
            content.truncated.push("groups");
        }
        encode(&content)
    }

    /// Parses a value of `X-Broker-API-Originating-Identity`. `None` if the platform is another one or the value is
    /// malformed. The identity is what the caller claims, and proves nothing.
    pub fn from_header(value: &str) -> Option<Self> {
        let encoded = value.strip_prefix(PLATFORM)?.strip_prefix(' ')?;
        json::object(&STANDARD.decode(encoded).ok()?).ok()
    }
}

/// The content of the header: the identity, and the names of the members that were emptied because of their length.
#[derive(Serialize)]
struct HeaderContent {
    #[serde(flatten)]
    identity: OriginatingIdentity,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    truncated: Vec<&'static str>,
}

fn encode(content: &HeaderContent) -> String {
    format!("{PLATFORM} {}", STANDARD.encode(json!(content).to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn decode(header: &str) -> Value {
        let (platform, value) = header.split_once(' ').unwrap();
        assert_eq!(platform, "kubernetes");
        serde_json::from_slice(&STANDARD.decode(value).unwrap()).unwrap()
    }

    fn groups(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("oidc:team-{n:04}")).collect()
    }

    fn extra(count: usize) -> BTreeMap<String, Vec<String>> {
        BTreeMap::from([("example.com/scopes".to_owned(), groups(count))])
    }

    #[test]
    fn all_four_members_are_sent_even_if_empty() {
        let jane = OriginatingIdentity {
            username: "jäne?>".to_owned(),
            uid: "c2dd".to_owned(),
            ..OriginatingIdentity::default()
        };
        let expected = json!({"username": "jäne?>", "uid": "c2dd", "groups": [], "extra": {}});
        assert_eq!(decode(&jane.header()), expected);
    }

    #[test]
    fn a_long_identity_loses_extra_first_and_groups_last() {
        let cases =
            [(10, 10, json!(null)), (10, 1000, json!(["extra"])), (1000, 10, json!(["extra", "groups"]))];
        for (group_count, extra_count, truncated) in cases {
            let identity = OriginatingIdentity {
                username: "jane".to_owned(),
                uid: "1".to_owned(),
                groups: groups(group_count),
                extra: extra(extra_count),
            };
            let header = identity.header();
            assert!(header.len() <= MAX_HEADER_BYTES);
            let value = decode(&header);
            assert_eq!(value["truncated"], truncated);
            assert_eq!(value["username"], "jane");
            let lost = |member: &str| truncated.to_string().contains(member);
            assert_eq!(value["groups"], if lost("groups") { json!([]) } else { json!(identity.groups) });
            assert_eq!(value["extra"], if lost("extra") { json!({}) } else { json!(identity.extra) });
        }
    }

    #[test]
    fn an_identity_is_read_as_it_was_written() {
        let jane = OriginatingIdentity {
            username: "jäne?>".to_owned(),
            uid: "c2dd".to_owned(),
            groups: groups(2),
            extra: extra(2),
        };
        assert_eq!(OriginatingIdentity::from_header(&jane.header()), Some(jane));
    }

    #[test]
    fn only_an_identity_of_our_platform_is_read() {
        let base64 = |text: &str| STANDARD.encode(text);
        let jane = OriginatingIdentity { username: "jane".to_owned(), ..OriginatingIdentity::default() };
        let cases = [
            (format!("kubernetes {}", base64(r#"{"username": "jane", "groups": null, "x": 1}"#)), Some(jane)),
            (format!("cloudfoundry {}", base64(r#"{"username": "jane"}"#)), None),
            (format!("kubernetes2 {}", base64(r#"{"username": "jane"}"#)), None),
            (format!("kubernetes {}", base64(r#"{"uid": "1"}"#)), None),
            (format!("kubernetes {}", base64(r#"["jane", "1", [], {}]"#)), None),
            (r#"kubernetes {"username": "jane"}"#.to_owned(), None),
            ("kubernetes".to_owned(), None),
            (String::new(), None),
        ];
        for (value, expected) in cases {
            assert_eq!(OriginatingIdentity::from_header(&value), expected, "{value}");
        }
    }
}
