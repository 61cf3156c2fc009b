//! Which workloads are restarted now, and how far is the rollout of each binding?
//!
//! The plan covers all bindings of a namespace at once, so that one restart of a workload serves all of them. It is
//! level-triggered: the revisions that a workload was restarted for are annotations on its pod template, and from there
//! on its pods. A restart in progress is thus recognised after a crash, and one that did not help is not
//! repeated.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Demand, Drift, InjectionPolicies, NotRolledOut, Owner, Pod, RESTART_FOR_POLICIES, Template, Usage,
    Workload,
};

/// The state of a namespace, as the plan needs it.
#[derive(Debug)]
pub struct NamespaceState<'a> {
    /// The demands of its bindings.
    pub demands: &'a [Demand],
    /// Its pods that have not terminated.
    pub pods: &'a [&'a Pod],
    /// The owners that replace pods, by the UID of the pods' controller. Owners that no longer exist are missing.
    pub owners: &'a BTreeMap<String, Owner>,
    /// The templates of the workloads that a restart may be planned for. Workloads that no longer exist are missing.
    pub workloads: &'a BTreeMap<Workload, Template>,
    /// UIDs of the bindings whose restarts have waited long enough for other bindings to become ready.
    pub urgent: &'a BTreeSet<String>,
    /// The workloads whose restart is in progress. Each holds a permit.
    pub rolling: &'a BTreeSet<Workload>,
    /// The workloads whose restart the API server rejected a short while ago.
    pub refused: &'a BTreeSet<Workload>,
    /// The policies that inject credentials.
    pub policies: &'a InjectionPolicies,
    /// Whether the operator restarts workloads at all.
    pub restarts: bool,
    /// How many more restarts may start: the permits that are left.
    pub budget: usize,
}

/// The restarts to make, and what to report.
#[derive(Debug, Default)]
pub struct RestartPlan {
    /// The workloads to restart now, and the revisions to annotate them with, by the binding's UID.
    pub restarts: BTreeMap<Workload, BTreeMap<String, i64>>,
    /// The workloads whose pods are being replaced, those of `restarts` included.
    pub rolling: BTreeSet<Workload>,
    /// The usage of each binding, by its UID.
    pub usages: BTreeMap<String, Usage>,
}

/// Plans the restarts of a namespace.
pub fn plan_restarts(state: &NamespaceState<'_>) -> RestartPlan {
    let mut plan = RestartPlan { usages: state.usages(), ..RestartPlan::default() };
    let mut drifted: BTreeMap<&Workload, DriftedPods<'_>> = BTreeMap::new();
    for pod in state.pods {
        for demand in state.demands {
            let Some(drift) = demand.drift(pod) else { continue };
            let owner = pod.controller.as_ref().map(|controller| state.owners.get(&controller.uid));
            match owner {
                // The pod is terminating, so its replacement will have the revision. Until then its workload keeps the
                // permit.
                Some(Some(Owner::Workload(workload))) if pod.terminating => {
                    plan.rolling.extend(state.rolling.get(workload).cloned());
                    plan.record(demand, NotRolledOut::Rolling, workload.to_string());
                }
                _ if pod.terminating => {
                    plan.record(demand, NotRolledOut::Rolling, format!("pod/{}", pod.name));
                }
                Some(Some(Owner::Workload(workload))) if pod.is_member_of(workload) => {
                    drifted.entry(workload).or_default().add(state, demand, drift, pod);
                }
                Some(Some(Owner::Other(name))) => {
                    plan.record(demand, NotRolledOut::NoController, name.clone());
                }
                // The owner was deleted, and the garbage collector will delete the pod.
                Some(None) => plan.record(demand, NotRolledOut::Rolling, format!("pod/{}", pod.name)),
                Some(Some(Owner::Workload(_))) | None => {
                    plan.record(demand, NotRolledOut::NoController, format!("pod/{}", pod.name));
                }
            }
        }
    }
    for (workload, drifted) in drifted {
        drifted.plan_restarts(state, workload, &mut plan);
    }
    plan
}

