//! A hasher for identities, which are hashes already.

use std::hash::{BuildHasher, Hasher};

/// Uses its input as the hash.
#[derive(Clone, Copy, Default)]
pub(crate) struct Identity;

pub(crate) struct Ready(u64);

impl BuildHasher for Identity {
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
        self.0 = hash;
    }
    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
    fn write(&mut self, bytes: &[u8]) {
        // Never called: an identity writes one integer.
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
}
