//! May the operator do what it does?

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec, SubjectAccessReviewStatus,
};
use kube::api::PostParams;
use kube::{Api, Client};

use super::deployment::Installation;
use super::finding::Finding;
use crate::crd::GROUP;
use crate::leader::LEASE;

/// What the operator does with some resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// Where it does that.
    pub place: Place,
    /// The API group of the resources.
    pub group: &'static str,
    /// The resources, subresources after a slash.
    pub resources: &'static [&'static str],
    /// The only object that it concerns; all, if empty.
    pub name: &'static str,
    /// The verbs of RBAC.
    pub verbs: &'static [&'static str],
}

/// Where the operator does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In each namespace that it works in.
    Watched,
    /// In each namespace that it works in, if it restarts workloads.
    Restarts,
    /// In the whole cluster, unless it works only in a few namespaces.
    Cluster,
    /// In its own namespace.
    Own,
}

/// All that the operator does. The chart's roles grant this, and nothing else.
pub const NEEDED: &[Permission] = &[
    in_watched(
        GROUP,
        &["servicebrokers", "serviceinstances", "servicebindings", "instances", "bindings"],
        &["get", "list", "watch", "patch", "update"],
    ),
    in_watched(GROUP, &["serviceinstances", "servicebindings"], &["create", "delete"]),
    in_watched(GROUP, &["bindings"], &["delete"]),
    in_watched(GROUP, &["serviceclasses", "serviceplans"], OWNED),
    in_watched(
        GROUP,
        &[
            "servicebrokers/status",
            "serviceclasses/status",
            "serviceplans/status",
            "serviceinstances/status",
            "servicebindings/status",
            "instances/status",
            "bindings/status",
        ],
        &["patch", "update"],
    ),
    in_watched("", &["secrets"], &["get", "list", "watch", "create", "update", "delete"]),
    in_watched("", &["pods"], &["list", "watch"]),
    in_watched("", &["namespaces"], &["get"]),
    in_watched("apps", &["replicasets"], &["get"]),
    Permission {
        place: Place::Restarts,
        ..in_watched("apps", &["deployments", "statefulsets", "daemonsets"], &["get", "patch"])
    },
    in_watched("events.k8s.io", &["events"], &["create", "patch"]),
    in_cluster(
        GROUP,
        &["clusterservicebrokers"],
        &["get", "list", "watch", "create", "patch", "update", "delete"],
    ),
    in_cluster(GROUP, &["brokers"], &["get", "list", "watch", "patch", "update"]),
    in_cluster(GROUP, &["clusterserviceclasses", "clusterserviceplans"], OWNED),
    in_cluster(
        GROUP,
        &[
            "clusterservicebrokers/status",
            "clusterserviceclasses/status",
            "clusterserviceplans/status",
            "brokers/status",
        ],
        &["patch", "update"],
    ),
    in_cluster("", &["namespaces"], &["list", "watch", "patch"]),
    in_cluster(
        "admissionregistration.k8s.io",
        &[
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
        ],
        &["list", "watch"],
    ),
    in_own("", &["configmaps"], "cluster-info", &["get"]),
    in_own("coordination.k8s.io", &["leases"], "", &["create"]),
    in_own("coordination.k8s.io", &["leases"], LEASE, &["get", "update"]),
];

/// What the operator does with objects that it makes itself.
const OWNED: &[&str] = &["get", "list", "watch", "create", "patch", "update", "delete"];

const fn in_watched(
    group: &'static str,
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
) -> Permission {
    Permission { place: Place::Watched, group, resources, name: "", verbs }
}

const fn in_cluster(
    group: &'static str,
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
) -> Permission {
    Permission { place: Place::Cluster, ..in_watched(group, resources, verbs) }
}

const fn in_own(
    group: &'static str,
    resources: &'static [&'static str],
    name: &'static str,
    verbs: &'static [&'static str],
) -> Permission {
    Permission { place: Place::Own, name, ..in_watched(group, resources, verbs) }
}

/// How many permissions are asked for at once.
const CONCURRENT_REVIEWS: usize = 8;

