//! The remote half of a commit.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::handle::Engine;
use super::lease::Lease;
use super::request::Request;
use super::site::Site;
use super::table::Seat;
use super::test_scope as world;
use super::test_scope::with_scope;
use crate::base::{BackendError, Selection, boxed};
use crate::codec::Coder;
use crate::entry::{Lifetime, Stored};
use crate::key::KeyId;
use crate::memory::{Committed, FenceScope, Superseded, Ticket};
use crate::remote::{Attempt, Remote, Writing};
use crate::stats::{RemovalCause, log_failure};

/// The longest time to live that the remote tier is given.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The tiers to which a loaded value may go.
pub(crate) enum FillTarget {
    Memory,
    /// Memory only, because the remote tier failed or could not be asked for permission.
    Failed(BackendError),
    /// A remote tier without leases.
    Plain(Coder),
    Leased(Coder, Lease),
}

/// The options of a write to the remote tier.
pub(crate) struct WriteOptions {
    /// Whether it replaces a value that other processes may have in memory.
    pub(crate) replaces: bool,
    pub(crate) lease: Option<Lease>,
    /// The place among the items of a batch, which are written together.
    pub(crate) seat: Option<Arc<Seat>>,
    /// The function of the value.
    pub(crate) site: Option<&'static Site>,
    /// Whether the caller has continued, and the write already runs in its own task.
    pub(crate) behind: bool,
}

