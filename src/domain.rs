//! The pure core: what does an object's state mean, and what is the next step? No I/O, no clock, no randomness: the
//! time and all observations are arguments.
//!
//! Instances, bindings and brokers have two functions each: `decide` returns the next step for an observation; `settle`
//! turns the outcome of a broker call into the new status. The intent of a call is written to the status before the
//! call is made, so wherever the operator crashes, the stored status is one from which `decide` continues.
//!
//! | file | what it answers |
//! |---|---|
//! | `instance`, `binding` | what is the next step, and what does the outcome of a call change? |
//! | `progress` | what do their statuses share: intent, polling, retries, orphans, conditions? |
//! | `osb_id` | which ids does an object have at its broker, and which would its next creation use? |
//! | `orphan` | what does the outcome of an orphan's removal change? |
//! | `verdict` | what does a failed call mean for the request? |
//! | `schedule` | when is the next attempt, and when the next poll? |
//! | `circuit_breaker` | may a broker be called now? |
//! | `outage` | what does an object do while the circuit of its broker is open? |
//! | `decision` | what do `decide` for instances and for bindings share? |
//! | `step`, `note` | what do `decide` and `settle` return, how can a call end, and which event is sent? |
//! | `metadata` | what do finalizer, annotations and UID of an object say? |
//! | `validity` | how long are credentials valid? |
//! | `plan_reference` | which class and plan does an instance name? |
//! | `request` | what is in the body of a request to the broker? |
//! | `parameters` | what are the parameters, and which of them are secret? |
//! | `schema` | do the parameters fit the schema of the plan? |
//! | `credentials` | what goes into the Secret? |
//! | `rollout` | do the pods of a binding have its current revision, and which workloads are restarted? |
//! | `catalog`, `restriction` | which classes and plans should there be? |
//! | `broker` | what is the next step for a broker and its catalog, and what does its outcome change? |
//! | `duration` | how does a user write a duration? |
//! | `alpha` | which child object does an alpha object have, and what is the next step? |
//! | `bounds` | how much is kept of what users write, and what of it is too much? |
//! | `reason` | which reasons do conditions and events have? |

pub mod alpha;
pub mod binding;
pub mod bounds;
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
pub mod osb_id;
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

pub use metadata::{MAX_OWNER_BYTES, bounded_controller, controller, has_finalizer};
pub use note::Note;
pub use step::{Outcome, Settled, Step};
