//! Thresholds: their validation, and their evaluation in a check.

use std::time::Duration;

use super::info::{Judge, Servers, crossing};
use crate::base::Error;
use crate::engine::Cache;
use crate::stats::{Health, Since, Stats, Status, WallTimestamp};

#[derive(Clone)]
pub(crate) enum Threshold {
    HitRateBelow { rate: f64, min_reads: u64 },
    MemoryAbove { bytes: u64 },
    RemoteDownFor { span: Duration },
    RemoteDegradedFor { span: Duration },
    BusDownFor { span: Duration },
    Info { name: &'static str, judge: Judge },
}

/// The data of one check.
pub(crate) struct Facts {
    pub(super) health: Health,
    pub(super) stats: Stats,
    /// `None` if the store did not answer, or was not asked.
    pub(super) info: Option<Servers>,
    pub(super) now: WallTimestamp,
}

/// The result of one threshold in a check.
#[derive(Clone, Default)]
pub(crate) struct Finding {
    pub(super) crossed: bool,
    pub(super) message: String,
    pub(super) server: Option<String>,
}

/// A threshold, and its state between checks.
pub(crate) struct Watch {
    pub(super) threshold: Threshold,
    /// When the alert was raised.
    pub(super) raised: Option<WallTimestamp>,
    /// How many consecutive checks did not find it crossed.
    pub(super) calm: u32,
    /// Hits and misses at the last evaluation of the rate.
    reads: (u64, u64),
    /// The store's fields in the previous check.
    before: Option<Servers>,
    /// The finding that raised the alert, for a threshold that has no message when it is not crossed.
    last: Finding,
}

impl Threshold {
    /// The method that added the threshold.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::HitRateBelow { .. } => "hit_rate_below",
            Self::MemoryAbove { .. } => "memory_above",
            Self::RemoteDownFor { .. } => "remote_down_for",
            Self::RemoteDegradedFor { .. } => "remote_degraded_for",
            Self::BusDownFor { .. } => "bus_down_for",
            Self::Info { name, .. } => name,
        }
    }

    /// Whether the threshold needs the fields that the store reports.
    pub(super) fn needs_info(&self) -> bool {
        matches!(self, Self::Info { .. })
    }

    /// The method of `Monitor` that an error names.
    fn method(&self) -> &'static str {
        match self {
            Self::Info { .. } => "when_info",
            other => other.name(),
        }
    }

    pub(super) fn check(&self, cache: &Cache) -> Result<(), Error> {
        let (memory, remote) = (cache.engine.memory().is_some(), cache.engine.remote().is_some());
        let fault = match self {
            Self::HitRateBelow { .. } => self.fault(),
            Self::MemoryAbove { .. } if !memory => Some("this cache has no memory tier".to_owned()),
            Self::MemoryAbove { .. } => self.fault(),
            _ if !remote => Some("this cache has no remote tier".to_owned()),
            _ => self.fault(),
        };
        fault.map_or(Ok(()), |message| Err(Error::config(self.method(), message)))
    }

    /// The reason why the threshold is invalid for every cache.
    fn fault(&self) -> Option<String> {
        match self {
            Self::HitRateBelow { rate, .. } if !(*rate > 0.0 && *rate <= 1.0) => Some(format!(
                "{rate} can't be a rate to stay above; above 0 and at most 1 is needed"
            )),
            Self::HitRateBelow { min_reads: 0, .. } => {
                Some("`min_reads` must be more than zero: no reads have no rate".to_owned())
            }
            Self::MemoryAbove { bytes: 0 } => {
                Some("must be more than zero: a tier in use holds something".to_owned())
            }
            Self::RemoteDownFor { span }
            | Self::RemoteDegradedFor { span }
            | Self::BusDownFor { span }
                if *span < Duration::from_millis(1) =>
            {
                Some(format!("{span:?} is too short; 1 ms means the first check that finds it"))
            }
            Self::Info { name, .. } if name.trim().is_empty() => {
                Some("the name is empty; alerts show it, such as `memory nearly full`".to_owned())
            }
            _ => None,
        }
    }
}

