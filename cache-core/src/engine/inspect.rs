//! Describes the entry of a key as each tier has it, without side effects.

use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::handle::Engine;
use super::life::is_value;
use crate::backend::GENERATION_TTL;
use crate::base::{BackendError, Expiry, Timestamp, millis};
use crate::codec::{Envelope, WrittenAs};
use crate::entry::{Freshness, Lifetime, Span, Stored};
use crate::key::EntryKey;
use crate::remote::Remote;
use crate::stats::LastError;
use crate::tags::{TagSnapshot, Validity};

/// The entry of a key, as each tier has it; returned by [`Cache::inspect`](crate::Cache::inspect).
///
/// Plain data, for operators' pages and logs (serde: spans as milliseconds, `null` without an end). It does
/// not contain the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// The key in the cache, as [`Cache::keys`](crate::Cache::keys) lists it; for a tenant's handle with the
    /// tenant's prefix.
    pub key: String,
    /// The entry of the memory tier.
    pub memory: Option<EntryInfo>,
    /// The entry of the remote tier.
    pub remote: Option<EntryInfo>,
    /// The error, if the remote tier could not be asked.
    pub error: Option<String>,
}

/// The entry of one tier, as part of an [`Inspection`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EntryInfo {
    /// What the entry may be used for.
    pub state: EntryState,
    /// The time since the value was loaded or stored.
    #[serde(rename = "age_ms", serialize_with = "span")]
    pub age: Duration,
    /// The time until the entry is not fresh any more (zero if it is not fresh); with a time to idle, if no
    /// read comes before.
    #[serde(rename = "fresh_for_ms", serialize_with = "left")]
    pub fresh_for: Expiry,
    /// The time until no one gets the value any more, not even as a stale value or instead of a failed load.
    #[serde(rename = "kept_for_ms", serialize_with = "left")]
    pub kept_for: Expiry,
    /// The duration of the load; zero for a value that was stored by hand.
    #[serde(rename = "load_time_ms", serialize_with = "span")]
    pub load_time: Duration,
    /// In memory: the memory that the entry uses, in bytes (see
    /// [`Cache::memory_usage`](crate::Cache::memory_usage)). In the remote tier: the bytes that are stored.
    pub bytes: u64,
    /// The tags that the entry carries.
    pub tags: Vec<String>,
    /// In memory: whether the entry is an error that `err_ttl` keeps, and not a value.
    pub is_error: bool,
    /// In memory: the type of the value.
    pub type_name: Option<String>,
    /// In the remote tier: how the bytes are written.
    pub encoding: Option<EncodingInfo>,
}

/// What an entry may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryState {
    /// Reads return it.
    Fresh,
    /// The policy's stale window: reads return it, and it is refreshed in the background.
    Stale,
    /// It replaces a failed or late load, and is not returned otherwise.
    Fallback,
    /// In memory: like `Fresh`, but evictions by other processes may have been missed, so the next read asks the
    /// remote tier.
    Unverified,
    /// No one gets it: its time is over.
    Expired,
    /// No one gets it: one of its tags was evicted, or the cache was cleared.
    Evicted,
    /// The bytes in the remote tier are damaged, were written by another program or for another key, or are
    /// encrypted with a key that this cache does not have.
    Unreadable,
}

/// How the bytes of an entry in the remote tier are written, as part of an [`EntryInfo`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EncodingInfo {
    /// The codec: `postcard`, `json`, `messagepack`, or `own format` ([`ValueCodec`](crate::ValueCodec)).
    pub codec: String,
    /// The compression: `none`, `lz4`, `zstd`.
    pub compression: String,
    /// Whether the bytes are encrypted.
    pub encrypted: bool,
    /// The size of the value before compression and encryption, in bytes.
    pub value_bytes: u64,
    /// The fingerprint of the value's type as serde sees it, 16 hexadecimal digits. Types with another
    /// fingerprint cannot read the entry.
    pub schema: String,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn span<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    millis(*span).serialize(to)
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn left<S: Serializer>(expiry: &Expiry, to: S) -> Result<S::Ok, S::Error> {
    expiry.left().map(millis).serialize(to)
}

impl Engine {
    /// Describes what the tiers have under a key. Counts nothing, promotes nothing, and does not renew a time
    /// to idle.
    pub(crate) async fn inspect(self: &Arc<Self>, key: &EntryKey) -> Inspection {
        let there = match self.remote.as_ref().filter(|_| !key.is_here()) {
            Some(remote) => self.entry_there(remote, key.as_str()).await,
            None => Ok(None),
        };
        let (remote, error) = match there {
            Ok(entry) => (entry, None),
            Err(error) => (None, Some(LastError::of(&error).1)),
        };
        // After the remote tier, so that a value that is promoted meanwhile shows in one of them at least.
        let memory = self.memory.as_ref();
        let memory = memory.and_then(|memory| {
            let entry = memory.peek(key.id())?;
            Some(self.entry_here(memory.measure(&entry), &entry))
        });
        Inspection { key: key.as_str().to_owned(), memory, remote, error }
    }

