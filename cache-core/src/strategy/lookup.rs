//! Asking the tiers: the memory tier at once, the remote tier with a ticket in hand.

use crate::cache::Inner;
use crate::clock::Timestamp;
use crate::codec::{self, Codec, Frame};
use crate::entry::{Freshness, Lifetime, Stored};
use crate::invalidation::{Stamps, Ticket, Validity};
use crate::key::KeyId;
use crate::strategy::read::Plan;
use crate::value::CacheValue;
use crate::{BackendError, Cached, Source};

/// What the memory tier has.
pub(crate) enum Look<V> {
    Fresh(Cached<V>),
    Stale(Cached<V>),
    /// There is an entry, but evictions may have been missed: the remote tier is to be asked.
    Unverified,
    Nothing,
}

impl Inner {
    /// One look at the memory tier: no lock that a writer holds for long, no allocation beyond
    /// what the value's `Clone` does.
    #[inline]
    pub(crate) fn look<V: CacheValue>(&self, id: KeyId) -> Look<V> {
        let Some(memory) = &self.memory else { return Look::Nothing };
        let found = memory.with(id, |entry| {
            let now = self.clock.now();
            let freshness = entry.life.at(now);
            if freshness == Freshness::Expired {
                return Look::Nothing;
            }
            match self.generations.check(&entry.stamps) {
                Validity::Evicted => return Look::Nothing,
                Validity::Unverified => return Look::Unverified,
                Validity::Valid => {}
            }
            let Some(value) = entry.value::<V>() else { return Look::Nothing };
            let age = now.since(entry.life.created).unwrap_or_default();
            let cached = |source| Cached { value: value.clone(), source, age };
            match freshness {
                Freshness::Fresh => Look::Fresh(cached(Source::Memory)),
                _ => Look::Stale(cached(Source::Stale)),
            }
        });
        found.unwrap_or(Look::Nothing)
    }

    /// The memory tier's entry, if no eviction is known against it and it is not expired.
    pub(crate) fn unverified(&self, id: KeyId) -> Option<Stored> {
        let entry = self.memory.as_ref()?.get(id)?;
        let usable = self.generations.current(&entry.stamps)
            && entry.life.at(self.clock.now()) == Freshness::Fresh;
        usable.then_some(entry)
    }

    /// Asks the remote tier for the plan's key, and for the generations of its tags. These replace
    /// the ticket's stamps: a load that follows is judged by what the fleet knew before it.
    pub(crate) async fn look_remote(
        &self,
        plan: &Plan,
        codec: Codec,
        ticket: &mut Ticket,
    ) -> Result<Option<Stored>, BackendError> {
        let Some(remote) = &self.remote else { return Ok(None) };
        let key = plan.key.as_str();
        let tags: Vec<&str> = plan.tags().collect();
        let found = remote.read(key, &tags, &self.generations).await;
        let found = found.inspect_err(|_| self.counters.remote_errors())?;
        ticket.stamps.space = found.space;
        for ((_, seen), current) in ticket.stamps.tags.iter_mut().zip(&found.tags) {
            *seen = *current;
        }
        match found.bytes {
            Some(bytes) => self.decode(plan, codec, ticket, &bytes, &tags, found.space).await,
            None => Ok(None),
        }
    }

    /// The entry in `bytes`, if it is whole, of the right type, fresh and not evicted. `known` are
    /// the tags whose generations were just read.
    pub(crate) async fn decode(
        &self,
        plan: &Plan,
        codec: Codec,
        ticket: &Ticket,
        bytes: &[u8],
        known: &[&str],
        space: u64,
    ) -> Result<Option<Stored>, BackendError> {
        let opened = codec::open(plan.key.as_str(), bytes)
            .filter(|(envelope, _)| envelope.fingerprint == (codec.fingerprint)());
        let Some((envelope, payload)) = opened else {
            self.counters.foreign();
            return Ok(None);
        };
        let names: Vec<&str> = envelope.tags.iter().map(|(name, _)| name.as_str()).collect();
        if let Some(remote) =
            self.remote.as_ref().filter(|_| !names.iter().all(|name| known.contains(name)))
        {
            // Written under other tags (by an older version of the function, or by another one):
            // their generations are the fleet's to tell.
            remote.learn(&names, &self.generations).await?;
        }
        let mut stamps = self.generations.stamp(names.iter().copied());
        stamps.epoch = ticket.stamps.epoch;
        if names == known {
            stamps.moved = ticket.stamps.moved;
        }
        stamps.space = envelope.space;
        for ((_, seen), (_, written)) in stamps.tags.iter_mut().zip(&envelope.tags) {
            *seen = *written;
        }
        let life = self.life_of(&envelope);
        // A stale entry is none here: the leader that asks is about to load, or is the refresh.
        let usable = envelope.space == space
            && self.generations.current(&stamps)
            && !crate::scope::hides(self, plan, &stamps)
            && life.at(self.clock.now()) == Freshness::Fresh;
        if !usable {
            return Ok(None);
        }
        let frame = Frame { life, stamps, key: plan.key.as_str().into() };
        let decoded = (codec.decode)(payload, frame);
        if decoded.is_none() {
            self.counters.foreign();
        }
        Ok(decoded)
    }

    /// The envelope's moments in this process's time. A promotion never lengthens a life: what
    /// remains in the remote tier is what the memory tier gets.
    fn life_of(&self, envelope: &codec::Envelope) -> Lifetime {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let local = |moment: u64| {
            if moment == u64::MAX {
                return Timestamp::NEVER;
            }
            // A clock behind the writer's must not lengthen the life: at most all of it is left.
            let from = wall.max(envelope.created);
            now.after(std::time::Duration::from_millis(moment.saturating_sub(from)))
        };
        let age = std::time::Duration::from_millis(wall.saturating_sub(envelope.created));
        Lifetime {
            created: now.before(age),
            fresh_until: local(envelope.fresh_until),
            stale_until: local(envelope.stale_until),
        }
    }

    /// The other way: the entry's moments in wall time.
    pub(crate) fn envelope(
        &self,
        fingerprint: u64,
        life: &Lifetime,
        stamps: &Stamps,
    ) -> codec::Envelope {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let moment = |at: Timestamp| match at.since(now) {
            None => u64::MAX,
            Some(left) => wall.saturating_add(u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
        };
        codec::Envelope {
            fingerprint,
            created: wall,
            fresh_until: moment(life.fresh_until),
            stale_until: moment(life.stale_until),
            space: stamps.space,
            tags: stamps.tags.iter().map(|(tag, seen)| (tag.name.to_string(), *seen)).collect(),
        }
    }
}

/// Puts an entry of the remote tier into the memory tier, through the ticket that was issued before
/// the remote tier was asked: an eviction since then wins.
pub(crate) fn promote(inner: &Inner, ticket: Ticket, entry: &Stored) {
    if ticket.commit(inner.memory.as_ref(), entry).is_none() {
        inner.counters.fenced();
    }
}
