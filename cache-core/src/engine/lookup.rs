//! Looks in the tiers: in the memory tier immediately, in the remote tier with a ticket.

use std::sync::Arc;
use std::time::Duration;

use super::answer::Hit;
use super::early::is_early;
use super::find::TOLERANCE;
use super::handle::Engine;
use super::lease::{Answer as LeaseAnswer, Claim};
use super::life::is_value;
use super::request::{Mode, Request};
use super::scope;
use super::site::{Site, tell_types};
use super::table::Seat;
use crate::backend::VERSION_LEN;
use crate::base::{
    BackendError, BackendErrorKind, CacheValue, Cached, Policy, Source, Timestamp, boxed, millis,
    no_active_scope,
};
use crate::codec;
use crate::codec::{Coder, Foreign};
use crate::entry::{EntryHeader, Freshness, Header, Lifetime, Stored, ValueType};
use crate::key::KeyId;
use crate::memory::Ticket;
use crate::remote;
use crate::remote::{Arrived, Wanted};
use crate::tags::{Declared, TagSnapshot, Validity};

/// The result of a look at the memory tier.
pub(crate) enum Lookup {
    /// A value to serve.
    Hit(Hit),
    /// A value to serve while a refresh runs.
    Renew(Hit),
    /// There is an entry, but evictions may have been missed: the remote tier must be asked.
    Unverified,
    /// There is an entry of this other type.
    Mistyped(&'static str),
    Nothing,
}

/// The result of a look at the remote tier.
#[derive(Default)]
pub(crate) struct Found {
    /// Intact, of the right type, neither evicted nor expired; maybe stale.
    pub(crate) entry: Option<Stored>,
    /// Distinguishes the found bytes from later ones.
    pub(crate) mark: Option<[u8; VERSION_LEN]>,
    /// The found bytes are too short for a mark, so they are not a value.
    pub(crate) unmarked: bool,
    /// The answer to the request for the lease, if the read came with one and found nothing.
    pub(crate) leased: Option<Box<LeaseAnswer>>,
}

/// The tags whose generations are known from the store, when a value is decoded.
struct Known<'a> {
    tags: &'a [&'a str],
    /// The generation of the namespace.
    space: u64,
    /// What this process knew before it asked for the generations; `None` if the tags are those of the ticket.
    before: Option<TagSnapshot>,
}

/// A judged answer of the remote tier.
pub(super) enum Looked {
    Done(Found),
    /// The value has these tags, and the generations of some are not known.
    Unknown {
        value: Arrived,
        names: Vec<String>,
        space: u64,
    },
}

enum Decoded {
    Done(Found),
    /// The value has these tags, and the generations of some are not known.
    Unknown(Vec<String>),
}

/// A read of the remote tier, together with others.
pub(super) fn wanted(request: &Request) -> Wanted<'_> {
    Wanted { key: request.key.as_str(), tags: request.tags().collect() }
}

/// The source of a served entry, from its freshness.
pub(crate) fn source(freshness: Freshness) -> Source {
    match freshness {
        Freshness::Fresh | Freshness::Unconfirmed => Source::Memory,
        Freshness::Stale => Source::Stale,
        Freshness::Kept | Freshness::Expired => Source::FailSafe,
    }
}

/// How an entry in memory may be served.
enum Verdict {
    Hit(Source, Duration),
    Renew(Source, Duration),
    Unverified,
    Nothing,
}

/// What a first look tells besides the value. It is apart from the value, so that a small value stays in a register: a `Cached`
/// that moves through four functions costs a tenth of a hit.
#[derive(Default)]
pub(crate) struct FirstLook {
    /// The age of the value.
    age: Duration,
    /// Without a value: there is a fresh one, and this reader was chosen at random to refresh it early.
    pub(crate) early: bool,
}

impl FirstLook {
    /// The value that the look returned, with what it told.
    #[inline]
    pub(crate) fn with<V>(self, value: V) -> Cached<V> {
        Cached { value, source: Source::Memory, age: self.age }
    }
}

impl Engine {
    /// The complete path of a hit. All reads that may load begin here, for functions, views and handles.
    #[inline]
    pub(crate) fn first_hit<V: CacheValue>(&self, request: &mut Request) -> Option<Cached<V>> {
        let reads = matches!(request.mode, Mode::Normal | Mode::AcceptStale);
        if !reads || scope::shadowed(self, request) {
            return None;
        }
        if !no_active_scope() && self.looks_elsewhere(request) {
            return None;
        }
        let tags = Declared::new(request.policy.tags, request.tags.as_str());
        let (id, mut seen) = (request.key.id(), FirstLook::default());
        let hit = self.first_look(id, tags, &request.policy, request.site, &mut seen);
        request.drawn |= seen.early;
        hit.map(|value| seen.with(value))
    }

