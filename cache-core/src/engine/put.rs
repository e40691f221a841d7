//! Writes values that were not loaded.

use std::sync::Arc;
use std::time::Duration;

use super::evict::EvictOnDrop;
use super::handle::Engine;
use super::request::Request;
use super::store::WriteOptions;
use super::table::Seat;
use crate::backend::GENERATION_TTL;
use crate::base::{CacheValue, Error};
use crate::codec::Coder;
use crate::memory::Ticket;

/// A write that has begun: it overrides everything that began before, and an eviction from here on overrides
/// it.
pub(crate) struct Begun<'a> {
    request: &'a Request,
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
        request.policy.check()?;
        let id = request.key.id();
        request.enlist(self, id);
        let stamps = self.generations.stamp(request.tags());
        let ticket = self.fences.issue_write(id, request.key.as_str(), stamps);
        let codec = request.remote_codec(self);
        let otherwise = self.evict_otherwise(id, request.key.as_str(), codec.is_some());
        Ok(Begun { request, ticket, codec, otherwise })
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
            ticket.stamps.space = learned.space;
            for (tag, seen) in &mut ticket.stamps.tags {
                if let Ok(at) = tags.binary_search(&&*tag.name) {
                    *seen = learned.tags.get(at).copied().unwrap_or_default();
                }
            }
        }
    }

    /// Stores the value. With a `seat`, it goes to the remote tier together with the other writes.
    pub(crate) async fn end_write<T: CacheValue>(
        self: &Arc<Self>,
        Begun { request, ticket, codec, otherwise }: Begun<'_>,
        value: T,
        seat: Option<Arc<Seat>>,
    ) -> Result<(), Error> {
        let entry =
            self.entry(request, ticket.stamps.clone(), value, (&request.policy, Duration::ZERO));
        // Ends the loads and puts that began before.
        let committed = ticket.commit_over(self.memory.as_ref(), &entry);
        // From here on the write itself removes the value if it fails.
        otherwise.settled();
        let Ok(committed) = committed else {
            // An eviction or a put of this process came.
            self.fenced(request.site, request.key.as_str());
            drop(seat);
            return match codec {
                Some(_) => self.evict_replaced(request.key.as_str()).await,
                None => Ok(()),
            };
        };
        self.count_store(request.site);
        let Some(codec) = codec else { return Ok(()) };
        // Writes of the key that are in progress end first: one lock per key orders them.
        let terms =
            WriteOptions { replaces: true, lease: None, seat, site: request.site, behind: false };
        self.write_remote(committed, codec, &entry, terms).await
    }
}
