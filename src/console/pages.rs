//! The pages: views → HTML. No I/O and no clock; every text is picked from both languages, side by side.
//!
//! | file | question |
//! |---|---|
//! | `layout` | what is around every page? |
//! | `parts` | what do several pages have in common: icons, states, times, commands? |
//! | `actions` | how does a page offer what the user may do? |
//! | `failure` | what is said when something goes wrong? |
//! | `login`, `about`, `namespaces` | who am I, and where? |
//! | `catalog`, `class` | which services are there, and which plans? |
//! | `instances`, `instance` | which instances are there, and how is one of them? |
//! | `binding` | which credentials are there, and which pods have them? |
//! | `bind` | who gets the credentials of a new binding? |
//! | `fields` | how does a form ask, and say what is wrong? |
//! | `instance_form`, `review`, `problems` | what is a new or edited instance to be, what follows, and what is wrong? |
//! | `deletion` | what follows from a deletion? |
//! | `brokers`, `broker` | where do the services come from? |
//! | `register` | how is a broker reached? |

pub mod about;
pub mod actions;
pub mod bind;
pub mod binding;
pub mod broker;
pub mod brokers;
pub mod catalog;
pub mod class;
pub mod deletion;
pub mod failure;
pub mod fields;
pub mod instance;
pub mod instance_form;
pub mod instances;
pub mod layout;
pub mod login;
pub mod namespaces;
pub mod parts;
pub mod problems;
pub mod register;
pub mod review;
#[cfg(test)]
mod tests;
