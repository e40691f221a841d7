//! The request of a read or a write.

use std::sync::Arc;
use std::time::Duration;

use super::cell::CellContents;
use super::flight::FlightKey;
use super::handle::Engine;
use super::site::Site;
use super::terms::Decide;
use crate::backend::GENERATION_TTL;
use crate::base::{Expiry, PolicyRef};
use crate::codec::Coder;
use crate::entry::ValueType;
use crate::key::{KeyBuf, KeyId};
use crate::memory::Ticket;
use crate::tags::{Declared, Tags};

/// A request: the key, its policy and the call's own directions.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) key: KeyBuf,
    pub(crate) tags: Tags,
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
    pub(crate) fn new(mut key: KeyBuf, policy: PolicyRef, codec: Option<Coder>) -> Self {
        let mut tags = Tags::new();
        if let Some(of_key) = key.take_tags() {
            tags.add(&of_key);
        }
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
            decide: None,
            fails: None,
            site: None,
        }
    }

    /// Changes the key. The tags of the new key are added to the request's.
    pub(crate) fn rename(&mut self, mut key: KeyBuf) {
        if let Some(of_key) = key.take_tags() {
            self.tags.add(&of_key);
        }
        self.key = key;
    }

    /// The tags that an entry needs to be served, and with which a value is stored.
    #[inline]
    pub(crate) fn declared(&self) -> Declared<'_> {
        Declared::new(self.policy.tags, &self.tags)
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
        let remote = engine.remote.is_some() && !self.policy.local && !self.key.is_here();
        self.codec.filter(|_| remote)
    }

    /// The flight of the request's load. A sync caller blocks its thread while it waits, so it never waits
    /// for an async load, which may need that thread.
    pub(crate) fn flight(&self, id: KeyId, kind: ValueType) -> FlightKey {
        (id, kind.id, self.blocking)
    }

    /// Issues a ticket for a load that begins now.
    pub(crate) fn ticket(&self, engine: &Arc<Engine>, id: KeyId) -> Ticket {
        self.enlist(engine, id);
        engine.fences.issue(id, self.key.as_str(), engine.generations.stamp(self.tags()))
    }

    /// Tells the cell where its value may be stored. Called before the ticket is issued: without a ticket
    /// nothing is stored.
    pub(crate) fn enlist(&self, engine: &Arc<Engine>, id: KeyId) {
        if let Some(cell) = &self.cell {
            cell.enlist(engine, id, self.key.as_str());
        }
    }
}
