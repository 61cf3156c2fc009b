//! The state of an instance that is neither being deleted nor paused.

use crate::crd::ServiceInstance;
use crate::crd::condition::{self, Condition};
use crate::crd::instance::InstanceOperation;

use super::{Facts, State};
use crate::console::state::word::{Remark, Word};
use crate::domain::reason::Reason;

pub(super) fn state(facts: &Facts<'_>, instance: &ServiceInstance) -> State {
    if let Some(failed) = facts.failed() {
        return failed;
    }
    if !facts.is_ready() {
        return facts.not_ready();
    }
    if let Some(updated) = facts.with(condition::UPDATED, "False") {
        return facts.report(word_of_update(updated, instance), updated);
    }
    let remarks = [
        (condition::WRITE_REFUSED, Remark::WriteRefused),
        (condition::ORPHAN_MITIGATION, Remark::CleaningUp),
        (condition::UPGRADE_AVAILABLE, Remark::UpgradeAvailable),
        (condition::NAME_OUTDATED, Remark::NameOutdated),
    ];
    let said = remarks.into_iter().find_map(|(type_, remark)| Some((remark, facts.with(type_, "True")?)));
    said.map_or_else(|| facts.ready(), |(remark, condition)| facts.remark(remark, condition))
}

fn word_of_update(updated: &Condition, instance: &ServiceInstance) -> Word {
    let operation = instance.status.as_ref().and_then(|status| status.current_operation);
    match Reason::parse(&updated.reason) {
        Some(Reason::UpdateInstanceRequestInFlight | Reason::UpdatingInstance) => Word::Updating,
        Some(Reason::ErrorPollingLastOperation) if operation == Some(InstanceOperation::Update) => {
            Word::Updating
        }
        Some(Reason::UpdateInstanceCallFailed) => Word::ReadyBut(Remark::UpdateFailed),
        _ => Word::ReadyBut(Remark::UpdateWaiting),
    }
}
