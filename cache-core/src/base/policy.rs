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
    pub(crate) local: bool,
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
            local: false,
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
        self
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

    /// Uses the memory tier only.
    #[must_use]
    pub const fn local(mut self) -> Self {
        self.local = true;
        self
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
        self
    }

    /// The settings of this policy where it has any, in place of those of the function. Tags and tiers, and what
    /// a hit decides, stay the function's own.
    pub(crate) fn instead_of(self, function: &Self) -> Self {
        let Self { tags, local, early, .. } = *function;
        Self { tags, local, early, ..self.or(function) }
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
        fill!(tti memory_ttl jitter stale stale_if_error throttle refresh_every soft_timeout hard_timeout none_ttl err_ttl lease stampede on_error);
        if matches!(self.ttl, Ttl::Default | Ttl::Computed) && defaults.ttl != Ttl::Default {
            self.ttl = defaults.ttl;
        }
        self
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
}
