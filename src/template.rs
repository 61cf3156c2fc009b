//! Templates as a service: what a template offers, and what an instance of it consists of.
//!
//! Pure: no I/O, no clock, and random bytes only as an argument. [`Definition::parse`] finds everything that is wrong
//! with a template at once. [`Definition::resolve`] then gives each parameter its value, [`Definition::objects`] makes
//! the objects of an instance of them, and [`Inventory`] says which ones to delete. [`readiness()`], [`pod_problem`]
//! and [`credentials`] read live objects.
//!
//! | file | what it answers |
//! |---|---|
//! | `annotation` | which annotations have a meaning? |
//! | `definition` | is a template valid, and what does it offer? |
//! | `parameter` | is a parameter valid? |
//! | `expression` | how are values generated? |
//! | `catalog` | what does the broker's catalog say of a template? |
//! | `plan` | which plans are there, with which ids? |
//! | `parameter_schema` | which parameters may a user give? |
//! | `resolve` | which value does each parameter get? |
//! | `substitute` | how do values get into objects? |
//! | `process` | what becomes of a template's objects? |
//! | `instantiate` | which objects does an instance or a binding consist of? |
//! | `images` | which image replaces the tag of an image stream? |
//! | `inventory` | what was applied, and what is to be deleted? |
//! | `record` | what does the broker remember of an instance? |
//! | `undeclared` | which fields does the API server not know? |
//! | `readiness` | is an object ready? |
//! | `pod` | why is a pod not ready? |
//! | `expose` | which credentials does a binding get? |
//! | `jsonpath` | what does an expression of kubectl find? |
//! | `object` | what is an object called? |
//! | `problem` | how are all reasons reported at once? |

mod annotation;
mod catalog;
mod definition;
mod expose;
mod expression;
mod images;
mod instantiate;
mod inventory;
mod jsonpath;
mod object;
mod parameter;
mod parameter_schema;
mod plan;
mod pod;
mod problem;
mod process;
mod readiness;
mod record;
mod resolve;
mod substitute;
mod undeclared;

#[cfg(test)]
mod tests;

pub use definition::{Definition, Platform};
pub use expose::{credentials, is_exposable};
pub use images::Images;
pub use inventory::{Entry, Inventory};
pub use object::{is_of_instance, is_terminating, pod_selector, uid};
pub use plan::Plan;
pub use pod::pod_problem;
pub use problem::Problems;
pub use readiness::{Readiness, readiness};
pub use record::{Binding, Desired, Named, Operation, Record, State, Task, is_overdue};
pub use resolve::{Inputs, Origin};
pub use substitute::Values;
pub use undeclared::remove_undeclared;
