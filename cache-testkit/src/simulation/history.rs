//! What happened in a run, and how a run fails.

use std::fmt;
use std::sync::Mutex;
use std::sync::PoisonError;

use tokio::time::Instant;

/// The maximum number of lines of a report.
const LINES: usize = 60;

/// The lines of a run.
#[derive(Debug)]
pub(super) struct History {
    began: Instant,
    lines: Mutex<Vec<String>>,
}

impl History {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), lines: Mutex::default() }
    }

    pub(super) fn add(&self, line: &str) {
        let at = self.began.elapsed().as_millis();
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(format!("{at:>8} ms  {line}"));
    }

    /// The last lines.
    fn told(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let hidden = lines.len().saturating_sub(LINES);
        let before =
            if hidden > 0 { format!("   ({hidden} lines before)\n") } else { String::new() };
        before + &lines.iter().skip(hidden).map(|line| format!("{line}\n")).collect::<String>()
    }
}

/// Why a run failed.
#[derive(Debug)]
pub(super) struct Failure {
    seed: u64,
    why: String,
    history: String,
}

impl Failure {
    pub(super) fn new(seed: u64, why: String, history: &History) -> Box<Self> {
        Box::new(Self { seed, why, history: history.told() })
    }

    pub(super) fn of_runtime(seed: u64, error: &std::io::Error) -> Box<Self> {
        let why = format!("the runtime cannot be built: {error}");
        Box::new(Self { seed, why, history: String::new() })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, why, history } = self;
        writeln!(f, "{why}")?;
        writeln!(f, "  this run again: `.seeds({seed}..{})`", seed + 1)?;
        write!(f, "{history}")
    }
}
