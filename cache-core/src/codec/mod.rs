//! Values to bytes and back: an envelope around postcard.

mod check;
mod envelope;

use std::any::{Any, type_name};
use std::hash::Hasher;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use envelope::{Envelope, open, seal};

use crate::clock::Timestamp;
use crate::entry::{Entry, Lifetime, Marks, Stored};
use crate::invalidation::Stamps;
use crate::value::{CacheValue, Shape};

/// A value's way to bytes and back, its type erased: the engine behind it is compiled once.
#[derive(Clone, Copy)]
pub struct Codec {
    pub(crate) encode: fn(&(dyn Any + Send + Sync)) -> Result<Vec<u8>, String>,
    pub(crate) decode: fn(&[u8], Frame) -> Option<Stored>,
    pub(crate) fingerprint: fn() -> u64,
}

impl std::fmt::Debug for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Codec(postcard)")
    }
}

/// All of an entry but its value.
pub(crate) struct Frame {
    pub(crate) life: Lifetime,
    pub(crate) stamps: Stamps,
    pub(crate) key: Box<str>,
    /// When it was read.
    pub(crate) read: Timestamp,
}

impl Frame {
    pub(crate) fn around<V: CacheValue>(self, value: V) -> Stored {
        let Self { life, stamps, key, read } = self;
        let entry = Entry { life, marks: Marks::new(&life), stamps, key, value };
        entry.touch(read);
        Arc::new(entry)
    }
}

/// A value that the remote tier can hold.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't go to a remote tier: it needs `serde::Serialize` and `serde::Deserialize`",
    label = "needs serde",
    note = "derive both, or write `#[cached(local)]` to keep the value in the memory tier"
)]
pub trait RemoteValue: CacheValue + Serialize + DeserializeOwned {}
impl<T: CacheValue + Serialize + DeserializeOwned> RemoteValue for T {}

/// The codec of a function's value. (The value itself has the bound, so that rustc says
/// [`RemoteValue`]'s words where it has no serde.)
pub fn remote<S>(_: S) -> Option<Codec>
where
    S: Shape,
    S::Value: RemoteValue,
{
    Some(codec::<S::Value>())
}

/// No codec: the value stays in the memory tier.
pub fn local() -> Option<Codec> {
    None
}

pub(crate) fn codec<V: RemoteValue>() -> Codec {
    Codec { encode: encode::<V>, decode: decode::<V>, fingerprint: fingerprint::<V> }
}

fn encode<V: RemoteValue>(value: &(dyn Any + Send + Sync)) -> Result<Vec<u8>, String> {
    let value = value.downcast_ref::<V>().ok_or("the value is of another type")?;
    check::carries(value).map_err(|refused| refused.to_string())?;
    postcard::to_stdvec(value).map_err(|error| error.to_string())
}

/// Bytes left over mean another type's bytes: postcard itself does not say.
fn decode<V: RemoteValue>(payload: &[u8], frame: Frame) -> Option<Stored> {
    match postcard::take_from_bytes::<V>(payload) {
        Ok((value, [])) => Some(frame.around(value)),
        _ => None,
    }
}

/// Tells types apart by name, size and alignment.
///
/// First form: it sees most changes of a struct (a field more, a field of another size), not those
/// that keep name and size.
fn fingerprint<V: 'static>() -> u64 {
    let mut hasher = siphasher::sip::SipHasher13::new_with_keys(0x6c61_7264_6572, 1);
    hasher.write(type_name::<V>().as_bytes());
    hasher.write_usize(size_of::<V>());
    hasher.write_usize(align_of::<V>());
    hasher.finish()
}
