//! Which values does a `JSONPath` query find, and what does that cost?
//!
//! `jsonpath-rust` parses the query (RFC 9535), but its evaluation can be neither measured nor stopped. A filter may hold
//! a query that is evaluated for each element, so a few characters can cost the cube of the data and more. Here each
//! value that is visited is charged to a [`Budget`], and the evaluation stops when the budget is exhausted. The tests
//! compare the results with those of `jsonpath-rust`. The entry point is [`find`].

use std::borrow::Cow;

use jsonpath_rust::parser::model::{
    Comparable, Comparison, Filter, FilterAtom, JpQuery, Literal, Segment, Selector, SingularQuery,
    SingularQuerySegment, Test,
};
use jsonpath_rust::parser::parse_json_path;
use serde_json::Value;

use super::budget::{Budget, Exhausted};

#[cfg(test)]
mod tests;

/// What it costs to parse a byte of a query, in visited values.
const WORK_PER_PARSED_BYTE: usize = 20;

/// Why a query has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueryError {
    /// It cannot be parsed.
    Syntax,
    /// It calls a function or refers to the root inside a filter, which kubectl's dialect does not have.
    Unsupported,
    /// The budget is exhausted.
    TooMuchWork,
}

impl From<Exhausted> for QueryError {
    fn from(_: Exhausted) -> Self {
        Self::TooMuchWork
    }
}

/// The values that a query finds, in their order.
pub(super) fn find<'a>(
    query: &str,
    data: &'a Value,
    budget: &mut Budget,
) -> Result<Vec<&'a Value>, QueryError> {
    budget.spend(query.len().saturating_mul(WORK_PER_PARSED_BYTE))?;
    let JpQuery { segments } = parse_json_path(query).map_err(|_| QueryError::Syntax)?;
    Evaluation { budget }.select(&segments, data)
}

struct Evaluation<'b> {
    budget: &'b mut Budget,
}

impl Evaluation<'_> {
    fn select<'a>(&mut self, segments: &[Segment], from: &'a Value) -> Result<Vec<&'a Value>, QueryError> {
        let mut found = vec![from];
        for segment in segments {
            found = self.step(segment, &found)?;
        }
        Ok(found)
    }

    fn step<'a>(&mut self, segment: &Segment, from: &[&'a Value]) -> Result<Vec<&'a Value>, QueryError> {
        let mut found = Vec::new();
        match segment {
            Segment::Descendant(segment) => {
                let mut containers = Vec::new();
                for value in from {
                    self.descend(value, &mut containers)?;
                }
                return self.step(segment, &containers);
            }
            Segment::Selector(selector) => {
                for value in from {
                    self.apply(selector, value, &mut found)?;
                }
            }
            Segment::Selectors(selectors) => {
                for selector in selectors {
                    for value in from {
                        self.apply(selector, value, &mut found)?;
                    }
                }
            }
        }
        Ok(found)
    }

    /// Adds the value and all its descendants that have children, parents first.
    fn descend<'a>(&mut self, value: &'a Value, found: &mut Vec<&'a Value>) -> Result<(), QueryError> {
        let children = self.children(value)?;
        if matches!(value, Value::Array(_) | Value::Object(_)) {
            found.push(value);
        }
        children.into_iter().try_for_each(|child| self.descend(child, found))
    }

    fn apply<'a>(
        &mut self,
        selector: &Selector,
        value: &'a Value,
        found: &mut Vec<&'a Value>,
    ) -> Result<(), QueryError> {
        self.budget.spend(1)?;
        match (selector, value) {
            (Selector::Name(name), value) => found.extend(value.get(name)),
            (Selector::Index(index), Value::Array(elements)) => found.extend(element(elements, *index)),
            (Selector::Slice(start, end, step), Value::Array(elements)) => {
                let indices = slice(elements.len(), *start, *end, step.unwrap_or(1));
                for value in indices.filter_map(|index| element(elements, index)) {
                    self.budget.spend(1)?;
                    found.push(value);
                }
            }
            (Selector::Wildcard, value) => found.extend(self.children(value)?),
            (Selector::Filter(filter), value) => {
                for child in self.children(value)? {
                    if self.holds(filter, child)? {
                        found.push(child);
                    }
                }
            }
            (Selector::Index(_) | Selector::Slice(..), _) => {}
        }
        Ok(())
    }

    fn children<'a>(&mut self, value: &'a Value) -> Result<Vec<&'a Value>, QueryError> {
        self.budget.spend(1)?;
        Ok(match value {
            Value::Array(elements) => {
                self.budget.spend(elements.len())?;
                elements.iter().collect()
            }
            Value::Object(members) => {
                self.budget.spend(members.len())?;
                members.values().collect()
            }
            _ => Vec::new(),
        })
    }

    fn holds(&mut self, filter: &Filter, value: &Value) -> Result<bool, QueryError> {
        self.budget.spend(1)?;
        match filter {
            Filter::Or(filters) => {
                for filter in filters {
                    if self.holds(filter, value)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Filter::And(filters) => {
                for filter in filters {
                    if !self.holds(filter, value)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Filter::Atom(FilterAtom::Filter { expr, not }) => Ok(self.holds(expr, value)? != *not),
            Filter::Atom(FilterAtom::Test { expr, not }) => match expr.as_ref() {
                Test::RelQuery(segments) => Ok(self.select(segments, value)?.is_empty() == *not),
                Test::AbsQuery(_) | Test::Function(_) => Err(QueryError::Unsupported),
            },
            Filter::Atom(FilterAtom::Comparison(comparison)) => self.compare(comparison, value),
        }
    }

    fn compare(&mut self, comparison: &Comparison, value: &Value) -> Result<bool, QueryError> {
        let (left, right) = comparison.vals();
        let (left, right) = (self.operand(left, value)?, self.operand(right, value)?);
        let (left, right) = (left.as_deref(), right.as_deref());
        Ok(match comparison {
            Comparison::Eq(..) => self.are_equal(left, right)?,
            Comparison::Ne(..) => !self.are_equal(left, right)?,
            Comparison::Lt(..) => self.is_less(left, right)?,
            Comparison::Gt(..) => self.is_less(right, left)?,
            Comparison::Lte(..) => self.is_less(left, right)? || self.are_equal(left, right)?,
            Comparison::Gte(..) => self.is_less(right, left)? || self.are_equal(left, right)?,
        })
    }

    fn operand<'a>(
        &mut self,
        operand: &Comparable,
        value: &'a Value,
    ) -> Result<Option<Cow<'a, Value>>, QueryError> {
        let segments = match operand {
            Comparable::Literal(literal) => return Ok(Some(Cow::Owned(constant(literal)))),
            Comparable::SingularQuery(SingularQuery::Current(segments)) => segments,
            Comparable::SingularQuery(SingularQuery::Root(_)) | Comparable::Function(_) => {
                return Err(QueryError::Unsupported);
            }
        };
        self.budget.spend(segments.len())?;
        let step = |value: &'a Value, segment: &SingularQuerySegment| match segment {
            SingularQuerySegment::Name(name) => value.get(name),
            SingularQuerySegment::Index(index) => element(value.as_array()?, *index),
        };
        Ok(segments.iter().try_fold(value, step).map(Cow::Borrowed))
    }

    /// Whether two operands are equal. Two that are absent are.
    fn are_equal(&mut self, left: Option<&Value>, right: Option<&Value>) -> Result<bool, QueryError> {
        let (Some(left), Some(right)) = (left, right) else { return Ok(left.is_none() && right.is_none()) };
        // Whatever the comparison reads of the larger one, it reads no more than the size of the smaller one.
        let bound = self.weight(left)?.min(self.weight(right)?);
        self.budget.spend(bound)?;
        Ok(match numbers(left, right) {
            Some((left, right)) => (left - right).abs() < f64::EPSILON,
            None => left == right,
        })
    }

    fn is_less(&mut self, left: Option<&Value>, right: Option<&Value>) -> Result<bool, QueryError> {
        let (Some(left), Some(right)) = (left, right) else { return Ok(false) };
        self.budget.spend_text(text_length(left).min(text_length(right)))?;
        Ok(match (numbers(left, right), left.as_str(), right.as_str()) {
            (Some((left, right)), ..) => left < right,
            (None, Some(left), Some(right)) => left < right,
            _ => false,
        })
    }

    /// The cost of reading a value with all its descendants. Counting costs as much.
    fn weight(&mut self, value: &Value) -> Result<usize, QueryError> {
        let mut weight = 1 + Budget::of_text(text_length(value));
        self.budget.spend(1)?;
        match value {
            Value::Array(elements) => {
                for element in elements {
                    weight += self.weight(element)?;
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    weight += Budget::of_text(name.len()) + self.weight(member)?;
                }
            }
            _ => {}
        }
        Ok(weight)
    }
}

