//! On whose behalf is a request made? (“Originating Identity”, and “Originating Identity Header” of the profile)

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::json::{self, null_is_absent};

/// Servers commonly limit all headers together to 8 KiB.
const LONGEST_HEADER: usize = 6 * 1024;

/// The name of the platform, in front of the identity.
const PLATFORM: &str = "kubernetes";

/// The user whose action causes a request (profile, “Originating Identity Header”, platform `kubernetes`).
///
/// All four members are written even if they are empty; some platforms leave empty ones out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginatingIdentity {
    /// The name that identifies the user.
    pub username: String,
    /// An identifier of the user that outlives a change of name.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub uid: String,
    /// The groups that the user belongs to.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub groups: Vec<String>,
    /// Whatever else the authenticator knows of the user.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub extra: BTreeMap<String, Vec<String>>,
}

impl OriginatingIdentity {
    /// The value of `X-Broker-API-Originating-Identity`. If it would be too long for common servers, `extra` and
    /// then `groups` are sent empty and named in an additional member, `truncated`.
    pub(super) fn header(&self) -> String {
        let mut sent = Sent { identity: self.clone(), truncated: Vec::new() };
        if encode(&sent).len() > LONGEST_HEADER {
            sent.identity.extra.clear();
            sent.truncated.push("extra");
        }
        if encode(&sent).len() > LONGEST_HEADER {
            sent.identity.groups.clear();
            sent.truncated.push("groups");
        }
        encode(&sent)
    }

    /// The identity that a value of `X-Broker-API-Originating-Identity` holds; nothing if the platform is another one
    /// or the value is malformed. It says what the caller claims, and proves nothing.
    pub fn from_header(value: &str) -> Option<Self> {
        let encoded = value.strip_prefix(PLATFORM)?.strip_prefix(' ')?;
        json::object(&STANDARD.decode(encoded).ok()?).ok()
    }
}

/// An identity with the names of the members that are empty because they are too long.
#[derive(Serialize)]
struct Sent {
    #[serde(flatten)]
    identity: OriginatingIdentity,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    truncated: Vec<&'static str>,
}

fn encode(sent: &Sent) -> String {
    format!("{PLATFORM} {}", STANDARD.encode(json!(sent).to_string()))
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
            assert!(header.len() <= LONGEST_HEADER);
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
