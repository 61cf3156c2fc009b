//! Which workloads are restarted, and how far is each binding? All bindings of a namespace are looked at together, so that
//! a workload is restarted once for all that it gets.

use std::collections::{BTreeMap, BTreeSet};

use super::{Demand, Drift, NotRolledOut, Owner, Pod, Template, Usage, Workload};

/// What there is in a namespace.
#[derive(Debug)]
pub struct NamespaceState<'a> {
    /// What its bindings want.
    pub demands: &'a [Demand],
    /// Its pods: those that run.
    pub pods: &'a [&'a Pod],
    /// Who makes pods anew, by the UIDs of their controllers. Those that are gone are not there.
    pub owners: &'a BTreeMap<String, Owner>,
    /// The workloads among these that are to be restarted. Those that are gone are not there.
    pub workloads: &'a BTreeMap<Workload, Template>,
    /// The bindings for which nobody is spared a restart any more, by UID.
    pub urgent: &'a BTreeSet<String>,
    /// The workloads that are being restarted.
    pub rolling: &'a BTreeSet<Workload>,
    /// The workloads that could not be restarted, and are left alone for a while.
    pub refused: &'a BTreeSet<Workload>,
    /// How many more may be restarted.
    pub budget: usize,
}

/// What is so.
#[derive(Debug, Default)]
pub struct RestartPlan {
    /// Which workloads are restarted now, and for which revisions, by the UIDs of bindings.
    pub restarts: BTreeMap<Workload, BTreeMap<String, i64>>,
    /// The workloads whose pods are being replaced, these included.
    pub rolling: BTreeSet<Workload>,
    /// What the pods have of each binding, by UID.
    pub usages: BTreeMap<String, Usage>,
}

/// What is to be done, and what is to be said.
pub fn plan_restarts(state: &NamespaceState<'_>) -> RestartPlan {
    let mut plan = RestartPlan { usages: state.usages(), ..RestartPlan::default() };
    let mut lacking: BTreeMap<&Workload, DriftedPods<'_>> = BTreeMap::new();
    for pod in state.pods {
        for demand in state.demands {
            let Some(drift) = demand.drift(pod) else { continue };
            let owner = pod.controller.as_ref().map(|controller| state.owners.get(&controller.uid));
            match owner {
                // It goes, which is all that can be done; until then its workload is busy.
                Some(Some(Owner::Workload(workload))) if pod.leaving => {
                    plan.rolling.extend(state.rolling.get(workload).cloned());
                    plan.find(demand, NotRolledOut::Rolling, workload.to_string());
                }
                _ if pod.leaving => plan.find(demand, NotRolledOut::Rolling, format!("pod/{}", pod.name)),
                Some(Some(Owner::Workload(workload))) => {
                    lacking.entry(workload).or_default().add(demand, drift, pod);
                }
                Some(Some(Owner::Other(name))) => plan.find(demand, NotRolledOut::NoController, name.clone()),
                // Its owner goes, and it goes with it.
                Some(None) => plan.find(demand, NotRolledOut::Rolling, format!("pod/{}", pod.name)),
                None => plan.find(demand, NotRolledOut::NoController, format!("pod/{}", pod.name)),
            }
        }
    }
    for (workload, lacking) in lacking {
        lacking.plan_restarts(state, workload, &mut plan);
    }
    plan
}

impl NamespaceState<'_> {
    fn usages(&self) -> BTreeMap<String, Usage> {
        let usage = |demand: &Demand| {
            let oldest = self.pods.iter().filter_map(|pod| pod.stamps.get(&demand.uid).copied()).min();
            Usage { oldest, of: demand.version, ..Usage::default() }
        };
        self.demands.iter().map(|demand| (demand.uid.clone(), usage(demand))).collect()
    }

    /// Whether a restart had better wait for another binding that is about to be ready.
    fn is_early(&self, wanted: &[(&Demand, Drift)], pods: &[&Pod]) -> bool {
        let urgent = wanted.iter().any(|(demand, _)| self.urgent.contains(&demand.uid));
        let mut coming = self.demands.iter().filter(|demand| demand.is_under_way);
        !urgent && coming.any(|demand| pods.iter().any(|pod| demand.selects(pod)))
    }
}

impl RestartPlan {
    /// How many budget have been taken.
    fn started(&self, state: &NamespaceState<'_>) -> usize {
        let takes_turn = |each: &&Workload| self.rolling.contains(each) && !state.rolling.contains(each);
        self.restarts.keys().filter(takes_turn).count()
    }

