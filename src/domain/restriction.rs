//! Which classes and plans does a broker's `catalogRestrictions` admit?
//!
//! The grammar is that of label selectors: `spec.externalName in (mysql, redis)`, `spec.free=true`, `name!=abc`.
//! All requirements must hold. A property that every class and plan has cannot be tested for existence, and a
//! value may hold any character that the grammar does not need.

use std::collections::BTreeSet;

use thiserror::Error;

#[cfg(test)]
mod tests;

/// Why a restriction cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RestrictionError {
    /// It is about something that classes, or plans, do not have.
    #[error("Invalid property: {0}")]
    InvalidProperty(String),
    /// It does not have the form of a requirement.
    #[error("Invalid requirement {requirement:?}: {reason}")]
    Malformed {
        /// The requirement, from where it was not understood.
        requirement: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// What a class or a plan is judged by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Properties<'a> {
    /// The name of the object.
    pub name: &'a str,
    /// The name that the broker gave.
    pub external_name: &'a str,
    /// The id that the broker gave.
    pub external_id: &'a str,
    /// Of plans: whether it costs nothing.
    pub free: bool,
    /// Of plans: the name of the class object.
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
    /// Whether the value has to be one of `values`, or must not be.
    included: bool,
}

/// Requirements that all must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restriction(Vec<Requirement>);

impl Restriction {
    /// Understands what is required of classes.
    pub fn of_classes(elements: &[String]) -> Result<Self, RestrictionError> {
        Self::parse(elements, Property::OF_CLASSES)
    }

    /// Understands what is required of plans.
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

/// Reads one requirement, and returns it with what follows the comma after it.
fn parse_requirement<'a>(
    text: &'a str,
    known: &[(&str, Property)],
) -> Result<(Requirement, Option<&'a str>), RestrictionError> {
    let malformed = |reason| RestrictionError::Malformed { requirement: text.to_owned(), reason };
    let end = text.find(|c: char| c.is_whitespace() || "=!<>(),".contains(c)).unwrap_or(text.len());
    let (name, condition) = text.split_at(end);
    if name.is_empty() {
        return Err(malformed("it has to begin with the name of a property"));
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
        .ok_or("the property has to be followed by =, ==, !=, in or notin")?;
    let (values, rest) = if operator.ends_with("in") {
        let set = operand.trim_start().strip_prefix('(').ok_or("in and notin need values in parentheses")?;
        let (values, rest) = set.split_once(')').ok_or("a closing parenthesis is missing")?;
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
        text => text.strip_prefix(',').map(Some).ok_or("requirements have to be separated by commas"),
    }
}
