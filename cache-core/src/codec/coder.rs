//! The type of a value, erased: what else happens to values on their way is compiled once for all types.
//!
//! A type contributes only what runs its `Serialize` and its `Deserialize`, once for each format. (`erased-serde` would compile
//! that once, too, but reads lists ten to fifty times as slowly.) A type with a format of its own contributes that.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::bounded::Limits;
use super::check::{Carried, Refused};
use super::format::Codec;
use super::own::{OWN, Own};
use super::schema::{Schema, Shapes, Source};
use super::wire::Foreign;
use super::{RemoteValue, check, heap, schema};
use crate::entry::{EntryHeader, Stored, Value};

/// Encodes and decodes one type.
#[derive(Clone, Copy)]
pub struct Coder(&'static Way);

/// How the values of a type become bytes.
pub(super) enum Way {
    /// By serde's traits.
    Serde(Serde),
    /// By a format of the user.
    Own(Own),
}

/// An encoded value, with what its readers compare.
pub(super) struct Encoded {
    /// The number of the codec.
    pub(super) codec: u8,
    pub(super) fingerprint: u64,
    pub(super) bytes: Vec<u8>,
}

type Read = fn(&[u8], Codec, &Limits) -> Option<Box<dyn Value>>;

/// A type with serde's traits.
pub(super) struct Serde {
    /// The codec of this function's values; `None`: that of the cache.
    preferred: Option<Codec>,
    source: Source,
    carries: fn(&dyn Any, Codec, &Shapes) -> Result<Carried, Refused>,
    write: fn(&dyn Any, Codec) -> Result<Vec<u8>, Refused>,
    read: Read,
    heap: fn(&dyn Any) -> u64,
}

/// A choice of a codec.
pub(super) trait Preference {
    const CODEC: Option<Codec>;
}

/// The codec of the cache.
enum OfCache {}

impl Preference for OfCache {
    const CODEC: Option<Codec> = None;
}

/// The coder of a type.
pub(crate) fn coder<V: RemoteValue>() -> Coder {
    preferring::<V, OfCache>()
}

/// The coder of a type, with a choice of its codec.
pub(super) fn preferring<V: RemoteValue, P: Preference>() -> Coder {
    Coder(const { &Way::Serde(Serde::of::<V>(P::CODEC)) })
}

/// Encodes a value with one codec. It is read back only if in doubt.
pub(crate) fn encoded<V: RemoteValue>(codec: Codec, value: &V) -> Result<Vec<u8>, String> {
    let serde = const { &Serde::of::<V>(None) };
    codec.encode(serde, value, false).map_err(|refused| refused.to_string())
}

/// Decodes exactly one value.
pub(super) fn decoded<V: RemoteValue>(codec: Codec, bytes: &[u8]) -> Option<V> {
    let value: Box<dyn Any> = coder::<V>().read(bytes, codec.id())?;
    value.downcast().ok().map(|value| *value)
}

pub(super) fn of_type<V: 'static>(value: &dyn Any) -> Result<&V, Refused> {
    value.downcast_ref().ok_or_else(|| Refused::new("the value is of another type"))
}

impl std::fmt::Debug for Coder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Coder")
    }
}

/// Whether every value is read back before it is stored: in debug builds, and with the test kit.
pub(super) const READS_BACK: bool = cfg!(debug_assertions) || cfg!(feature = "testing");

impl Coder {
    pub(super) const fn by(way: &'static Way) -> Self {
        Self(way)
    }

    /// The estimated heap memory of the value: 0 for a value of another type; `None` if nothing can estimate it.
    pub(crate) fn heap(self, value: &dyn Any) -> Option<u64> {
        match self.0 {
            Way::Serde(serde) => Some((serde.heap)(value)),
            Way::Own(_) => None,
        }
    }

    /// Encodes a value by its own format, or with the `preferred` codec, or with another one that can represent it. An encoder
    /// that panics counts as one that fails.
    pub(super) fn encode(self, value: &dyn Any, preferred: Codec) -> Result<Encoded, String> {
        let encode = || match self.0 {
            Way::Serde(serde) => serde.encode(value, preferred),
            Way::Own(own) => own.encode(value),
        };
        catch_unwind(AssertUnwindSafe(encode)).unwrap_or_else(|_| {
            Err(match self.0 {
                Way::Serde(_) => "its `Serialize` panicked".to_owned(),
                Way::Own(own) => own.panicked(),
            })
        })
    }

