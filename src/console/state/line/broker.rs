//! The state of a broker that is not being deleted: is its catalog published, and is it being called?

use crate::crd::broker::{BrokerStatus, CommonServiceBrokerSpec, RelistBehavior};
use crate::crd::condition;
use crate::domain::duration::go_duration;
use jiff::SignedDuration;

use super::{Facts, Next, State, Step};
use crate::console::state::sentence::Sentences;
use crate::console::state::word::{Remark, Word};

pub(super) fn state(
    facts: &Facts<'_>,
    spec: &CommonServiceBrokerSpec,
    status: Option<&BrokerStatus>,
) -> State {
    if let Some(unavailable) = facts.with(condition::AVAILABLE, "False") {
        let word = if facts.is_ready() { Word::ReadyBut(Remark::CallsSuspended) } else { Word::Suspended };
        return facts.report(word, unavailable);
    }
    if !facts.is_ready() {
        let state = facts.not_ready();
        let is_about_catalog = matches!(state.word, Word::NotReady);
        return if is_about_catalog { State { word: Word::NotFetched, ..state } } else { state };
    }
    let generation = facts.subject.meta().generation.unwrap_or_default();
    if status.is_some_and(|status| status.reconciled_generation < generation) {
        return facts.say(Word::Fetching, &Sentences::FETCHING_CATALOG, None);
    }
    if let Some(rejected) = facts.with(condition::CATALOG_REJECTED, "True") {
        return facts.remark(Remark::EntriesRejected, rejected);
    }
    let text =
        facts.condition(condition::READY).and_then(|ready| crate::console::excerpt::excerpt(&ready.message));
    State { text, ..facts.ready().at(next_fetch(spec, status)).later_than(facts) }
}

impl State {
    /// Without a next step that should have happened already.
    fn later_than(self, facts: &Facts<'_>) -> Self {
        let next = self.next.filter(|next| next.at > facts.now);
        self.at(next)
    }
}

/// When the catalog is fetched again, if the broker object says so. Otherwise a flag of the operator does.
fn next_fetch(spec: &CommonServiceBrokerSpec, status: Option<&BrokerStatus>) -> Option<Next> {
    if spec.relist_behavior == Some(RelistBehavior::Manual) {
        return None;
    }
    let pause = go_duration(spec.relist_duration.as_deref()?)?;
    let last = status?.last_catalog_retrieval_time.as_ref()?.0;
    let at = last.checked_add(SignedDuration::try_from(pause).ok()?).ok()?;
    Some(Next { step: Step::Fetch, at })
}
