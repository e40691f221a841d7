//! The time to live of entries whose policy has none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::base::Error;

/// The time to live of entries whose policy has none, in nanoseconds; `u64::MAX` for no expiry.
#[derive(Debug)]
pub(crate) struct DefaultTtl(AtomicU64);

impl DefaultTtl {
    pub(crate) fn new(ttl: Option<Duration>) -> Self {
        Self(AtomicU64::new(nanos(ttl)))
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<Duration> {
        match self.0.load(Ordering::Relaxed) {
            u64::MAX => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    pub(crate) fn set(&self, ttl: Option<Duration>) {
        self.0.store(nanos(ttl), Ordering::Relaxed);
    }

    pub(crate) fn check(ttl: Option<Duration>) -> Result<(), Error> {
        if ttl.is_some_and(|ttl| ttl.is_zero()) {
            let message = "found zero; wanted some time; leave it out, or write `never`, for entries that do not expire";
            return Err(Error::config("default_ttl", message));
        }
        Ok(())
    }
}

/// 584 years count as no expiry.
pub(crate) fn nanos(ttl: Option<Duration>) -> u64 {
    ttl.map_or(u64::MAX, |ttl| u64::try_from(ttl.as_nanos()).unwrap_or(u64::MAX))
}
