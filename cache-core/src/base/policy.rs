//! Policies: lifetimes, old values, and timeouts of loads.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::expiry::Expiry;
use super::limits::READABLE;

/// The options of one function's (or one call's) entries.
///
/// Every option of `#[cached]` has a setter here. All setters are `const`, so a policy can be a `static`.
/// [`check`](Self::check) refuses invalid combinations (a soft timeout above the hard one).
/// `#[cached(policy = PATH)]` runs it at compile time, and the cache's methods run it before they store.
///
/// ```
/// # use cache_core as larder;
/// # use larder::Policy;
/// # use std::time::Duration;
/// const USERS: Policy = Policy::new()
///     .ttl(Duration::from_secs(300))
///     .stale(Duration::from_secs(60))
///     .stale_if_error(Duration::from_secs(3600))
///     .jitter(0.1)
///     .tags(&["users"]);
/// const _: () = assert!(USERS.check().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    pub(crate) ttl: Ttl,
    pub(crate) tti: Option<Duration>,
    pub(crate) memory_ttl: Option<Duration>,
    pub(crate) jitter: f64,
    pub(crate) stale: Duration,
    pub(crate) stale_if_error: Duration,
    pub(crate) throttle: Duration,
    pub(crate) early: f64,
    pub(crate) refresh_every: Option<Duration>,
    pub(crate) soft_timeout: Option<Duration>,
    pub(crate) hard_timeout: Option<Duration>,
    pub(crate) none_ttl: Option<Duration>,
    pub(crate) err_ttl: Option<Duration>,
    pub(crate) lease: Duration,
    pub(crate) stampede: Stampede,
    pub(crate) on_error: OnError,
    pub(crate) tags: &'static [&'static str],
    pub(crate) tiers: Tiers,
    pub(crate) access: Access,
    /// Whether a fresh entry of the memory tier is the answer of a read, and nothing else is to be asked: hits test
    /// this flag only.
    pub(crate) plain_hits: bool,
}

/// The policy of a request. Most requests refer to their function's policy, and a request is moved often, so
/// this type is small.
#[derive(Clone, Debug)]
pub(crate) enum PolicyRef {
    Static(&'static Policy),
    Own(Arc<Policy>),
}

impl Deref for PolicyRef {
    type Target = Policy;
    #[inline]
    fn deref(&self) -> &Policy {
        match self {
            Self::Static(policy) => policy,
            Self::Own(policy) => policy,
        }
    }
}

/// The source of an entry's time to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ttl {
    /// The cache's default.
    Default,
    For(Duration),
    Never,
    /// The function computes it for each call or value; otherwise it is the cache's default.
    Computed,
}

/// The scope of single flight: where callers share one load per key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stampede {
    /// One load per key among all processes that share a remote tier with leases; without such a tier, one
    /// per process.
    #[default]
    Fleet,
    /// One load per key in this process.
    Process,
    /// Every caller runs its own load.
    Off,
}

/// What a read does if its cache fails: the remote tier cannot be asked, or no cache is installed under the
/// function's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// Loads the value. The caller only notices the time it takes.
    #[default]
    Bypass,
    /// Loads nothing: the caller gets the [`Error`](crate::Error), converted to the function's own. This
    /// protects an origin that could not handle all reads.
    ///
    /// Entries of the memory tier are still served, and so are old values within their
    /// [`stale_if_error`](Policy::stale_if_error) window. Only failures before the load count: a value that
    /// was loaded and cannot be stored is returned.
    Fail,
}

/// The tiers that a call uses. A tier that is left out is neither read nor filled; evictions reach every tier, and a
/// put or a refresh removes the older value there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tiers {
    /// Memory and the remote tier.
    #[default]
    All,
    /// The memory tier of this process only.
    Memory,
    /// The remote tier only: a read sees each eviction of another process as soon as that has returned, as in a cache
    /// without a memory tier. In a cache without a remote tier nothing is stored.
    Remote,
}

/// What a call may do with the cached value. It applies to the tiers that [`Tiers`] selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Reads it, and stores what it loads.
    #[default]
    ReadWrite,
    /// Reads it, and stores nothing: a miss runs the load, takes no lease, and leaves every tier as it is. A put and a
    /// refresh make the cached value old and do not store the new one, so they evict it.
    ReadOnly,
    /// Does not read it: every call loads and stores, as a refresh does.
    WriteOnly,
}