impl Watch {
    pub(super) fn new(threshold: Threshold, stats: &Stats) -> Self {
        let reads = (stats.hits(), stats.misses);
        Self { threshold, raised: None, calm: 0, reads, before: None, last: Finding::default() }
    }

    /// Evaluates the facts; `None` if they are not sufficient.
    pub(super) fn judge(&mut self, facts: &Facts) -> Option<Finding> {
        let remote = facts.health.remote.as_ref();
        match &self.threshold {
            Threshold::HitRateBelow { rate, min_reads } => {
                let (rate, min_reads) = (*rate, *min_reads);
                self.hit_rate(&facts.stats, rate, min_reads)
            }
            Threshold::MemoryAbove { bytes } => {
                let held = facts.health.memory.as_ref()?.bytes;
                let message = format!("the memory tier holds {held} bytes (limit {bytes})");
                Some(Finding::new(held > *bytes, message))
            }
            Threshold::RemoteDownFor { span } | Threshold::RemoteDegradedFor { span } => {
                let remote = remote?;
                let least = match self.threshold {
                    Threshold::RemoteDownFor { .. } => Status::Down,
                    _ => Status::Degraded,
                };
                let what = format!("the remote tier ({}) is {}", remote.backend, remote.status);
                Some(self.lasts(remote.status >= least, &remote.since, *span, &what))
            }
            Threshold::BusDownFor { span } => {
                let bus = &remote?.bus;
                let what = if bus.linked { "the bus is linked" } else { "the bus is not linked" };
                Some(self.lasts(!bus.linked, &bus.since, *span, what))
            }
            Threshold::Info { judge, .. } => {
                let now = facts.info.as_ref()?;
                let found = crossing(judge, now, self.before.as_ref());
                self.before = Some(now.clone());
                Some(self.of_servers(&found))
            }
        }
    }

    /// One finding for all servers. A threshold that no server crosses has no message, so the finding repeats
    /// the last one.
    fn of_servers(&mut self, crossing: &[(&str, String)]) -> Finding {
        let Some((first, _)) = crossing.first() else {
            return Finding { crossed: false, ..self.last.clone() };
        };
        let server = Some((*first).to_owned()).filter(|address| !address.is_empty());
        let each = crossing.iter().map(|(address, message)| match *address {
            "" => message.clone(),
            address => format!("{address}: {message}"),
        });
        let message = each.collect::<Vec<_>>().join("; ");
        self.last = Finding { crossed: true, message, server };
        self.last.clone()
    }

    /// A condition that crosses the threshold after `span`, and then until it ends.
    fn lasts(&self, wrong: bool, since: &Since, span: Duration, what: &str) -> Finding {
        let Since { lasting, .. } = since;
        let crossed = wrong && (*lasting >= span || self.raised.is_some());
        Finding::new(crossed, format!("{what} for {lasting:?} (limit {span:?})"))
    }

    #[allow(clippy::cast_precision_loss)]
    fn hit_rate(&mut self, stats: &Stats, limit: f64, min_reads: u64) -> Option<Finding> {
        let now = (stats.hits(), stats.misses);
        // Less than before means that the statistics were reset.
        let counted = now.0.checked_sub(self.reads.0).zip(now.1.checked_sub(self.reads.1));
        let Some((hits, misses)) = counted else {
            self.reads = now;
            return None;
        };
        let reads = hits + misses;
        if reads < min_reads {
            return None;
        }
        self.reads = now;
        let rate = hits as f64 / reads as f64;
        let message = format!("the hit rate is {rate:.3} over {reads} reads (limit {limit})");
        Some(Finding::new(rate < limit, message))
    }
}

impl Finding {
    pub(super) fn new(crossed: bool, message: String) -> Self {
        Self { crossed, message, server: None }
    }
}
