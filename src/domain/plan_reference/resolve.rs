//! Finds the class and the plan of an instance.
//!
//! A name is resolved **once**, when a user writes it. From then on the references in the spec count, until the user
//! writes another name: brokers rename plans, and give the old name to another plan with another price. The annotation
//! `servicecatalog.k8s.io/resolved` says to which names the references belong. One request writes both, so that an edit
//! in between cannot make a reference count for a name that was not meant. What the broker was asked for is in the
//! status, and stands in for references that another client has lost.
//!
//! Of several classes with the name, the one that offers the plan counts, if it is the only one that does.
//!
//! An entry that the broker has removed from its catalog is no candidate for a name, unless it is the only one: then it
//! explains why the instance cannot be provisioned. An instance that has a removed plan keeps it.

use kube::{Resource, ResourceExt as _};

use super::target::OutdatedName;
use super::{By, ClassKey, ClassTerms, PlanReference, PlanTerms, Target, Unresolved};
use crate::crd::instance::InstanceProperties;
use crate::crd::names::ANNOTATION_RESOLVED;
use crate::crd::role::{Class, Plan};
use crate::crd::{ServiceInstance, ServiceInstanceStatus};
use crate::domain::catalog::entry;
use crate::domain::reason;

#[cfg(test)]
mod tests;

/// Finds the class and the plan of an instance among the existing ones.
pub fn resolve<'a, C, P>(
    instance: &ServiceInstance,
    classes: impl Iterator<Item = &'a C>,
    plans: impl Iterator<Item = &'a P>,
) -> Result<Target, Unresolved>
where
    C: Class + Resource<DynamicType = ()> + 'a,
    P: Plan + Resource<DynamicType = ()> + 'a,
{
    let reference = PlanReference::of(&instance.spec);
    let recorded = Recorded::of(instance, reference);
    let mut plans: Vec<&P> = plans.collect();
    let class = recorded.class(classes.collect(), &plans)?;
    plans.retain(|plan| is_plan_of(*plan, class));
    let plan = recorded.plan(&plans, class)?;
    let confirmed = plans.iter().find(|plan| recorded.confirmed == Some(&plan.common().external_id));
    let target = target(reference, class, plan, confirmed.copied().unwrap_or(plan));
    Ok(Target { is_edited: recorded.is_known && !recorded.is_current, ..target })
}

/// The classes to which an instance may be resolved: as the user wrote it, and as it was resolved before.
pub fn class_keys(instance: &ServiceInstance) -> Vec<ClassKey> {
    let reference = PlanReference::of(&instance.spec);
    let recorded = Recorded::of(instance, reference);
    let key = |by, written: &str| ClassKey {
        namespace: instance.metadata.namespace.clone().filter(|_| reference.namespaced),
        by,
        written: written.to_owned(),
    };
    let requested = recorded.requested.map(|requested| key(By::ExternalId, &requested.service_id));
    let resolved = recorded.class.map(|class| key(By::Name, class));
    [Some(key(reference.by, reference.class)), requested, resolved].into_iter().flatten().collect()
}

/// What an instance was resolved to before, and the reference that the user has written.
struct Recorded<'a> {
    reference: PlanReference<'a>,
    /// The Kubernetes names in the references of the spec.
    class: Option<&'a str>,
    plan: Option<&'a str>,
    /// Whether it is known to which names these belong.
    is_known: bool,
    /// Whether these belong to the names in the spec.
    is_current: bool,
    /// Whether this operator has seen the object before.
    has_status: bool,
    /// What the broker was asked for last.
    requested: Option<&'a InstanceProperties>,
    /// The OSB id of the plan that the broker has confirmed.
    confirmed: Option<&'a str>,
}

