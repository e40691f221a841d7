//! Runs many seeds on several threads, and prints failures in a form that can be run again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::history::Record;
use super::run::run;

const THREADS: u64 = 2;
/// How many failures to collect, unless `LARDER_FAILURES` is set.
const ENOUGH: u64 = 5;

/// Reads a number from the environment.
pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| {
        text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not `{text}`"))
    })
}

/// Runs `count` seeds, beginning with `first`.
pub(crate) fn check(first: u64, count: u64) {
    let next = AtomicU64::new(first);
    let enough = number("LARDER_FAILURES").unwrap_or(ENOUGH);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let done = failures.lock().is_ok_and(|all| all.len() as u64 >= enough);
                    if seed >= first + count || done {
                        return;
                    }
                    if let Err(violation) = run(seed).verdict
                        && let Ok(mut failures) = failures.lock()
                    {
                        failures.push(format!(
                            "{violation}\n  LARDER_SEED={seed} cargo test -p tests --test simulation one_seed -- --nocapture"
                        ));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_default();
    assert!(failures.is_empty(), "broken promises:\n{}", failures.join("\n"));
}

/// Runs one seed and prints its history.
pub(crate) fn replay(seed: u64) {
    let run = run(seed);
    println!("{}", told(&run.records));
    match run.verdict {
        Ok(()) => println!("seed {seed}: {} records, every promise kept", run.records.len()),
        Err(violation) => panic!("seed {seed}: {violation}"),
    }
}

pub(crate) fn history(seed: u64) -> Vec<Record> {
    run(seed).records
}

/// Formats a history, one line per record.
pub(crate) fn told(records: &[Record]) -> String {
    let line = |(order, record): (usize, &Record)| format!("{order:>6} {record}\n");
    records.iter().enumerate().map(line).collect()
}
