//! CEL rules for instances, evaluated by the API server.

use kube::core::{Message, Rule};

const CLUSTER: [&str; 6] = [
    "clusterServiceClassExternalName",
    "clusterServicePlanExternalName",
    "clusterServiceClassExternalID",
    "clusterServicePlanExternalID",
    "clusterServiceClassName",
    "clusterServicePlanName",
];
const NAMESPACED: [&str; 6] = [
    "serviceClassExternalName",
    "servicePlanExternalName",
    "serviceClassExternalID",
    "servicePlanExternalID",
    "serviceClassName",
    "servicePlanName",
];

fn is_set(field: &str) -> String {
    format!("(has(self.{field}) && self.{field} != '')")
}

fn any_set<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    format!("({})", fields.into_iter().map(is_set).collect::<Vec<_>>().join(" || "))
}

fn classes() -> impl Iterator<Item = &'static str> {
    CLUSTER.into_iter().chain(NAMESPACED).step_by(2)
}

fn plans() -> impl Iterator<Item = &'static str> {
    CLUSTER.into_iter().chain(NAMESPACED).skip(1).step_by(2)
}

fn unchanged(field: &str, spec: &str) -> String {
    let value = |of: &str| format!("(has({of}.{field}) ? {of}.{field} : '')");
    format!("{} == {}", value(&format!("self{spec}")), value(&format!("oldSelf{spec}")))
}

/// Refuses a plan change that the class or plan does not allow. CEL cannot read these objects, so the operator
/// publishes the answer as `status.planUpdatable`.
pub(super) fn plan_change() -> Rule {
    let known =
        "has(oldSelf.status) && has(oldSelf.status.planUpdatable) && has(oldSelf.status.provisionStatus)";
    let fixed = "!oldSelf.status.planUpdatable && oldSelf.status.provisionStatus == 'Provisioned'";
    let unchanged: Vec<String> = plans().map(|field| unchanged(field, ".spec")).collect();
    let class = "has(oldSelf.status.userSpecifiedClassName) ? oldSelf.status.userSpecifiedClassName : ''";
    let name = format!("[{class}].map(class, class.substring(class.indexOf('/') + 1))[0]");
    let message = format!("'The Service Class ' + {name} + ' does not allow plan changes.'");
    Rule::new(format!("!({known} && {fixed}) || ({})", unchanged.join(" && ")))
        .message(Message::Expression(message))
}

pub(super) fn one_scope() -> Rule {
    Rule::new(format!("!({} && {})", any_set(CLUSTER), any_set(NAMESPACED)))
        .message("instances can only refer to a cluster or namespaced class or plan type, but not both")
}

pub(super) fn one_class() -> Rule {
    let count = classes().map(|field| format!("({} ? 1 : 0)", is_set(field))).collect::<Vec<_>>().join(" + ");
    Rule::new(format!("{count} == 1")).message(
        "exactly one class must be set: clusterServiceClassExternalName, clusterServiceClassExternalID, \
         clusterServiceClassName, serviceClassExternalName, serviceClassExternalID or serviceClassName",
    )
}

pub(super) fn matching_plan() -> Rule {
    let pairs: Vec<String> = CLUSTER
        .chunks(2)
        .chain(NAMESPACED.chunks(2))
        .filter_map(|pair| match pair {
            [class, plan] => Some(format!("(!{} || {})", is_set(plan), is_set(class))),
            _ => None,
        })
        .collect();
    Rule::new(pairs.join(" && ")).message(
        "the plan must be named in the same way as the class: by external name, by external ID or by \
         Kubernetes name",
    )
}

pub(super) fn fixed_class() -> Rule {
    let unchanged: Vec<String> = classes().map(|field| unchanged(field, "")).collect();
    Rule::new(unchanged.join(" && ")).message("the class is immutable: create a new instance instead")
}

/// The operator writes the id of the next attempt, which differs from the one before. Which user may set the id is a
/// policy's to say (`external-id`).
pub(super) fn fixed_external_id() -> Rule {
    let is_unset = "(!has(oldSelf.spec.externalID) || oldSelf.spec.externalID == '')";
    let is_provisioned = "has(oldSelf.status) && has(oldSelf.status.provisionStatus) && \
                          oldSelf.status.provisionStatus == 'Provisioned'";
    let unchanged = unchanged("externalID", ".spec");
    Rule::new(format!("{unchanged} || {is_unset} || !({is_provisioned})")).message("externalID is immutable")
}
