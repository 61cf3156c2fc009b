//! What tests share: the reconcilers in simulation, and the model of a broker.
//!
//! | room | what it answers |
//! |---|---|
//! | `broker` | what does a broker hold, and which rules of the specification did its caller break? |
//! | `simulation` | what do the real reconcilers do against a simulated API server and broker, in simulated time? |
//!
//! The integration tests (`tests/it/scripted.rs`) include the files of `broker`, so that both have one model.

mod broker;
mod simulation;
