//! Statistics of a cache, its functions and its models.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::Cache;
use crate::stats::{Function, Stats, Tally};

/// The statistics of one function in one cache; made by [`Cache::stats_by_function`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct FunctionStats {
    /// The function's path, as in `shop::users::get_user` or, if the type is known,
    /// `shop::users::Users::get`.
    pub function: String,
    /// The function's model, if it has one (`#[cached(model = "user", op = "get")]`).
    pub model: Option<String>,
    /// The function's operation of the model.
    pub operation: Option<String>,
    /// The function's part of the cache's statistics. Numbers that belong to the cache are zero here: entries
    /// and bytes, evicted keys, and entries that left memory.
    pub stats: Stats,
}

impl FunctionStats {
    fn of(site: &dyn Function) -> Self {
        let subjects = site.policy().tags.iter().filter_map(|tag| tag.strip_prefix("model:"));
        let mut this = Self { function: site.path().to_owned(), ..Self::default() };
        // The tags that the attribute makes from `model` and `op`; neither name has a `:`.
        for subject in subjects {
            match subject.split_once(':') {
                Some((_, operation)) => this.operation = Some(operation.to_owned()),
                None => this.model = Some(subject.to_owned()),
            }
        }
        this
    }
}

impl Cache {
    /// Returns the counts since the cache was built, or since its statistics were [reset](Self::reset_stats),
    /// and the current sizes. It sums some counters for each function and visits no entry.
    pub fn stats(&self) -> Stats {
        let counts = self.engine.shown().map(Tally::since_reset).sum();
        self.engine.standing(counts)
    }

    /// Returns the statistics of each function that was called in this cache, sorted by path. Operations by
    /// hand ([`get`](Self::get), [`insert`](Self::insert) and similar) are only in [`stats`](Self::stats).
    ///
    /// ```
    /// # use cache_core as larder;
    /// for function in larder::default_cache().stats_by_function() {
    ///     println!("{}: {:.0} % hits", function.function, function.stats.hit_rate() * 100.0);
    /// }
    /// ```
    ///
    /// A function has some kilobytes of counters in each cache in which it was called. Instances of a generic
    /// function are counted together, and so are methods of one name in one module if their types are unknown
    /// (a key template with `{Self}` or `skip(Self)`).
    pub fn stats_by_function(&self) -> Vec<FunctionStats> {
        let mut functions: BTreeMap<String, FunctionStats> = BTreeMap::new();
        for tally in self.engine.shown() {
            let Some(site) = tally.site else { continue };
            let new = FunctionStats::of(site);
            let known = functions.entry(new.function.clone()).or_insert(new);
            known.stats += tally.since_reset();
        }
        functions.into_values().collect()
    }

    /// Returns the statistics of each model: the sum over all functions of the model
    /// (`#[cached(model = "user", op = "get")]`).
    pub fn stats_by_model(&self) -> BTreeMap<String, Stats> {
        let mut models: BTreeMap<String, Stats> = BTreeMap::new();
        for function in self.stats_by_function() {
            if let Some(model) = function.model {
                *models.entry(model).or_default() += function.stats;
            }
        }
        models
    }

    /// Resets the statistics of this cache and of all its functions, for all handles. Current values
    /// (entries, bytes, keys in flight, the breaker) do not change.
    ///
    /// The counters themselves only grow: their values are stored and subtracted, so concurrent calls are not
    /// lost, and exported metrics do not jump. To measure a span of time without affecting other readers, use
    /// [`Stats::since`].
    pub fn reset_stats(&self) {
        self.engine.counters().all().for_each(Tally::reset);
        let memory = self.engine.memory();
        self.engine.signals().reset(memory.map_or(0, |memory| memory.evictions()));
    }
}