/// The tiers and the access that the directions of a call set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) tiers: Option<Tiers>,
    pub(crate) access: Option<Access>,
}

impl Usage {
    pub(crate) const fn is_set(self) -> bool {
        self.tiers.is_some() || self.access.is_some()
    }

    /// The same policy with these directions.
    pub(crate) fn of(self, policy: &Policy) -> Policy {
        let Self { tiers, access } = self;
        policy.used(tiers.unwrap_or(policy.tiers), access.unwrap_or(policy.access))
    }
}

/// The policy of callers that give none.
pub(crate) static PLAIN: Policy = Policy::new();

/// Error of [`Policy::check`]: an invalid combination of options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
#[non_exhaustive]
pub struct PolicyError {
    /// The invalid option.
    pub field: &'static str,
    /// What is wrong, and the fix.
    pub message: &'static str,
}

const DEFAULT_THROTTLE: Duration = Duration::from_secs(1);
const DEFAULT_LEASE: Duration = Duration::from_secs(10);

impl Default for Policy {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy {
    /// The cache's default time to live, no windows after it, no timeouts, no tags, every tier.
    pub const fn new() -> Self {
        Self {
            ttl: Ttl::Default,
            tti: None,
            memory_ttl: None,
            jitter: 0.0,
            stale: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            throttle: DEFAULT_THROTTLE,
            early: 0.0,
            refresh_every: None,
            soft_timeout: None,
            hard_timeout: None,
            none_ttl: None,
            err_ttl: None,
            lease: DEFAULT_LEASE,
            stampede: Stampede::Fleet,
            on_error: OnError::Bypass,
            tags: &[],
            tiers: Tiers::All,
            access: Access::ReadWrite,
            plain_hits: true,
        }
    }

    /// Sets how long a value is fresh. Default: the cache's `default_ttl`; without that, entries do not
    /// expire. Precision: milliseconds.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Ttl::For(ttl);
        self
    }

    /// Leaves the time to live to the cache (`default_ttl`) or its [`Policies`](crate::Policies), as a policy without a `ttl` does,
    /// but allows the options about the time before and after it: [`stale`](Self::stale), [`stale_if_error`](Self::stale_if_error),
    /// [`jitter`](Self::jitter), [`early_refresh`](Self::early_refresh).
    ///
    /// In a cache without a default, entries do not expire, and those options have no effect; larder warns once for each function.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::Policy;
    /// # use std::time::Duration;
    /// const FRESH: Policy = Policy::new().default_ttl().stale(Duration::from_secs(30));
    /// assert!(FRESH.check().is_ok());
    /// ```
    #[must_use]
    pub const fn default_ttl(mut self) -> Self {
        self.ttl = Ttl::Computed;
        self
    }

    /// The function computes a time to live for each call or value.
    #[doc(hidden)]
    #[must_use]
    pub const fn computed_ttl(mut self) -> Self {
        if matches!(self.ttl, Ttl::Default) {
            self.ttl = Ttl::Computed;
        }
        self
    }

    /// Disables expiry, even if the cache has a `default_ttl`. Entries still leave a full memory tier, and
    /// evictions end them.
    #[must_use]
    pub const fn no_expiry(mut self) -> Self {
        self.ttl = Ttl::Never;
        self
    }

    /// Sets the time to idle: a value is fresh for this long after its last read, but not longer than `ttl`.
    ///
    /// Each process's memory tier records its own reads. In the remote tier an entry lives for the shorter of
    /// the two times, counted from when it was stored. Default: none.
    #[must_use]
    pub const fn tti(mut self, idle: Duration) -> Self {
        self.tti = Some(idle);
        self
    }

    /// Sets how long the memory tier serves an entry without asking the remote tier, which then has to confirm
    /// it: a bound on how old a value may be if something else writes to the store. Counts from when the entry
    /// was stored, or last came from the remote tier. Default: [`Memory::ttl`](crate::memory::Memory::ttl) of
    /// the cache; without that, `ttl`.
    ///
    /// If the remote tier cannot be asked, the memory tier serves the entry up to the end of its `ttl`. In a
    /// cache without a remote tier, and for [`local`](Self::local) entries, this is simply the upper bound of
    /// `ttl`. A value that is longer than `ttl` has no effect.
    #[must_use]
    pub const fn memory_ttl(mut self, ttl: Duration) -> Self {
        self.memory_ttl = Some(ttl);
        self
    }

