//! What a policy says, for programs that show it.

use std::time::Duration;

use super::expiry::Expiry;
use super::policy::{Access, OnError, Policy, Stampede, Tiers, Ttl};

/// The settings of a [`Policy`], from [`Policy::settings`]. The setter of the same name says what each means. Plain data.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct PolicySettings {
    /// How long a value is fresh; `None`: the cache's default, or what the function computes.
    pub ttl: Option<Expiry>,
    /// How long it is fresh after its last read; `None`: as long as `ttl` says.
    pub tti: Option<Duration>,
    /// How long memory serves it without asking the remote tier; `None`: the memory tier's own time.
    pub memory_ttl: Option<Duration>,
    /// By which fraction of the `ttl` entries expire apart.
    pub jitter: f64,
    /// The window after the `ttl` in which the old value is served during a refresh.
    pub stale: Duration,
    /// The window after the `ttl` in which the old value is served instead of a failed load.
    pub stale_if_error: Duration,
    /// The pause after a failed load.
    pub throttle: Duration,
    /// The beta of early refreshes; zero: none.
    pub early_refresh: f64,
    /// The interval of scheduled refreshes.
    pub refresh_every: Option<Duration>,
    /// How long a caller waits for a load while there is an old value.
    pub soft_timeout: Option<Duration>,
    /// How long a caller waits for a load at most.
    pub hard_timeout: Option<Duration>,
    /// The time to live of `None`; `None`: as other values.
    pub none_ttl: Option<Duration>,
    /// How long an error is cached; `None`: not at all.
    pub err_ttl: Option<Duration>,
    /// How long callers wait for another caller's load.
    pub lease: Duration,
    /// The scope of single flight.
    pub stampede: Stampede,
    /// What a read does if its cache fails.
    pub on_error: OnError,
    /// The tags of all entries.
    pub tags: &'static [&'static str],
    /// The tiers that are read and filled.
    pub tiers: Tiers,
    /// Whether the value is read and stored.
    pub access: Access,
}

impl Policy {
    /// Returns the settings, for logs and operators' pages.
    ///
    /// ```
    /// # use cache_core as larder;
    /// use larder::{Expiry, Policy};
    /// use std::time::Duration;
    ///
    /// let minute = Duration::from_secs(60);
    /// let settings = Policy::new().ttl(minute).stale(minute / 2).settings();
    /// assert_eq!((settings.ttl, settings.stale), (Some(Expiry::In(minute)), minute / 2));
    /// assert_eq!(Policy::new().settings().ttl, None, "the default of the cache");
    /// ```
    pub const fn settings(&self) -> PolicySettings {
        let Self { tti, memory_ttl, jitter, stale, stale_if_error, throttle, early, .. } = *self;
        let Self { refresh_every, soft_timeout, hard_timeout, none_ttl, err_ttl, .. } = *self;
        let Self { lease, stampede, on_error, tags, tiers, access, .. } = *self;
        let ttl = match self.ttl {
            Ttl::For(ttl) => Some(Expiry::In(ttl)),
            Ttl::Never => Some(Expiry::Never),
            Ttl::Default | Ttl::Computed => None,
        };
        PolicySettings {
            ttl,
            tti,
            memory_ttl,
            jitter,
            stale,
            stale_if_error,
            throttle,
            early_refresh: early,
            refresh_every,
            soft_timeout,
            hard_timeout,
            none_ttl,
            err_ttl,
            lease,
            stampede,
            on_error,
            tags,
            tiers,
            access,
        }
    }
}
