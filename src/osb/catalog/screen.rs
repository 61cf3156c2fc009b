//! What of a catalog is published? Descriptions become short, secrets are redacted, and entries that cannot be stored
//! are left out.

use super::{Catalog, Plan, Rejected, Rejections, Service};
use crate::osb::screen::Screen;
use crate::raw_json::RawJson;

/// The longest id, name or version, in bytes. They are stored in each instance.
const MAX_IDENTIFIER_BYTES: usize = 1000;
/// The length, in characters, to which descriptions are cut.
const MAX_DESCRIPTION_CHARS: usize = 4000;
/// The length, in characters, to which tags and required permissions are cut.
const MAX_TAG_CHARS: usize = 200;
/// The length, in characters, to which the labels of rejected entries are cut.
const MAX_LABEL_CHARS: usize = 300;

/// The catalog as it can be published.
pub(in crate::osb) fn screened(catalog: Catalog, screen: &Screen) -> Catalog {
    let Catalog { services, rejected } = catalog;
    let mut screened = Catalog { services: Vec::new(), rejected };
    for service in services {
        let service = screened_service(service, screen, &mut screened.rejected);
        screened.services.extend(service);
    }
    for rejected in screened.rejected.described_mut() {
        rejected.what = screen.line(&rejected.what, MAX_LABEL_CHARS);
    }
    screened
}

fn screened_service(mut service: Service, screen: &Screen, rejected: &mut Rejections) -> Option<Service> {
    let what = format!("service \"{}\"", service.name);
    service.description = screen.lines(&service.description, MAX_DESCRIPTION_CHARS);
    for tag in service.tags.iter_mut().chain(&mut service.requires) {
        *tag = screen.line(tag, MAX_TAG_CHARS);
    }
    service.metadata.iter_mut().for_each(|metadata| redact(metadata, screen));
    let plans = std::mem::take(&mut service.plans);
    if let Err(why) = check([&*service.id, &service.name], screen) {
        rejected.push(Rejected { what, why });
        return None;
    }
    for plan in plans {
        let of_plan = format!("plan \"{}\" of {what}", plan.name);
        let plan = screened_plan(plan, screen);
        let version = plan.maintenance_info.as_ref().map_or("", |info| &info.version);
        match check([&*plan.id, &plan.name, version], screen) {
            Ok(()) => service.plans.push(plan),
            Err(why) => rejected.push(Rejected { what: of_plan, why }),
        }
    }
    if service.plans.is_empty() {
        rejected.push(Rejected { what, why: "it has no usable plan".to_owned() });
        return None;
    }
    Some(service)
}

fn screened_plan(mut plan: Plan, screen: &Screen) -> Plan {
    plan.description = screen.lines(&plan.description, MAX_DESCRIPTION_CHARS);
    plan.metadata.iter_mut().for_each(|metadata| redact(metadata, screen));
    if let Some(description) = plan.maintenance_info.as_mut().and_then(|info| info.description.as_mut()) {
        *description = screen.lines(description, MAX_DESCRIPTION_CHARS);
    }
    let schemas = plan.schemas.iter_mut().flat_map(|schemas| {
        let instance = schemas.service_instance.iter_mut();
        let of_instance = instance.flat_map(|schema| schema.create.iter_mut().chain(&mut schema.update));
        let binding = schemas.service_binding.iter_mut().flat_map(|schema| &mut schema.create);
        of_instance.chain(binding)
    });
    schemas.filter_map(|schema| schema.parameters.as_mut()).for_each(|schema| redact(schema, screen));
    plan
}

fn redact(raw: &mut RawJson, screen: &Screen) {
    if screen.redactor.has_no_secrets() {
        return;
    }
    let mut value = raw.value();
    screen.redactor.redact_json(&mut value);
    *raw = value.into();
}

/// Whether an entry with these ids and names can be stored; if not, why.
fn check<'a>(identifiers: impl IntoIterator<Item = &'a str>, screen: &Screen) -> Result<(), String> {
    for identifier in identifiers {
        if identifier.len() > MAX_IDENTIFIER_BYTES {
            return Err(format!("its id, name or version is longer than {MAX_IDENTIFIER_BYTES} bytes"));
        }
        if screen.redactor.is_in_identifier(identifier) {
            return Err("its id, name or version contains the credentials for the broker".to_owned());
        }
    }
    Ok(())
}
