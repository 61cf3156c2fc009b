//! The state of an object that is being deleted: does the deletion proceed, and if not, what does it wait for?

use crate::crd::condition::{self, Condition};

use super::unready::wait;
use super::{Facts, State};
use crate::console::state::sentence::Sentences;
use crate::console::state::word::{Wait, Word};
use crate::domain::reason::Reason;

pub(super) fn state(facts: &Facts<'_>) -> State {
    if let Some(paused) = facts.paused() {
        return State { word: Word::DeletionWaiting(Wait::Resume), ..paused };
    }
    if let Some(refused) = facts.with(condition::WRITE_REFUSED, "True") {
        return facts.report(Word::DeletionWaiting(Wait::Quota), refused);
    }
    let ready = facts.condition(condition::READY).filter(|ready| ready.status != "True");
    let requested = || {
        let since = facts.subject.meta().deletion_timestamp.as_ref();
        facts.say(Word::Deleting, &Sentences::DELETION_REQUESTED, since).at(None)
    };
    let Some(ready) = ready else { return requested() };
    match Reason::parse(&ready.reason) {
        Some(Reason::DeletionWaitsForOrphanMitigation) => {
            // `OrphanMitigation` says why it takes a while.
            let mitigation = facts.with(condition::ORPHAN_MITIGATION, "True").unwrap_or(ready);
            facts.report(Word::DeletionWaiting(Wait::Cleanup), mitigation)
        }
        Some(Reason::ServiceBindingsDeletion) | None => facts.report(Word::Deleting, ready),
        Some(reason) if is_of_creation(reason, ready) => requested(),
        Some(reason) => facts.report(word(ready, reason), ready),
    }
}

fn word(ready: &Condition, reason: Reason) -> Word {
    match reason {
        Reason::DeprovisionRequestInFlight
        | Reason::Deprovisioning
        | Reason::DeprovisionedSuccessfully
        | Reason::UnbindingRequestInFlight
        | Reason::Unbinding
        | Reason::UnboundSuccessfully
        | Reason::LeftAtBroker
        | Reason::ErrorPollingLastOperation => Word::Deleting,
        // Only the ids that the class or the instance had are missing.
        _ if ready.status == "Unknown" => Word::DeletionWaiting(wait(reason).unwrap_or(Wait::Retry)),
        _ => wait(reason).map_or(Word::Deleting, Word::DeletionWaiting),
    }
}

/// Whether the condition is from before the deletion: the operator has not looked at the object since.
fn is_of_creation(reason: Reason, ready: &Condition) -> bool {
    if ready.status == "Unknown" {
        return false;
    }
    matches!(
        reason,
        Reason::ProvisionRequestInFlight
            | Reason::Provisioning
            | Reason::ErrorCallingProvision
            | Reason::ProvisionCallFailed
            | Reason::ClusterServiceBrokerReturnedFailure
            | Reason::StartingInstanceOrphanMitigation
            | Reason::OrphanMitigationSuccessful
            | Reason::InstanceUnusable
            | Reason::ErrorWithParameters
            | Reason::ReferencesNonexistentServiceClass
            | Reason::ReferencesNonexistentServicePlan
            | Reason::ReferencesDeletedServiceClass
            | Reason::ReferencesDeletedServicePlan
            | Reason::ReferencesNonexistentInstance
            | Reason::ClusterKindsDisabled
            | Reason::ExternalIDInUse
            | Reason::BindingRequestInFlight
            | Reason::Binding
            | Reason::BindCallFailed
            | Reason::ErrorInstanceNotReady
            | Reason::ErrorNonbindableServiceClass
            | Reason::ServiceBindingNeedsOrphanMitigation
            | Reason::ServiceBindingReturnedFailure
            | Reason::CredentialsExpired
            | Reason::ErrorFetchingCatalog
            | Reason::ErrorSyncingCatalog
    )
}