    /// One look at the memory tier, for a read under `policy` for which no scope hides the cache.
    #[inline]
    pub(crate) fn first_look<V: CacheValue>(
        &self,
        id: KeyId,
        tags: Declared<'_>,
        policy: &Policy,
        site: Option<&'static Site>,
        seen: &mut FirstLook,
    ) -> Option<V> {
        let hit = self.look_for(id, tags, policy, seen)?;
        self.counters.of(site).memory_hits();
        Some(hit)
    }

    /// The same, without counting a hit. It takes no lock that a writer holds for long, and allocates nothing except in the
    /// value's `Clone`, which runs under the guard of the memory tier. `tags` are those that the reader declares.
    #[inline]
    pub(crate) fn look_for<V: CacheValue>(
        &self,
        id: KeyId,
        tags: Declared<'_>,
        policy: &Policy,
        seen: &mut FirstLook,
    ) -> Option<V> {
        let memory = self.memory.as_ref()?;
        // The verdict and the value are apart: to wrap the value again and again would cost a third of a hit.
        let (mut verdict, mut value) = (Verdict::Nothing, None);
        memory.with(id, |entry| {
            let Some(found) = entry.value::<V>() else { return };
            verdict = self.verdict(entry, tags, policy, false);
            if let Verdict::Hit(Source::Memory, _) = verdict {
                value = Some(found.clone());
            }
        });
        match verdict {
            Verdict::Hit(Source::Memory, age) => {
                seen.age = age;
                value
            }
            Verdict::Renew(Source::Memory, _) => {
                seen.early = true;
                None
            }
            _ => None,
        }
    }

