//! How is a broker reached, and may it be called now?

pub mod call_gate;
pub mod connections;
