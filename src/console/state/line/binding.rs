//! The state of a binding that is neither being deleted nor paused: are there credentials, how long are they valid, and
//! do the pods have them?

use crate::crd::condition::{self, Condition};
use crate::crd::{ServiceBinding, ServiceBindingStatus};
use jiff::{SignedDuration, Timestamp};

use super::{Facts, Next, State, Step};
use crate::console::state::sentence::Sentences;
use crate::console::state::word::{Remark, Word};
use crate::domain::reason::Reason;

/// How long before their expiry credentials of unknown age should have been replaced.
const EXPIRY_MARGIN: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn state(facts: &Facts<'_>, binding: &ServiceBinding) -> State {
    if let Some(failed) = facts.failed() {
        return failed;
    }
    if !facts.is_ready() {
        return facts.not_ready();
    }
    let expiry = Expiry::of(binding.status.as_ref());
    if let Some(expiry) = expiry.filter(|expiry| expiry.at <= facts.now) {
        return State {
            since: Some(expiry.at),
            ..facts.say(Word::Expired, &Sentences::CREDENTIALS_EXPIRED, None)
        };
    }
    if let Some((word, condition)) = remark(facts) {
        return facts.report(word, condition);
    }
    let next = expiry.map(|expiry| Next { step: Step::Expiry, at: expiry.at });
    if let Some(expiry) = expiry.filter(|expiry| expiry.is_overdue(facts.now)) {
        let word = Word::ReadyBut(Remark::Expiring);
        return State {
            since: Some(expiry.due),
            ..facts.say(word, &Sentences::CREDENTIALS_EXPIRE, None).at(next)
        };
    }
    let later =
        [(condition::ORPHAN_MITIGATION, Remark::CleaningUp), (condition::INJECTED, Remark::UnsafeVariables)];
    let said = later.into_iter().find_map(|(type_, remark)| Some((remark, facts.with(type_, "True")?)));
    said.map_or_else(|| facts.ready().at(next), |(remark, condition)| facts.remark(remark, condition))
}

/// The condition that needs attention most.
fn remark<'a>(facts: &Facts<'a>) -> Option<(Word, &'a Condition)> {
    if let Some(refused) = facts.with(condition::WRITE_REFUSED, "True") {
        return Some((Word::ReadyBut(Remark::WriteRefused), refused));
    }
    if let Some(injected) = facts.with(condition::INJECTED, "False") {
        return Some((Word::ReadyBut(Remark::NotInjected), injected));
    }
    if let Some(rolled_out) = facts.with(condition::ROLLED_OUT, "False") {
        let remark = match Reason::parse(&rolled_out.reason) {
            Some(Reason::Rolling | Reason::WaitingForRestart) => Remark::PodsRestarting,
            _ => Remark::PodsLack,
        };
        return Some((Word::ReadyBut(remark), rolled_out));
    }
    let rotated = facts.with(condition::ROTATED, "False")?;
    let word = match Reason::parse(&rotated.reason) {
        Some(
            Reason::RotationRequestInFlight
            | Reason::Rotating
            | Reason::CredentialsNotReturned
            | Reason::ErrorPollingLastOperation,
        ) => Word::Rotating,
        Some(Reason::RotationFailed) => Word::ReadyBut(Remark::RotationFailed),
        _ => Word::ReadyBut(Remark::RotationWaiting),
    };
    Some((word, rotated))
}

/// When credentials expire, and by when they should have been replaced.
#[derive(Clone, Copy)]
struct Expiry {
    at: Timestamp,
    due: Timestamp,
}

impl Expiry {
    /// The operator replaces credentials in the last fifth of their lifetime, or when the broker says so. In the last
    /// tenth they are late.
    fn of(status: Option<&ServiceBindingStatus>) -> Option<Self> {
        let status = status?;
        let at = status.expires_at.as_ref()?.0;
        let margin = status.issued_at.as_ref().map_or(EXPIRY_MARGIN, |issued| {
            at.duration_since(issued.0).checked_div(10).unwrap_or(EXPIRY_MARGIN)
        });
        let due = match &status.renew_before {
            Some(renewal) => renewal.0,
            None => at.checked_sub(margin).unwrap_or(at),
        };
        Some(Self { at, due })
    }

    fn is_overdue(self, now: Timestamp) -> bool {
        self.due <= now
    }
}
