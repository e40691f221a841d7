//! How long a value lives, what is served when it is old, and how long a load may take.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::limits::READABLE;

/// The rules for one function's (or one call's) entries.
///
/// Every option of `#[cached]` has its twin here; all setters are `const`, so that a policy can be
/// a `static`. What can't be (a soft timeout above the hard one) is refused by [`check`](Self::check),
/// which `#[cached(policy = PATH)]` runs at compile time and the cache's methods before they store.
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
    pub(crate) jitter: f64,
    pub(crate) stale: Duration,
    pub(crate) stale_if_error: Duration,
    pub(crate) throttle: Duration,
    pub(crate) early: f64,
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

/// A policy as plans carry it: most are their function's own, and a call is moved about a lot.
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

/// Where an entry's time to live comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ttl {
    /// The cache's default.
    Default,
    For(Duration),
    Never,
}

/// How far one load per key reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stampede {
    /// One load per key among all processes that share a remote tier with leases; one in the
    /// process where there is none.
    #[default]
    Fleet,
    /// One load per key in this process.
    Process,
    /// Every caller loads for itself.
    Off,
}

/// What becomes of a read whose cache fails: the remote tier can't be asked, or no cache is installed
/// under the function's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// The value is loaded: nothing that the caller could see, but for the time it takes.
    #[default]
    Bypass,
    /// Nothing is loaded: the caller gets the [`Error`](crate::Error), made into the function's own. This
    /// spares an origin that could not bear all reads.
    ///
    /// What memory has is served all the same, and so is an old value within its
    /// [`stale_if_error`](Policy::stale_if_error) window. Only what a read needs before its load counts:
    /// a value that was loaded and can't be stored is returned.
    Fail,
}

/// The policy of those who give none.
pub(crate) static PLAIN: Policy = Policy::new();

/// Why a [`Policy`] can't be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
#[non_exhaustive]
pub struct PolicyError {
    /// The option at fault.
    pub field: &'static str,
    /// What is wrong, and what to write instead.
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
            jitter: 0.0,
            stale: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            throttle: DEFAULT_THROTTLE,
            early: 0.0,
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

