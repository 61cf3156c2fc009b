//! Are the admission policies of the chart installed, and of this version? The entry points are [`Policies::follow`] and
//! [`Policies::injection`].
//!
//! Without them users can do what the documentation says they cannot, and pods start without credentials. Nothing else in
//! the cluster reports that: to the API server a policy that is gone was never there. What is wrong becomes a metric, a
//! line in the log and an event of the policy; `domain::rollout` tells the bindings if injection is concerned.
//!
//! An operator that works only in a few namespaces may not read policies, and reports nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::Duration;

use futures::stream::{BoxStream, select_all};
use futures::{Stream, StreamExt as _};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{Config, Error, Event, watcher};
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use crate::domain::Note;
use crate::domain::rollout::InjectionPolicies;
use crate::leader::Fence;
use crate::metrics::Metrics;
use crate::reconcilers::success_events::SuccessEvents;

/// The mutating policies that the chart always installs, without the suffix of their names. Each has a binding of the same
/// name.
pub const MUTATING: [&str; 9] = [
    "binding",
    "creator",
    "deleting-label",
    "finalizer",
    INJECTION[0],
    INJECTION[1],
    "recorded",
    "relist",
    "stamps",
];

/// The validating policies that the chart always installs.
pub const VALIDATING: [&str; 11] = [
    "auth-secret",
    "deleting-instance",
    "external-id",
    "own-child",
    "own-namespace",
    "own-object",
    "own-restart",
    "own-secret",
    "parameters",
    "referenced-secret",
    "system-namespace",
];

/// Those that inject credentials into pods.
const INJECTION: [&str; 2] = ["injection", "injection-unmarked"];

/// The suffix of their names.
const SUFFIX: &str = ".servicecatalog.k8s.io";

/// The label with the version of the chart's application.
pub const LABEL_VERSION: &str = "app.kubernetes.io/version";

/// How long a change has to last before it counts. `helm uninstall` deletes the policies a moment before the operator, and an
/// API server applies a new policy a moment after the operator knows it.
const GRACE: Duration = Duration::from_secs(10);

/// What is wrong with a policy, or with its binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is not installed.
    Missing,
    /// It is that of another version of the chart.
    OtherVersion,
}

impl Problem {
    /// The value of the metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::OtherVersion => "other-version",
        }
    }
}

/// What is wrong with which policies, each named as `kubectl` takes it.
pub type Problems = BTreeMap<String, Problem>;

/// The policies in the cluster, and their bindings, by the name that `kubectl` takes.
type Installed = BTreeMap<String, Policy>;

/// What is kept of a policy, or a binding.
#[derive(Clone, Debug, Default)]
struct Policy {
    /// The version of the chart's application.
    version: Option<String>,
    /// In seconds since 1970.
    created: i64,
}

/// What is known of the policies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    problems: Problems,
    /// When the last of those that inject was installed.
    injection_installed: Option<i64>,
}

/// Follows the policies.
#[derive(Debug)]
pub struct Policies {
    state: watch::Sender<State>,
}

impl Default for Policies {
    fn default() -> Self {
        Self { state: watch::Sender::new(State::default()) }
    }
}

impl Policies {
    /// The policies that inject credentials.
    pub fn injection(&self) -> InjectionPolicies {
        let State { problems, injection_installed } = &*self.state.borrow();
        let missing =
            problems.iter().filter(|(name, problem)| **problem == Problem::Missing && injects(name));
        InjectionPolicies {
            missing: missing.map(|(name, _)| name.clone()).collect(),
            installed: *injection_installed,
        }
    }