impl<'a> Recorded<'a> {
    fn of(instance: &'a ServiceInstance, reference: PlanReference<'a>) -> Self {
        let status = instance.status.as_ref();
        let has_ids = |properties: &&InstanceProperties| !properties.service_id.is_empty();
        let external = status.and_then(|status| status.external_properties.as_ref());
        let in_progress = status.and_then(|status| status.in_progress_properties.as_ref());
        Self {
            reference,
            class: entry::class_of(instance, reference.namespaced),
            plan: entry::plan_of(instance, reference.namespaced),
            is_known: instance.annotations().contains_key(ANNOTATION_RESOLVED)
                || status.is_some_and(|status| !status.user_specified_plan_name.is_empty()),
            is_current: match instance.annotations().get(ANNOTATION_RESOLVED) {
                Some(names) => *names == reference.names(),
                None => status.is_some_and(|status| is_current(status, reference)),
            },
            has_status: status.is_some(),
            requested: in_progress.or(external).filter(has_ids),
            confirmed: external.map(InstanceProperties::plan_id),
        }
    }

    fn class<C, P>(&self, classes: Vec<&'a C>, plans: &[&P]) -> Result<&'a C, Unresolved>
    where
        C: Class + Resource<DynamicType = ()>,
        P: Plan + Resource<DynamicType = ()>,
    {
        let is_referenced = |class: &&C| self.class == Some(&class.name_any());
        if let Some(requested) = self.requested {
            let is_requested = |class: &&C| {
                class.common().external_id == requested.service_id
                    && class.broker_name() == requested.broker_name
            };
            let same: Vec<&C> = classes.into_iter().filter(is_requested).collect();
            let kept = same.iter().copied().find(is_referenced);
            let kept = kept.or_else(|| same.iter().copied().find(|class| self.is_named(*class)));
            let kept = kept.or_else(|| same.first().copied());
            return kept.ok_or_else(|| self.class_is_gone::<C>(requested));
        }
        if let Some(kept) = classes.iter().copied().find(is_referenced).filter(|_| self.is_current) {
            return Ok(kept);
        }
        let named = classes.iter().copied().filter(|class| self.is_named(*class));
        let (removed, offered): (Vec<&C>, Vec<&C>) = named.partition(|class| class.is_removed());
        let kept = offered.iter().copied().find(is_referenced);
        match (kept, offered.as_slice(), removed.first()) {
            (Some(class), _, _) => Ok(class),
            (None, [class], _) | (None, [], Some(class)) => Ok(*class),
            (None, [], None) => {
                let class = self.written::<C>();
                Err(no_class(&format!("{class} that does not exist; continues when a broker offers it")))
            }
            (None, several, _) => {
                self.class_with_the_plan(several, plans).ok_or_else(|| self.several_classes(several))
            }
        }
    }

    /// The only one of several classes that offers the plan. Brokers share names such as `redis`, and a broker that is
    /// added must not stop the orders that another one has always served.
    fn class_with_the_plan<C, P>(&self, classes: &[&'a C], plans: &[&P]) -> Option<&'a C>
    where
        C: Class + Resource<DynamicType = ()>,
        P: Plan + Resource<DynamicType = ()>,
    {
        let written = self.reference.plan?;
        let named: Vec<&P> = plans.iter().copied().filter(|plan| self.names(written, *plan)).collect();
        let offers = |class: &&C| named.iter().any(|plan| is_plan_of(*plan, *class) && !plan.is_removed());
        let mut offering = classes.iter().copied().filter(offers);
        offering.next().filter(|_| offering.next().is_none())
    }

    /// Whether a plan is the one that the user has written.
    fn names<P: Plan + Resource<DynamicType = ()>>(&self, written: &str, plan: &P) -> bool {
        let PlanTerms { name, id, .. } = PlanTerms::of(plan);
        self.reference.matches(written, &plan.name_any(), name, id)
    }

    fn is_named<C: Class + Resource<DynamicType = ()>>(&self, class: &C) -> bool {
        let ClassTerms { name, id, .. } = ClassTerms::of(class);
        self.reference.matches(self.reference.class, &class.name_any(), name, id)
    }

    fn plan<C, P>(&self, plans: &[&'a P], class: &C) -> Result<&'a P, Unresolved>
    where
        C: Class + Resource<DynamicType = ()>,
        P: Plan + Resource<DynamicType = ()>,
    {
        if self.is_current {
            let requested = self.requested.map(InstanceProperties::plan_id);
            let referenced = plans.iter().find(|plan| self.plan == Some(&plan.name_any()));
            let is_requested = |plan: &&&P| requested == Some(&plan.common().external_id);
            // What was requested stands in for a reference that is lost, not for one whose plan is gone: they may differ.
            let known = || plans.iter().find(is_requested).filter(|_| self.plan.is_none());
            match (referenced.or_else(known), requested) {
                (Some(plan), _) => return Ok(plan),
                (None, requested) if requested.is_some() || self.has_status => {
                    return Err(self.plan_is_gone::<P>(class));
                }
                // An object that was stored in another cluster.
                (None, _) => {}
            }
        }
        let Some(written) = self.reference.plan else { return the_only_plan(plans, class) };
        let named: Vec<&P> = plans.iter().copied().filter(|plan| self.names(written, *plan)).collect();
        // Setting the former plan again is no change, even if its name belongs to another plan, too.
        let confirmed = named.iter().find(|plan| self.confirmed == Some(&plan.common().external_id));
        let offered = named.iter().find(|plan| !plan.is_removed());
        confirmed.or(offered).or_else(|| named.first()).copied().ok_or_else(|| Unresolved {
            reason: reason::REFERENCES_NONEXISTENT_SERVICE_PLAN,
            message: format!(
                "The instance references a {} {written:?} that the class {:?} does not have; continues when the broker offers \
                 it, or choose another plan",
                P::kind(&()),
                class.common().external_name
            ),
        })
    }

    fn plan_is_gone<P: Resource<DynamicType = ()>>(&self, class: &impl Class) -> Unresolved {
        Unresolved {
            reason: reason::REFERENCES_NONEXISTENT_SERVICE_PLAN,
            message: format!(
                "The instance was resolved to the {} {:?}, which the class {:?} does not have any more; choose another plan",
                P::kind(&()),
                self.plan.or_else(|| self.requested.map(InstanceProperties::plan_id)).unwrap_or_default(),
                class.common().external_name
            ),
        }
    }

    /// The class as the user wrote it, after its kind.
    fn written<C: Resource<DynamicType = ()>>(&self) -> String {
        format!("a {} {:?}", C::kind(&()), self.reference.class)
    }

    fn class_is_gone<C: Resource<DynamicType = ()>>(&self, requested: &InstanceProperties) -> Unresolved {
        no_class(&format!(
            "{} that does not exist: it has the ID {:?} at the broker {}; continues when the broker offers it",
            self.written::<C>(),
            requested.service_id,
            requested.broker_name
        ))
    }

    fn several_classes<C>(&self, several: &[&C]) -> Unresolved
    where
        C: Class + Resource<DynamicType = ()>,
    {
        let describe = |class: &&C| format!("{} of the broker {}", class.name_any(), class.broker_name());
        let classes = several.iter().map(describe).collect::<Vec<_>>().join(", ");
        let field = if self.reference.namespaced { "serviceClassName" } else { "clusterServiceClassName" };
        no_class(&format!(
            "{}, but there are several: {classes}. Create an instance that names one of them in spec.{field} instead",
            self.written::<C>()
        ))
    }
}

fn is_plan_of<C, P>(plan: &P, class: &C) -> bool
where
    C: Class + Resource<DynamicType = ()>,
    P: Plan + Resource<DynamicType = ()>,
{
    let terms = PlanTerms::of(plan);
    terms.class == class.name_any() && terms.broker == class.broker_name()
}

/// Whether a status belongs to the names in the spec, for an instance without the annotation: service-catalog or an
/// earlier version has resolved it.
fn is_current(status: &ServiceInstanceStatus, reference: PlanReference<'_>) -> bool {
    let class = status.user_specified_class_name.split_once('/').map_or("", |(_, name)| name);
    let known = status.external_properties.as_ref().or(status.in_progress_properties.as_ref());
    // Some versions of service-catalog stored the name of the plan only here.
    let known = known.filter(|_| reference.by == By::ExternalName).map_or("", InstanceProperties::plan_name);
    let plan = Some(&*status.user_specified_plan_name).filter(|plan| !plan.is_empty()).unwrap_or(known);
    (class.is_empty() || class == reference.class)
        && !plan.is_empty()
        && reference.plan.is_none_or(|written| written == plan)
}

fn no_class(what: &str) -> Unresolved {
    Unresolved {
        reason: reason::REFERENCES_NONEXISTENT_SERVICE_CLASS,
        message: format!("The instance references {what}"),
    }
}

/// The plan of an instance that names none.
fn the_only_plan<'a, C: Class, P: Plan>(plans: &[&'a P], class: &C) -> Result<&'a P, Unresolved> {
    let class = &class.common().external_name;
    let reason = reason::REFERENCES_NONEXISTENT_SERVICE_PLAN;
    let offered: Vec<&&P> = plans.iter().filter(|plan| !plan.is_removed()).collect();
    match offered.as_slice() {
        [plan] => Ok(plan),
        [] => {
            let message = format!(
                "The instance names no plan, and the class {class:?} offers none. The operator continues when there \
                 is one"
            );
            Err(Unresolved { reason, message })
        }
        several => {
            let names =
                several.iter().map(|plan| &*plan.common().external_name).collect::<Vec<_>>().join(", ");
            let message = format!(
                "The instance names no plan, but the class {class:?} has {}: {names}. Name one of them in the spec",
                several.len()
            );
            Err(Unresolved { reason, message })
        }
    }
}

/// `confirmed` is the plan that the instance has at the broker, or else `plan` itself.
fn target<C, P>(reference: PlanReference<'_>, class: &C, plan: &P, confirmed: &P) -> Target
where
    C: Class + Resource<DynamicType = ()>,
    P: Plan + Resource<DynamicType = ()>,
{
    let (class_object, plan_object) = (class.name_any(), plan.name_any());
    let (class, plan, confirmed) = (ClassTerms::of(class), PlanTerms::of(plan), PlanTerms::of(confirmed));
    Target {
        namespaced: reference.namespaced,
        broker: class.broker.to_owned(),
        class_object,
        class_name: class.name.to_owned(),
        service_id: class.id.to_owned(),
        plan_object,
        plan_name: plan.name.to_owned(),
        plan_id: plan.id.to_owned(),
        broker_deleted: false,
        class_removed: class.is_removed,
        plan_removed: plan.is_removed,
        plan_updatable: confirmed.plan_updatable.unwrap_or(class.plan_updatable),
        maintenance: plan.maintenance.cloned().unwrap_or_default(),
        maximum_polling_duration: plan.maximum_polling_duration,
        class_defaults: class.defaults.cloned(),
        plan_defaults: plan.defaults.cloned(),
        user_specified_class: format!("{}/{}", C::kind(&()), reference.class),
        user_specified_plan: reference.plan.unwrap_or(plan.name).to_owned(),
        outdated_class: outdated(reference, Some(reference.class), class.name),
        outdated_plan: outdated(reference, reference.plan, plan.name),
        names: reference.names(),
        is_edited: false,
    }
}

/// A name in the spec that is not the one in the catalog.
fn outdated(reference: PlanReference<'_>, written: Option<&str>, name: &str) -> Option<OutdatedName> {
    let written = written.filter(|written| reference.by == By::ExternalName && *written != name)?;
    Some(OutdatedName { written: written.to_owned(), name: name.to_owned() })
}
