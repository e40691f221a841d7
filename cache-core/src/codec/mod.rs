//! Encoding and decoding of values.
//!
//! | file | content |
//! | --- | --- |
//! | `wire` | the whole way: encoding, compression, seal |
//! | `format` | the codecs |
//! | `check`, `compare` | values that a codec would write wrongly without an error |
//! | `bounded`, `stack` | decoding that trusts neither lengths nor depth |
//! | `schema` | what distinguishes one type's bytes from another's |
//! | `forge` | values as an attacker makes them, for tests |
//! | `heap` | an estimate of a value's heap memory |
//! | `compression`, `seal`, `keys` | smaller values; intact values in their place; encryption |

mod bounded;
mod check;
mod compare;
mod compression;
mod envelope;
#[cfg(feature = "testing")]
mod forge;
mod format;
mod heap;
#[cfg(feature = "encryption")]
mod keys;
mod schema;
mod seal;
mod stack;
mod wire;

pub use compression::Compression;
pub(crate) use envelope::{Envelope, WrittenAs};
#[cfg(feature = "testing")]
pub use forge::Forged;
pub use format::Codec;
#[cfg(feature = "encryption")]
pub use keys::EncryptionKeys;
#[cfg(feature = "encryption")]
pub(crate) use seal::Seal;
pub(crate) use wire::{Foreign, Wire};

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use smol_str::SmolStr;

use crate::base::{CacheValue, Shape, Timestamp};
use crate::entry::{Entry, Lifetime, Marks, Stored};
use crate::tags::TagSnapshot;

/// Encodes and decodes one type, with the type erased: the engine that uses it is compiled once.
#[derive(Clone, Copy)]
pub struct Coder(&'static Table);

/// The bytes, and the codec that wrote them.
type Encoded = (Codec, Vec<u8>);

struct Table {
    encode: fn(&dyn Any, Codec) -> Result<Encoded, String>,
    decode: fn(&[u8], Codec, EntryHeader) -> Option<Stored>,
    fingerprint: fn(Codec) -> u64,
    heap: fn(&dyn Any) -> u64,
}

impl Coder {
    /// The estimated heap memory of the value; 0 for a value of another type.
    pub(crate) fn heap(self, value: &dyn Any) -> u64 {
        (self.0.heap)(value)
    }
}

impl std::fmt::Debug for Coder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Coder")
    }
}

/// An entry without its value.
pub(crate) struct EntryHeader {
    pub(crate) life: Lifetime,
    pub(crate) stamps: TagSnapshot,
    pub(crate) key: SmolStr,
    /// When the entry was read from the store.
    pub(crate) read: Timestamp,
}

impl EntryHeader {
    pub(crate) fn around<V: CacheValue>(self, value: V) -> Stored {
        let Self { life, stamps, key, read } = self;
        let entry = Entry { life, marks: Marks::new(&life), stamps, key, value };
        entry.touch(read);
        Arc::new(entry)
    }
}

/// A value that the remote tier can store.
///
/// A stored value names its type's schema, as serde sees it: names and order of fields, their types, the
/// variants of enums, recursively. An entry that was written before a release changed any of these is a
/// counted miss ([`Stats::foreign`](crate::Stats)), never a wrong value. The type needs no code for this:
/// larder runs its `Deserialize` over made-up values, once per process, when the first value of the type goes
/// to or comes from the remote tier. So a hand-written `Deserialize` is called with values that were never
/// stored; its errors are harmless, and so are its panics (if panics unwind).
///
/// larder does not notice what serde does not see: a field that keeps name and type but changes its meaning
/// or its unit, or a change in `serialize_with` alone. Write `version = N` in the attribute when you make
/// such a change.
///
/// If a field's type refuses all made-up values (an id with a prefix, for example), the struct's other fields
/// are still part of the schema. The parts after such a type in a tuple, and the values behind such a key in
/// a map, are not. Values of such a type are written by a codec with names ([`Codec::MessagePack`]), which is
/// reported once: so a changed order of fields or variants is harmless. The order of a tuple still needs
/// `version = N`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't go to a remote tier: it needs `serde::Serialize` and `serde::Deserialize`",
    label = "needs serde",
    note = "derive both, or write `#[cached(local)]` to keep the value in the memory tier",
    note = "an `Arc` has them with serde's feature `rc`; what is secret on purpose, such as `SecretString`, has no `Serialize` and stays in \
            memory with `local`"
)]
pub trait RemoteValue: CacheValue + Serialize + DeserializeOwned {}
impl<T: CacheValue + Serialize + DeserializeOwned> RemoteValue for T {}

/// The coder of a function's value. (The bound is on the value itself, so that rustc prints the message of
/// [`RemoteValue`] if serde is missing.)
pub fn remote<S>(_: S) -> Option<Coder>
where
    S: Shape,
    S::Value: RemoteValue,
{
    Some(coder::<S::Value>())
}

/// No coder: the value stays in the memory tier.
pub fn local() -> Option<Coder> {
    None
}

pub(crate) fn coder<V: RemoteValue>() -> Coder {
    Coder(
        const {
            &Table {
                encode: encode::<V>,
                decode: decode::<V>,
                fingerprint: |codec| schema::of::<V>(codec).fingerprint,
                heap: |value| value.downcast_ref::<V>().map_or(0, heap::of),
            }
        },
    )
}

/// Whether every value is read back before it is stored: in debug builds, and with the test kit.
const READS_BACK: bool = cfg!(debug_assertions) || cfg!(feature = "testing");

/// Encodes a value with the `preferred` codec, or with another one that can represent it.
fn encode<V: RemoteValue>(value: &dyn Any, preferred: Codec) -> Result<Encoded, String> {
    let value = value.downcast_ref::<V>().ok_or("the value is of another type")?;
    let mut refusals = Vec::new();
    for codec in preferred.and_others() {
        match codec.encode(value, READS_BACK) {
            Ok(bytes) => {
                if let Some((_, why)) = refusals.first() {
                    schema::falls_back::<V>(preferred, why, codec);
                }
                return Ok((codec, bytes));
            }
            Err(refused) => refusals.push((codec, refused)),
        }
    }
    schema::refused::<V>(preferred, &refusals);
    let reasons = refusals.iter().map(|(codec, refused)| format!("{codec:?}: {refused}"));
    let reasons: Vec<String> = reasons.collect();
    Err(format!(
        "no codec can represent it ({}); change the type, or use `#[cached(local)]`",
        reasons.join("; ")
    ))
}

/// Encodes and decodes a value; returns the result and the codec.
#[cfg(feature = "testing")]
pub fn round_trip<V: RemoteValue>(
    value: &V,
    preferred: Codec,
) -> Result<(Codec, Option<V>), String> {
    let (codec, bytes) = encode::<V>(value, preferred)?;
    Ok((codec, codec.decode(&bytes)))
}

/// A `Deserialize` that panics over odd bytes counts as one that fails.
fn decode<V: RemoteValue>(payload: &[u8], codec: Codec, frame: EntryHeader) -> Option<Stored> {
    let decoded = catch_unwind(AssertUnwindSafe(|| codec.decode::<V>(payload)));
    let Ok(Some(value)) = decoded else {
        schema::misread::<V>(codec);
        return None;
    };
    Some(frame.around(value))
}
