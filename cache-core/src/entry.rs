//! A value with its lifetime. Only this module computes freshness, from an entry and the clock.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use smol_str::SmolStr;

use crate::base::{CacheValue, Policy, Timestamp};
use crate::tags::TagSnapshot;

/// The times of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    pub(crate) created: Timestamp,
    /// The memory tier serves the entry until then without asking the remote tier: the end of freshness, or
    /// an earlier one (`memory_ttl`).
    pub(crate) confirmed_until: Timestamp,
    pub(crate) fresh_until: Timestamp,
    /// The entry is served until then while a refresh runs.
    pub(crate) stale_until: Timestamp,
    /// The entry is served until then if the load fails.
    pub(crate) keep_until: Timestamp,
    /// The time to idle: how long the entry stays fresh without a read. Zero: no limit.
    pub(crate) idle: Span,
    /// How long the load took.
    pub(crate) cost: Span,
}

/// A length of time in half the space of a `Duration`: microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span(u64);

impl From<Duration> for Span {
    /// Rounds up: a time to idle below a microsecond is not the absence of one.
    fn from(time: Duration) -> Self {
        Self(time.as_nanos().div_ceil(1_000).try_into().unwrap_or(u64::MAX))
    }
}

impl Span {
    #[inline]
    pub(crate) fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn get(self) -> Duration {
        Duration::from_micros(self.0)
    }
}

impl Lifetime {
    /// A lifetime that begins at `now`, is fresh for `ttl`, and ends with the policy's windows.
    pub(crate) fn new(now: Timestamp, ttl: Option<Duration>, policy: &Policy) -> Self {
        let fresh_until = ttl.map_or(Timestamp::NEVER, |ttl| now.after(ttl));
        Self {
            created: now,
            confirmed_until: fresh_until,
            fresh_until,
            stale_until: fresh_until.after(policy.stale),
            keep_until: fresh_until.after(policy.window()),
            idle: policy.tti.unwrap_or_default().into(),
            cost: Span::default(),
        }
    }

    /// Moves the end of freshness to `fresh_until`. The windows after it keep their lengths.
    pub(crate) fn until(self, fresh_until: Timestamp) -> Self {
        let moved = |end: Timestamp| {
            // An entry that never expires has no windows.
            fresh_until.after(end.since(self.fresh_until).unwrap_or_default())
        };
        let (stale_until, keep_until) = (moved(self.stale_until), moved(self.keep_until));
        let confirmed_until = match self.confirmed_until == self.fresh_until {
            true => fresh_until,
            false => self.confirmed_until.min(fresh_until),
        };
        Self { confirmed_until, fresh_until, stale_until, keep_until, ..self }
    }

    /// Lets the memory tier serve the entry for `ttl` from `now` on, until the remote tier must confirm it.
    pub(crate) fn confirmed_for(self, ttl: Option<Duration>, now: Timestamp) -> Self {
        let end = ttl.map_or(Timestamp::NEVER, |ttl| now.after(ttl));
        Self { confirmed_until: self.fresh_until.min(end), ..self }
    }

    /// Ends freshness and the stale window at `now`. The entry can still replace a failed load, for as long
    /// after `now` as it could have after its end.
    pub(crate) fn outdated(self, now: Timestamp) -> Self {
        let kept = if now < self.fresh_until { self.until(now) } else { self };
        Self { stale_until: kept.stale_until.min(now), ..kept }
    }

    /// The moment from which the entry is not fresh, if no one reads it: the remote tier does not record reads.
    pub(crate) fn fresh_unless_read(&self) -> Timestamp {
        let Self { created, fresh_until, idle, .. } = *self;
        let idle_until = if idle.is_zero() { Timestamp::NEVER } else { created.after(idle.get()) };
        fresh_until.min(idle_until)
    }

