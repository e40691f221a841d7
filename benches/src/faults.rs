//! What callers wait for while Redis has a fault, and what becomes of evictions: a real server, a cache under
//! load, one fault after the other.
//!
//! ```text
//! cargo run --release -p benches --bin faults             20 seconds each, time-outs of 500 ms
//! cargo run --release -p benches --bin faults -- 5 200    seconds, milliseconds
//! ```
//!
//! Milliseconds that a call waits beyond its load: of all calls during the fault, and from its third second on
//! (`settled`). `owed`: evictions that Redis did not acknowledge at once. `old`: calls that saw what had been
//! evicted before they began. `back`, `cleared`: after the fault, until Redis and the bus are used again, and
//! until nothing evicted is left.
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
