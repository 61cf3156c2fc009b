//! Which fields does the API server not know? Templates written for OpenShift have some, such as `capabilities` of a
//! container.
//!
//! A create can be told to ignore them, an apply cannot: it is refused, and the message names them
//! (structured-merge-diff, `field not declared in schema`).

use serde_json::Value;

const UNDECLARED: &str = ": field not declared in schema";

/// Removes the fields that the message of a refused apply names. Returns whether it has removed one.
pub fn remove_undeclared(object: &mut Value, message: &str) -> bool {
    let mut has_removed = false;
    for line in message.split(UNDECLARED) {
        let Some(start) =
            line.rfind(" .").map(|space| space + 1).or_else(|| line.rfind("\n.").map(|it| it + 1))
        else {
            continue;
        };
        let Some(steps) = line.get(start..).and_then(parse) else { continue };
        has_removed |= remove(object, &steps);
    }
    has_removed
}

/// A step of a path.
#[derive(Debug, PartialEq)]
enum Step<'a> {
    /// `.name`
    Member(&'a str),
    /// `[name="mysql",port=1]`: the element of a list with these values, as JSON.
    Element(Vec<(&'a str, Value)>),
}

/// Reads a path such as `.spec.containers[name="mysql"].capabilities`.
fn parse(mut path: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    while !path.is_empty() {
        if let Some(rest) = path.strip_prefix('.') {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, after) = rest.split_at_checked(end)?;
            steps.push(Step::Member(name));
            path = after;
        } else {
            let (keys, after) = path.strip_prefix('[')?.split_once(']')?;
            let keys = keys.split(',').map(|key| {
                let (name, value) = key.split_once('=')?;
                Some((name, serde_json::from_str(value).ok()?))
            });
            steps.push(Step::Element(keys.collect::<Option<_>>()?));
            path = after;
        }
    }
    Some(steps)
}

fn remove(value: &mut Value, steps: &[Step<'_>]) -> bool {
    match steps {
        [Step::Member(name)] => value.as_object_mut().is_some_and(|members| members.remove(*name).is_some()),
        [Step::Member(name), rest @ ..] => value.get_mut(*name).is_some_and(|member| remove(member, rest)),
        [Step::Element(keys), rest @ ..] => {
            let is_it =
                |element: &&mut Value| keys.iter().all(|(name, value)| element.get(*name) == Some(value));
            value
                .as_array_mut()
                .and_then(|elements| elements.iter_mut().find(is_it))
                .is_some_and(|it| remove(it, rest))
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_the_message_names_is_removed() {
        let mut object = json!({"spec": {"x": 1, "containers": [
            {"name": "a", "capabilities": {}},
            {"name": "b", "capabilities": {}, "image": "i"},
        ]}});
        let message = "failed to create typed patch object (ns/b; apps/v1, Kind=Deployment): errors:\n  \
                       .spec.containers[name=\"b\"].capabilities: field not declared in schema\n  \
                       .spec.x: field not declared in schema";
        assert!(remove_undeclared(&mut object, message));
        let rest = json!({"spec": {"containers": [
            {"name": "a", "capabilities": {}}, {"name": "b", "image": "i"},
        ]}});
        assert_eq!(object, rest);
        assert!(!remove_undeclared(&mut object, message));
    }

    #[test]
    fn one_field_is_named_in_the_same_line() {
        let mut object = json!({"spec": {"x": 1}});
        let message = "failed to create typed patch object (ns/b; v1, Kind=Service): .spec.x: field not declared in schema";
        assert!(remove_undeclared(&mut object, message));
        assert_eq!(object, json!({"spec": {}}));
    }

    #[test]
    fn other_messages_remove_nothing() {
        let mut object = json!({"spec": {"x": 1}});
        for message in [
            "",
            ".spec.x: forbidden",
            " .spec[: field not declared in schema",
            "é: field not declared in schema",
        ] {
            assert!(!remove_undeclared(&mut object, message), "{message}");
        }
    }
}
