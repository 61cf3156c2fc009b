//! How is a catalog decoded so that one unusable entry does not affect the others?
//!
//! Entry by entry, as they come: a broker may send anything, and a decoded document takes up to fifty times the memory
//! of its text.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Catalog, Plan, Rejected, Service};
use crate::osb::lenient::{self, IgnoredMember, Lenient};
use crate::osb::{json, text};

/// The length, in characters, to which the name of a rejected entry is cut.
const MAX_NAME_CHARS: usize = 100;

/// The size limit of an offering without its plans, and of a plan, in bytes: three schemas of the size that the
/// specification allows, and as much metadata.
const MAX_ENTRY_BYTES: usize = 256 * 1024;

/// How deeply an entry may be nested. Deeper ones could be parsed here, but not in every object that is made of them.
const MAX_ENTRY_DEPTH: usize = 64;

#[derive(Deserialize)]
struct Body {
    services: Box<RawValue>,
}

/// Decodes a catalog and leaves out unusable entries. Of two entries with the same id or name, the first is kept. A
/// catalog with more than `max_plans` plans, or as many offerings, is refused, whether they are usable or not.
pub(in crate::osb) fn decode(body: &[u8], max_plans: usize) -> Result<Catalog, String> {
    let Body { services } = json::object_of_any_size(body)?;
    let mut reader = Reader { max_plans, ..Reader::default() };
    for_each(&services, |index, service| reader.add(index, service))?;
    Ok(reader.catalog)
}

/// The catalog decoded so far, and the ids and names that it has.
#[derive(Default)]
struct Reader {
    max_plans: usize,
    catalog: Catalog,
    service_ids: HashSet<String>,
    service_names: HashSet<String>,
    plan_ids: HashSet<String>,
    /// How many plans there are, usable or not.
    plans: usize,
}

impl Reader {
    fn add(&mut self, index: usize, text: &RawValue) -> Result<(), String> {
        if index >= self.max_plans {
            return Err(format!("it has more offerings than the limit of {}", self.max_plans));
        }
        let what = format!("service{}", label(text, &format!("s[{index}]")));
        match self.service(index, text, &what) {
            Ok(service) => self.catalog.services.push(service),
            Err(why) => self.reject(what, why),
        }
        if self.plans > self.max_plans {
            return Err(format!("it has more plans than the limit of {}", self.max_plans));
        }
        Ok(())
    }

    fn service(&mut self, index: usize, text: &RawValue, what: &str) -> Result<Service, String> {
        let path = format!("services[{index}]");
        let (Lenient { document: mut service, ignored }, plans) = self.offering(text, &path)?;
        self.ignore(ignored, || what.to_owned());
        service.plans = self.plans_of(plans, what, &path);
        if service.plans.is_empty() {
            return Err("it has no usable plan".to_owned());
        }
        self.service_ids.insert(service.id.clone());
        self.service_names.insert(service.name.clone());
        Ok(service)
    }

    /// An offering without its plans, and the list of these.
    fn offering<'a>(
        &self,
        text: &'a RawValue,
        path: &str,
    ) -> Result<(Lenient<Service>, &'a RawValue), String> {
        check_object(text)?;
        let Parts { members, plans } =
            serde_json::from_str(text.get()).map_err(|error| json::describe_entry(&error))?;
        let service: Lenient<Service> = entry(&members, || path.to_owned())?;
        claim("id", &service.document.id, &self.service_ids)?;
        claim("name", &service.document.name, &self.service_names)?;
        let plans = plans.filter(|plans| plans.get().starts_with('['));
        Ok((service, plans.ok_or("its plans are not a list")?))
    }

    /// The usable plans. At the limit it stops, because the catalog is refused.
    fn plans_of(&mut self, list: &RawValue, service: &str, path: &str) -> Vec<Plan> {
        let mut names = HashSet::new();
        let mut plans = Vec::new();
        let _ = for_each(list, |index, text| {
            self.plans += 1;
            if self.plans > self.max_plans {
                return Err(String::new());
            }
            let what = || format!("plan{} of {service}", label(text, &format!("s[{index}]")));
            match self.plan(text, &names, || format!("{path}.plans[{index}]")) {
                Ok(Lenient { document: plan, ignored }) => {
                    self.ignore(ignored, what);
                    self.plan_ids.insert(plan.id.clone());
                    names.insert(plan.name.clone());
                    plans.push(plan);
                }
                Err(why) => self.reject(what(), why),
            }
            Ok(())
        });
        plans
    }

    fn plan(
        &self,
        text: &RawValue,
        names: &HashSet<String>,
        path: impl Fn() -> String,
    ) -> Result<Lenient<Plan>, String> {
        if text.get().len() > MAX_ENTRY_BYTES {
            return Err(too_large());
        }
        check_object(text)?;
        let plan: Lenient<Plan> = entry(text.get(), path)?;
        claim("id", &plan.document.id, &self.plan_ids)?;
        claim("name", &plan.document.name, names)?;
        Ok(plan)
    }

    /// Members that are ignored are told beside the entries that are left out.
    fn ignore(&mut self, members: Vec<IgnoredMember>, what: impl Fn() -> String) {
        for member in members {
            self.reject(what(), format!("{member}; the member is ignored"));
        }
    }

    fn reject(&mut self, what: String, why: String) {
        self.catalog.rejected.push(Rejected { what, why });
    }
}

