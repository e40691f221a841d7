//! The request of a read or a write.

use std::sync::Arc;
use std::time::Duration;

use super::cell::CellContents;
use super::flight::FlightKey;
use super::handle::Engine;
use super::site::Site;
use super::terms::Decide;
use crate::backend::GENERATION_TTL;
use crate::base::{Access, Expiry, PolicyRef, Tiers, Usage};
use crate::codec::Coder;
use crate::entry::ValueType;
use crate::key::{EntryKey, KeyBuf};
use crate::memory::{MemoryTier, StoreHere, Ticket};
use crate::tags::{Declared, RequestTags};

/// A request: the key, its policy and the call's own directions.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) key: EntryKey,
    pub(crate) tags: RequestTags,
    pub(crate) policy: PolicyRef,
    pub(crate) codec: Option<Coder>,
    pub(crate) mode: Mode,
    /// Whether the first look has decided to refresh early, so that the random choice is not repeated.
    pub(crate) drawn: bool,
    /// Set for a sync function, whose caller blocks its thread while it waits.
    pub(crate) blocking: bool,
    /// The cell with which the value ends. Every load that may still store the value holds the cell.
    pub(crate) cell: Option<Arc<CellContents>>,
    /// The time to live of the call's directions.
    pub(crate) ttl: Option<Expiry>,
    /// The tiers and the access of the call's directions. The policy has them, too.
    pub(crate) usage: Usage,
    /// What the function decides about a value.
    pub(crate) decide: Option<Decide>,
    /// What a load by hand decides about an error.
    pub(crate) fails: Option<Decide>,
    /// The called function, for statistics.
    pub(crate) site: Option<&'static Site>,
}

/// Whether the cache is read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Normal,
    /// Also returns a value that is not fresh.
    AcceptStale,
    /// Loads now, and replaces the cached value.
    Refresh,
    Bypass,
}

impl Request {
    /// A request for a key that a user has given. It has the tags of the key.
    pub(crate) fn by_hand(key: &KeyBuf, policy: PolicyRef, codec: Option<Coder>) -> Self {
        let mut request = Self::new(EntryKey::from(key), RequestTags::default(), policy, codec);
        key.tags().into_iter().for_each(|tags| request.tags.add(tags));
        request
    }

    pub(crate) fn new(
        key: EntryKey,
        tags: RequestTags,
        policy: PolicyRef,
        codec: Option<Coder>,
    ) -> Self {
        Self {
            key,
            tags,
            policy,
            codec,
            mode: Mode::Normal,
            drawn: false,
            blocking: false,
            cell: None,
            ttl: None,
            usage: Usage::default(),
            decide: None,
            fails: None,
            site: None,
        }
    }

    /// Applies the directions of a call about tiers and access.
    pub(crate) fn use_as(&mut self, usage: Usage) {
        if usage.is_set() {
            self.policy = PolicyRef::Own(Arc::new(usage.of(&self.policy)));
            self.usage = usage;
        }
    }

    /// Changes the key. The tags of the new key are added to the request's.
    pub(crate) fn rename(&mut self, key: &KeyBuf) {
        key.tags().into_iter().for_each(|tags| self.tags.add(tags));
        self.key = EntryKey::from(key);
    }

    /// The tags that an entry needs to be served, and with which a value is stored.
    #[inline]
    pub(crate) fn declared(&self) -> Declared<'_> {
        Declared::new(self.policy.tags, self.tags.as_str())
    }

    pub(crate) fn tags(&self) -> impl Iterator<Item = &str> {
        self.declared().iter()
    }

    /// How long a generation is kept that is created for the request's load: the maximum duration of the
    /// load, plus the time for a late store. The store of a value prolongs it.
    pub(crate) fn keeps_generations(&self) -> Duration {
        self.policy.lease.saturating_add(GENERATION_TTL)
    }

    /// The path of the called function.
    pub(crate) fn function(&self) -> Option<&'static str> {
        self.site.map(Site::path)
    }

    /// A number that identifies the called function, for what its reads are expected to find.
    pub(super) fn function_number(&self) -> usize {
        self.site.map_or(0, |site| std::ptr::from_ref(site).addr())
    }

    /// The codec, if the value may go to a remote tier.
    pub(crate) fn remote_codec(&self, engine: &Engine) -> Option<Coder> {
        self.codec.filter(|_| self.policy.tiers != Tiers::Memory && self.reaches_remote(engine))
    }

    /// The codec, for a read without a load.
    pub(crate) fn wanted_there(&self) -> Option<Coder> {
        self.codec.filter(|_| self.policy.tiers != Tiers::Memory)
    }

    /// Whether the remote tier can have a value under the key.
    pub(crate) fn reaches_remote(&self, engine: &Engine) -> bool {
        engine.remote.is_some() && !self.key.is_here()
    }

    /// Whether the value stays out of a remote tier that may have an older one under the key.
    pub(crate) fn skips_remote(&self, engine: &Engine) -> bool {
        self.policy.tiers == Tiers::Memory && self.codec.is_some() && self.reaches_remote(engine)
    }

    /// The memory tier, if the request uses it.
    pub(crate) fn memory<'e>(&self, engine: &'e Engine) -> Option<&'e MemoryTier> {
        engine.memory.as_ref().filter(|_| self.uses_memory())
    }

    /// Where a value that is stored goes in this process.
    pub(crate) fn place<'e>(&self, engine: &'e Engine) -> StoreHere<'e> {
        match &engine.memory {
            Some(memory) if self.uses_memory() => StoreHere::Keeps(memory),
            Some(memory) => StoreHere::Leaves(memory),
            None => StoreHere::Nothing,
        }
    }

    pub(crate) fn uses_memory(&self) -> bool {
        self.policy.tiers != Tiers::Remote
    }

    /// Whether the request leaves every tier as it is.
    pub(crate) fn is_read_only(&self) -> bool {
        self.policy.access == Access::ReadOnly
    }

    /// Whether the request does not read what is cached.
    pub(crate) fn is_write_only(&self) -> bool {
        self.policy.access == Access::WriteOnly
    }

    /// The flight of the request's load. Only requests that can use each other's result share one:
    ///
    /// - A sync caller blocks its thread while it waits, so it never waits for an async load, which may need that
    ///   thread.
    /// - A load that skips memory lands when its value is in the remote tier, and its waiters accept no older value.
    /// - A load that is read-only stores nothing, and takes no lease.
    pub(crate) fn flight(&self, kind: ValueType) -> FlightKey {
        let class = u8::from(self.blocking)
            | u8::from(!self.uses_memory()) << 1
            | u8::from(self.is_read_only()) << 2;
        (self.key.id(), kind.id, class)
    }

    /// Issues a ticket for a load that begins now.
    pub(crate) fn ticket(&self, engine: &Arc<Engine>) -> Ticket {
        self.enlist(engine);
        engine.fences.issue(&self.key, engine.generations.stamp(self.tags()))
    }

    /// Tells the cell where its value may be stored. Called before the ticket is issued: without a ticket
    /// nothing is stored.
    pub(crate) fn enlist(&self, engine: &Arc<Engine>) {
        if let Some(cell) = &self.cell {
            cell.enlist(engine, &self.key);
        }
    }
}
