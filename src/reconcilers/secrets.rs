//! Secrets: those that hold the credentials of bindings, and those of users that objects refer to.
//!
//! Of a binding's Secret a digest is kept, so that a change is noticed. Of users' Secrets nothing is kept: each that is
//! referred to is watched by its name, and a change requeues the objects that refer to it.
//!
//! | file | what it answers |
//! |---|---|
//! | `ownership` | whose is the Secret in the place of a binding's? |
//! | `binding_secrets` | which Secrets of bindings are there, and how are they written and deleted? |
//! | `referenced_secrets` | what do users' Secrets hold, and which objects does a change requeue? |

mod binding_secrets;
mod ownership;
mod referenced_secrets;

pub use binding_secrets::BindingSecrets;
pub use ownership::SecretSlot;
pub use referenced_secrets::{ReferencedSecrets, references};
