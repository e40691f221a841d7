//! The delay until the memory tiers of other processes follow an eviction, with a real Redis on
//! this machine.
//!
//! ```text
//! cargo run --release -p benches --bin fleet              500 evictions, four processes
//! cargo run --release -p benches --bin fleet -- 2000 8    evictions, processes
//! ```
//!
//! The delay of each memory tier is measured from the moment before the eviction begins. All
//! processes share the machine, and each follower looks every 50 us.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../tests/support/fleet.rs"]
mod fleet;
#[path = "../../tests/support/process.rs"]
mod process;
#[path = "../../tests/support/mod.rs"]
mod support;

use fleet::{Origin, behind, live, quantile};
use process::{Process, role};
use support::Server;

#[tokio::main(worker_threads = 2)]
async fn main() {
    if let Some(role) = role() {
        return live(&role).await;
    }
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<u64>().unwrap());
    let (rounds, processes) = (args.next().unwrap_or(500), args.next().unwrap_or(4));
    let (server, origin) = (Server::start(), Origin::new());
    let mut members: Vec<Process> =
        (0..processes).map(|_| Process::start(&[], &origin.role(&server.url()))).collect();
    let behind = behind(&mut members, rounds).await;
    println!("{rounds} evictions by one process, followed by the memory of {}:", processes - 1);
    for (what, times) in [("evictions", &behind.evictions), ("followed", &behind.followed)] {
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| quantile(times, share));
        println!("  {what:<10} p50 {p50:>9.1?}  p99 {p99:>9.1?}  longest {most:>9.1?}");
    }
}
