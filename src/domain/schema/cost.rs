//! What would it cost to apply a schema? [`affordable`] refuses one that costs too much.
//!
//! A few lines of JSON can take forever: `$ref`s that double at every step, or hundreds of regular expressions.
//! Therefore a schema is weighed as if each `$ref` were replaced by its target.

use std::collections::HashMap;

use serde_json::Value;

/// The depth limit of a schema.
const DEPTH_MAX: usize = 64;
/// The weight limit of a schema: about the number of its members and elements.
const WEIGHT_MAX: u64 = 20_000;
/// The weight of a regular expression.
const PATTERN_WEIGHT: u64 = 200;
/// The limit of the product of the weight of the schema and the length of the parameters.
const COST_MAX: u64 = 20_000_000;

const TOO_DEEP: &str = "it is nested too deeply";

/// Checks that validating these values against the schema is cheap enough. The error says why it is not.
pub(super) fn affordable(schema: &Value, values: &Value) -> Result<(), String> {
    let mut scale = Scale { root: schema, known: HashMap::new() };
    let weight = scale.weigh(schema, 0)?.total;
    if weight > WEIGHT_MAX {
        return Err("it is too complex".to_owned());
    }
    let length = u64::try_from(values.to_string().len()).unwrap_or(u64::MAX);
    if weight.saturating_mul(length) > COST_MAX {
        return Err("it is too complex for parameters of this length".to_owned());
    }
    Ok(())
}

#[derive(Clone, Copy, Default)]
struct Weight {
    total: u64,
    height: usize,
}

impl Weight {
    fn add(&mut self, part: Self) -> Result<(), String> {
        self.total = self.total.saturating_add(part.total);
        self.height = self.height.max(part.height + 1);
        if self.height > DEPTH_MAX { Err(TOO_DEEP.to_owned()) } else { Ok(()) }
    }
}

struct Scale<'a> {
    root: &'a Value,
    /// The weight of each `$ref` target; `None` while it is being weighed, which reveals a cycle.
    known: HashMap<&'a str, Option<Weight>>,
}

impl<'a> Scale<'a> {
    fn weigh(&mut self, value: &'a Value, depth: usize) -> Result<Weight, String> {
        if depth > DEPTH_MAX {
            return Err(TOO_DEEP.to_owned());
        }
        let mut weight = Weight { total: 1, height: 0 };
        match value {
            Value::Array(elements) => {
                for element in elements {
                    weight.add(self.weigh(element, depth + 1)?)?;
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    weight.add(self.weigh_member(name, member, depth + 1)?)?;
                }
                // To find the unevaluated members, the validator applies the subschemas beside it once more.
                if members.contains_key("unevaluatedProperties") || members.contains_key("unevaluatedItems") {
                    weight.total = weight.total.saturating_mul(2);
                }
            }
            _ => {}
        }
        Ok(weight)
    }

    fn weigh_member(&mut self, name: &str, member: &'a Value, depth: usize) -> Result<Weight, String> {
        match (name, member) {
            ("$ref", Value::String(target)) => self.weigh_target(target, depth),
            ("$dynamicRef" | "$recursiveRef", Value::String(_)) => Err("it refers to itself".to_owned()),
            // A nested id changes the base URI of the `$ref`s below it.
            ("$id" | "id", Value::String(_)) if depth > 1 => Err("it has an id inside".to_owned()),
            ("pattern", Value::String(_)) => Ok(Weight { total: PATTERN_WEIGHT, height: 0 }),
            ("patternProperties", Value::Object(patterns)) => {
                let mut weight = self.weigh(member, depth)?;
                let patterns = u64::try_from(patterns.len()).unwrap_or(u64::MAX);
                weight.total = weight.total.saturating_add(patterns.saturating_mul(PATTERN_WEIGHT));
                Ok(weight)
            }
            _ => self.weigh(member, depth),
        }
    }

    fn weigh_target(&mut self, target: &'a str, depth: usize) -> Result<Weight, String> {
        match self.known.get(target) {
            Some(Some(weight)) => return Ok(*weight),
            Some(None) => return Err("it refers to itself".to_owned()),
            None => {}
        }
        let outside = || "it refers to something outside of itself".to_owned();
        let pointer = target.strip_prefix('#').ok_or_else(outside)?;
        let found = self.root.pointer(pointer).ok_or_else(outside)?;
        self.known.insert(target, None);
        let weight = self.weigh(found, depth)?;
        self.known.insert(target, Some(weight));
        Ok(weight)
    }
}
