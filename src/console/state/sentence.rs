//! What the reasons say to a user: why it is so, and what happens next or what to do, in both languages.
//!
//! [`Sentences`] has one constant for each [`Reason`], with the reason's name in `src/domain/reason.rs`, and a few for
//! reasons that say something else in another place. The constants are in the files of `sentence/`. A reason without a
//! constant does not compile, and neither does a constant without both languages.

mod binding;
mod broker;
mod deletion;
mod instance;
mod other;
mod pods;
mod waiting;

use crate::console::language::Language;
use crate::crd::condition;

use crate::console::state::subject::Kind;
use crate::domain::reason::{Reason, for_each_reason};

/// One language of [`Sentences`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sentence {
    /// What happened, or what is so.
    pub(crate) why: &'static str,
    /// What happens next, or what the user does. Empty if there is nothing to do or to wait for.
    pub(crate) hint: &'static str,
}

impl Sentence {
    /// The hint for an object that is not settled, also if its condition has the reason of a settled one.
    pub(crate) fn hint_or_message(self, language: Language) -> &'static str {
        if self.hint.is_empty() { read_message(language) } else { self.hint }
    }
}

/// What there is to say, in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sentences {
    english: Sentence,
    chinese: Sentence,
}

impl Sentences {
    /// Each language has the sentence, and the hint.
    const fn new(english: (&'static str, &'static str), chinese: (&'static str, &'static str)) -> Self {
        Self {
            english: Sentence { why: english.0, hint: english.1 },
            chinese: Sentence { why: chinese.0, hint: chinese.1 },
        }
    }

    pub(crate) fn pick(&self, language: Language) -> Sentence {
        language.pick(self.english, self.chinese)
    }
}

macro_rules! of_reason {
    ($($(#[$doc:meta])* $name:ident = $reason:ident;)*) => {
        /// What a reason says, wherever it is reported.
        pub(crate) fn of_reason(reason: Reason) -> &'static Sentences {
            match reason {
                $(Reason::$reason => &Sentences::$name,)*
            }
        }
    };
}
for_each_reason!(of_reason);

/// What the reason of a condition says, in the place where it is reported.
pub(crate) fn of_condition(
    kind: Kind,
    type_: &str,
    status: &str,
    reason: &str,
) -> Option<&'static Sentences> {
    let reason = Reason::parse(reason)?;
    Some(match reason {
        Reason::ErrorWithParameters if kind == Kind::Binding => &Sentences::BINDING_PARAMETERS,
        Reason::ReferencesNonexistentServiceClass if (type_, status) == (condition::READY, "Unknown") => {
            &Sentences::CLASS_OF_DELETION_GONE
        }
        Reason::ReferencesNonexistentInstance if (type_, status) == (condition::READY, "Unknown") => {
            &Sentences::INSTANCE_OF_DELETION_GONE
        }
        Reason::StartingInstanceOrphanMitigation | Reason::ServiceBindingNeedsOrphanMitigation
            if type_ == condition::ORPHAN_MITIGATION =>
        {
            &Sentences::ORPHAN_MITIGATION
        }
        // Only service-catalog 0.3 stored other reasons of `Failed`.
        reason if type_ == condition::FAILED && !is_final(reason) => &Sentences::FAILED_FOR_GOOD,
        Reason::ErrorNonbindableServiceClass if type_ == condition::ROTATED => {
            &Sentences::ROTATION_NOT_BINDABLE
        }
        Reason::CredentialsNotReturned if type_ == condition::ROTATED => {
            &Sentences::CREDENTIALS_REQUESTED_AGAIN
        }
        Reason::UnsafeVariables if (type_, status) == (condition::INJECTED, "True") => {
            &Sentences::UNSAFE_VARIABLES_KEPT
        }
        _ => of_reason(reason),
    })
}

/// Whether the reason itself says that the operator does not retry.
fn is_final(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ClusterServiceBrokerReturnedFailure
            | Reason::ServiceBindingReturnedFailure
            | Reason::ErrorNonbindableServiceClass
    )
}

/// What to say of a reason that this version does not know. The operator's message is shown beside it.
pub(crate) fn of_unknown(reason: &str, language: Language) -> String {
    let reason: String = reason.chars().take(MAX_REASON_CHARS).collect();
    if reason.trim().is_empty() {
        return language.pick("The operator gave no reason.", "控制器没有给出原因。").to_owned();
    }
    language.pick(
        format!("The operator reports “{reason}”, which this version of the console does not know."),
        format!("控制器报告了“{reason}”，此版本的控制台不认识这个原因。"),
    )
}

/// What to do if there is nothing better to say.
pub(crate) fn read_message(language: Language) -> &'static str {
    language.pick("Read the operator's message.", "请阅读控制器给出的消息。")
}

/// The longest unknown reason that is shown, in characters.
const MAX_REASON_CHARS: usize = 100;
