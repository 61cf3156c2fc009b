//! What the user wants an instance or a binding to be, between the form, the review and the change. A page carries it
//! sealed, so there is no `Debug`.

use std::collections::BTreeSet;

use crate::console::form::{Existing, Parsed};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What the user has entered.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Draft {
    /// The name of the instance.
    pub name: String,
    /// The Kubernetes name of the plan.
    pub plan: String,
    /// Makes the keys of new values in a Secret unique.
    pub suffix: String,
    /// Whether all parameters go to a Secret.
    pub keeps_all_in_secret: bool,
    /// The parameters that do not look secret.
    pub parameters: Map<String, Value>,
    /// Those that do.
    pub secrets: Map<String, Value>,
    /// The names of those that stay as and where they are, because their values are not shown.
    pub kept: BTreeSet<String>,
    /// The generation of the instance that is edited; 0 for a new one.
    pub generation: i64,
}

impl Draft {
    /// The draft with the parameters from the form. `earlier` is the one that the form was filled in with: it has the
    /// values that the form does not show.
    #[must_use]
    pub fn with_parameters(mut self, parsed: Parsed, earlier: Option<&Self>) -> Self {
        let Parsed { parameters, secrets, kept, .. } = parsed;
        (self.parameters, self.secrets) = (parameters, secrets);
        for name in kept {
            let secret = earlier.and_then(|earlier| earlier.secrets.get(&name));
            let plain = earlier.and_then(|earlier| earlier.parameters.get(&name));
            if let Some(value) = secret {
                self.secrets.insert(name, value.clone());
            } else if let Some(value) = plain {
                self.parameters.insert(name, value.clone());
            } else {
                self.kept.insert(name);
            }
        }
        self
    }

    /// The draft without these secrets, because others were entered since.
    #[must_use]
    pub fn without(mut self, entered: &Map<String, Value>) -> Self {
        self.secrets.retain(|name, _| !entered.contains_key(name));
        self
    }

    /// The parameters for `spec.parameters`.
    pub fn inline(&self) -> Map<String, Value> {
        if self.keeps_all_in_secret { Map::new() } else { self.parameters.clone() }
    }

    /// The parameters for a Secret.
    pub fn confidential(&self) -> Map<String, Value> {
        let mut all = self.secrets.clone();
        if self.keeps_all_in_secret {
            all.extend(self.parameters.clone());
        }
        all
    }

    /// What a form is filled in with to change the draft: it shows nothing that goes to a Secret.
    pub fn existing(&self) -> Existing {
        let names = self.confidential().into_iter().map(|(name, _)| name);
        Existing { parameters: self.inline(), in_secrets: names.chain(self.kept.iter().cloned()).collect() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_value_that_the_form_does_not_show_comes_from_the_earlier_draft() {
        let earlier = Draft {
            keeps_all_in_secret: true,
            parameters: map(json!({"size": 1, "zone": "a"})),
            secrets: map(json!({"password": "p"})),
            ..Draft::default()
        };
        let existing = earlier.existing();
        assert!(existing.parameters.is_empty());
        assert_eq!(existing.in_secrets.len(), 3);
        let kept = ["size", "password", "stored"].map(str::to_owned).into();
        let parsed = Parsed { kept, parameters: map(json!({"zone": "b"})), ..Parsed::default() };
        let draft = Draft::default().with_parameters(parsed, Some(&earlier));
        assert_eq!(Value::from(draft.inline()), json!({"size": 1, "zone": "b"}));
        assert_eq!(Value::from(draft.confidential()), json!({"password": "p"}));
        assert_eq!(draft.kept, ["stored".to_owned()].into());
    }
}