    /// Shortens each entry's `ttl` by a random fraction of up to `fraction` (0 to 1), so that entries written
    /// together do not expire together. Default: 0.
    #[must_use]
    pub const fn jitter(mut self, fraction: f64) -> Self {
        self.jitter = fraction;
        self
    }

    /// Stale-while-revalidate (RFC 5861): for this long after `ttl` the old value is served immediately while
    /// one refresh runs in the background. Default: zero.
    #[must_use]
    pub const fn stale(mut self, window: Duration) -> Self {
        self.stale = window;
        self
    }

    /// Fail-safe (RFC 5861, stale-if-error): for this long after `ttl` the last good value is served if the
    /// load fails or exceeds its timeouts. The value is not stored again, so its lifetime does not grow; the
    /// load is tried again after [`throttle`](Self::throttle). Default: zero.
    #[must_use]
    pub const fn stale_if_error(mut self, window: Duration) -> Self {
        self.stale_if_error = window;
        self
    }

    /// Sets the pause after a failed load: until it ends, no load is tried while an old value can be served.
    /// Default: 1 s.
    ///
    /// The memory tier records the failure in the old value's entry. Without such an entry the failure is not
    /// recorded: each call tries its load, and falls back on the old value of the remote tier.
    #[must_use]
    pub const fn throttle(mut self, pause: Duration) -> Self {
        self.throttle = pause;
        self
    }

    /// Probabilistic early refresh ("XFetch": Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache
    /// Stampede Prevention", 2015): before its `ttl` ends, a value is refreshed in the background, with a
    /// probability that grows towards the end and with the duration of its load.
    ///
    /// `beta` 1 is the paper's optimum; a greater `beta` refreshes earlier. Default: 0, which disables early
    /// refreshes.
    #[must_use]
    pub const fn early_refresh(mut self, beta: f64) -> Self {
        self.early = beta;
        self.flagged()
    }

    /// Scheduled refresh: while a key is in use, its value is loaded again in the background this long after
    /// its last load, without a caller that waits for it, or that reads at that moment. A key is in use if this
    /// process has read it since its last refresh; otherwise it is left alone until it is read again, or expires.
    /// Must be shorter than `ttl`. Default: none.
    ///
    /// The schedule of a key begins when this process loads the value, or takes it from the remote tier. It ends
    /// when the memory tier loses the value: by an eviction, by its `ttl`, or because the tier is full. If the load
    /// fails, the value stays as it is, and the next attempt follows after the same time. At most 16 of the
    /// refreshes of a cache run at the same time, and at most 10,000 of its keys are scheduled.
    ///
    /// The load needs its own copies of the arguments, so only functions whose attribute has `refresh_every`
    /// support it, and loads by hand with `or_refresh_every`.
    #[must_use]
    pub const fn refresh_every(mut self, interval: Duration) -> Self {
        self.refresh_every = Some(interval);
        self
    }

    /// Removes [`refresh_every`](Self::refresh_every).
    #[doc(hidden)]
    #[must_use]
    pub const fn refresh_never(mut self) -> Self {
        self.refresh_every = None;
        self
    }

    /// Sets how long a caller waits for the load while an old value is available (within
    /// [`stale_if_error`](Self::stale_if_error) or [`stale`](Self::stale)). After that the caller gets the
    /// old value, and the load continues in the background. (A load that has not begun, because the remote
    /// tier is slow to answer, is left to the next caller.) Default: no limit.
    #[must_use]
    pub const fn soft_timeout(mut self, timeout: Duration) -> Self {
        self.soft_timeout = Some(timeout);
        self
    }

    /// Sets how long a caller waits for the load at most. After that the caller gets an old value if there is
    /// one; otherwise the function fails with its error's `From<larder::TimedOut>`. The load continues in the
    /// background. Default: no limit.
    ///
    /// Only attributed functions that return such a `Result` support it. [`Cache::get_or_load`] cannot
    /// make its caller's error, so without an old value it keeps waiting.
    ///
    /// [`Cache::get_or_load`]: crate::engine::Cache::get_or_load
    #[must_use]
    pub const fn hard_timeout(mut self, timeout: Duration) -> Self {
        self.hard_timeout = Some(timeout);
        self
    }

