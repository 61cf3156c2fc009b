//! The report that the bench prints.

use std::fmt;
use std::time::Duration;

use crate::admission::Admission;
use crate::console;
use crate::hostile::Hostile;
use crate::load::Phase;
use crate::neighbour::Neighbour;
use crate::operator::Usage;

/// The classes of the large catalog, and the plans of each.
pub const LARGE: (u32, u32) = (40, 100);

/// The measurements of one operator that is not attacked.
pub struct Report {
    /// The number of instances, which is also that of bindings.
    pub objects: u32,
    /// The phases in order.
    pub phases: Vec<Measured>,
    /// The time of a bare client in each phase, the better of its two runs.
    pub floor: Vec<Duration>,
    /// The publishing of the large catalog.
    pub publish: Span,
    /// A relist of the same catalog.
    pub relist: Span,
    /// The console.
    pub console: console::Measured,
    /// A healthy broker beside one that hangs.
    pub neighbour: Neighbour,
    /// The machine's processors, and its load just before.
    pub machine: String,
}

/// A measured phase.
pub struct Measured {
    /// The phase.
    pub phase: Phase,
    /// Its time and usage.
    pub span: Span,
    /// The number of broker calls.
    pub calls: u32,
}

/// The time of some work, and the operator's usage during it.
pub struct Span {
    /// The time.
    pub time: Duration,
    /// The operator's usage before.
    pub before: Usage,
    /// The operator's usage after.
    pub after: Usage,
}

impl Span {
    /// The writes to the API server.
    pub fn writes(&self) -> u32 {
        self.after.writes - self.before.writes
    }

    /// The operator's CPU time, in seconds.
    pub fn cpu(&self) -> f64 {
        self.after.cpu - self.before.cpu
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let objects = self.objects;
        writeln!(
            f,
            "{objects} instances and {objects} bindings, a broker that answers at once; {}\n",
            self.machine
        )?;
        writeln!(
            f,
            "                  seconds  objects/s  API writes  broker calls  operator CPU   floor, s  share of"
        )?;
        writeln!(
            f,
            "                                      per object    per object ms per object                floor"
        )?;
        for (measured, floor) in self.phases.iter().zip(&self.floor) {
            let (seconds, floor) = (measured.span.time.as_secs_f64(), floor.as_secs_f64());
            let per_object = |number: f64| number / f64::from(objects);
            writeln!(
                f,
                "{:16} {seconds:8.2}  {:9.0}  {:10.2}  {:12.2}  {:12.2}  {floor:9.2}  {:5.0} %",
                measured.phase.name(),
                f64::from(objects) / seconds,
                per_object(measured.span.writes().into()),
                per_object(measured.calls.into()),
                per_object(measured.span.cpu() * 1000.0),
                floor / seconds * 100.0,
            )?;
        }
        writeln!(
            f,
            "\nThe floor: a bare client makes the same writes, with the same number of requests in flight.\n"
        )?;
        self.catalog(f)?;
        self.console(f)?;
        self.neighbour(f)?;
        self.operator(f)
    }
}

impl Report {
    fn catalog(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (classes, plans) = LARGE;
        writeln!(f, "catalog of {} plans  seconds  API writes", classes * plans)?;
        for (name, span) in [("published", &self.publish), ("relisted", &self.relist)] {
            writeln!(f, "{name:21}  {:7.2}  {:10}", span.time.as_secs_f64(), span.writes())?;
        }
        writeln!(f, "Relisted without a change, the one write is the broker's own status.\n")
    }

    fn console(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let console = &self.console;
        let (objects, classes) = (self.objects, LARGE.0 + console::Measured::CLASSES);
        writeln!(f, "console                              measured  target")?;
        with_targets(
            f,
            &[
                (format!("page of {objects} instances, ms"), milliseconds(console.instances), 50.0),
                (format!("catalog of {classes} classes, ms"), milliseconds(console.catalog), 50.0),
                (
                    format!("memory with {} sessions, MiB", console::Measured::SESSIONS),
                    console.resident,
                    25.0,
                ),
            ],
        )?;
        writeln!(f, "Each session has got both pages; half of them sooner than this.\n")
    }

