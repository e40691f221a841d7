//! How long callers wait while Redis has a fault, and the fate of evictions: a real server, a cache
//! under load, one fault after the other.
//!
//! ```text
//! cargo run --release -p benches --bin faults             20 seconds each, time-outs of 500 ms
//! cargo run --release -p benches --bin faults -- 5 200    seconds, milliseconds
//! ```
//!
//! Columns: the milliseconds that a call waits in addition to its load, for all calls during the
//! fault, and from its third second on (`settled`). `owed`: evictions that Redis did not
//! acknowledge immediately. `old`: calls that returned a value that was evicted before they began.
//! `back`, `cleared`: the time after the fault until Redis and the bus are used again, and until no
//! evicted value is left.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../tests/support/mod.rs"]
mod support;
#[path = "../../tests/support/trial.rs"]
mod trial;

use std::time::Duration;

use trial::{Fault, HEAD, trial};

#[tokio::main(worker_threads = 2)]
async fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<u64>().unwrap());
    let lasts = Duration::from_secs(args.next().unwrap_or(20));
    let timeout = Duration::from_millis(args.next().unwrap_or(500));
    println!("each fault lasts {lasts:?}, operations may take {timeout:?}");
    println!("{HEAD}");
    for fault in Fault::ALL {
        println!("{}  {fault:?}", trial(fault, timeout, lasts).await);
    }
}