    fn find_all<'a>(
        &mut self,
        demands: impl Iterator<Item = &'a Demand>,
        finding: NotRolledOut,
        of: &Workload,
    ) {
        for demand in demands {
            self.find(demand, finding, of.to_string());
        }
    }

    fn find(&mut self, demand: &Demand, finding: NotRolledOut, name: String) {
        if let Some(usage) = self.usages.get_mut(&demand.uid) {
            usage.outdated.entry(finding).or_default().insert(name);
        }
    }
}

/// What pods of a workload drift.
#[derive(Default)]
struct DriftedPods<'a> {
    pods: Vec<&'a Pod>,
    /// What a restart gives.
    wanted: Vec<(&'a Demand, Drift)>,
    /// What it has not given.
    futile: Vec<&'a Demand>,
    /// What it is not made for.
    disabled: Vec<&'a Demand>,
}

impl<'a> DriftedPods<'a> {
    fn add(&mut self, demand: &'a Demand, drift: Drift, pod: &'a Pod) {
        self.pods.push(pod);
        if pod.restarts.get(&demand.uid) == Some(&drift.revision) {
            self.futile.push(demand);
        } else if !drift.restart {
            self.disabled.push(demand);
        } else if let Some((_, known)) = self.wanted.iter_mut().find(|(known, _)| known.uid == demand.uid) {
            // While labels change, a binding may select some of the pods and not others.
            known.revision = known.revision.max(drift.revision);
        } else {
            self.wanted.push((demand, drift));
        }
    }

    fn plan_restarts(self, state: &NamespaceState<'_>, workload: &Workload, plan: &mut RestartPlan) {
        plan.find_all(self.futile.iter().copied(), NotRolledOut::StillStale, workload);
        plan.find_all(self.disabled.iter().copied(), NotRolledOut::Disabled, workload);
        match state.workloads.get(workload) {
            Some(template) => self.restart(state, workload, template, plan),
            None => plan.find_all(demands(&self.wanted), NotRolledOut::Rolling, workload),
        }
    }

    fn restart(
        self,
        state: &NamespaceState<'_>,
        workload: &Workload,
        template: &Template,
        plan: &mut RestartPlan,
    ) {
        let is_begun =
            |(demand, drift): &(&Demand, Drift)| template.restarts.get(&demand.uid) == Some(&drift.revision);
        let (begun, new): (Vec<_>, Vec<_>) = self.wanted.into_iter().partition(is_begun);
        let (ready, unready): (Vec<_>, Vec<_>) = new.into_iter().partition(|(demand, _)| demand.is_ready);
        let going = going(template);
        let has_turn = going != NotRolledOut::Rolling
            || state.rolling.contains(workload)
            || plan.started(state) < state.budget;
        let found = match () {
            () if state.is_early(&ready, &self.pods) => NotRolledOut::WaitingForOthers,
            () if state.refused.contains(workload) => NotRolledOut::Refused,
            () if !has_turn => NotRolledOut::Throttled,
            () => going,
        };
        plan.find_all(demands(&unready), NotRolledOut::WaitingForOthers, workload);
        plan.find_all(demands(&begun), going, workload);
        plan.find_all(demands(&ready), found, workload);
        let restarts = found == going && !ready.is_empty();
        if restarts {
            plan.restarts.insert(workload.clone(), restarted(state, template, &ready));
        }
        if going == NotRolledOut::Rolling && (restarts || !begun.is_empty()) {
            plan.rolling.insert(workload.clone());
        }
    }
}

/// What a restart comes to.
fn going(template: &Template) -> NotRolledOut {
    match template {
        Template { paused: true, .. } => NotRolledOut::Paused,
        Template { on_delete: true, .. } => NotRolledOut::OnDelete,
        Template { .. } => NotRolledOut::Rolling,
    }
}

fn demands<'a>(lacks: &[(&'a Demand, Drift)]) -> impl Iterator<Item = &'a Demand> {
    lacks.iter().map(|(demand, _)| *demand)
}

/// The revisions for which a workload is restarted from now on: also those of before, but of bindings that are gone.
fn restarted(
    state: &NamespaceState<'_>,
    template: &Template,
    new: &[(&Demand, Drift)],
) -> BTreeMap<String, i64> {
    let lives = |uid: &String| state.demands.iter().any(|demand| demand.uid == *uid);
    let before = template.restarts.iter().filter(|(uid, _)| lives(uid));
    let mut restarts: BTreeMap<String, i64> =
        before.map(|(uid, revision)| (uid.clone(), *revision)).collect();
    restarts.extend(new.iter().map(|(demand, drift)| (demand.uid.clone(), drift.revision)));
    restarts
}