    fn neighbour(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alone, beside) = (milliseconds(self.neighbour.alone), milliseconds(self.neighbour.beside));
        writeln!(
            f,
            "99 of 100 instances Ready within  {alone:.1} ms alone; {beside:.1} ms beside a broker that hangs: {:.2} times",
            beside / alone
        )?;
        let (timed, hanging) = (Neighbour::TIMED, Neighbour::HANGING);
        writeln!(f, "{timed} instances of a healthy broker; {hanging} instances of the one that hangs.\n")
    }

    fn operator(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [provision, bind, _, deprovision] = self.phases.as_slice() else { return Ok(()) };
        writeln!(f, "operator                           memory, MiB  CPU so far, s")?;
        let states = [
            ("empty", provision.span.before.resident, provision.span.before.cpu),
            ("with all instances and bindings", bind.span.after.resident, bind.span.after.cpu),
            ("peak until all were removed", deprovision.span.after.peak, deprovision.span.after.cpu),
            ("peak with the large catalog", self.relist.after.peak, self.relist.after.cpu),
        ];
        for (name, memory, cpu) in states {
            writeln!(f, "{name:33}  {memory:11.1}  {cpu:13.2}")?;
        }
        writeln!(f)
    }
}

impl fmt::Display for Hostile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { usual, beside, slowest_probe, lease_losses, peak, limit, .. } = *self;
        let (usual, beside, slowest) =
            (milliseconds(usual), milliseconds(beside), milliseconds(slowest_probe));
        let ratio = beside / usual;
        writeln!(f, "beside a hostile tenant              measured  target")?;
        with_targets(
            f,
            &[
                ("99 of 100 instances Ready, times".to_owned(), ratio, 2.0),
                ("slowest answer to /livez, ms".to_owned(), slowest, 1000.0),
                ("lease lost".to_owned(), f64::from(lease_losses), 0.0),
                ("peak memory, MiB".to_owned(), peak, limit),
            ],
        )?;
        writeln!(
            f,
            "{} instances, {usual:.1} ms usually, {beside:.1} ms during the attack. The attack:",
            Self::TIMED
        )?;
        writeln!(f, "{}.\n", self.attacks)
    }
}

impl fmt::Display for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { unbound, beside, injected, most } = *self;
        writeln!(f, "{} pods created in        seconds  times", Self::PODS)?;
        let (all, some) = (Self::BINDINGS, Self::SELECTING);
        for (name, time) in [
            ("a namespace without bindings".to_owned(), unbound),
            (format!("one with {all}, for others"), beside),
            (format!("one with {all}, {some} of them for the pods"), injected),
        ] {
            let (seconds, unbound) = (time.as_secs_f64(), unbound.as_secs_f64());
            writeln!(f, "{name:36}  {seconds:7.2}  {:5.2}", seconds / unbound)?;
        }
        let each = (injected.as_secs_f64() - beside.as_secs_f64()) * 1e3 / f64::from(Self::PODS * some);
        writeln!(
            f,
            "Each binding for a pod adds {each:.1} ms. A pod with ten containers, in a namespace with the most"
        )?;
        writeln!(f, "that the limits allow, takes {:.0} ms.", most.as_secs_f64() * 1e3)
    }
}

/// What was measured, in lines with its target, and whether that was missed.
fn with_targets(f: &mut fmt::Formatter<'_>, lines: &[(String, f64, f64)]) -> fmt::Result {
    for (name, measured, target) in lines {
        let missed = if measured > target { "  missed" } else { "" };
        writeln!(f, "{name:33}  {measured:10.2}  ≤ {target}{missed}")?;
    }
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
