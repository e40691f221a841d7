//! A hasher for keys that contain a hash already: identities of keys and types.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

/// A map whose keys contain a hash.
pub(crate) type PrehashedMap<K, V> = HashMap<K, V, Prehashed>;

/// Uses its input as the hash.
#[derive(Clone, Copy, Default)]
pub(crate) struct Prehashed;

pub(crate) struct Ready(u64);

impl BuildHasher for Prehashed {
    type Hasher = Ready;
    #[inline]
    fn build_hasher(&self) -> Ready {
        Ready(0)
    }
}

impl Hasher for Ready {
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
    #[inline]
    fn write_u64(&mut self, hash: u64) {
        self.0 = self.0.rotate_left(8) ^ hash;
    }
    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    fn write_u128(&mut self, hash: u128) {
        self.write_u64(hash as u64);
    }
    #[inline]
    fn write_u8(&mut self, byte: u8) {
        self.write_u64(u64::from(byte));
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u8(*byte));
    }
}
