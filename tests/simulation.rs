//! A deterministic simulation: several nodes, a remote tier and a bus under faults. A checker verifies the promises
//! against the history.
//!
//! A seed decides everything (the workload, delays, losses, outages, pauses, kills), and time is virtual, so a seed
//! always produces the same history. The nodes are whole caches, used through the public API. The remote tier is a
//! `MemoryBackend` behind a separate link per node, which loses, delays and fails requests (`simulation/link.rs`). The
//! checker (`simulation/checker.rs`) does not know the engine.
//!
//! ```text
//! cargo test -p tests --test simulation                                              # a thousand seeds
//! LARDER_SEEDS=100000 cargo test --release -p tests --test simulation seeds          # more (LARDER_FIRST: from which on)
//! LARDER_SEED=123 cargo test -p tests --test simulation one_seed -- --nocapture      # one, with its history
//! scripts/mutants.sh                                                        # every guard of the engine removed once
//! ```
#![allow(clippy::unwrap_used)]

#[path = "simulation/broken.rs"]
mod broken;
#[path = "simulation/bus.rs"]
mod bus;
#[path = "simulation/chance.rs"]
mod chance;
#[path = "simulation/checker.rs"]
mod checker;
#[path = "simulation/facts.rs"]
mod facts;
#[path = "simulation/history.rs"]
mod history;
#[path = "simulation/link.rs"]
mod link;
#[path = "simulation/node.rs"]
mod node;
#[path = "simulation/origin.rs"]
mod origin;
#[path = "simulation/remote.rs"]
mod remote;
#[path = "simulation/run.rs"]
mod run;
#[path = "simulation/seeds.rs"]
mod seeds;
#[path = "simulation/weather.rs"]
mod weather;
#[path = "simulation/workload.rs"]
mod workload;

#[test]
fn seeds_keep_the_promises() {
    let first = seeds::number("LARDER_FIRST").unwrap_or(0);
    seeds::check(first, seeds::number("LARDER_SEEDS").unwrap_or(1_000));
}

/// Runs the seed in `LARDER_SEED`.
#[test]
fn one_seed() {
    seeds::replay(seeds::number("LARDER_SEED").unwrap_or(1));
}

#[test]
fn a_seed_always_produces_the_same_history() {
    for seed in 0..20 {
        let (once, again) = (seeds::history(seed), seeds::history(seed));
        let differs = once.iter().zip(&again).position(|(one, other)| one != other);
        assert_eq!((differs, once.len()), (None, again.len()), "seed {seed}");
    }
}

/// Nothing that differs between processes (hash seeds, instance numbers) may influence the history, except for the shards of
/// keys: an eviction of one key may count for another of its shard (`Fences::has_evicted_since`), and which keys share one
/// depends on the secret of the process. That happens in few processes.
#[test]
fn other_processes_produce_the_same_history() {
    for seed in [3, 17, 42] {
        let histories: Vec<String> = (0..6).map(|_| of_another_process(seed)).collect();
        let most = histories
            .iter()
            .map(|one| histories.iter().filter(|other| *other == one).count())
            .max();
        assert!(most >= Some(5), "seed {seed}: {most:?} of 6 processes agree");
        assert!(histories[0].lines().count() > 100, "seed {seed}: a run has many records");
    }
}

fn of_another_process(seed: u64) -> String {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["one_seed", "--exact", "--nocapture"])
        .env("LARDER_SEED", seed.to_string())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let is_record =
        |line: &&str| line.trim_start().starts_with(|first: char| first.is_ascii_digit());
    printed.lines().filter(is_record).collect::<Vec<_>>().join("\n")
}
