//! Encoding and decoding of values.
//!
//! | file | content |
//! | --- | --- |
//! | `wire` | the whole way: encoding, compression, seal |
//! | `coder` | one type, erased: everything else here is compiled once for all types |
//! | `format`, `choice` | the codecs; the codec of one function |
//! | `messagepack` | reads MessagePack |
//! | `own` | formats of users |
//! | `check`, `compare` | values that a codec would write wrongly without an error |
//! | `bounded`, `stack` | decoding that trusts neither lengths nor depth |
//! | `schema` | what distinguishes one type's bytes from another's |
//! | `forge` | values as an attacker makes them, for tests |
//! | `heap` | an estimate of a value's heap memory |
//! | `compression`, `seal`, `keys` | smaller values; intact values in their place; encryption |

mod bounded;
mod check;
mod choice;
mod coder;
mod compare;
mod compression;
mod envelope;
#[cfg(feature = "testing")]
mod forge;
mod format;
mod heap;
#[cfg(feature = "encryption")]
mod keys;
mod messagepack;
mod own;
mod schema;
mod seal;
mod stack;
mod wire;

#[cfg(feature = "json")]
pub use choice::Json;
pub use choice::{MessagePack, Postcard};
#[cfg(feature = "testing")]
use coder::decoded;
#[cfg(feature = "testing")]
pub(crate) use coder::encoded;
pub(crate) use coder::{Coder, coder};
pub use compression::Compression;
pub(crate) use envelope::{Envelope, WrittenAs};
#[cfg(feature = "testing")]
pub use forge::Forged;
pub use format::Codec;
#[cfg(feature = "encryption")]
pub use keys::EncryptionKeys;
pub use own::{CodecError, Optional, ValueCodec};
#[cfg(feature = "encryption")]
pub(crate) use seal::Seal;
pub(crate) use wire::{Foreign, Wire};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::base::{CacheValue, Shape};

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
    note = "derive both, or write `#[cached(local)]` to keep the value in the memory tier, or give the function a format for it (`codec = MyFormat`)",
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

/// Encodes and decodes a value; returns the result and the codec.
#[cfg(feature = "testing")]
pub fn round_trip<V: RemoteValue>(
    value: &V,
    preferred: Codec,
) -> Result<(Codec, Option<V>), String> {
    let encoded = coder::<V>().encode(value, preferred)?;
    let codec = Codec::of_id(encoded.codec).ok_or("the codec has no number")?;
    Ok((codec, decoded(codec, &encoded.bytes)))
}
