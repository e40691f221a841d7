//! The result of a warming.

use std::time::{Duration, Instant};

use super::one::Ended;
use super::progress::WarmProgress;
use crate::base::Source;

/// How many failures are listed one by one.
const TOLD: usize = 100;

/// The result of a warming.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WarmReport {
    /// Calls that loaded a value. (While caching is off all calls do, and nothing is stored.)
    pub loaded: u64,
    /// Calls that found a value, in a tier or in the load of another call.
    pub hits: u64,
    /// Calls that failed.
    pub failures: u64,
    /// The keys and messages of the first 100 failed calls.
    pub failed: Vec<(String, String)>,
    /// The time from the start to the end.
    pub elapsed: Duration,
}

/// A report that is being built.
#[derive(Debug)]
pub(crate) struct Tally {
    report: WarmReport,
    total: Option<u64>,
    begun: Instant,
}

impl Tally {
    pub(super) fn new((least, most): (usize, Option<usize>)) -> Self {
        let (elapsed, failed) = (Duration::ZERO, Vec::new());
        Self {
            report: WarmReport { loaded: 0, hits: 0, failures: 0, failed, elapsed },
            total: most.filter(|most| *most == least).map(|total| total as u64),
            begun: Instant::now(),
        }
    }

    pub(super) fn count(&mut self, Ended { key, source, failure }: Ended) {
        let report = &mut self.report;
        match (failure, source) {
            (Some(failure), _) => {
                report.failures += 1;
                if report.failed.len() < TOLD {
                    report.failed.push((key, failure));
                }
            }
            (None, Source::Loaded | Source::Bypassed) => report.loaded += 1,
            (None, _) => report.hits += 1,
        }
    }

    fn done(&self) -> u64 {
        self.report.loaded + self.report.hits + self.report.failures
    }

    pub(super) fn is_turn(&self, every: u64) -> bool {
        self.done().is_multiple_of(every)
    }

    pub(super) fn progress(&self) -> WarmProgress {
        WarmProgress {
            done: self.done(),
            failed: self.report.failures,
            total: self.total,
            elapsed: self.begun.elapsed(),
        }
    }

    pub(super) fn report(mut self) -> WarmReport {
        self.report.elapsed = self.begun.elapsed();
        self.report
    }
}
