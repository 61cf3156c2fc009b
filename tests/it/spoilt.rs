//! What only a real wire can do to an answer: one life for each way to spoil it, at each endpoint.
//!
//! What a broker can answer is tested in process, by the matrix of `src/reconcilers/simulation/matrix.rs`.

use futures::future::join_all;

use crate::life::{Bind, Create, Delete, Life, Quick, Register, Rotate, Slow, Unbind, Update};
use crate::scripted::{Alone, Endpoint, Fault, When, alone};
use crate::wire::{ANSWERED, Spoil, UNANSWERED};

/// Whose answer is spoilt, and what is done then.
const CALLS: [(Endpoint, Life); 14] = [
    (Endpoint::Catalog, Life { deed: Register, class: Quick }),
    (Endpoint::Provision, Life { deed: Create, class: Quick }),
    (Endpoint::PollInstance, Life { deed: Create, class: Slow }),
    (Endpoint::Update, Life { deed: Update, class: Quick }),
    (Endpoint::PollInstance, Life { deed: Update, class: Slow }),
    (Endpoint::Deprovision, Life { deed: Delete, class: Quick }),
    (Endpoint::PollInstance, Life { deed: Delete, class: Slow }),
    (Endpoint::Bind, Life { deed: Bind, class: Quick }),
    (Endpoint::PollBinding, Life { deed: Bind, class: Slow }),
    (Endpoint::FetchBinding, Life { deed: Bind, class: Slow }),
    (Endpoint::Bind, Life { deed: Rotate, class: Quick }),
    (Endpoint::FetchBinding, Life { deed: Rotate, class: Slow }),
    (Endpoint::Unbind, Life { deed: Unbind, class: Quick }),
    (Endpoint::PollBinding, Life { deed: Unbind, class: Slow }),
];

/// What is spoilt after it was done, and what before. A broker that is not lying has done what it seems to answer.
fn faults(endpoint: Endpoint) -> Vec<(When, Spoil)> {
    let after = [UNANSWERED, ANSWERED].concat().into_iter().map(|spoil| (When::After, spoil));
    if endpoint.changes_something() {
        let before = UNANSWERED.iter().chain([&Spoil::Redirect]).map(|spoil| (When::Before, *spoil));
        after.chain(before).collect()
    } else {
        after.chain([(When::After, Spoil::Redirect)]).collect()
    }
}

/// A life in which one answer is spoilt. It ends as if nothing had happened.
async fn live(alone: &Alone, (endpoint, life): (Endpoint, Life), (when, spoil): (When, Spoil)) {
    let mut broker = Life::broker();
    let _wire = broker.wire();
    let stage = life.prepare(alone, broker).await;
    println!("{}: {life}, {spoil:?} {when:?} {endpoint:?}", stage.name);
    match when {
        When::Before => stage.broker.before(endpoint, Fault::Spoilt(spoil)),
        When::After => stage.broker.after(endpoint, Fault::Spoilt(spoil)),
    }
    life.begin(&stage).await;
    life.settle(&stage).await;
    assert!(stage.broker.is_script_over(), "{}: {life}, {endpoint:?} was not asked", stage.name);
    life.end(&stage).await;
}

/// Seen to fail: without the limit of time while a body is read; with the body of an unexpected success in the error, which
/// tells credentials in an event.
#[tokio::test]
async fn whatever_the_wire_does_to_an_answer_all_ends_well() {
    let alone = alone(&["--osb-api-request-timeout", "2s"]).await;
    let mut count = 0;
    for (endpoint, life) in CALLS {
        let faults = faults(endpoint);
        count += faults.len();
        join_all(faults.into_iter().map(|fault| live(&alone, (endpoint, life), fault))).await;
    }
    println!("{count} answers were spoilt");
}
