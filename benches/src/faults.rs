//! How long callers wait while Redis has a fault, and the fate of evictions: a real server, a cache under load, one
//! fault after the other.
//!
//! Columns: the milliseconds that a call waits in addition to its load, for all calls during the fault, and from its
//! third second on (`settled`). `owed`: evictions that Redis did not acknowledge immediately. `old`: calls that
//! returned a value that was evicted before they began. `back`, `cleared`: the time after the fault until Redis and
//! the bus are used again, and until no evicted value is left.

use std::time::Duration;

use crate::Result;
use crate::args::Args;
use crate::trial::{Fault, HEAD, trial};

const TIMEOUT: Duration = Duration::from_millis(500);

pub(crate) fn run(args: &Args) -> Result<()> {
    let lasts = Duration::from_secs(if args.quick { 5 } else { 20 });
    println!("each fault lasts {lasts:?}, operations may take {TIMEOUT:?}");
    println!("{HEAD}");
    crate::runtime()?.block_on(async {
        for fault in Fault::ALL {
            println!("{}  {fault:?}", trial(fault, TIMEOUT, lasts).await);
        }
    });
    Ok(())
}
