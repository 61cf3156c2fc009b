//! What is done in a namespace, and when?

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::pods::Pods;
use super::workloads::Workloads;
use crate::crd::ServiceBinding;
use crate::domain::rollout::{
    Demand, NamespaceState, NotRolledOut, Pod, RestartPlan, Usage, Version, Workload, concerns_pods, is_open,
    plan_restarts,
};
use crate::reconcilers::context::Context;
use crate::reconcilers::error::Error;
use crate::reconcilers::identity::uid;

/// What happens within this time is looked at together.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a restart waits for other bindings to be ready, at most.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a rollout takes a turn, at most: one that never ends is in nobody's way.
const LONGEST_TURN: Duration = Duration::from_mins(10);
/// When it is tried again if the API server has failed, or has refused a restart.
const RETRY: Duration = Duration::from_secs(10);

/// The bindings of a namespace that concern pods; none if nothing has to be known of its pods.
fn bindings(context: &Context, namespace: &str) -> Vec<Arc<ServiceBinding>> {
    let here = |binding: &Arc<ServiceBinding>| binding.metadata.namespace.as_deref() == Some(namespace);
    let mut bindings = context.caches.bindings.state();
    bindings.retain(|binding| here(binding) && concerns_pods(binding));
    if context.caches.is_terminating(namespace) || !bindings.iter().any(|binding| is_open(binding)) {
        bindings.clear();
    }
    bindings
}

/// Whether something has to be known of the pods of a namespace.
pub(super) fn is_needed(context: &Context, namespace: &str) -> bool {
    !bindings(context, namespace).is_empty()
}

fn selectors(bindings: &[Arc<ServiceBinding>]) -> Vec<LabelSelector> {
    bindings.iter().filter_map(|binding| binding.spec.pod_selector.clone()).collect()
}

/// A namespace whose pods are watched.
pub(super) struct NamespaceWatcher<'a> {
    context: &'a Context,
    namespace: String,
    workloads: Workloads<'a>,
    turns: Arc<Semaphore>,
    /// The turns that are taken, and since when.
    taken: BTreeMap<Workload, (OwnedSemaphorePermit, Instant)>,
    /// A turn that was waited for.
    spare: Option<OwnedSemaphorePermit>,
    /// The workloads that could not be restarted, and since when.
    refused: BTreeMap<Workload, Instant>,
    /// Since when there are these versions of bindings.
    since: HashMap<(String, Version), Instant>,
    /// Whether a turn is waited for.
    is_crowded: bool,
}

impl<'a> NamespaceWatcher<'a> {
    pub(super) fn new(context: &'a Context, namespace: String, turns: Arc<Semaphore>) -> Self {
        let workloads = Workloads::new(&context.api, namespace.clone());
        Self {
            context,
            namespace,
            workloads,
            turns,
            taken: BTreeMap::new(),
            spare: None,
            refused: BTreeMap::new(),
            since: HashMap::new(),
            is_crowded: false,
        }
    }

    /// Returns when nothing has to be known of the namespace's pods any more.
    pub(super) async fn run(mut self, woken: &Notify) {
        loop {
            let bindings = bindings(self.context, &self.namespace);
            if bindings.is_empty() {
                break;
            }
            self.watch(&selectors(&bindings), woken).await;
        }
        self.since.keys().for_each(|(uid, _)| self.context.usages.set(uid, None));
    }

