//! Every fault of Redis, under load: calls wait for a bounded time, and no eviction is lost (see [`trial`]). `cargo run
//! --release -p larder-bench -- faults` prints the same figures for longer faults.

use std::time::Duration;

use crate::support::lasting;
use crate::trial::{Fault, Figures, HEAD, trial};

/// The default operation timeout.
const TIMEOUT: Duration = Duration::from_millis(500);

/// A call that loads reads the value, acquires its lease, and stores the value.
const OPERATIONS: u32 = 3;

/// The pause before the last attempt to connect is five seconds at most.
const BACK: Duration = Duration::from_secs(8);

async fn suffer(fault: Fault) -> Figures {
    let lasts = lasting(Duration::from_secs(4), Duration::from_secs(20));
    let figures = trial(fault, TIMEOUT, lasts).await;
    eprintln!("{HEAD}\n{figures}  {fault:?}");
    assert_eq!(figures.old, 0, "no call returns a value that was evicted here: {figures:?}");
    assert!(figures.p99 < OPERATIONS * TIMEOUT, "{figures:?}");
    // Calls wait for each other's loads, and for a busy machine.
    assert!(figures.longest < 4 * OPERATIONS * TIMEOUT, "{figures:?}");
    assert!(figures.back < BACK, "{figures:?}");
    figures
}

/// Redis is down: once the breaker is open, calls do not wait, and evictions are pending.
async fn outage(fault: Fault) {
    let figures = suffer(fault).await;
    assert!(figures.settled_p99 < TIMEOUT, "calls wait for no time-out: {figures:?}");
    assert!(figures.owed > figures.evictions / 2, "{figures:?}");
}

/// Redis answers, but late or with errors.
async fn nuisance(fault: Fault) {
    let figures = suffer(fault).await;
    assert!(figures.settled_p99 < TIMEOUT, "calls wait for no time-out: {figures:?}");
    assert_eq!(figures.owed, 0, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_started_again() {
    outage(Fault::Killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_and_continued() {
    outage(Fault::Stopped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_black_hole() {
    outage(Fault::BlackHole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locked_out() {
    outage(Fault::LockedOut).await;
}

/// New connections work, and the client makes them after three timeouts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open() {
    let figures = suffer(Fault::HalfOpen).await;
    assert!(figures.settled_p99 < TIMEOUT, "calls wait for no time-out: {figures:?}");
}

/// A full Redis still removes keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn out_of_memory() {
    nuisance(Fault::OutOfMemory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flushed_again_and_again() {
    nuisance(Fault::Flushed).await;
}

/// Every answer arrives in time: nothing fails, calls only take longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow() {
    suffer(Fault::Slow).await;
}
