//! Entries say what they are: freshness is computed here, from entry and clock, and nowhere else.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::base::{CacheValue, Policy, Timestamp};
use crate::tags::TagSnapshot;

/// The times of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    pub(crate) created: Timestamp,
    pub(crate) fresh_until: Timestamp,
    /// Until then it is served while a refresh runs.
    pub(crate) stale_until: Timestamp,
    /// Until then it is served if the load fails.
    pub(crate) keep_until: Timestamp,
    /// How long it is fresh without being read; zero: for as long as it is fresh.
    pub(crate) idle: Duration,
    /// What its load took.
    pub(crate) cost: Duration,
}

impl Lifetime {
    /// From `now` on, fresh for `ttl`, with the policy's windows after it.
    pub(crate) fn new(now: Timestamp, ttl: Option<Duration>, policy: &Policy) -> Self {
        let fresh_until = ttl.map_or(Timestamp::NEVER, |ttl| now.after(ttl));
        Self {
            created: now,
            fresh_until,
            stale_until: fresh_until.after(policy.stale),
            keep_until: fresh_until.after(policy.window()),
            idle: policy.tti.unwrap_or_default(),
            cost: Duration::ZERO,
        }
    }

    /// Fresh until then, with the windows that it has after that.
    pub(crate) fn until(self, fresh_until: Timestamp) -> Self {
        let moved = |end: Timestamp| {
            // What has no end has no windows.
            fresh_until.after(end.since(self.fresh_until).unwrap_or_default())
        };
        let (stale_until, keep_until) = (moved(self.stale_until), moved(self.keep_until));
        Self { fresh_until, stale_until, keep_until, ..self }
    }

    /// Not fresh any more, nor to be served while a refresh runs: only if the load fails, for as long after
    /// `now` as it would have been after its end.
    pub(crate) fn outdated(self, now: Timestamp) -> Self {
        let kept = if now < self.fresh_until { self.until(now) } else { self };
        Self { stale_until: kept.stale_until.min(now), ..kept }
    }

    fn at(&self, now: Timestamp) -> Freshness {
        if now < self.fresh_until {
            Freshness::Fresh
        } else if now < self.stale_until {
            Freshness::Stale
        } else if now < self.keep_until {
            Freshness::Kept
        } else {
            Freshness::Expired
        }
    }
}

/// What an entry may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// To be served.
    Fresh,
    /// To be served while a refresh runs.
    Stale,
    /// To be served if the load fails.
    Kept,
    Expired,
}

/// What happens to an entry after it was stored. (Its times never change: an entry's life is not
/// renewed.)
#[derive(Debug)]
pub(crate) struct Marks {
    /// When it was last read; kept only for entries with a time to idle.
    read: AtomicU64,
    /// Until then no load is tried while the entry can be served.
    rest: AtomicU64,
}

impl Marks {
    pub(crate) fn new(life: &Lifetime) -> Self {
        Self { read: AtomicU64::new(life.created.0), rest: AtomicU64::new(0) }
    }
}

/// An entry of the memory tier: one allocation for the value and all that is known of it.
#[derive(Debug)]
pub(crate) struct Entry<T: ?Sized> {
    pub(crate) life: Lifetime,
    pub(crate) marks: Marks,
    /// The generations that must still hold.
    pub(crate) stamps: TagSnapshot,
    pub(crate) key: Box<str>,
    pub(crate) value: T,
}

impl<T: ?Sized> Entry<T> {
    #[inline]
    pub(crate) fn at(&self, now: Timestamp) -> Freshness {
        if !self.life.idle.is_zero() && now >= self.expiry() {
            return Freshness::Expired;
        }
        self.life.at(now)
    }

    /// The moment from which nobody is given it any more. It may move on while the entry is in memory,
    /// not back.
    pub(crate) fn expiry(&self) -> Timestamp {
        match self.life.idle.is_zero() {
            true => self.life.keep_until,
            false => self.life.keep_until.min(self.read().after(self.life.idle)),
        }
    }

    /// The moment from which it is not fresh any more, if it is not read before.
    pub(crate) fn fresh_until(&self) -> Timestamp {
        self.life.fresh_until.min(self.expiry())
    }

    fn read(&self) -> Timestamp {
        Timestamp(self.marks.read.load(Ordering::Relaxed))
    }

    /// Notes that it was read.
    #[inline]
    pub(crate) fn touch(&self, now: Timestamp) {
        // A store only where the coarse clock has moved: readers share the cache line otherwise.
        if !self.life.idle.is_zero() && self.read() != now {
            self.marks.read.store(now.0, Ordering::Relaxed);
        }
    }

    /// Its load failed: no other is tried before `until` while this entry can be served.
    pub(crate) fn rest_until(&self, until: Timestamp) {
        self.marks.rest.fetch_max(until.0, Ordering::Relaxed);
    }

    /// Takes over for how long no load is tried.
    pub(crate) fn rest_as<U: ?Sized>(&self, other: &Entry<U>) {
        self.rest_until(Timestamp(other.marks.rest.load(Ordering::Relaxed)));
    }

    /// Whether its load failed a moment ago.
    pub(crate) fn rests(&self, now: Timestamp) -> bool {
        now.0 < self.marks.rest.load(Ordering::Relaxed)
    }
}

/// A value whose type is known to whoever asks.
pub(crate) type Erased = Entry<dyn Value>;

/// What can be done to a value whose type is not known.
pub(crate) trait Value: Any + Send + Sync {
    /// An entry that differs from the value's own in its life alone.
    fn again(&self, entry: &Erased, life: Lifetime) -> Stored;
    /// The type's name, if it may own memory of its own.
    fn owner(&self) -> Option<&'static str>;

    /// For messages.
    fn type_name(&self) -> &'static str;
}

impl<V: CacheValue> Value for V {
    fn again(&self, entry: &Erased, life: Lifetime) -> Stored {
        let (stamps, key) = (entry.stamps.clone(), entry.key.clone());
        let again = Entry { life, marks: Marks::new(&life), stamps, key, value: self.clone() };
        again.touch(entry.read());
        Arc::new(again)
    }

    fn owner(&self) -> Option<&'static str> {
        std::mem::needs_drop::<V>().then(std::any::type_name::<V>)
    }

    fn type_name(&self) -> &'static str {
        std::any::type_name::<V>()
    }
}

/// An entry as tiers hold it.
pub(crate) type Stored = Arc<Erased>;

impl Erased {
    /// The value, if it is of the type asked for: two functions that share a key but not a type
    /// read each other's entries as misses.
    #[inline]
    pub(crate) fn value<V: 'static>(&self) -> Option<&V> {
        self.any().downcast_ref()
    }

    /// The value as who asks for its type sees it.
    #[inline]
    pub(crate) fn any(&self) -> &dyn Any {
        &self.value
    }

    /// The name of the value's type, if it may own memory of its own.
    pub(crate) fn owner(&self) -> Option<&'static str> {
        self.value.owner()
    }

    /// The same with another life. Calls the value's `Clone`: not under a lock.
    pub(crate) fn with_life(&self, life: Lifetime) -> Stored {
        self.value.again(self, life)
    }
}
