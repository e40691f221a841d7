//! The delay until the memory tiers of other processes follow an eviction, with a real Redis on this machine.
//!
//! The delay of each memory tier is measured from the moment before the eviction begins. All processes share the
//! machine, and each follower looks every 50 us.

use crate::Result;
use crate::args::Args;
use crate::members::{Origin, behind, live, quantile};
use crate::process::{Process, role};
use crate::support::Server;

const PROCESSES: usize = 4;

/// Acts as a member if this process was started as one.
pub(crate) fn is_member() -> Result<bool> {
    let Some(role) = role() else { return Ok(false) };
    crate::runtime()?.block_on(live(&role));
    Ok(true)
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let (server, origin) = (Server::start(), Origin::new());
    let mut members: Vec<Process> =
        (0..PROCESSES).map(|_| Process::start(&[], &origin.role(&server.url()))).collect();
    let evictions = args.size(500);
    let behind = crate::runtime()?.block_on(behind(&mut members, evictions));
    println!("{evictions} evictions by one process, followed by the memory of {}:", PROCESSES - 1);
    for (what, times) in [("evictions", &behind.evictions), ("followed", &behind.followed)] {
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| quantile(times, share));
        println!("  {what:<10} p50 {p50:>9.1?}  p99 {p99:>9.1?}  longest {most:>9.1?}");
    }
    Ok(())
}
