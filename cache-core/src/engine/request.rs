//! What a read is to do.

use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;

use super::cell::Contents;
use super::handle::Engine;
use super::site::Site;
use crate::backend::GENERATION_TTL;
use crate::base::PolicyRef;
use crate::codec::Coder;
use crate::key::{KeyBuf, KeyId};
use crate::memory::Ticket;
use crate::tags::{Declared, Tags};

/// What a read is to do: key, rules and the call's own directions.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) key: KeyBuf,
    pub(crate) tags: Tags,
    pub(crate) policy: PolicyRef,
    pub(crate) codec: Option<Coder>,
    pub(crate) mode: Mode,
    /// The first look has drawn the lot to refresh early: not to be drawn again.
    pub(crate) drawn: bool,
    /// A sync function's: its caller's thread waits.
    pub(crate) blocking: bool,
    /// The cell that the value is to end with. Whoever may still store it holds the cell.
    pub(crate) cell: Option<Arc<Contents>>,
    /// The function that it is a call of, which statistics are kept for.
    pub(crate) site: Option<&'static Site>,
}

/// Whether the cache is read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Normal,
    /// Load now, and replace what is cached.
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
            site: None,
        }
    }

    /// The same for another key, whose tags come beside the request's.
    pub(crate) fn rename(&mut self, mut key: KeyBuf) {
        if let Some(of_key) = key.take_tags() {
            self.tags.add(&of_key);
        }
        self.key = key;
    }

    /// The tags that an entry needs to be served, and that one is stored with.
    #[inline]
    pub(crate) fn declared(&self) -> Declared<'_> {
        Declared::new(self.policy.tags, &self.tags)
    }

    pub(crate) fn tags(&self) -> impl Iterator<Item = &str> {
        self.declared().iter()
    }

    /// How long a generation is kept that is minted for its load: for as long as that may take, and be late. What is
    /// stored prolongs it.
    pub(crate) fn keeps_generations(&self) -> Duration {
        self.policy.lease.saturating_add(GENERATION_TTL)
    }

    /// The path of the function that it is a call of.
    pub(crate) fn function(&self) -> Option<&'static str> {
        self.site.map(Site::path)
    }

    /// The codec, if the value may go to a remote tier.
    pub(crate) fn remote_codec(&self, engine: &Engine) -> Option<Coder> {
        let remote = engine.remote.is_some() && !self.policy.local && !self.key.is_here();
        self.codec.filter(|_| remote)
    }

    /// Which flight the request's load is. A sync caller blocks its thread while it waits, so it never
    /// waits for an async load, which may need that very thread.
    pub(crate) fn flight<V: 'static>(&self, id: KeyId) -> (KeyId, TypeId) {
        struct Blocking<V>(V);
        let kind = if self.blocking { TypeId::of::<Blocking<V>>() } else { TypeId::of::<V>() };
        (id, kind)
    }

    /// A ticket for a load that begins now.
    pub(crate) fn ticket(&self, engine: &Arc<Engine>, id: KeyId) -> Ticket {
        self.enlist(engine, id);
        engine.fences.issue(id, self.key.as_str(), engine.generations.stamp(self.tags()))
    }

    /// Tells the cell where its value may come to lie. Before the ticket, without which there is none.
    pub(crate) fn enlist(&self, engine: &Arc<Engine>, id: KeyId) {
        if let Some(cell) = &self.cell {
            cell.enlist(engine, id, self.key.as_str());
        }
    }
}
