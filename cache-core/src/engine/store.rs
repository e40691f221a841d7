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
use super::test_scope::carried;
use crate::base::{BackendError, boxed};
use crate::codec::Coder;
use crate::entry::{Lifetime, Stored};
use crate::key::KeyId;
use crate::memory::{Committed, FenceScope, Superseded, Ticket};
use crate::remote::{Attempt, Remote, RemoteEviction, Writing};
use crate::stats::{RemovalCause, log_failure};

/// The longest time for which the remote tier is told to keep an entry.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Where a loaded value may go.
pub(crate) enum FillTarget {
    Memory,
    /// Nowhere else: the remote tier failed, or could not be asked for leave.
    Failed(BackendError),
    /// To a remote tier without leases.
    Plain(Coder),
    Leased(Coder, Lease),
}

/// How a value may be written to the remote tier.
pub(crate) struct WriteOptions {
    /// Whether it replaces what others may hold in memory.
    pub(crate) replaces: bool,
    pub(crate) lease: Option<Lease>,
    /// Among the items of a batch, if it is one: they are written together.
    pub(crate) seat: Option<Arc<Seat>>,
    /// The function whose value it is.
    pub(crate) site: Option<&'static Site>,
    /// The caller has gone on, and the write runs in a task of its own already.
    pub(crate) behind: bool,
}