    /// Sets the time to live of `None`, if the value is an `Option`; zero: `None` is not cached. This is the
    /// whole lifetime of such an entry: [`stale`](Self::stale), [`stale_if_error`](Self::stale_if_error) and
    /// [`tti`](Self::tti) do not apply. Default: `None` is cached like other values.
    ///
    /// Only attributed functions support it: elsewhere the type is generic, so larder cannot know whether it
    /// is an `Option`.
    #[must_use]
    pub const fn none_ttl(mut self, ttl: Duration) -> Self {
        self.none_ttl = Some(ttl);
        self
    }

    /// Caches errors for this long, in the memory tier, if the error is `Clone`. An old value that can be
    /// served (see [`stale_if_error`](Self::stale_if_error)) takes precedence. This is the whole lifetime of
    /// such an entry: no window follows. Default: errors are not cached.
    ///
    /// Only attributed functions support it: loads by hand (`get_or_load`, `Cache::entry`) never
    /// cache an error, nor share it with callers that wait for the same load. Their error type is generic, so
    /// larder cannot know whether it is `Clone`.
    #[must_use]
    pub const fn err_ttl(mut self, ttl: Duration) -> Self {
        self.err_ttl = Some(ttl);
        self
    }

    /// Sets how long callers wait for another caller's load. A load that takes longer counts as hung: one of
    /// the waiters takes over with twice the time, and the late result is not stored. (A load that is ready
    /// to continue, but that its caller's task does not poll, is replaced after about a second.) Default: 10 s.
    ///
    /// The same applies between processes if the remote tier has leases: one of the waiting processes takes
    /// over, and the others wait for it. A process waits for others at most three times this long; then it
    /// runs its own load and keeps the value in its own memory tier.
    #[must_use]
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets the scope of single flight. Default: [`Stampede::Fleet`].
    #[must_use]
    pub const fn stampede(mut self, stampede: Stampede) -> Self {
        self.stampede = stampede;
        self
    }

