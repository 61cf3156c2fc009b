//! What a deletion breaks: which bindings block it, and which pods lose their credentials. The caller reads the
//! bindings and pods; this module says what follows.

use crate::console::language::Language;
use crate::crd::ServiceBinding;
use crate::crd::binding::Restart;
use crate::crd::names::{ANNOTATION_DELETION_POLICY, ANNOTATION_PAUSED};

use crate::console::state::subject::{Kind, Subject};

/// The most names in a sentence.
const MAX_NAMES: usize = 10;

/// What happens to the bindings and the service when an instance is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// The deletion waits until a user has deleted the bindings.
    #[default]
    Wait,
    /// The operator deletes the bindings first.
    Cascade,
    /// The service stays at the broker, and so do the bindings.
    Retain,
}

impl DeletionPolicy {
    /// The policy that the object's annotation sets.
    pub fn of<'a>(object: impl Into<Subject<'a>>) -> Self {
        match object.into().annotation(ANNOTATION_DELETION_POLICY) {
            Some("Cascade") => Self::Cascade,
            Some("Retain") => Self::Retain,
            _ => Self::Wait,
        }
    }
}

/// A workload whose pods have the credentials of a binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// The name of the binding.
    pub binding: String,
    /// Kind and name of the workload, such as `Deployment/web`, or `Pod/web` for a bare pod.
    pub workload: String,
    /// How many of its pods have the credentials.
    pub pods: usize,
}

/// A binding that a deletion concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingLoss {
    /// The name of the binding.
    pub name: String,
    /// The name of its Secret, which is deleted with it.
    pub secret: String,
    /// Whether it is being deleted already.
    pub is_deleting: bool,
    /// Whether it is paused, so that its deletion does not proceed.
    pub is_paused: bool,
    /// Whether the operator restarts the pods that have the credentials before it unbinds.
    pub restarts_pods: bool,
    /// The workloads whose pods have the credentials.
    pub consumers: Vec<Consumer>,
}

/// What follows from the deletion of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consequences {
    /// The kind of the object.
    pub kind: Kind,
    /// What happens to bindings and service. Set another to show what the user is about to choose.
    pub policy: DeletionPolicy,
    /// The bindings of the instance, or the binding itself.
    pub bindings: Vec<BindingLoss>,
}

/// What follows from the deletion of an object. `bindings` are those of its namespace; those of an instance are chosen
/// from them. `consumers` are the pods that have credentials. A binding needs only the consumers, a broker neither.
pub fn consequences_of<'a>(
    object: impl Into<Subject<'a>>,
    bindings: &[ServiceBinding],
    consumers: &[Consumer],
) -> Consequences {
    let subject = object.into();
    let bindings = match subject {
        Subject::Instance(_) => {
            let of_instance = |binding: &&ServiceBinding| {
                binding.spec.instance_ref.name == subject.name()
                    && binding.metadata.namespace == subject.meta().namespace
            };
            bindings.iter().filter(of_instance).map(|binding| BindingLoss::of(binding, consumers)).collect()
        }
        Subject::Binding(binding) => vec![BindingLoss::of(binding, consumers)],
        Subject::ClusterBroker(_) | Subject::Broker(_) => Vec::new(),
    };
    Consequences { kind: subject.kind(), policy: DeletionPolicy::of(subject), bindings }
}

impl BindingLoss {
    fn of(binding: &ServiceBinding, consumers: &[Consumer]) -> Self {
        let subject = Subject::from(binding);
        let restart = binding.spec.injection.as_ref().and_then(|injection| injection.restart);
        let has_selector = binding.spec.pod_selector.is_some();
        let consumers = consumers.iter().filter(|consumer| consumer.binding == subject.name());
        Self {
            name: subject.name().to_owned(),
            secret: binding.secret_name().to_owned(),
            is_deleting: subject.is_deleting(),
            is_paused: subject.annotation(ANNOTATION_PAUSED) == Some("true"),
            restarts_pods: has_selector && restart.unwrap_or_default() == Restart::Always,
            consumers: consumers.cloned().collect(),
        }
    }
}

impl Consequences {
    /// The workloads whose pods lose credentials.
    pub fn losing(&self) -> impl Iterator<Item = &Consumer> {
        let is_kept = self.kind == Kind::Instance && self.policy == DeletionPolicy::Retain;
        self.bindings.iter().filter(move |_| !is_kept).flat_map(|binding| &binding.consumers)
    }

