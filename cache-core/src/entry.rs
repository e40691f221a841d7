//! Entries say what they are: freshness is computed here, from entry and clock, and nowhere else.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::invalidation::Stamps;
use crate::policy::Policy;

/// The times of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    pub(crate) created: Timestamp,
    pub(crate) fresh_until: Timestamp,
    pub(crate) stale_until: Timestamp,
}

impl Lifetime {
    pub(crate) fn new(now: Timestamp, ttl: Option<Duration>, policy: &Policy) -> Self {
        let fresh_until = ttl.map_or(Timestamp::NEVER, |ttl| now.after(ttl));
        Self { created: now, fresh_until, stale_until: fresh_until.after(policy.stale) }
    }

    #[inline]
    pub(crate) fn at(&self, now: Timestamp) -> Freshness {
        if now < self.fresh_until {
            Freshness::Fresh
        } else if now < self.stale_until {
            Freshness::Stale
        } else {
            Freshness::Expired
        }
    }
}

/// What an entry may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh,
    Stale,
    Expired,
}

/// An entry of the memory tier: one allocation for the value and all that is known of it.
#[derive(Debug)]
pub(crate) struct Entry<T: ?Sized> {
    pub(crate) life: Lifetime,
    /// The generations that must still hold.
    pub(crate) stamps: Stamps,
    pub(crate) key: Box<str>,
    pub(crate) value: T,
}

/// A value whose type is known to whoever asks.
pub(crate) type Erased = Entry<dyn Any + Send + Sync>;

/// An entry as tiers hold it.
pub(crate) type Stored = Arc<Erased>;

impl Erased {
    /// The value, if it is of the type asked for: two functions that share a key but not a type
    /// read each other's entries as misses.
    #[inline]
    pub(crate) fn value<V: 'static>(&self) -> Option<&V> {
        self.value.downcast_ref()
    }
}
