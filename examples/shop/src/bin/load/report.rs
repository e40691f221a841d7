//! What a run shows: one line a second, and a summary.

use std::sync::atomic::Ordering;

use indicatif::{ProgressBar, ProgressStyle};
use shop::client::Client;
use shop::service::Failure;

use crate::worker::Shared;

/// The counters of the caches of all instances.
#[derive(Clone, Copy, Default)]
struct Reads {
    requests: u64,
    hits: u64,
    loads: u64,
    queries: u64,
}

impl Reads {
    async fn of(probes: &mut [Client]) -> std::io::Result<Self> {
        let mut sum = Self::default();
        for probe in probes {
            let stats = probe.get("/stats").await?.json();
            let count = |name: &str| stats["total"][name].as_u64().unwrap_or(0);
            sum.requests += count("requests");
            sum.hits += count("hits");
            sum.loads += count("loads");
            sum.queries += stats["queries"].as_u64().unwrap_or(0);
        }
        Ok(sum)
    }
}

pub(crate) struct Report {
    bar: ProgressBar,
    before: Reads,
    all: Vec<u32>,
}

impl Report {
    pub(crate) fn new(seconds: u64) -> Self {
        let bar = ProgressBar::new(seconds);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} s  {msg}") {
            bar.set_style(style);
        }
        println!(
            "  time  requests/s  cache hits  queries/s    p50 ms    p99 ms    max ms  errors  behind  Redis"
        );
        Self { bar, before: Reads::default(), all: Vec::new() }
    }

    /// Reports the last second.
    pub(crate) async fn line(
        &mut self,
        second: u64,
        shared: &Shared,
        probes: &mut [Client],
        redis: Option<&str>,
    ) -> Result<(), Failure> {
        let now = Reads::of(probes).await?;
        let (requests, hits) = (now.requests - self.before.requests, now.hits - self.before.hits);
        let rate = 100.0 * hits as f64 / requests.max(1) as f64;
        let mut latencies = shared.latencies();
        latencies.sort_unstable();
        let line = format!(
            "{second:4} s  {:10}  {rate:8.1} %  {:9}  {:8.2}  {:8.2}  {:8.2}  {:6}  {:6}  {}",
            latencies.len(),
            now.queries - self.before.queries,
            quantile(&latencies, 0.5),
            quantile(&latencies, 0.99),
            quantile(&latencies, 1.0),
            shared.errors.load(Ordering::Relaxed),
            shared.behind.load(Ordering::Relaxed),
            redis.unwrap_or("none"),
        );
        // In a terminal, above the bar; otherwise there is no bar.
        self.bar.suspend(|| println!("{line}"));
        self.bar.set_position(second);
        self.bar.set_message(format!("{} requests/s, {rate:.1} % hits", latencies.len()));
        self.before = now;
        self.all.append(&mut latencies);
        Ok(())
    }

    /// Reports the whole run.
    pub(crate) fn end(mut self, shared: &Shared) -> Result<(), Failure> {
        self.bar.finish_and_clear();
        self.all.sort_unstable();
        let Reads { requests, hits, loads, queries } = self.before;
        println!(
            "\n{} requests: p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
            self.all.len(),
            quantile(&self.all, 0.5),
            quantile(&self.all, 0.99),
            quantile(&self.all, 1.0),
        );
        println!(
            "{requests} reads of the caches, {:.1} % hits, {loads} loads; {queries} queries",
            100.0 * hits as f64 / requests.max(1) as f64,
        );
        let (errors, wrong) =
            (shared.errors.load(Ordering::Relaxed), shared.wrong.load(Ordering::Relaxed));
        println!(
            "{errors} errors, {wrong} old prices from the instance that had stored a newer one, {} from the other",
            shared.behind.load(Ordering::Relaxed),
        );
        match (errors, wrong) {
            (0, 0) => Ok(()),
            _ => Err("the shop has failed".into()),
        }
    }
}

/// A quantile of sorted microseconds, in milliseconds.
fn quantile(sorted: &[u32], quantile: f64) -> f64 {
    let at = (sorted.len() as f64 * quantile).ceil() as usize;
    sorted.get(at.saturating_sub(1)).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
}
