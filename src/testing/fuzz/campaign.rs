//! In which order are the targets tried, for how long, and what came of it?
//!
//! `make test` tries a fixed number of inputs of each target, always the same ones. `make fuzz` tries new inputs until
//! its time is up, and gives each target an equal share of it. Each batch of cases has a thread of its own, whose name
//! says what runs: so a stack overflow, which ends the process, names its target and seeds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use super::target::{Passed, Target, Verdict};

/// How many cases a thread runs.
const BATCH: u64 = 50;
/// How often a long run reports.
const REPORT_INTERVAL: Duration = Duration::from_mins(1);
/// A case that runs for this long is named in the report, before it ends.
const SLOW: Duration = Duration::from_secs(10);

/// What to try.
#[derive(Clone, Debug, Default)]
pub struct Campaign {
    /// The first seed of each target.
    pub seed: u64,
    /// How many cases of each target to run; by default [`Target::cases`].
    pub cases: Option<u64>,
    /// How long to run, in place of a number of cases.
    pub time: Option<Duration>,
    /// The only target, if not all.
    pub target: Option<String>,
}

/// What was tried of a target.
#[derive(Debug, Default)]
struct Progress {
    next: u64,
    running: usize,
    accepted: u64,
    rejected: u64,
    spent: Duration,
    slowest: (Duration, u64),
    /// The most memory that a case had, and its seed.
    largest: (u64, u64),
    failure: Option<String>,
}

struct Run<'a> {
    targets: Vec<&'a Target>,
    campaign: &'a Campaign,
    deadline: Option<Instant>,
    progress: Mutex<Vec<Progress>>,
    /// What each worker runs: the target, the seed, and since when.
    current: Mutex<BTreeMap<usize, (&'static str, u64, Instant)>>,
}

impl Campaign {
    /// The settings of the environment.
    pub fn of_environment() -> Self {
        let number = |name| std::env::var(name).ok().and_then(|value| value.parse().ok());
        Self {
            seed: number("FUZZ_SEED").unwrap_or_default(),
            cases: number("FUZZ_CASES"),
            time: number("FUZZ_SECONDS").map(Duration::from_secs),
            target: std::env::var("FUZZ_TARGET").ok().filter(|name| !name.is_empty()),
        }
    }

    /// Runs the campaign on all processors. Returns the report, and the failures.
    pub fn run(&self, targets: &[Target]) -> (String, Vec<String>) {
        let is_wanted = |target: &&Target| self.target.as_ref().is_none_or(|name| name == target.name);
        let targets: Vec<&Target> = targets.iter().filter(is_wanted).collect();
        assert!(!targets.is_empty(), "there is no target {:?}", self.target);
        let progress = targets.iter().map(|_| Progress { next: self.seed, ..Progress::default() }).collect();
        let deadline = self.time.map(|time| Instant::now() + time);
        let run = Run {
            targets,
            campaign: self,
            deadline,
            progress: Mutex::new(progress),
            current: Mutex::default(),
        };
        run.on_all_processors();
        let failures = |progress: &Progress| progress.failure.clone();
        let failed = run.progress.lock().unwrap().iter().filter_map(failures).collect();
        (run.report(), failed)
    }
}

