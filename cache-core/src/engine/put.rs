//! Writes values that were not loaded.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::evict::EvictOnDrop;
use super::handle::Engine;
use super::request::Request;
use super::store::WriteOptions;
use super::table::{Seat, Table};
use super::together::TOGETHER;
use crate::backend::GENERATION_TTL;
use crate::base::{CacheValue, Error, PolicyRef, all_begun};
use crate::codec::Coder;
use crate::memory::Ticket;

/// A write that has begun: it overrides everything that began before, and an eviction from here on overrides
/// it.
pub(crate) struct Begun<'a> {
    request: &'a Request,
    policy: PolicyRef,
    ticket: Ticket,
    /// The codec, if the value goes to the remote tier.
    codec: Option<Coder>,
    /// Evicts the key if the caller is dropped before the value is stored, or if the weigher panics.
    otherwise: EvictOnDrop<'a>,
}

impl Engine {
    /// Stores a value that did not come from a load. It takes a ticket like a load: an eviction during the
    /// remote write wins.
    pub(crate) async fn write_through<T: CacheValue>(
        self: &Arc<Self>,
        request: &Request,
        value: T,
    ) -> Result<(), Error> {
        let mut begun = [self.begin_write(request)?];
        self.stamp_writes(&mut begun).await;
        let [begun] = begun;
        self.end_write(begun, value, None).await
    }

    pub(crate) fn begin_write<'a>(
        self: &'a Arc<Self>,
        request: &'a Request,
    ) -> Result<Begun<'a>, Error> {
        let policy = match self.completed(request) {
            Some(completed) => completed.policy,
            None => request.policy.clone(),
        };
        policy.check()?;
        let id = request.key.id();
        request.enlist(self);
        let stamps = self.generations.stamp(request.tags());
        let ticket = self.fences.issue_write(&request.key, stamps);
        let codec = request.remote_codec(self);
        let there = codec.is_some() || request.skips_remote(self);
        let otherwise = self.evict_otherwise(id, request.key.as_str(), there);
        Ok(Begun { request, policy, ticket, codec, otherwise })
    }

    /// Reads the fleet's generations of the writes' tags, with one request for all.
    pub(crate) async fn stamp_writes(&self, begun: &mut [Begun<'_>]) {
        let shared = || begun.iter().filter(|begun| begun.codec.is_some());
        let Some(remote) = self.remote.as_ref().filter(|_| shared().next().is_some()) else {
            return;
        };
        let mut tags: Vec<&str> = shared().flat_map(|begun| begun.request.tags()).collect();
        tags.sort_unstable();
        tags.dedup();
        let learned = match remote.learn(&tags, GENERATION_TTL, &self.generations).await {
            Ok(learned) => learned,
            Err(_) => return self.counters.direct.remote_errors(),
        };
        for Begun { ticket, .. } in begun.iter_mut().filter(|begun| begun.codec.is_some()) {
            let now = ticket.stamps.tags.iter().map(|(tag, seen)| {
                match tags.binary_search(&&*tag.name) {
                    Ok(at) => learned.tags.get(at).copied().unwrap_or_default(),
                    Err(_) => *seen,
                }
            });
            let now: Vec<u64> = now.collect();
            ticket.stamp(learned.space, &now);
        }
    }

    /// Stores the value. With a `seat`, it goes to the remote tier together with the other writes.
    pub(crate) async fn end_write<T: CacheValue>(
        self: &Arc<Self>,
        Begun { request, policy, ticket, codec, otherwise }: Begun<'_>,
        value: T,
        seat: Option<Arc<Seat>>,
    ) -> Result<(), Error> {
        let entry = self.entry(request, ticket.of_entry(), value, (&policy, Duration::ZERO));
        // Ends the loads and puts that began before.
        let committed = ticket.commit_over(request.place(self), &entry);
        // From here on the write itself removes the value if it fails.
        otherwise.settled();
        let Ok(committed) = committed else {
            // An eviction or a put of this process came.
            self.fenced(request.site, request.key.as_str());
            drop(seat);
            return match codec {
                Some(_) => self.evict_replaced(request.key.as_str()).await,
                None if request.skips_remote(self) => {
                    self.evict_replaced(request.key.as_str()).await
                }
                None => Ok(()),
            };
        };
        if codec.is_some() || request.uses_memory() {
            self.count_store(request.site);
        }
        let Some(codec) = codec else {
            drop(seat);
            return self.evict_skipped(committed, request, &entry).await;
        };
        // Writes of the key that are in progress end first: one lock per key orders them.
        let terms =
            WriteOptions { replaces: true, lease: None, seat, site: request.site, behind: false };
        self.write_remote(committed, codec, &entry, terms).await
    }
}

impl Engine {
    /// Puts many values: those that no transaction holds go together.
    pub(crate) async fn put_many<T: CacheValue>(
        self: &Arc<Self>,
        mut entries: Vec<(Request, T)>,
    ) -> Result<(), Error> {
        // The last value of a key counts, so the list is reversed for the search.
        let mut known = HashSet::new();
        entries.reverse();
        entries.retain(|(request, _)| known.insert(request.key.id()));
        entries.reverse();
        let (of, mut failed) = (entries.len(), Vec::new());
        if entries.iter().any(|(request, _)| request.is_read_only()) {
            // One policy is that of all. The cached values are known to be old.
            let keys = entries.into_iter().map(|(request, _)| request.key);
            let keys: Vec<_> = keys.collect();
            return self.invalidate_keys(&keys).await.map(drop);
        }
        let mut note = |request: &Request, result: Result<(), Error>| {
            failed.extend(result.err().map(|error| (request.key.as_str().to_owned(), error)));
        };
        if self.puts_at_once() {
            let mut entries = entries.into_iter().peekable();
            while entries.peek().is_some() {
                self.write_together(entries.by_ref().take(TOGETHER).collect(), &mut note).await?;
            }
        } else {
            for (request, value) in entries {
                note(&request, self.put(&request, value).await);
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(Error::Several { failed, of }) }
    }

    async fn write_together<T: CacheValue>(
        self: &Arc<Self>,
        entries: Vec<(Request, T)>,
        note: &mut (impl FnMut(&Request, Result<(), Error>) + Send),
    ) -> Result<(), Error> {
        let (requests, values): (Vec<Request>, Vec<T>) = entries.into_iter().unzip();
        let mut begun = Vec::with_capacity(requests.len());
        for request in &requests {
            begun.push(self.begin_write(request)?);
        }
        self.stamp_writes(&mut begun).await;
        let table = Table::new(self);
        let seats: Vec<Arc<Seat>> = begun.iter().map(|_| Seat::storing(&table)).collect();
        let writes = begun.into_iter().zip(values).zip(seats);
        let writes =
            writes.map(|((begun, value), seat)| Box::pin(self.end_write(begun, value, Some(seat))));
        let written = all_begun(writes.collect()).await;
        requests.iter().zip(written).for_each(|(request, written)| note(request, written));
        Ok(())
    }
}