    /// What follows, in sentences. Never empty.
    pub fn sentences(&self, language: Language) -> Vec<String> {
        let first = match (self.kind, self.policy) {
            (Kind::Instance, DeletionPolicy::Retain) => return self.retained(language),
            (Kind::Instance, _) => language.pick(
                "The broker deletes the service and its data. This cannot be undone.",
                "服务代理会删除该服务及其数据。此操作无法撤销。",
            ),
            (Kind::Binding, _) => language.pick(
                "The broker deletes the credentials. This cannot be undone.",
                "服务代理会删除这些凭据。此操作无法撤销。",
            ),
            (Kind::ClusterBroker | Kind::Broker, _) => language.pick(
                "Its classes and plans go from the catalog. The deletion waits until it has no instances.",
                "它的服务类和套餐会从目录中消失。如果它仍有实例，删除会等待实例删除。",
            ),
        };
        let mut sentences = vec![first.to_owned()];
        sentences.extend(self.of_bindings(language));
        sentences.extend(self.of_pods(language));
        sentences
    }

    fn retained(&self, language: Language) -> Vec<String> {
        let kept = language.pick(
            "The instance goes from Kubernetes. The service stays at the broker and goes on costing money.",
            "实例会从 Kubernetes 中消失。服务保留在服务代理上，并继续产生费用。",
        );
        let names = names(self.bindings.iter().map(|binding| &binding.name), language);
        let bindings = language.pick(
            format!("These bindings and their credentials stay, but can no longer be rotated: {names}."),
            format!("以下绑定及其凭据会保留，但无法再轮换：{names}。"),
        );
        let has_bindings = !self.bindings.is_empty();
        [kept.to_owned()].into_iter().chain(has_bindings.then_some(bindings)).collect()
    }

    fn of_bindings(&self, language: Language) -> Vec<String> {
        let mut sentences = Vec::new();
        if self.kind == Kind::Instance && self.policy == DeletionPolicy::Wait && !self.bindings.is_empty() {
            let names = names(self.bindings.iter().map(|binding| &binding.name), language);
            sentences.push(language.pick(
                format!("The deletion waits until these bindings are deleted: {names}."),
                format!("在以下绑定删除之前，删除会一直等待：{names}。"),
            ));
        }
        if self.policy == DeletionPolicy::Cascade || self.kind == Kind::Binding {
            let names = names(self.bindings.iter().map(|binding| &binding.secret), language);
            if !self.bindings.is_empty() {
                sentences.push(language.pick(
                    format!("These Secrets are deleted: {names}."),
                    format!("以下 Secret 会被删除：{names}。"),
                ));
            }
        }
        let paused = self.bindings.iter().filter(|binding| binding.is_paused).map(|binding| &binding.name);
        let paused = names(paused, language);
        if !paused.is_empty() {
            sentences.push(language.pick(
                format!("These bindings are paused, so their deletion does not proceed: {paused}."),
                format!("以下绑定已暂停，因此不会继续删除：{paused}。"),
            ));
        }
        sentences
    }

    fn of_pods(&self, language: Language) -> Vec<String> {
        let pods = self.losing().map(|consumer| consumer.pods).fold(0, usize::saturating_add);
        if pods == 0 {
            return Vec::new();
        }
        let workloads = names(self.losing().map(|consumer| &consumer.workload), language);
        let plural = if pods == 1 { "pod loses its" } else { "pods lose their" };
        let lost = language.pick(
            format!("{pods} {plural} credentials: {workloads}."),
            format!("{pods} 个 Pod 会失去凭据：{workloads}。"),
        );
        let is_restarted = |binding: &&BindingLoss| binding.restarts_pods && !binding.consumers.is_empty();
        let restarted = self.bindings.iter().filter(is_restarted).flat_map(|binding| &binding.consumers);
        let restarted = names(restarted.map(|consumer| &consumer.workload), language);
        let restart = (!restarted.is_empty()).then(|| {
            language.pick(
                format!("The operator first restarts these workloads without the credentials: {restarted}."),
                format!("控制器会先重启以下工作负载，重启后它们不再有这些凭据：{restarted}。"),
            )
        });
        [lost].into_iter().chain(restart).collect()
    }
}

/// The names without repetitions, and how many more there are.
fn names<'a>(names: impl Iterator<Item = &'a String>, language: Language) -> String {
    let mut names: Vec<_> = names.map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(MAX_NAMES);
    names.truncate(MAX_NAMES);
    let listed = names.join(language.pick(", ", "、"));
    if more == 0 {
        return listed;
    }
    language.pick(format!("{listed} and {more} more"), format!("{listed}等，另有 {more} 个"))
}

#[cfg(test)]
mod tests;