    /// One look at the memory tier, also for old values. `drawn`: this reader was chosen to refresh the entry early.
    pub(crate) fn look(
        &self,
        id: KeyId,
        (tags, kind): (Declared<'_>, ValueType),
        policy: &Policy,
        drawn: bool,
    ) -> Lookup {
        let Some(entry) = self.memory.as_ref().and_then(|memory| memory.get(id)) else {
            return Lookup::Nothing;
        };
        let found = entry.kind();
        if found.id != kind.id {
            return match self.usable(&entry, tags, self.clock.now()) {
                // A cached failure has a type of its own. `kept_failure` serves it.
                Ok(_) if !is_value(&entry) => Lookup::Nothing,
                Ok(_) => Lookup::Mistyped(found.name),
                Err(Verdict::Unverified) => Lookup::Unverified,
                Err(_) => Lookup::Nothing,
            };
        }
        match self.verdict(&entry, tags, policy, drawn) {
            Verdict::Hit(source, age) => Lookup::Hit(Cached { value: entry, source, age }),
            Verdict::Renew(source, age) => Lookup::Renew(Cached { value: entry, source, age }),
            Verdict::Unverified => Lookup::Unverified,
            Verdict::Nothing => Lookup::Nothing,
        }
    }

    /// How an entry of the right type may be served.
    #[inline]
    fn verdict(&self, entry: &Header, tags: Declared<'_>, policy: &Policy, drawn: bool) -> Verdict {
        let now = self.clock.now();
        match self.usable(entry, tags, now) {
            Ok(freshness) => self.served(entry, freshness, (now, drawn), policy),
            Err(verdict) => verdict,
        }
    }

    /// The freshness of an entry that may be used now.
    #[inline]
    fn usable(
        &self,
        entry: &Header,
        tags: Declared<'_>,
        now: Timestamp,
    ) -> Result<Freshness, Verdict> {
        let freshness = entry.at(now);
        if freshness == Freshness::Expired || !tags.are_carried_by(&entry.stamps) {
            return Err(Verdict::Nothing);
        }
        match (self.generations.check(&entry.stamps), freshness) {
            (Validity::Evicted, _) => Err(Verdict::Nothing),
            (Validity::Unverified, Freshness::Fresh) | (_, Freshness::Unconfirmed)
                if self.can_verify_nothing(now) =>
            {
                Ok(freshness)
            }
            (Validity::Unverified, _) | (_, Freshness::Unconfirmed) => Err(Verdict::Unverified),
            (Validity::Valid, _) => Ok(freshness),
        }
    }

    /// How a usable entry is served.
    #[inline]
    fn served(
        &self,
        entry: &Header,
        freshness: Freshness,
        (now, drawn): (Timestamp, bool),
        policy: &Policy,
    ) -> Verdict {
        entry.touch(now);
        let age = now.since(entry.created).unwrap_or_default();
        let source = source(freshness);
        if freshness == Freshness::Fresh && policy.plain_hits {
            return Verdict::Hit(source, age);
        }
        match self.wants(entry, freshness, (now, drawn), policy) {
            RefreshDecision::Nothing => Verdict::Hit(source, age),
            RefreshDecision::Refresh => Verdict::Renew(source, age),
            RefreshDecision::Load => Verdict::Nothing,
        }
    }

    /// Whether the breaker of the remote tier is open: then memory keeps serving fresh entries, and no read
    /// waits for an attempt to reach the tier.
    #[cold]
    fn can_verify_nothing(&self, now: Timestamp) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.is_left_alone(now))
    }

    /// Decides whether an entry that has not expired needs a refresh or a load.
    #[cold]
    fn wants(
        &self,
        entry: &Header,
        freshness: Freshness,
        (now, drawn): (Timestamp, bool),
        policy: &Policy,
    ) -> RefreshDecision {
        if !policy.reads_memory() {
            return RefreshDecision::Load;
        }
        if entry.rests(now) {
            return RefreshDecision::Nothing;
        }
        match freshness {
            Freshness::Fresh
                if drawn || is_early(|| entry.life(), now, policy.early, &self.chance) =>
            {
                RefreshDecision::Refresh
            }
            Freshness::Fresh | Freshness::Unconfirmed => RefreshDecision::Nothing,
            Freshness::Stale => RefreshDecision::Refresh,
            Freshness::Kept | Freshness::Expired => RefreshDecision::Load,
        }
    }

    /// The memory tier's entry, if it carries the `tags`, has no known eviction and is fresh.
    pub(crate) fn unverified(&self, id: KeyId, tags: Declared<'_>) -> Option<Stored> {
        self.still_unverified(self.memory.as_ref()?.get(id)?, tags)
    }

    /// Like [`unverified`](Self::unverified), but does not count as a use of the entry.
    pub(crate) fn peek_unverified(&self, id: KeyId, tags: Declared<'_>) -> Option<Stored> {
        self.still_unverified(self.memory.as_ref()?.peek(id)?, tags)
    }

    fn still_unverified(&self, entry: Stored, tags: Declared<'_>) -> Option<Stored> {
        let usable = tags.are_carried_by(&entry.stamps)
            && self.generations.current(&entry.stamps)
            && matches!(entry.at(self.clock.now()), Freshness::Fresh | Freshness::Unconfirmed);
        usable.then_some(entry)
    }

    /// The memory tier's entry, if it carries the `tags`, is fresh, and no eviction is known or possible.
    pub(crate) fn verified(&self, id: KeyId, tags: Declared<'_>) -> Option<Stored> {
        self.still_verified(self.memory.as_ref()?.get(id)?, tags)
    }

    /// Like [`verified`](Self::verified), but does not count as a use of the entry.
    pub(crate) fn peek_verified(&self, id: KeyId, tags: Declared<'_>) -> Option<Stored> {
        self.still_verified(self.memory.as_ref()?.peek(id)?, tags)
    }

    fn still_verified(&self, entry: Stored, tags: Declared<'_>) -> Option<Stored> {
        if !self.generations.is_linked() {
            return None;
        }
        let valid = tags.are_carried_by(&entry.stamps)
            && self.generations.check(&entry.stamps) == Validity::Valid
            && entry.at(self.clock.now()) == Freshness::Fresh;
        valid.then_some(entry)
    }

    /// Like [`look_remote`](Self::look_remote), and requests the lease of the key in the same step if there is no value.
    pub(super) async fn look_or_claim(
        &self,
        request: &Request,
        codec: Coder,
        ticket: &mut Ticket,
        mut claim: Claim,
    ) -> Result<Found, BackendError> {
        let Some(remote) = &self.remote else { return Ok(Found::default()) };
        let tags: Vec<&str> = request.tags().collect();
        let keep = request.keeps_generations();
        claim.sent();
        let read = remote.read_or_acquire(claim.question(), &tags, keep, &self.generations).await;
        let (found, outcome) = match read {
            Ok(read) => read,
            Err(error) => {
                self.counters.of(request.site).remote_errors();
                if error.kind() == BackendErrorKind::Unreachable {
                    // Usually nothing was sent, and the end of the lease could not be sent either.
                    claim.unneeded();
                }
                return Err(error);
            }
        };
        remote.expected().note(request.function_number(), found.value.is_some());
        let Some(outcome) = outcome else {
            claim.unneeded();
            return match self.looked((request, &tags), codec, ticket, Ok(found))? {
                Looked::Done(found) => Ok(found),
                Looked::Unknown { value, names, space } => {
                    boxed(|| self.decode_after((request, codec), ticket, &value, names, space))
                        .await
                }
            };
        };
        ticket.stamp(found.space, &found.tags);
        let leased = Some(Box::new(claim.answered(outcome, self.chance.fraction())));
        Ok(Found { leased, ..Found::default() })
    }

    /// Reads the request's key in the remote tier, with the generations of its tags. These replace the
    /// ticket's stamps: a load that follows is judged by the fleet's generations from before it. The items of
    /// a batch ask together.
    pub(crate) async fn look_remote(
        &self,
        request: &Request,
        codec: Coder,
        ticket: &mut Ticket,
        seat: Option<&Arc<Seat>>,
    ) -> Result<Found, BackendError> {
        let Some(remote) = &self.remote else { return Ok(Found::default()) };
        let key = request.key.as_str();
        let tags: Vec<&str> = request.tags().collect();
        let keep = request.keeps_generations();
        // Rare steps are in boxes, so that the future of each read is small.
        let together = match seat {
            Some(seat) => boxed(|| seat.read(key, &tags, keep)).await,
            None => None,
        };
        let found = match together {
            Some(found) => found,
            // Two blocks of up to a kilobyte cost allocators less than a larger one.
            None => boxed(|| remote.read(key, &tags, keep, &self.generations)).await,
        };
        if let (Ok(found), None) = (&found, seat) {
            remote.expected().note(request.function_number(), found.value.is_some());
        }
        let looked = self.looked((request, &tags), codec, ticket, found)?;
        match self.whole(looked) {
            Ok(found) => Ok(found),
            Err(looked) => boxed(|| self.look_on((request, codec), ticket, looked, seat)).await,
        }
    }

    /// Judges an answer of the remote tier to a request with these tags. The generations in it become the ticket's.
    pub(super) fn looked(
        &self,
        (request, tags): (&Request, &[&str]),
        codec: Coder,
        ticket: &mut Ticket,
        answer: Result<remote::Found, BackendError>,
    ) -> Result<Looked, BackendError> {
        let answer = answer.inspect_err(|_| self.counters.of(request.site).remote_errors())?;
        ticket.stamp(answer.space, &answer.tags);
        let remote::Found { value: Some(value), space, .. } = answer else {
            return Ok(Looked::Done(Found::default()));
        };
        let known = Known { tags, space, before: None };
        Ok(match self.decode(request, codec, ticket, &value, known) {
            Decoded::Done(found) => Looked::Done(found),
            Decoded::Unknown(names) => Looked::Unknown { value, names, space },
        })
    }

    /// What a look has found, if the remote tier need not be asked for more: see [`look_on`](Self::look_on).
    ///
    /// # Errors
    /// The same look.
    pub(super) fn whole(&self, looked: Looked) -> Result<Found, Looked> {
        match looked {
            Looked::Done(found) if found.entry.is_some() || !self.trusts_tags() => Ok(found),
            more => Err(more),
        }
    }

    /// Asks the remote tier for what a look still needs.
    pub(super) async fn look_on(
        &self,
        (request, codec): (&Request, Coder),
        ticket: &mut Ticket,
        looked: Looked,
        seat: Option<&Arc<Seat>>,
    ) -> Result<Found, BackendError> {
        let found = match looked {
            Looked::Done(found) => found,
            Looked::Unknown { value, names, space } => {
                self.decode_after((request, codec), ticket, &value, names, space).await?
            }
        };
        if found.entry.is_none() && self.trusts_tags() {
            // A load may follow, whose value is stored under the fleet's current generations.
            self.stamp_remotely(request, ticket, seat).await;
        }
        Ok(found)
    }

    fn trusts_tags(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.trusts_tags())
    }

    /// Like [`decode`](Self::decode), for bytes that came later than the generations of the request's tags:
    /// these are then as old as the ticket's.
    pub(crate) async fn decode_late(
        &self,
        request: &Request,
        codec: Coder,
        ticket: &Ticket,
        value: &Arrived,
    ) -> Result<Found, BackendError> {
        let tags: Vec<&str> = request.tags().collect();
        let space = ticket.stamps.space;
        match self.decode(request, codec, ticket, value, Known { tags: &tags, space, before: None })
        {
            Decoded::Done(found) => Ok(found),
            Decoded::Unknown(names) => {
                self.decode_after((request, codec), ticket, value, names, space).await
            }
        }
    }

    /// Decodes a value that was written under other tags (by an older version of the function, or by another one): their
    /// generations must be read from the store.
    async fn decode_after(
        &self,
        (request, codec): (&Request, Coder),
        ticket: &Ticket,
        value: &Arrived,
        names: Vec<String>,
        space: u64,
    ) -> Result<Found, BackendError> {
        let Some(remote) = &self.remote else { return Ok(Found::default()) };
        let tags: Vec<&str> = names.iter().map(String::as_str).collect();
        // Before the generations are read: an eviction by this process during the request must show even if the answer is
        // older.
        let before = Some(self.generations.stamp(tags.iter().copied()));
        remote.learn(&tags, request.keeps_generations(), &self.generations).await?;
        match self.decode(request, codec, ticket, value, Known { tags: &tags, space, before }) {
            Decoded::Done(found) => Ok(found),
            // The same bytes have the same tags.
            Decoded::Unknown(_) => Ok(Found::default()),
        }
    }

    /// The entry in `value`, if it is intact, has the right type, carries the request's tags, and is neither
    /// expired nor evicted.
    fn decode(
        &self,
        request: &Request,
        codec: Coder,
        ticket: &Ticket,
        value: &Arrived,
        known: Known<'_>,
    ) -> Decoded {
        let bytes = &value.read.value[..];
        // A value that is too long was cut, so its mark is missing.
        let is_whole = bytes.len() <= self.wire.most();
        let mark = bytes.last_chunk::<VERSION_LEN>().copied().filter(|_| is_whole);
        let unmarked = mark.is_none();
        let nothing = Found { mark, unmarked, ..Found::default() };
        let place = (self.namespace.as_str(), request.key.as_str());
        let opened = match self.wire.open(codec, place, bytes) {
            Ok(opened) => opened,
            Err(foreign) => {
                self.misread(request, foreign);
                return Decoded::Done(nothing);
            }
        };
        let envelope = &opened.envelope;
        let names: Vec<&str> = envelope.tags.iter().map(|(name, _)| name.as_str()).collect();
        let Known { tags, space, before } = known;
        let same = before.is_none() && names == tags;
        let stamps = before.unwrap_or_else(|| self.generations.stamp(names.iter().copied()));
        if !self.generations.unmoved(&ticket.stamps) {
            return Decoded::Done(nothing);
        }
        if !names.iter().all(|name| tags.contains(name)) {
            return Decoded::Unknown(names.into_iter().map(str::to_owned).collect());
        }
        let stamps = stamps_of(stamps, envelope, ticket, same);
        let Some(life) = self.life_of(envelope, value) else { return Decoded::Done(nothing) };
        let read = self.clock.now();
        let (life, stamps) = match self.generations.since_outdated(&stamps) {
            Some(since) => (life.outdated(read), since),
            None if envelope.space == space && self.generations.current(&stamps) => (life, stamps),
            None => return Decoded::Done(nothing),
        };
        let usable = read < life.keep_until
            && request.declared().are_carried_by(&stamps)
            && !scope::hides(self, request, &stamps);
        if !usable {
            return Decoded::Done(nothing);
        }
        let life = life.confirmed_for(self.memory_ttl(&request.policy), read);
        let (key, counts_reads) = (request.key.text(), request.policy.refresh_every.is_some());
        let frame = EntryHeader { life, stamps, key, read, counts_reads };
        let entry = opened.decode(frame);
        match &entry {
            Some(entry) => self.learn_weight(entry.any().type_id(), request),
            None => self.misread(request, Foreign::Damaged),
        }
        Decoded::Done(Found { entry, mark, unmarked, leased: None })
    }

    /// Reports that memory has a value of the type `found` where another type was requested.
    #[cold]
    pub(super) fn mistyped(&self, request: &Request, found: &'static str) {
        self.counters.of(request.site).mistyped();
        if let Some(site) = request.site {
            tell_types(site, Some(found));
        }
    }

    #[cold]
    fn misread(&self, request: &Request, foreign: Foreign) {
        let tally = self.counters.of(request.site);
        tally.foreign();
        if foreign == Foreign::Schema {
            tally.schema_misses();
            if let Some(site) = request.site {
                tell_types(site, None);
            }
        }
        let (cache, key) = (&*self.signals.cache, request.key.as_str());
        tracing::debug!(
            target: "larder::remote",
            cache,
            key,
            ?foreign,
            "larder: bytes in the remote tier are not a value of this type"
        );
    }

    /// The envelope's times in this process's time; `None` if they have ended. The time since the write is
    /// the part of the store's time to live that has passed. A clock is only used if the writer had the same
    /// one, because clocks of two machines may differ by any amount. The memory tier gets the time that
    /// remains in the remote tier.
    pub(crate) fn life_of(&self, envelope: &codec::Envelope, value: &Arrived) -> Option<Lifetime> {
        let Arrived { read, asked } = value;
        let passed = match read.left {
            Some(left) => envelope.stored_for.saturating_sub(millis(left)),
            // Another client has removed the expiry, so the age is unknown.
            None if envelope.keep_for != u64::MAX => return None,
            None => 0,
        };
        let own = self.clock.id() == envelope.clock;
        let since = || asked.since(Timestamp(envelope.written)).unwrap_or_default();
        let passed = if own { passed.max(millis(since())) } else { passed };
        let end = |span: u64| match span {
            u64::MAX => Timestamp::NEVER,
            span => asked.after(Duration::from_millis(span.saturating_sub(passed))),
        };
        let age = envelope.age.saturating_add(passed);
        let fresh_until = end(envelope.fresh_for);
        let life = Lifetime {
            confirmed_until: fresh_until,
            created: asked.before(Duration::from_millis(age)),
            fresh_until,
            stale_until: end(envelope.stale_for),
            keep_until: end(envelope.keep_for),
            idle: Duration::from_millis(envelope.idle).into(),
            cost: Duration::from_millis(envelope.cost).into(),
        };
        // The remote tier does not record reads, so a time to idle runs from the write.
        let is_idle = envelope.idle > 0 && age >= envelope.idle;
        (!is_idle && self.clock.now() < life.keep_until).then_some(life)
    }

    /// The reverse: the entry's times as spans from now.
    pub(crate) fn envelope(&self, life: &Lifetime, stamps: &TagSnapshot) -> codec::Envelope {
        let now = self.clock.now();
        let left = |end: Timestamp| end.since(now).map_or(u64::MAX, millis);
        codec::Envelope {
            clock: self.clock.id(),
            written: now.0,
            age: millis(now.since(life.created).unwrap_or_default()),
            fresh_for: left(life.fresh_until),
            stale_for: left(life.stale_until),
            keep_for: left(life.keep_until),
            stored_for: millis(self.remote_ttl(life)),
            idle: millis(life.idle.get()),
            cost: millis(life.cost.get()),
            space: stamps.space,
            tags: stamps.tags.iter().map(|(tag, seen)| (tag.name.to_string(), *seen)).collect(),
        }
    }
}