impl Engine {
    /// Stores a value that was committed in memory in the remote tier.
    pub(super) async fn store(
        self: &Arc<Self>,
        committed: Result<Committed, Superseded>,
        fill: FillTarget,
        entry: &Stored,
        (replaces, behind): (bool, bool),
        (seat, site): (Option<Arc<Seat>>, Option<&'static Site>),
    ) {
        let committed =
            match self.stored_here(committed, &fill, entry, replaces, &(seat.clone(), site)) {
                Ok(committed) => committed,
                Err(overtaken) => {
                    // The event that overtook a refresh may be older than it: a late message about an earlier
                    // eviction elsewhere.
                    if !overtaken.here
                        && fill.codec().is_some()
                        && let Err(error) = self.replaced_in_vain(&entry.key, replaces).await
                    {
                        log_failure("an older value was not evicted everywhere", &error);
                    }
                    return;
                }
            };
        let (Some(codec), lease) = (fill.codec(), fill.lease()) else { return };
        let terms = WriteOptions { replaces, lease, seat, site, behind };
        let written = boxed(|| self.write_remote(committed, codec, entry, terms)).await;
        match written {
            // Already reported, once for each type.
            Ok(()) | Err(crate::base::Error::Encode { .. }) => {}
            Err(error) => log_failure("a loaded value was not stored remotely", &error),
        }
    }

    /// What a store does in this process: counts the value, or the eviction that ended its ticket.
    pub(super) fn stored_here(
        &self,
        committed: Result<Committed, Superseded>,
        fill: &FillTarget,
        entry: &Stored,
        replaces: bool,
        (seat, site): &(Option<Arc<Seat>>, Option<&'static Site>),
    ) -> Result<Committed, Superseded> {
        if let (FillTarget::Failed(_), true, Some(remote)) = (fill, replaces, &self.remote) {
            // The value to be replaced is still there.
            drop(remote.attempt(&entry.key));
        }
        match &committed {
            Ok(_) => self.count_store(*site),
            Err(_) => {
                self.fenced(*site, &entry.key);
                // There is nothing to write: the other items do not wait for the eviction.
                seat.iter().for_each(|seat| seat.waits());
            }
        }
        committed
    }

    /// Counts a stored value. Without memory, only values that can be encoded are stored.
    pub(crate) fn count_store(&self, site: Option<&'static Site>) {
        if self.memory.is_some() {
            self.counters.of(site).stores();
        }
    }

    /// The remote half of a put, a change or a refresh whose value stays in memory: removes the older value that the
    /// remote tier may have, and that memory would be filled with later. Does nothing for a value that is not of a
    /// kind that the remote tier can have.
    pub(super) async fn evict_skipped(
        &self,
        committed: Committed,
        request: &Request,
        entry: &Stored,
    ) -> Result<(), crate::base::Error> {
        let Some(remote) = self.remote.as_ref().filter(|_| request.skips_remote(self)) else {
            return Ok(());
        };
        let id = KeyId::of(&entry.key);
        // If this is dropped half-way, it is unknown which value the store has.
        let otherwise = self.evict_otherwise(id, &entry.key, true);
        let eviction = Selection::Keys(vec![entry.key.to_string()]);
        // In the key's turn: an older write may be in progress. Afterwards the loads end that may have read the older
        // value meanwhile.
        let evicted = committed.write(true, remote.evict(eviction, None), || ()).await;
        otherwise.settled();
        let Some(evicted) = evicted else {
            // An eviction came. It may still be in progress, and a soft one leaves the older value in the tier.
            return self.evict_replaced(&entry.key).await;
        };
        if !(committed.is_alive() && self.holds_no_other(entry)) {
            // A read has taken the older value into memory meanwhile.
            drop(self.forget(id, FenceScope::Loads, RemovalCause::Key));
        }
        if let Err(error) = evicted {
            self.counters.of(request.site).remote_errors();
            return Err(error.into());
        }
        Ok(())
    }

    /// Reads the fleet's generations of the request's tags, for a load that is about to begin. The items of a
    /// batch read them together, at their `seat`s.
    pub(crate) async fn stamp_remotely(
        &self,
        request: &Request,
        ticket: &mut Ticket,
        seat: Option<&Arc<Seat>>,
    ) {
        let Some(remote) = &self.remote else { return };
        let tags: Vec<&str> = request.tags().collect();
        let keep = request.keeps_generations();
        let together = match seat {
            Some(seat) => seat.learn(&tags, keep).await,
            None => None,
        };
        let learned = match together {
            Some(learned) => learned,
            None => remote.learn(&tags, keep, &self.generations).await,
        };
        match learned {
            Ok(learned) => ticket.stamp(learned.space, &learned.tags),
            Err(_) => self.counters.of(request.site).remote_errors(),
        }
    }

    /// Writes to the remote tier, in a separate task if there is a runtime: an eviction waits for writes in
    /// progress (for a limited time), so these must not depend on a caller that may stop polling.
    pub(crate) async fn write_remote(
        self: &Arc<Self>,
        committed: Committed,
        codec: Coder,
        entry: &Stored,
        terms: WriteOptions,
    ) -> Result<(), crate::base::Error> {
        let (engine, entry, site) = (Arc::clone(self), Arc::clone(entry), terms.site);
        let key = entry.key.to_string();
        let behind = terms.behind;
        // A value's `Serialize` may call cached functions, so it stays in its caller's test kit.
        let writing = async move { engine.write_now(committed, codec, &entry, terms).await };
        let panicked = || Err(self.unencodable(site, &key, "its `Serialize` panicked".to_owned()));
        if behind {
            let written = AssertUnwindSafe(writing).catch_unwind().await;
            return written.unwrap_or_else(|_| panicked());
        }
        let writing = with_scope(world::current(), writing);
        match tokio::runtime::Handle::try_current() {
            // A task that was cancelled with its runtime has dropped its guard, so the eviction is pending.
            Ok(runtime) => match runtime.spawn(writing).await {
                Ok(written) => written,
                Err(error) if error.is_panic() => panicked(),
                Err(_) => Ok(()),
            },
            Err(_) => writing.await,
        }
    }

    async fn write_now(
        &self,
        committed: Committed,
        codec: Coder,
        entry: &Stored,
        WriteOptions { replaces, lease, seat, site, .. }: WriteOptions,
    ) -> Result<(), crate::base::Error> {
        let Some(remote) = &self.remote else { return Ok(()) };
        let attempt = Some(remote.attempt(&entry.key));
        let mut unsure = UncertainWrite { committed: &committed, replaces, attempt };
        let aside = || seat.as_ref().map(Seat::aside);
        let ready = self.before_write(remote, &entry.key, aside).await;
        // Made after that wait: the envelope has the remaining lifetime.
        let envelope = self.envelope(&entry.life(), committed.stamps());
        let place = (self.namespace.as_str(), &*entry.key);
        let bytes = match self.wire.write(codec, place, &envelope, entry.any()) {
            Ok(bytes) => bytes,
            Err(message) => return Err(self.unencodable(site, &entry.key, message)),
        };
        if self.memory.is_none() {
            self.counters.of(site).stores();
        }
        let ttl = Some(self.remote_ttl(&entry.life()));
        let depends = remote.depends(&envelope);
        let token = lease.as_ref().map(Lease::token);
        let writing = Writing { bytes, ttl, announce: replaces, depends };
        let writing = async {
            let stored = match &seat {
                Some(seat) => seat.write(&entry.key, writing, token).await,
                None => remote.write(&entry.key, writing, token).await,
            };
            let stored = stored?;
            let overtaken = stored && token.is_none() && !committed.is_alive();
            let taken_back = overtaken && self.take_back(remote, &entry.key).await;
            Ok((stored, taken_back))
        };
        let written = match ready {
            Ok(()) => committed.write(replaces, writing, aside).await,
            Err(error) => {
                drop(writing);
                Some(Err(error))
            }
        };
        // Whether or not it was written: the other items do not wait for what follows.
        seat.iter().for_each(|seat| seat.waits());
        if replaces && !(committed.is_alive() && self.holds_no_other(entry)) {
            // A read may have taken the old value from the remote tier during the write, if the entry was
            // removed from memory: by an eviction that may still be in progress, by the end of an earlier
            // one, or by a message about one.
            drop(self.forget(KeyId::of(&entry.key), FenceScope::Loads, RemovalCause::Key));
        }
        match written {
            Some(Err(error)) => {
                self.counters.of(site).remote_errors();
                if lease.as_ref().is_some_and(Lease::is_late) {
                    // Another process may have taken over, and then its value is the fleet's.
                    self.refused(site, entry);
                }
                return Err(error.into());
            }
            Some(Ok((true, taken_back))) => {
                self.counters.of(site).remote_stores();
                self.advise_on_ttl(site, entry);
                if taken_back {
                    unsure.settle();
                }
                if let Some(lease) = lease {
                    lease.spent();
                    // If an eviction had come before, it would have ended the lease. So it came later, and
                    // removes the stored value.
                    unsure.settle();
                }
            }
            Some(Ok((false, _))) => {
                // The lease was lost: an eviction came in another process, or another leader. In both cases
                // the value loaded here is not the fleet's.
                self.refused(site, entry);
                self.replaced_in_vain(&entry.key, replaces).await?;
                unsure.settle();
            }
            None => {
                self.fenced(site, &entry.key);
                self.replaced_in_vain(&entry.key, replaces).await?;
                unsure.settle();
            }
        }
        unsure.replaces = false;
        Ok(())
    }

    /// Carries out pending evictions first: while the write has its turn, a pending eviction may wait for it.
    /// The result of `aside` is held meanwhile, because another item of the batch may have its turn.
    async fn before_write<A>(
        &self,
        remote: &Arc<Remote>,
        key: &str,
        aside: impl FnOnce() -> A,
    ) -> Result<(), BackendError> {
        if !remote.hinders_write(key) {
            return Ok(());
        }
        let _aside = aside();
        remote.before_write(key).await
    }

    /// Removes the value, because an eviction or a put came while it was stored without a lease. The write
    /// still has its turn; otherwise this could remove the value of the next one. Returns whether it
    /// succeeded.
    async fn take_back(&self, remote: &Remote, key: &str) -> bool {
        remote.evict(Selection::Keys(vec![key.to_owned()]), None).await.is_ok()
    }

    /// No codec can represent the value. (The type and the reason are reported once: see `codec::schema`.)
    pub(super) fn unencodable(
        &self,
        site: Option<&'static Site>,
        key: &str,
        message: String,
    ) -> crate::base::Error {
        self.counters.of(site).refused();
        tracing::debug!(
            target: "larder::remote",
            cache = self.signals.cache,
            key,
            "larder: a value can't be encoded: not stored"
        );
        crate::base::Error::Encode { key: key.to_owned(), message }
    }

    /// Counts a loaded value that is not stored because an eviction came.
    pub(crate) fn fenced(&self, site: Option<&'static Site>, key: &str) {
        self.counters.of(site).fenced();
        tracing::debug!(target: "larder::remote", cache = self.signals.cache, key, "larder: an eviction came: not stored");
    }

    /// The store has not accepted the loaded value, or may not have: removes it from memory, too.
    fn refused(&self, site: Option<&'static Site>, entry: &Stored) {
        self.fenced(site, &entry.key);
        if let Some(memory) = &self.memory
            && self.fences.reclaim(KeyId::of(&entry.key), entry, memory)
        {
            self.signals.left(RemovalCause::Elsewhere, 1, [&*entry.key]);
        }
    }

    /// Whether memory has this entry, or none, under its key.
    fn holds_no_other(&self, entry: &Stored) -> bool {
        let held = self.memory.as_ref().and_then(|memory| memory.get(KeyId::of(&entry.key)));
        held.is_none_or(|held| Arc::ptr_eq(&held, entry))
    }

    /// Nothing was stored, so the value to be replaced may still be there: removes it.
    async fn replaced_in_vain(&self, key: &str, replaces: bool) -> Result<(), crate::base::Error> {
        match replaces {
            true => self.evict_replaced(key).await,
            false => Ok(()),
        }
    }

    /// How long the remote tier keeps an entry: until the last moment at which it can be of use. An entry
    /// that never expires gets a hundred years, because readers compute an entry's age from its remaining
    /// time.
    pub(crate) fn remote_ttl(&self, life: &Lifetime) -> Duration {
        let kept = life.keep_until.since(self.clock.now()).unwrap_or(LONGEST);
        let idle = if life.idle.is_zero() { LONGEST } else { life.idle.get() };
        kept.min(idle).min(LONGEST)
    }
}

impl FillTarget {
    /// Why the remote tier is not used.
    pub(super) fn error(&self) -> Option<&BackendError> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Memory | Self::Plain(_) | Self::Leased(..) => None,
        }
    }