    /// Tells of changes from now on.
    pub fn changes(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Watches the policies of the cluster, forever.
    pub async fn follow(&self, client: &Client, fence: &Fence, metrics: &Metrics, events: &SuccessEvents) {
        let count = |problems: &Problems| {
            let problems = problems.iter().map(|(policy, problem)| (policy.as_str(), problem.as_str()));
            metrics.set_policy_problems(problems);
        };
        tokio::join!(self.apply(installed(client), count), self.report(fence, events));
    }

    /// Tells the cluster administrator of changes, once this replica leads.
    async fn report(&self, fence: &Fence, events: &SuccessEvents) {
        fence.wait_open().await;
        let (mut changes, mut told) = (self.changes(), Problems::new());
        changes.mark_changed();
        while changes.changed().await.is_ok() {
            let problems = changes.borrow_and_update().problems.clone();
            if problems != told {
                report(&problems, events);
                told = problems;
            }
        }
    }

    /// Applies what is installed, [`GRACE`] after the first change.
    async fn apply(&self, installed: impl Stream<Item = Installed>, changed: impl Fn(&Problems)) {
        let mut installed = pin!(installed);
        let mut found = State::default();
        let mut due = None;
        loop {
            tokio::select! {
                next = installed.next() => match next {
                    Some(next) => {
                        found = State::of(&next);
                        let is_changed = *self.state.borrow() != found;
                        due = is_changed.then(|| due.unwrap_or_else(|| Instant::now() + GRACE));
                    }
                    None => return,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => due = None,
            }
            if due.is_none() && *self.state.borrow() != found {
                let before = self.state.send_replace(found.clone());
                if before.problems != found.problems {
                    changed(&found.problems);
                }
            }
        }
    }
}

impl State {
    fn of(installed: &Installed) -> Self {
        let injection = installed.iter().filter(|(name, _)| injects(name));
        Self {
            problems: problems(installed),
            injection_installed: injection.map(|(_, policy)| policy.created).max(),
        }
    }
}

/// Whether a policy, or a binding of one, injects credentials.
pub fn injects(name: &str) -> bool {
    INJECTION.iter().any(|policy| name.ends_with(&format!("/{policy}{SUFFIX}")))
}

/// What is installed, after each change, once all of it is listed.
fn installed(client: &Client) -> impl Stream<Item = Installed> + use<> {
    let mut unlisted: BTreeSet<String> = kinds().into_iter().map(|kind| kind.kind).collect();
    let watches = kinds().map(|kind| watched(client, &kind));
    let mut installed = Installed::new();
    select_all(watches).filter_map(move |(kind, event)| {
        match event {
            Event::Init => {
                unlisted.insert(kind.clone());
                installed.retain(|name, _| !name.starts_with(&format!("{}/", kind.to_lowercase())));
            }
            Event::InitDone => drop(unlisted.remove(&kind)),
            Event::Apply(object) | Event::InitApply(object) => installed.extend(policy(&kind, &object)),
            Event::Delete(object) => drop(installed.remove(&name(&kind, &object))),
        }
        std::future::ready(unlisted.is_empty().then(|| installed.clone()))
    })
}

fn kinds() -> [ApiResource; 4] {
    [
        ApiResource::erase::<MutatingAdmissionPolicy>(&()),
        ApiResource::erase::<MutatingAdmissionPolicyBinding>(&()),
        ApiResource::erase::<ValidatingAdmissionPolicy>(&()),
        ApiResource::erase::<ValidatingAdmissionPolicyBinding>(&()),
    ]
}

type Metadata = PartialObjectMeta<DynamicObject>;

/// What is wrong with the policies of the cluster now.
pub async fn read(client: &Client) -> kube::Result<Problems> {
    let mut installed = Installed::new();
    for kind in kinds() {
        let listed = Api::<DynamicObject>::all_with(client.clone(), &kind);
        for object in listed.list_metadata(&ListParams::default()).await? {
            installed.extend(policy(&kind.kind, &object));
        }
    }
    Ok(problems(&installed))
}

/// A policy of this API group, or a binding of one, under the name that `kubectl` takes.
fn policy(kind: &str, object: &Metadata) -> Option<(String, Policy)> {
    let created = object.creation_timestamp().map_or(0, |created| created.0.as_second());
    let policy = Policy { version: object.labels().get(LABEL_VERSION).cloned(), created };
    object.name_any().ends_with(SUFFIX).then(|| (name(kind, object), policy))
}

fn name(kind: &str, object: &Metadata) -> String {
    format!("{}/{}", kind.to_lowercase(), object.name_any())
}

fn watched(client: &Client, kind: &ApiResource) -> BoxStream<'static, (String, Event<Metadata>)> {
    let name = kind.kind.clone();
    let log = move |event: Result<Event<Metadata>, Error>| match event {
        Ok(event) => Some((name.clone(), event)),
        Err(error) => {
            warn!(kind = name, %error, "watch interrupted; retrying with back-off");
            None
        }
    };
    let events = watcher(Api::all_with(client.clone(), kind), Config::default()).default_backoff();
    events.filter_map(move |event| std::future::ready(log(event))).boxed()
}

/// Compares what is installed with what belongs to this version.
fn problems(installed: &Installed) -> Problems {
    let problem = |name: &String| match installed.get(name) {
        None => Some(Problem::Missing),
        Some(Policy { version: Some(version), .. }) if version != env!("CARGO_PKG_VERSION") => {
            Some(Problem::OtherVersion)
        }
        Some(_) => None,
    };
    expected().filter_map(|name| problem(&name).map(|problem| (name, problem))).collect()
}

/// The policies and bindings of the chart.
fn expected() -> impl Iterator<Item = String> {
    let of = |kind: &'static str, policies: &'static [&'static str]| {
        policies.iter().flat_map(move |policy| {
            ["", "binding"].map(|suffix| format!("{kind}admissionpolicy{suffix}/{policy}{SUFFIX}"))
        })
    };
    of("mutating", &MUTATING).chain(of("validating", &VALIDATING))
}

/// Tells the cluster administrator.
fn report(problems: &Problems, events: &SuccessEvents) {
    if problems.is_empty() {
        info!("all admission policies are installed");
    }
    for (policy, problem) in problems {
        warn!(
            policy,
            problem = problem.as_str(),
            "admission policy is not that of the chart; run helm upgrade"
        );
        if *problem == Problem::Missing {
            events.record_about(reference(policy), &Note::policy_missing(policy));
        }
    }
}

/// A reference to a policy, or binding, that is gone.
fn reference(policy: &str) -> ObjectReference {
    let (resource, name) = policy.split_once('/').unwrap_or(("", policy));
    let kind = kinds().into_iter().find(|kind| kind.kind.to_lowercase() == resource);
    ObjectReference {
        api_version: kind.as_ref().map(|kind| kind.api_version.clone()),
        kind: kind.map(|kind| kind.kind),
        name: Some(name.to_owned()),
        ..ObjectReference::default()
    }
}

#[cfg(test)]
mod tests;
