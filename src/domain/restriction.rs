//! Which classes and plans does a broker's `catalogRestrictions` admit?
//!
//! The grammar is that of label selectors: `spec.externalName in (mysql, redis)`, `spec.free=true`, `name!=abc`.
//! All requirements must hold. There are two differences: a property cannot be tested for existence, as every class or
//! plan has it, and a value may contain any character that is not part of the grammar.

use std::collections::BTreeSet;

use thiserror::Error;

#[cfg(test)]
mod tests;

/// Why a restriction cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RestrictionError {
    /// Classes, or plans, do not have this property.
    #[error("Invalid property: {0}")]
    InvalidProperty(String),
    /// The syntax of a requirement is wrong.
    #[error("Invalid requirement {requirement:?}: {reason}")]
    Malformed {
        /// The text from the beginning of the requirement.
        requirement: String,
        /// What was expected.
        reason: &'static str,
    },
}

/// The properties of a class or a plan that restrictions test.
#[derive(Clone, Copy, Debug, Default)]
pub struct Properties<'a> {
    /// The Kubernetes name.
    pub name: &'a str,
    /// The name in the catalog.
    pub external_name: &'a str,
    /// The OSB id.
    pub external_id: &'a str,
    /// Plans only: whether it is free of charge.
    pub free: bool,
    /// Plans only: the Kubernetes name of the class.
    pub class: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Property {
    Name,
    ExternalName,
    ExternalId,
    Free,
    Class,
}

impl Property {
    const OF_CLASSES: &[(&str, Self)] = &[
        ("name", Self::Name),
        ("spec.externalName", Self::ExternalName),
        ("spec.externalID", Self::ExternalId),
    ];

    const OF_PLANS: &[(&str, Self)] = &[
        ("name", Self::Name),
        ("spec.externalName", Self::ExternalName),
        ("spec.externalID", Self::ExternalId),
        ("spec.free", Self::Free),
        ("spec.clusterServiceClass.name", Self::Class),
        ("spec.serviceClass.name", Self::Class),
    ];

    fn of<'a>(self, properties: &Properties<'a>) -> &'a str {
        match self {
            Self::Name => properties.name,
            Self::ExternalName => properties.external_name,
            Self::ExternalId => properties.external_id,
            Self::Free if properties.free => "true",
            Self::Free => "false",
            Self::Class => properties.class,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    property: Property,
    values: BTreeSet<String>,
    /// Whether the value must be one of `values`, or must not be.
    included: bool,
}

/// Requirements that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restriction(Vec<Requirement>);

impl Restriction {
    /// Parses the restrictions of classes.
    pub fn of_classes(elements: &[String]) -> Result<Self, RestrictionError> {
        Self::parse(elements, Property::OF_CLASSES)
    }

    /// Parses the restrictions of plans.
    pub fn of_plans(elements: &[String]) -> Result<Self, RestrictionError> {
        Self::parse(elements, Property::OF_PLANS)
    }

    fn parse(elements: &[String], known: &[(&str, Property)]) -> Result<Self, RestrictionError> {
        let mut requirements = Vec::new();
        for element in elements {
            let mut rest = Some(element.as_str());
            while let Some(text) = rest {
                let requirement;
                (requirement, rest) = parse_requirement(text.trim(), known)?;
                requirements.push(requirement);
            }
        }
        Ok(Self(requirements))
    }

    /// Whether all requirements hold.
    pub fn admits(&self, properties: &Properties) -> bool {
        self.0.iter().all(|requirement| {
            requirement.values.contains(requirement.property.of(properties)) == requirement.included
        })
    }
}

/// Parses one requirement, and returns it with the text after its comma.
fn parse_requirement<'a>(
    text: &'a str,
    known: &[(&str, Property)],
) -> Result<(Requirement, Option<&'a str>), RestrictionError> {
    let malformed = |reason| RestrictionError::Malformed { requirement: text.to_owned(), reason };
    let end = text.find(|c: char| c.is_whitespace() || "=!<>(),".contains(c)).unwrap_or(text.len());
    let (name, condition) = text.split_at(end);
    if name.is_empty() {
        return Err(malformed("expected the name of a property"));
    }
    let (_, property) = *known
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| RestrictionError::InvalidProperty(name.to_owned()))?;
    let (included, values, rest) = parse_condition(condition.trim_start()).map_err(malformed)?;
    Ok((Requirement { property, values, included }, rest))
}

type Condition<'a> = (bool, BTreeSet<String>, Option<&'a str>);

fn parse_condition(text: &str) -> Result<Condition<'_>, &'static str> {
    let operators = [("notin", false), ("in", true), ("!=", false), ("==", true), ("=", true)];
    let (operator, included, operand) = operators
        .into_iter()
        .find_map(|(operator, included)| Some((operator, included, text.strip_prefix(operator)?)))
        .ok_or("expected =, ==, !=, in or notin after the property")?;
    let (values, rest) = if operator.ends_with("in") {
        let set = operand
            .trim_start()
            .strip_prefix('(')
            .ok_or("expected values in parentheses after in or notin")?;
        let (values, rest) = set.split_once(')').ok_or("expected a closing parenthesis")?;
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        (values, after_comma(rest)?)
    } else {
        let (value, rest) = match operand.split_once(',') {
            Some((value, rest)) => (value, Some(rest)),
            None => (operand, None),
        };
        (BTreeSet::from([value.trim().to_owned()]), rest)
    };
    Ok((included, values, rest))
}

fn after_comma(text: &str) -> Result<Option<&str>, &'static str> {
    match text.trim_start() {
        "" => Ok(None),
        text => text.strip_prefix(',').map(Some).ok_or("expected a comma between requirements"),
    }
}
