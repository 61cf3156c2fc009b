//! Rolls out credentials in one namespace: watches its pods, plans restarts, restarts workloads, and hands the usage to
//! the reconciler of bindings. The entry point is [`NamespaceWatcher::run`].

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::pods::{Pods, Watched};
use super::workloads::Workloads;
use crate::crd::ServiceBinding;
use crate::domain::rollout::{
    Demand, InjectionPolicies, NamespaceState, NotRolledOut, Pod, RestartPlan, Usage, Version, Workload,
    concerns_pods, injects, is_open, plan_restarts,
};
use crate::fair_limiter::{FairLimiter, Permit};
use crate::reconcilers::context::Context;
use crate::reconcilers::error::Error;
use crate::reconcilers::identity::uid;

/// Debounce: changes within this time are handled together.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// How long a restart waits for other bindings to be ready, at most, so that one restart serves all.
const MAX_WAIT_FOR_OTHERS: Duration = Duration::from_secs(30);
/// How long a rollout keeps its permit, at most, so that a rollout that never ends does not block others.
const MAX_PERMIT_TIME: Duration = Duration::from_mins(10);
/// How long a rollout keeps its permit while none of its former pods goes away.
const MAX_STALL: Duration = Duration::from_mins(2);
/// The delay of a retry after the API server has failed, or has refused a restart.
const RETRY_DELAY: Duration = Duration::from_secs(10);

/// The bindings of a namespace that concern pods; none if the pods need not be compared with them.
fn bindings(context: &Context, namespace: &str) -> Vec<Arc<ServiceBinding>> {
    let policies = context.policies.injection();
    let is_needed = |binding: &ServiceBinding| {
        is_open(binding) || injects(binding) && is_affected(context, binding, &policies)
    };
    let mut bindings = context.bindings.in_namespace(namespace);
    bindings.retain(|binding| concerns_pods(binding));
    // In a lasting order: a change of the order would restart the watch of the pods.
    bindings.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
    if context.caches.is_terminating(namespace) || !bindings.iter().any(|binding| is_needed(binding)) {
        bindings.clear();
    }
    bindings
}

/// Whether a policy is missing, or was installed after the pods were compared with the binding.
fn is_affected(context: &Context, binding: &ServiceBinding, policies: &InjectionPolicies) -> bool {
    let compared = context.compared_since_policies.get(uid(binding));
    !policies.missing.is_empty()
        || policies
            .newer_than(binding)
            .is_some_and(|installed| compared.is_none_or(|since| since < installed))
}

/// Whether the pods of a namespace have to be watched.
pub(super) fn is_needed(context: &Context, namespace: &str) -> bool {
    !bindings(context, namespace).is_empty()
}

fn watched(bindings: &[Arc<ServiceBinding>]) -> Vec<Watched> {
    let watched = |binding: &ServiceBinding| Watched {
        uid: uid(binding).to_owned(),
        selector: binding.spec.pod_selector.clone().filter(|_| injects(binding)),
    };
    bindings.iter().map(|binding| watched(binding)).collect()
}

/// The rollouts of a namespace.
pub(super) struct NamespaceWatcher<'a> {
    context: &'a Context,
    namespace: String,
    workloads: Workloads<'a>,
    /// The semaphore that limits concurrent rollouts, shared by all namespaces.
    rollout_limit: Arc<FairLimiter>,
    /// The workloads that roll out with a permit.
    rolling: BTreeMap<Workload, Rolling>,
    /// A permit that the watcher has waited for, to be used by the next restart.
    spare_permit: Option<Permit>,
    /// The workloads whose restart was refused, and when.
    refused: BTreeMap<Workload, Instant>,
    /// When each version of a binding was first seen.
    first_seen: HashMap<(String, Version), Instant>,
    /// Whether a restart waits for a permit.
    is_throttled: bool,
}

/// A rollout in progress.
struct Rolling {
    _permit: Permit,
    since: Instant,
    /// The fewest former pods that it has had, and since when.
    former_pods: (usize, Instant),
}

impl Rolling {
    fn new(permit: Permit) -> Self {
        let now = Instant::now();
        Self { _permit: permit, since: now, former_pods: (usize::MAX, now) }
    }

    fn observe(&mut self, former_pods: usize) {
        if former_pods < self.former_pods.0 {
            self.former_pods = (former_pods, Instant::now());
        }
    }

    /// When it has to give its permit back.
    fn ends(&self) -> Instant {
        (self.since + MAX_PERMIT_TIME).min(self.former_pods.1 + MAX_STALL)
    }
}

impl<'a> NamespaceWatcher<'a> {
    pub(super) fn new(context: &'a Context, namespace: String, rollout_limit: Arc<FairLimiter>) -> Self {
        let restarts = context.settings.restarts_workloads;
        let workloads = Workloads::new(&context.api, namespace.clone(), restarts);
        Self {
            context,
            namespace,
            workloads,
            rollout_limit,
            rolling: BTreeMap::new(),
            spare_permit: None,
            refused: BTreeMap::new(),
            first_seen: HashMap::new(),
            is_throttled: false,
        }
    }

