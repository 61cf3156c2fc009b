//! The pure core: what an object means, and the one next step. No I/O, no clock, no randomness; time and
//! everything that was read come in as data.
//!
//! Instances, bindings and brokers live through two functions each: `decide` looks at all that is known and answers
//! with one step; `settle` turns what came of a call to the broker into the new status. What a call will do is
//! written to the status before it is made, so every moment at which the operator can die is a state that
//! `decide` knows how to go on from.
//!
//! | file | what it answers |
//! |---|---|
//! | `instance`, `binding` | what is the next step, and what came of the last one? |
//! | `progress` | what do the two have in common: intent, polling, retries, orphans, conditions? |
//! | `orphan` | what came of the removal of something left behind? |
//! | `verdict` | what does the broker's failure mean for what was asked? |
//! | `schedule` | when is it tried again? |
//! | `breaker` | may a broker be called now? |
//! | `outage` | what does an object do meanwhile? |
//! | `decision` | how does a decision about an instance or a binding end with a step? |
//! | `step`, `note` | what is the answer of `decide`, the outcome of a call, the answer of `settle`; what are users told? |
//! | `metadata` | what does the metadata of an object ask for? |
//! | `validity` | how long are credentials valid? |
//! | `plan_reference` | which class and plan does an instance name? |
//! | `request` | what is the broker asked? |
//! | `parameters` | what are the parameters, and which of them may be shown? |
//! | `schema` | do they fit the schema of the plan? |
//! | `credentials` | what goes into the Secret? |
//! | `rollout` | do the pods of a binding have what it gives now, and what is done about those that do not? |
//! | `catalog`, `restriction` | which classes and plans should there be? |
//! | `broker` | what is the next step for a broker and its catalog, and what came of the last one? |
//! | `duration` | how does a user write a duration? |
//! | `alpha` | which object is made of one of the alpha API, and what is the next step? |
//! | `reason` | what is the word for it? |

pub mod alpha;
pub mod binding;
pub mod broker;
pub mod catalog;
pub mod circuit_breaker;
pub mod credentials;
mod decision;
pub mod duration;
#[cfg(test)]
mod fixtures;
pub mod instance;
mod metadata;
mod note;
pub mod orphan;
mod outage;
pub mod parameters;
pub mod plan_reference;
pub mod progress;
pub mod reason;
pub mod request;
pub mod restriction;
pub mod rollout;
pub mod schedule;
pub mod schema;
mod step;
#[cfg(test)]
mod stored;
pub mod validity;
pub mod verdict;

pub use metadata::{controller, has_finalizer};
pub use note::Note;
pub use step::{Outcome, Settled, Step};