impl NamespaceState<'_> {
    fn usages(&self) -> BTreeMap<String, Usage> {
        let usage = |demand: &Demand| {
            let oldest = self.pods.iter().filter_map(|pod| pod.stamps.get(&demand.uid).copied()).min();
            let missing =
                Some(&self.policies.missing).filter(|missing| demand.injects() && !missing.is_empty());
            let outdated = missing.map(|missing| (NotRolledOut::PolicyMissing, missing.clone()));
            Usage { oldest, of: demand.version, outdated: outdated.into_iter().collect() }
        };
        self.demands.iter().map(|demand| (demand.uid.clone(), usage(demand))).collect()
    }

    /// Whether new pods would lack what these have, or should have, because a policy is missing.
    fn lack_policies(&self, pods: &[&Pod]) -> bool {
        let is_selected = |pod: &&Pod| self.demands.iter().any(|demand| demand.selects(pod));
        !self.policies.missing.is_empty() && pods.iter().any(is_selected)
    }

    /// Whether a restart waits for another binding of these pods that will soon have a revision.
    fn waits_for_others(&self, wanted: &[(&Demand, Drift)], pods: &[&Pod]) -> bool {
        let urgent = wanted.iter().any(|(demand, _)| self.urgent.contains(&demand.uid));
        let mut coming = self.demands.iter().filter(|demand| demand.is_changing);
        !urgent && coming.any(|demand| pods.iter().any(|pod| demand.selects(pod)))
    }
}

impl RestartPlan {
    /// How many permits the planned restarts take.
    fn started(&self, state: &NamespaceState<'_>) -> usize {
        let takes_permit = |each: &&Workload| self.rolling.contains(each) && !state.rolling.contains(each);
        self.restarts.keys().filter(takes_permit).count()
    }

    fn record_all<'a>(
        &mut self,
        demands: impl Iterator<Item = &'a Demand>,
        finding: NotRolledOut,
        workload: &Workload,
    ) {
        for demand in demands {
            self.record(demand, finding, workload.to_string());
        }
    }

    fn record(&mut self, demand: &Demand, finding: NotRolledOut, name: String) {
        if let Some(usage) = self.usages.get_mut(&demand.uid) {
            usage.outdated.entry(finding).or_default().insert(name);
        }
    }
}

/// The pods of a workload that drift, and the bindings that they drift from.
#[derive(Default)]
struct DriftedPods<'a> {
    pods: Vec<&'a Pod>,
    /// The bindings that a restart is wanted for.
    wanted: Vec<(&'a Demand, Drift)>,
    /// The bindings that a restart did not help with.
    still_stale: Vec<&'a Demand>,
    /// The bindings that do not allow a restart.
    disabled: Vec<&'a Demand>,
    /// The bindings that allow a restart, which the operator does not make.
    left_to_users: Vec<&'a Demand>,
    /// Whether a restart did not help because the policies were not installed.
    missed: bool,
}

impl<'a> DriftedPods<'a> {
    fn add(&mut self, state: &NamespaceState<'_>, demand: &'a Demand, drift: Drift, pod: &'a Pod) {
        self.pods.push(pod);
        let was_restarted = pod.restarts.get(&demand.uid) == Some(&drift.revision);
        self.missed |= was_restarted && state.policies.missed(pod);
        if was_restarted && !state.policies.missed(pod) {
            self.still_stale.push(demand);
        } else if !drift.restart {
            self.disabled.push(demand);
        } else if !state.restarts {
            self.left_to_users.push(demand);
        } else if let Some((_, known)) = self.wanted.iter_mut().find(|(known, _)| known.uid == demand.uid) {
            // While a rollout changes the pods' labels, the binding selects only some of the pods: drifts to the
            // current revision and to 0 meet. Choosing the same one each time keeps the two from alternating.
            known.revision = known.revision.max(drift.revision);
        } else {
            self.wanted.push((demand, drift));
        }
    }