/// What was found of the permissions: those that the operator lacks, for each resource, or one finding of all.
pub async fn check(client: &Client, installation: &Installation) -> Vec<Finding> {
    let user = installation.user();
    let part = format!("the permissions of {user}");
    let reviews = requests(installation).into_iter().map(async |request| {
        let answer = review(client, installation, request.clone()).await;
        (request, answer)
    });
    let reviews = stream::iter(reviews).buffer_unordered(CONCURRENT_REVIEWS);
    let mut reviews = std::pin::pin!(reviews);
    let mut refused: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut unknown = None;
    while let Some((request, answer)) = reviews.next().await {
        match answer {
            Ok(SubjectAccessReviewStatus { allowed: true, .. }) => {}
            Ok(SubjectAccessReviewStatus { evaluation_error: Some(error), .. }) => {
                unknown = Some(Finding::unknown(&part, error));
            }
            Ok(_) => refused.entry(resource(&request)).or_default().extend(request.verb),
            Err(error) => {
                unknown = Some(Finding::not_shown(&part, &error));
                break;
            }
        }
    }
    let wrong = |(resource, verbs): (String, BTreeSet<String>)| {
        let verbs = verbs.into_iter().collect::<Vec<_>>().join(", ");
        Finding::wrong(&user, format!("may not {verbs} {resource}"), installation.upgrade())
    };
    let mut findings: Vec<Finding> = refused.into_iter().map(wrong).collect();
    findings.extend(unknown);
    if findings.is_empty() {
        findings.push(Finding::whole(part));
    }
    findings
}

/// One request for each verb that the operator needs, on each resource, in each place.
fn requests(installation: &Installation) -> Vec<ResourceAttributes> {
    let Installation { namespace, watched, restarts_workloads, .. } = installation;
    let everywhere: Vec<Option<String>> =
        if watched.is_empty() { vec![None] } else { watched.iter().cloned().map(Some).collect() };
    let mut requests = Vec::new();
    for needed in NEEDED {
        let places = match needed.place {
            Place::Watched => everywhere.clone(),
            Place::Restarts if *restarts_workloads => everywhere.clone(),
            Place::Cluster if watched.is_empty() => vec![None],
            Place::Restarts | Place::Cluster => continue,
            Place::Own => vec![Some(namespace.clone())],
        };
        for place in places {
            for (resource, verb) in needed.pairs() {
                requests.push(request(needed, place.clone(), resource, verb));
            }
        }
    }
    requests
}

impl Permission {
    /// Each resource with each verb.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let Self { resources, verbs, .. } = *self;
        resources.iter().flat_map(move |resource| verbs.iter().map(move |verb| (*resource, *verb)))
    }
}

fn request(needed: &Permission, namespace: Option<String>, resource: &str, verb: &str) -> ResourceAttributes {
    let (resource, subresource) = match resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (resource, None),
    };
    ResourceAttributes {
        group: Some(needed.group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource,
        name: Some(needed.name.to_owned()),
        namespace,
        verb: Some(verb.to_owned()),
        ..ResourceAttributes::default()
    }
}

async fn review(
    client: &Client,
    installation: &Installation,
    request: ResourceAttributes,
) -> kube::Result<SubjectAccessReviewStatus> {
    let spec = SubjectAccessReviewSpec {
        user: Some(installation.user()),
        groups: Some(installation.groups()),
        resource_attributes: Some(request),
        ..SubjectAccessReviewSpec::default()
    };
    let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
    let answer = Api::all(client.clone()).create(&PostParams::default(), &review).await?;
    Ok(answer.status.unwrap_or_default())
}

/// The resource of a request, and where.
fn resource(request: &ResourceAttributes) -> String {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let mut resource = text(&request.resource);
    for (separator, part) in [('.', &request.group), ('/', &request.subresource), ('/', &request.name)] {
        if let Some(part) = part.as_ref().filter(|part| !part.is_empty()) {
            resource.push(separator);
            resource.push_str(part);
        }
    }
    match &request.namespace {
        Some(namespace) => format!("{resource} in namespace {namespace}"),
        None => format!("{resource} cluster-wide"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::deployment::tests::installation;

    fn requested(watched: &[&str], restarts_workloads: bool) -> BTreeSet<String> {
        requests(&installation(watched, restarts_workloads))
            .iter()
            .map(|request| format!("{} {}", request.verb.as_deref().unwrap(), resource(request)))
            .collect()
    }

    #[test]
    fn what_is_requested_depends_on_where_the_operator_works() {
        let whole = requested(&[], true);
        let few = requested(&["a", "b"], false);
        for (request, in_whole, in_few) in [
            ("patch serviceinstances.servicecatalog.k8s.io cluster-wide", true, false),
            ("patch serviceinstances.servicecatalog.k8s.io in namespace b", false, true),
            ("update servicebindings.servicecatalog.k8s.io/status in namespace a", false, true),
            ("list clusterservicebrokers.servicecatalog.k8s.io cluster-wide", true, false),
            ("patch deployments.apps cluster-wide", true, false),
            ("patch deployments.apps in namespace a", false, false),
            ("update leases.coordination.k8s.io/service-catalog in namespace own", true, true),
        ] {
            assert_eq!((whole.contains(request), few.contains(request)), (in_whole, in_few), "{request}");
        }
    }
}
