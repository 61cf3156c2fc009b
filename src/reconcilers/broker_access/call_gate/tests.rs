//! Objects that wait at the gate, in virtual time.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::{Ready, join_all, ready};
use tokio::time::{Instant, sleep};

use super::*;

/// A gate, and how often it has said that something changed.
fn gate() -> (Arc<CallGate>, Arc<AtomicUsize>) {
    clock::SIMULATED.set(Some(Instant::now()));
    let changes: Arc<AtomicUsize> = Arc::default();
    let counted = Arc::clone(&changes);
    let gate = CallGate::new("broker", move || {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    (gate, changes)
}

fn silence() -> Ready<Result<(), osb::Error>> {
    ready(Err(osb::Error::NoAnswer { reason: "it hangs".to_owned() }))
}

fn answer() -> Ready<Result<(), osb::Error>> {
    ready(Ok(()))
}

async fn go_silent(gate: &Arc<CallGate>) {
    while gate.outage().is_none() {
        let _ = gate.call("ns", silence()).await.unwrap();
    }
}

/// Objects that wait; how often each of them is woken.
fn wait(gate: &Arc<CallGate>, count: usize) -> Vec<Arc<AtomicUsize>> {
    let woken: Vec<Arc<AtomicUsize>> = (0..count).map(|_| Arc::default()).collect();
    for (uid, woken) in woken.iter().enumerate() {
        let woken = Arc::clone(woken);
        gate.wait(&uid.to_string(), move || {
            woken.fetch_add(1, Ordering::Relaxed);
        });
    }
    woken
}

fn awake(woken: &[Arc<AtomicUsize>]) -> usize {
    woken.iter().map(|woken| woken.load(Ordering::Relaxed)).sum()
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_left_alone_gets_no_call() {
    let (gate, changes) = gate();
    go_silent(&gate).await;
    assert!(matches!(gate.call("ns", async { panic!("called") as Result<(), _> }).await, Err(Error::NotNow)));
    assert_eq!(changes.load(Ordering::Relaxed), 1);
    sleep(Duration::from_secs(1)).await;
    gate.call("ns", answer()).await.unwrap().unwrap();
    assert_eq!((gate.trouble(), changes.load(Ordering::Relaxed)), (None, 2));
}

/// Broken on purpose: if all are woken when the pause ends, all of them ask a broker that may still hang.
#[tokio::test(start_paused = true)]
async fn one_is_woken_to_find_out_and_then_another() {
    let (gate, _) = gate();
    go_silent(&gate).await;
    let woken = wait(&gate, 100);
    sleep(Duration::from_millis(900)).await;
    assert_eq!(awake(&woken), 0);
    sleep(Duration::from_millis(200)).await;
    assert_eq!((awake(&woken), woken[0].load(Ordering::Relaxed)), (1, 1));
    // The first one had nothing to ask any more.
    sleep(TRIAL).await;
    assert_eq!((awake(&woken), woken[1].load(Ordering::Relaxed)), (2, 1));
    let _ = gate.call("ns", silence()).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(awake(&woken), 2, "the next pause is longer");
    assert_eq!(gate.objects_waiting(), 98);
}

/// Broken on purpose: if all are woken at once, the broker that has just come back is asked by all of them.
#[tokio::test(start_paused = true)]
async fn when_it_is_back_all_are_woken_step_by_step() {
    let (gate, _) = gate();
    go_silent(&gate).await;
    let woken = wait(&gate, 500);
    sleep(Duration::from_secs(1)).await;
    gate.call("ns", answer()).await.unwrap().unwrap();
    let mut before = awake(&woken);
    while before < woken.len() {
        sleep(STEP).await;
        let now = awake(&woken);
        assert!(now - before <= LARGEST_STEP, "{} at once", now - before);
        assert!(now > before, "{now} and no more");
        before = now;
    }
    assert!(woken.iter().all(|woken| woken.load(Ordering::Relaxed) == 1));
    assert_eq!(gate.objects_waiting(), 0);
}

/// Broken on purpose: without the news, they sleep until the pause of the former broker ends.
#[tokio::test(start_paused = true)]
async fn a_changed_broker_is_tried_at_once() {
    let (gate, _) = gate();
    let asked = Some(Duration::from_hours(1));
    let later = osb::Error::Status {
        status: 429,
        code: None,
        description: None,
        instance_usable: None,
        update_repeatable: None,
        retry_after: asked,
    };
    let _ = gate.call("ns", async { Err::<(), _>(later) }).await.unwrap();
    let woken = wait(&gate, 10);
    sleep(Duration::from_mins(10)).await;
    assert_eq!(awake(&woken), 0);
    gate.open();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(awake(&woken), 10);
}

#[tokio::test(start_paused = true)]
async fn who_comes_again_waits_once() {
    let (gate, _) = gate();
    go_silent(&gate).await;
    wait(&gate, 3);
    let woken = wait(&gate, 3);
    assert_eq!(gate.objects_waiting(), 3);
    gate.open();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(awake(&woken), 3);
}

/// Broken on purpose: with a limit of one call more, the broker has more to do than it may.
#[tokio::test(start_paused = true)]
async fn a_broker_has_so_many_calls_at_once_and_no_more() {
    let (gate, _) = gate();
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let call = async || {
        most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        sleep(Duration::from_secs(1)).await;
        now.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    };
    let all = join_all((0..100).map(|_| gate.call("ns", call()))).await;
    assert!(all.into_iter().all(|passed| passed.is_ok()));
    assert_eq!(most.load(Ordering::Relaxed), REQUESTS);
}

/// Broken on purpose: if a call that is given up is not withdrawn, it is a trial for ever.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_is_no_trial() {
    let (gate, _) = gate();
    go_silent(&gate).await;
    sleep(Duration::from_secs(1)).await;
    let given_up = timeout(Duration::from_secs(1), gate.call("ns", std::future::pending::<Result<(), _>>()));
    assert!(given_up.await.is_err());
    gate.call("ns", answer()).await.unwrap().unwrap();
    assert_eq!(gate.trouble(), None);
}

/// A pass must not end because others have much to ask.
#[tokio::test(start_paused = true)]
async fn nobody_stands_in_line_for_ever() {
    let (gate, _) = gate();
    let others = (0..REQUESTS).map(|_| gate.call("ns", std::future::pending::<Result<(), _>>()));
    let late = async {
        sleep(Duration::from_secs(1)).await;
        gate.call("ns", answer()).await
    };
    tokio::select! {
        _ = join_all(others) => panic!("they hang"),
        late = late => assert!(matches!(late, Err(Error::NotNow))),
    }
}