impl Run<'_> {
    fn on_all_processors(&self) {
        let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (ended, end) = mpsc::channel::<()>();
        thread::scope(|scope| {
            for worker in 0..workers {
                let ended = ended.clone();
                scope.spawn(move || {
                    while let Some((index, seeds)) = self.take() {
                        self.in_named_thread(worker, index, &seeds);
                    }
                    drop(ended);
                });
            }
            drop(ended);
            while end.recv_timeout(REPORT_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                self.report_interim();
            }
        });
    }

    fn in_named_thread(&self, worker: usize, index: usize, seeds: &Range<u64>) {
        let name = format!("{} from FUZZ_SEED={}", self.targets[index].name, seeds.start);
        thread::scope(|scope| {
            let batch = || self.batch(worker, index, seeds.clone());
            Builder::new().name(name).spawn_scoped(scope, batch).unwrap();
        });
    }

    /// The target to try next, and the seeds: in a limited time the one with the least share of it, else the first one
    /// with cases left.
    fn take(&self) -> Option<(usize, Range<u64>)> {
        let mut progress = self.progress.lock().unwrap();
        let end = |index: usize| {
            let cases = self.campaign.cases.unwrap_or(self.targets[index].cases);
            if self.deadline.is_some() { u64::MAX } else { self.campaign.seed.saturating_add(cases) }
        };
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return None;
        }
        let open = (0..progress.len())
            .filter(|index| progress[*index].failure.is_none() && progress[*index].next < end(*index));
        let share = |index: &usize| (progress[*index].running, progress[*index].spent);
        let index = open.min_by_key(share)?;
        let target = &mut progress[index];
        let seeds = target.next..end(index).min(target.next.saturating_add(BATCH));
        (target.next, target.running) = (seeds.end, target.running + 1);
        Some((index, seeds))
    }

    fn batch(&self, worker: usize, index: usize, seeds: Range<u64>) {
        let name = self.targets[index].name;
        let case = (self.targets[index].case)();
        for seed in seeds {
            let start = Instant::now();
            self.current.lock().unwrap().insert(worker, (name, seed, start));
            let result = case(seed);
            let took = start.elapsed();
            let target = &mut self.progress.lock().unwrap()[index];
            target.spent += took;
            match result {
                Ok(Passed { verdict, memory }) => {
                    target.slowest = target.slowest.max((took, seed));
                    target.largest = target.largest.max((memory, seed));
                    match verdict {
                        Verdict::Accepted => target.accepted += 1,
                        Verdict::Rejected => target.rejected += 1,
                    }
                }
                Err(why) => {
                    let again =
                        format!("FUZZ_TARGET={name} FUZZ_SEED={seed} FUZZ_CASES=1 make fuzz FUZZ_SECONDS=");
                    target.failure = Some(format!("{name}: {why}\nto repeat it: {again}"));
                    break;
                }
            }
        }
        self.current.lock().unwrap().remove(&worker);
        self.progress.lock().unwrap()[index].running -= 1;
    }

    /// The counts of each target.
    fn report(&self) -> String {
        let progress = self.progress.lock().unwrap();
        let mut text = format!(
            "{:14} {:>10} {:>10} {:>10}  slowest and largest\n",
            "inputs", "tried", "accepted", "rejected"
        );
        let (mut accepted, mut rejected) = (0, 0);
        for (target, of) in self.targets.iter().zip(progress.iter()) {
            (accepted, rejected) = (accepted + of.accepted, rejected + of.rejected);
            let ((took, slow), (memory, large)) = (of.slowest, of.largest);
            let (line, took) = (counts(target.name, of.accepted, of.rejected), took.as_secs_f64());
            let _ = writeln!(text, "{line}  {took:.3} s (seed {slow}), {} KiB (seed {large})", memory / 1024);
        }
        text + &counts("all", accepted, rejected)
    }

    /// Tells what a long run has done so far, past the capture of the test's output, and which cases do not end.
    fn report_interim(&self) {
        let is_slow = |(_, _, since): &(_, _, Instant)| since.elapsed() > SLOW;
        let current: Vec<_> = self.current.lock().unwrap().values().copied().filter(is_slow).collect();
        let mut text = if self.deadline.is_some() { self.report() + "\n" } else { String::new() };
        for (name, seed, since) in current {
            let _ = writeln!(text, "running for {} s: {name}, seed {seed}", since.elapsed().as_secs());
        }
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

fn counts(name: &str, accepted: u64, rejected: u64) -> String {
    format!("{name:14} {:>10} {accepted:>10} {rejected:>10}", accepted + rejected)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;

    use super::*;
    use crate::testing::fuzz::target::case;

    fn bytes(name: &'static str, fails: bool) -> Target {
        let good = || case(any::<u8>(), |byte| Verdict::accepted(byte > 99));
        let bad = || {
            case(any::<u8>(), |byte| {
                assert!(byte < 200);
                Verdict::Accepted
            })
        };
        Target { name, cases: 120, case: if fails { bad } else { good } }
    }

    #[test]
    fn a_campaign_counts_what_it_tries_and_one_failure_stops_only_its_target() {
        let (report, failures) = Campaign::default().run(&[bytes("good", false), bytes("bad", true)]);
        let good = report.lines().find(|line| line.starts_with("good")).unwrap();
        assert_eq!(good.split_whitespace().nth(1), Some("120"), "{report}");
        let [failure] = failures.as_slice() else { panic!("{failures:?}") };
        assert!(failure.starts_with("bad: panicked at "), "{failure}");
        // What it says repeats the failure.
        let seed = failure.split("FUZZ_SEED=").nth(1).unwrap().split(' ').next().unwrap();
        let again = Campaign {
            seed: seed.parse().unwrap(),
            cases: Some(1),
            target: Some("bad".to_owned()),
            time: None,
        };
        assert_eq!(again.run(&[bytes("bad", true)]).1, failures);
    }
}
