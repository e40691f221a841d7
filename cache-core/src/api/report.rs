//! What users ask a cache for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::{Cache, Engine};
use crate::stats::{Function, RemovalCause, Stats};

/// One function's statistics on one cache; made by [`Cache::stats_by_function`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct FunctionStats {
    /// Its path, as in `shop::users::get_user` or, where the type is known, `shop::users::Users::get`.
    pub function: String,
    /// The model that it is about, if it has one (`#[cached(model = "user", op = "get")]`).
    pub model: Option<String>,
    /// The operation of the model that it is.
    pub operation: Option<String>,
    /// Its part of the cache's statistics. What is no function's is zero here: how things stand, the keys that were
    /// evicted, and what left memory.
    pub stats: Stats,
}

impl FunctionStats {
    fn of(site: &dyn Function) -> Self {
        let subjects = site.policy().tags.iter().filter_map(|tag| tag.strip_prefix("model:"));
        let mut this = Self { function: site.path().to_owned(), ..Self::default() };
        // The tags that the attribute makes of `model` and `op`; neither name has a `:`.
        for subject in subjects {
            match subject.split_once(':') {
                Some((_, operation)) => this.operation = Some(operation.to_owned()),
                None => this.model = Some(subject.to_owned()),
            }
        }
        this
    }
}

impl Engine {
    /// How many entries ever left memory for this cause.
    pub(super) fn left(&self, cause: RemovalCause) -> u64 {
        match cause {
            // What does not find room, the engines know.
            RemovalCause::Capacity => self.memory.as_ref().map_or(0, |memory| memory.evictions()),
            cause => self.signals.count(cause),
        }
    }

    /// How things stand now, and what left memory.
    fn standing(&self, stats: Stats) -> Stats {
        let memory = self.memory.as_ref();
        let baseline = self.signals.baseline();
        let stats = stats.with_causes(|cause| self.left(cause).saturating_sub(baseline(cause)));
        Stats {
            entries: memory.map_or(0, |memory| memory.len()),
            bytes: memory.map_or(0, |memory| memory.bytes()),
            in_flight: self.fences.len() as u64,
            breaker: self.remote.as_ref().map(|remote| remote.breaker_state()).unwrap_or_default(),
            ..stats
        }
    }
}

impl Cache {
    /// What was counted since the cache was built, or since its statistics were [reset](Self::reset_stats), and how
    /// things stand now. It adds up some counters for each function and looks at no entry.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        self.engine.counters.all().for_each(|tally| stats.add(&tally.since_reset()));
        self.engine.standing(stats)
    }

    /// The statistics of each function that was called on this cache, sorted by its path. What is done by hand
    /// ([`get`](Self::get), [`insert`](Self::insert) and their like) is in [`stats`](Self::stats) only.
    ///
    /// ```
    /// # use cache_core as larder;
    /// for function in larder::default_cache().stats_by_function() {
    ///     println!("{}: {:.0} % hits", function.function, function.stats.hit_rate() * 100.0);
    /// }
    /// ```
    ///
    /// A function has some kilobytes of counters on each cache that it was called on. Instances of a generic function
    /// are counted together, and so are methods of one name in one module where nothing tells their types (a key
    /// template with `{Self}` or `skip(Self)`).
    pub fn stats_by_function(&self) -> Vec<FunctionStats> {
        let mut functions: BTreeMap<String, FunctionStats> = BTreeMap::new();
        for tally in self.engine.counters.all() {
            let Some(site) = tally.site else { continue };
            let new = FunctionStats::of(site);
            let known = functions.entry(new.function.clone()).or_insert(new);
            known.stats.add(&tally.since_reset());
        }
        functions.into_values().collect()
    }

    /// The statistics of each model: those of all functions that are about it
    /// (`#[cached(model = "user", op = "get")]`), added up.
    pub fn stats_by_model(&self) -> BTreeMap<String, Stats> {
        let mut models: BTreeMap<String, Stats> = BTreeMap::new();
        for function in self.stats_by_function() {
            if let Some(model) = function.model {
                models.entry(model).or_default().add(&function.stats);
            }
        }
        models
    }

    /// From now on the statistics count from zero, of this cache and all of its functions, for all handles. How
    /// things stand (entries, bytes, what is in flight, the breaker) is not changed.
    ///
    /// The counters themselves only grow: what they said is kept and subtracted, so that no call is lost that is
    /// counted meanwhile, and exported metrics do not jump. To look at a span of time without a word to others, use
    /// [`Stats::since`].
    pub fn reset_stats(&self) {
        self.engine.counters.all().for_each(crate::stats::Tally::reset);
        let memory = self.engine.memory.as_ref();
        self.engine.signals.reset(memory.map_or(0, |memory| memory.evictions()));
    }
}
