//! Counters that many threads increment without sharing a cache line.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crossbeam_utils::CachePadded;

use super::functions::{Function, Functions};
use super::histogram::Histogram;
use super::snapshot::{Counts, Stats, counted};

const STRIPES: usize = 16;

/// Frequent events of a tier or a caller are counted in stripes, one for each thread (or for a few threads),
/// which are summed when they are read. Events that wait for a store or a load anyway are counted in one
/// place.
macro_rules! tally {
    (often: [$($often:ident)*], else: [$($rare:ident)*]) => {
        #[derive(Default)]
        struct Stripe {
            $($often: AtomicU64,)*
        }

        #[derive(Default)]
        struct Rare {
            $($rare: AtomicU64,)*
        }

        /// The counters of one function in one cache, or of everything without a function.
        pub(crate) struct Tally {
            pub(crate) site: Option<&'static dyn Function>,
            stripes: Box<[CachePadded<Stripe>]>,
            rare: Rare,
            pub(crate) load_time: Histogram,
            pub(crate) response_time: Histogram,
            /// The counts at the last reset of the statistics.
            baseline: Mutex<Option<Box<Stats>>>,
        }

        impl Tally {
            $(
                #[inline]
                pub(crate) fn $often(&self) {
                    self.stripe().$often.fetch_add(1, Ordering::Relaxed);
                }
            )*

            $(
                pub(crate) fn $rare(&self) {
                    self.rare.$rare.fetch_add(1, Ordering::Relaxed);
                }
            )*

            fn counts(&self) -> Counts {
                let mut counts = Counts::default();
                for stripe in &self.stripes {
                    $(counts.$often += stripe.$often.load(Ordering::Relaxed);)*
                }
                $(counts.$rare = self.rare.$rare.load(Ordering::Relaxed);)*
                counts
            }
        }
    };
}

counted!(tally);

impl Tally {
    pub(super) fn new(site: Option<&'static dyn Function>) -> Self {
        Self {
            site,
            stripes: (0..STRIPES).map(|_| CachePadded::default()).collect(),
            rare: Rare::default(),
            load_time: Histogram::default(),
            response_time: Histogram::default(),
            baseline: Mutex::default(),
        }
    }

    #[inline]
    fn stripe(&self) -> &Stripe {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES);
        // A thread that is ending has no number; any stripe will do.
        let index = MINE.try_with(|mine| *mine).unwrap_or(0);
        &self.stripes[index]
    }

    /// All counts since the cache was built.
    pub(crate) fn total(&self) -> Stats {
        Stats {
            load_time: self.load_time.snapshot(),
            response_time: self.response_time.snapshot(),
            ..self.counts().into()
        }
    }

    /// The counts since the last reset.
    pub(crate) fn since_reset(&self) -> Stats {
        let total = self.total();
        match &*self.baseline.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(baseline) => total.since(baseline),
            None => total,
        }
    }

    pub(crate) fn reset(&self) {
        let total = Box::new(self.total());
        *self.baseline.lock().unwrap_or_else(PoisonError::into_inner) = Some(total);
    }
}

/// The last published counts, by function (`None`: by hand) and for the cache itself.
#[cfg(feature = "metrics")]
type Published = std::sync::Mutex<(std::collections::BTreeMap<Option<&'static str>, Stats>, Stats)>;

/// The counters of one cache.
pub(crate) struct Counters {
    /// The counters of operations by hand, without a function.
    pub(crate) direct: Tally,
    pub(super) functions: Functions,
    #[cfg(feature = "metrics")]
    pub(crate) published: Published,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            direct: Tally::new(None),
            functions: Functions::default(),
            #[cfg(feature = "metrics")]
            published: Default::default(),
        }
    }

    /// The functions that were called.
    pub(crate) fn sites(&self) -> impl Iterator<Item = &'static dyn Function> {
        self.functions.iter().filter_map(|tally| tally.site)
    }

    /// The counters of a function, or of operations by hand.
    #[inline]
    pub(crate) fn of<F: Function>(&self, site: Option<&'static F>) -> &Tally {
        match site {
            Some(site) => self.functions.of(site),
            None => &self.direct,
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Tally> {
        std::iter::once(&self.direct).chain(self.functions.iter())
    }
}
