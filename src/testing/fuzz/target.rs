//! What is tried, and what must hold? A [`Target`] has a name, and a [`Case`] that a seed determines completely.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use sha2::{Digest as _, Sha256};

/// How many simpler inputs are tried at most, to find the simplest one that still fails.
const MAX_SHRINKS: u32 = 500;

/// How much of an input is printed, in characters. The seed has the rest.
const MAX_SHOWN_CHARS: usize = 10_000;

/// The most memory that a case may have at a time, in bytes. The chart limits the operator to 128 MiB.
const MAX_MEMORY: u64 = 32 * 1024 * 1024;

/// A part of the program with an untrusted input.
pub struct Target {
    /// The name, for reports and `FUZZ_TARGET`.
    pub name: &'static str,
    /// How many inputs `make test` tries.
    pub cases: u64,
    /// Makes the case. It is called once for each thread: strategies cannot be shared.
    pub case: fn() -> Case,
}

/// What the program did with an input. Both are right: a rejected input is refused with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The program has used the input.
    Accepted,
    /// The program has refused the input.
    Rejected,
}

impl Verdict {
    /// Accepted if the flag is set.
    pub fn accepted(is_accepted: bool) -> Self {
        if is_accepted { Self::Accepted } else { Self::Rejected }
    }
}

/// A case in which all properties hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// What the program did with the input.
    pub verdict: Verdict,
    /// The most memory that it had at a time, in bytes.
    pub memory: u64,
}

/// Generates the input of a seed and checks the properties of its target. The error describes the failure and the
/// simplest input that causes it.
pub type Case = Box<dyn Fn(u64) -> Result<Passed, String>>;

/// A case with inputs of this strategy. The properties are checked by panics.
pub fn case<S: Strategy + 'static>(inputs: S, properties: impl Fn(S::Value) -> Verdict + 'static) -> Case {
    // Boxed, because the types of large strategies, and of what they generate, do not fit onto the stack.
    let inputs = inputs.boxed();
    Box::new(move |seed| {
        let config = Config { failure_persistence: None, max_shrink_iters: MAX_SHRINKS, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, rng(seed));
        let input = inputs.new_tree(&mut runner).map_err(|why| why.to_string())?;
        let passed = Cell::new(Passed { verdict: Verdict::Rejected, memory: 0 });
        let result = runner.run_one(input, |input| {
            let result = keeping_panics(|| measured(|| properties(input)));
            passed.set(result.map_err(TestCaseError::fail)?);
            Ok(())
        });
        match result {
            Ok(_) => Ok(passed.get()),
            Err(TestError::Abort(why)) => Err(why.to_string()),
            Err(TestError::Fail(why, input)) => {
                let input: String = format!("{input:#?}").chars().take(MAX_SHOWN_CHARS).collect();
                Err(format!("{why}\nthe simplest input:\n{input}"))
            }
        }
    })
}

/// Checks the properties, and that there was enough memory for it.
fn measured(properties: impl FnOnce() -> Verdict) -> Result<Passed, String> {
    // The measurement has to end even after a panic.
    let mut result = Ok(Verdict::Rejected);
    let used = allocation_counter::measure(|| result = catch_unwind(AssertUnwindSafe(properties)));
    let verdict = result.map_err(|_| LAST_PANIC.take())?;
    if used.bytes_max > MAX_MEMORY {
        return Err(format!("it takes {} KiB of memory", used.bytes_max / 1024));
    }
    Ok(Passed { verdict, memory: used.bytes_max })
}

thread_local! {
    /// Whether this thread checks properties. Then a panic is not printed: there is one for each simpler input.
    static IS_CHECKING: Cell<bool> = const { Cell::new(false) };
    /// Where the last panic was, and why.
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs the properties of an input, and keeps their panics in place of printing them.
fn keeping_panics<T>(run: impl FnOnce() -> T) -> T {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if IS_CHECKING.get() {
                LAST_PANIC.replace(panic.to_string());
            } else {
                print(panic);
            }
        }));
    });
    IS_CHECKING.set(true);
    let result = run();
    IS_CHECKING.set(false);
    result
}

/// Hashed, because neighbouring seeds of this generator begin with similar numbers.
fn rng(seed: u64) -> TestRng {
    let hash = Sha256::digest(seed.to_be_bytes());
    TestRng::from_seed(RngAlgorithm::XorShift, &hash[..16])
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::any;

    use super::*;

    fn sum(numbers: &[u8]) -> u32 {
        numbers.iter().map(|number| u32::from(*number)).sum()
    }

    #[test]
    fn a_seed_is_an_input() {
        let inputs =
            |seed| vec(any::<u64>(), 4).new_tree(&mut TestRunner::new_with_rng(Config::default(), rng(seed)));
        let current = |seed| proptest::strategy::ValueTree::current(&inputs(seed).unwrap());
        assert_eq!(current(7), current(7));
        assert_ne!(current(7), current(8));
    }

    #[test]
    fn a_failure_is_reported_with_a_simple_input() {
        let case = case(vec(any::<u8>(), 0..6), |numbers| {
            assert!(sum(&numbers) < 300, "too much");
            Verdict::accepted(sum(&numbers) > 100)
        });
        let results: Vec<_> = (0..50).map(case).collect();
        let has = |verdict| results.iter().flatten().any(|passed| passed.verdict == verdict);
        assert!(has(Verdict::Accepted) && has(Verdict::Rejected));
        let failure = results.into_iter().find_map(Result::err).unwrap();
        assert!(failure.contains("too much\nthe simplest input:\n["), "{failure}");
        assert!(failure.starts_with("panicked at src/testing/fuzz/target.rs:"), "{failure}");
        assert!(failure.lines().count() < 12, "{failure}");
    }

    #[test]
    fn an_input_that_takes_too_much_memory_is_a_failure() {
        let case = case(vec(any::<u8>(), 1..3), |numbers| {
            let size = if numbers.len() == 2 { MAX_MEMORY } else { MAX_MEMORY / 2 };
            drop(std::hint::black_box(vec![0_u8; usize::try_from(size).unwrap() + 1]));
            Verdict::Accepted
        });
        let results: Vec<_> = (0..20).map(case).collect();
        assert!(results.iter().flatten().all(|passed| passed.memory > MAX_MEMORY / 2));
        let failure = results.into_iter().find_map(Result::err).unwrap();
        assert!(failure.starts_with("it takes 32768 KiB of memory"), "{failure}");
    }
}