    /// Checks that bytes with this codec and this fingerprint are values of the type.
    pub(super) fn accepts(self, codec: u8, fingerprint: u64) -> Result<(), Foreign> {
        let own = match self.0 {
            Way::Own(own) if codec == OWN => own.fingerprint(),
            Way::Serde(serde) if codec != OWN => {
                serde.fingerprint(Codec::of_id(codec).ok_or(Foreign::Damaged)?)
            }
            Way::Own(_) | Way::Serde(_) => return Err(Foreign::Schema),
        };
        if own == fingerprint { Ok(()) } else { Err(Foreign::Schema) }
    }

    /// Decodes an entry; `None` if the payload is no value of the type.
    pub(super) fn decode(self, payload: &[u8], codec: u8, header: EntryHeader) -> Option<Stored> {
        match self.read(payload, codec) {
            Some(value) => Some(value.moved(header)),
            None => {
                match self.0 {
                    Way::Serde(serde) => schema::misread(&serde.source, Codec::of_id(codec)?),
                    Way::Own(own) => own.misread(),
                }
                None
            }
        }
    }

    /// Decodes a value. A decoder that panics over odd bytes counts as one that fails.
    fn read(self, payload: &[u8], codec: u8) -> Option<Box<dyn Value>> {
        let read = || match self.0 {
            Way::Serde(serde) => Codec::of_id(codec)?.decode(serde, payload),
            Way::Own(own) => own.read(payload),
        };
        catch_unwind(AssertUnwindSafe(read)).ok().flatten()
    }
}

impl Serde {
    pub(super) const fn of<V: RemoteValue>(preferred: Option<Codec>) -> Self {
        Self {
            preferred,
            source: Source::of::<V>(),
            carries: |value, codec, shapes| check::carries(codec, shapes, of_type::<V>(value)?),
            write: |value, codec| codec.write(of_type::<V>(value)?),
            read: |bytes, codec, limits| {
                let value = codec.read::<V>(bytes, limits)?;
                Some(Box::new(value))
            },
            heap: |value| value.downcast_ref::<V>().map_or(0, heap::of),
        }
    }

    /// Identifies the type's schema.
    pub(super) fn fingerprint(&self, codec: Codec) -> u64 {
        self.schema(codec).fingerprint
    }

    pub(super) fn schema(&self, codec: Codec) -> Schema {
        schema::of(&self.source, codec)
    }

    pub(super) fn carries(
        &self,
        value: &dyn Any,
        codec: Codec,
        shapes: &Shapes,
    ) -> Result<Carried, Refused> {
        (self.carries)(value, codec, shapes)
    }

    pub(super) fn write(&self, value: &dyn Any, codec: Codec) -> Result<Vec<u8>, Refused> {
        (self.write)(value, codec)
    }

    pub(super) fn read_within(
        &self,
        bytes: &[u8],
        codec: Codec,
        limits: &Limits,
    ) -> Option<Box<dyn Value>> {
        (self.read)(bytes, codec, limits)
    }

    fn encode(&self, value: &dyn Any, of_cache: Codec) -> Result<Encoded, String> {
        let (source, preferred) = (&self.source, self.preferred.unwrap_or(of_cache));
        let mut refusals = Vec::new();
        for codec in preferred.and_others() {
            match codec.encode(self, value, READS_BACK) {
                Ok(bytes) => {
                    if let Some((_, why)) = refusals.first() {
                        schema::falls_back(source, preferred, why, codec);
                    }
                    let (codec, fingerprint) = (codec.id(), self.fingerprint(codec));
                    return Ok(Encoded { codec, fingerprint, bytes });
                }
                Err(refused) => refusals.push((codec, refused)),
            }
        }
        schema::refused(source, preferred, &refusals);
        let reasons = refusals.iter().map(|(codec, refused)| format!("{codec:?}: {refused}"));
        let reasons: Vec<String> = reasons.collect();
        Err(format!(
            "no codec can represent it ({}); change the type, give it a format of its own (`codec = MyFormat`), or use \
             `#[cached(local)]`",
            reasons.join("; ")
        ))
    }
}