    /// Sets what a read does if its cache fails. Default: [`OnError::Bypass`].
    ///
    /// Only attributed functions that return a `Result` whose error is `From<larder::Error>` support `Fail`:
    /// elsewhere the type is generic, so larder cannot make the error.
    #[must_use]
    pub const fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// Sets tags that all entries carry; `evict_tag` ends all entries of a tag. A read with this policy
    /// treats an entry that lacks one of these tags as a miss, because evicting that tag would not end the
    /// entry. Each tag has at most 256 bytes. Default: none.
    #[must_use]
    pub const fn tags(mut self, tags: &'static [&'static str]) -> Self {
        self.tags = tags;
        self
    }

    /// Sets the tiers that are read and filled. Default: [`Tiers::All`].
    ///
    /// With [`Tiers::Remote`] there is nothing for [`memory_ttl`](Self::memory_ttl), [`err_ttl`](Self::err_ttl),
    /// [`early_refresh`](Self::early_refresh) and [`refresh_every`](Self::refresh_every) to do, so
    /// [`check`](Self::check) refuses them.
    #[must_use]
    pub const fn tiers(mut self, tiers: Tiers) -> Self {
        self.tiers = tiers;
        self.flagged()
    }

    /// Uses the memory tier only: [`tiers`](Self::tiers) with [`Tiers::Memory`].
    #[must_use]
    pub const fn local(self) -> Self {
        self.tiers(Tiers::Memory)
    }

    /// Sets whether the cached value is read and stored. Default: [`Access::ReadWrite`].
    ///
    /// With [`Access::ReadOnly`] no refresh can be stored, so [`check`](Self::check) refuses
    /// [`early_refresh`](Self::early_refresh) and [`refresh_every`](Self::refresh_every) (also with
    /// [`Access::WriteOnly`], whose values nobody reads); a value in its [`stale`](Self::stale) window is loaded like one after
    /// it.
    #[must_use]
    pub const fn access(mut self, access: Access) -> Self {
        self.access = access;
        self.flagged()
    }

    /// The same policy for a call that uses these tiers in this way, without the settings that have nothing to do then.
    pub(crate) const fn used(mut self, tiers: Tiers, access: Access) -> Self {
        if matches!(tiers, Tiers::Remote) {
            (self.memory_ttl, self.err_ttl, self.early) = (None, None, 0.0);
        }
        if matches!(access, Access::ReadOnly) {
            self.early = 0.0;
        }
        let used = self.tiers(tiers).access(access);
        if used.schedules_nothing() { used.refresh_never() } else { used }
    }

    /// Sets `plain_hits`, after a change of what it depends on.
    const fn flagged(mut self) -> Self {
        self.plain_hits = self.early <= 0.0 && self.reads_memory();
        self
    }

    /// Whether there is nothing to refresh on schedule: no value that memory gives to readers, or none that is stored.
    const fn schedules_nothing(&self) -> bool {
        !self.reads_memory() || matches!(self.access, Access::ReadOnly)
    }

    /// Whether it says something about tiers or access.
    pub(crate) fn is_selective(&self) -> bool {
        self.tiers != Tiers::All || self.access != Access::ReadWrite
    }

    /// Whether a value of the memory tier may be the answer of a read.
    pub(crate) const fn reads_memory(&self) -> bool {
        !matches!(self.tiers, Tiers::Remote) && !matches!(self.access, Access::WriteOnly)
    }

    /// Whether a load may have to go on without its caller.
    #[doc(hidden)]
    #[must_use]
    pub const fn goes_on(&self) -> bool {
        !self.stale.is_zero()
            || self.early > 0.0
            || self.soft_timeout.is_some()
            || self.hard_timeout.is_some()
    }

    /// Validates the combination of options.
    ///
    /// # Errors
    /// The first invalid option: a zero time, a jitter outside 0 to 1, a window without a ttl before it, a
    /// soft timeout that is not below the hard one or has no old value to serve, a tag of more than 256
    /// bytes.
    pub const fn check(&self) -> Result<(), PolicyError> {
        macro_rules! refuse {
            ($($when:expr, $field:literal, $message:literal;)*) => {
                $(if $when { return Err(PolicyError { field: $field, message: $message }); })*
            };
        }
        let has_ttl = matches!(self.ttl, Ttl::For(_) | Ttl::Computed);
        refuse! {
            long(self.tags), "tags", "a tag of a policy has 256 bytes at most";
            matches!(self.ttl, Ttl::For(ttl) if ttl.is_zero()), "ttl",
                "must be longer than zero; use `bypass()` for a call that is not to be cached";
            zero(self.tti), "tti", "must be longer than zero";
            zero(self.memory_ttl), "memory_ttl",
                "must be longer than zero; leave it out to ask the remote tier only after the `ttl`";
            !(self.jitter >= 0.0 && self.jitter <= 1.0), "jitter",
                "is a fraction of the ttl, from 0 to 1";
            self.jitter > 0.0 && !has_ttl, "jitter", "shortens a ttl; give a `ttl` too, or `default_ttl()` for the cache's";
            !self.stale.is_zero() && !has_ttl, "stale",
                "is a window after the ttl; give a `ttl` too, or `default_ttl()` for the cache's";
            !self.stale_if_error.is_zero() && !has_ttl, "stale_if_error",
                "is a window after the ttl; give a `ttl` too, or `default_ttl()` for the cache's";
            !(self.early >= 0.0 && self.early < f64::INFINITY), "early_refresh",
                "takes a positive number; 1 is the usual one";
            self.early > 0.0 && !has_ttl, "early_refresh", "refreshes before a ttl ends; give a `ttl` too, or `default_ttl()` for the cache's";
            zero(self.refresh_every), "refresh_every", "must be longer than zero";
            self.refreshes_too_late(), "refresh_every",
                "must be shorter than `ttl`, because a value that has expired is not refreshed";
            zero(self.soft_timeout), "soft_timeout", "must be longer than zero";
            zero(self.hard_timeout), "hard_timeout", "must be longer than zero";
            not_below(self.soft_timeout, self.hard_timeout), "soft_timeout",
                "must be shorter than `hard_timeout`";
            self.soft_timeout.is_some() && self.stale.is_zero() && self.stale_if_error.is_zero(),
                "soft_timeout", "serves an old value; give a `stale_if_error` (or `stale`) window too";
            self.memory_ttl.is_some() && matches!(self.tiers, Tiers::Remote), "memory_ttl",
                "is about the memory tier, which `tiers` leaves out";
            self.err_ttl.is_some() && matches!(self.tiers, Tiers::Remote), "err_ttl",
                "keeps errors in the memory tier, which `tiers` leaves out";
            self.early > 0.0 && matches!(self.tiers, Tiers::Remote), "early_refresh",
                "is decided at hits of the memory tier, which `tiers` leaves out";
            self.refresh_every.is_some() && self.schedules_nothing(), "refresh_every",
                "needs a value that memory serves, which `tiers` or `access` excludes";
            self.early > 0.0 && matches!(self.access, Access::ReadOnly), "early_refresh",
                "stores a new value, which a read-only `access` does not";
            zero(self.err_ttl), "err_ttl", "must be longer than zero; leave it out to cache no errors";
            self.lease.is_zero(), "lease", "must be longer than zero";
        }
        Ok(())
    }

    /// The policy of an entry that lives exactly for `ttl`: `none_ttl` is the whole lifetime of an absent
    /// value.
    pub(crate) const fn whole_life(mut self, ttl: Duration) -> Self {
        self.ttl = Ttl::For(ttl);
        self.tti = None;
        self.stale = Duration::ZERO;
        self.stale_if_error = Duration::ZERO;
        self.soft_timeout = None;
        self
    }

    /// The same policy with this time to live. Without an end there is nothing before it or after it.
    pub(crate) const fn until(self, ttl: Expiry) -> Self {
        match ttl {
            Expiry::In(ttl) => self.ttl(ttl).refreshed_in_time(),
            Expiry::Never => self.no_expiry().without_end(),
        }
    }

    /// The first option that is about the time before or after an expiry.
    pub(crate) fn needs_expiry(&self) -> Option<&'static str> {
        let options = [
            (!self.stale.is_zero(), "stale"),
            (!self.stale_if_error.is_zero(), "stale_if_error"),
            (self.jitter > 0.0, "jitter"),
            (self.early > 0.0, "early_refresh"),
        ];
        options.into_iter().find(|(given, _)| *given).map(|(_, option)| option)
    }

    /// Whether a value has expired before it would be refreshed.
    const fn refreshes_too_late(&self) -> bool {
        match (self.refresh_every, self.ttl) {
            (Some(every), Ttl::For(ttl)) => every.as_nanos() >= ttl.as_nanos(),
            _ => false,
        }
    }

    /// The same policy, for a time to live that its `refresh_every` was not chosen for.
    pub(crate) const fn refreshed_in_time(mut self) -> Self {
        if self.refreshes_too_late() {
            self.refresh_every = None;
        }
        self
    }

    /// The same policy for entries that do not expire: there is nothing before or after an expiry.
    pub(crate) const fn without_end(mut self) -> Self {
        (self.stale, self.stale_if_error) = (Duration::ZERO, Duration::ZERO);
        (self.jitter, self.early, self.soft_timeout) = (0.0, 0.0, None);
        self.flagged()
    }

    /// The settings of this policy where it has any, in place of those of the function. Tags, and the early refresh
    /// that a hit decides, stay the function's own.
    pub(crate) fn instead_of(self, function: &Self) -> Self {
        let Self { tags, early, .. } = *function;
        let own = Self { tags, early, ..self.or(function) };
        own.used(own.tiers, own.access)
    }

    /// The same policy, with the settings of `defaults` where it has those of [`Policy::new`].
    pub(crate) fn or(mut self, defaults: &Self) -> Self {
        macro_rules! fill {
            ($($setting:ident)*) => {
                $(if self.$setting == PLAIN.$setting {
                    self.$setting = defaults.$setting;
                })*
            };
        }
        fill!(tti memory_ttl jitter stale stale_if_error throttle refresh_every soft_timeout hard_timeout none_ttl err_ttl lease stampede on_error tiers access);
        if matches!(self.ttl, Ttl::Default | Ttl::Computed) && defaults.ttl != Ttl::Default {
            self.ttl = defaults.ttl;
        }
        self.used(self.tiers, self.access)
    }

    /// How long after its `ttl` an entry is kept at most.
    pub(crate) fn window(&self) -> Duration {
        self.stale.max(self.stale_if_error)
    }
}

