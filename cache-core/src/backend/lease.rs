//! Leases: the right to fill a key, granted by the store to one caller at a time.
//!
//! Lock and value lie in one store, so that "does the lease still hold? then store" is one step: a
//! fencing that no pause of the caller can get around. (Nishtala et al., "Scaling Memcache at Facebook",
//! 2013, part 3.2.1.)

use std::time::Duration;

use super::{BackendResult, Notice, Read, Write};
use crate::base::Pattern;

/// So many bytes at the end of a value tell it from every other one.
pub const MARK: usize = 16;

/// How long after its time is over a lease that nobody took is kept.
pub const KEPT: Duration = Duration::from_secs(600);

/// What [`Leases::acquire`] is asked.
#[derive(Clone, Copy, Debug)]
pub struct Acquire<'a> {
    /// The value's key, namespace included.
    pub key: &'a str,
    /// Tells this attempt from all others; never zero.
    pub token: u64,
    /// How long the lease is the caller's alone, if it is neither renewed nor given back.
    pub ttl: Duration,
    /// The last [`MARK`] bytes of a value that the caller knows and wants to replace.
    pub seen: Option<[u8; MARK]>,
    /// The newest generation that the caller has read for the entry. What is loaded under an older one
    /// is worth nothing to those who know a newer one, so they need not wait for it.
    pub generation: u64,
    /// Take the lease, whoever holds it and whatever value is there.
    pub steal: bool,
    /// So many bytes of a value the caller takes, as in [`Backend::get_many`](super::Backend::get_many).
    pub most: usize,
}

/// What [`Leases::acquire`] answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// There is a value, another one than the caller has seen.
    Value(Read),
    /// The lease is the caller's.
    Lead {
        /// How often in a row it was taken from a holder whose time was over.
        takeovers: u32,
    },
    /// Another caller has the lease; at most for so long, if it is not renewed.
    Wait(Duration),
}

/// What a page of [`Leases::revoke`] came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revoked {
    /// How many leases were ended.
    pub count: u64,
    /// Where to go on; `None`: this was the last page.
    pub next: Option<u64>,
}

/// The lease operations of a [`Backend`](super::Backend) that has them.
///
/// # Behaviour
/// - A key has one lease at a time. It is independent of the value: there may be either without the
///   other.
/// - [`Backend::set`](super::Backend::set) and [`Backend::remove`](super::Backend::remove) end the leases
///   of their keys in the same step as the value goes, whether or not there is a value.
/// - A lease whose time is over is not gone: it is free to be taken by whoever asks. Until somebody does, its
///   holder may still renew it, and commit. (What was loaded slowly is stored if nobody took over and no
///   eviction came.) A store may forget it [`KEPT`] after its time is over.
/// - Each operation is atomic. All are safe to repeat.
pub trait Leases: Send + Sync {
    /// Asks for the lease of a key.
    ///
    /// # Behaviour
    /// - Unless it is to `steal`: a value whose mark is not the one `seen` is returned, and no lease is
    ///   given. A value shorter than [`MARK`] has no mark, and is returned.
    /// - Else, if nobody holds the lease, the token holds it, its time is over, it was given under a
    ///   smaller `generation`, or it is stolen: it is the token's for `ttl`. Taken because its time was over, it
    ///   has one takeover more than before; given to its holder again, as many as before; else none.
    /// - Else how long the holder's lease lasts.
    fn acquire<'a>(&'a self, request: Acquire<'a>) -> BackendResult<'a, Acquired>;

    /// Stores the entry and ends its key's lease, if the token still holds it, in time or not; else stores nothing. Says
    /// which. `notice` is published if it was stored.
    fn commit<'a>(
        &'a self,
        token: u64,
        write: &'a Write,
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, bool>;

    /// Lets the lease last `ttl` from now, if the token still holds it. Says whether it does.
    fn renew<'a>(&'a self, key: &'a str, token: u64, ttl: Duration) -> BackendResult<'a, bool>;

    /// Ends the lease, if the token holds it.
    fn abort<'a>(&'a self, key: &'a str, token: u64) -> BackendResult<'a, ()>;

    /// Ends leases of keys that match, those without a value included: a page of them, from `cursor` (0 to begin).
    ///
    /// # Behaviour
    /// - Every lease that is there from the first page to the last is ended; pages may be empty before the last.
    fn revoke<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, Revoked>;
}
