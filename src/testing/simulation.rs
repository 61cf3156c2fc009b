//! The real reconcilers in a simulated world: a model of the API server, a broker that can fail in every way, and time
//! that passes only when nothing else can happen.
//!
//! Everything happens one thing at a time, and what is next is a choice: so a seed is a history, the same seed is the
//! same history, and a history that breaks something can be made shorter until only what matters is left.
//!
//! | file | what it answers |
//! |---|---|
//! | `api` | what does an API server answer? |
//! | `broker`, `fault` | what does a broker answer, and how can that go wrong? |
//! | `door` | what is offered at each of the broker's two addresses, to whom? |
//! | `half` | how are the cluster-wide and the namespaced kinds called? |
//! | `operator`, `watches`, `streams` | how are watches and requests of the real reconcilers served? |
//! | `former` | what if an operator is stopped, and goes on when another one has taken over? |
//! | `world` | what happens between these three? |
//! | `users`, `platform` | what do users do, and those who run the platform and its brokers? |
//! | `invariants`, `published` | what must be so of instances and bindings, and of brokers, classes and plans? |
//! | `choices`, `history` | what happens next, and which shorter history breaks the same? |
//! | `matrix`, `catalog_matrix` | what comes of each fault of each call, and of each fetch of a catalog? |
//! | `catalog` | what does the broker offer, and how does that change? |
//! | `restart` | what does an operator that has just started do about what is settled? |
//! | `stored` | is what an earlier version has settled left alone? |

mod api;
mod broker;
mod catalog;
mod catalog_matrix;
mod choices;
mod door;
mod fault;
mod former;
mod half;
mod history;
mod invariants;
mod matrix;
mod operator;
mod platform;
mod published;
mod restart;
mod stored;
mod streams;
mod users;
mod watches;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::broker::{request, rules, truth};
use choices::Choices;
use matrix::Played;

/// Where everything happens.
const NAMESPACE: &str = "ns";

/// How much of a history is told, and how long one may be that is made shorter.
const MOST_STEPS: usize = 500;

/// Runs something in a time of its own.
fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(future)
}

/// A number from the environment, for `make simulate`.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// I1 to I11, whatever users, brokers, networks and machines do. Each was seen to fail, here or in the matrix:
///
/// | | when |
/// |---|---|
/// | I1, I11 | an ambiguous provision is tried anew without a removal; a failed deprovision lets the object go |
/// | I2 | a new attempt does not wait for the removal of the one before; that removal names the id of the next |
/// | I3 | a changed Secret is not noticed |
/// | I4 | a refused update is treated as a deletion; a call is made on the word of a stale cache |
/// | I5 | an edit is not carried out; an update without an answer is not remembered |
/// | I6 | an instance and its bindings do not take turns |
/// | I7 | nobody asks again how far an operation is; 410 is not taken for gone |
/// | I8 | a broker that wants to be left alone is called; there is no pause between attempts |
/// | I9 | an instance does not wait for its binding; a pass goes on with another object of the same name |
///
/// I10 is broken in `tests/it/leaks.rs`, with all that the real process writes.
#[test]
fn in_every_history_all_is_well_in_the_end() {
    let (first, count) = (setting("SEED", 0), setting("SEEDS", 4_000));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || (first..first + count).skip(thread).step_by(threads).for_each(check));
        }
    });
    println!("{count} histories, from seed {first}");
}

/// Lives through the history of a seed; if it breaks something, the shortest one that does is told.
fn check(seed: u64) {
    let end = history::live(Choices::of_seed(seed));
    if end.broken.is_empty() {
        return;
    }
    let whole = end.story.len();
    // One that never ends would take as long to be made shorter.
    let shortest = if whole > MOST_STEPS { end } else { history::shortest(end) };
    let told: Vec<String> = shortest.story.into_iter().take(MOST_STEPS).collect();
    let (story, broken) = (told.join("\n"), shortest.broken.join("\n"));
    panic!(
        "seed {seed} ({whole} steps) breaks:\n{story}\n{broken}\nSEED={seed} SEEDS=1 make simulate: again"
    );
}

/// I1 to I11, and the specification's table of orphan mitigation, for each operation and each fault.
#[test]
fn every_fault_of_every_operation_ends_well() {
    let (calls, fetches) = (matrix::all(), catalog_matrix::all().len());
    let all = calls.len() + fetches;
    let told = format!("| {},{:03} scenarios |", all / 1000, all % 1000);
    assert!(include_str!("../../README.md").contains(&told), "the README does not say {told:?}");
    play(&calls);
}

/// What must be so of brokers, classes and plans (`published`), for each fault of each fetch of a catalog.
#[test]
fn every_fault_of_every_fetch_of_a_catalog_ends_well() {
    play(&catalog_matrix::all());
}

/// Plays all scenarios, as many at once as there are processors.
fn play<S: Played>(scenarios: &[S]) {
    let failures: Mutex<Vec<String>> = Mutex::default();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (broken, story) = scenario.play();
                    if !broken.is_empty() {
                        let (story, broken) = (story.join("\n"), broken.join("\n"));
                        failures.lock().unwrap().push(format!("{scenario}:\n{story}\n{broken}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let (failed, all) = (failures.len(), scenarios.len());
    println!("{} of {all} scenarios passed", all - failed);
    assert!(failures.is_empty(), "{failed} of {all} scenarios failed:\n\n{}", failures.join("\n\n"));
}

/// A history that failed can be looked at again.
#[test]
fn a_seed_is_a_history() {
    for seed in 0..20 {
        let first = history::live(Choices::of_seed(seed));
        let second = history::live(Choices::replay(first.choices));
        assert_eq!(first.story, second.story, "seed {seed}");
    }
}
