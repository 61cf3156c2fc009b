//! Child processes of the tests: they write logs, and end with the tests.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::free_port::free_port;

/// A running program. It is killed when this is dropped, and when the tests end for any reason.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with its output in `log`.
    pub fn start(command: &Command, log: PathBuf) -> Self {
        let file = File::create(&log).unwrap();
        let mut guarded = Command::new("setpriv");
        guarded.args(["--pdeathsig", "KILL"]).arg(command.get_program()).args(command.get_args());
        guarded.stdout(file.try_clone().unwrap()).stderr(file);
        for (name, value) in command.get_envs() {
            guarded.env(name, value.unwrap_or_default());
        }
        if let Some(directory) = command.get_current_dir() {
            guarded.current_dir(directory);
        }
        Self { child: spawn(guarded), log }
    }

    /// Sends a signal: `STOP`, `CONT`, `TERM`.
    pub fn signal(&self, name: &str) {
        run(Command::new("kill").args(["-s", name, &self.child.id().to_string()]));
    }

    /// Its process ID: `setpriv` has become the program.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its exit status, if it has exited.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Its output so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Panics with the end of the log if the program has exited by itself.
    pub fn must_live(&mut self) {
        if let Some(status) = self.ended() {
            let log = self.log();
            let end: Vec<&str> = log.lines().rev().take(20).collect();
            let end = end.into_iter().rev().collect::<Vec<_>>().join("\n");
            panic!("it exited with {status}; {}:\n{end}", self.log.display());
        }
    }
}

impl Drop for Process {
    /// `kill -9`: the programs need no clean-up.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The parent death signal kills a child when the thread that started it ends, and every test has its own thread. So
/// one thread that never ends starts all programs.
fn spawn(command: Command) -> Child {
    static STARTER: LazyLock<Sender<(Command, Sender<Child>)>> = LazyLock::new(|| {
        let (sender, orders) = channel::<(Command, Sender<Child>)>();
        thread::spawn(move || {
            for (mut command, customer) in orders {
                let _ = customer.send(command.spawn().expect("setpriv, of util-linux, is needed"));
            }
        });
        sender
    });
    let (sender, child) = channel();
    STARTER.send((command, sender)).unwrap();
    child.recv().unwrap()
}

/// Runs a program to its end, which must be a success; returns its output.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The output of a program, stdout and stderr.
pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// Repeats `attempt` until it succeeds. Only for startup: tests have [`eventually`](crate::namespace::eventually).
pub fn until(what: &str, mut attempt: impl FnMut() -> Result<(), String>) {
    let start = Instant::now();
    while let Err(seen) = attempt() {
        assert!(start.elapsed() < Duration::from_mins(1), "{what}: not within a minute. Last seen: {seen}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// An address of this machine on which no program listens.
pub fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

/// The directory for the files of this test run. Removes those of earlier runs.
pub fn directory() -> &'static Path {
    static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
        let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/it");
        std::fs::create_dir_all(&all).unwrap();
        for entry in std::fs::read_dir(&all).unwrap() {
            let entry = entry.unwrap();
            if !Path::new("/proc").join(entry.file_name()).exists() {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        let own = all.join(std::process::id().to_string());
        std::fs::create_dir(&own).unwrap();
        own
    });
    &DIRECTORY
}