    /// Returns once the pods of the namespace no longer need to be watched.
    pub(super) async fn run(mut self, bindings_changed: &Notify) {
        loop {
            let bindings = bindings(self.context, &self.namespace);
            if bindings.is_empty() {
                break;
            }
            self.watch(&watched(&bindings), bindings_changed).await;
        }
        self.first_seen.keys().for_each(|(uid, _)| self.context.usages.set(uid, None));
    }

    /// Watches the pods until the bindings select other pods, or none need be watched.
    async fn watch(&mut self, watched: &[Watched], bindings_changed: &Notify) {
        let mut pods = Pods::watch(&self.context.api.client, &self.namespace, watched);
        let mut next: Option<Instant> = None;
        loop {
            let latest = Instant::now() + DEBOUNCE;
            let soon = Some(next.map_or(latest, |next| next.min(latest)));
            tokio::select! {
                () = pods.change() => next = soon,
                () = bindings_changed.notified() => next = soon,
                permit = self.rollout_limit.acquire(&self.namespace), if self.is_throttled => {
                    self.spare_permit = Some(permit);
                    self.is_throttled = false;
                    next = soon;
                }
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                    let bindings = bindings(self.context, &self.namespace);
                    if bindings.is_empty() || self::watched(&bindings) != watched {
                        return;
                    }
                    // Until the pods are listed there is nothing to do: the end of the list is a change.
                    next = if pods.are_known() { self.reconcile(&bindings, &pods.all()).await } else { None };
                    if self::bindings(self.context, &self.namespace).is_empty() {
                        return;
                    }
                }
            }
        }
    }

    /// Compares bindings and pods, and restarts workloads. Returns when to do so again if nothing changes.
    async fn reconcile(&mut self, bindings: &[Arc<ServiceBinding>], pods: &[&Pod]) -> Option<Instant> {
        if bindings.iter().any(|binding| self.context.api.is_stale(binding.as_ref())) {
            // A stale cache: the watch notifies when it delivers the newer binding.
            return None;
        }
        let demands: Vec<Demand> = bindings.iter().map(|binding| Demand::of(binding)).collect();
        self.release_overdue_permits(pods);
        match self.plan_restarts(&demands, pods).await {
            Ok(plan) => {
                self.rolling.retain(|workload, _| plan.rolling.contains(workload));
                self.publish_usages(bindings, &plan.usages);
                self.is_throttled = has(&plan, NotRolledOut::Throttled);
                self.spare_permit = None;
                self.next(&demands, &plan)
            }
            Err(error) => {
                warn!(namespace = self.namespace, %error, "failed to roll out credentials; retrying");
                Some(Instant::now() + RETRY_DELAY)
            }
        }
    }

    /// Plans restarts, executes them, and plans again until no restart is left to try.
    async fn plan_restarts(&mut self, demands: &[Demand], pods: &[&Pod]) -> Result<RestartPlan, Error> {
        self.refused.retain(|_, since| since.elapsed() < RETRY_DELAY);
        self.workloads.refresh(demands, pods).await?;
        let urgent = self.urgent(demands);
        let mut tried = BTreeSet::new();
        loop {
            let plan = self.plan(demands, pods, &urgent);
            let untried = plan.restarts.iter().filter(|(workload, _)| !tried.contains(*workload));
            let untried: Vec<_> = untried.collect();
            if untried.is_empty() {
                return Ok(plan);
            }
            for (workload, restarts) in untried {
                tried.insert(workload.clone());
                let needs_permit = plan.rolling.contains(workload) && !self.rolling.contains_key(workload);
                self.restart(workload, restarts, needs_permit).await?;
            }
        }
    }

    fn plan(&self, demands: &[Demand], pods: &[&Pod], urgent: &BTreeSet<String>) -> RestartPlan {
        plan_restarts(&NamespaceState {
            policies: &self.context.policies.injection(),
            demands,
            pods,
            owners: self.workloads.owners(),
            workloads: self.workloads.templates(),
            urgent,
            refused: &self.refused.keys().cloned().collect(),
            rolling: &self.rolling.keys().cloned().collect(),
            restarts: self.context.settings.restarts_workloads,
            budget: self.rollout_limit.available(&self.namespace) + usize::from(self.spare_permit.is_some()),
        })
    }

    /// Restarts a workload, unless it needs a permit that another namespace has taken in between. Fails if the outcome
    /// is unknown; the permit is kept then.
    async fn restart(
        &mut self,
        workload: &Workload,
        restarts: &BTreeMap<String, i64>,
        needs_permit: bool,
    ) -> Result<(), Error> {
        let permit = if needs_permit { self.try_acquire_permit() } else { None };
        if needs_permit && permit.is_none() {
            return Ok(());
        }
        let restarted = self.workloads.restart(workload, restarts).await;
        if let Err(error) = &restarted
            && error.is_refused()
        {
            warn!(namespace = self.namespace, %workload, %error, "API server rejected the restart; retrying");
            self.refused.insert(workload.clone(), Instant::now());
            return Ok(());
        }
        self.rolling.extend(permit.map(|permit| (workload.clone(), Rolling::new(permit))));
        restarted?;
        info!(namespace = self.namespace, %workload, "restarted workload to roll out credentials");
        Ok(())
    }

    fn try_acquire_permit(&mut self) -> Option<Permit> {
        self.spare_permit.take().or_else(|| self.rollout_limit.try_acquire(&self.namespace))
    }

    /// Gives back the permits of rollouts that take too long or make no progress.
    fn release_overdue_permits(&mut self, pods: &[&Pod]) {
        let now = Instant::now();
        self.rolling.retain(|workload, rolling| {
            rolling.observe(self.workloads.former_pods(workload, pods));
            rolling.ends() > now
        });
    }

    /// The bindings whose restarts no longer wait for other bindings.
    fn urgent(&mut self, demands: &[Demand]) -> BTreeSet<String> {
        let known = |demand: &Demand| (demand.uid.clone(), demand.version);
        let all: HashSet<(String, Version)> = demands.iter().map(known).collect();
        self.first_seen.retain(|version, _| all.contains(version));
        let now = Instant::now();
        let waited = |demand: &&Demand| {
            *self.first_seen.entry(known(demand)).or_insert(now) + MAX_WAIT_FOR_OTHERS <= now
        };
        demands.iter().filter(waited).map(|demand| demand.uid.clone()).collect()
    }

    /// Hands the usage of each binding to the reconciler of bindings.
    fn publish_usages(&self, bindings: &[Arc<ServiceBinding>], usages: &BTreeMap<String, Usage>) {
        let policies = self.context.policies.injection();
        for binding in bindings {
            let uid = uid(binding.as_ref());
            // Before the first revision there are no credentials to roll out, so no usage is published.
            let usage = usages.get(uid).filter(|usage| usage.of.1 > 0);
            // Until the binding says what is outdated, and is open for that reason, it stays affected.
            let is_settled = usage.is_none_or(|usage| usage.outdated.is_empty());
            let compared = policies.newer_than(binding).filter(|_| is_settled);
            self.context.compared_since_policies.set(uid, compared);
            if self.context.usages.get(uid).as_ref() != usage {
                self.context.usages.set(uid, usage.cloned());
                self.context.queues.bindings.requeue_object(binding);
            }
        }
    }

    fn next(&self, demands: &[Demand], plan: &RestartPlan) -> Option<Instant> {
        let now = Instant::now();
        let is_early = has(plan, NotRolledOut::WaitingForOthers);
        let waits = demands
            .iter()
            .filter_map(|demand| {
                Some(*self.first_seen.get(&(demand.uid.clone(), demand.version))? + MAX_WAIT_FOR_OTHERS)
            })
            .filter(|end| is_early && *end > now);
        let permits = self.rolling.values().map(Rolling::ends);
        let refused = self.refused.values().map(|since| *since + RETRY_DELAY);
        let undone = Some(now + RETRY_DELAY).filter(|_| !plan.restarts.is_empty());
        waits.chain(permits).chain(refused).chain(undone).min()
    }
}

