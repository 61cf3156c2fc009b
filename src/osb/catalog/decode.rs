//! How is a catalog decoded so that one unusable entry does not affect the others?

use std::collections::HashSet;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Catalog, Plan, Rejected, Service};
use crate::osb::{json, text};

/// The length, in characters, to which the name of a rejected entry is cut.
const MAX_NAME_CHARS: usize = 100;

#[derive(Deserialize)]
struct Body {
    services: Vec<Value>,
}

/// Decodes a catalog and leaves out unusable entries. Of two entries with the same id or name, the first is kept.
pub(in crate::osb) fn decode(body: &[u8]) -> Result<Catalog, String> {
    let Body { services } = json::object(body)?;
    let mut reader = Reader::default();
    for (index, service) in services.into_iter().enumerate() {
        let what = format!("service{}", label(&service, &format!("s[{index}]")));
        match reader.service(service, &what) {
            Ok(service) => reader.catalog.services.push(service),
            Err(why) => reader.reject(what, why),
        }
    }
    Ok(reader.catalog)
}

/// The catalog decoded so far, and the ids and names that it has.
#[derive(Default)]
struct Reader {
    catalog: Catalog,
    service_ids: HashSet<String>,
    service_names: HashSet<String>,
    plan_ids: HashSet<String>,
}

impl Reader {
    fn service(&mut self, mut value: Value, what: &str) -> Result<Service, String> {
        let plans = value.get_mut("plans").map(Value::take);
        let mut service: Service = entry(value)?;
        claim("id", &service.id, &self.service_ids)?;
        claim("name", &service.name, &self.service_names)?;
        service.plans = match plans {
            Some(Value::Array(plans)) => self.plans(plans, what),
            _ => return Err("its plans are not a list".to_owned()),
        };
        if service.plans.is_empty() {
            return Err("it has no usable plan".to_owned());
        }
        self.service_ids.insert(service.id.clone());
        self.service_names.insert(service.name.clone());
        Ok(service)
    }

    fn plans(&mut self, values: Vec<Value>, service: &str) -> Vec<Plan> {
        let mut names = HashSet::new();
        let mut plans = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            let what = format!("plan{} of {service}", label(&value, &format!("s[{index}]")));
            match self.plan(value, &names) {
                Ok(plan) => {
                    self.plan_ids.insert(plan.id.clone());
                    names.insert(plan.name.clone());
                    plans.push(plan);
                }
                Err(why) => self.reject(what, why),
            }
        }
        plans
    }

    fn plan(&self, value: Value, names: &HashSet<String>) -> Result<Plan, String> {
        let plan: Plan = entry(value)?;
        claim("id", &plan.id, &self.plan_ids)?;
        claim("name", &plan.name, names)?;
        Ok(plan)
    }

    fn reject(&mut self, what: String, why: String) {
        self.catalog.rejected.push(Rejected { what, why });
    }
}

fn entry<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    if !value.is_object() {
        return Err("it is not an object".to_owned());
    }
    serde_json::from_value(value).map_err(|error| json::describe(&error))
}

fn claim(member: &str, value: &str, taken: &HashSet<String>) -> Result<(), String> {
    if value.is_empty() {
        return Err(format!("its {member} is empty"));
    }
    if taken.contains(value) {
        return Err(format!("its {member} is already taken by an earlier entry"));
    }
    Ok(())
}

/// The quoted name of an entry, or its position in the catalog if it has none.
fn label(entry: &Value, place: &str) -> String {
    match entry.get("name").and_then(Value::as_str) {
        Some(name) if !name.is_empty() => format!(" \"{}\"", text::excerpt(name, MAX_NAME_CHARS)),
        _ => place.to_owned(),
    }
}

#[cfg(test)]
mod tests;
