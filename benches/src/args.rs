//! The command line.

use std::path::PathBuf;

use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt;

use crate::Result;
use crate::trace::Source;

pub(crate) const HELP: &str = "\
larder-bench [SUBJECT..] [--quick] [--rounds N] [--json] [--plot DIR]

Subjects (default: hit):
  hit        a hit in memory, by kind of key
  scale      the throughput of hits with more threads
  miss       a miss that loads and inserts into a full cache
  memory     the bytes of an entry
  stampede   many tasks that request one cold key
  redis      hits and misses through Redis (starts its own redis-server)
  batch      many keys in one call
  hitrate    hit rates of the policies on generated and recorded traces
  build      what larder adds to the build of a small service (minutes)
  all        all of the above
  fleet      the delay until other processes follow an eviction
  faults     how long callers wait while Redis has a fault

Options:
  --quick          few rounds and small sizes, to try the benchmark
  --rounds N       the number of rounds
  --json           print JSON instead of tables
  --plot DIR       draw each table as an SVG file in DIR
  --trace FORMAT:PATH[:ENTRIES[,ENTRIES..]]
                   a recorded trace for hitrate, with the sizes of the cache
                   (FORMAT: arc, lirs, twitter, meta), instead of the generated ones";

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Hit,
    Scale,
    Miss,
    Memory,
    Stampede,
    Redis,
    Batch,
    Hitrate,
    Build,
    Fleet,
    Faults,
}

impl Subject {
    /// What `all` measures.
    const COMPARED: [Self; 9] = [
        Self::Hit,
        Self::Scale,
        Self::Miss,
        Self::Memory,
        Self::Stampede,
        Self::Redis,
        Self::Batch,
        Self::Hitrate,
        Self::Build,
    ];
    const OTHERS: [Self; 2] = [Self::Fleet, Self::Faults];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Scale => "scale",
            Self::Miss => "miss",
            Self::Memory => "memory",
            Self::Stampede => "stampede",
            Self::Redis => "redis",
            Self::Batch => "batch",
            Self::Hitrate => "hitrate",
            Self::Build => "build",
            Self::Fleet => "fleet",
            Self::Faults => "faults",
        }
    }

    fn parse(word: &str) -> Result<Vec<Self>> {
        if word == "all" {
            return Ok(Self::COMPARED.to_vec());
        }
        let all = Self::COMPARED.into_iter().chain(Self::OTHERS);
        match all.into_iter().find(|subject| subject.name() == word) {
            Some(subject) => Ok(vec![subject]),
            None => Err(format!("`{word}` is no subject; see --help").into()),
        }
    }
}

pub(crate) struct Args {
    pub(crate) subjects: Vec<Subject>,
    pub(crate) quick: bool,
    pub(crate) json: bool,
    pub(crate) plot: Option<PathBuf>,
    pub(crate) traces: Vec<Source>,
    rounds: Option<usize>,
}

impl Args {
    /// Returns `None` if the user asks for help.
    pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Option<Self>> {
        let mut args = Self {
            subjects: Vec::new(),
            quick: false,
            json: false,
            plot: None,
            traces: Vec::new(),
            rounds: None,
        };
        while let Some(arg) = parser.next()? {
            match arg {
                Long("help") | Short('h') => return Ok(None),
                Long("quick") => args.quick = true,
                Long("json") => args.json = true,
                Long("plot") => args.plot = Some(parser.value()?.into()),
                Long("trace") => args.traces.push(Source::parse(&parser.value()?.string()?)?),
                Long("rounds") => args.rounds = Some(parser.value()?.parse::<usize>()?.max(1)),
                Value(word) => args.subjects.extend(Subject::parse(&word.string()?)?),
                other => return Err(other.unexpected().into()),
            }
        }
        if args.subjects.is_empty() {
            args.subjects.push(Subject::Hit);
        }
        Ok(Some(args))
    }

    /// The number of rounds: as requested, or `usual`.
    pub(crate) fn rounds(&self, usual: usize) -> usize {
        self.rounds.unwrap_or(if self.quick { 3 } else { usual })
    }

    /// A size: `usual`, or a tenth of it for a quick run.
    pub(crate) fn size(&self, usual: u64) -> u64 {
        if self.quick { usual / 10 } else { usual }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Option<Args>> {
        Args::parse(lexopt::Parser::from_args(words))
    }

    #[test]
    fn subjects_and_options_come_in_any_order() {
        let args = parse(&["--quick", "miss", "--rounds", "5", "hit"]).ok().flatten();
        let args = args.expect("valid");
        assert_eq!(args.subjects, [Subject::Miss, Subject::Hit]);
        assert_eq!((args.quick, args.rounds(9)), (true, 5));
    }

    #[test]
    fn a_wrong_subject_is_an_error() {
        assert!(parse(&["hits"]).is_err());
    }
}
