//! The word for an object that does not work yet: what its condition `Ready` or `Updated` waits for.

use crate::crd::condition::{self, Condition};

use super::{Facts, State};
use crate::console::state::sentence::Sentences;
use crate::console::state::word::{Wait, Word};
use crate::domain::reason::Reason;

impl Facts<'_> {
    /// An object that failed for good, or that a write of the operator is refused for.
    pub(super) fn failed(&self) -> Option<State> {
        if let Some(failed) = self.with(condition::FAILED, "True") {
            return Some(self.report(Word::Failed, failed));
        }
        let refused = self.with(condition::WRITE_REFUSED, "True").filter(|_| !self.is_ready())?;
        Some(self.report(Word::Waiting(Wait::Quota), refused))
    }

    /// An object that does not work.
    pub(super) fn not_ready(&self) -> State {
        let Some(condition) = self.condition(condition::READY).or_else(|| self.conditions.last()) else {
            return self.unreported();
        };
        if condition.type_ != condition::READY {
            // Only an operator that was interrupted, or another version, leaves out `Ready`.
            let since = condition.last_transition_time.as_ref();
            return self.say(Word::Waiting(Wait::Operator), &Sentences::NOT_REPORTED, since);
        }
        self.report(word(condition), condition)
    }
}

/// The word for the condition `Ready` that is not true.
fn word(condition: &Condition) -> Word {
    match Reason::parse(&condition.reason) {
        Some(
            Reason::ProvisionRequestInFlight
            | Reason::Provisioning
            | Reason::BindingRequestInFlight
            | Reason::Binding
            | Reason::ErrorPollingLastOperation,
        ) => Word::Creating,
        Some(
            Reason::DeprovisionRequestInFlight
            | Reason::Deprovisioning
            | Reason::DeprovisionedSuccessfully
            | Reason::UnbindingRequestInFlight
            | Reason::Unbinding
            | Reason::UnboundSuccessfully,
        ) => Word::Deleting,
        Some(
            Reason::InstanceUnusable
            | Reason::LeftAtBroker
            | Reason::ErrorNonbindableServiceClass
            | Reason::ClusterServiceBrokerReturnedFailure
            | Reason::ServiceBindingReturnedFailure,
        ) => Word::Failed,
        Some(Reason::CredentialsExpired) => Word::Expired,
        Some(reason) => wait(reason).map_or(Word::NotReady, Word::Waiting),
        None => Word::NotReady,
    }
}

/// What an object with this reason waits for.
pub(super) fn wait(reason: Reason) -> Option<Wait> {
    Some(match reason {
        Reason::WaitingForBroker | Reason::ReferencesNonexistentBroker => Wait::Broker,
        Reason::ReferencesNonexistentServiceClass
        | Reason::ReferencesDeletedServiceClass
        | Reason::ClusterKindsDisabled => Wait::Class,
        Reason::ReferencesNonexistentServicePlan | Reason::ReferencesDeletedServicePlan => Wait::Plan,
        Reason::ErrorWithParameters => Wait::Parameters,
        Reason::ReferencesNonexistentInstance | Reason::ErrorInstanceNotReady => Wait::Instance,
        Reason::ExternalIDInUse => Wait::ExternalId,
        Reason::DeprovisionBlockedByExistingCredentials | Reason::ServiceBindingsDeletion => Wait::Bindings,
        Reason::DeletionBlockedByInstances => Wait::Instances,
        Reason::WaitingForPods => Wait::Pods,
        Reason::ErrorCallingProvision
        | Reason::ProvisionCallFailed
        | Reason::BindCallFailed
        | Reason::DeprovisionCallFailed
        | Reason::UnbindCallFailed
        | Reason::OrphanMitigationSuccessful => Wait::Retry,
        Reason::StartingInstanceOrphanMitigation
        | Reason::ServiceBindingNeedsOrphanMitigation
        | Reason::DeletionWaitsForOrphanMitigation
        | Reason::OrphanMitigationFailed => Wait::Cleanup,
        Reason::ErrorInjectingBindResult | Reason::CredentialsNotReturned => Wait::Secret,
        Reason::RefusedByAPIServer | Reason::ChildRefused => Wait::Quota,
        Reason::NameTaken => Wait::Name,
        Reason::PausedByAnnotation => Wait::Resume,
        _ => return None,
    })
}