    fn plan_restarts(self, state: &NamespaceState<'_>, workload: &Workload, plan: &mut RestartPlan) {
        plan.record_all(self.still_stale.iter().copied(), NotRolledOut::StillStale, workload);
        plan.record_all(self.disabled.iter().copied(), NotRolledOut::Disabled, workload);
        plan.record_all(self.left_to_users.iter().copied(), NotRolledOut::LeftToUsers, workload);
        match state.workloads.get(workload) {
            _ if state.lack_policies(&self.pods) => {
                for policy in &state.policies.missing {
                    demands(&self.wanted).for_each(|demand| {
                        plan.record(demand, NotRolledOut::PolicyMissing, policy.clone());
                    });
                }
            }
            Some(template) => self.restart(state, workload, template, plan),
            None => plan.record_all(demands(&self.wanted), NotRolledOut::Rolling, workload),
        }
    }

    fn restart(
        self,
        state: &NamespaceState<'_>,
        workload: &Workload,
        template: &Template,
        plan: &mut RestartPlan,
    ) {
        let policies = self.missed.then_some(state.policies.installed).flatten();
        let has_started = |(demand, drift): &(&Demand, Drift)| {
            template.restarts.get(&demand.uid) == Some(&drift.revision)
                && policies
                    .is_none_or(|installed| template.restarts.get(RESTART_FOR_POLICIES) == Some(&installed))
        };
        let (started, new): (Vec<_>, Vec<_>) = self.wanted.into_iter().partition(has_started);
        let (ready, unready): (Vec<_>, Vec<_>) = new.into_iter().partition(|(demand, _)| demand.is_ready);
        let restarted_as = progress_of_restart(template);
        let has_permit = restarted_as != NotRolledOut::Rolling
            || state.rolling.contains(workload)
            || plan.started(state) < state.budget;
        let finding = match () {
            () if state.waits_for_others(&ready, &self.pods) => NotRolledOut::WaitingForOthers,
            () if state.refused.contains(workload) => NotRolledOut::Refused,
            () if !has_permit => NotRolledOut::Throttled,
            () => restarted_as,
        };
        plan.record_all(demands(&unready), NotRolledOut::WaitingForOthers, workload);
        plan.record_all(demands(&started), restarted_as, workload);
        plan.record_all(demands(&ready), finding, workload);
        let restarts = finding == restarted_as && !ready.is_empty();
        if restarts {
            let mut restarts = revisions_after(state, template, &ready);
            restarts.extend(policies.map(|installed| (RESTART_FOR_POLICIES.to_owned(), installed)));
            plan.restarts.insert(workload.clone(), restarts);
        }
        if restarted_as == NotRolledOut::Rolling && (restarts || !started.is_empty()) {
            plan.rolling.insert(workload.clone());
        }
    }
}

/// How far a restart gets by itself: pods are replaced, unless the workload leaves that to a user. Such a workload
/// needs no permit.
fn progress_of_restart(template: &Template) -> NotRolledOut {
    match template {
        Template { paused: true, .. } => NotRolledOut::Paused,
        Template { on_delete: true, .. } => NotRolledOut::OnDelete,
        Template { .. } => NotRolledOut::Rolling,
    }
}

fn demands<'a>(drifts: &[(&'a Demand, Drift)]) -> impl Iterator<Item = &'a Demand> {
    drifts.iter().map(|(demand, _)| *demand)
}

/// The revisions to annotate a restarted workload with: the new ones, and the former ones of bindings that still exist.
fn revisions_after(
    state: &NamespaceState<'_>,
    template: &Template,
    new: &[(&Demand, Drift)],
) -> BTreeMap<String, i64> {
    let exists = |uid: &String| state.demands.iter().any(|demand| demand.uid == *uid);
    let before = template.restarts.iter().filter(|(uid, _)| exists(uid));
    let mut restarts: BTreeMap<String, i64> =
        before.map(|(uid, revision)| (uid.clone(), *revision)).collect();
    restarts.extend(new.iter().map(|(demand, drift)| (demand.uid.clone(), drift.revision)));
    restarts
}