/// Decodes an entry, which is at this path of the catalog.
fn entry<T: DeserializeOwned>(text: &str, path: impl Fn() -> String) -> Result<Lenient<T>, String> {
    check_depth(text)?;
    let Lenient { document, ignored } =
        lenient::object(text.as_bytes(), &[]).map_err(|fault| fault.within(&path()).to_string())?;
    Ok(Lenient { document, ignored: ignored.into_iter().map(|member| member.within(&path())).collect() })
}

fn check_object(text: &RawValue) -> Result<(), String> {
    if text.get().starts_with('{') { Ok(()) } else { Err("it is not an object".to_owned()) }
}

fn check_depth(text: &str) -> Result<(), String> {
    if json::depth(text.as_bytes()) > MAX_ENTRY_DEPTH {
        return Err(format!("it is nested more deeply than {MAX_ENTRY_DEPTH} levels"));
    }
    Ok(())
}

fn too_large() -> String {
    format!("it is larger than {} KiB", MAX_ENTRY_BYTES / 1024)
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
fn label(entry: &RawValue, place: &str) -> String {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        name: &'a RawValue,
    }
    let named = serde_json::from_str(entry.get());
    let name = named.and_then(|Named { name }| serde_json::from_str::<String>(name.get()));
    match name {
        Ok(name) if !name.is_empty() => format!(" \"{}\"", text::excerpt(&name, MAX_NAME_CHARS)),
        _ => place.to_owned(),
    }
}

/// The members of an offering: its plans, and the text of an object with all others.
struct Parts<'a> {
    members: String,
    plans: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Parts<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Parts<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts<'de>, A::Error> {
                let (mut members, mut plans) = (String::new(), None);
                while let Some(name) = map.next_key::<String>()? {
                    let value: &RawValue = map.next_value()?;
                    if name == "plans" {
                        plans = Some(value);
                        continue;
                    }
                    let separator = if members.is_empty() { '{' } else { ',' };
                    members.extend([&format!("{separator}{}:", Value::from(name)), value.get()]);
                    if members.len() > MAX_ENTRY_BYTES {
                        return Err(A::Error::custom(too_large()));
                    }
                }
                members.push_str(if members.is_empty() { "{}" } else { "}" });
                Ok(Parts { members, plans })
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// Calls `each` with the index and the text of each element, as it is read, until there is an error.
fn for_each<'a>(
    list: &'a RawValue,
    each: impl FnMut(usize, &'a RawValue) -> Result<(), String>,
) -> Result<(), String> {
    struct Elements<F>(F);
    impl<'de, F: FnMut(usize, &'de RawValue) -> Result<(), String>> Visitor<'de> for Elements<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
            let mut index = 0;
            while let Some(element) = list.next_element()? {
                (self.0)(index, element).map_err(A::Error::custom)?;
                index += 1;
            }
            Ok(())
        }
    }
    let mut text = serde_json::Deserializer::from_str(list.get());
    text.deserialize_seq(Elements(each)).map_err(|error| json::describe_entry(&error))
}

#[cfg(test)]
mod tests;
