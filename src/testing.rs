//! What tests share: the reconcilers in simulation, the model of a broker, and fuzzing.
//!
//! | room | what it answers |
//! |---|---|
//! | `broker` | what does a broker hold, and which rules of the specification did its caller break? |
//! | `fuzz` | does any input from users, brokers or the API server break a property? |
//! | `simulation` | what do the real reconcilers do against a simulated API server and broker, in simulated time? |
//!
//! The integration tests (`tests/it/scripted.rs`) include the files of `broker`, so that both have one model.

mod broker;
mod fuzz;
mod simulation;