/// The generations under which a remote entry was stored, as part of this process's `stamps`.
fn stamps_of(
    mut stamps: TagSnapshot,
    envelope: &codec::Envelope,
    ticket: &Ticket,
    same_tags: bool,
) -> TagSnapshot {
    stamps.as_of(&ticket.stamps, same_tags);
    let written = envelope.tags.iter().map(|(_, written)| *written);
    stamps.see(envelope.space, written);
    stamps
}

/// The action for an entry.
enum RefreshDecision {
    Nothing,
    Refresh,
    Load,
}

/// Puts a remote entry into the memory tier, through the ticket that was issued before the remote tier was
/// asked: an eviction since then wins. Does nothing for a request that does not fill memory.
pub(crate) fn promote(engine: &Engine, ticket: &Ticket, entry: &Stored, request: &Request) {
    if !request.uses_memory() || request.is_read_only() {
        return;
    }
    if let Some(held) = engine.memory.as_ref().and_then(|memory| memory.get(KeyId::of(&entry.key)))
        && engine.generations.current(&held.stamps)
        && held.at(engine.clock.now()) != Freshness::Expired
    {
        if held.created > entry.created.after(TOLERANCE) {
            // A newer one, which is being written to the remote tier, or never goes there.
            return;
        }
        entry.rest_as(&held);
    }
    if !ticket.fill(engine.memory.as_ref(), entry) {
        engine.fenced(request.site, &entry.key);
    }
}
