//! For fuzzing: decodes and encodes stored bytes without a cache.

use crate::codec::{Codec, RemoteValue, Wire, encoded};

pub use crate::codec::Forged;

/// Reads `bytes` as a cache does, from a place (namespace and key).
pub fn read<T: RemoteValue>(place: (&str, &str), bytes: &[u8]) -> Option<T> {
    Wire::default().read::<T>(place, bytes)
}

/// Makes a stored value with any payload, as an attacker does who knows the format: the header and the
/// checksum are right.
pub fn forge<T: RemoteValue>(place: (&str, &str), forged: &Forged<'_>) -> Vec<u8> {
    Wire::default().forge::<T>(place, forged).unwrap_or_default()
}

/// Wraps any content in the format's beginning and the right checksum.
pub fn resum(place: (&str, &str), contents: &[u8]) -> Vec<u8> {
    Wire::default().resum(place, contents).unwrap_or_default()
}

/// Encodes a value with `codec`. As in a release build, it is read back only if in doubt.
///
/// # Errors
/// If the codec cannot represent the value.
pub fn encode<T: RemoteValue>(codec: Codec, value: &T) -> Result<Vec<u8>, String> {
    encoded(codec, value)
}
