//! Formats statistics as text.

use std::fmt;
use std::time::Duration;

use super::histogram::LatencyStats;
use super::signal::RemovalCause;
use super::snapshot::{BreakerState, Stats};

fn time(f: &mut fmt::Formatter<'_>, name: &str, timing: &LatencyStats) -> fmt::Result {
    let show = |span: Option<Duration>| span.map_or("-".to_owned(), |span| format!("{span:.1?}"));
    let (average, p50, p99) = (show(timing.average()), show(timing.p50()), show(timing.p99()));
    writeln!(f, "{name:<11} average {average}, p50 {p50}, p99 {p99} of {}", timing.count())
}

/// A number of bytes in the largest unit of which there is one.
#[allow(clippy::cast_precision_loss)]
fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let power = bytes.checked_ilog2().unwrap_or(0) as usize / 10;
    match power.checked_sub(1).map(|at| units[at.min(units.len() - 1)]) {
        None => format!("{bytes} bytes"),
        Some(unit) => {
            let shift = 1_u64 << (10 * power.min(units.len()));
            format!("{:.1} {unit}", bytes as f64 / shift as f64)
        }
    }
}

/// A table of about ten lines, for logs and terminals. Its form may change; programs should use serde.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |rate: f64| rate * 100.0;
        let (hits, misses) = (percent(self.hit_rate()), percent(self.miss_rate()));
        writeln!(
            f,
            "{:<11} {} ({hits:.1} % hits, {misses:.1} % misses)",
            "requests",
            self.requests()
        )?;
        writeln!(
            f,
            "{:<11} {} memory, {} remote, {} stale, {} fail-safe, {} coalesced",
            "hits",
            self.memory_hits,
            self.remote_hits,
            self.stale_hits,
            self.fail_safe_hits,
            self.coalesced
        )?;
        writeln!(
            f,
            "{:<11} {} ({} failed, {} early; {} reads timed out)",
            "loads", self.loads, self.load_failures, self.early_refreshes, self.timed_out
        )?;
        time(f, "load time", &self.load_time)?;
        time(f, "response", &self.response_time)?;
        writeln!(
            f,
            "{:<11} {} ({} remote, {} fenced off), {} removed",
            "stores", self.stores, self.remote_stores, self.fenced, self.removals
        )?;
        write!(f, "{:<11} {}", "evictions", self.evictions())?;
        for cause in RemovalCause::ALL.into_iter().filter(|cause| self.evicted_by(*cause) > 0) {
            write!(f, ", {} {}", self.evicted_by(cause), cause.name())?;
        }
        writeln!(f)?;
        writeln!(
            f,
            "{:<11} {} entries, {}, {} in flight",
            "memory",
            self.entries,
            size(self.bytes),
            self.in_flight
        )?;
        write!(
            f,
            "{:<11} {} errors, {} refused, {} foreign ({} of another schema), breaker {}",
            "remote",
            self.remote_errors,
            self.refused,
            self.foreign,
            self.schema_misses,
            self.breaker
        )
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half open",
        })
    }
}