    pub(crate) fn at(&self, now: Timestamp) -> Freshness {
        if now < self.confirmed_until {
            Freshness::Fresh
        } else if now < self.fresh_until {
            Freshness::Unconfirmed
        } else if now < self.stale_until {
            Freshness::Stale
        } else if now < self.keep_until {
            Freshness::Kept
        } else {
            Freshness::Expired
        }
    }
}

/// What an entry may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// The entry may be served.
    Fresh,
    /// The entry is fresh, but its time in the memory tier is over: it may be served if the remote tier
    /// cannot be asked.
    Unconfirmed,
    /// The entry may be served while a refresh runs.
    Stale,
    /// The entry may be served if the load fails.
    Kept,
    Expired,
}

/// The times of an entry that differ from the end of its freshness. Most entries have none, so these are kept elsewhere.
#[derive(Debug)]
struct Extra {
    confirmed_until: Timestamp,
    stale_until: Timestamp,
    keep_until: Timestamp,
    idle: Span,
    /// The last read; only kept for entries with a time to idle, and for those that are refreshed while they are in use.
    /// `NEVER` for others.
    read: AtomicU64,
}

impl Extra {
    /// `None` if all times are the end of freshness, and reads are not recorded.
    fn of(life: &Lifetime, read: Timestamp) -> Option<Box<Self>> {
        let Lifetime { confirmed_until, fresh_until, stale_until, keep_until, idle, .. } = *life;
        let same = |other: Timestamp| other == fresh_until;
        let plain = same(confirmed_until) && same(stale_until) && same(keep_until);
        let recorded = read != Timestamp::NEVER || !idle.is_zero();
        (!plain || recorded).then(|| {
            let read = AtomicU64::new(read.0);
            Box::new(Self { confirmed_until, stale_until, keep_until, idle, read })
        })
    }

    fn read(&self) -> Timestamp {
        Timestamp(self.read.load(Ordering::Relaxed))
    }

    /// The moment at which the entry expires.
    fn expiry(&self) -> Timestamp {
        match self.idle.is_zero() {
            true => self.keep_until,
            false => self.keep_until.min(self.read().after(self.idle.get())),
        }
    }
}

/// What the tiers know about an entry besides its value. (Its times never change: a read does not renew a lifetime.)
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) created: Timestamp,
    fresh_until: Timestamp,
    cost: Span,
    extra: Option<Box<Extra>>,
    /// No load is tried until then while the entry can be served.
    rest: AtomicU64,
    /// The generations under which the value was loaded. The entry is valid while they are current.
    pub(crate) stamps: TagSnapshot,
    /// In place up to 23 bytes.
    pub(crate) key: SmolStr,
}

/// An entry: one allocation for the value and its header.
struct Entry<V> {
    header: Header,
    value: V,
}

impl Header {
    fn new(life: &Lifetime, read: Timestamp, stamps: TagSnapshot, key: SmolStr) -> Self {
        let Lifetime { created, fresh_until, cost, .. } = *life;
        let (extra, rest) = (Extra::of(life, read), AtomicU64::new(0));
        Self { created, fresh_until, cost, extra, rest, stamps, key }
    }

    pub(crate) fn life(&self) -> Lifetime {
        let Self { created, fresh_until, cost, .. } = *self;
        let end = (fresh_until, fresh_until, fresh_until, Span::default());
        let (confirmed_until, stale_until, keep_until, idle) = match &self.extra {
            None => end,
            Some(extra) => (extra.confirmed_until, extra.stale_until, extra.keep_until, extra.idle),
        };
        Lifetime { created, confirmed_until, fresh_until, stale_until, keep_until, idle, cost }
    }

    #[inline]
    pub(crate) fn at(&self, now: Timestamp) -> Freshness {
        match &self.extra {
            None if now < self.fresh_until => Freshness::Fresh,
            None => Freshness::Expired,
            Some(extra) if !extra.idle.is_zero() && now >= extra.expiry() => Freshness::Expired,
            Some(_) => self.life().at(now),
        }
    }