fn has(plan: &RestartPlan, reason: NotRolledOut) -> bool {
    plan.usages.values().any(|usage| usage.outdated.contains_key(&reason))
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// Seen to fail without `MAX_STALL`: ten rollouts that never end keep all others waiting for ten minutes.
    #[tokio::test(start_paused = true)]
    async fn a_rollout_without_progress_gives_its_permit_back() {
        let nearly = MAX_STALL.saturating_sub(Duration::from_secs(1));
        let mut rolling = Rolling::new(FairLimiter::new(1).try_acquire("a").unwrap());
        let remaining = |rolling: &Rolling| rolling.ends().saturating_duration_since(Instant::now());
        for former_pods in [3, 2, 1] {
            rolling.observe(former_pods);
            assert_eq!(remaining(&rolling), MAX_STALL);
            advance(nearly).await;
        }
        // A pod that a user deletes comes back: that is no progress.
        for former_pods in [2, 1] {
            rolling.observe(former_pods);
            assert_eq!(remaining(&rolling), Duration::from_secs(1));
        }
        for former_pods in (0..=9).rev() {
            rolling.former_pods.0 = former_pods + 1;
            rolling.observe(former_pods);
            advance(Duration::from_mins(1)).await;
        }
        assert_eq!(remaining(&rolling), Duration::ZERO, "progress must not take for ever either");
    }
}
