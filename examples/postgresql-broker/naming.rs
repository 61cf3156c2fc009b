//! The names of databases, schemas and roles. They are hashes of the platform's ids, which may be any text: so no
//! id can be too long, contain a quote, or collide with another name.

use std::fmt;

use uuid::Uuid;

const NAMESPACE: Uuid = Uuid::from_u128(0x94f1_6339_a53e_49c6_bd03_de42_c71b_574d);

/// A name in PostgreSQL: lower-case letters, digits and underscores. `Display` quotes it for SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier(String);

impl Identifier {
    /// The name of the instance's database (or schema), and of the role that owns it.
    pub fn of_instance(instance_id: &str) -> Self {
        Self(format!("osb_{}", hash(instance_id).simple()))
    }

    /// The name of the role that may only read the instance.
    pub fn of_reader(instance_id: &str) -> Self {
        Self(format!("osb_{}_reader", hash(instance_id).simple()))
    }

    /// The name of a binding's role. Two instances may have bindings with the same id.
    pub fn of_binding(instance_id: &str, binding_id: &str) -> Self {
        let id = Uuid::new_v5(&hash(instance_id), binding_id.as_bytes());
        Self(format!("osb_b_{}", id.simple()))
    }

    /// The name of the database for the schemas of the schema service, and of the role that may connect to it.
    pub fn shared() -> Self {
        Self("osb_shared".to_owned())
    }

    /// The bare name, for uses other than SQL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.0)
    }
}

fn hash(id: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, id.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::Identifier;

    #[test]
    fn any_id_becomes_a_safe_name_of_its_own() {
        let long = "x".repeat(10_000);
        let ids = ["", "a", "A", "\"; DROP TABLE students; --", "../../etc", "ünï-cødé", &long];
        let mut names: Vec<_> =
            ids.iter().map(|id| Identifier::of_instance(id).as_str().to_owned()).collect();
        names.extend(ids.iter().map(|id| Identifier::of_reader(id).as_str().to_owned()));
        names.extend(ids.iter().map(|id| Identifier::of_binding(id, "b").as_str().to_owned()));
        names.extend(ids.iter().map(|id| Identifier::of_binding("i", id).as_str().to_owned()));
        for name in &names {
            assert!(name.len() < 63, "{name} is cut off by PostgreSQL");
            assert!(name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')), "{name}");
        }
        let total = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), total);
    }
}