    /// The moment from which no caller gets the entry. A read may move it forwards while the entry is in
    /// memory; nothing moves it back.
    pub(crate) fn expiry(&self) -> Timestamp {
        self.extra.as_ref().map_or(self.fresh_until, |extra| extra.expiry())
    }

    /// The moment from which the entry is not fresh, if no read comes before.
    pub(crate) fn fresh_until(&self) -> Timestamp {
        self.fresh_until.min(self.expiry())
    }

    /// The last read, if reads are recorded. Otherwise `NEVER`.
    #[inline]
    pub(crate) fn read(&self) -> Timestamp {
        self.extra.as_ref().map_or(Timestamp::NEVER, |extra| extra.read())
    }

    fn record(&self, read: Timestamp) {
        if let Some(extra) = &self.extra {
            extra.read.store(read.0, Ordering::Relaxed);
        }
    }

    /// Records a read.
    #[inline]
    pub(crate) fn touch(&self, now: Timestamp) {
        let read = self.read();
        // Readers share the cache line, so this stores only when the coarse clock has moved.
        if read != Timestamp::NEVER && read != now {
            self.record(now);
        }
    }

    /// Takes over the last read of `other`: that no one has read this entry yet.
    pub(crate) fn read_as(&self, other: &Self) {
        let read = other.read();
        if self.read() != Timestamp::NEVER && read != Timestamp::NEVER {
            self.record(read);
        }
    }

    /// Records a failed load: no other load is tried before `until` while this entry can be served.
    pub(crate) fn rest_until(&self, until: Timestamp) {
        self.rest.fetch_max(until.0, Ordering::Relaxed);
    }

    /// Copies the pause between loads from `other`.
    pub(crate) fn rest_as(&self, other: &Self) {
        self.rest_until(Timestamp(other.rest.load(Ordering::Relaxed)));
    }

    /// Whether loads pause after a failure.
    pub(crate) fn rests(&self, now: Timestamp) -> bool {
        now.0 < self.rest.load(Ordering::Relaxed)
    }
}

/// An entry without its value.
pub(crate) struct EntryHeader {
    pub(crate) life: Lifetime,
    pub(crate) stamps: TagSnapshot,
    pub(crate) key: SmolStr,
    /// The last read, or the moment at which the entry was read from the store.
    pub(crate) read: Timestamp,
    /// Whether reads are recorded, even without a time to idle.
    pub(crate) counts_reads: bool,
}

impl EntryHeader {
    pub(crate) fn around<V: Value>(self, value: V) -> Stored {
        let Self { life, stamps, key, read, counts_reads } = self;
        let counts = counts_reads || !life.idle.is_zero();
        let read = if counts { read } else { Timestamp::NEVER };
        Arc::new(Entry { header: Header::new(&life, read, stamps, key), value })
    }
}

/// The operations on a value of unknown type.
pub(crate) trait Value: Any + Send + Sync {
    /// Makes an entry with a copy of the value.
    fn copied(&self, header: EntryHeader) -> Stored;
    /// Makes an entry of the value.
    fn moved(self: Box<Self>, header: EntryHeader) -> Stored;
    /// The type's name, if the value may own heap memory.
    fn owner(&self) -> Option<&'static str>;
    /// The type.
    fn value_type(&self) -> ValueType;
}

impl<V: CacheValue> Value for V {
    fn copied(&self, header: EntryHeader) -> Stored {
        header.around(self.clone())
    }

    fn moved(self: Box<Self>, header: EntryHeader) -> Stored {
        header.around(*self)
    }

    fn owner(&self) -> Option<&'static str> {
        std::mem::needs_drop::<V>().then(type_name::<V>)
    }

    fn value_type(&self) -> ValueType {
        ValueType::of::<V>()
    }
}

