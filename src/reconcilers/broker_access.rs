//! How is a broker reached, and may it be called now?
//!
//! | file | what it answers |
//! |---|---|
//! | `connections` | with which address, credentials and TLS settings is a broker called? |
//! | `call_gate` | is it called at the moment, and whose turn is it? |
//! | `origin` | for which cluster, namespace and instance is it called? |
//! | `reply` | what does its reply mean, whichever call it answers? |

pub mod call_gate;
pub mod connections;
pub mod origin;
pub mod reply;
