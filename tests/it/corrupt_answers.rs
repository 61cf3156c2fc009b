//! Answers that are corrupted on the wire: one scenario for each kind of corruption, at each endpoint.
//!
//! The matrix of `src/testing/simulation/matrix.rs` tests in process what a broker itself can answer.

use futures::future::join_all;

use crate::scenario::{Bind, Create, Delete, Quick, Register, Rotate, Scenario, Slow, Unbind, Update};
use crate::scripted::{Endpoint, Fault, IsolatedEnv, When, isolated};
use crate::wire::{ANSWERED, Corruption, UNANSWERED};

/// The endpoint whose answer is corrupted, and the scenario that calls it.
const CALLS: [(Endpoint, Scenario); 14] = [
    (Endpoint::Catalog, Scenario { action: Register, class: Quick }),
    (Endpoint::Provision, Scenario { action: Create, class: Quick }),
    (Endpoint::PollInstance, Scenario { action: Create, class: Slow }),
    (Endpoint::Update, Scenario { action: Update, class: Quick }),
    (Endpoint::PollInstance, Scenario { action: Update, class: Slow }),
    (Endpoint::Deprovision, Scenario { action: Delete, class: Quick }),
    (Endpoint::PollInstance, Scenario { action: Delete, class: Slow }),
    (Endpoint::Bind, Scenario { action: Bind, class: Quick }),
    (Endpoint::PollBinding, Scenario { action: Bind, class: Slow }),
    (Endpoint::FetchBinding, Scenario { action: Bind, class: Slow }),
    (Endpoint::Bind, Scenario { action: Rotate, class: Quick }),
    (Endpoint::FetchBinding, Scenario { action: Rotate, class: Slow }),
    (Endpoint::Unbind, Scenario { action: Unbind, class: Quick }),
    (Endpoint::PollBinding, Scenario { action: Unbind, class: Slow }),
];

/// The corruptions after the effect, and those without it. An honest broker has executed a request that it answers.
fn faults(endpoint: Endpoint) -> Vec<(When, Corruption)> {
    let after = [UNANSWERED, ANSWERED].concat().into_iter().map(|corruption| (When::After, corruption));
    if endpoint.is_mutating() {
        let before =
            UNANSWERED.iter().chain([&Corruption::Redirect]).map(|corruption| (When::Before, *corruption));
        after.chain(before).collect()
    } else {
        after.chain([(When::After, Corruption::Redirect)]).collect()
    }
}

/// Runs a scenario in which one answer is corrupted. It must end as if nothing had happened.
async fn run(
    isolated: &IsolatedEnv,
    (endpoint, scenario): (Endpoint, Scenario),
    (when, corruption): (When, Corruption),
) {
    let mut broker = Scenario::broker();
    let _wire = broker.wire();
    let env = scenario.prepare(isolated, broker).await;
    println!("{}: {scenario}, {corruption:?} {when:?} {endpoint:?}", env.name);
    match when {
        When::Before => env.broker.before(endpoint, Fault::Corrupt(corruption)),
        When::After => env.broker.after(endpoint, Fault::Corrupt(corruption)),
    }
    scenario.begin(&env).await;
    scenario.settle(&env).await;
    assert!(env.broker.is_script_over(), "{}: {scenario}, {endpoint:?} was not called", env.name);
    scenario.end(&env).await;
}

/// Seen to fail without a timeout while the body is read, and with the body of an unexpected success in the error,
/// which leaks credentials into an event.
#[tokio::test]
async fn whatever_the_wire_does_to_an_answer_all_ends_well() {
    let isolated = isolated(&["--osb-api-request-timeout", "2s"]).await;
    let mut count = 0;
    for (endpoint, scenario) in CALLS {
        let faults = faults(endpoint);
        count += faults.len();
        join_all(faults.into_iter().map(|fault| run(&isolated, (endpoint, scenario), fault))).await;
    }
    println!("{count} answers were corrupted");
}
