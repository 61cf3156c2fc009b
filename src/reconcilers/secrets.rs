//! The Secrets that contain the credentials of bindings, and the users' Secrets to which objects refer.
//!
//! The operator keeps a digest of each binding's Secret, to detect drift. It keeps nothing of users' Secrets: a change
//! only requeues the objects that refer to the Secret.
//!
//! | file | question |
//! |---|---|
//! | `ownership` | does the Secret with the name of a binding's Secret belong to the binding? |
//! | `binding_secrets` | how are the Secrets of bindings watched, written and deleted? |
//! | `referenced_secrets` | what do users' Secrets contain, and how are they watched? |
//! | `references` | which objects does a change requeue, and how many references may a namespace have? |
//!
//! Secrets of bindings are watched by a label. For those that objects refer to (a broker's credentials,
//! `parametersFrom`, `addKeysFrom`) one watch delivers the metadata of changed Secrets. No other Secret is listed or
//! cached: memory grows neither with the Secrets of the cluster nor with a connection for each name.
//!
//! - **POST and PUT, not server-side apply.** Apply creates or takes over, whichever it finds. With POST, a Secret
//!   that another client created in between is an error, and PUT carries the resourceVersion of a Secret that was
//!   seen to be the binding's. Only so can the operator promise never to touch a foreign Secret.
//! - **The operator deletes the Secret, not the garbage collector.** It is deleted before the finalizer is removed,
//!   so that a new binding of the same name finds the slot vacant, and a client that waited for the binding to be
//!   gone finds no credentials left.
//! - **Secrets are `Opaque`,** as users of service-catalog expect; with `spec.type` they are
//!   `servicebinding.io/<type>`, as that specification recommends. The type of a Secret is immutable, so it stays
//!   what it was at creation.

mod binding_secrets;
mod ownership;
mod referenced_secrets;
mod references;

pub use binding_secrets::{BindingSecrets, Covered};
pub use ownership::SecretSlot;
pub use referenced_secrets::{ReferencedSecrets, references};
pub use references::User;
