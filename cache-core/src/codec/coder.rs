//! The type of a value, erased: what else happens to values on their way is compiled once for all types.
//!
//! A type contributes only what runs its `Serialize` and its `Deserialize`, once for each format. (`erased-serde` would compile
//! that once, too, but reads lists ten to fifty times as slowly.)

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::bounded::Limits;
use super::check::{Carried, Refused};
use super::format::Codec;
use super::schema::{Schema, Shapes, Source};
use super::{RemoteValue, check, heap, schema};
use crate::entry::{EntryHeader, Stored, Value};

/// Encodes and decodes one type.
#[derive(Clone, Copy)]
pub struct Coder(&'static Table);

/// The bytes, and the codec that wrote them.
type Encoded = (Codec, Vec<u8>);

type Read = fn(&[u8], Codec, &Limits) -> Option<Box<dyn Value>>;

struct Table {
    source: Source,
    carries: fn(&dyn Any, Codec, &Shapes) -> Result<Carried, Refused>,
    write: fn(&dyn Any, Codec) -> Result<Vec<u8>, Refused>,
    read: Read,
    heap: fn(&dyn Any) -> u64,
}

/// The coder of a type.
pub(crate) fn coder<V: RemoteValue>() -> Coder {
    Coder(
        const {
            &Table {
                source: Source::of::<V>(),
                carries: |value, codec, shapes| check::carries(codec, shapes, of_type::<V>(value)?),
                write: |value, codec| codec.write(of_type::<V>(value)?),
                read: |bytes, codec, limits| {
                    let value = codec.read::<V>(bytes, limits)?;
                    Some(Box::new(value))
                },
                heap: |value| value.downcast_ref::<V>().map_or(0, heap::of),
            }
        },
    )
}

fn of_type<V: 'static>(value: &dyn Any) -> Result<&V, Refused> {
    value.downcast_ref().ok_or_else(|| Refused::new("the value is of another type"))
}

impl std::fmt::Debug for Coder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Coder")
    }
}

/// Whether every value is read back before it is stored: in debug builds, and with the test kit.
const READS_BACK: bool = cfg!(debug_assertions) || cfg!(feature = "testing");

impl Coder {
    /// The estimated heap memory of the value; 0 for a value of another type.
    pub(crate) fn heap(self, value: &dyn Any) -> u64 {
        (self.0.heap)(value)
    }

    /// Identifies the type's schema.
    pub(super) fn fingerprint(self, codec: Codec) -> u64 {
        self.schema(codec).fingerprint
    }

    pub(super) fn schema(self, codec: Codec) -> Schema {
        schema::of(&self.0.source, codec)
    }

    pub(super) fn carries(
        self,
        value: &dyn Any,
        codec: Codec,
        shapes: &Shapes,
    ) -> Result<Carried, Refused> {
        (self.0.carries)(value, codec, shapes)
    }

    pub(super) fn write(self, value: &dyn Any, codec: Codec) -> Result<Vec<u8>, Refused> {
        (self.0.write)(value, codec)
    }

    pub(super) fn read_within(
        self,
        bytes: &[u8],
        codec: Codec,
        limits: &Limits,
    ) -> Option<Box<dyn Value>> {
        (self.0.read)(bytes, codec, limits)
    }

    /// Encodes a value with the `preferred` codec, or with another one that can represent it.
    pub(super) fn encode(self, value: &dyn Any, preferred: Codec) -> Result<Encoded, String> {
        let source = &self.0.source;
        let mut refusals = Vec::new();
        for codec in preferred.and_others() {
            match codec.encode(self, value, READS_BACK) {
                Ok(bytes) => {
                    if let Some((_, why)) = refusals.first() {
                        schema::falls_back(source, preferred, why, codec);
                    }
                    return Ok((codec, bytes));
                }
                Err(refused) => refusals.push((codec, refused)),
            }
        }
        schema::refused(source, preferred, &refusals);
        let reasons = refusals.iter().map(|(codec, refused)| format!("{codec:?}: {refused}"));
        let reasons: Vec<String> = reasons.collect();
        Err(format!(
            "no codec can represent it ({}); change the type, or use `#[cached(local)]`",
            reasons.join("; ")
        ))
    }

    /// Decodes an entry; `None` if the payload is no value of the type.
    pub(super) fn decode(
        self,
        payload: &[u8],
        codec: Codec,
        header: EntryHeader,
    ) -> Option<Stored> {
        match self.read(payload, codec) {
            Some(value) => Some(value.moved(header)),
            None => {
                schema::misread(&self.0.source, codec);
                None
            }
        }
    }

    /// Decodes a value of the type `V`.
    #[cfg(feature = "testing")]
    pub(super) fn read_as<V: RemoteValue>(self, payload: &[u8], codec: Codec) -> Option<V> {
        let value: &dyn Any = &*self.read(payload, codec)?;
        value.downcast_ref().cloned()
    }

    /// Decodes a value. A `Deserialize` that panics over odd bytes counts as one that fails.
    pub(super) fn read(self, payload: &[u8], codec: Codec) -> Option<Box<dyn Value>> {
        catch_unwind(AssertUnwindSafe(|| codec.decode(self, payload))).ok().flatten()
    }
}
