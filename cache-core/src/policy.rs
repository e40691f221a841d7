//! How long a value lives, and what is served when it is old.

use std::time::Duration;

/// The rules for one function's (or one call's) entries.
///
/// Every option of `#[cached]` has its twin here; all setters are `const`, so that a policy can be
/// a `static`.
///
/// ```
/// # use cache_core::Policy;
/// # use std::time::Duration;
/// const USERS: Policy = Policy::new()
///     .ttl(Duration::from_secs(300))
///     .stale(Duration::from_secs(60))
///     .tags(&["users"]);
/// # let _ = USERS;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub(crate) ttl: Option<Duration>,
    pub(crate) stale: Duration,
    pub(crate) tags: &'static [&'static str],
    pub(crate) local: bool,
}

impl Policy {
    /// The cache's default time to live, no stale window, no tags, every tier.
    pub const fn new() -> Self {
        Self { ttl: None, stale: Duration::ZERO, tags: &[], local: false }
    }

    /// How long a value is fresh. Without it the cache's `default_ttl` holds; without that, an
    /// entry does not expire. Precision: milliseconds.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Stale-while-revalidate (RFC 5861): for so long after `ttl` the old value is served at once
    /// while one refresh runs in the background. Default: zero.
    #[must_use]
    pub const fn stale(mut self, window: Duration) -> Self {
        self.stale = window;
        self
    }

    /// Tags that all entries carry; `evict_tag` ends them together.
    #[must_use]
    pub const fn tags(mut self, tags: &'static [&'static str]) -> Self {
        self.tags = tags;
        self
    }

    /// The memory tier only.
    #[must_use]
    pub const fn local(mut self) -> Self {
        self.local = true;
        self
    }
}
