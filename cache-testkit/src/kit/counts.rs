//! Counts of what happened in a kit's caches.

use std::fmt;
use std::ops::AddAssign;

use super::Kit;
use cache_core::__testing::keys_in_memory;
use cache_core::Cache;
use cache_core::Stats;

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident = $of:expr, $one:literal, $many:literal;)*) => {
        /// The counts of a kit's caches: see [`Kit::counts`].
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counts {
            fn between(before: &Stats, now: &Stats) -> Self {
                Self { $($name: ($of)(now).saturating_sub(($of)(before)),)* }
            }

            fn named(&self) -> impl Iterator<Item = (u64, &'static str, &'static str)> {
                [$((self.$name, $one, $many)),*].into_iter()
            }
        }

        impl AddAssign for Counts {
            fn add_assign(&mut self, more: Self) {
                $(self.$name += more.$name;)*
            }
        }
    };
}

counts! {
    /// Reads that were answered by a tier or another caller's load, including stale and old values.
    hits = Stats::hits, "hit", "hits";
    /// Hits with a stale value, while a refresh runs.
    stale_hits = |stats: &Stats| stats.stale_hits, "stale hit", "stale hits";
    /// Hits of the remote tier.
    remote_hits = |stats: &Stats| stats.remote_hits, "remote hit", "remote hits";
    /// Hits that waited for another caller's load.
    coalesced = |stats: &Stats| stats.coalesced, "coalesced call", "coalesced calls";
    /// Reads that found no value.
    misses = |stats: &Stats| stats.misses, "miss", "misses";
    /// Loads that were started: how often functions' bodies ran for the cache.
    loads = |stats: &Stats| stats.loads, "load", "loads";
    /// Loads that returned an error.
    load_failures = |stats: &Stats| stats.load_failures, "failed load", "failed loads";
    /// Values that were stored: loaded, inserted or put.
    stores = |stats: &Stats| stats.stores, "store", "stores";
    /// Keys that were evicted one by one.
    removals = |stats: &Stats| stats.removals, "removal", "removals";
    /// Operations of a remote tier that failed.
    remote_errors = |stats: &Stats| stats.remote_errors, "remote error", "remote errors";
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let happened = self.named().filter(|(count, ..)| *count > 0);
        let mut separator = "";
        for (count, one, many) in happened {
            write!(f, "{separator}{count} {}", if count == 1 { one } else { many })?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("nothing happened") } else { Ok(()) }
    }
}

impl Kit {
    /// Returns the counts of all the kit's caches, since the kit was created or since
    /// [`recount`](Self::recount).
    pub fn counts(&self) -> Counts {
        let mut all = Counts::default();
        self.each().for_each(|(_, counts)| all += counts);
        all
    }

    /// Restarts the counts.
    pub fn recount(&self) {
        self.scope.recount();
    }

    fn each(&self) -> impl Iterator<Item = (Cache, Counts)> {
        let counted = self.scope.counted().into_iter();
        counted.map(|(cache, before, now)| {
            let counts = Counts::between(&before, &now);
            (cache, counts)
        })
    }

    /// For messages: one line for each cache, with its entries.
    pub(super) fn report(&self) -> String {
        self.each().map(|(cache, counts)| format!("\n  {}", line(&cache, counts))).collect()
    }
}

/// The maximum number of listed keys.
const LISTED: usize = 20;

fn line(cache: &Cache, counts: Counts) -> String {
    let name = cache.name().map_or("default cache".to_owned(), |name| format!("cache `{name}`"));
    let keys = keys_in_memory(cache);
    let listed: Vec<String> = keys.iter().take(LISTED).map(|key| format!("`{key}`")).collect();
    let more = match keys.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let held = if keys.is_empty() { "nothing".to_owned() } else { listed.join(", ") + &more };
    format!("{name}: {counts}; in memory: {held}")
}
