//! How does the operator's work grow with the number of objects? `make bench SCALE=10000`.
//!
//! Each size has an operator of its own, beside one API server, so the growth is a ratio within one run. Between the
//! bindings and their removal the operator is restarted.

use std::fmt;
use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::load::Phase;
use crate::operator::{Operator, Usage};
use crate::report::{Measured, Span};
use crate::{BenchEnv, catalog, measure, progress};

/// The numbers of instances, each of which has a binding. The last one is that of the command.
const SIZES: [u32; 2] = [500, 2000];
/// The classes of the catalog, and the plans of each: what a pass over all of them would cost shows.
const CATALOG: (u32, u32) = (10, 20);
/// How long an operator that has nothing to do uses no more CPU time.
const IDLE: Duration = Duration::from_secs(1);
/// The timeout until then.
const PATIENCE: Duration = Duration::from_mins(2);

/// All sizes in order.
pub struct Scale(Vec<Size>);

struct Size {
    objects: u32,
    phases: Vec<Measured>,
    /// The operator with everything, when it has nothing to do.
    settled: Usage,
    restart: Restart,
}

/// A restart beside settled objects.
struct Restart {
    ready: Duration,
    /// The operator when it has nothing to do.
    idle: Usage,
    calls: u32,
}

/// Measures each size up to `most` objects.
pub async fn scale(env: &BenchEnv, cluster: &Cluster, most: u32) -> Scale {
    let start = async || Operator::start(&cluster.kubeconfig("operator")).await;
    let operator = start().await;
    catalog::publish(&env.user, "small", &env.broker.url(1, 1)).await;
    catalog::publish(&env.user, "wide", &env.broker.url(CATALOG.0, CATALOG.1)).await;
    drop(operator);
    let mut sizes = Vec::new();
    for objects in SIZES.into_iter().filter(|size| *size < most).chain([most]) {
        progress(&format!("measuring {objects} objects"));
        let (operator, name) = (start().await, format!("scale-{objects}"));
        until_idle(&operator).await;
        let [provision, bind, unbind, deprovision] = Phase::ALL;
        let mut phases = Vec::new();
        for phase in [provision, bind] {
            phases.push(measure(env, &operator, phase, &name, objects).await);
        }
        let settled = until_idle(&operator).await;
        drop(operator);
        let (calls, began) = (env.broker.calls(), Instant::now());
        let operator = start().await;
        let ready = began.elapsed();
        let idle = until_idle(&operator).await;
        let restart = Restart { ready, idle, calls: env.broker.calls() - calls };
        for phase in [unbind, deprovision] {
            phases.push(measure(env, &operator, phase, &name, objects).await);
        }
        sizes.push(Size { objects, phases, settled, restart });
    }
    Scale(sizes)
}

/// Waits until the operator uses no more CPU time; returns its usage then.
async fn until_idle(operator: &Operator) -> Usage {
    let waits = async {
        let mut before = operator.usage().await;
        loop {
            tokio::time::sleep(IDLE).await;
            let now = operator.usage().await;
            // The scrapes and the lease take some CPU time, too.
            if now.cpu - before.cpu < IDLE.as_secs_f64() / 20.0 {
                return now;
            }
            before = now;
        }
    };
    tokio::time::timeout(PATIENCE, waits).await.expect("the operator does not become idle")
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "                  objects  seconds  objects/s  API writes  operator CPU, growth")?;
        writeln!(f, "                                               per object  ms per object")?;
        for (phase, first) in self.0.first().into_iter().flat_map(|size| size.phases.iter().enumerate()) {
            let smallest = per_object(&first.span, self.0[0].objects);
            for size in &self.0 {
                let (objects, span) = (f64::from(size.objects), &size.phases[phase].span);
                let (seconds, cpu) = (span.time.as_secs_f64(), per_object(span, size.objects));
                let writes = f64::from(span.writes()) / objects;
                writeln!(
                    f,
                    "{:16} {objects:8.0} {seconds:8.2}  {:9.0}  {writes:10.2}  {cpu:13.2}  {:5.2}",
                    first.phase.name(),
                    objects / seconds,
                    cpu / smallest
                )?;
            }
        }
        writeln!(f, "\noperator   memory, MiB          restart")?;
        writeln!(
            f,
            "  objects  settled     peak     ready, s  CPU, s  API writes  broker calls  memory, MiB"
        )?;
        for Size { objects, settled, restart, .. } in &self.0 {
            let Restart { ready, idle, calls } = restart;
            writeln!(
                f,
                "{objects:9} {:8.1} {:8.1}     {:8.2}  {:6.2}  {:10}  {calls:12}  {:11.1}",
                settled.resident,
                settled.peak,
                ready.as_secs_f64(),
                idle.cpu,
                idle.writes,
                idle.resident
            )?;
        }
        Ok(())
    }
}

fn per_object(span: &Span, objects: u32) -> f64 {
    span.cpu() * 1000.0 / f64::from(objects)
}