const fn zero(span: Option<Duration>) -> bool {
    matches!(span, Some(span) if span.is_zero())
}

const fn long(tags: &[&str]) -> bool {
    let mut place = 0;
    while place < tags.len() {
        if tags[place].len() > READABLE {
            return true;
        }
        place += 1;
    }
    false
}

const fn not_below(soft: Option<Duration>, hard: Option<Duration>) -> bool {
    matches!((soft, hard), (Some(soft), Some(hard)) if soft.as_nanos() >= hard.as_nanos())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);
    const M: Duration = Duration::from_secs(60);

    #[test]
    fn invalid_policies_are_refused_by_field() {
        let new = Policy::new;
        let cases = [
            (new().ttl(Duration::ZERO), "ttl"),
            (new().tti(Duration::ZERO), "tti"),
            (new().memory_ttl(Duration::ZERO), "memory_ttl"),
            (new().ttl(M).jitter(1.5), "jitter"),
            (new().ttl(M).jitter(-0.1), "jitter"),
            (new().ttl(M).jitter(f64::NAN), "jitter"),
            (new().jitter(0.1), "jitter"),
            (new().stale(S), "stale"),
            (new().no_expiry().stale(S), "stale"),
            (new().stale_if_error(S), "stale_if_error"),
            (new().ttl(M).early_refresh(f64::INFINITY), "early_refresh"),
            (new().ttl(M).early_refresh(-1.0), "early_refresh"),
            (new().early_refresh(1.0), "early_refresh"),
            (new().ttl(M).soft_timeout(S), "soft_timeout"),
            (new().ttl(M).stale(M).soft_timeout(S).hard_timeout(S), "soft_timeout"),
            (new().refresh_every(Duration::ZERO), "refresh_every"),
            (new().ttl(S).refresh_every(S), "refresh_every"),
            (new().ttl(S).refresh_every(M), "refresh_every"),
            (new().hard_timeout(Duration::ZERO), "hard_timeout"),
            (new().err_ttl(Duration::ZERO), "err_ttl"),
            (new().lease(Duration::ZERO), "lease"),
            (new().ttl(M).memory_ttl(S).tiers(Tiers::Remote), "memory_ttl"),
            (new().tiers(Tiers::Remote).err_ttl(S), "err_ttl"),
            (new().ttl(M).early_refresh(1.0).tiers(Tiers::Remote), "early_refresh"),
            (new().ttl(M).access(Access::ReadOnly).early_refresh(1.0), "early_refresh"),
            (new().ttl(M).access(Access::ReadOnly).refresh_every(S), "refresh_every"),
            (new().ttl(M).access(Access::WriteOnly).refresh_every(S), "refresh_every"),
            (new().ttl(M).tiers(Tiers::Remote).refresh_every(S), "refresh_every"),
        ];
        for (policy, field) in cases {
            assert_eq!(policy.check().unwrap_err().field, field, "{policy:?}");
        }
    }

    #[test]
    fn valid_policies_pass() {
        let full = Policy::new()
            .ttl(M)
            .tti(S)
            .jitter(1.0)
            .stale(S)
            .stale_if_error(M)
            .early_refresh(1.0)
            .refresh_every(S)
            .soft_timeout(S)
            .hard_timeout(M)
            .none_ttl(Duration::ZERO)
            .err_ttl(S);
        assert_eq!(full.check(), Ok(()));
        assert_eq!(Policy::new().no_expiry().refresh_every(S).check(), Ok(()));
        assert_eq!(Policy::new().refresh_every(S).check(), Ok(()));
        assert_eq!(Policy::new().check(), Ok(()));
    }

    #[test]
    fn hits_are_plain_only_where_memory_is_read_and_nothing_is_drawn() {
        let new = || Policy::new().ttl(M);
        assert!(new().plain_hits && new().local().plain_hits);
        assert!(new().access(Access::ReadOnly).plain_hits);
        assert!(!new().early_refresh(1.0).plain_hits);
        assert!(!new().tiers(Tiers::Remote).plain_hits);
        assert!(!new().access(Access::WriteOnly).plain_hits);
        let remote = new().tiers(Tiers::Remote);
        assert!(remote.tiers(Tiers::All).plain_hits);
        assert!(!Policy::new().or(&remote).plain_hits, "a default of the cache");
        assert!(!remote.instead_of(&new()).plain_hits, "a rule for the function");
        let early = new().early_refresh(1.0).memory_ttl(S).err_ttl(S);
        assert_eq!(early.used(Tiers::Remote, Access::ReadWrite).check(), Ok(()));
        let scheduled = new().refresh_every(S);
        assert_eq!(scheduled.used(Tiers::All, Access::WriteOnly).check(), Ok(()));
        assert_eq!(scheduled.used(Tiers::Memory, Access::ReadWrite), scheduled.local());
    }
}
