//! For fuzzing: what bytes of a remote tier meet, without a cache around it.

use crate::codec::{Codec, RemoteValue, Wire};

pub use crate::codec::Forged;

/// Reads `bytes` as a cache does that finds them at a place: namespace and key.
pub fn read<T: RemoteValue>(place: (&str, &str), bytes: &[u8]) -> Option<T> {
    Wire::default().read::<T>(place, bytes)
}

/// A stored value with any payload, as somebody makes it who knows the format: header and sum are right.
pub fn forge<T: RemoteValue>(place: (&str, &str), forged: &Forged<'_>) -> Vec<u8> {
    Wire::default().forge::<T>(place, forged).unwrap_or_default()
}

/// Any contents, with the format's beginning and the right sum around them.
pub fn resum(place: (&str, &str), contents: &[u8]) -> Vec<u8> {
    Wire::default().resum(place, contents).unwrap_or_default()
}

/// The bytes of a value, as `codec` writes them. As in a release build, they are read back in doubt only.
///
/// # Errors
/// The codec can't carry the value.
pub fn encode<T: RemoteValue>(codec: Codec, value: &T) -> Result<Vec<u8>, String> {
    codec.encode(value, false).map_err(|refused| refused.to_string())
}
