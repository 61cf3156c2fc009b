//! What tests share: the reconcilers in simulation, and the model of a broker.
//!
//! | room | what it answers |
//! |---|---|
//! | `broker` | what was a broker asked, what does it hold, and which rules must its caller keep? |
//! | `simulation` | what do the real reconcilers do against a simulated API server and broker, in simulated time? |
//!
//! The integration tests (`tests/it/scripted.rs`) include the files of `broker`, so that both have one model.

mod broker;
mod simulation;
