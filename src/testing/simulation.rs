//! Deterministic simulation: the real reconcilers against a model of the API server and a broker with injected faults,
//! in simulated time, which advances only when nothing else can happen.
//!
//! One thing happens at a time, and a random choice decides which. So a seed determines a history: the same seed gives
//! the same history, and a history that breaks an invariant can be shrunk until only the relevant steps are left.
//!
//! | file | what it answers |
//! |---|---|
//! | `api` | what does an API server answer? |
//! | `broker`, `fault` | what does a broker answer, and which faults can it have? |
//! | `door` | which catalog and credentials does each of the broker's two addresses have? |
//! | `half` | what are the names of the cluster-wide and of the namespaced kinds? |
//! | `operator`, `watches` | how are watches and requests of the real reconcilers served? |
//! | `former` | what does a former leader do that was suspended while another replica took over? |
//! | `world` | how do API server, broker and operator interact? |
//! | `users`, `platform` | what do application teams do, and what do platform teams and broker operators do? |
//! | `invariants`, `published` | which invariants hold for instances and bindings, and for brokers, classes and plans? |
//! | `explained` | does every object that waits say why, and what happens next? |
//! | `chosen` | which plan has a user chosen, whatever the broker calls it later? |
//! | `choices`, `history` | what happens next, and which shorter history breaks the same invariant? |
//! | `operation` | which operations can go wrong, and what has to be there before? |
//! | `matrix`, `catalog_matrix` | how does each fault of each call end, and of each catalog fetch? |
//! | `refusal_matrix` | how does each refusal of each write end? |
//! | `catalog` | which catalog does the broker offer, and how does it change? |
//! | `denied` | what does a policy cost that refuses the operator's writes for hours? |
//! | `restart` | what does a restart cost when all objects are settled? |
//! | `namespace_goes` | does a namespace that is deleted always go? |
//! | `stored` | does the operator leave objects alone that an earlier version has settled? |

mod api;
mod broker;
mod catalog;
mod catalog_matrix;
mod choices;
mod chosen;
mod denied;
mod door;
mod explained;
mod fault;
mod former;
mod half;
mod history;
mod invariants;
mod matrix;
mod namespace_goes;
mod operation;
mod operator;
mod platform;
mod published;
mod refusal_matrix;
mod restart;
mod shown;
mod stored;
mod users;
mod watches;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::broker::{request, rules, truth};
use choices::Choices;
use matrix::Played;

/// The only namespace of the simulation.
const NAMESPACE: &str = "ns";

/// The longest history that is shrunk, and the most steps that are printed.
const MAX_PRINTED_STEPS: usize = 500;

/// Runs a future to its end in its own simulated time.
fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(future)
}

/// A number from the environment, for `make simulate`.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Plays the history of each seed, of which there are so many unless `SEEDS` says otherwise. Panics with the first that breaks
/// an invariant.
fn play_seeds<F: Future<Output = (Vec<world::Broken>, Vec<String>)>>(
    count: u64,
    play: impl Fn(Choices) -> F,
) {
    for seed in 0..setting("SEEDS", count) {
        let (broken, story) = run(play(Choices::of_seed(seed)));
        assert!(broken.is_empty(), "seed {seed}:\n{}\n{}", story.join("\n"), broken.join("\n"));
    }
}

/// I1 to I14 hold whatever users, brokers, networks and machines do. Each was seen to fail, here or in the matrix:
///
/// | invariant | the defect that broke it |
/// |---|---|
/// | I1, I11 | an ambiguous provision is retried without orphan mitigation; a failed deprovision removes the finalizer |
/// | I2 | a new attempt does not wait for the removal of the previous one; that removal carries the next attempt's id |
/// | I3 | a changed Secret is not noticed |
/// | I4 | a refused update is treated as a deletion; a call is based on a stale cache |
/// | I5 | an edit is ignored; an update without an answer is forgotten |
/// | I6 | an instance and its bindings call the broker at the same time |
/// | I7 | an operation is not polled again; 410 does not count as gone |
/// | I8 | `Retry-After` is ignored; there is no back-off between attempts |
/// | I9 | an instance does not wait for its binding; a reconcile continues with another object of the same name |
/// | I12 | the name of a plan is resolved again at each reconcile |
/// | I12 | the id in the spec, which a backup holds, is not written again for the attempt after an orphan mitigation |
/// | I13 | a condition says what has happened, and not what happens next |
/// | I14 | the console has no words for a reason, or no time for a retry |
///
/// I10 is tested in `tests/it/leaks.rs` too, with everything that the real process writes.
#[test]
fn in_every_history_all_is_well_in_the_end() {
    let (first, count) = (setting("SEED", 0), setting("SEEDS", 1000));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let failed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let seeds = (first..first + count).skip(thread).step_by(threads);
            let failed = &failed;
            scope.spawn(move || {
                failed.fetch_add(seeds.filter(|seed| breaks(*seed)).count(), Ordering::Relaxed)
            });
        }
    });
    let failed = failed.into_inner();
    assert_eq!(failed, 0, "of {count} histories from seed {first}");
    println!("{count} histories from seed {first}");
}

/// Plays the history of a seed. If it breaks an invariant, prints a shorter history that breaks the same one.
fn breaks(seed: u64) -> bool {
    let end = history::play(Choices::of_seed(seed));
    if end.broken.is_empty() {
        return false;
    }
    let whole = end.story.len();
    // Shrinking can take long.
    eprintln!("seed {seed} ({whole} steps) breaks {:?}; looking for a shorter history", end.broken);
    // Shrinking a history that never ends would never end either.
    let shortest = if whole > MAX_PRINTED_STEPS { end } else { history::shortest(end) };
    let steps: Vec<String> = shortest.story.into_iter().take(MAX_PRINTED_STEPS).collect();
    let (story, broken) = (steps.join("\n"), shortest.broken.join("\n"));
    eprintln!(
        "seed {seed} ({whole} steps) breaks:\n{story}\n{broken}\nto replay it: SEED={seed} SEEDS=1 make simulate"
    );
    true
}

/// I1 to I14 and the specification's orphan mitigation table, for each operation and each fault.
#[test]
fn every_fault_of_every_operation_ends_well() {
    play(&matrix::all());
}

/// The same for each write of each operation that the API server refuses, once or for hours.
#[test]
fn every_refusal_of_every_write_ends_well() {
    play(&refusal_matrix::all());
}

/// The invariants of brokers, classes and plans (`published`), for each fault of each catalog fetch.
#[test]
fn every_fault_of_every_fetch_of_a_catalog_ends_well() {
    play(&catalog_matrix::all());
}

/// Plays all scenarios, one at a time on each processor.
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

/// A history that failed can be replayed.
#[test]
fn a_seed_is_a_history() {
    for seed in 0..20 {
        let first = history::play(Choices::of_seed(seed));
        let second = history::play(Choices::replay(first.choices));
        assert_eq!(first.story, second.story, "seed {seed}");
    }
}
