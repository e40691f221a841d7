//! A key's identity in memory.

use std::sync::OnceLock;

use siphasher::sip128::SipHasher13;

/// The keyed 128-bit hash of a key's text.
///
/// A lookup by hash alone avoids comparing with a stored string, and so avoids a CPU cache miss. SipHash has
/// a secret key of this process: a user who chooses keys cannot find two with one identity, and a random
/// collision takes about 2^64 keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct KeyId(pub(crate) u128);

impl KeyId {
    #[inline]
    pub(crate) fn of(text: &str) -> Self {
        Self::of_bytes(text.as_bytes())
    }

    #[inline]
    pub(crate) fn of_bytes(text: &[u8]) -> Self {
        static SECRET: OnceLock<(u64, u64)> = OnceLock::new();
        let (a, b) = *SECRET.get_or_init(|| (random(), random()));
        Self(SipHasher13::new_with_keys(a, b).hash(text).as_u128())
    }

    /// The half for maps and shards.
    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn low(self) -> u64 {
        self.0 as u64
    }
}

/// A random number from the standard library's seed, which comes from the operating system.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::thread::current().id())
}