/// How long the text of a string or a number is, in bytes.
fn text_length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Number(number) => number.as_str().len(),
        _ => 0,
    }
}

fn numbers(left: &Value, right: &Value) -> Option<(f64, f64)> {
    Some((left.as_f64()?, right.as_f64()?))
}

fn constant(literal: &Literal) -> Value {
    match literal {
        Literal::Int(number) => Value::from(*number),
        Literal::Float(number) => Value::from(*number),
        Literal::String(text) => Value::from(text.as_str()),
        Literal::Bool(flag) => Value::from(*flag),
        Literal::Null => Value::Null,
    }
}

/// An element by its index; a negative one counts from the end.
fn element(elements: &[Value], index: i64) -> Option<&Value> {
    let distance = usize::try_from(index.unsigned_abs()).ok()?;
    let index = if index < 0 { elements.len().checked_sub(distance)? } else { distance };
    elements.get(index)
}

/// The indices of a slice (RFC 9535, section 2.3.4.2.2).
fn slice(length: usize, start: Option<i64>, end: Option<i64>, step: i64) -> impl Iterator<Item = i64> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let absolute = |index: i64| if index < 0 { length.saturating_add(index) } else { index };
    let (first, last) = if step < 0 {
        let first = absolute(start.unwrap_or(length - 1)).clamp(-1, length - 1);
        (first, end.map_or(-1, |end| absolute(end).clamp(-1, length - 1)))
    } else {
        (absolute(start.unwrap_or(0)).clamp(0, length), absolute(end.unwrap_or(length)).clamp(0, length))
    };
    let is_inside = move |index: &i64| if step < 0 { *index > last } else { step > 0 && *index < last };
    std::iter::successors(Some(first), move |index| index.checked_add(step)).take_while(is_inside)
}

/// The text of a value, appended to `text` as kubectl shows it; `false` if it would exceed `room` bytes.
pub(super) fn show(value: &Value, room: usize, text: &mut String) -> bool {
    match value {
        Value::Null => {}
        Value::String(value) if text.len().saturating_add(value.len()) > room => return false,
        Value::String(value) => text.push_str(value),
        other => text.push_str(&other.to_string()),
    }
    text.len() <= room
}