    fn entry_here(&self, bytes: u64, entry: &Stored) -> EntryInfo {
        let now = self.clock.now();
        let state = match (self.generations.check(&entry.stamps), entry.at(now)) {
            (Validity::Evicted, _) => EntryState::Evicted,
            (Validity::Unverified, Freshness::Fresh)
            | (Validity::Valid | Validity::Unverified, Freshness::Unconfirmed) => {
                EntryState::Unverified
            }
            (_, freshness) => freshness.into(),
        };
        let ends = (entry.fresh_until(), entry.expiry());
        EntryInfo {
            tags: names(&entry.stamps),
            is_error: !is_value(entry),
            type_name: is_value(entry).then(|| entry.kind().name.to_owned()),
            ..EntryInfo::new(state, &entry.life(), ends, (now, bytes))
        }
    }

    async fn entry_there(
        self: &Arc<Self>,
        remote: &Arc<Remote>,
        key: &str,
    ) -> Result<Option<EntryInfo>, BackendError> {
        let found = remote.read(key, &[], GENERATION_TTL, &self.generations).await?;
        let Some(value) = found.value else { return Ok(None) };
        let bytes = &value.read.value;
        let size = bytes.len() as u64;
        let Some((written, envelope)) = self.wire.describe((&self.namespace, key), bytes) else {
            return Ok(Some(EntryInfo::unreadable(size)));
        };
        let tags: Vec<&str> = envelope.tags.iter().map(|(name, _)| name.as_str()).collect();
        let current = match tags.is_empty() {
            true => Vec::new(),
            false => remote.learn(&tags, GENERATION_TTL, &self.generations).await?.tags,
        };
        let is_current = envelope.space == found.space
            && envelope.tags.iter().map(|(_, seen)| *seen).eq(current);
        let now = self.clock.now();
        let life = self.life_of(&envelope, &value);
        let state = match &life {
            _ if !is_current => EntryState::Evicted,
            Some(life) => life.at(now).into(),
            None => EntryState::Expired,
        };
        let life = life.unwrap_or_else(|| expired(&envelope, now));
        let ends = (life.fresh_unless_read(), life.keep_until);
        Ok(Some(EntryInfo {
            tags: tags.into_iter().map(str::to_owned).collect(),
            encoding: Some(EncodingInfo::new(written, self.wire.seal.encrypts())),
            ..EntryInfo::new(state, &life, ends, (now, size))
        }))
    }
}

/// The life of a value that has ended, or whose age is unknown.
fn expired(envelope: &Envelope, now: Timestamp) -> Lifetime {
    Lifetime {
        created: now.before(Duration::from_millis(envelope.age)),
        confirmed_until: now,
        fresh_until: now,
        stale_until: now,
        keep_until: now,
        idle: Span::default(),
        cost: Duration::from_millis(envelope.cost).into(),
    }
}

fn names(stamps: &TagSnapshot) -> Vec<String> {
    stamps.tags.iter().map(|(tag, _)| tag.name.to_string()).collect()
}

#[doc(hidden)]
impl From<Freshness> for EntryState {
    fn from(freshness: Freshness) -> Self {
        match freshness {
            Freshness::Fresh | Freshness::Unconfirmed => Self::Fresh,
            Freshness::Stale => Self::Stale,
            Freshness::Kept => Self::Fallback,
            Freshness::Expired => Self::Expired,
        }
    }
}

impl EntryInfo {
    fn new(
        state: EntryState,
        life: &Lifetime,
        (fresh_until, keep_until): (Timestamp, Timestamp),
        (now, bytes): (Timestamp, u64),
    ) -> Self {
        let is_over = matches!(state, EntryState::Evicted | EntryState::Expired);
        let left = |until| if is_over { NOTHING } else { Expiry::of(until, now) };
        Self {
            state,
            age: now.since(life.created).unwrap_or_default(),
            fresh_for: left(fresh_until),
            kept_for: left(keep_until),
            load_time: life.cost.get(),
            bytes,
            tags: Vec::new(),
            is_error: false,
            type_name: None,
            encoding: None,
        }
    }

    fn unreadable(bytes: u64) -> Self {
        Self {
            state: EntryState::Unreadable,
            age: Duration::ZERO,
            fresh_for: NOTHING,
            kept_for: NOTHING,
            load_time: Duration::ZERO,
            bytes,
            tags: Vec::new(),
            is_error: false,
            type_name: None,
            encoding: None,
        }
    }
}

const NOTHING: Expiry = Expiry::In(Duration::ZERO);

impl EncodingInfo {
    fn new(written: WrittenAs, encrypted: bool) -> Self {
        let WrittenAs { codec, compression, value_bytes, fingerprint } = written;
        let schema = format!("{fingerprint:016x}");
        Self { codec, compression, encrypted, value_bytes, schema }
    }
}