    /// Watches the pods until others are selected, or none need be.
    async fn watch(&mut self, watched: &[LabelSelector], woken: &Notify) {
        let mut pods = Pods::watch(&self.context.api.client, &self.namespace, watched);
        let mut next: Option<Instant> = None;
        loop {
            let latest = Instant::now() + PAUSE;
            let soon = Some(next.map_or(latest, |next| next.min(latest)));
            tokio::select! {
                () = pods.change() => next = soon,
                () = woken.notified() => next = soon,
                turn = Arc::clone(&self.turns).acquire_owned(), if self.is_crowded => {
                    self.spare = turn.ok();
                    self.is_crowded = false;
                    next = soon;
                }
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                    let bindings = bindings(self.context, &self.namespace);
                    if bindings.is_empty() || selectors(&bindings) != watched {
                        return;
                    }
                    // As soon as it is known which pods there are, they change.
                    next = if pods.are_known() { self.look(&bindings, &pods.all()).await } else { None };
                }
            }
        }
    }

    /// Looks at everything; returns when to look again even if nothing happens.
    async fn look(&mut self, bindings: &[Arc<ServiceBinding>], pods: &[&Pod]) -> Option<Instant> {
        if bindings.iter().any(|binding| self.context.api.is_stale(binding.as_ref())) {
            // They are looked at again when the watch has brought what was written.
            return None;
        }
        let demands: Vec<Demand> = bindings.iter().map(|binding| Demand::of(binding)).collect();
        self.end_turns();
        match self.plan_restarts(&demands, pods).await {
            Ok(plan) => {
                self.taken.retain(|workload, _| plan.rolling.contains(workload));
                self.tell(bindings, &plan.usages);
                self.is_crowded = has(&plan, NotRolledOut::Throttled);
                self.spare = None;
                self.next(&demands, &plan)
            }
            Err(error) => {
                warn!(namespace = self.namespace, %error, "pods could not be restarted; it is tried again");
                Some(Instant::now() + RETRY)
            }
        }
    }

    /// Judges, restarts what is to be restarted, and judges what has come of that.
    async fn plan_restarts(&mut self, demands: &[Demand], pods: &[&Pod]) -> Result<RestartPlan, Error> {
        self.refused.retain(|_, since| since.elapsed() < RETRY);
        self.workloads.find_out(demands, pods).await?;
        let urgent = self.urgent(demands);
        let mut tried = BTreeSet::new();
        loop {
            let plan = self.judge_as_is(demands, pods, &urgent);
            let untried = plan.restarts.iter().filter(|(workload, _)| !tried.contains(*workload));
            let untried: Vec<_> = untried.collect();
            if untried.is_empty() {
                return Ok(plan);
            }
            for (workload, restarts) in untried {
                tried.insert(workload.clone());
                let takes_turn = plan.rolling.contains(workload) && !self.taken.contains_key(workload);
                self.restart(workload, restarts, takes_turn).await?;
            }
        }
    }

    fn judge_as_is(&self, demands: &[Demand], pods: &[&Pod], urgent: &BTreeSet<String>) -> RestartPlan {
        plan_restarts(&NamespaceState {
            demands,
            pods,
            owners: self.workloads.owners(),
            workloads: self.workloads.templates(),
            urgent,
            refused: &self.refused.keys().cloned().collect(),
            rolling: &self.taken.keys().cloned().collect(),
            budget: self.turns.available_permits() + usize::from(self.spare.is_some()),
        })
    }

    /// Restarts a workload, unless it needs a turn that another namespace was quicker to take. Fails if it is not known
    /// whether it is restarted.
    async fn restart(
        &mut self,
        workload: &Workload,
        restarts: &BTreeMap<String, i64>,
        takes_turn: bool,
    ) -> Result<(), Error> {
        let turn = if takes_turn { self.take_turn() } else { None };
        if takes_turn && turn.is_none() {
            return Ok(());
        }
        let restarted = self.workloads.restart(workload, restarts).await;
        if let Err(error) = &restarted
            && error.is_refused()
        {
            warn!(namespace = self.namespace, %workload, %error, "the restart was refused");
            self.refused.insert(workload.clone(), Instant::now());
            return Ok(());
        }
        self.taken.extend(turn.map(|turn| (workload.clone(), (turn, Instant::now()))));
        restarted?;
        info!(namespace = self.namespace, %workload, "pods are restarted");
        Ok(())
    }

    fn take_turn(&mut self) -> Option<OwnedSemaphorePermit> {
        self.spare.take().or_else(|| Arc::clone(&self.turns).try_acquire_owned().ok())
    }

    fn end_turns(&mut self) {
        self.taken.retain(|_, (_, since)| since.elapsed() < LONGEST_TURN);
    }

    /// The bindings for which nobody is spared a restart any more.
    fn urgent(&mut self, demands: &[Demand]) -> BTreeSet<String> {
        let known = |demand: &Demand| (demand.uid.clone(), demand.version);
        self.since.retain(|version, _| demands.iter().any(|demand| known(demand) == *version));
        let now = Instant::now();
        let waited = |demand: &&Demand| *self.since.entry(known(demand)).or_insert(now) + PATIENCE <= now;
        demands.iter().filter(waited).map(|demand| demand.uid.clone()).collect()
    }

    /// Hands what was found out to the reconciler of bindings.
    fn tell(&self, bindings: &[Arc<ServiceBinding>], usages: &BTreeMap<String, Usage>) {
        for binding in bindings {
            let uid = uid(binding.as_ref());
            // As long as there is nothing to have, there is nothing to say.
            let usage = usages.get(uid).filter(|usage| usage.of.1 > 0);
            if self.context.usages.get(uid).as_ref() != usage {
                self.context.usages.set(uid, usage.cloned());
                self.context.queues.bindings.requeue_object(binding);
            }
        }
    }

    fn next(&self, demands: &[Demand], plan: &RestartPlan) -> Option<Instant> {
        let now = Instant::now();
        let is_early = has(plan, NotRolledOut::WaitingForOthers);
        let patience = demands
            .iter()
            .filter_map(|demand| Some(*self.since.get(&(demand.uid.clone(), demand.version))? + PATIENCE))
            .filter(|end| is_early && *end > now);
        let turns = self.taken.values().map(|(_, since)| *since + LONGEST_TURN);
        let refused = self.refused.values().map(|since| *since + RETRY);
        let undone = Some(now + RETRY).filter(|_| !plan.restarts.is_empty());
        patience.chain(turns).chain(refused).chain(undone).min()
    }
}

fn has(plan: &RestartPlan, finding: NotRolledOut) -> bool {
    plan.usages.values().any(|usage| usage.outdated.contains_key(&finding))
}
