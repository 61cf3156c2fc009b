//! Objects that wait at the call gate, in virtual time.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::{Ready, join_all, ready};
use tokio::time::{Instant, sleep};

use super::*;

/// A gate, and how often it has requeued its broker.
fn gate() -> (Arc<CallGate>, Arc<AtomicUsize>) {
    clock::SIMULATED.set(Some(Instant::now()));
    let requeues: Arc<AtomicUsize> = Arc::default();
    let counted = Arc::clone(&requeues);
    let gate = CallGate::new("broker", move || {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    (gate, requeues)
}

fn no_answer() -> Ready<Result<(), osb::Error>> {
    ready(Err(osb::Error::NoAnswer { reason: "it hangs".to_owned() }))
}

fn answer() -> Ready<Result<(), osb::Error>> {
    ready(Ok(()))
}

async fn open_circuit(gate: &Arc<CallGate>) {
    while gate.outage().is_none() {
        let _ = gate.call("ns", no_answer()).await.unwrap();
    }
}

/// Lets objects wait; how often each of them is requeued.
fn wait(gate: &Arc<CallGate>, count: usize) -> Vec<Arc<AtomicUsize>> {
    let requeued: Vec<Arc<AtomicUsize>> = (0..count).map(|_| Arc::default()).collect();
    for (uid, requeued) in requeued.iter().enumerate() {
        let requeued = Arc::clone(requeued);
        gate.wait(&uid.to_string(), move || {
            requeued.fetch_add(1, Ordering::Relaxed);
        });
    }
    requeued
}

fn total(requeued: &[Arc<AtomicUsize>]) -> usize {
    requeued.iter().map(|requeued| requeued.load(Ordering::Relaxed)).sum()
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_admits_no_call() {
    let (gate, requeues) = gate();
    open_circuit(&gate).await;
    assert!(matches!(gate.call("ns", async { panic!("called") as Result<(), _> }).await, Err(Error::NotNow)));
    assert_eq!(requeues.load(Ordering::Relaxed), 1);
    sleep(Duration::from_secs(1)).await;
    gate.call("ns", answer()).await.unwrap().unwrap();
    assert_eq!((gate.outage_cause(), requeues.load(Ordering::Relaxed)), (None, 2));
}

/// Seen to fail when all objects are requeued at the end of the pause: all of them call a broker that may still hang.
#[tokio::test(start_paused = true)]
async fn one_object_is_requeued_as_the_probe_and_then_another() {
    let (gate, _) = gate();
    open_circuit(&gate).await;
    let requeued = wait(&gate, 100);
    sleep(Duration::from_millis(900)).await;
    assert_eq!(total(&requeued), 0);
    sleep(Duration::from_millis(200)).await;
    assert_eq!((total(&requeued), requeued[0].load(Ordering::Relaxed)), (1, 1));
    // The first object had no call to make.
    sleep(PROBE_DELAY).await;
    assert_eq!((total(&requeued), requeued[1].load(Ordering::Relaxed)), (2, 1));
    let _ = gate.call("ns", no_answer()).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(total(&requeued), 2, "the next pause is longer");
    assert_eq!(gate.objects_waiting(), 98);
}

/// Seen to fail when all objects are requeued at once: all of them call a broker that has just recovered.
#[tokio::test(start_paused = true)]
async fn after_the_circuit_has_closed_objects_are_requeued_in_batches() {
    let (gate, _) = gate();
    open_circuit(&gate).await;
    let requeued = wait(&gate, 500);
    sleep(Duration::from_secs(1)).await;
    gate.call("ns", answer()).await.unwrap().unwrap();
    let mut before = total(&requeued);
    while before < requeued.len() {
        sleep(BATCH_INTERVAL).await;
        let now = total(&requeued);
        assert!(now - before <= MAX_BATCH, "{} at once", now - before);
        assert!(now > before, "{now} and no more");
        before = now;
    }
    assert!(requeued.iter().all(|requeued| requeued.load(Ordering::Relaxed) == 1));
    assert_eq!(gate.objects_waiting(), 0);
}

/// Seen to fail without the notification: the objects wait until the pause of the former broker ends.
#[tokio::test(start_paused = true)]
async fn a_changed_broker_is_tried_at_once() {
    let (gate, _) = gate();
    let retry_after = Some(Duration::from_hours(1));
    let rate_limited = osb::Error::Status {
        status: 429,
        code: None,
        description: None,
        instance_usable: None,
        update_repeatable: None,
        retry_after,
    };
    let _ = gate.call("ns", async { Err::<(), _>(rate_limited) }).await.unwrap();
    let requeued = wait(&gate, 10);
    sleep(Duration::from_mins(10)).await;
    assert_eq!(total(&requeued), 0);
    gate.reset();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(total(&requeued), 10);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_waits_twice_is_requeued_once() {
    let (gate, _) = gate();
    open_circuit(&gate).await;
    wait(&gate, 3);
    let requeued = wait(&gate, 3);
    assert_eq!(gate.objects_waiting(), 3);
    gate.reset();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(total(&requeued), 3);
}

/// Seen to fail without `forget`: during a lasting outage, objects that are created and deleted pile up.
#[tokio::test(start_paused = true)]
async fn an_object_that_is_gone_waits_no_longer() {
    let (gate, _) = gate();
    open_circuit(&gate).await;
    let requeued = wait(&gate, 3);
    gate.forget("0");
    gate.forget("another");
    assert_eq!(gate.objects_waiting(), 2);
    sleep(Duration::from_millis(1100)).await;
    let counts: Vec<usize> = requeued.iter().map(|requeued| requeued.load(Ordering::Relaxed)).collect();
    assert_eq!(counts, [0, 1, 0], "the next one is the probe");
    gate.forget("2");
    let waiting = gate.waiting();
    assert!(waiting.objects.is_empty() && waiting.places.is_empty());
}

/// The gate of a broker that several namespaces use, and how often it has requeued its broker.
fn shared_gate() -> (Arc<CallGate>, Arc<AtomicUsize>) {
    clock::SIMULATED.set(Some(Instant::now()));
    let requeues: Arc<AtomicUsize> = Arc::default();
    let counted = Arc::clone(&requeues);
    let gate = CallGate::shared("broker", move || {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    (gate, requeues)
}

/// Seen to fail with one circuit for all: the failures of one tenant suspend the calls of another.
#[tokio::test(start_paused = true)]
async fn the_failures_of_one_namespace_suspend_the_calls_of_no_other() {
    let (broker, requeues) = shared_gate();
    let (hostile, honest) = (broker.of("hostile"), broker.of("honest"));
    for round in 1..=10 {
        open_circuit(&hostile).await;
        assert!(hostile.outage().is_some_and(|outage| outage.is_of_namespace));
        assert_eq!((honest.outage(), broker.outage_cause()), (None, None), "round {round}");
        honest.call("honest", answer()).await.unwrap().unwrap();
        // The operator fetches the catalog to see whether the broker works.
        if broker.is_suspected() {
            broker.call("", answer()).await.unwrap().unwrap();
        }
        hostile.reset();
        sleep(Duration::from_secs(10)).await;
    }
    assert_eq!(requeues.load(Ordering::Relaxed), 2, "it does so once a minute at most");
    assert!(Arc::ptr_eq(&honest, &broker.of("honest")));
    drop((hostile, honest));
    let _new = broker.of("new");
    assert_eq!(broker.gates().len(), 1, "the gates of the others had nothing to remember");
}

/// Seen to fail when objects of a namespace probe the broker for all: a tenant whose calls always fail keeps it closed.
#[tokio::test(start_paused = true)]
async fn only_a_fetch_of_the_catalog_opens_and_closes_the_circuit_for_all_namespaces() {
    let (broker, _) = shared_gate();
    let (one, other) = (broker.of("one"), broker.of("other"));
    open_circuit(&one).await;
    assert!(broker.is_suspected());
    let _ = broker.call("", no_answer()).await.unwrap();
    let requeued = wait(&other, 10);
    for _ in 0..10 {
        assert!(other.outage().is_some_and(|outage| !outage.is_of_namespace));
        assert!(matches!(other.call("other", answer()).await, Err(Error::NotNow)));
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!((total(&requeued), broker.objects_waiting()), (0, 10));
    broker.call("", answer()).await.unwrap().unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!((total(&requeued), other.outage(), one.outage()), (10, None, None));
}

/// Seen to fail without a share: the call of `b` waits for a minute.
#[tokio::test(start_paused = true)]
async fn a_namespace_with_slow_calls_leaves_permits_to_others() {
    let gate = CallGate::shared("broker", || {});
    let (slow, other) = (gate.of("a"), gate.of("b"));
    let hanging = (0..MAX_CALLS).map(|_| slow.call("a", std::future::pending::<Result<(), _>>()));
    let late = async {
        sleep(Duration::from_secs(1)).await;
        timeout(Duration::from_secs(1), other.call("b", answer())).await
    };
    tokio::select! {
        _ = join_all(hanging) => panic!("they hang"),
        late = late => assert!(late.unwrap().is_ok()),
    }
}

/// Seen to fail with one permit more.
#[tokio::test(start_paused = true)]
async fn the_calls_in_flight_are_limited() {
    let (gate, _) = gate();
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let call = async || {
        most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        sleep(Duration::from_secs(1)).await;
        now.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    };
    let all = join_all((0..100).map(|_| gate.call("ns", call()))).await;
    assert!(all.into_iter().all(|result| result.is_ok()));
    assert_eq!(most.load(Ordering::Relaxed), MAX_CALLS);
}

/// Seen to fail when a cancelled call is not withdrawn: it remains the probe forever.
#[tokio::test(start_paused = true)]
async fn a_cancelled_call_is_no_probe() {
    let (gate, _) = gate();
    open_circuit(&gate).await;
    sleep(Duration::from_secs(1)).await;
    let cancelled = timeout(Duration::from_secs(1), gate.call("ns", std::future::pending::<Result<(), _>>()));
    assert!(cancelled.await.is_err());
    gate.call("ns", answer()).await.unwrap().unwrap();
    assert_eq!(gate.outage_cause(), None);
}

/// Otherwise the calls of others would make a reconcile run into its timeout.
#[tokio::test(start_paused = true)]
async fn no_call_waits_for_a_permit_for_ever() {
    let (gate, _) = gate();
    let hanging = (0..MAX_CALLS).map(|_| gate.call("ns", std::future::pending::<Result<(), _>>()));
    let late = async {
        sleep(Duration::from_secs(1)).await;
        gate.call("ns", answer()).await
    };
    tokio::select! {
        _ = join_all(hanging) => panic!("they hang"),
        late = late => assert!(matches!(late, Err(Error::NotNow))),
    }
}