    pub(super) fn codec(&self) -> Option<Coder> {
        match self {
            Self::Memory | Self::Failed(_) => None,
            Self::Plain(codec) | Self::Leased(codec, _) => Some(*codec),
        }
    }

    /// The lease of the fill.
    pub(super) fn held(&self) -> Option<&Lease> {
        match self {
            Self::Leased(_, lease) => Some(lease),
            Self::Memory | Self::Failed(_) | Self::Plain(_) => None,
        }
    }

    pub(super) fn held_mut(&mut self) -> Option<&mut Lease> {
        match self {
            Self::Leased(_, lease) => Some(lease),
            Self::Memory | Self::Failed(_) | Self::Plain(_) => None,
        }
    }

    fn lease(self) -> Option<Lease> {
        match self {
            Self::Leased(_, lease) => Some(lease),
            Self::Memory | Self::Failed(_) | Self::Plain(_) => None,
        }
    }
}

/// A write to the remote tier with an unknown outcome. Dropping it makes the key's eviction pending:
///
/// - if an eviction came during the write, because the old value may arrive after the removal;
/// - if the write was to replace a value and may not have done so.
struct UncertainWrite<'a> {
    committed: &'a Committed,
    replaces: bool,
    attempt: Option<Attempt<'a>>,
}

impl UncertainWrite<'_> {
    fn settle(&mut self) {
        if let Some(attempt) = self.attempt.take() {
            attempt.settled();
        }
    }
}

impl Drop for UncertainWrite<'_> {
    fn drop(&mut self) {
        if self.committed.is_alive() && !self.replaces {
            self.settle();
        }
    }
}
