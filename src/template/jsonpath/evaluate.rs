//! What does an expression find in a value, and what is its text?

use std::cmp::Ordering;

use serde_json::Value;

use super::{Filter, Operator, Path, Piece, Rendered, Step, Text, TooMuch};

/// How many values an evaluation visits at most: some milliseconds.
const MAX_VISITED: usize = 200_000;

impl Text {
    /// The text with what the expressions find, up to a number of bytes.
    pub(in crate::template) fn render(&self, value: &Value, max_bytes: usize) -> Result<Rendered, TooMuch> {
        let mut text = String::new();
        let (mut expressions, mut findings) = (0, 0);
        let mut visits = Visits { left: MAX_VISITED };
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Expression(path) => {
                    let found = visits.follow(path, value)?;
                    expressions += 1;
                    findings += found.len();
                    show(&found, max_bytes, &mut text)?;
                }
            }
        }
        if text.len() > max_bytes {
            return Err(TooMuch);
        }
        Ok(Rendered { text, found_nothing: expressions > 0 && findings == 0 })
    }
}

/// Appends values as kubectl shows them: separated by spaces, lists and objects as JSON.
fn show(found: &[&Value], max_bytes: usize, text: &mut String) -> Result<(), TooMuch> {
    for (index, value) in found.iter().enumerate() {
        if index > 0 {
            text.push(' ');
        }
        match value {
            Value::String(value) => text.push_str(value),
            value => text.push_str(&value.to_string()),
        }
        if text.len() > max_bytes {
            return Err(TooMuch);
        }
    }
    Ok(())
}

impl Path {
    /// The first text that the path finds.
    pub(in crate::template) fn first_text(&self, value: &Value) -> Option<String> {
        let found = Visits { left: MAX_VISITED }.follow(self, value).ok()?;
        Some(found.first()?.as_str()?.to_owned())
    }

    /// Sets the member that the path names last, in the first object that the steps before find. Returns whether there
    /// is such an object.
    pub(in crate::template) fn set(&self, value: &mut Value, text: &str) -> bool {
        let Some((Step::Member(name), parents)) = self.steps.split_last() else { return false };
        let object = parents.iter().try_fold(value, |place, step| first_mut(step, place));
        match object {
            Some(Value::Object(members)) => {
                members.insert(name.clone(), Value::from(text));
                true
            }
            _ => false,
        }
    }
}

fn first_mut<'a>(step: &Step, value: &'a mut Value) -> Option<&'a mut Value> {
    match step {
        Step::Member(name) => value.get_mut(name),
        Step::Element(index) => {
            let elements = value.as_array_mut()?;
            let index = position(elements.len(), *index)?;
            elements.get_mut(index)
        }
        Step::Filter(filter) => {
            let mut visits = Visits { left: MAX_VISITED };
            value.as_array_mut()?.iter_mut().find(|element| visits.holds(filter, element) == Ok(true))
        }
        _ => None,
    }
}

/// Counts the values that an evaluation may still visit.
struct Visits {
    left: usize,
}

impl Visits {
    fn spend(&mut self, visits: usize) -> Result<(), TooMuch> {
        self.left = self.left.checked_sub(visits).ok_or(TooMuch)?;
        Ok(())
    }

    fn follow<'a>(&mut self, path: &'a Path, value: &'a Value) -> Result<Vec<&'a Value>, TooMuch> {
        let mut found = vec![value];
        for step in &path.steps {
            let mut next = Vec::new();
            for value in found {
                self.step(step, value, &mut next)?;
            }
            found = next;
        }
        Ok(found)
    }

    fn step<'a>(
        &mut self,
        step: &'a Step,
        value: &'a Value,
        found: &mut Vec<&'a Value>,
    ) -> Result<(), TooMuch> {
        self.spend(1)?;
        match (step, value) {
            (Step::Constant(constant), _) => found.push(constant),
            (Step::Member(name), Value::Object(members)) => found.extend(members.get(name)),
            (Step::All, _) => {
                let before = found.len();
                found.extend(children(value));
                self.spend(found.len() - before)?;
            }
            (Step::Element(index), Value::Array(elements)) => {
                found.extend(position(elements.len(), *index).and_then(|index| elements.get(index)));
            }
            (Step::Slice { first, last, every }, Value::Array(elements)) => {
                let selected = slice(elements, *first, *last);
                self.spend(selected.len())?;
                found.extend(selected.iter().step_by(*every));
            }
            (Step::Descendants, _) => self.descend(value, found)?,
            (Step::Filter(filter), Value::Array(elements)) => {
                for element in elements {
                    if self.holds(filter, element)? {
                        found.push(element);
                    }
                }
            }
            (Step::Union(steps), _) => {
                for step in steps {
                    self.step(step, value, found)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Adds the value and all its descendants that have children, parents first.
    fn descend<'a>(&mut self, value: &'a Value, found: &mut Vec<&'a Value>) -> Result<(), TooMuch> {
        self.spend(1)?;
        let mut children = children(value).peekable();
        if children.peek().is_some() {
            found.push(value);
        }
        children.try_for_each(|child| self.descend(child, found))
    }

    fn holds(&mut self, filter: &Filter, element: &Value) -> Result<bool, TooMuch> {
        self.spend(1)?;
        let left = self.follow(&filter.left, element)?;
        let Some((operator, right)) = &filter.comparison else { return Ok(!left.is_empty()) };
        let right = self.follow(right, element)?;
        let ([left], [right]) = (&left[..], &right[..]) else { return Ok(false) };
        let order = order(left, right);
        Ok(match operator {
            Operator::Equal => order == Some(Ordering::Equal),
            Operator::NotEqual => order != Some(Ordering::Equal),
            Operator::Less => order == Some(Ordering::Less),
            Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Operator::Greater => order == Some(Ordering::Greater),
            Operator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        })
    }
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(elements) => Box::new(elements.iter()),
        Value::Object(members) => Box::new(members.values()),
        _ => Box::new(std::iter::empty()),
    }
}

/// The order of two scalars of one type.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
        },
        _ => None,
    }
}

/// The position of an index in a list of this length. A negative index counts from the end.
fn position(length: usize, index: i64) -> Option<usize> {
    let distance = usize::try_from(index.unsigned_abs()).ok()?;
    if index < 0 { length.checked_sub(distance) } else { Some(distance) }
}

fn slice(elements: &[Value], first: Option<i64>, last: Option<i64>) -> &[Value] {
    let bound = |index: i64| position(elements.len(), index).unwrap_or(0).min(elements.len());
    let (first, last) = (first.map_or(0, bound), last.map_or(elements.len(), bound));
    elements.get(first..last).unwrap_or(&[])
}