impl Engine {
    /// Stores in the remote tier what was committed in memory.
    pub(super) async fn store(
        self: &Arc<Self>,
        committed: Result<Committed, Superseded>,
        fill: FillTarget,
        entry: &Stored,
        (replaces, behind): (bool, bool),
        (seat, site): (Option<Arc<Seat>>, Option<&'static Site>),
    ) {
        if let (FillTarget::Failed(_), true, Some(remote)) = (&fill, replaces, &self.remote) {
            // What was to be replaced is there still.
            drop(remote.owing(&entry.key));
        }
        let committed = match committed {
            Ok(committed) => committed,
            Err(overtaken) => {
                self.fenced(site, &entry.key);
                // What overtook a refresh may have been older than it: the news of an earlier one elsewhere.
                if !overtaken.here
                    && fill.codec().is_some()
                    && let Err(error) = self.replaced_in_vain(&entry.key, replaces).await
                {
                    log_failure("an older value was not evicted everywhere", &error);
                }
                return;
            }
        };
        self.count_store(site);
        let (Some(codec), lease) = (fill.codec(), fill.lease()) else { return };
        let terms = WriteOptions { replaces, lease, seat, site, behind };
        let written = boxed(|| self.write_remote(committed, codec, entry, terms)).await;
        match written {
            // Said already, once for each type.
            Ok(()) | Err(crate::base::Error::Encode { .. }) => {}
            Err(error) => log_failure("a loaded value was not stored remotely", &error),
        }
    }

    /// Counts a value as stored in memory. Without memory only what can be encoded is stored.
    pub(crate) fn count_store(&self, site: Option<&'static Site>) {
        if self.memory.is_some() {
            self.counters.of(site).stores();
        }
    }

    /// The generations of the request's tags as the fleet has them, for a load that is about to begin.
    pub(crate) async fn stamp_remotely(&self, request: &Request, ticket: &mut Ticket) {
        let Some(remote) = &self.remote else { return };
        let tags: Vec<&str> = request.tags().collect();
        match remote.learn(&tags, request.keeps_generations(), &self.generations).await {
            Ok(learned) => ticket.stamp(learned.space, &learned.tags),
            Err(_) => self.counters.of(request.site).remote_errors(),
        }
    }

    /// Writes to the remote tier, in a task of its own where there is a runtime: an eviction waits for
    /// the writes under way (for a time), so these are not to depend on a caller who may stop polling.
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
        // A value's `Serialize` may call cached functions: it stays in its caller's test kit.
        let writing = async move { engine.write_now(committed, codec, &entry, terms).await };
        let panicked = || Err(self.unencodable(site, &key, "its `Serialize` panicked".to_owned()));
        if behind {
            let written = AssertUnwindSafe(writing).catch_unwind().await;
            return written.unwrap_or_else(|_| panicked());
        }
        let writing = carried(world::current(), writing);
        match tokio::runtime::Handle::try_current() {
            // A task that was cancelled with its runtime has dropped its guard: the eviction is owed.
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
        let owing = Some(remote.owing(&entry.key));
        let mut unsure = UncertainWrite { committed: &committed, replaces, owing };
        let aside = || seat.as_ref().map(Seat::aside);
        let ready = self.before_write(remote, &entry.key, aside).await;
        // After that wait: the store is told how much is left of the value's life.
        let envelope = self.envelope(&entry.life, committed.stamps());
        let place = (self.namespace.as_str(), &*entry.key);
        let bytes = match self.wire.write(codec, place, &envelope, entry.any()) {
            Ok(bytes) => bytes,
            Err(message) => return Err(self.unencodable(site, &entry.key, message)),
        };
        if self.memory.is_none() {
            self.counters.of(site).stores();
        }
        let ttl = Some(self.remote_ttl(&entry.life));
        let depends = remote.depends(&envelope);
        let token = lease.as_ref().map(Lease::token);
        let writing = Writing { bytes, ttl, announce: replaces, depends };
        let writing = async {
            let stored = match &seat {
                // Leases are each key's own, and so are the writes under them.
                Some(seat) if token.is_none() => seat.write(&entry.key, writing).await,
                seat => {
                    seat.iter().for_each(|seat| seat.waits());
                    let _turn = match seat {
                        Some(seat) => seat.turns().background().await,
                        None => None,
                    };
                    remote.write(&entry.key, writing, token).await
                }
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
        drop(seat);
        if replaces && !(committed.is_alive() && self.holds_no_other(entry)) {
            // A read may have taken the value that was to be replaced from the remote tier while this ran: if an
            // eviction came, which may not be over yet, or if the end of an earlier one, or the news of one,
            // took the entry out of memory.
            drop(self.forget(KeyId::of(&entry.key), FenceScope::Loads, RemovalCause::Key));
        }
        match written {
            Some(Err(error)) => {
                self.counters.of(site).remote_errors();
                if lease.as_ref().is_some_and(Lease::is_late) {
                    // Another process may have taken over, and what that one stores is what the fleet has.
                    self.refused(site, entry);
                }
                return Err(error.into());
            }
            Some(Ok((true, taken_back))) => {
                self.counters.of(site).remote_stores();
                if taken_back {
                    unsure.settle();
                }
                if let Some(lease) = lease {
                    lease.spent();
                    // An eviction that had been there before would have ended the lease: it comes later, and
                    // removes what was stored.
                    unsure.settle();
                }
            }
            Some(Ok((false, _))) => {
                // The lease was lost: an eviction came in another process, or another leader. Whichever
                // it was, what was loaded here is not what the fleet has.
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

    /// What is owed comes first: while the write has its turn, an eviction that is owed may wait for it. What `aside`
    /// gives is held meanwhile: another item of the batch may have its turn.
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

    /// A change came while a value was stored without a lease: the value goes. The write still has its turn, or this could
    /// remove what the next one stores. Says whether it is done.
    async fn take_back(&self, remote: &Remote, key: &str) -> bool {
        remote.evict(RemoteEviction::Keys(vec![key.to_owned()]), None).await.is_ok()
    }

    /// No codec can represent the value. (What type that is, and why, is said once: see `codec::schema`.)
    fn unencodable(
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

    /// What was loaded is not stored: an eviction came.
    pub(crate) fn fenced(&self, site: Option<&'static Site>, key: &str) {
        self.counters.of(site).fenced();
        tracing::debug!(target: "larder::remote", cache = self.signals.cache, key, "larder: an eviction came: not stored");
    }

    /// The store has not taken what was loaded, or may not have: memory does not keep it either.
    fn refused(&self, site: Option<&'static Site>, entry: &Stored) {
        self.fenced(site, &entry.key);
        if let Some(memory) = &self.memory
            && self.fences.reclaim(KeyId::of(&entry.key), entry, memory)
        {
            self.signals.left(RemovalCause::Elsewhere, 1, [&*entry.key]);
        }
    }

    /// Whether memory has the entry, or nothing, under its key.
    fn holds_no_other(&self, entry: &Stored) -> bool {
        let held = self.memory.as_ref().and_then(|memory| memory.get(KeyId::of(&entry.key)));
        held.is_none_or(|held| Arc::ptr_eq(&held, entry))
    }

    /// Nothing was stored: what was to be replaced may be there still.
    async fn replaced_in_vain(&self, key: &str, replaces: bool) -> Result<(), crate::base::Error> {
        match replaces {
            true => self.evict_replaced(key).await,
            false => Ok(()),
        }
    }

    /// How long the remote tier keeps an entry: to the last moment it can be of use. What has no end gets one, a
    /// hundred years away, because readers tell an entry's age by the time that it has left.
    pub(crate) fn remote_ttl(&self, life: &Lifetime) -> Duration {
        let kept = life.keep_until.since(self.clock.now()).unwrap_or(LONGEST);
        let idle = if life.idle.is_zero() { LONGEST } else { life.idle };
        kept.min(idle).min(LONGEST)
    }
}

impl FillTarget {
    /// Why the remote tier is left out.
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

    /// The lease that it is held by.
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

/// A write to the remote tier whose outcome is not known. Dropped, it leaves the key's eviction owed:
///
/// - if an eviction came while it ran, because the old value may arrive after that one's removal;
/// - if it was to replace a value and is not known to have done so.
struct UncertainWrite<'a> {
    committed: &'a Committed,
    replaces: bool,
    owing: Option<Attempt<'a>>,
}

impl UncertainWrite<'_> {
    fn settle(&mut self) {
        if let Some(owing) = self.owing.take() {
            owing.settled();
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