/// A value for an entry. It is copied if its owner still needs it.
pub(crate) enum Offer<'a> {
    Lent(&'a dyn Value),
    Given(Box<dyn Value>),
}

impl Offer<'_> {
    pub(crate) fn value(&self) -> &dyn Value {
        match self {
            Self::Lent(value) => *value,
            Self::Given(value) => &**value,
        }
    }

    pub(crate) fn under(self, header: EntryHeader) -> Stored {
        match self {
            Self::Lent(value) => value.copied(header),
            Self::Given(value) => value.moved(header),
        }
    }
}

/// The type of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueType {
    pub(crate) id: TypeId,
    /// For messages.
    pub(crate) name: &'static str,
}

impl ValueType {
    pub(crate) fn of<V: 'static>() -> Self {
        Self { id: TypeId::of::<V>(), name: type_name::<V>() }
    }
}

/// An entry without a value, for the tests of the memory tier.
#[cfg(test)]
pub(crate) fn empty_entry(key: &str, life: Lifetime) -> Stored {
    let (stamps, read) = (TagSnapshot::default(), life.created);
    EntryHeader { life, stamps, key: key.into(), read, counts_reads: false }.around(())
}

/// An entry whose value type only its readers know.
pub(crate) trait AnyEntry: Any + Send + Sync {
    fn header(&self) -> &Header;
    fn held(&self) -> &dyn Value;
}

impl<V: Value> AnyEntry for Entry<V> {
    #[inline]
    fn header(&self) -> &Header {
        &self.header
    }

    fn held(&self) -> &dyn Value {
        &self.value
    }
}

pub(crate) type Erased = dyn AnyEntry;

/// An entry as the tiers share it.
pub(crate) type Stored = Arc<Erased>;

impl Deref for Erased {
    type Target = Header;
    #[inline]
    fn deref(&self) -> &Header {
        self.header()
    }
}

impl fmt::Debug for Erased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.header().fmt(f)
    }
}

/// The value of an entry, if it has type `V`. It is moved if no one else has the entry: then it came from the remote
/// tier, and no memory tier keeps it. Otherwise it is cloned.
pub(crate) fn into_value<V: CacheValue>(entry: Stored) -> Option<V> {
    let entry: Arc<dyn Any + Send + Sync> = entry;
    let entry = entry.downcast::<Entry<V>>().ok()?;
    Some(Arc::try_unwrap(entry).map_or_else(|shared| shared.value.clone(), |own| own.value))
}

impl Erased {
    /// The value, if it has type `V`. Two functions that share a key but not a type see each other's entries
    /// as misses.
    #[inline]
    pub(crate) fn value<V: 'static>(&self) -> Option<&V> {
        let entry: &dyn Any = self;
        Some(&entry.downcast_ref::<Entry<V>>()?.value)
    }

    /// The value, to be downcast by a reader that knows the type.
    pub(crate) fn any(&self) -> &dyn Any {
        self.held()
    }

    /// The name of the value's type, if the value may own heap memory.
    pub(crate) fn owner(&self) -> Option<&'static str> {
        self.held().owner()
    }

    /// The value's type.
    pub(crate) fn kind(&self) -> ValueType {
        self.held().value_type()
    }

    /// Whether the value has this type.
    pub(crate) fn is(&self, kind: ValueType) -> bool {
        self.kind().id == kind.id
    }

    /// Copies the entry with another lifetime. Calls the value's `Clone`, so never call this under a lock.
    pub(crate) fn with_life(&self, life: Lifetime) -> Stored {
        self.again(life, self.stamps.clone())
    }

    /// Copies the entry with another lifetime and other generations; as [`with_life`](Self::with_life).
    pub(crate) fn again(&self, life: Lifetime, stamps: TagSnapshot) -> Stored {
        let (key, read) = (self.key.clone(), self.read());
        let counts_reads = read != Timestamp::NEVER;
        self.held().copied(EntryHeader { life, stamps, key, read, counts_reads })
    }
}
