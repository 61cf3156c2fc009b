//! On whose behalf is a request made? (“Originating Identity”, and “Originating Identity Header” of the profile)

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// Servers commonly limit all headers together to 8 KiB.
const LONGEST_HEADER: usize = 6 * 1024;

/// The user whose action causes a request (profile, “Originating Identity Header”, platform `kubernetes`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginatingIdentity {
    /// The name that identifies the user.
    pub username: String,
    /// An identifier of the user that outlives a change of name.
    pub uid: String,
    /// The groups that the user belongs to.
    pub groups: Vec<String>,
    /// Whatever else the authenticator knows of the user.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl OriginatingIdentity {
    /// The value of `X-Broker-API-Originating-Identity`. If it would be too long for common servers, `extra` and
    /// then `groups` are sent empty and named in an additional member, `truncated`.
    pub(super) fn header(&self) -> String {
        let mut members = Map::from_iter([
            ("username".to_owned(), json!(self.username)),
            ("uid".to_owned(), json!(self.uid)),
            ("groups".to_owned(), json!(self.groups)),
            ("extra".to_owned(), json!(self.extra)),
        ]);
        let mut truncated = Vec::new();
        for (member, empty) in [("extra", json!({})), ("groups", json!([]))] {
            if encode(&members).len() <= LONGEST_HEADER {
                break;
            }
            truncated.push(member);
            members.insert(member.to_owned(), empty);
            members.insert("truncated".to_owned(), json!(truncated));
        }
        encode(&members)
    }
}

fn encode(members: &Map<String, Value>) -> String {
    format!("kubernetes {}", STANDARD.encode(json!(members).to_string()))
}

#[cfg(test)]
mod tests {
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
}