    /// How long a value is fresh. Without it the cache's `default_ttl` holds; without that, an
    /// entry does not expire. Precision: milliseconds.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Ttl::For(ttl);
        self
    }

    /// Entries do not expire, whatever the cache's `default_ttl`. They still go when the memory tier
    /// is full, and when they are evicted.
    #[must_use]
    pub const fn no_expiry(mut self) -> Self {
        self.ttl = Ttl::Never;
        self
    }

    /// Time to idle: a value is fresh for so long after it was last read, and no longer than `ttl`.
    ///
    /// Reads are counted by each process's memory tier. In the remote tier an entry lives for the shorter of
    /// the two, counted from when it was stored. Default: none.
    #[must_use]
    pub const fn tti(mut self, idle: Duration) -> Self {
        self.tti = Some(idle);
        self
    }

    /// Shortens each entry's `ttl` by a random part of up to this fraction (0 to 1), so that entries
    /// written together do not expire together. Default: 0.
    #[must_use]
    pub const fn jitter(mut self, fraction: f64) -> Self {
        self.jitter = fraction;
        self
    }

    /// Stale-while-revalidate (RFC 5861): for so long after `ttl` the old value is served at once
    /// while one refresh runs in the background. Default: zero.
    #[must_use]
    pub const fn stale(mut self, window: Duration) -> Self {
        self.stale = window;
        self
    }

    /// Fail-safe (RFC 5861, stale-if-error): for so long after `ttl` the last good value is served if
    /// the load fails or takes longer than its timeouts. It is not stored again, so its life is not
    /// renewed; the load is tried again after [`throttle`](Self::throttle). Default: zero.
    #[must_use]
    pub const fn stale_if_error(mut self, window: Duration) -> Self {
        self.stale_if_error = window;
        self
    }

    /// How long a failed load is not tried again while an old value can be served. Default: 1 s.
    ///
    /// The memory tier keeps the failure in mind, beside the old value. Without one there is nowhere to
    /// keep it: each call tries its load, and falls back on the remote tier's old value.
    #[must_use]
    pub const fn throttle(mut self, pause: Duration) -> Self {
        self.throttle = pause;
        self
    }

    /// Probabilistic early refresh ("XFetch": Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic
    /// Cache Stampede Prevention", 2015): before its `ttl` is over, a value is refreshed in the
    /// background with a probability that grows towards the end and with the time its load took.
    ///
    /// `beta` is 1 for the paper's optimum; more refreshes earlier. Default: 0, none.
    #[must_use]
    pub const fn early_refresh(mut self, beta: f64) -> Self {
        self.early = beta;
        self
    }

    /// How long a caller waits for the load while an old value is at hand (within
    /// [`stale_if_error`](Self::stale_if_error) or [`stale`](Self::stale)); then that is served, and
    /// the load goes on in the background (one that has not begun, because the
    /// remote tier is slow to answer, is left to the next caller). Default: as long as it takes.
    #[must_use]
    pub const fn soft_timeout(mut self, timeout: Duration) -> Self {
        self.soft_timeout = Some(timeout);
        self
    }

    /// How long a caller waits for the load in any case; then an old value is served if there is one,
    /// else the function fails with its error's `From<larder::TimedOut>`. The load goes on in the
    /// background. Default: as long as it takes.
    ///
    /// It holds for attributed functions that return such a `Result`. [`Cache::get_or_load_with`] can't
    /// make its caller's error and waits on where there is no old value.
    ///
    /// [`Cache::get_or_load_with`]: crate::engine::Cache::get_or_load_with
    #[must_use]
    pub const fn hard_timeout(mut self, timeout: Duration) -> Self {
        self.hard_timeout = Some(timeout);
        self
    }

    /// The time to live of `None`, where the value is an `Option`; zero: `None` is not cached. It is the whole life of
    /// such an entry: [`stale`](Self::stale), [`stale_if_error`](Self::stale_if_error) and [`tti`](Self::tti) do not hold for
    /// it. Default: `None` is a value like others.
    ///
    /// It holds for attributed functions: elsewhere a type that is generic can't be asked.
    #[must_use]
    pub const fn none_ttl(mut self, ttl: Duration) -> Self {
        self.none_ttl = Some(ttl);
        self
    }

    /// Caches errors for so long, in the memory tier, where the error can be cloned. An old value that
    /// can be served (see [`stale_if_error`](Self::stale_if_error)) goes before. It is the whole life of such an entry: no
    /// window follows it. Default: errors are not cached.
    ///
    /// It holds for attributed functions: `get_or_load`, `get_or_load_with` and `get_or_refresh` never keep
    /// an error, nor share it with those who wait for the same load. Their error type is generic and can't
    /// be asked whether it can be cloned.
    #[must_use]
    pub const fn err_ttl(mut self, ttl: Duration) -> Self {
        self.err_ttl = Some(ttl);
        self
    }

    /// How long a load may hold up those who wait for it. A load that takes longer counts as hung: one
    /// of those who wait takes over with twice the time, and the late result is not stored. (A load that could go on
    /// and is not polled by its caller's task is replaced after 50 to 100 ms.) Default: 10 s.
    ///
    /// The same holds in the fleet, where the remote tier has leases: one of the processes that wait takes over, and
    /// the others wait for that one. A process waits for others for three times this long at most; then it loads for
    /// itself, and keeps the value in its own memory tier.
    #[must_use]
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How far one load per key reaches. Default: [`Stampede::Fleet`].
    #[must_use]
    pub const fn stampede(mut self, stampede: Stampede) -> Self {
        self.stampede = stampede;
        self
    }

    /// What becomes of a read whose cache fails. Default: [`OnError::Bypass`].
    ///
    /// `Fail` holds for attributed functions that return a `Result` whose error is
    /// `From<larder::Error>`; elsewhere a type that is generic can't be asked.
    #[must_use]
    pub const fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// Tags that all entries carry; `evict_tag` ends them together. A read with this policy takes an entry that lacks one of
    /// them as a miss: evicting that tag would not end the entry. Each has 256 bytes at most. Default: none.
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

    /// Whether the policy can be.
    ///
    /// # Errors
    /// The first option that can't be: a zero time, a jitter outside 0 to 1, a window after a ttl that
    /// is not there, a soft timeout that is not below the hard one or has nothing to serve, a tag of more than 256 bytes.
    pub const fn check(&self) -> Result<(), PolicyError> {
        macro_rules! refuse {
            ($($when:expr, $field:literal, $message:literal;)*) => {
                $(if $when { return Err(PolicyError { field: $field, message: $message }); })*
            };
        }
        let has_ttl = matches!(self.ttl, Ttl::For(_));
        refuse! {
            long(self.tags), "tags", "a tag of a policy has 256 bytes at most";
            matches!(self.ttl, Ttl::For(ttl) if ttl.is_zero()), "ttl",
                "must be longer than zero; use `bypass()` for a call that is not to be cached";
            zero(self.tti), "tti", "must be longer than zero";
            !(self.jitter >= 0.0 && self.jitter <= 1.0), "jitter",
                "is a fraction of the ttl, from 0 to 1";
            self.jitter > 0.0 && !has_ttl, "jitter", "shortens a ttl; give a `ttl` too";
            !self.stale.is_zero() && !has_ttl, "stale",
                "is a window after the ttl; give a `ttl` too";
            !self.stale_if_error.is_zero() && !has_ttl, "stale_if_error",
                "is a window after the ttl; give a `ttl` too";
            !(self.early >= 0.0 && self.early < f64::INFINITY), "early_refresh",
                "takes a positive number; 1 is the usual one";
            self.early > 0.0 && !has_ttl, "early_refresh", "refreshes before a ttl ends; give a `ttl` too";
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

    /// The policy of an entry that lives for `ttl` and no longer: `none_ttl` is the whole life of an absent value.
    pub(crate) const fn whole_life(mut self, ttl: Duration) -> Self {
        self.ttl = Ttl::For(ttl);
        self.tti = None;
        self.stale = Duration::ZERO;
        self.stale_if_error = Duration::ZERO;
        self.soft_timeout = None;
        self
    }

    /// How long after its `ttl` an entry is kept at all.
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
    fn impossible_policies_are_refused_by_field() {
        let new = Policy::new;
        let cases = [
            (new().ttl(Duration::ZERO), "ttl"),
            (new().tti(Duration::ZERO), "tti"),
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
            (new().hard_timeout(Duration::ZERO), "hard_timeout"),
            (new().err_ttl(Duration::ZERO), "err_ttl"),
            (new().lease(Duration::ZERO), "lease"),
        ];
        for (policy, field) in cases {
            assert_eq!(policy.check().unwrap_err().field, field, "{policy:?}");
        }
    }

    #[test]
    fn possible_policies_pass() {
        let full = Policy::new()
            .ttl(M)
            .tti(S)
            .jitter(1.0)
            .stale(S)
            .stale_if_error(M)
            .early_refresh(1.0)
            .soft_timeout(S)
            .hard_timeout(M)
            .none_ttl(Duration::ZERO)
            .err_ttl(S);
        assert_eq!(full.check(), Ok(()));
        assert_eq!(Policy::new().check(), Ok(()));
    }
}
